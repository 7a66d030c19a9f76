# SPDX-License-Identifier: Apache-2.0
"""The host sleeps with guests running: dom0 suspends, the stages go down and come back, and nobody misses anything."""

import re
import subprocess
import time

import pytest

from machine import BUILD, Board, Guest, Machine, MachineError

FIRMWARE = BUILD / "firmware.bin"   # it has SYSTEM_SUSPEND, and loses what real hardware loses
BOARD = Board(bios=FIRMWARE, files=[BUILD / "guests/suspend.img"])
STAGES = ["domains", "dom0", "cpus", "timers", "console", "gic", "wakeup", "core", "firmware"]

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 cannot suspend an Arm host")


def sleep_host(host, seconds=2, check=True):
    """dom0 suspends to RAM with an alarm set; returns how that ended and what the hypervisor said of it.

    An alarm that comes before dom0 is down would wake nobody later. Linux tells by wakeup_count (Documentation/ABI/testing/
    sysfs-power): it does not sleep then, and is asked again.
    """
    said = len(host.console)
    result = host.run(f"""
        alarm=/sys/class/rtc/rtc0/wakealarm
        while
            echo 0 > $alarm
            until count=$(cat /sys/power/wakeup_count) && echo $count > /sys/power/wakeup_count; do :; done
            echo +{seconds} > $alarm
            ! said=$({{ echo mem > /sys/power/state; }} 2>&1)
        do
            case $said in *busy*) ;; *) echo "$said"; exit 1 ;; esac
        done""", check=check)
    return result, re.findall(r"torpor: (slept .*|the host.*)", host.console[said:])


def assert_slept(outcome):
    _, said = outcome
    assert len(said) == 1 and re.match(r"slept \d+\.\d+ s, woken by pl031@9010000 \(interrupt 34 of domain 0\);", said[0]), said


def begin_sleep(machine):
    """dom0 suspends, and nobody waits for its answer here; returns when the host is asleep, in the firmware or idling."""
    machine.run("(sleep 0.5; echo mem > /sys/power/state) > /dev/null 2>&1 &")
    symbols = subprocess.run(["llvm-nm", "-S", BUILD / "hypervisor/torpor.elf"], capture_output=True, text=True, check=True).stdout
    idle, size = (int(n, 16) for n in re.search(r"^(\w+) (\w+) \w firmware_enter$", symbols, re.M).groups())
    for _ in range(1000):
        registers = machine.monitor("info registers")
        if "EL3h" in registers or 0 <= int(re.search(r"PC=(\w+)", registers).group(1), 16) - idle < size:
            return
        time.sleep(0.1)
    raise MachineError("the host did not fall asleep")


def uptime(guest):
    return float(guest.run("cut -d' ' -f1 /proc/uptime").output)


def run_time(host):
    """Seconds that dom0 has run, as `xl list` has them."""
    return float(host.run("xl list Domain-0").lines()[1].split()[-1])


def test_suspend_to_ram_is_what_dom0_and_guests_offer_by_default(host, guest):
    assert "[deep]" in host.run("cat /sys/power/mem_sleep").output
    assert "[deep]" in guest("offer").create().run("cat /sys/power/mem_sleep").output


def test_a_running_guest_is_frozen_and_misses_nothing(host, guest):
    one = guest("frozen", vcpus=2, address="192.168.77.2").create()
    before_there, before_here = uptime(one), float(host.run("cut -d' ' -f1 /proc/uptime").output)
    assert_slept(sleep_host(host, 4))
    slept = float(re.search(r"slept (\d+\.\d+) s", host.run("xl dmesg").output).group(1))
    there, here = uptime(one) - before_there, float(host.run("cut -d' ' -f1 /proc/uptime").output) - before_here
    # dom0's uptime counts the sleep (it suspended itself), the guest's counter stood still meanwhile
    assert slept > 2
    assert there < here - slept + 0.5
    host.run("ping -c 1 192.168.77.2")
    log = one.run("dmesg").output
    assert not re.search(r"soft lockup|rcu.*stall|clocksource.*unstable", log), log


def test_a_suspended_guest_stays_suspended_until_it_is_woken(host, guest):
    one = guest("asleep", vcpus=2).create()
    one.suspend()
    assert_slept(sleep_host(host))
    host.run("xl list asleep | grep -q -- '-bp---'")
    # a watchdog of dom0's that would have run out, had time gone on, is the next test's
    host.run("torpor wake asleep")
    one.wait("came back: 0")
    host.wait_for("xl list asleep | grep -vq -- '-bp---'")


