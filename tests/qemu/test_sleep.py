# SPDX-License-Identifier: Apache-2.0
"""The host sleeps with guests running: dom0 suspends, the stages go down and come back, and nobody misses anything."""

import re

import pytest

from machine import BUILD, Board, Guest, Machine, bare_board
from sleeping import FIRMWARE, assert_slept, begin_sleep, end_traffic, sleep_for, sleep_host, start_traffic

BOARD = Board(bios=FIRMWARE, files=[BUILD / "guests/suspend.img"])
STAGES = ["domains", "dom0", "cpus", "timers", "console", "smmu", "its", "gic", "wakeup", "core", "firmware"]

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 cannot suspend an Arm host")


def uptime(machine):
    """Of dom0 or of a guest, in seconds."""
    return float(machine.run("cut -d' ' -f1 /proc/uptime").output)


def run_time(host):
    """Seconds that dom0 has run, as `xl list` has them."""
    return float(host.run("xl list Domain-0").lines()[1].split()[-1])


@pytest.fixture
def crew(host, standing):
    """The first few guests with network and disk; dom0 goes first where they keep the CPUs busy."""
    def get(count):
        host.run("xl sched-credit2 -d Domain-0 -w 2048")
        guests = []
        for i in range(count):
            host.run(f"test -e /tmp/crew{i}.img || cp /guest/disk.img /tmp/crew{i}.img")
            guests.append(standing(f"crew{i}", vcpus=2, disk=f"/tmp/crew{i}.img", address=f"192.168.77.{i + 2}"))
        return guests

    return get


def test_suspend_to_ram_is_what_dom0_and_guests_offer_by_default(host, crew):
    assert "[deep]" in host.run("cat /sys/power/mem_sleep").output
    assert "[deep]" in crew(1)[0].run("cat /sys/power/mem_sleep").output


def test_a_running_guest_is_frozen_and_misses_nothing(host, crew):
    one = crew(1)[0]
    # dom0's time is read first and last: however long the tools take, it encloses the guest's
    before_here, before_there = uptime(host), uptime(one)
    slept = sleep_for(host, 2)
    there = uptime(one) - before_there
    here = uptime(host) - before_here
    # dom0's uptime counts the sleep (it suspended itself), the guest's counter stood still meanwhile
    assert there < here - slept + 0.05
    host.run("ping -c 1 192.168.77.2")
    log = one.run("dmesg").output
    assert not re.search(r"soft lockup|rcu.*stall|clocksource.*unstable", log), log


def test_a_suspended_guest_stays_suspended_until_it_is_woken(host, crew):
    one = crew(1)[0]
    one.suspend()
    assert_slept(sleep_host(host))
    host.run("xl list crew0 | grep -q -- '-bp---'")
    # a watchdog of dom0's that would have run out, had time gone on, is the next test's
    host.run("torpor wake crew0")
    one.wait_awake()
    host.wait_for("xl list crew0 | grep -vq -- '-bp---'")


def test_the_time_of_day_is_right_after_a_sleep(host, guest):
    def assert_right(one):
        before = int(host.run("date +%s").output)
        there = int(one.run("date +%s").output)
        # a guest's clock begins with its kernel, whose first steps it misses
        assert before - 6 <= there <= int(host.run("date +%s").output) + 1

    suspended = guest("suspended").create()   # the clock of one that was frozen is late
    assert_right(suspended)
    suspended.suspend()
    before = int(host.run("date +%s").output)
    ran = run_time(host)
    assert_slept(sleep_host(host, 30))
    assert int(host.run("date +%s").output) >= before + 29
    assert run_time(host) < ran + 20   # seconds of two vCPUs, and none of them asleep
    host.run("torpor wake suspended")
    suspended.wait_awake()
    assert_right(suspended)
    assert_right(guest("later").create())


def test_guests_are_asked_to_suspend_first_and_go_on_after(host, crew):
    guests = crew(2)
    said = len(host.console)
    host.run("""
        echo 0 > /sys/class/rtc/rtc0/wakealarm
        echo +20 > /sys/class/rtc/rtc0/wakealarm
        torpor suspend --all""")
    assert len(re.findall(r"torpor: slept ", host.console[said:])) == 1
    for i, one in enumerate(guests):
        assert one.run("echo awake").output.strip() == "awake"
        host.run(f"ping -c 1 192.168.77.{i + 2}")


