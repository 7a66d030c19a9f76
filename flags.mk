# SPDX-License-Identifier: Apache-2.0
# How everything is compiled that runs on the bare machine: hypervisor, firmware, Dormouse and the guests on it. One set of warnings.

# W^X and -mgeneral-regs-only: the FPU belongs to guests. Outline atomics need a C library.
bare-target := --target=aarch64-none-elf -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -mstrict-align -ffreestanding \
	-fno-pic -fno-common -fno-omit-frame-pointer -fstack-protector-strong -ffunction-sections -fdata-sections
bare-cflags := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wthread-safety -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wshadow
bare-ldflags := -z noexecstack -z max-page-size=4096 --no-undefined

# Only what freestanding code may see of the system root: the public Xen headers and libfdt's.
bare-include := build/bare/include
bare-libfdt  := build/sysroot/usr/lib/aarch64-linux-gnu/libfdt.a
bare-flags   := $(bare-target) -I. -Iarch/arm64/include -Ilib/freestanding -isystem $(bare-include)

$(bare-include)/.done: build/sysroot/.done
	@mkdir -p $(@D)
	@ln -sfn $(abspath build/sysroot)/usr/include/xen $(@D)/xen
	@for h in fdt.h libfdt.h libfdt_env.h; do ln -sf $(abspath build/sysroot)/usr/include/$$h $(@D)/$$h; done
	@touch $@
