# SPDX-License-Identifier: Apache-2.0
"""The host goes to a disk, guests running, and comes back from it in another machine."""

import hashlib
import math
import random
import re
import shutil
import struct
import subprocess
import time

import pytest

import pci
from conftest import SOAK, life_of
from hibernating import (HOW, TORPOR, HibernatingBoard, begin_hibernation, find_image_disk, hibernate, make_disks,
                         wait_restored)
from machine import BUILD, IMAGES, ROOT, Guest, Machine
from sleeping import FIRMWARE, assert_slept, end_traffic, sleep_host, start_traffic
from test_jump import STAGES
from test_package import deb

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 cannot hibernate")
soak_only = pytest.mark.skipif(not SOAK, reason="for `make soak`: it takes minutes")

FILES = "find / -xdev -type f ! -path '/tmp/*'"   # a guest's, which are in its memory
USUAL = r"^keeper: no image; the host boots as usual$"


def start_guest(host, name="one", address="192.168.77.2"):
    host.run(f"cp /guest/disk.img /root/{name}.img")
    one = Guest(host, name, disk=f"/root/{name}.img", address=address).create()
    start_traffic(host, [one])
    one.run(f"{FILES} -exec md5sum {{}} + > /tmp/files")
    return one


def snapshot(host):
    said = len(host.console)
    host.run(f"{TORPOR} snapshot {HOW}")
    assert re.search(r"torpor: jumped into another kernel, and back", host.console[said:])


def see_them_go_on(host, guests):
    """In a machine that was switched on with its image: the tool, the date, and the guests go on."""
    said = wait_restored(host)
    assert re.search(r"^the host was saved to \S+ \(\d+ MiB\), powered off, and goes on\nstatus 0$", said, re.M), said
    date, clock = map(int, host.run("date +%s; cat /sys/class/rtc/rtc0/since_epoch").output.split())
    assert abs(date - clock) <= 2   # seconds: the counter went on by the time that the machine was off
    shown = host.run(f"{TORPOR} timeline").output
    assert re.findall(r"^ +\d.*  (\w+)$", shown.partition("AWAY")[2].partition("UP")[0], re.M) == [
        "starting", "saving", "off", "checking", "restoring"], shown
    for one in guests:
        one.machine = host
        one.run("md5sum -c /tmp/files > /dev/null")
    end_traffic(host, guests)


def end(host):
    host.destroy_all()
    host.poweroff()
    host.check_console()


@soak_only
def test_every_stage_may_fail_and_a_crash_is_not_saved(tmp_path):
    """With a guest at work all the time; the kernel that was to save the host is there still when it crashes."""
    make_disks(tmp_path)
    board = HibernatingBoard(folder=tmp_path)
    with Machine("hibernate-faults", board) as host:
        host.boot()
        find_image_disk(host)
        one = start_guest(host)
        snapshot(host)
        for stage in STAGES:
            said = len(host.console)
            host.run(f"xenhypfs write /torpor/sleep/fail jump/{stage}")
            failed = host.run(f"{TORPOR} hibernate {HOW} 2>&1", check=False)
            assert failed.status == 1, failed.output
            assert f"the host does not jump: stage {stage} failed" in host.console[said:]
        end_traffic(host, [one])
        host.alarms_expected = True
        host.start("xl debug-keys C")
        host.expect(r"^keeper: nothing is saved: the host has crashed$")
        assert host.wait_exit() == 0
    with Machine("hibernate-after-a-crash", board) as host:
        host.expect(USUAL)


