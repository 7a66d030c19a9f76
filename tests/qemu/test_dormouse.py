# SPDX-License-Identifier: Apache-2.0
"""Dormouse's programs under unmodified xl on stock Xen 4.17 for amd64: they start, are saved, checkpointed,
restored, and answer dom0."""

import re
from pathlib import Path

import pytest

import liar
from conftest import SOAK, life_of
from machine import BUILD, ROOT, Machine, X86Board
from programs import DiskCheck, Echo, Program, check_counts

PROGRAMS = BUILD / "dormouse/x86_64"


@pytest.fixture(scope="module")
def x86():
    names = ("hello", "counter", "smp", "shell", "diskcheck", "spaces", "echo")
    board = X86Board(files=[PROGRAMS / name for name in names] + [Path(liar.__file__)])
    with life_of(Machine("dormouse", board, hypervisor=X86Board.XEN)) as machine:
        yield machine


@pytest.fixture(scope="module")
def counter(x86):
    """One that stays for all tests, under the same name; each leaves it running."""
    program = Program(x86, "counter")
    program.wait("counter: 3 ")
    return program


def test_hello_prints_and_ends(x86):
    hello = Program(x86, "hello")
    hello.wait("hello from Dormouse")
    x86.wait_for("! xl domid hello > /dev/null 2>&1")


def test_checkpoint_goes_on_in_place(counter, counts):
    for _ in range(counts["checkpoints"]):
        counter.checkpoint()
        counter.wait_counting()
    check_counts(counter.counts())


def test_save_and_restore_several_times(counter, counts):
    for _ in range(counts["lives"]):
        counter.save_and_restore()
        counter.wait_counting()
        check_counts(counter.counts())


# A save into a pipe that nobody reads stands still, with its guest asleep, until somebody does or closes it.
SAVE_THAT_WAITS = """
    rm -f /tmp/pipe /tmp/read /tmp/close /tmp/saved && mkfifo /tmp/pipe
    (xl save {options} {name} /tmp/pipe && echo done > /tmp/saved || echo failed > /tmp/saved) > /tmp/save.log 2>&1 &
    (exec 3< /tmp/pipe
     until [ -e /tmp/read ] || [ -e /tmp/close ]; do sleep 0.1; done
     [ -e /tmp/close ] || cat <&3 > /dev/null) > /dev/null 2>&1 &"""


def test_a_second_suspend_while_one_is_under_way_is_ignored(x86, counter):
    lives = counter.console().count("resumed in place")
    x86.run(SAVE_THAT_WAITS.format(options="-c", name="counter"))
    counter.wait_asleep()
    counter.request("suspend")
    x86.run("touch /tmp/read")
    x86.wait_for("[ -s /tmp/saved ]")
    counter.wait("a second suspend while one was under way is ignored")
    counter.wait_counting()
    assert counter.console().count("resumed in place") == lives + 1
    check_counts(counter.counts())


def test_a_suspend_is_cancelled_when_the_image_cannot_be_written(x86, counter):
    lives = counter.console().count("resumed in place")
    x86.run(SAVE_THAT_WAITS.format(options="", name="counter"))
    counter.wait_asleep()
    x86.run("touch /tmp/close")
    counter.wait_lines("resumed in place", lives + 1)
    counter.wait_counting()
    check_counts(counter.counts())
    x86.wait_for("[ -s /tmp/saved ]")
    assert x86.run("cat /tmp/saved").output == "failed\n"


def test_each_stage_may_fail_and_the_next_suspend_works(x86, counter):
    source = (ROOT / "dormouse/xen/suspend.c").read_text(encoding="utf-8")
    stages = re.findall(r"&(\w+)_stage,", source)
    assert len(stages) > 5
    names = {"evtchn": "event channels", "smp": "other CPUs", "grant": "grants", "console_input": "console input",
             "spaces": "page tables"}
    for stage in (names.get(stage, stage) for stage in stages):
        x86.run(f"xenstore-write /local/domain/$(xl domid counter)/data/suspend-fail '{stage}'")
        counter.request("suspend")
        counter.wait(f"not suspended: {stage}: error 5")
        counter.wait_counting()
    check_counts(counter.counts())
    counter.checkpoint()
    counter.wait_counting()
    check_counts(counter.counts())


