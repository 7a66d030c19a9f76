# SPDX-License-Identifier: Apache-2.0
# Torpor: what can be made, and from what. The rules of each room stand in its own build.mk.

.DEFAULT_GOAL := build/torpor
.DELETE_ON_ERROR:

# The hypervisor that is run and tested. Debian's stock Xen is build/xen.
HYPERVISOR ?= build/torpor

-include hypervisor/build.mk
-include images/build.mk
-include dormouse/build.mk
-include tests/unit/build.mk
-include tests/guests/build.mk

.PHONY: run test soak clean help

## run: boot a Debian dom0; at a terminal a shell in it, without one a demonstration
run: $(HYPERVISOR) images
	@HYPERVISOR=$(HYPERVISOR) tests/qemu/run

## test: every test there is; the last line is "N passed, N failed"
test: all-tested
	@HYPERVISOR=$(HYPERVISOR) tests/run

## soak: the same tests with larger counts, for hours
soak: all-tested
	@HYPERVISOR=$(HYPERVISOR) SOAK=1 tests/run

clean:
	rm -rf build

help:
	@sed -n 's/^## /  make /p' $(MAKEFILE_LIST)
