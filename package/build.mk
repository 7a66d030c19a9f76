# SPDX-License-Identifier: Apache-2.0
# build/deb: the Debian packages. The version goes up with every commit, so that what is built later upgrades what was built before.

deb-version := $(shell sed -n 's/.define TORPOR_VERSION "\(.*\)"/\1/p' hypervisor/boot/main.h)$(addprefix +,$(shell git rev-list --count HEAD 2>/dev/null))
deb-epoch   := $(or $(shell git log -1 --format=%ct 2>/dev/null),1700000000)
deb-files   := $(wildcard package/*) build/torpor build/tools/torpor build/tools/torpor-save-helper build/keeper.gz \
	tools/torpor.1 tools/torpor-save-helper.8 tools/torpor.bash tools/libvirtd.conf docs/command-line.md

.PHONY: deb
## deb: torpor_VERSION_arm64.deb and its debug symbols, for Debian 12, in build/deb
deb: build/deb/.done
	@ls build/deb/*.deb

build/deb/.done: $(deb-files)
	@package/assemble $(deb-version) $(deb-epoch) build/deb
	@touch $@
