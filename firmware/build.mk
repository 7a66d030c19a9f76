# SPDX-License-Identifier: Apache-2.0
# build/firmware.bin: the EL3 firmware for QEMU's virt machine (-bios, secure=on), and its variants that sleep otherwise (sleep.h).

fw-out     := build/firmware
fw-sources := $(filter-out firmware/sleep.c,$(wildcard firmware/*.c firmware/*.S)) lib/print.c lib/string.c
fw-objects := $(fw-sources:%=$(fw-out)/%.o)
fw-libfdt  := build/sysroot/usr/lib/aarch64-linux-gnu/libfdt.a

# EL3's own code leaves the floating-point registers alone, for at an SMC they are the caller's; libfdt, which does not, runs before.
fw-flags := --target=aarch64-none-elf -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -mstrict-align -ffreestanding \
	-fno-pic -fno-common -fno-delete-null-pointer-checks -fstack-protector-strong -ffunction-sections -fdata-sections \
	-I. -Iarch/arm64/include -Ilib/freestanding -isystem build/hypervisor/include
fw-cflags := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wthread-safety -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wshadow

# The name of a variant's file, and what its sleep is (enum sleep_variant).
fw-variants := firmware firmware-refuse firmware-race firmware-break-cpu firmware-keep-gic
fw-sleep-firmware           := SLEEP_PROPER
fw-sleep-firmware-refuse    := SLEEP_REFUSED
fw-sleep-firmware-race      := SLEEP_RACES
fw-sleep-firmware-break-cpu := SLEEP_BREAKS_CPU
fw-sleep-firmware-keep-gic  := SLEEP_KEEPS_GIC

.PHONY: firmware-variants
## firmware-variants: build/firmware.bin, and the ones that refuse to sleep, are woken at the worst moment, lose a CPU, keep the GIC's state
firmware-variants: $(fw-variants:%=build/%.bin) build/firmware/probe.img

build/%.bin: $(fw-out)/%.elf
	@llvm-objcopy -O binary $< $@
	@echo "built $@ ($$(stat -c %s $@) bytes)"

$(fw-out)/%.elf: $(fw-objects) $(fw-out)/%.sleep.o firmware/firmware.lds
	@ld.lld -T firmware/firmware.lds --gc-sections --orphan-handling=warn -z noexecstack -z max-page-size=4096 --no-undefined \
		-o $@ $(filter %.o,$^) $(fw-libfdt)

$(fw-out)/%.sleep.o: firmware/sleep.c firmware/build.mk | build/hypervisor/include/.done
	@mkdir -p $(@D)
	@clang $(fw-flags) $(fw-cflags) -DFIRMWARE_SLEEP=$(fw-sleep-$*) -MMD -MP -c $< -o $@

$(fw-out)/%.c.o: %.c firmware/build.mk | build/hypervisor/include/.done
	@mkdir -p $(@D)
	@clang $(fw-flags) $(fw-cflags) -MMD -MP -c $< -o $@

$(fw-out)/%.S.o: %.S firmware/build.mk | build/hypervisor/include/.done
	@mkdir -p $(@D)
	@clang $(fw-flags) -g -D__ASSEMBLY__ -MMD -MP -c $< -o $@

# An Image at EL2 that asks the firmware for everything, for firmware/test/test_firmware.py.
fw-probe-objects := $(patsubst %,$(fw-out)/%.o,firmware/test/probe.c firmware/test/probe.S lib/print.c lib/string.c)

build/firmware/probe.img: $(fw-probe-objects) firmware/test/probe.lds
	@ld.lld -T firmware/test/probe.lds -z noexecstack --no-undefined -o $(@:.img=.elf) $(fw-probe-objects) $(fw-libfdt)
	@llvm-objcopy -O binary $(@:.img=.elf) $@

.PRECIOUS: $(fw-out)/%.elf $(fw-out)/%.sleep.o $(fw-out)/%.c.o $(fw-out)/%.S.o
-include $(wildcard $(fw-out)/*.d $(fw-out)/*/*.d $(fw-out)/*/*/*.d)
