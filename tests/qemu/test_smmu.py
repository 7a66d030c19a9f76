# SPDX-License-Identifier: Apache-2.0
"""dom0's PCI devices behind an SMMUv3: they reach dom0's memory and what guests have granted it, and nothing else.

QEMU's device for teaching (edu) copies between memory and a buffer of its own; tests/guests/linux/dma.c is its driver.
The disk behind PCIe goes through the SMMU, too, and so do their message interrupts.
"""

import re

import pytest

import pci
from conftest import life_of
from machine import BUILD, Board, Machine
from sleeping import FIRMWARE, assert_slept, sleep_host

pytestmark = pytest.mark.torpor_only("stock Xen of Debian 12 drives no SMMUv3")

EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]
KEPT = r"smmu: PCI device 00:\w\w\.0 of \S+ was kept from {} at 0x{:x}$"
MAGIC = b"ARMd".hex()   # at byte 56 of the hypervisor's image, where it runs


def board(gic, arguments=""):
    return Board(gic=gic, machine=pci.SMMU, bios=FIRMWARE, extra=EDU + pci.DISK_BEHIND_SMMU,
                 arguments=f"dom0_mem=768M dom0_max_vcpus=2 {arguments}", files=[BUILD / "guests/dma"])


@pytest.fixture(scope="module", params=[3, 2], ids=["gic3-its", "gic2-v2m"])
def host(request):
    with life_of(Machine(f"smmu-gic{request.param}", board(request.param))) as machine:
        yield machine


def dma(machine, what):
    """The device's copy; its words."""
    return machine.run("device=$(grep -l -x 0x11e8 /sys/bus/pci/devices/*/device); "
                       f"/tmp/job/dma ${{device%/device}} {what}").output.strip()


def image_of(machine):
    """Where the hypervisor is: it offers dom0 the place of its own image for grant tables."""
    return int(machine.run("od -A n -t x1 -N 8 /proc/device-tree/hypervisor/reg").output.replace(" ", ""), 16)


def assert_contained(machine):
    dma(machine, "own")
    image = image_of(machine)
    said = len(machine.console)
    assert dma(machine, f"read {image:#x}") == "00" * 64
    dma(machine, f"write {image:#x}")
    words = machine.console[said:]
    assert re.search(KEPT.format("reading", image), words, re.M), words
    assert re.search(KEPT.format("writing", image), words, re.M), words


def test_devices_reach_dom0s_memory_alone(host):
    assert_contained(host)
    assert pci.messages(host) > 0


def disk_of(host):
    return "/dev/" + host.run("basename $(dirname $(grep -l -x pci /sys/block/vd*/serial))").output.strip()


def test_a_device_reaches_what_a_guest_has_granted(host, guest):
    """Linux's back end has the device copy into the guest's own pages, which are then the guest's alone again."""
    one = guest("granted", config=f'disk = ["phy:{disk_of(host)},xvdb,r"]').create()
    said = len(host.console)
    for _ in range(3):
        one.run("mount -o ro /dev/xvdb /mnt; cd /mnt; sha256sum -c SUMS; cd /; umount /mnt; "
                "echo 3 > /proc/sys/vm/drop_caches")
    one.destroy()
    assert "was kept from" not in host.console[said:]
    assert_contained(host)


def test_dom0s_memory_shrinks_and_grows(host):
    """Its blocks are split, page by page; its own again, they are so for devices."""
    memory = "/sys/devices/system/xen_memory/xen_memory0"
    for mib in (600, 768):
        host.run(f"echo {mib << 10} > {memory}/target_kb")
        host.wait_for(f"[ $(cat {memory}/info/current_kb) = {mib << 10} ]")
        assert_contained(host)
        assert pci.messages(host) > 0


def test_it_is_there_again_after_a_sleep(host, guest):
    """The firmware is one that the SMMU's registers do not outlive."""
    one = guest("asleep", config=f'disk = ["phy:{disk_of(host)},xvdb,r"]').create()
    for _ in range(2):
        assert_slept(sleep_host(host))
        assert_contained(host)
        assert pci.messages(host) > 0
    one.run("mount -o ro /dev/xvdb /mnt; cd /mnt; sha256sum -c SUMS")


def test_without_it_devices_reach_everything():
    """What the others would see if nobody were between; and the option that has it so."""
    with life_of(Machine("smmu-no", board(3, "iommu=no"))) as machine:
        assert dma(machine, f"read {image_of(machine):#x}")[2 * 56:2 * 60] == MAGIC
        assert "smmu" not in machine.console