def test_the_time_of_day_is_right_after_a_sleep(host, guest):
    def assert_right(one):
        before = int(host.run("date +%s").output)
        there = int(one.run("date +%s").output)
        # a guest's clock begins with its kernel, whose first steps it misses
        assert before - 6 <= there <= int(host.run("date +%s").output) + 1

    suspended = guest("suspended").create()
    assert_right(suspended)
    suspended.suspend()
    before = int(host.run("date +%s").output)
    ran = run_time(host)
    assert_slept(sleep_host(host, 30))
    assert int(host.run("date +%s").output) >= before + 29
    assert run_time(host) < ran + 20   # seconds of two vCPUs, and none of them asleep
    host.run("torpor wake suspended")
    suspended.wait("came back: 0")
    assert_right(suspended)
    assert_right(guest("later").create())


def test_guests_are_asked_to_suspend_first_and_go_on_after(host, guest):
    guests = [guest(f"asked{i}", vcpus=2, address=f"192.168.77.{i + 2}").create() for i in range(2)]
    said = len(host.console)
    host.run("""
        echo 0 > /sys/class/rtc/rtc0/wakealarm
        echo +20 > /sys/class/rtc/rtc0/wakealarm
        torpor suspend --all""")
    assert len(re.findall(r"torpor: slept ", host.console[said:])) == 1
    for i, one in enumerate(guests):
        assert one.run("echo awake").output.strip() == "awake"
        host.run(f"ping -c 1 192.168.77.{i + 2}")


def test_a_guest_that_does_not_answer_keeps_the_host_awake(host, guest):
    willing = guest("willing").create()
    guest("deaf")
    host.run("printf '%s\\n' 'name=\"deaf\"' 'kernel=\"/tmp/job/suspend.img\"' 'memory=16' 'extra=\"deaf\"' > /tmp/deaf.cfg; xl create -q /tmp/deaf.cfg")
    said = len(host.console)
    unable = host.run("torpor suspend --all --timeout 3", check=False)
    assert unable.status and "deaf" in unable.output and "no guest was asked" in unable.output
    host.run("xenstore-write /local/domain/$(xl domid deaf)/control/feature-suspend 1")
    silent = host.run("torpor suspend --all --timeout 3", check=False)
    assert silent.status and re.search(r"deaf .*did not answer the request to suspend itself", silent.output)
    assert "torpor: slept" not in host.console[said:]
    assert willing.run("echo awake").output.strip() == "awake"


def test_every_stage_may_fail_and_the_next_sleep_works(host, guest):
    guests = [guest(f"load{i}", address=f"192.168.77.{i + 2}").create() for i in range(3)]
    for one in guests:
        one.run("(while :; do dd if=/dev/zero of=/dev/null bs=64k count=1000 2>/dev/null; done) &")
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
    assert host.free_pages() == pages


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


def test_many_sleeps_under_traffic_lose_nothing(host, guest, counts):
    guests = [guest(f"busy{i}", vcpus=2, disk=f"/tmp/busy{i}.img", address=f"192.168.77.{i + 2}") for i in range(2)]
    for i, one in enumerate(guests):
        host.run(f"cp /guest/disk.img /tmp/busy{i}.img")
        one.create()
        one.run("mount /dev/xvda /mnt; (cd /mnt; while sha256sum -c SUMS >/dev/null; do echo 3 > /proc/sys/vm/drop_caches; "
                "echo x >> /tmp/rounds; done; touch /tmp/bad) >/dev/null 2>&1 &")
        host.run(f"ping -q -i 0.2 192.168.77.{i + 2} > /dev/null 2>&1 & echo $! > /tmp/ping{i}")
    for _ in range(counts["sleeps"]):
        assert_slept(sleep_host(host, 2))
    for i, one in enumerate(guests):
        rounds = int(one.run("wc -l < /tmp/rounds").output)
        one.run(f"until [ $(wc -l < /tmp/rounds) -gt {rounds} ]; do sleep 0.2; done; ! test -e /tmp/bad")
        log = one.run("dmesg").output
        assert not re.search(r"soft lockup|rcu.*stall|hung task|I/O error", log), log
        host.run(f"kill $(cat /tmp/ping{i}); ping -c 1 192.168.77.{i + 2}")
    assert not re.search(r"soft lockup|rcu.*stall|hung task|I/O error", host.run("dmesg").output)


def test_a_guests_watchdog_outlives_a_sleep_longer_than_its_period(host, guest):
    one = guest("watched", config='on_watchdog = "preserve"').create()
    one.run("watchdog -t 1 -T 3 /dev/watchdog")
    assert_slept(sleep_host(host, 8))
    one.run("sleep 2")
    assert "s" not in host.run("xl list watched").lines()[1].split()[4]


# GICv2 and GICv3, one to eight CPUs; with our firmware, and with QEMU's own PSCI, where the host sleeps by idling.
BOARDS = [(2, 1, FIRMWARE), (3, 1, None), (2, 2, None), (3, 4, FIRMWARE), (2, 4, FIRMWARE), (3, 8, FIRMWARE), (2, 8, None)]


def name_of(board):
    gic, cpus, bios = board
    return f"gic{gic}-{cpus}cpu-{'firmware' if bios else 'idling'}"


