# SPDX-License-Identifier: Apache-2.0
# Dormouse: a small guest kernel library. A guest is made of objects and of $(DORMOUSE_NEEDS), the library and its linker script, which its
# rule names as what it needs, by $(call DORMOUSE_LINK,FLAGS).

ifndef bare-flags
include flags.mk
endif

DORMOUSE_CC     := clang
DORMOUSE_CFLAGS := $(bare-flags) $(bare-cflags)
DORMOUSE_NEEDS  := build/dormouse/arm64/libdormouse.a dormouse/arch/arm64/image.ld
DORMOUSE_LINK    = ld.lld $(bare-ldflags) $(1) -T dormouse/arch/arm64/image.ld -o $@ $(filter %.o,$^) \
                   --whole-archive build/dormouse/arm64/libdormouse.a --no-whole-archive $(bare-libfdt)
DORMOUSE_SRCS   := $(wildcard dormouse/core/*.c dormouse/xen/*.c dormouse/test/*.c dormouse/arch/arm64/*.c dormouse/arch/arm64/*.S) \
                   arch/arm64/lock.c lib/devicetree.c lib/print.c lib/string.c
DORMOUSE_OBJS   := $(DORMOUSE_SRCS:%=build/dormouse/arm64/.obj/%.o)

$(DORMOUSE_OBJS): build/dormouse/arm64/.obj/%.o: % flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/dormouse/arm64/libdormouse.a: $(DORMOUSE_OBJS)
	rm -f $@
	llvm-ar rcs $@ $^

-include $(DORMOUSE_OBJS:.o=.d)
