# SPDX-License-Identifier: Apache-2.0
# Dormouse: a small guest kernel library, for arm64 and for x86_64 PV. build/dormouse/ARCHITECTURE/libdormouse.a and
# dormouse/arch/ARCHITECTURE/image.ld make a guest of a program's objects. A program is a file dormouse/programs/NAME.c;
# build/dormouse/ARCHITECTURE/NAME is kernel= of an xl configuration.

ifndef bare-flags
include flags.mk
endif

DORMOUSE_CC     := clang
DORMOUSE_SHARED := $(wildcard dormouse/core/*.c dormouse/xen/*.c) lib/print.c lib/string.c sleep/sleep.c

# --- arm64: the bare-metal test guests' base, too ---

DORMOUSE_CFLAGS := $(bare-flags) -Idormouse/arch/arm64 -Idormouse/arch $(bare-cflags)
DORMOUSE_NEEDS  := build/dormouse/arm64/libdormouse.a dormouse/arch/arm64/image.ld
DORMOUSE_LINK    = ld.lld $(bare-ldflags) $(1) -T dormouse/arch/arm64/image.ld -o $@ $(filter %.o,$^) \
                   build/dormouse/arm64/libdormouse.a $(bare-libfdt)
DORMOUSE_OBJS   := $(patsubst %,build/dormouse/arm64/.obj/%.o,$(DORMOUSE_SHARED) lib/devicetree.c arch/arm64/fpu.S \
                   $(wildcard dormouse/test/*.c dormouse/arch/arm64/*.c dormouse/arch/arm64/*.S))

build/dormouse/arm64/.obj/%.o: % flags.mk dormouse/build.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	$(DORMOUSE_CC) $(DORMOUSE_CFLAGS) -MMD -MP -c $< -o $@

build/dormouse/arm64/libdormouse.a: $(DORMOUSE_OBJS)
	rm -f $@
	llvm-ar rcs $@ $^

# --- x86_64, as a PV guest ---

# Code and data are addressed from where the code is, for they lie above the reach of 32 bits. No red zone: events come
# on the stack in use.
X86_CFLAGS := --target=x86_64-none-elf -ffreestanding -mno-red-zone -mgeneral-regs-only -fpie -fdirect-access-external-data -fno-common \
	-fno-omit-frame-pointer -fstack-protector-strong -mstack-protector-guard=global -ffunction-sections -fdata-sections \
	-I. -Iarch/x86_64/include -Idormouse/arch/x86_64 -Idormouse/arch -Ilib/freestanding -isystem $(bare-include) $(bare-cflags)
X86_LINK    = ld.lld $(bare-ldflags) -static -T dormouse/arch/x86_64/image.ld -o $@ $(filter %.o,$^) build/dormouse/x86_64/libdormouse.a
X86_OBJS   := $(patsubst %,build/dormouse/x86_64/.obj/%.o,$(DORMOUSE_SHARED) $(wildcard dormouse/arch/x86_64/*.c dormouse/arch/x86_64/*.S))

build/dormouse/x86_64/.obj/%.o: % flags.mk dormouse/build.mk | $(bare-include)/.done
	@mkdir -p $(@D)
	$(DORMOUSE_CC) $(X86_CFLAGS) -MMD -MP -c $< -o $@

build/dormouse/x86_64/libdormouse.a: $(X86_OBJS)
	rm -f $@
	llvm-ar rcs $@ $^

# --- The programs ---

DORMOUSE_PROGRAMS := $(basename $(notdir $(wildcard dormouse/programs/*.c)))

.PHONY: dormouse
## dormouse: the guest kernel library and its programs, build/dormouse/ARCHITECTURE/NAME
dormouse: $(DORMOUSE_PROGRAMS:%=build/dormouse/x86_64/%) $(DORMOUSE_PROGRAMS:%=build/dormouse/arm64/%)

build/dormouse/x86_64/.obj/%.elf: build/dormouse/x86_64/.obj/dormouse/programs/%.c.o \
		build/dormouse/x86_64/libdormouse.a dormouse/arch/x86_64/image.ld
	$(X86_LINK)

# what a debugger needs stays in .obj/
$(DORMOUSE_PROGRAMS:%=build/dormouse/x86_64/%): build/dormouse/x86_64/%: build/dormouse/x86_64/.obj/%.elf
	llvm-objcopy --strip-all $< $@

build/dormouse/arm64/.obj/%.elf: build/dormouse/arm64/.obj/dormouse/programs/%.c.o $(DORMOUSE_NEEDS)
	$(call DORMOUSE_LINK)

$(DORMOUSE_PROGRAMS:%=build/dormouse/arm64/%): build/dormouse/arm64/%: build/dormouse/arm64/.obj/%.elf
	llvm-objcopy -O binary $< $@

.PRECIOUS: build/dormouse/arm64/.obj/%.o build/dormouse/x86_64/.obj/%.o build/dormouse/x86_64/.obj/%.elf
-include $(DORMOUSE_OBJS:.o=.d) $(X86_OBJS:.o=.d) $(wildcard build/dormouse/*/.obj/dormouse/programs/*.d)
