# SPDX-License-Identifier: Apache-2.0
# build/fuzz/NAME: programs for dom0 that throw random calls at the hypervisor; static, without a C library.

FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))

build/fuzz/%: tests/fuzz/%.c build/sysroot/.done
	@mkdir -p $(@D)/include
	@ln -sfn $(abspath build/sysroot)/usr/include/xen $(@D)/include/xen
	@clang --target=aarch64-linux-gnu -std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -mno-outline-atomics \
		-fno-stack-protector -D__XEN_TOOLS__ -isystem $(@D)/include -nostdlib -static -fuse-ld=lld $< -o $@
