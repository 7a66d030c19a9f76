# SPDX-License-Identifier: Apache-2.0
"""dom0 as a distribution runs it: systemd, Debian's own start of Xen's daemons, udev, libvirt. For `make soak`: under
emulation its start takes long.
"""

import re

import pytest

from conftest import SOAK
from machine import IMAGES, REBOOTS, Board
from sleeping import FIRMWARE

pytestmark = [pytest.mark.skipif(not SOAK, reason="for `make soak`: a start of systemd takes a minute under emulation"),
              pytest.mark.torpor_only("stock Xen's host does not sleep")]

BOARD = Board(mem=3072, arguments="dom0_mem=1024M dom0_max_vcpus=2", bios=FIRMWARE, image=IMAGES / "systemd.img",
              extra=REBOOTS)


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


@pytest.fixture
def persistent(host, guest):
    """Makes guests that libvirt knows for good, and has started."""
    made = []

    def make(name, **options):
        one = guest(name, **options)
        made.append(name)
        host.run(f"""
            virsh domxml-from-native xen-xl {one.config_path} > /tmp/{name}.xml
            virsh define /tmp/{name}.xml
            virsh start {name}""")
        return one.wait()

    yield make
    for name in made if not host.broken else []:
        host.run(f"virsh destroy {name} || true; virsh undefine --managed-save {name}", check=False)


def assert_here(one):
    assert one.run("cat /tmp/mark").output.strip() == "made before"


def times_up(one):
    return f"grep -c 'guest: up' {one.log}"


def test_virsh_saves_a_guest_and_starts_it_where_it_was(host, persistent):
    one = persistent("kept", vcpus=2)
    one.run("echo made before > /tmp/mark")
    least, most = one.lateness()
    for _ in range(2):
        host.run("virsh managedsave kept")
        assert re.search(r"^Managed save: +yes", host.run("virsh dominfo kept").output, re.M)
        assert host.run("xl domid kept", check=False).status
        host.run("virsh start kept")
        assert_here(one)
        now = one.lateness()
        assert now[0] <= most and now[1] >= least, (now, least, most)   # by its counter it has the time away, too
    one.type("reboot -f")
    host.wait_for(f"[ $({times_up(one)}) = 2 ]")
    host.run("virsh shutdown kept")
    host.wait_for("virsh domstate kept | grep -q 'shut off'")


def test_a_guest_that_virsh_could_not_save_goes_on_and_its_end_is_seen(host, persistent):
    one = persistent("full", vcpus=2)
    one.run("echo made before > /tmp/mark")
    saved = "/var/lib/libvirt/libxl/save"
    assert host.run(f"""
        mount -t tmpfs -o size=4m tmpfs {saved}
        virsh managedsave full && status=0 || status=$?
        umount {saved}
        exit $status""", check=False).status == 1
    assert_here(one)
    assert "full" in host.run("virsh list --name").lines()
    one.type("reboot -f")
    host.wait_for(f"[ $({times_up(one)}) = 2 ]")
    host.run("virsh shutdown full")
    host.wait_for("virsh domstate full | grep -q 'shut off'")


def test_a_guest_of_libvirts_that_was_checkpointed_is_libvirts_still(host, persistent):
    one = persistent("both")
    host.run("torpor save -c both /root/both.img")
    one.type("poweroff -f")
    host.wait_for("virsh domstate both | grep -q 'shut off'")
    host.wait_for("! xl domid both > /dev/null 2>&1")


def test_guests_are_there_again_after_the_host_was_rebooted(host, persistent):
    one = persistent("through", vcpus=2)
    one.run("echo made before > /tmp/mark")
    host.reboot()
    host.wait_for("virsh domstate through | grep -q running")
    assert_here(one)
    assert int(host.run(times_up(one)).output) == 1
