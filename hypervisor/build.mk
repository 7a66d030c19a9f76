# SPDX-License-Identifier: Apache-2.0
# build/torpor: the hypervisor as an arm64 Image. Freestanding C11 and assembly, clang and lld, and Debian's libfdt.

hyp-out     := build/hypervisor
hyp-sysroot := build/sysroot
hyp-sources := $(wildcard lib/*.c sleep/*.c arch/arm64/*.c arch/arm64/*.S hypervisor/*/*.c hypervisor/*/*.S hypervisor/*/*/*.c)
hyp-objects := $(hyp-sources:%=$(hyp-out)/%.o)
hyp-libfdt  := $(hyp-sysroot)/usr/lib/aarch64-linux-gnu/libfdt.a

# W^X and -mgeneral-regs-only: EL2 never touches the FPU, which belongs to guests. Outline atomics need a C library.
hyp-flags := --target=aarch64-none-elf -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -mstrict-align \
	-ffreestanding -fno-pic -fno-common -fno-omit-frame-pointer -fstack-protector-strong -ffunction-sections \
	-fdata-sections -I. -Ihypervisor -Iarch/arm64/include -Ilib/freestanding -isystem $(hyp-out)/include
hyp-cflags := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wthread-safety -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wshadow -D__XEN_TOOLS__ -MMD -MP
hyp-ldflags := -T arch/arm64/torpor.lds --gc-sections --orphan-handling=warn -z noexecstack -z max-page-size=4096 --no-undefined \
	--build-id=sha1

build/torpor: $(hyp-out)/torpor.elf
	@llvm-objcopy -O binary $< $@
	@echo "built $@ ($$(stat -c %s $@) bytes)"

$(hyp-out)/torpor.elf: $(hyp-objects) arch/arm64/torpor.lds
	@ld.lld $(hyp-ldflags) -o $@ $(hyp-objects) $(hyp-libfdt)

# Only what freestanding code may see of the system root: the public Xen headers and libfdt's.
$(hyp-out)/include/.done: build/sysroot/.done
	@mkdir -p $(@D)
	@ln -sfn $(abspath $(hyp-sysroot))/usr/include/xen $(@D)/xen
	@for h in fdt.h libfdt.h libfdt_env.h; do ln -sf $(abspath $(hyp-sysroot))/usr/include/$$h $(@D)/$$h; done
	@touch $@

$(hyp-out)/%.c.o: %.c $(hyp-out)/include/.done hypervisor/build.mk
	@mkdir -p $(@D)
	@clang $(hyp-flags) $(hyp-cflags) -c $< -o $@

# What XENVER_changeset and XENVER_compile_info say: the commit built from, and its date, so that builds repeat.
$(hyp-out)/hypervisor/abi/%.c.o: hyp-cflags += -DTORPOR_CHANGESET='"$(shell git describe --always --dirty 2>/dev/null)"' \
	-DTORPOR_BUILD_DATE='"$(shell git log -1 --format=%cd 2>/dev/null)"'

$(hyp-out)/%.S.o: %.S $(hyp-out)/include/.done hypervisor/build.mk
	@mkdir -p $(@D)
	@clang $(hyp-flags) -g -D__ASSEMBLY__ -MMD -MP -c $< -o $@

-include $(hyp-objects:.o=.d)