@soak_only
def test_three_guests_of_which_one_is_suspended_between_sleeps_of_the_host(tmp_path):
    """Twice: the counter that the second image goes on with is ahead of its machine's already."""
    make_disks(tmp_path, mebibytes=1600)
    board = HibernatingBoard(folder=tmp_path, smp=2, mem=1536)
    with Machine("hibernate-three-down", board) as host:
        host.boot()
        find_image_disk(host)
        guests = [start_guest(host), start_guest(host, "two", "192.168.77.3")]
        suspended = Guest(host, "three").create()
        suspended.run("cat /proc/sys/kernel/random/boot_id > /tmp/life")
        suspended.suspend()
        assert_slept(sleep_host(host))
        hibernate(host)
    for again in (True, False):
        with Machine("hibernate-three-up", board) as host:
            see_them_go_on(host, guests)
            host.run("xl list three | grep -q -- '-bp---'")
            assert_slept(sleep_host(host))
            if again:
                find_image_disk(host)
                start_traffic(host, guests)
                hibernate(host)
                continue
            suspended.machine = host
            host.run("torpor wake three")
            suspended.wait_awake()
            suspended.run("grep -qxf /tmp/life /proc/sys/kernel/random/boot_id")
            end(host)


def switched_on_for(board, seconds):
    """Such a machine does nothing for so long, and then looks for an image."""
    board.start[-1] += " rdinit=/bin/sh"
    machine = Machine("hibernate-late-up", board)
    machine.expect("job control turned off")
    machine.send(f"/bin/busybox sleep {seconds}; exec /init\n")
    return machine


@soak_only
def test_the_counter_may_be_higher_than_before_and_nothing_else_be_left(tmp_path):
    """The firmware loses what real hardware loses, and dom0's vCPU was and is again on another CPU than the first."""
    make_disks(tmp_path)
    board = HibernatingBoard(folder=tmp_path, bios=FIRMWARE)
    begun = time.monotonic()
    with Machine("hibernate-late-down", board) as host:
        host.boot()
        find_image_disk(host)
        host.run("xl vcpu-pin 0 0 1; [ $(xl vcpu-list 0 | awk 'NR == 2 { print $4 }') = 1 ]")
        one = start_guest(host)
        assert_slept(sleep_host(host))
        hibernate(host)
    with switched_on_for(board, math.ceil(time.monotonic() - begun)) as host:   # a machine's counter begins at 0
        see_them_go_on(host, [one])
        host.run("[ $(xl vcpu-list 0 | awk 'NR == 2 { print $4 $7 }') = 11 ]")
        start_traffic(host, [one])
        assert_slept(sleep_host(host))
        end_traffic(host, [one])
        end(host)


def flip_a_bit(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 4]))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def saved_above_4_gib(image):
    runs = subprocess.run(["llvm-readelf", "-lW", image], check=True, capture_output=True, text=True).stdout
    return any(int(at, 16) >= 4 << 30 for at in re.findall(r"^ *LOAD +\S+ +\S+ +(\S+)", runs, re.M))


@pytest.mark.parametrize("name,options,parts", [("gic3-2cpu", "", {"smp": 2})] + SOAK * [
    ("gic2-1cpu-4gib", "", {"gic": 2, "smp": 1, "mem": 4096}),
    ("gic3-2cpu-smmu", "", {"smp": 2, "machine": pci.SMMU, "extra": pci.DISK_BEHIND_SMMU}),
    ("gic3-4cpu-max-3gib-packed", "-z", {"smp": 4, "cpu": "max", "mem": 3072})])
def test_a_host_with_a_guest_at_work_goes_on_in_a_new_machine(name, options, parts, tmp_path):
    make_disks(tmp_path)
    board = HibernatingBoard(folder=tmp_path, **{"extra": pci.DISK} | parts)
    with Machine(f"hibernate-down-{name}", board) as host:
        host.expect(USUAL)
        host.boot()
        find_image_disk(host)
        assert pci.messages(host) > 0
        one = start_guest(host)
        snapshot(host)
        hibernate(host, options)
    assert board.mem <= 3072 or saved_above_4_gib(tmp_path / "image.img")
    if not options:
        see_what_debuggers_see(tmp_path / "image.img", board.smp)
    with Machine(f"hibernate-up-{name}", board) as host:
        see_them_go_on(host, [one])
        assert pci.messages(host) > 0
        end(host)


