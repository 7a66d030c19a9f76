# SPDX-License-Identifier: Apache-2.0
"""The host jumps into another kernel beside it, stock Linux, and comes back, guests and all."""

import base64
import re
import struct
from dataclasses import replace

import pytest

import pci
from conftest import SOAK, life_of
from machine import BUILD, IMAGES, QUICK, REBOOTS, Board, Guest, Machine, bare_board
from sleeping import FIRMWARE, end_traffic, start_traffic

# dom0's disk has no kexec
BOARD = Board(arguments="dom0_mem=768M dom0_max_vcpus=2 crashkernel=128M",
              files=[BUILD / "keeper.gz", BUILD / "debian/keeper/sbin/kexec", BUILD / "tools/torpor"])
STAGES = ["hibernation_begin", "domains", "dom0", "hibernation_snapshot", "cpus", "timers", "console", "smmu", "its",
          "gic", "core", "jump"]

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 has no kexec on Arm")


def load(host, arguments):
    """Stock kexec-tools put Debian's kernel and the keeper into the window."""
    host.run(f"""
        cd /tmp/job
        ./torpor jump -d host.dtb
        ./kexec -i -p --dtb=host.dtb --initrd=keeper.gz --append="console=ttyAMA0 cma=0 {arguments}" /guest/vmlinuz""")


def jump_and_back(host):
    """The other kernel's words about itself are on the console, and then the hypervisor's."""
    said = len(host.console)
    load(host, "pci=nomsi kexec_jump_back_entry=$(xenhypfs cat /torpor/jump/back-entry)")
    host.run("/tmp/job/torpor jump")
    said = host.console[said:]
    assert re.search(rf"^keeper: Linux 6\.1\S*, {host.board.smp} CPUs, back at 0x", said, re.M), said
    assert re.search(r"^keeper: [67]\d\d MiB of who was here before are in /proc/vmcore$", said, re.M), said
    assert re.search(r"torpor: jumped into another kernel, and back after \d+\.\d+ s", said), said


# How often: a Linux does not keep itself, so it is loaded for each jump
@pytest.mark.parametrize("name,jumps,parts", [
    ("gic3-2cpu-smmu", 1, {"machine": pci.SMMU, "extra": pci.DISK_BEHIND_SMMU})] + SOAK * [
    ("gic3-2cpu", 3, {}), ("gic2-1cpu", 3, {"gic": 2, "smp": 1}), ("gic3-4cpu", 3, {"smp": 4}),
    ("gic2-4cpu-max-firmware", 3, {"gic": 2, "smp": 4, "cpu": "max", "bios": FIRMWARE})])
def test_the_host_goes_to_stock_linux_and_back_with_a_guest_at_work(name, jumps, parts):
    with life_of(Machine(f"jump-linux-{name}", replace(BOARD, **{"extra": pci.DISK} | parts))) as host:
        host.run("cp /guest/disk.img /tmp/one.img")
        one = Guest(host, "one", disk="/tmp/one.img", address="192.168.77.2").create()
        start_traffic(host, [one])
        for _ in range(jumps):
            jump_and_back(host)
            assert pci.messages(host) > 0
        end_traffic(host, [one])


def back_image(entry):
    """An arm64 Image (Linux Documentation/arm64/booting.rst) that goes there."""
    header = struct.pack("<2I3Q3Q2I", 0x14000010, 0, 0, 0x1000, 0xa, 0, 0, 0, 0x644d5241, 0)
    return (header + struct.pack("<2IQ", 0x58000049, 0xd61f0120, entry)).ljust(4096, b"\0")   # ldr x9, .+8; br x9


@pytest.mark.skipif(not SOAK, reason="for `make soak`: dom0 and its devices go down a dozen times")
def test_every_stage_may_fail_and_the_other_may_come_back_at_once():
    """With a guest at work all the time."""
    with life_of(Machine("jump-faults", BOARD)) as host:
        host.run("cp /guest/disk.img /tmp/one.img")
        one = Guest(host, "one", disk="/tmp/one.img", address="192.168.77.2").create()
        start_traffic(host, [one])
        load(host, "pci=nomsi kexec_jump_back_entry=$(xenhypfs cat /torpor/jump/back-entry)")
        for stage in STAGES:
            host.run(f"xenhypfs write /torpor/sleep/fail jump/{stage}; ! /tmp/job/torpor jump")
            assert f"the host does not jump: stage {stage} failed" in host.console
        host.run("/tmp/job/torpor jump")
        assert re.search(r"^keeper: Linux 6\.1", host.console, re.M)
        image = back_image(int(host.run("xenhypfs cat /torpor/jump/back-entry").output, 16))
        host.run(f"""
            cd /tmp/job
            echo {base64.b64encode(image).decode()} | base64 -d > back.img
            ./kexec -i -p --dtb=host.dtb --append=x back.img
            for turn in 1 2 3; do ./torpor jump; done""")
        assert len(re.findall(r"torpor: jumped into another kernel, and back after", host.console)) == 4
        end_traffic(host, [one])


@pytest.mark.skipif(not SOAK, reason="for `make soak`: the way in is tested by the small system below")
def test_another_kernel_that_panics_starts_the_machine_anew():
    with Machine("jump-panic", BOARD) as host:
        host.boot()
        host.alarms_expected = True
        load(host, "rdinit=/nothing panic=-1")
        host.start("/tmp/job/torpor jump")
        host.expect(r"Kernel panic - not syncing: ")
        assert host.wait_exit() == 0


