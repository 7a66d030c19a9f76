# SPDX-License-Identifier: Apache-2.0
# build/tools/torpor: torpor(1) for Debian's arm64 dom0, linked to the shared libraries that its packages bring.
# build/tools/torpor-save-helper: the program that libxl starts to save and restore a domain.

tools-out     := build/tools
tools-sources := $(wildcard tools/*.c) $(addprefix tools/helper/,transfer.c detach.c stream.c pack.c journal.c report.c options.c) $(addprefix tools/keeper/,image.c chunk.c)
tools-objects := $(tools-sources:%=$(tools-out)/%.o)
helper-sources := $(wildcard tools/helper/*.c) sleep/sleep.c
helper-objects := $(helper-sources:%=$(tools-out)/%.o)
tools-lib     := build/sysroot/usr/lib/aarch64-linux-gnu

tools-target := --target=aarch64-linux-gnu --sysroot=$(abspath build/sysroot)
tools-cflags := -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -O2 -g -fPIE -fstack-protector-strong -mno-outline-atomics \
	-ffile-prefix-map=$(CURDIR)=. -Wall -Wextra -Werror -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -I. -MMD -MP
tools-libs   := -lxenlight -lxenguest -lxenctrl -lxencall -lxenstore -lxenhypfs -lxentoollog -lzstd -lyajl -lm

# The C library's start files are named: clang looks for those of a cross gcc, which nothing else here needs. Nor does C for arm64
# need libgcc, without outline atomics and long double.
$(tools-out)/torpor: $(tools-objects)
$(tools-out)/torpor-save-helper: $(helper-objects)

$(tools-out)/torpor $(tools-out)/torpor-save-helper:
	@clang $(tools-target) -fuse-ld=lld -pie -nostdlib -Wl,--build-id=sha1,-z,relro,-z,now,-z,noexecstack,--no-undefined,--as-needed -o $@ \
		$(tools-lib)/Scrt1.o $(tools-lib)/crti.o $^ -L$(tools-lib) $(tools-libs) -lc $(tools-lib)/crtn.o

$(tools-out)/%.c.o: %.c build/sysroot/.done tools/build.mk
	@mkdir -p $(@D)
	@clang $(tools-target) $(tools-cflags) -c $< -o $@

-include $(tools-objects:.o=.d) $(helper-objects:.o=.d)

# The tool and the files that belong to it, as they are laid over dom0's disk.
$(tools-out)/.root: $(tools-out)/torpor $(tools-out)/torpor-save-helper tools/torpor.1 tools/torpor.bash tools/libvirtd.conf
	@rm -rf $(tools-out)/root
	@install -D $(tools-out)/torpor $(tools-out)/root/usr/bin/torpor
	@install -D $(tools-out)/torpor-save-helper $(tools-out)/root/usr/sbin/torpor-save-helper
	@install -D -m 644 tools/torpor.1 $(tools-out)/root/usr/share/man/man1/torpor.1
	@install -D -m 644 tools/torpor.bash $(tools-out)/root/usr/share/bash-completion/completions/torpor
	@install -D -m 644 tools/libvirtd.conf $(tools-out)/root/usr/lib/systemd/system/libvirtd.service.d/torpor.conf
	@touch $@

# build/tools/keeper: the program that saves and restores the host's memory from another kernel (images/keeper).
keeper-objects := $(patsubst %,$(tools-out)/%.o,$(wildcard tools/keeper/*.c) tools/helper/pack.c)

$(tools-out)/keeper: $(keeper-objects)
	@clang $(tools-target) -fuse-ld=lld -pie -nostdlib -Wl,-z,relro,-z,now,-z,noexecstack,--no-undefined,--as-needed -o $@ \
		$(tools-lib)/Scrt1.o $(tools-lib)/crti.o $^ $(tools-lib)/libfdt.a $(tools-lib)/libzstd.a -lc -L$(tools-lib) $(tools-lib)/crtn.o

-include $(keeper-objects:.o=.d)
