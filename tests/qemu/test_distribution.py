# SPDX-License-Identifier: Apache-2.0
"""dom0 as a distribution runs it: systemd, Debian's own start of Xen's daemons, udev, libvirt. For `make soak`: under
emulation its start takes long.
"""

import pytest

from conftest import SOAK
from machine import IMAGES, Board
from sleeping import FIRMWARE

pytestmark = [pytest.mark.skipif(not SOAK, reason="for `make soak`: a start of systemd takes a minute under emulation"),
              pytest.mark.torpor_only("stock Xen's host does not sleep")]

BOARD = Board(mem=3072, arguments="dom0_mem=1024M dom0_max_vcpus=2", bios=FIRMWARE, image=IMAGES / "systemd.img")


def test_systemd_and_debians_services_come_up(host):
    assert host.run("ps -o comm= 1").output.strip() == "systemd"
    for service in ("xen", "libvirtd", "dbus", "systemd-logind", "systemd-udevd"):
        assert host.run(f"systemctl is-active {service}").output.strip() == "active", service
    assert "Domain-0" in host.run("xl list").output


def test_systemctl_suspend_puts_the_host_to_sleep(host, guest):
    one = guest("one").create()
    for _ in range(2):
        said = len(host.console)
        host.run("echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +20 > /sys/class/rtc/rtc0/wakealarm; systemctl suspend")
        host.expect(r"torpor: slept \d+\.\d+ s, woken by pl031", start=said)
        host.wait_for("systemctl show -p ActiveState --value systemd-suspend | grep -qx inactive")
        assert one.run("echo still here").output.strip() == "still here"


def test_virsh_takes_a_guest_through_its_life(host, guest):
    one = guest("virtual")
    host.run(f"virsh domxml-from-native xen-xl {one.config_path} > /tmp/virtual.xml; virsh create /tmp/virtual.xml")
    one.wait()
    assert host.run("virsh domstate virtual").output.strip() == "running"
    assert "virtual" in host.run("virsh list --name").lines()
    host.run("virsh suspend virtual")
    assert host.run("virsh domstate virtual").output.strip() == "paused"
    assert "--p---" in host.run("xl list virtual").output
    host.run("virsh resume virtual")
    assert one.run("echo still here").output.strip() == "still here"
    assert host.run("virsh dominfo virtual | awk '/^CPU\\(s\\)/ { print $2 }'").output.strip() == "1"
    host.run("virsh shutdown virtual")
    host.wait_for("! virsh domstate virtual >/dev/null 2>&1")
    host.wait_for("! xl domid virtual >/dev/null 2>&1")
    assert "virtual" not in host.run("virsh list --all --name").lines()