@pytest.mark.skipif(not SOAK, reason="for `make soak`: the way in is tested by the small system below")
def test_another_kernel_that_powers_off_has_powered_off():
    with Machine("jump-off", BOARD) as host:
        host.boot()
        host.alarms_expected = True
        load(host, "rdinit=/bin/busybox -- poweroff -f")
        host.start("/tmp/job/torpor jump")
        host.expect(r"reboot: Power down")
        assert host.wait_exit() == 0
        assert "torpor: jumped into another kernel, and back" not in host.console


# The watchdog is set when its process sleeps for the first time
FEED = "xenwatchdogd 5 1; until grep -q nanosleep /proc/$(pgrep xenwatchdogd)/wchan; do :; done"


@pytest.mark.skipif(not SOAK, reason="for `make soak`: the way in is tested by the small system below")
@pytest.mark.parametrize("crash,reason", [
    (f"{FEED}; echo c > /proc/sysrq-trigger", r"dom0's watchdog has run out: rebooting"),
    ("xl debug-keys C", r"panic: key 'C' was pressed")], ids=["dom0", "torpor"])
def test_a_crash_goes_to_stock_linux_which_sees_the_memory(crash, reason, request):
    with Machine(f"jump-crash-{request.node.callspec.id}", BOARD) as host:
        host.boot()
        host.alarms_expected = True
        load(host, "nr_cpus=1")
        host.start(crash)
        host.expect(rf"torpor: {reason}")
        host.expect(r"^keeper: Linux 6\.1\S*, 1 CPUs, back at no address$")
        host.expect(r"^keeper: [67]\d\d MiB of who was here before are in /proc/vmcore$")
        assert host.wait_exit() == 0


KDUMP_TOOLS = f"""
USE_KDUMP=1
KDUMP_KERNEL=/guest/vmlinuz
KDUMP_INITRD=/tmp/job/dom0.gz
KDUMP_KEXEC_ARGS="-i --dtb=/tmp/job/host.dtb"
KDUMP_CMDLINE="console=ttyAMA0 {QUICK}"
KDUMP_CMDLINE_APPEND="nr_cpus=1 reset_devices systemd.unit=kdump-tools-dump.service"
"""


@pytest.mark.skipif(not SOAK, reason="for `make soak`: three boots of a dom0 with systemd")
def test_debians_kdump_tools_keep_the_dump_of_a_dom0_that_crashed():
    """The real package, of a dom0 with systemd: the second kernel starts the same userland, which keeps the dump and
    reboots."""
    board = Board(mem=3072, image=IMAGES / "systemd.img", files=[BUILD / "tools/torpor", IMAGES / "dom0.gz"],
                  arguments="dom0_mem=1024M dom0_max_vcpus=2 crashkernel=256M", extra=REBOOTS)
    with Machine("jump-kdump-tools", board) as host:
        host.boot()
        host.alarms_expected = True
        host.run(f"""
            /tmp/job/torpor jump -d /tmp/job/host.dtb
            for wrong in "" 0x1000 "0x1000 " "0x1000 10 " "1000 1g" "00000000000001000 10"; do
                if xenhypfs write /torpor/jump/vmcoreinfo "$wrong"; then exit 1; fi
            done
            xenhypfs write /torpor/jump/vmcoreinfo "$(cat /sys/kernel/vmcoreinfo)"
            cat > /etc/default/kdump-tools <<'EOF'
{KDUMP_TOOLS}EOF
            kdump-config load
            sync""")
        host.reboot(f"{FEED}; echo c > /proc/sysrq-trigger")
        assert "torpor: going to the kernel that dom0 has loaded for a crash" in host.console
        host.run("""
            cd /var/crash/2*
            grep -q 'Kernel panic - not syncing: sysrq triggered crash' dmesg.*
            head -c 12 dump.* | grep -qx makedumpfile
            [ $(stat -c %s dump.*) -gt $((16 << 20)) ]""")


@pytest.mark.parametrize("gic,cpus,cpu,bios", [(3, 2, "cortex-a57", None), (2, 4, "max", FIRMWARE)],
                         ids=["gic3-2cpu", "gic2-4cpu-max-firmware"])
def test_a_small_system_is_called_at_el2_and_keeps_its_state(gic, cpus, cpu, bios):
    board = bare_board("jump", "rounds=10", arguments="crashkernel=2M", gic=gic, smp=cpus, cpu=cpu, bios=bios)
    with Machine(f"jump-gic{gic}-{cpus}cpu", board) as machine:
        machine.expect(rf"^faults: {len(STAGES)} of {len(STAGES)}$")
        machine.expect(r"^jumps: 10 of 10, \d+ ticks there and back$")
        machine.expect(r"^side by side: 10 of 10$")   # two systems, each of which keeps its own state
        machine.expect(r"torpor: dom0 has crashed \(reason 3\): rebooting$")
        machine.expect(r"torpor: going to the kernel that dom0 has loaded for a crash$")
        machine.expect(r"torpor: it came back, but there is nothing to go on with$")
        assert machine.wait_exit() == 0
        assert "no memory for a copy" not in machine.console
        assert len(re.findall(r"torpor: jumped into another kernel, and back after", machine.console)) == 30
        machine.check_console()
