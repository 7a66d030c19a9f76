# SPDX-License-Identifier: Apache-2.0
"""A disk of dom0's behind PCIe, which interrupts by messages."""

from machine import IMAGES

DISK = ["-drive", f"if=none,file={IMAGES / 'disk.img'},format=raw,id=pci,readonly=on",
        "-device", "virtio-blk-pci,drive=pci,serial=pci"]
# The same for a machine with an IOMMU, which QEMU's virtio devices pass by unless they are told not to.
SMMU = "virtualization=on,iommu=smmuv3"
DISK_BEHIND_SMMU = DISK[:-1] + [DISK[-1] + ",iommu_platform=on,disable-legacy=on"]

READ = """
    disk=$(dirname "$(grep -l -x pci /sys/block/vd*/serial)")
    echo 3 > /proc/sys/vm/drop_caches
    mount -o ro /dev/${disk##*/} /mnt
    cd /mnt; sha256sum -c SUMS; cd /; umount /mnt"""


def messages(machine):
    """How many message interrupts came while dom0 read the disk. (After a sleep a driver asks for its interrupts anew,
    and they are counted from 0.)"""
    count = "awk '/ MSI .*virtio.*-req/ { for (i = 2; i < NF; i++) n += $i } END { print n + 0 }' /proc/interrupts"
    before = int(machine.run(count).output)
    machine.run(READ)
    return int(machine.run(count).output) - before
