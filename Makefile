# SPDX-License-Identifier: Apache-2.0
# Torpor: what can be made, and from what. The rules of each room stand in its own build.mk.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# The hypervisor that is run and tested; build/xen is Debian's stock Xen.
HYPERVISOR ?= build/torpor

include flags.mk
include images/build.mk
include hypervisor/build.mk
include firmware/build.mk
include tools/build.mk
include package/build.mk
include dormouse/build.mk
include tests/unit/build.mk
include tests/guests/build.mk
include tests/fuzz/build.mk
include bench/build.mk

.PHONY: all run run-hibernate run-x86 test soak clean help

all: build/torpor build/firmware.bin build/tools/torpor build/tools/torpor-save-helper

## run: boot Debian's dom0: at a terminal a shell in it, without one a demonstration
run: $(HYPERVISOR) build/firmware.bin images
	@HYPERVISOR=$(HYPERVISOR) tests/qemu/run

## run-hibernate: a host with a running guest goes to a disk, is switched off, and goes on in a new machine
run-hibernate: $(HYPERVISOR) images
	@HYPERVISOR=$(HYPERVISOR) tests/qemu/run-hibernate

## run-x86: Dormouse on Debian's stock Xen for amd64: a guest is saved, restored, and goes on
run-x86: x86-images dormouse
	@tests/qemu/run-x86

TESTED := $(HYPERVISOR) locks firmware-variants images x86-images dormouse $(unit-tests) $(GUEST_IMAGES) $(DOM0_IMAGES) $(PRELOADED) $(DEVICE_PROGRAM) $(FUZZERS) $(READERS) build/deb/.done

# Compilers come before what is compiled; then as much at once as there are processors.
.PHONY: tested
tested: $(TESTED)
jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

## test: every test there is; the last line is "N passed, N failed"
test: build/.packages
	@$(MAKE) --no-print-directory $(jobs) tested
	@HYPERVISOR=$(HYPERVISOR) tests/run $(unit-tests)

## soak: more boards, larger counts (100 sleeps under traffic, 2048 domains, 16 Linux guests at once), systemd and libvirt: over an hour
soak: build/.packages
	@$(MAKE) --no-print-directory $(jobs) tested build/images/systemd.img build/debian/chrony/.done
	@HYPERVISOR=$(HYPERVISOR) SOAK=1 tests/run $(unit-tests)

## clean: remove all that was made, the unpacked packages too
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## /  make /p' $(MAKEFILE_LIST)
