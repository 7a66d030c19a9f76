# SPDX-License-Identifier: Apache-2.0
# Dormouse: a small guest kernel library. A guest is made of objects, build/dormouse/dormouse.a and dormouse/arm64/image.ld, which its
# rule names as what it needs, by $(call DORMOUSE_LINK,FLAGS).

DORMOUSE_CC     := clang --target=aarch64-none-elf
DORMOUSE_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-common -mgeneral-regs-only -mno-outline-atomics \
                   -mstrict-align -Wall -Wextra -Werror -Wthread-safety -I. -Iarch/arm64/include -Ilib/freestanding \
                   -idirafter build/sysroot/usr/include
DORMOUSE_LIBFDT := build/sysroot/usr/lib/aarch64-linux-gnu/libfdt.a
DORMOUSE_LINK    = ld.lld --no-undefined -z max-page-size=4096 $(1) -T dormouse/arm64/image.ld -o $@ $(filter %.o,$^) \
                   --whole-archive build/dormouse/dormouse.a --no-whole-archive $(DORMOUSE_LIBFDT)
DORMOUSE_SRCS   := $(wildcard dormouse/*.c dormouse/arm64/*.c dormouse/arm64/*.S) lib/print.c lib/string.c
DORMOUSE_OBJS   := $(DORMOUSE_SRCS:%=build/dormouse/%.o)

$(DORMOUSE_OBJS): build/dormouse/%.o: % | build/sysroot/.done
	@mkdir -p $(@D)
	$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/dormouse/dormouse.a: $(DORMOUSE_OBJS)
	rm -f $@
	llvm-ar rcs $@ $^

-include $(DORMOUSE_OBJS:.o=.d)