@pytest.mark.parametrize("board", BOARDS, ids=name_of)
def test_every_kind_of_machine_sleeps(board):
    gic, cpus, bios = board
    with Machine(f"sleep-{name_of(board)}", Board(gic=gic, smp=cpus, cpu="cortex-a72", bios=bios,
                                                  arguments=f"dom0_mem=768M dom0_max_vcpus={min(cpus, 4)}")) as machine:
        machine.boot()
        one = Guest(machine, "one", vcpus=2).create()
        for _ in range(2):
            assert_slept(sleep_host(machine))
            assert one.run("echo still here").output.strip() == "still here"
        machine.destroy_all()
        machine.poweroff()
        machine.check_console()


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


WAKERS = {"console": (lambda machine: machine.send("x"), "pl011@9000000", "interrupt 33 of the hypervisor"),
          "power key": (lambda machine: machine.monitor("system_powerdown"), "pl061@9030000", "interrupt 39 of domain 0")}


@pytest.mark.parametrize("bios", [FIRMWARE, None], ids=["firmware", "idling"])
@pytest.mark.parametrize("waker", WAKERS)
def test_input_wakes_the_host(waker, bios):
    wake, device, interrupt = WAKERS[waker]
    # with firmware, QEMU leaves the power key away unless it is told that there is no ACPI
    with Machine(f"sleep-{waker.replace(' ', '-')}-{'firmware' if bios else 'idling'}",
                 Board(bios=bios, smp=1, machine="virtualization=on,acpi=off", edit_tree=let_power_key_wake,
                       arguments="dom0_mem=768M dom0_max_vcpus=1 console_wakeup")) as machine:
        machine.boot()
        one = Guest(machine, "one").create()
        begin_sleep(machine)
        wake(machine)
        said = machine.expect(r"torpor: (slept .*)\n").group(1)
        # the firmware resets the UART, so that nothing tells any more who woke the host
        by = "no interrupt that is still there" if (waker, bios) == ("console", FIRMWARE) else rf"{device} \({interrupt}\)"
        assert re.match(rf"slept \d+\.\d+ s, woken by {by};", said), said
        assert one.run("echo still here").output.strip() == "still here"


def test_the_host_sleeps_while_domains_come_and_go(host, guest):
    guest("comes").create().destroy()
    host.destroy_all()
    pages = host.free_pages()
    host.run("""
        rm -f /tmp/enough
        (until test -e /tmp/enough; do xl create -q /tmp/comes.cfg; xl destroy comes; echo x >> /tmp/came; done; rm /tmp/enough) > /tmp/comes.log 2>&1 &""")
    for _ in range(8):
        assert_slept(sleep_host(host, 2))
    host.wait_for("[ $(wc -l < /tmp/came) -gt 3 ]")
    host.run("touch /tmp/enough")
    host.wait_for("! test -e /tmp/enough")
    host.destroy_all()
    assert host.run("cat /tmp/comes.log").output == ""
    assert host.free_pages() == pages


def test_guests_fall_asleep_while_the_host_does(host, guest):
    guests = [guest(f"drowsy{i}").create() for i in range(3)]
    for one in guests:
        one.type("(while ! test -e /tmp/enough; do echo mem > /sys/power/state; echo woke; done; echo and stays awake) &")
    host.run("""
        rm -f /tmp/enough
        (until test -e /tmp/enough; do for i in 0 1 2; do torpor wake drowsy$i || true; done; sleep 0.1; done; rm /tmp/enough) > /dev/null 2>&1 &""")
    for _ in range(8):
        assert_slept(sleep_host(host))
    for one in guests:
        woke = int(host.run(f"grep -c '^woke' {one.log} || true").output)
        host.wait_for(f"[ $(grep -c '^woke' {one.log}) -gt {woke} ]")
    for one in guests:
        one.run("touch /tmp/enough")
        one.wait("and stays awake")
    host.run("touch /tmp/enough")
    host.wait_for("! test -e /tmp/enough")


@pytest.mark.parametrize("board", [(3, 1, FIRMWARE), (2, 4, FIRMWARE), (3, 2, None)], ids=name_of)
def test_an_alarm_ends_the_sleep_whenever_it_comes(board, counts):
    gic, cpus, bios = board
    rounds = counts["alarms"]
    with Machine(f"wake-{name_of(board)}", Board(gic=gic, smp=cpus, bios=bios, kernel=BUILD / "guests/dom0-wake.img", ramdisk=None,
                                                 disk=False, arguments="dom0_mem=128M dom0_max_vcpus=1",
                                                 dom0_arguments=f"rounds={rounds}")) as machine:
        machine.expect(r"^event: waited$")
        machine.expect(rf"^wake: {rounds} of {rounds}$")
        assert machine.wait_exit() == 0
        assert "torpor: slept " in machine.console   # not all were over before they began
        machine.check_console()
