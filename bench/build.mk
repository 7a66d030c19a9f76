# SPDX-License-Identifier: Apache-2.0
# Torpor beside its peers: the guests that measure, their hypervisors beside Torpor and Debian's Xen, and the run that
# prints the table.

BENCH_GUESTS := $(addprefix build/bench/,costs.img sleeper.img first.img first-sleep.img)
BENCH_DIRTY  := build/guests/dom0-dirty.img build/guests/dirty.img
BENCH_PEERS  := $(addprefix build/bench/,floor-gic2.elf floor-gic3.elf kvm.gz)

build/bench/obj/%.o: bench/guest/% flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	@$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/bench/costs.elf build/bench/sleeper.elf: build/bench/%.elf: build/bench/obj/%.c.o $(DORMOUSE_NEEDS)
	@$(call DORMOUSE_LINK)

build/bench/obj/first-sleep.S.o: bench/guest/first.S
	@mkdir -p $(@D)
	@$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -DSLEEPS -MMD -MP -c $< -o $@

build/bench/first.elf build/bench/first-sleep.elf: build/bench/%.elf: build/bench/obj/%.S.o dormouse/arch/arm64/image.ld
	@ld.lld --no-undefined -T dormouse/arch/arm64/image.ld -o $@ $<

build/bench/%.img: build/bench/%.elf
	@llvm-objcopy -O binary $< $@

# --- The machine that the guest finds on KVM and on the floor ---

build/bench/gic%.dtb: bench/guest/machine.dts | build/.packages
	@mkdir -p $(@D)
	@clang -E -P -x assembler-with-cpp -DGIC=$* $< | dtc -q -I dts -O dtb -o $@

# --- The floor: one ELF file with the guest in it, which QEMU loads to where its segments say ---

build/bench/obj/floor-gic%.o: bench/floor.S build/bench/costs.img build/bench/gic%.dtb
	@mkdir -p $(@D)
	@clang --target=aarch64-none-elf -Iarch/arm64/include -DGIC=$* -c $< -o $@

build/bench/floor-gic%.elf: build/bench/obj/floor-gic%.o
	@ld.lld --no-undefined -z max-page-size=4096 --section-start=.payload=0x40000000 -Ttext=0x48000000 -o $@ $<

# --- KVM: Debian's kernel with one program in its ramdisk, linked as tools/ is to the C library that the kernel's packages bring ---

kvm-root := build/bench/kvm-root
kvm-libs := lib/ld-linux-aarch64.so.1 lib/aarch64-linux-gnu/libc.so.6

build/bench/kvm: bench/kvm.c build/sysroot/.done tools/build.mk
	@mkdir -p $(@D)
	@clang $(tools-target) $(filter-out -MMD -MP,$(tools-cflags)) -fuse-ld=lld -pie -nostdlib -o $@ \
		$(tools-lib)/Scrt1.o $(tools-lib)/crti.o $< -L$(tools-lib) -lc $(tools-lib)/crtn.o

build/bench/kvm.gz: build/bench/kvm build/bench/costs.img build/bench/gic2.dtb build/bench/gic3.dtb build/debian/kernel/.done images/assemble
	@rm -rf $(kvm-root)
	@install -D build/bench/kvm $(kvm-root)/init
	@cp build/bench/costs.img build/bench/gic2.dtb build/bench/gic3.dtb $(kvm-root)
	@for f in $(kvm-libs); do install -D build/debian/kernel/$$f $(kvm-root)/$$f; done
	@images/assemble ramdisk build/debian/kernel $(kvm-root) $@

# --- Plain Linux, which hibernates beside Torpor ---

build/bench/plain.gz: images/assemble bench/plain/init build/debian/kernel/.done
	@mkdir -p $(@D)
	@images/assemble ramdisk build/debian/kernel bench/plain $@ virtio_mmio virtio_pci virtio_blk

.PRECIOUS: build/bench/%.elf build/bench/%.img build/bench/%.dtb build/bench/obj/%.o
-include $(wildcard build/bench/obj/*.d)

.PHONY: bench
## bench: Torpor beside Debian's Xen 4.17, KVM and the floor, instruction counts and times; kept in build/bench.json
bench: build/torpor build/xen build/firmware-race.bin images $(BENCH_GUESTS) $(BENCH_PEERS)
	@bench/bench

.PHONY: bench-saving
## bench-saving: what saving, migrating and following what a guest writes cost
bench-saving: build/torpor images $(BENCH_DIRTY)
	@bench/bench saving

.PHONY: bench-hibernation
## bench-hibernation: what hibernating the host costs, beside plain Linux and dd, and a jump and back
bench-hibernation: build/torpor images build/guests/dom0-jump.img build/bench/plain.gz
	@bench/bench hibernation

# --- Dormouse beside Linux, on stock Xen for amd64: one program each that does the same ---

BENCH_DORMOUSE := build/bench/x86/kernel build/bench/x86/linux.gz build/dormouse/x86_64/echo

build/bench/x86/kernel.o: bench/guest/kernel.c flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	@$(DORMOUSE_CC) $(X86_CFLAGS) -MMD -MP -c $< -o $@

build/bench/x86/kernel.elf: build/bench/x86/kernel.o build/dormouse/x86_64/libdormouse.a dormouse/arch/x86_64/image.ld
	@$(X86_LINK)

build/bench/x86/kernel: build/bench/x86/kernel.elf
	@llvm-objcopy --strip-all $< $@

build/bench/x86/root/init: bench/linux.c
	@mkdir -p $(@D)
	@clang --target=x86_64-linux-gnu -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector \
		-static -nostdlib -fuse-ld=lld -o $@ $<

# Debian's front ends are modules
build/bench/x86/root/xen-%front.ko: build/debian/x86/kernel/.done
	@mkdir -p $(@D)
	@cp build/debian/x86/kernel/lib/modules/*/kernel/drivers/$(if $(filter net,$*),net,block)/xen-$*front.ko $@

build/bench/x86/linux.gz: $(addprefix build/bench/x86/root/,init xen-blkfront.ko xen-netfront.ko)
	@cd $(<D) && printf '%s\n' $(^F) | cpio --create --format=newc --reproducible --owner=0:0 --quiet | gzip -n -9 > $(abspath $@)

-include build/bench/x86/kernel.d

.PHONY: bench-dormouse
## bench-dormouse: Dormouse beside a stock Linux, as PV guests of the same stock Xen for amd64
bench-dormouse: x86-images $(BENCH_DORMOUSE)
	@bench/bench dormouse

# --- Spinlocks on the build machine ---

build/bench/locks: bench/locks.c arch/arm64/lock.c arch/arm64/include/arch/lock.h
	@mkdir -p $(@D)
	@clang -O2 -Wall -Wextra -Werror -Itests/unit/include -I. -Iarch/arm64/include bench/locks.c arch/arm64/lock.c -lpthread -o $@

.PHONY: bench-locks
## bench-locks: what spinlocks cost where there are more threads than cores
bench-locks: build/bench/locks
	@build/bench/locks 2 5
	@build/bench/locks 8 5