def system_registers(core):
    """MPIDR and VBAR_EL2 of each CPU's note (IMAGE_NOTE_CPU), the one that left first."""
    for data in re.findall(r"TORPOR.*\(0x54500005\)\s+description data: ((?:[0-9a-f]{2} ?)+)", core):
        words = struct.unpack("<21Q", bytes.fromhex(data))
        yield words[0], words[9]


def see_what_debuggers_see(image, cpus):
    core = subprocess.run(["llvm-readelf", "-h", "-n", image], check=True, capture_output=True, text=True).stdout
    assert "CORE (Core file)" in core and "TORPOR" in core
    assert re.search(rf"VMCOREINFO.*\n.*{b'OSRELEASE=6.1'.hex(' ')}", core), core
    said = subprocess.run(["gdb-multiarch", "-batch", "-nx", "-x", ROOT / "tools/torpor-gdb.py",
                           "-ex", "torpor-domains", "-ex", "torpor-vcpu 1 0", "-ex", "torpor-cpus",
                           "-ex", "thread apply all -ascending backtrace",
                           BUILD / "hypervisor/torpor.elf", image], check=True, capture_output=True, text=True).stdout
    assert re.search(r"^domain 0: alive, \d+ pages.*\n  vCPU 0: on,", said, re.M), said
    assert re.search(r"^domain 1: alive, 2\d{4} pages.*frozen\n  vCPU 0: on,", said, re.M), said
    assert re.search(r"^ +x0 [0-9a-f]{16} ", said, re.M), said
    seen = re.findall(r"^CPU (\d+): MPIDR (\S+), (\w+)\n(?: .*\n)* +\w+ .*vbar ([0-9a-f]{16})", said, re.M)
    assert [cpu[:3] for cpu in seen] == [(f"{n}", f"{n:#x}", "off" if n else "on") for n in range(cpus)], said
    assert len({vectors for *_, vectors in seen}) == 1 and seen[0][3] != "0" * 16, said
    assert [(mpidr, vectors) for mpidr, vectors in system_registers(core)] == [
        (int(mpidr, 16), int(vectors, 16)) for _, mpidr, _, vectors in seen], core
    stacks = said.partition("\nThread 1 ")[2].split("\nThread ")
    assert ["jump_enter" in stacks[0]] + ["cpu_off_if_called" in stack for stack in stacks[1:]] == [True] * cpus, said


def dumped(host):
    """The size of a dump in dom0, which has to be an ELF core, its tables in front where crash(8) looks for them."""
    assert host.run("od -An -tu8 -j32 -N8 /root/core").output.strip() == "64"
    return int(host.run("head -c 4 /root/core | grep -q ELF; stat -c %s /root/core; sync").output)


def brought(folder):
    """The dump from dom0's disk, when its machine has ended."""
    disk = shutil.copy(folder / "dom0.img", folder / "read.img")
    checked = subprocess.run(["/sbin/e2fsck", "-fy", disk], capture_output=True, text=True)
    assert checked.returncode in (0, 1), checked.stdout   # 1: it was in use
    subprocess.run(["/sbin/debugfs", "-R", f"dump /root/core {folder / 'core'}", disk], check=True, capture_output=True)
    return folder / "core"


