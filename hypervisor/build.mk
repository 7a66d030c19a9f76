# SPDX-License-Identifier: Apache-2.0
# build/torpor: the hypervisor as an arm64 Image. Freestanding C11 and assembly, clang and lld, and Debian's libfdt.

hyp-out     := build/hypervisor
hyp-sources := $(wildcard lib/*.c sleep/*.c record/*.c arch/arm64/*.c arch/arm64/*.S hypervisor/*/*.c hypervisor/*/*.S hypervisor/*/*/*.c)
hyp-objects := $(hyp-sources:%=$(hyp-out)/%.o)

hyp-flags := $(bare-flags) -Ihypervisor
# No frame is so large that it would pass over the guard page below a stack. A switch over a number that a guest chose must not become a
# table that is indexed on a guess (docs/architecture.md, "Speculation").
hyp-cflags := $(bare-cflags) -Wframe-larger-than=4000 -fno-jump-tables -D__XEN_TOOLS__ -MMD -MP
hyp-ldflags := $(bare-ldflags) --orphan-handling=warn -T arch/arm64/torpor.lds --gc-sections --build-id=sha1

build/torpor: $(hyp-out)/torpor.elf $(hyp-out)/efi.ok
	@llvm-objcopy -O binary $< $@
	@echo "built $@ ($$(stat -c %s $@) bytes)"

$(hyp-out)/torpor.elf: $(hyp-objects) arch/arm64/torpor.lds
	@ld.lld $(hyp-ldflags) -o $@ $(hyp-objects) $(bare-libfdt)

# UEFI's stub runs where the firmware put it. Of all that is reached from it (but the panic of a stack that overflows, and the start that
# it leads to) nothing may hold an address that the linker has stored.
$(hyp-out)/efi.ok: $(hyp-objects)
	@ld.lld -r --gc-sections -e efi_start -o $(@D)/efi.o \
		$(filter-out %/arch/arm64/head.S.o %/base/panic.c.o,$(hyp-objects)) $(bare-libfdt)
	@! llvm-objdump -r $(@D)/efi.o | sed -n '/^RELOCATION RECORDS FOR \[\.debug/,/^$$/d; /ABS\(64\|32\|16\) /p' | grep . || \
		{ echo "hypervisor/boot/efi reaches code or data with stored addresses (above)" >&2; exit 1; }
	@touch $@

$(hyp-out)/%.c.o: %.c $(bare-include)/.done flags.mk hypervisor/build.mk
	@mkdir -p $(@D)
	@clang $(hyp-flags) $(hyp-cflags) -c $< -o $@

# For XENVER_changeset and XENVER_compile_info: the commit built from, and its date, so that builds repeat.
$(hyp-out)/hypervisor/abi/%.c.o: hyp-cflags += -DTORPOR_CHANGESET='"$(shell git describe --always --dirty 2>/dev/null)"' \
	-DTORPOR_BUILD_DATE='"$(shell git log -1 --format=%cd 2>/dev/null)"'

$(hyp-out)/%.S.o: %.S $(bare-include)/.done flags.mk hypervisor/build.mk
	@mkdir -p $(@D)
	@clang $(hyp-flags) -g -D__ASSEMBLY__ -MMD -MP -c $< -o $@

-include $(hyp-objects:.o=.d)

# What each lock protects (GUARDED_BY), members and all, by a compiler that can check it.
hyp-locks := $(patsubst %,$(hyp-out)/locks/%.ok,$(filter %.c,$(hyp-sources)))

.PHONY: locks
## locks: check that what a lock protects is touched with that lock held only
locks: $(hyp-locks)

$(hyp-out)/locks/%.c.ok: %.c $(bare-include)/.done flags.mk hypervisor/build.mk
	@mkdir -p $(@D)
	@clang-22 $(hyp-flags) -std=gnu11 -O2 -D__XEN_TOOLS__ -DTORPOR_CHANGESET='""' -DTORPOR_BUILD_DATE='""' -Wthread-safety -Werror \
		-fexperimental-late-parse-attributes -MMD -MP -MF $(@:.ok=.d) -MT $@ -fsyntax-only $<
	@touch $@

-include $(hyp-locks:.ok=.d)
