# SPDX-License-Identifier: Apache-2.0
"""What a guest may have besides disk and network: a UART of its own, more or less memory, many vCPUs, a watchdog."""

import re
import subprocess

import pytest

from machine import BUILD, Board, Machine

RTC = "/pl031@9010000"


def leave_rtc_to_a_guest(source):
    """The board's clock is marked as not for dom0."""
    source, count = re.subn(r"(pl031@9010000 \{)", r"\1 xen,passthrough;", source)
    assert count == 1
    return source


# The device's nodes in the guest's own tree: the same clock, behind a rate that is fixed.
PARTIAL_TREE = """/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <2>;
    passthrough {
        compatible = "simple-bus";
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
        apb: clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };
        rtc@9010000 {
            compatible = "arm,pl031", "arm,primecell";
            arm,primecell-periphid = <0x00041031>;
            reg = <0 0x09010000 0 0x1000>;
            interrupts = <0 2 4>;
            interrupt-parent = <65000>;
            clocks = <&apb>;
            clock-names = "apb_pclk";
        };
    };
};
"""


def partial_tree():
    blob = BUILD / "passthrough.dtb"
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", blob], input=PARTIAL_TREE, text=True, check=True)
    return blob


BOARD = Board(edit_tree=leave_rtc_to_a_guest, files=[BUILD / "passthrough.dtb"])


@pytest.fixture(scope="module", autouse=True)
def tree_is_made():
    partial_tree()


def test_the_emulated_uart_talks_both_ways(host, guest):
    one = guest("uart", config='vuart = "sbsa_uart"', arguments="console=ttyAMA0").create(wait=False)
    log = "/var/log/xen/console/guest-uart-vuart0.log"
    host.wait_for(f"grep -q 'guest: up' {log}")
    host.run(f"""
        tty=$(xenstore-read /local/domain/{one.domid()}/vuart/0/tty)
        until grep -q 'sum 42' {log}; do
            printf 'echo sum $((20 + 22))\\n' > "$tty"
            sleep 1
        done""")


def test_a_guest_gives_memory_back_and_gets_it_again(host, guest):
    one = guest("balloon", memory=256).create()
    total = "awk '/MemTotal/ { print $2 }' /proc/meminfo"
    target = f"/local/domain/{one.domid()}/memory/target"
    full, free = int(one.run(total).output), host.free_pages()
    host.run(f"xenstore-write {target} {192 * 1024}")
    host.wait_for(f"xl list balloon | awk 'NR == 2 {{ exit !($3 <= 192) }}'")
    assert int(one.run(total).output) <= full - 60 * 1024
    assert host.free_pages() >= free + 60 * 256
    host.run(f"xenstore-write {target} {256 * 1024}")
    host.wait_for(f"xl list balloon | awk 'NR == 2 {{ exit !($3 == 256) }}'")
    # of memory that had been mapped in large pieces, the tables for small ones remain: one page for 2 MiB at most
    assert free - 128 <= host.free_pages() <= free
    one.run("dd if=/dev/zero of=/tmp/fill bs=1M count=100 2>/dev/null && rm /tmp/fill")


def test_eight_vcpus_work_together(host, guest):
    one = guest("wide", vcpus=8, memory=256).create()
    assert one.run("nproc").output.strip() == "8"
    one.run("for i in 1 2 3 4 5 6 7 8; do "
            "(dd if=/dev/urandom bs=4k count=64 2>/dev/null | sha256sum > /tmp/$i) & done; wait; "
            "[ $(cat /tmp/[1-8] | wc -l) = 8 ]")


def test_a_guests_clock_goes_as_dom0s(host, standing):
    one = standing("bystander")
    clock = "cut -d' ' -f1 /proc/uptime"
    before = float(host.run(clock).output)
    there_before = float(one.run(clock).output)
    host.run("sleep 5")
    there = float(one.run(clock).output) - there_before
    # the guest's span lies within dom0's, and the pause within that
    assert 4.9 <= there <= float(host.run(clock).output) - before + 0.1


def test_a_platform_device_is_passed_through(host, guest):
    # 0x9010 is the clock's page, 34 its interrupt: shared peripheral interrupt 2
    one = guest("clock", config='iomem = ["0x9010,1"]\nirqs = [34]\ndevice_tree = "/tmp/job/passthrough.dtb"\n'
                                'dtdev = []').create()
    host.run("! test -e /sys/class/rtc/rtc0")
    one.run("test -e /sys/class/rtc/rtc0")
    count = "awk '/rtc-pl031/ { print $2 }' /proc/interrupts"
    before = int(one.run(count).output)
    one.run("echo +1 > /sys/class/rtc/rtc0/wakealarm")
    one.run(f"until [ $({count}) -gt {before} ]; do sleep 0.1; done")


@pytest.mark.torpor_only("stock Xen 4.17 cannot suspend an Arm host")
def test_a_guests_own_device_wakes_it_and_the_sleeping_host(host, guest, standing):
    bystander = standing("bystander")
    one = guest("sleeper", config='iomem = ["0x9010,1"]\nirqs = [34]\n'
                                  'device_tree = "/tmp/job/passthrough.dtb"\ndtdev = []').create()
    one.run("echo +20 > /sys/class/rtc/rtc0/wakealarm")
    one.suspend()
    host.run("echo mem > /sys/power/state")   # no alarm of dom0's own
    said = re.findall(r"torpor: (slept .*)", host.run("xl dmesg").output)
    assert len(said) == 1 and f"woken by pl031@9010000 (interrupt 34 of domain {one.domid()});" in said[0]
    one.wait_awake()
    assert bystander.run("echo still here").output.strip() == "still here"


@pytest.mark.torpor_only("stock Xen 4.17 has no SYSTEM_SUSPEND")
def test_input_at_the_emulated_uart_wakes_a_suspended_guest(host, guest):
    one = guest("listener", config='vuart = "sbsa_uart"').create()
    one.run("echo enabled > /sys/class/tty/ttyAMA0/power/wakeup; "
            "(exec 3< /dev/ttyAMA0; sleep 100000) > /dev/null 2>&1 &")
    one.suspend()
    one.type(device="vuart/0")
    one.wait_awake()


def test_a_guests_watchdog_ends_it_when_it_is_not_fed(host, guest):
    one = guest("watched", config='on_watchdog = "preserve"').create()
    one.run("watchdog -t 1 -T 4 /dev/watchdog; sleep 8")
    assert "s" not in host.run("xl list watched").lines()[1].split()[4]
    one.run("kill -STOP $(pidof watchdog)")
    host.wait_for("xl list watched | awk 'NR == 2 { exit $5 !~ /s/ }'")


def test_dom0s_watchdog_restarts_the_machine_when_it_is_not_fed():
    with Machine("watchdog", Board()) as machine:
        machine.boot()
        machine.run("xenwatchdogd 5 1; sleep 10; pidof xenwatchdogd || pgrep xenwatchdogd")
        machine.start("pkill -STOP xenwatchdogd")
        machine.expect("(?i)watchdog")
        # a restart ends QEMU, which was told not to
        assert machine.wait_exit() == 0