def test_a_guest_that_does_not_answer_keeps_the_host_awake(host, guest, crew):
    willing = crew(1)[0]
    guest("deaf")
    host.run("printf '%s\\n' 'name=\"deaf\"' 'kernel=\"/tmp/job/suspend.img\"' "
             "'memory=16' 'extra=\"deaf\"' > /tmp/deaf.cfg; "
             "xl create -q /tmp/deaf.cfg")
    said = len(host.console)
    unable = host.run("torpor suspend --all --timeout 3", check=False)
    assert unable.status and "deaf" in unable.output and "no guest was asked" in unable.output
    host.run("xenstore-write /local/domain/$(xl domid deaf)/control/feature-suspend 1")
    silent = host.run("torpor suspend --all --timeout 3", check=False)
    assert silent.status and re.search(r"deaf .*did not answer the request to suspend itself", silent.output)
    assert "torpor: slept" not in host.console[said:]
    assert willing.run("echo awake").output.strip() == "awake"


def test_every_stage_may_fail_and_the_next_sleep_works(host, crew):
    guests = crew(2)
    for one in guests:
        one.run("(while :; do dd if=/dev/zero of=/dev/null bs=64k count=1000 2>/dev/null; done) & echo $! > /tmp/load")
    pages = host.free_pages()
    for stage in STAGES:
        host.run(f"xenhypfs write /torpor/sleep/fail {stage}")
        result, said = sleep_host(host, check=False)
        assert result.status, stage
        assert said == [f"the host does not sleep: stage {stage} failed (error 5)"]
        record = host.run("xenhypfs cat /torpor/sleep/last").output
        entered = re.findall(r"^event enter (\S+) 0 0 ", record, re.M)
        assert entered == STAGES[:STAGES.index(stage)]
        left = re.findall(r"^event leave (\S+) ", record, re.M)
        assert left == list(reversed(entered))
        for i, one in enumerate(guests):
            assert one.run(f"echo alive {i}").output.strip() == f"alive {i}"
    assert_slept(sleep_host(host))
    host.await_free_pages(pages)
    for one in guests:
        one.run("kill $(cat /tmp/load)")


def test_a_test_level_turns_back_after_its_stage(host):
    for stage in STAGES[:-1]:
        host.run(f"xenhypfs write /torpor/sleep/test-level {stage}")
        _, said = sleep_host(host)
        assert len(said) == 1 and said[0].startswith("the host's sleep turned back"), stage
        entered = re.findall(r"^event enter (\S+) ", host.run("xenhypfs cat /torpor/sleep/last").output, re.M)
        assert entered == STAGES[:STAGES.index(stage) + 1]
    host.run("xenhypfs write /torpor/sleep/test-level ''")
    assert_slept(sleep_host(host))


def test_names_that_are_no_stages_are_refused(host):
    for path in ("fail", "test-level"):
        for value in ("nonsense", "x" * 40, "gic sometimes"):
            assert host.run(f"xenhypfs write /torpor/sleep/{path} '{value}'", check=False).status, value


def test_many_sleeps_under_traffic_lose_nothing(host, crew, counts):
    guests = crew(2)
    start_traffic(host, guests)
    for _ in range(counts["sleeps"]):
        assert_slept(sleep_host(host, 2))
    end_traffic(host, guests)


def test_a_guests_watchdog_outlives_a_sleep_longer_than_its_period(host, guest):
    one = guest("watched", config='on_watchdog = "preserve"').create()
    one.run("watchdog -t 1 -T 3 /dev/watchdog")
    assert_slept(sleep_host(host, 8))
    one.run("sleep 2")
    assert "s" not in host.run("xl list watched").lines()[1].split()[4]


def test_firmware_that_refuses_leaves_everything_running():
    with Machine("sleep-refused", Board(bios=BUILD / "firmware-refuse.bin")) as machine:
        machine.boot()
        one = Guest(machine, "one").create()
        result, said = sleep_host(machine, check=False)
        assert result.status
        assert said[-1].startswith("the host does not sleep: stage firmware failed")
        assert one.run("echo still here").output.strip() == "still here"
        machine.destroy_all()
        machine.poweroff()


def test_a_wake_up_at_the_worst_moment_is_not_lost():
    with Machine("sleep-raced", Board(bios=BUILD / "firmware-race.bin")) as machine:
        machine.boot()
        one = Guest(machine, "one").create()
        for _ in range(3):
            result, said = sleep_host(machine, 60)   # nobody waits for that alarm
            assert not result.status
            assert said[-1].startswith("slept ")
        assert one.run("echo still here").output.strip() == "still here"
        machine.destroy_all()
        machine.poweroff()


def test_a_cpu_that_does_not_come_back_is_done_without():
    with Machine("sleep-broken-cpu", Board(smp=3, bios=BUILD / "firmware-break-cpu.bin",
                                           arguments="dom0_mem=768M dom0_max_vcpus=1")) as machine:
        machine.boot()
        one = Guest(machine, "one", vcpus=3, config='cpus = "2"').create()   # all of it on the CPU that breaks
        said = len(machine.console)
        sleep_host(machine)
        assert "torpor: CPU with MPIDR 0x2 does not come up; going on without it" in machine.console[said:]
        assert one.run("nproc; echo still here").output.split() == ["3", "still", "here"]
        # the firmware does not sleep while a CPU is on its way: the host idles instead
        assert_slept(sleep_host(machine))
        assert one.run("echo still here").output.strip() == "still here"
        machine.destroy_all()
        machine.poweroff()


