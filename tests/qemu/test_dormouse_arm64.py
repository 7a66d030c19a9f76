# SPDX-License-Identifier: Apache-2.0
"""Dormouse's programs on arm64: on Torpor they are saved and restored as those of test_dormouse.py are on stock Xen
for amd64. On stock Xen for arm64, HYPERVISOR=build/xen, nothing saves a guest; the rest works there too."""

import re

import pytest

from machine import BUILD, Board, is_stock_xen
from programs import DiskCheck, Echo, Program, check_counts

PROGRAMS = BUILD / "dormouse/arm64"
BOARD = Board(files=[PROGRAMS / name for name in ("hello", "counter", "smp", "diskcheck", "spaces", "echo")])


def test_hello_prints_and_ends(host):
    hello = Program(host, "hello", memory=32)
    hello.wait("hello from Dormouse")
    host.wait_for("! xl domid hello > /dev/null 2>&1")


@pytest.mark.torpor_only("nothing saves a guest there")
def test_counter_is_checkpointed_saved_and_restored(host, counts):
    counter = Program(host, "counter", memory=32)
    counter.wait("counter: 3 ")
    for _ in range(counts["checkpoints"]):
        counter.checkpoint()
        counter.wait_counting()
    for _ in range(counts["lives"]):
        counter.save_and_restore()
        counter.wait_counting()
    check_counts(counter.counts())
    host.run("xl shutdown -w counter")
    counter.wait("asks for the end")


# What xl would do if it could on Arm: the call that the guest sleeps in returns 1 (xen/include/public/sched.h).
CANCEL = """
import ctypes, sys
control, guest = ctypes.CDLL("libxenctrl.so.4.17"), ctypes.CDLL("libxenguest.so.4.17")
control.xc_interface_open.restype = ctypes.c_void_p
xc, domid = ctypes.c_void_p(control.xc_interface_open(None, None, 0)), int(sys.argv[1])
context = (ctypes.c_uint64 * 128)()         # struct vcpu_guest_context is shorter
assert not control.xc_vcpu_getcontext(xc, domid, 0, context)
context[1] = 1                              # x0
assert not control.xc_vcpu_setcontext(xc, domid, 0, context)
assert not guest.xc_domain_resume(xc, domid, 1)
"""


def test_a_suspend_is_cancelled_and_the_guest_goes_on(host):
    counter = Program(host, "counter", memory=32)
    counter.wait("counter: 3 ")
    counter.request("suspend")
    counter.wait_asleep()
    host.run(f"python3 - $(xl domid counter) <<'EOF'{CANCEL}EOF")
    counter.wait_lines("resumed in place", 1)
    counter.wait_counting()
    check_counts(counter.counts())
    host.run("xl destroy counter")


@pytest.mark.torpor_only("nothing saves a guest there")
def test_all_cpus_are_saved_and_call_each_other_again(host, counts):
    smp = Program(host, "smp", vcpus=counts["vcpus"], memory=32)
    smp.wait(f"smp: {counts['vcpus']} CPUs")
    smp.wait_rounds()
    for _ in range(counts["lives"]):
        smp.save_and_restore()
        smp.wait_rounds()
    host.run("xl destroy smp")


@pytest.mark.torpor_only("nothing saves a guest there")
def test_a_disk_at_work_loses_nothing_when_saved_and_restored(host, counts):
    disk = DiskCheck(host, memory=32)
    for _ in range(counts["lives"]):
        disk.save_and_restore()
        disk.wait_work()
    assert disk.issued_again() > 0
    host.run("xl destroy diskcheck")


def test_an_echo_server_keeps_answering_through_a_save_and_without_its_back_end(host, counts):
    echo = Echo(host, memory=32)
    echo.check_answers()
    for life in range(0 if is_stock_xen() else counts["lives"] - 1):
        echo.offer_queues(2 - life % 2)
        echo.save_and_restore()
        echo.check_answers()
    host.run("xenstore-write $(xenstore-read /local/domain/$(xl domid echo)/device/vif/0/backend)/state 5")
    echo.check_answers()
    host.run("xl destroy echo")


def test_spaces_change_while_a_cpu_and_memory_go_and_come(host, counts):
    """Also over saves, on Torpor."""
    spaces = Program(host, "spaces", vcpus=2, memory=32, config="maxvcpus = 4")
    spaces.wait("the kernel is out of reach")
    spaces.wait_programs()
    host.run("xl vcpu-set -i spaces 1")
    spaces.wait("CPU 1 is offline")
    # as `xl mem-set` does, which aborts in libxl 4.17 on Arm (libxl_defbool_val)
    for kib in (24576, 28672):
        host.run(f"xenstore-write /local/domain/$(xl domid spaces)/memory/target {kib}")
        spaces.wait(f"{kib} KiB of memory")
    if not is_stock_xen():
        for _ in range(counts["rounds"]):
            spaces.save_and_restore()
            spaces.wait_programs()
    for cpu in (1, 3):                                      # one that was away, and one that never was there
        host.run(f"xenstore-write /local/domain/$(xl domid spaces)/cpu/{cpu}/availability online")
        spaces.wait(f"CPU {cpu} is online")
    spaces.wait_programs()
    assert re.search(r"programs, CPUs b$", spaces.console(), re.M)      # user programs ran on all three
    host.run("xl destroy spaces")
