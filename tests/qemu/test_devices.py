# SPDX-License-Identifier: Apache-2.0
"""Guests' disks and network by Debian's stock back and front ends, and dom0's own devices."""

import re

import pci
from machine import Board

# dom0 also gets a disk behind the PCI host bridge
BOARD = Board(extra=pci.DISK)


def fresh_disk(host, name):
    host.run(f"cp /guest/disk.img /tmp/{name}.img")
    return f"/tmp/{name}.img"


def test_dom0_reads_a_disk_behind_pci(host):
    host.run(pci.READ)


def test_dom0_keeps_the_boards_devices(host):
    host.run("test -e /sys/class/rtc/rtc0/date && cat /sys/class/rtc/rtc0/date")
    assert "pl061" in host.run("ls /sys/bus/amba/drivers; ls /sys/bus/amba/drivers/*").output


def test_dom0s_clock_interrupts_wake_it(host):
    count = "awk '/rtc-pl031/ { for (i = 2; i <= 3; i++) n += $i } END { print n + 0 }' /proc/interrupts"
    before = int(host.run(count).output)
    host.run("echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +1 > /sys/class/rtc/rtc0/wakealarm")
    host.wait_for(f"[ $({count}) -gt {before} ]")


def test_disk_carries_data_both_ways(host, guest):
    image = fresh_disk(host, "both")
    one = guest("both", disk=image).create()
    assert one.run("mount /dev/xvda /mnt; cd /mnt; sha256sum -c SUMS").output.count(": OK") == 3
    written = one.run("dd if=/dev/urandom of=/mnt/new bs=64k count=128 2>/dev/null; sync; "
                      "sha256sum < /mnt/new").output.split()[0]
    one.shutdown()
    host.wait_for("! xl domid both >/dev/null 2>&1")
    stored = host.run(f"mount -o ro,loop {image} /mnt; sha256sum < /mnt/new; umount /mnt").output.split()[0]
    assert stored == written


def test_a_block_device_serves_as_disk(host, guest):
    device = host.run(f"losetup -f --show {fresh_disk(host, 'phy')}").output.strip()
    one = guest("phy", config=f'disk = ["phy:{device},xvdb,r"]').create()
    one.run("mount -o ro /dev/xvdb /mnt; cd /mnt; sha256sum -c SUMS")
    assert one.run("echo x > /dev/xvdb", check=False).status
    one.destroy()
    host.wait_for(f"losetup -d {device}")


def wired(standing):
    """A guest without disks, with a network card."""
    return standing("wired", address="192.168.77.2")


def test_disks_come_and_go_while_the_guest_runs(host, standing):
    one = wired(standing)
    host.run(f"xl block-attach wired format=raw,vdev=xvdc,access=rw,target={fresh_disk(host, 'plug')}")
    one.run("until [ -b /dev/xvdc ]; do sleep 0.1; done; mount /dev/xvdc /mnt; "
            "cd /mnt; sha256sum -c SUMS; cd /; umount /mnt")
    assert re.search(r"^\d+\s+0\s+\d+\s+4\s", host.run("xl block-list wired").output, re.M)
    host.run("xl block-detach wired xvdc")
    one.run("while [ -b /dev/xvdc ]; do sleep 0.1; done")
    assert len(host.run("xl block-list wired").lines()) == 1


def test_network_carries_data_both_ways(host, standing):
    one = wired(standing)
    host.run("ping -c 3 192.168.77.2")
    one.run("ping -c 3 192.168.77.1")
    here = host.run("dd if=/dev/urandom of=/tmp/out bs=64k count=64 2>/dev/null; sha256sum < /tmp/out; "
                    "httpd -p 81 -h /tmp").output.split()[0]
    there = one.run("wget -q -O /tmp/in http://192.168.77.1:81/out; sha256sum < /tmp/in; "
                    "httpd -h /tmp").output.split()[0]
    assert there == here
    assert host.run("wget -q -O - http://192.168.77.2/in | sha256sum").output.split()[0] == here


def test_guests_reach_each_other_over_the_bridge(host, guest, standing):
    one = wired(standing)
    guest("right", address="192.168.77.3").create()
    one.run("ping -c 3 192.168.77.3")


def test_network_cards_come_and_go_while_the_guest_runs(host, standing):
    one = wired(standing)
    host.run("xl network-attach wired bridge=xenbr0; ip address add 192.168.78.1/24 dev xenbr0")
    one.run("until [ -e /sys/class/net/eth1 ]; do sleep 0.1; done; "
            "ip address add 192.168.78.9/24 dev eth1; ip link set eth1 up")
    host.wait_for("ping -c 1 -W 1 192.168.78.9 >/dev/null")
    assert re.search(r"^1\s+0\s+[0-9a-f:]{17}\s+\d+\s+4\s", host.run("xl network-list wired").output, re.M)
    host.run("xl network-detach wired 1")
    one.run("while [ -e /sys/class/net/eth1 ]; do sleep 0.1; done")
    assert len(host.run("xl network-list wired").lines()) == 2
