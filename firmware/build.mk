# SPDX-License-Identifier: Apache-2.0
# build/firmware.bin: the EL3 firmware for QEMU's virt machine (-bios, secure=on), and its variants that sleep otherwise (sleep.h) or say that
# the CPUs need workarounds (workaround.h).

fw-out     := build/firmware
fw-sources := $(filter-out firmware/sleep.c firmware/workaround.c,$(wildcard firmware/*.c firmware/*.S)) lib/devicetree.c lib/print.c lib/string.c
fw-objects := $(fw-sources:%=$(fw-out)/%.o)

# At an SMC the floating-point registers are the caller's: libfdt, which uses them, runs before. Addresses begin at 0 here.
fw-flags := $(bare-flags) -fno-delete-null-pointer-checks

# The name of a variant's file, and its sleep (enum sleep_variant).
fw-variants := firmware firmware-refuse firmware-race firmware-break-cpu firmware-keep-gic firmware-workaround
fw-sleep-firmware           := SLEEP_PROPER
fw-sleep-firmware-refuse    := SLEEP_REFUSED
fw-sleep-firmware-race      := SLEEP_RACES
fw-sleep-firmware-break-cpu := SLEEP_BREAKS_CPU
fw-sleep-firmware-keep-gic  := SLEEP_KEEPS_GIC
fw-sleep-firmware-workaround := SLEEP_PROPER
fw-workaround-firmware-workaround := WORKAROUND_NEEDED

.PHONY: firmware-variants
## firmware-variants: build/firmware.bin, and the ones that refuse to sleep, are woken at the worst moment, lose a CPU, keep the GIC's state, need workarounds
firmware-variants: $(fw-variants:%=build/%.bin) build/firmware/probe.img

build/%.bin: $(fw-out)/%.elf
	@llvm-objcopy -O binary $< $@
	@echo "built $@ ($$(stat -c %s $@) bytes)"

$(fw-out)/%.elf: $(fw-objects) $(fw-out)/%.sleep.o $(fw-out)/%.workaround.o firmware/firmware.lds
	@ld.lld -T firmware/firmware.lds $(bare-ldflags) --gc-sections --orphan-handling=warn \
		-o $@ $(filter %.o,$^) $(bare-libfdt)

$(fw-out)/%.sleep.o: firmware/sleep.c firmware/build.mk flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	@clang $(fw-flags) $(bare-cflags) -DFIRMWARE_SLEEP=$(fw-sleep-$*) -MMD -MP -c $< -o $@

$(fw-out)/%.workaround.o: firmware/workaround.c firmware/build.mk flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	@clang $(fw-flags) $(bare-cflags) -DFIRMWARE_WORKAROUND=$(or $(fw-workaround-$*),WORKAROUND_NOT_NEEDED) -MMD -MP -c $< -o $@

$(fw-out)/%.c.o: %.c firmware/build.mk flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	@clang $(fw-flags) $(bare-cflags) -MMD -MP -c $< -o $@

$(fw-out)/%.S.o: %.S firmware/build.mk flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	@clang $(fw-flags) -g -D__ASSEMBLY__ -MMD -MP -c $< -o $@

# An Image at EL2 that asks the firmware for everything, for firmware/test/test_firmware.py.
fw-probe-objects := $(patsubst %,$(fw-out)/%.o,firmware/test/probe.c firmware/test/probe.S lib/print.c lib/string.c)

build/firmware/probe.img: $(fw-probe-objects) firmware/test/probe.lds
	@ld.lld -T firmware/test/probe.lds $(bare-ldflags) -o $(@:.img=.elf) $(fw-probe-objects) $(bare-libfdt)
	@llvm-objcopy -O binary $(@:.img=.elf) $@

.PRECIOUS: $(fw-out)/%.elf $(fw-out)/%.sleep.o $(fw-out)/%.workaround.o $(fw-out)/%.c.o $(fw-out)/%.S.o
-include $(wildcard $(fw-out)/*.d $(fw-out)/*/*.d $(fw-out)/*/*/*.d)
