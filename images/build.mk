# SPDX-License-Identifier: Apache-2.0
# Made from Debian's packages: the build machine's tools, the sysroot, stock Xen, the disks.
# Packages are unpacked as they are; nothing of Debian's is patched, rebuilt or wrapped.

.PHONY: images

IMAGES := vmlinuz dom0.gz dom0.img
images: $(IMAGES:%=build/images/%) build/keeper.gz build/debian/uefi/.done

# As an ordinary user: files in a disk are to be root's all the same
FAKEROOT := $(if $(filter 0,$(shell id -u)),,fakeroot)

build/.packages: packages images/install-packages
	@mkdir -p build
	@images/install-packages packages
	@touch $@

# Unpacked packages stay when images/fetch changes: another version of the script brings the same packages.
# arm64 headers and libraries: libfdt, Xen's public headers, and those that the tools in dom0 link to
build/sysroot/.done: images/sysroot.packages | images/fetch build/.packages
	@images/fetch arm64 build/sysroot $$(cat images/sysroot.packages)
	@touch $@

# the kernel of dom0 and guests, the peer to compare with, and the guests' userland
build/debian/kernel/.done: | images/fetch build/.packages
	@images/fetch arm64 build/debian/kernel linux-image-arm64 xen-hypervisor-4.17-arm64 busybox-static
	@/sbin/depmod -b $(CURDIR)/build/debian/kernel $$(ls build/debian/kernel/lib/modules)
	@touch $@

# a machine's UEFI firmware, and the boot loader that it starts
build/debian/uefi/.done: | images/fetch build/.packages
	@images/fetch arm64 build/debian/uefi qemu-efi-aarch64 grub-efi-arm64-bin
	@touch $@

build/debian/dom0/.done: images/dom0.packages | images/fetch build/.packages
	@images/fetch arm64 build/debian/dom0 $$(cat images/dom0.packages)
	@touch $@

build/xen: build/debian/kernel/.done
	@cp build/debian/kernel/boot/xen-4.17-arm64 $@
	@touch $@

build/images/vmlinuz: build/debian/kernel/.done
	@mkdir -p build/images
	@cp build/debian/kernel/boot/vmlinuz-* $@
	@touch $@

# $(1): the packages; $(2): the files; $(3): the modules to put in
assemble_ramdisk = @echo "assembling $@"; mkdir -p $(@D); images/assemble ramdisk $(1) $(2) $@ $(3)

build/images/dom0.gz: images/assemble $(wildcard images/initrd/*) build/debian/kernel/.done
	$(call assemble_ramdisk,build/debian/kernel,images/initrd,virtio_mmio virtio_pci virtio_blk crc32c_generic ext4)

build/images/guest.gz: images/assemble $(wildcard images/guest/* images/guest/*/*) build/debian/kernel/.done
	$(call assemble_ramdisk,build/debian/kernel,images/guest,xen-blkfront xen-netfront xen_wdt crc32c_generic ext4)

# kernel B's userland, which comes back by kexec; and kexec(8) for a dom0 that has none
build/debian/keeper/.done: | images/fetch build/.packages
	@images/fetch arm64 build/debian/keeper kexec-tools
	@touch $@

# of servers (SBSA), Arm's own, DesignWare's, the Raspberry Pi's, and the one that QEMU has
KEEPER_WATCHDOGS := sbsa_gwdt sp805_wdt dw_wdt bcm2835_wdt i6300esb