def test_all_cpus_are_saved_and_call_each_other_again(x86, counts):
    smp = Program(x86, "smp", vcpus=counts["vcpus"])
    smp.wait(f"smp: {counts['vcpus']} CPUs")
    smp.wait_rounds()
    for _ in range(counts["lives"]):
        smp.save_and_restore()
        smp.wait_rounds()
    smp.checkpoint()
    smp.wait_rounds()
    x86.run("xl destroy smp")


def test_spaces_come_and_go_while_it_is_saved(x86, counts):
    """Programs in address spaces that change all the time lose no word, and stay away from the kernel."""
    spaces = Program(x86, "spaces", vcpus=2)
    spaces.wait("the kernel is out of reach")
    spaces.wait_programs()
    for _ in range(counts["rounds"]):
        spaces.save_and_restore()
        spaces.wait_programs()
    spaces.checkpoint()
    spaces.wait_programs()
    assert re.search(r"programs, CPUs 3$", spaces.console(), re.M)      # user programs ran on both
    x86.run("xl destroy spaces")


@pytest.mark.skipif(not SOAK, reason="minutes of the same: the soak's")
def test_spaces_outlive_a_storm_of_interrupts(x86):
    """What Xen interrupts of a change of page tables goes on on the same CPU: where it did not, the guest ended after
    nine to 47 programs."""
    spaces = Program(x86, "spaces", vcpus=4, config='extra = "storm=4"')
    for _ in range(5):
        spaces.wait_programs(50)
        spaces.save_and_restore()
    spaces.wait_programs()
    x86.run("xl destroy spaces")


def storm_of_cpus(x86, smp):
    """dom0 asks for a checkpoint and for CPUs at once: one waits for the other, whichever it is."""
    lives = smp.console().count("resumed in place")
    x86.run("""
        xl save -c smp /root/save &
        for n in 1 2 1 2; do
            for state in offline online; do
                xenstore-write /local/domain/$(xl domid smp)/cpu/$n/availability $state
            done
        done
        wait""")
    smp.wait_lines("resumed in place", lives + 1)
    smp.wait_cpus(3)


def test_cpus_come_and_go_also_while_it_is_saved(x86, counts):
    smp = Program(x86, "smp", vcpus=2, config="maxvcpus = 4")
    smp.wait_cpus(2)
    for n in (4, 1):
        x86.run(f"xl vcpu-set -i smp {n}")
        smp.wait_cpus(n)
    # a CPU that was offline when the guest was saved goes online in the next life
    smp.save_and_restore()
    smp.wait_cpus(1)
    x86.run("xl vcpu-set -i smp 4")
    smp.wait_cpus(4)
    x86.run("xenstore-write /local/domain/$(xl domid smp)/cpu/3/availability offline")
    for _ in range(counts["checkpoints"]):
        storm_of_cpus(x86, smp)
    x86.run("xl destroy smp")


def test_pages_come_and_go_by_mem_set_and_stay_away_over_a_save(counter):
    counter.set_memory(6)
    counter.save_and_restore()
    counter.wait_counting()
    counter.set_memory(8)
    counter.wait_counting()
    check_counts(counter.counts())


def test_maxcpus_holds_against_dom0(x86):
    smp = Program(x86, "smp", vcpus=4, config="extra = 'maxcpus=2'")
    smp.wait("smp: 2 CPUs")
    x86.run("xl vcpu-set -i smp 1")
    smp.wait_cpus(1)
    x86.run("xl vcpu-set -i smp 3")
    smp.wait("CPU 2 stays offline: maxcpus=2")
    smp.wait_cpus(2)
    x86.run("xl destroy smp")


