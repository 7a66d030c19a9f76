# SPDX-License-Identifier: Apache-2.0
"""A guest's time of day after a host sleep, put right by Debian's chrony from the clock that `guest_ptp` offers."""

import subprocess
import time

import pytest

from conftest import SOAK
from machine import BUILD, RUN_LIMIT, Board, Guest, Machine
from sleeping import FIRMWARE, sleep_for

pytestmark = [pytest.mark.torpor_only("stock Xen has no such clock, and does not sleep"),
              pytest.mark.skipif(not SOAK, reason="a guest with chrony: make soak")]

# docs/frozen-guests.md
CHRONY = "refclock PHC /dev/ptp0 poll 0 offset 0", "makestep 1 -1"


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """Debian's chrony with all that it needs."""
    path = tmp_path_factory.mktemp("chrony") / "chrony.img"
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", BUILD / "debian/chrony", path, "256M"], check=True)
    return path


def await_right(guest):
    """Until its date is the host's, to a second."""
    end = time.monotonic() + RUN_LIMIT
    while guest.lateness()[0] > 1:
        assert time.monotonic() < end, guest.console()[-2000:]
        time.sleep(0.5)
    assert guest.lateness()[1] >= -1


def test_chrony_puts_a_frozen_guests_clock_right(disk):
    board = Board(arguments="dom0_mem=768M dom0_max_vcpus=2 guest_ptp", bios=FIRMWARE, extra=[
        "-drive", f"if=none,file={disk},format=raw,id=chrony,snapshot=on",
        "-device", "virtio-blk-device,drive=chrony,serial=chrony"])
    with Machine("guest-time", board) as machine:
        machine.boot()
        disk = machine.run("echo /dev/$(basename $(dirname $(grep -l -x chrony /sys/block/vd*/serial)))").output.strip()
        guest = Guest(machine, "late", disk=disk).create()
        guest.run("mount /dev/xvda /mnt && cd /mnt && mkdir -p dev run etc && mount --bind /dev dev")
        guest.run("echo root:x:0:0:root:/root:/bin/sh > /mnt/etc/passwd")
        directives = " ".join(f"'{words}'" for words in CHRONY)
        before = guest.lateness()[1]
        sleep_for(machine, 6)
        assert guest.lateness()[0] > before + 1
        guest.run(f"chroot /mnt /usr/sbin/chronyd -u root {directives} 'pidfile /run/chronyd.pid'")
        await_right(guest)
        for _ in range(3):
            sleep_for(machine, 4)
            await_right(guest)
        machine.poweroff()
        machine.check_console()
