# SPDX-License-Identifier: Apache-2.0
# build/fuzz/NAME: programs for dom0 that throw random calls at the hypervisor; static, without a C library.

FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))

build/fuzz/%: tests/fuzz/%.c build/sysroot/.done
	@mkdir -p $(@D)/include
	@ln -sfn $(abspath build/sysroot)/usr/include/xen $(@D)/include/xen
	@clang --target=aarch64-linux-gnu -std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -mno-outline-atomics \
		-fno-stack-protector -D__XEN_TOOLS__ -isystem $(@D)/include -nostdlib -static -fuse-ld=lld $< -o $@

# build/fuzz/readers/NAME: a reader of hostile input, fed with random bytes by libFuzzer on the build machine. Sources
# as for unit tests: the line at the top of tests/fuzz/readers/NAME.c says what else goes in.
READERS        := $(patsubst tests/fuzz/readers/%.c,build/fuzz/readers/%,$(wildcard tests/fuzz/readers/*.c))
reader-sources  = $(shell sed -n 's|^/\* sources: \(.*\) \*/$$|\1|p' tests/fuzz/readers/$(1).c)

# The hypervisor's part is compiled and linked as for unit tests.
reader-hyp      = $(if $(findstring hypervisor/,$(call reader-sources,$(1))),$(filter-out -MMD -MP,$(unit-cflags)) -Wno-unused-function \
	-fuse-ld=lld -Wl$(comma)--gc-sections $(unit-libs))
comma          := ,

define reader-program
build/fuzz/readers/$(1): tests/fuzz/readers/$(1).c $(call reader-sources,$(1)) $(wildcard tools/helper/*.h) $(unit-out)/.include/.done
	@mkdir -p $$(@D)
	@clang -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wall -Wextra -Werror -I. \
		$$(filter %.c,$$^) $(call reader-hyp,$(1)) $(if $(filter tools/%,$(call reader-sources,$(1))),-D_GNU_SOURCE) \
		$(if $(findstring pack.c,$(call reader-sources,$(1))),-lzstd) \
		$(if $(findstring history_read.c,$(call reader-sources,$(1))),-lyajl -lm) -o $$@
endef
$(foreach name,$(READERS:build/fuzz/readers/%=%),$(eval $(call reader-program,$(name))))
