# SPDX-License-Identifier: Apache-2.0
# What is made from Debian's packages: the build machine's tools, the sysroot, the disks.

build/.packages: packages
	@mkdir -p build
	@images/install-packages packages
	@touch $@

# arm64 headers and libraries: libfdt, Xen's public headers, and what the tools in dom0 link to
build/sysroot/.done: images/fetch | build/.packages
	@images/fetch build/sysroot libfdt-dev libxen-dev libc6-dev
	@touch $@