@soak_only
def test_snapshots_are_taken_again_and_again(tmp_path):
    make_disks(tmp_path)
    subprocess.run(["/sbin/resize2fs", tmp_path / "dom0.img", "1G"], check=True, capture_output=True)   # for the dump
    with life_of(Machine("hibernate-snapshots", HibernatingBoard(folder=tmp_path))) as host:
        find_image_disk(host)
        one = start_guest(host)
        for _ in range(5):
            snapshot(host)
        end_traffic(host, [one])
        host.run(f"{TORPOR} dump -t /dev/disk-of-images /root/core")
        assert dumped(host) > 64 << 20
        see_what_debuggers_see(tmp_path / "image.img", host.board.smp)
        host.run(f"{TORPOR} snapshot -z {HOW}; rm /root/core; {TORPOR} dump -t /dev/disk-of-images /root/core")
        stored = int(re.findall(r"^keeper: \d+ runs of pages, (\d+) MiB stored", host.console, re.M)[-1])
        assert stored << 20 < dumped(host) * 2 / 3   # it was packed on the partition
    see_what_debuggers_see(brought(tmp_path), host.board.smp)
    with Machine("hibernate-after-snapshots", HibernatingBoard(folder=tmp_path)) as host:
        host.expect(USUAL)   # the disks have gone on


@soak_only
def test_an_image_that_is_damaged_or_foreign_or_used_is_left_alone(tmp_path):
    make_disks(tmp_path)
    image, right = tmp_path / "image.img", tmp_path / "right.img"
    board = HibernatingBoard(folder=tmp_path)
    with Machine("hibernate-damaged", board) as host:
        host.boot()
        find_image_disk(host)
        one = start_guest(host)
        hibernate(host)
    shutil.copy(image, right)

    def refused(why, **parts):
        before = digest(image)
        with Machine("hibernate-refused", HibernatingBoard(folder=tmp_path, **parts)) as machine:
            machine.expect(rf"^keeper: the image on \S+ is left as it is: {why}$")
            machine.expect(r"^keeper: no image can be resumed; the host boots as usual$")
            machine.expect(r"torpor: Torpor \S+, Xen ABI")
        assert digest(image) == before
        shutil.copy(right, image)

    flip_a_bit(image, 64)
    refused("its header is damaged")
    flip_a_bit(image, 100 << 20)
    refused("its data are damaged")
    refused("it is of another machine", smp=2 if board.smp == 1 else 1)
    refused("it is of another machine", mem=2048)
    with Machine("hibernate-right", board) as host:
        see_them_go_on(host, [one])
        end(host)
    with Machine("hibernate-used", board) as host:
        host.expect(USUAL)
    shutil.copy(right, image)   # as if nobody had marked it: its partition may have been away when the host booted
    refused("a disk of the host is not as it was then, or not there")
    with Machine("hibernate-given-up", HibernatingBoard(folder=tmp_path, keeper="boot")) as host:
        host.expect(r"^keeper: the image on \S+ is given up$")
        host.boot()
    with Machine("hibernate-not-again", board) as host:
        host.expect(USUAL)


@soak_only
def test_a_partition_that_cannot_take_the_image_is_found_out_first(tmp_path):
    make_disks(tmp_path, mebibytes=64)
    with life_of(Machine("hibernate-small", HibernatingBoard(folder=tmp_path))) as host:
        find_image_disk(host)
        said = host.run(f"{TORPOR} hibernate --check {HOW} 2>&1", check=False)
        assert said.status == 1 and re.search(r"is too small: it has 64 MiB, and .* may need \d+$", said.output)
        said = host.run(f"{TORPOR} hibernate --check -k /guest/vmlinuz -i keeper.gz -t /dev/vdc 2>&1", check=False)
        assert said.status == 1 and re.search(r"in use|has something else on it", said.output)