build/keeper.gz: images/assemble $(wildcard images/keeper/*) build/debian/kernel/.done build/debian/keeper/.done build/tools/keeper
	@echo "assembling $@"
	@images/assemble keeper build/debian/kernel images/keeper $@ build/debian/keeper build/tools/keeper \
		virtio_mmio virtio_pci virtio_blk $(KEEPER_WATCHDOGS)

build/images/disk.img: images/assemble | build/.packages
	@mkdir -p build/images
	@$(FAKEROOT) images/assemble disk $@

DOM0_FILES := $(shell find images/dom0 -type f)
build/images/dom0.img: images/assemble $(DOM0_FILES) build/debian/kernel/.done build/debian/dom0/.done \
		       build/tools/.root build/images/vmlinuz build/images/guest.gz build/images/disk.img
	@echo "assembling $@"
	@$(FAKEROOT) images/assemble dom0 build/debian/kernel build/debian/dom0 build/tools/root $@ 512 images/dom0

# the same with systemd and libvirt, for make soak
build/debian/systemd/.done: images/dom0.packages images/systemd.packages | images/fetch build/.packages
	@images/fetch arm64 build/debian/systemd $$(cat images/dom0.packages images/systemd.packages)
	@touch $@

SYSTEMD_FILES := $(shell find images/systemd -type f)
build/images/systemd.img: images/assemble $(DOM0_FILES) $(SYSTEMD_FILES) build/debian/kernel/.done build/debian/systemd/.done \
			  build/tools/.root build/images/vmlinuz build/images/guest.gz build/images/disk.img
	@echo "assembling $@"
	@$(FAKEROOT) images/assemble dom0 build/debian/kernel build/debian/systemd build/tools/root $@ 1024 images/dom0 images/systemd

# what a guest puts its clock right by, for make soak
build/debian/chrony/.done: | images/fetch build/.packages
	@images/fetch arm64 build/debian/chrony chrony
	@touch $@

# --- The machine of the other architecture: stock Xen, Debian's dom0 and guest for amd64, which Dormouse's x86 half runs under ---

X86_IMAGES := xen vmlinuz dom0.gz dom0.img
.PHONY: x86-images
x86-images: $(X86_IMAGES:%=build/images/x86/%)

build/debian/x86/kernel/.done: | images/fetch build/.packages
	@images/fetch amd64 build/debian/x86/kernel linux-image-amd64 xen-hypervisor-4.17-amd64 busybox-static
	@/sbin/depmod -b $(CURDIR)/build/debian/x86/kernel $$(ls build/debian/x86/kernel/lib/modules)
	@touch $@

build/debian/x86/dom0/.done: images/dom0.packages | images/fetch build/.packages
	@images/fetch amd64 build/debian/x86/dom0 $$(cat images/dom0.packages)
	@touch $@

# QEMU's multiboot loader does not unpack
build/images/x86/xen: build/debian/x86/kernel/.done
	@mkdir -p $(@D)
	@gzip -dc build/debian/x86/kernel/boot/xen-4.17-amd64.gz > $@

build/images/x86/vmlinuz: build/debian/x86/kernel/.done
	@mkdir -p $(@D)
	@cp build/debian/x86/kernel/boot/vmlinuz-* $@
	@touch $@

build/images/x86/dom0.gz: images/assemble $(wildcard images/initrd/*) build/debian/x86/kernel/.done
	$(call assemble_ramdisk,build/debian/x86/kernel,images/initrd,virtio_pci virtio_blk crc32c_generic ext4)

build/images/x86/guest.gz: images/assemble $(wildcard images/guest/* images/guest/*/*) build/debian/x86/kernel/.done
	$(call assemble_ramdisk,build/debian/x86/kernel,images/guest,xen-blkfront xen-netfront xen_wdt crc32c_generic ext4)

build/images/x86/disk.img: build/images/disk.img
	@mkdir -p $(@D)
	@cp $< $@

# torpor(1) is not on it: it is for Torpor
build/images/x86/dom0.img: images/assemble $(DOM0_FILES) build/debian/x86/kernel/.done build/debian/x86/dom0/.done \
			   build/images/x86/vmlinuz build/images/x86/guest.gz build/images/x86/disk.img
	@echo "assembling $@"
	@$(FAKEROOT) images/assemble dom0 build/debian/x86/kernel build/debian/x86/dom0 images/dom0 $@ 512
