# SPDX-License-Identifier: Apache-2.0
# build/unit/NAME: the unit tests of tests/unit/test_NAME.c, for the build machine, with sanitizers. What else goes into
# the program stands at the top of the test, in a comment of one line: /* sources: hypervisor/vm/evtchn/evtchn.c ... */
# Code that nothing in the program refers to is left out with all that it would need (a file's record kinds, where no
# test saves or restores).
# build/unit/tsan_NAME: tests/unit/tsan_NAME.c in the same way, with threads and the sanitizer for these.

unit-out     := build/unit
unit-names   := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
unit-tests   := $(unit-names:%=$(unit-out)/%)
unit-sources  = $(wildcard $(shell sed -n 's|^/\* sources: \(.*\) \*/$$|\1|p' tests/unit/test_$(1).c))
unit-objects  = $(patsubst %,$(unit-out)/.obj/%.o,tests/unit/test_$(1).c tests/unit/panic.c arch/arm64/lock.c $(call unit-sources,$(1)))

unit-sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all -fsanitize-address-globals-dead-stripping
unit-cflags := -std=gnu11 -O1 -g $(unit-sanitize) -fno-omit-frame-pointer -Wall -Wextra -Werror -D__XEN_TOOLS__ \
	-ffunction-sections -fdata-sections -include tests/unit/include/guest_abi.h -Itests/unit/include -I. -Ihypervisor -Idormouse/arch -Iarch/arm64/include -isystem $(unit-out)/.include -MMD -MP
unit-libs := -lcmocka -lfdt -lzstd -lyajl -lm -lpthread

tsan-names   := $(patsubst tests/unit/tsan_%.c,%,$(wildcard tests/unit/tsan_*.c))
tsan-tests   := $(tsan-names:%=$(unit-out)/tsan_%)
tsan-sources  = $(shell sed -n 's|^/\* sources: \(.*\) \*/$$|\1|p' tests/unit/tsan_$(1).c)
tsan-objects  = $(patsubst %,$(unit-out)/.tsan/%.o,tests/unit/tsan_$(1).c tests/unit/panic.c arch/arm64/lock.c $(call tsan-sources,$(1)))
tsan-sanitize := -fsanitize=thread
tsan-cflags  := $(subst $(unit-sanitize),$(tsan-sanitize),$(unit-cflags))

.PHONY: unit-tests
## unit-tests: build and run the tests that need no machine
unit-tests: $(unit-tests) $(tsan-tests)
	@failed=0; for t in $^; do \
		if $$t >$$t.log 2>&1; then echo "ok   unit/$${t##*/}"; else cat $$t.log; echo "FAIL unit/$${t##*/}"; failed=1; fi; \
	done; exit $$failed

define unit-program
$(unit-out)/$(1): $(call unit-objects,$(1))
	@clang $(unit-sanitize) -fuse-ld=lld -Wl,--gc-sections $$^ $(unit-libs) -o $$@
-include $(patsubst %.o,%.d,$(call unit-objects,$(1)))
endef
$(foreach name,$(unit-names),$(eval $(call unit-program,$(name))))

# torpor(1) is a program for Linux, and compiled as one; a test that knows files without a name, too
$(unit-out)/.obj/tools/%.c.o: unit-cflags += -D_GNU_SOURCE
$(unit-out)/.obj/tests/unit/test_image.c.o: unit-cflags += -D_GNU_SOURCE
$(unit-out)/.tsan/tools/%.c.o: tsan-cflags += -D_GNU_SOURCE

$(unit-out)/.obj/%.c.o: %.c tests/unit/build.mk $(unit-out)/.include/.done
	@mkdir -p $(@D)
	@clang $(unit-cflags) -c $< -o $@

define tsan-program
$(unit-out)/tsan_$(1): $(call tsan-objects,$(1))
	@clang $(tsan-sanitize) -fuse-ld=lld -Wl,--gc-sections $$^ $(unit-libs) -o $$@
-include $(patsubst %.o,%.d,$(call tsan-objects,$(1)))
endef
$(foreach name,$(tsan-names),$(eval $(call tsan-program,$(name))))

$(unit-out)/.tsan/%.c.o: %.c tests/unit/build.mk $(unit-out)/.include/.done
	@mkdir -p $(@D)
	@clang $(tsan-cflags) -c $< -o $@

$(unit-out)/.include/.done: build/sysroot/.done
	@mkdir -p $(@D)
	@ln -sfn $(abspath build/sysroot)/usr/include/xen $(@D)/xen
	@touch $@