@soak_only
@pytest.mark.parametrize("what,devices", [("disk", []), ("keeper", ["-device", "i6300esb"])], ids=["disk", "keeper"])
def test_a_keeper_that_hangs_starts_the_machine_anew(what, devices, tmp_path):
    """Its disk does not answer, which its own thread sees; or all of it stands still, and the machine's watchdog is not
    fed any more."""
    make_disks(tmp_path)
    with Machine(f"hibernate-hangs-{what}", HibernatingBoard(folder=tmp_path, extra=devices)) as host:
        host.boot()
        find_image_disk(host)
        if devices:
            snapshot(host)
            host.run("sleep 130")   # the watchdog is off when the host goes on
        begin_hibernation(host, "-a rdinit=/bin/sh")
        begun = host.expect("job control turned off").end()
        host.monitor("block_set_io_throttle image 0 0 1 0 0 0")   # a byte written in a second
        host.send("/bin/busybox mount -t devtmpfs devtmpfs /dev; /init &\n")
        if devices:
            host.expect(r"^keeper: the machine's watchdog \(i6300ESB timer\) bites after 120 s$", start=begun)
            host.send("/bin/busybox killall -STOP keeper\n")
        assert host.wait_exit() == 0
        said = host.console[begun:]
        assert ("keeper: nothing has gone on for 120 s" in said) == (not devices)
        assert "Kernel panic" not in said
    with Machine(f"hibernate-hung-{what}", HibernatingBoard(folder=tmp_path)) as host:
        host.expect(USUAL)


@soak_only
def test_systemctl_hibernate_saves_the_whole_host(tmp_path):
    """On a dom0 with systemd, and the package."""
    package = shutil.copy(deb("torpor"), tmp_path / "torpor.deb")
    make_disks(tmp_path, image=IMAGES / "systemd.img")
    board = HibernatingBoard(folder=tmp_path, mem=3072, arguments="dom0_mem=1024M dom0_max_vcpus=2 crashkernel=128M",
                             files=[package, BUILD / "debian/keeper/sbin/kexec"])
    with Machine("hibernate-systemd-down", board) as host:
        host.boot()
        find_image_disk(host)
        host.run("""
            dpkg --force-depends --force-bad-path -i /tmp/job/torpor.deb
            cp /tmp/job/kexec /usr/local/sbin
            cp /guest/vmlinuz /boot/vmlinuz-$(uname -r)
            mkdir -p /dev/disk/by-partlabel
            ln -s /dev/disk-of-images /dev/disk/by-partlabel/torpor
            systemctl daemon-reload
            systemctl restart systemd-logind""")
        one = Guest(host, "one").create()
        one.run("echo made before > /tmp/mark")
        host.start("systemctl hibernate")
        host.expect(r"^keeper: the host is saved; powering off$")
        assert host.wait_exit() == 0
        host.check_console()
    with Machine("hibernate-systemd-up", board) as host:
        host.expect(r"torpor: restored from its image after \d+\.\d+ s")
        host.attach()
        host.wait_for("systemctl show -p ActiveState --value systemd-hibernate | grep -qx inactive")
        assert host.run("systemctl show -p Result --value systemd-hibernate").output.strip() == "success"
        one.machine = host
        assert one.run("cat /tmp/mark").output.strip() == "made before"
        end(host)


@soak_only
def test_power_may_fail_at_any_moment(tmp_path):
    """Either the host boots as usual, or it is restored whole."""
    make_disks(tmp_path)
    board, moments = HibernatingBoard(folder=tmp_path), random.Random(1)

    def go_on_for_a_while(machine, doing):
        """Until so many tenths are done, and a little longer; what is expected does not depend on how long."""
        said = 0
        for _ in range(moments.randint(1, 10)):
            said = machine.expect(rf"^keeper: {doing} \d+ ", start=said).end()
        time.sleep(moments.uniform(0, 0.2))

    for turn in range(10):
        with Machine(f"hibernate-cut-{turn}", board) as host:
            if host.expect(rf"{USUAL}|^keeper: into the host$").group().endswith("usual"):
                host.boot()
            else:
                host.attach()
            find_image_disk(host)
            begin_hibernation(host)
            if turn % 2 == 0:
                go_on_for_a_while(host, "saved")
                continue
            host.expect(r"^keeper: the host is saved")
            host.wait_exit()
        with Machine(f"hibernate-cut-up-{turn}", board) as host:
            go_on_for_a_while(host, moments.choice(["checked", "restored"]))
