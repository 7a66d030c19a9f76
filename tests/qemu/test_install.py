# SPDX-License-Identifier: Apache-2.0
"""The way of a Debian user: the package is installed on a Debian with systemd, whose GRUB then starts it. For `make
soak`: systemd starts twice, under emulation, and GRUB's menu is made there."""

import shutil
import subprocess

import pytest

from conftest import SOAK
from machine import BUILD, IMAGES, QUICK, REBOOTS, ROOT, Guest, Machine
from test_package import deb
from uefi import grub_board

pytestmark = [pytest.mark.skipif(not SOAK, reason="for `make soak`: two starts of systemd and update-grub, emulated"),
              pytest.mark.torpor_only("it is Torpor's package")]

KERNEL = BUILD / "debian/kernel/boot"
# Debian's disk is unpacked, not installed: dpkg knows none of what is there, and ldconfig is not.
DPKG = "dpkg --force-depends --force-bad-path"
# As a user sets them; the override is Debian's own (xen-hypervisor-common).
GRUB_DEFAULTS = f"""
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX="console=hvc0 {QUICK}"
GRUB_CMDLINE_XEN="dom0_mem=1024M dom0_max_vcpus=2 bootscrub=0"
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Has in /tmp/job the package, an older one, and dom0's kernel with what belongs to it under Debian's names."""
    job, esp = tmp_path_factory.mktemp("job"), tmp_path_factory.mktemp("esp")
    subprocess.run(["package/assemble", "0.0", "1700000000", job / "old"], cwd=ROOT, check=True)
    old = job / "old.deb"
    next((job / "old").glob("torpor_*.deb")).rename(old)
    new = shutil.copy(deb("torpor"), job / "new.deb")
    version = next(KERNEL.glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
    ramdisk = shutil.copy(IMAGES / "dom0.gz", job / f"initrd.img-{version}")
    board = grub_board(esp, "dom0_mem=1024M dom0_max_vcpus=2", mem=3072, image=IMAGES / "systemd.img", extra=REBOOTS,
                       files=[old, new, ramdisk, KERNEL / f"vmlinuz-{version}", KERNEL / f"config-{version}"])
    with Machine("install", board) as one:
        one.boot()
        one.run(f"""
            mkdir -p /boot/grub
            cp /tmp/job/vmlinuz-* /tmp/job/initrd.img-* /tmp/job/config-* /boot
            cat > /etc/default/grub <<'END'
{GRUB_DEFAULTS}
END""")
        yield one
        if not one.broken:
            one.poweroff()
        one.check_console()


def menu(host):
    return host.run("cat /boot/grub/grub.cfg").output


def test_it_is_installed_and_in_grubs_menu(host):
    host.run(f"{DPKG} -i /tmp/job/old.deb")
    assert "xen_hypervisor\t/boot/xen-4.17-torpor placeholder dom0_mem=1024M" in menu(host)
    assert host.run("dpkg-query -W -f '${Status} ${Version}' torpor").output == "install ok installed 0.0"


def test_an_upgrade_keeps_what_was_configured(host):
    host.run(f"""
        echo SUSPEND_GUESTS=all >> /etc/default/torpor
        {DPKG} -i /tmp/job/new.deb
        grep -qx SUSPEND_GUESTS=all /etc/default/torpor""")
    assert host.run("dpkg-query -W -f '${Status}' torpor").output == "install ok installed"


def test_grub_starts_it(host):
    host.reboot()
    assert "no-real-mode edd=off" in host.run("xl info xen_commandline").output
    assert host.run("cat /proc/cmdline").output.startswith("placeholder root=UUID=")
    assert "Domain-0" in host.run("xl list").output
    assert host.run("ps -o comm= 1").output.strip() == "systemd"


def test_systemctl_suspend_asks_the_guests_first(host):
    one = Guest(host, "one").create()
    said = len(host.console)
    host.run("echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +60 > /sys/class/rtc/rtc0/wakealarm; systemctl suspend")
    host.expect(r"torpor: slept \d+\.\d+ s, woken by pl031", start=said)
    host.wait_for("systemctl show -p ActiveState --value systemd-suspend | grep -qx inactive")
    assert "Freezing user space processes" in one.run("dmesg").output
    one.destroy()


def test_guests_are_saved_restored_checkpointed_and_moved(host):
    """By the package's torpor. A guest moved within one host has no disk: its two halves would share it."""
    host.run("cp /guest/disk.img /tmp/kept.img; ln -sf guest-moved.log /var/log/xen/console/guest-moved--incoming.log")
    kept = Guest(host, "kept", vcpus=2, disk="/tmp/kept.img").create()
    kept.run("mkdir -p /mnt; mount -o ro /dev/xvda /mnt; echo 1 > /tmp/mark")
    host.run("torpor save kept /root/kept.img; ! xl domid kept; torpor restore /root/kept.img")
    kept.run("cd /mnt && sha256sum -c SUMS && [ $(cat /tmp/mark) = 1 ]")
    host.run("torpor checkpoint kept /root/kept.checkpoints")
    kept.run("echo 2 > /tmp/mark")
    host.run("torpor checkpoint kept /root/kept.checkpoints; xl destroy kept; torpor restore /root/kept.checkpoints")
    kept.run("cd /mnt && sha256sum -c SUMS && [ $(cat /tmp/mark) = 2 ]")
    kept.shutdown()
    moved = Guest(host, "moved", vcpus=2).create()
    moved.run("echo 3 > /tmp/mark")
    domid = moved.domid()
    said = host.run("torpor migrate -s '' moved 'torpor migrate-receive' 2>&1").output
    assert "Migration successful." in said and moved.domid() != domid
    moved.run("[ $(cat /tmp/mark) = 3 ]")
    moved.shutdown()
    assert "handed over" in host.run("torpor timeline -l -d moved").output


def test_virsh_creates_a_guest(host):
    virtual = Guest(host, "virtual")
    host.run(f"virsh domxml-from-native xen-xl {virtual.config_path} > /tmp/virtual.xml; "
             "virsh create /tmp/virtual.xml")
    virtual.wait()
    assert "virtual" in host.run("virsh list --name").lines()
    host.run("virsh destroy virtual")


def test_removed_and_purged_nothing_of_it_is_left(host):
    host.run(f"{DPKG} -r torpor && [ ! -e /boot/xen-4.17-torpor ] && [ -e /etc/default/torpor ]")
    assert "torpor" not in menu(host)
    host.run(f"{DPKG} -P torpor && [ ! -e /etc/default/torpor ]")
    assert "torpor" not in host.run("cat /var/lib/dpkg/info/*.list 2>/dev/null || true").output
