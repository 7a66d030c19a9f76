# SPDX-License-Identifier: Apache-2.0
# The test guests: one image per source file or directory of them, build/guests/NAME.img, that `xl create` boots as kernel=.
# May be included, or used alone: make -f tests/guests/build.mk guests

ifndef DORMOUSE_CC
include dormouse/build.mk
endif

GUEST_SHARED := tests/guests/tap.c
GUEST_NAMES  := $(filter-out tap,$(basename $(notdir $(wildcard tests/guests/*.c))))
GUEST_IMAGES := $(GUEST_NAMES:%=build/guests/%.img) build/guests/fuzz.img build/guests/dirty.img build/guests/record.img build/guests/ptp
FUZZ_SOURCES := $(wildcard tests/guests/fuzz/*.c tests/guests/fuzz/*.S)
DIRTY_SOURCES := $(wildcard tests/guests/dirty/*.c)
RECORD_SOURCES := $(wildcard tests/guests/record/*.c)
# those that run as dom0
DOM0_SHARED  := clock.o counter.S.o checking.o jumped.S.o
DOM0_IMAGES  := $(patsubst tests/dom0/%.c,build/guests/dom0-%.img,$(filter-out tests/dom0/clock.c tests/dom0/checking.c,$(wildcard tests/dom0/*.c)))

.PHONY: guests
guests: $(GUEST_IMAGES) $(DOM0_IMAGES)

build/guests/obj/%.o: %.c flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/guests/obj/%.S.o: %.S
	@mkdir -p $(@D)
	$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/guests/fuzz.elf: $(patsubst %.S,build/guests/obj/%.S.o,$(patsubst %.c,build/guests/obj/%.o,$(FUZZ_SOURCES))) \
		$(GUEST_SHARED:%.c=build/guests/obj/%.o) $(DORMOUSE_NEEDS)
	$(call DORMOUSE_LINK)

build/guests/dirty.elf: $(DIRTY_SOURCES:%.c=build/guests/obj/%.o) $(DORMOUSE_NEEDS)
	$(call DORMOUSE_LINK)

build/guests/record.elf: $(RECORD_SOURCES:%.c=build/guests/obj/%.o) $(DORMOUSE_NEEDS)
	$(call DORMOUSE_LINK)

build/guests/%.elf: build/guests/obj/tests/guests/%.o $(GUEST_SHARED:%.c=build/guests/obj/%.o) $(DORMOUSE_NEEDS)
	$(call DORMOUSE_LINK)

# Linked for where the tests have QEMU load them (tests/qemu/machine.py: KERNEL_ADDRESS).
build/guests/dom0-%.elf: build/guests/obj/tests/dom0/%.o $(DOM0_SHARED:%=build/guests/obj/tests/dom0/%) \
		$(DORMOUSE_NEEDS)
	$(call DORMOUSE_LINK,--defsym=image_base=0x4c000000)

build/guests/%.img: build/guests/%.elf
	llvm-objcopy -O binary $< $@

# Not a guest, but a program in a Linux one.
build/guests/ptp: tests/guests/linux/ptp.c flags.mk tests/guests/build.mk
	@mkdir -p $(@D)
	clang --target=aarch64-linux-gnu -std=gnu11 -Os -Wall -Wextra -Werror -ffreestanding -fno-asynchronous-unwind-tables -nostdlib -static \
		-fuse-ld=lld -Wl,-s,-z,max-page-size=4096,-z,noseparate-code,--build-id=none -o $@ $<

# Preloaded in dom0: a program of torpor(1) runs out of memory, or is broken off at some place.
PRELOADED := $(patsubst %,build/guests/%.so,starve broken)
build/guests/%.so: tests/guests/linux/%.c build/sysroot/.done tests/guests/build.mk
	@mkdir -p $(@D)
	@clang $(tools-target) -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -mno-outline-atomics -shared -fuse-ld=lld -nostdlib -Wl,-z,defs,--build-id=none \
		-o $@ $< -L$(tools-lib) -lc

# A program of dom0's: a PCI device of its goes to memory.
DEVICE_PROGRAM := build/guests/dma
build/guests/dma: tests/guests/linux/dma.c build/sysroot/.done tests/guests/build.mk
	@mkdir -p $(@D)
	@clang $(tools-target) -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIE -mno-outline-atomics -fuse-ld=lld -pie -nostdlib \
		-Wl,--build-id=none -o $@ $(tools-lib)/Scrt1.o $(tools-lib)/crti.o $< -L$(tools-lib) -lc $(tools-lib)/crtn.o

.PRECIOUS: build/guests/%.elf build/guests/dom0-%.elf build/guests/obj/%.o
-include $(wildcard build/guests/obj/tests/guests/*.d build/guests/obj/tests/guests/fuzz/*.d build/guests/obj/tests/guests/dirty/*.d build/guests/obj/tests/guests/record/*.d build/guests/obj/tests/dom0/*.d)
