# SPDX-License-Identifier: Apache-2.0
# Dormouse: a small guest kernel library. A guest is made of objects, build/dormouse/dormouse.a and dormouse/arm64/image.ld, which its
# rule names as what it needs, by $(call DORMOUSE_LINK,FLAGS).

ifndef bare-flags
include flags.mk
endif

DORMOUSE_CC     := clang
DORMOUSE_CFLAGS := $(bare-flags) $(bare-cflags)
DORMOUSE_LINK    = ld.lld $(bare-ldflags) $(1) -T dormouse/arm64/image.ld -o $@ $(filter %.o,$^) \
                   --whole-archive build/dormouse/dormouse.a --no-whole-archive $(bare-libfdt)
DORMOUSE_SRCS   := $(wildcard dormouse/*.c dormouse/arm64/*.c dormouse/arm64/*.S) arch/arm64/lock.c lib/devicetree.c lib/print.c lib/string.c
DORMOUSE_OBJS   := $(DORMOUSE_SRCS:%=build/dormouse/%.o)

$(DORMOUSE_OBJS): build/dormouse/%.o: % flags.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/dormouse/dormouse.a: $(DORMOUSE_OBJS)
	rm -f $@
	llvm-ar rcs $@ $^

-include $(DORMOUSE_OBJS:.o=.d)