def test_what_is_typed_is_heard_also_when_its_half_came_before_a_restore(x86):
    shell = Program(x86, "shell")
    shell.wait("shell: type a command")
    shell.type("cpus\\n")
    shell.wait("shell: 1 CPUs")
    shell.type("mem")
    shell.wait_lines("^mem", 1)
    shell.save_and_restore()
    shell.type("ory\\n")
    shell.wait("KiB are free")
    shell.type("end\\n")
    x86.wait_for("! xl domid shell > /dev/null 2>&1")


@pytest.mark.parametrize("kind, name, config", [("vbd", "diskcheck", ""),
                                                ("vif", "echo", f'extra="ip={Echo.ADDRESS}"')])
def test_a_back_end_that_lies_is_given_up_and_an_honest_one_served(x86, kind, name, config):
    """Each lie costs one line and the device, until another back end comes (tests/qemu/liar.py)."""
    program = Program(x86, name, config=config, options="-p")
    x86.run(f"PYTHONPATH=/usr/lib/xen-4.17/lib/python python3 /tmp/job/liar.py {kind} $(xl domid {name})")
    given_up = re.findall(rf"^dormouse: device/{kind}/\d+: (.*): given up$", program.console(), re.M)
    assert given_up == liar.lies_found(kind)
    assert "holds something else" not in program.console()
    x86.run(f"xl destroy {name}")


@pytest.fixture(scope="module")
def disk(x86):
    """A guest whose disk is at work all the time; each test leaves it so."""
    return DiskCheck(x86)


def test_a_disk_at_work_loses_nothing_when_saved_and_restored(disk, counts):
    for _ in range(counts["lives"]):
        disk.save_and_restore()
        disk.wait_work()
    assert disk.issued_again() > 0
    disk.checkpoint()
    disk.wait_work()


def test_a_back_end_goes_away_and_comes_back(x86, disk):
    lives = disk.connections()
    x86.run("xenstore-write $(xenstore-read /local/domain/$(xl domid diskcheck)/device/vbd/51712/backend)/state 5")
    disk.wait_lines("connected again", lives + 1)
    disk.wait_work()
    x86.run(f"xl block-detach diskcheck xvda; xl block-attach diskcheck '{DiskCheck.DISK}'")
    disk.wait_lines("connected again", lives + 2)
    disk.wait_work()


def test_an_echo_server_keeps_answering_through_saves_and_without_its_back_end(x86, counts):
    echo = Echo(x86)
    echo.check_answers()
    for life in range(counts["lives"] - 1):
        echo.offer_queues(1 + life % 2)
        echo.save_and_restore()
        echo.check_answers()
    echo.checkpoint()
    echo.check_answers()
    x86.run("xenstore-write $(xenstore-read /local/domain/$(xl domid echo)/device/vif/0/backend)/state 5")
    echo.check_answers()
    x86.run("xl shutdown -w echo")


def test_an_unknown_request_is_named_and_ignored(counter):
    counter.request("somersault")
    counter.wait('unknown request "somersault" is ignored')
    counter.wait_counting()


def test_poweroff_and_reboot_are_obeyed(x86, counter):
    # xl 4.17 does not look after a guest any more that it has checkpointed; the xl that restores it does
    counter.save_and_restore()
    counter.wait_counting()
    domid = x86.run("xl domid counter").output.strip()
    x86.run("xl reboot counter")
    x86.wait_for(f"[ \"$(xl domid counter 2>/dev/null || echo {domid})\" != {domid} ]")
    counter.wait("asks for a reboot")
    x86.wait_for(f"[ $(grep -c 'counter: 3 ' {counter.log}) -ge 2 ]")
    x86.run("xl shutdown -w counter")
    counter.wait("asks for the end")