def let_power_key_wake(tree):
    """Linux lets a key of gpio-keys wake it that has this property, and QEMU's does not."""
    at = tree.index('label = "GPIO Key Poweroff"')
    return tree[:at] + "wakeup-source;\n" + tree[at:]


# how to wake it, and the waker's name
WAKERS = [(lambda machine: machine.monitor("system_powerdown"), "pl061@9030000 (interrupt 39 of domain 0)"),
          (lambda machine: machine.send("x"), "pl011@9000000 (interrupt 33 of the hypervisor)")]


@pytest.mark.parametrize("bios", [FIRMWARE, None], ids=["firmware", "idling"])
def test_input_wakes_the_host(bios):
    # with firmware, QEMU leaves the power key away unless it is told that there is no ACPI
    with Machine(f"sleep-input-{'firmware' if bios else 'idling'}",
                 Board(bios=bios, smp=1, machine="virtualization=on,acpi=off", edit_tree=let_power_key_wake,
                       arguments="dom0_mem=768M dom0_max_vcpus=1 console_wakeup")) as machine:
        machine.boot()
        one = Guest(machine, "one").create()
        for wake, device in WAKERS:
            start = len(machine.console)
            begin_sleep(machine)
            wake(machine)
            said = machine.expect(r"torpor: (slept .*)\n", start=start).group(1)
            # the firmware resets the UART, so that nothing tells any more who woke the host
            by = "no interrupt that is still there" if bios and device.startswith("pl011") else device
            assert re.match(rf"slept \d+\.\d+ s, woken by {re.escape(by)};", said), said
            assert one.run("echo still here").output.strip() == "still here"


def test_the_host_sleeps_while_domains_come_and_go(host, guest, counts):
    guest("comes").create(wait=False).destroy()
    host.wait_for("! xl domid comes >/dev/null 2>&1")
    pages = host.free_pages()
    host.run("""
        rm -f /tmp/enough
        (until test -e /tmp/enough; do xl create -q /tmp/comes.cfg; xl destroy comes; echo x >> /tmp/came; done
         rm /tmp/enough) > /tmp/comes.log 2>&1 &""")
    for _ in range(counts["races"]):
        assert_slept(sleep_host(host, 2))
    host.wait_for("[ $(wc -l < /tmp/came) -gt 3 ]")
    host.run("touch /tmp/enough")
    host.wait_for("! test -e /tmp/enough")
    host.wait_for("! xl domid comes >/dev/null 2>&1")
    assert host.run("cat /tmp/comes.log").output == ""
    host.await_free_pages(pages)


def test_guests_fall_asleep_while_the_host_does(host, crew, counts):
    guests = crew(2)
    for one in guests:
        one.type("(while ! test -e /tmp/enough; do echo mem > /sys/power/state; echo woke; done; "
                 "echo and stays awake) &")
    host.run("""
        rm -f /tmp/enough
        (until test -e /tmp/enough; do for i in 0 1; do torpor wake crew$i || true; done; sleep 0.1; done
         rm /tmp/enough) > /dev/null 2>&1 &""")
    for _ in range(counts["races"]):
        assert_slept(sleep_host(host))
    for one in guests:
        woke = int(host.run(f"grep -c '^woke' {one.log} || true").output)
        host.wait_for(f"[ $(grep -c '^woke' {one.log}) -gt {woke} ]")
    for one in guests:
        one.run("touch /tmp/enough")
        one.wait("and stays awake")
    host.run("touch /tmp/enough")
    host.wait_for("! test -e /tmp/enough")


@pytest.mark.parametrize("gic,cpus,bios", [(3, 1, FIRMWARE), (2, 4, FIRMWARE), (3, 2, None)],
                         ids=["gic3-1cpu-firmware", "gic2-4cpu-firmware", "gic3-2cpu-idling"])
def test_an_alarm_ends_the_sleep_whenever_it_comes(gic, cpus, bios, counts):
    rounds = counts["alarms"]
    board = bare_board("wake", f"rounds={rounds}", gic=gic, smp=cpus, bios=bios)
    with Machine(f"wake-gic{gic}-{cpus}cpu", board) as machine:
        machine.expect(r"^event: waited$")
        machine.expect(rf"^wake: {rounds} of {rounds}$")
        assert machine.wait_exit() == 0
        assert "torpor: slept " in machine.console   # not all were over before they began
        machine.check_console()
