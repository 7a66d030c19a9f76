# SPDX-License-Identifier: Apache-2.0
"""How the tests have a machine sleep."""

import re
import subprocess
import time

from machine import BUILD, MachineError

COMPLAINTS = re.compile(r"soft lockup|rcu.*stall|hung task|I/O error")

FIRMWARE = BUILD / "firmware.bin"   # it has SYSTEM_SUSPEND, and loses what real hardware loses


def sleep_host(host, seconds=2, check=True):
    """dom0 suspends to RAM with an alarm set; returns how that ended and the hypervisor's words on it.

    An alarm that comes before dom0 is down would wake nobody later. Linux tells by wakeup_count
    (Documentation/ABI/testing/sysfs-power): it does not sleep then, and is asked again.
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
    assert len(said) == 1, said
    assert re.match(r"slept \d+\.\d+ s, woken by pl031@9010000 \(interrupt 34 of domain 0\);", said[0]), said
    return outcome


def sleep_for(host, seconds):
    """Sleeps, again if need be, until the host has slept that many seconds in all; returns how many, by the
    hypervisor's count. One alarm does not say how long: dom0 is some seconds late to bed when the machine is busy."""
    slept = 0.0
    while slept < seconds:
        _, said = assert_slept(sleep_host(host, seconds + 2))
        slept += float(re.match(r"slept (\d+\.\d+) s", said[0]).group(1))
    return slept


def begin_sleep(machine):
    """dom0 suspends, and nobody waits for its answer here; returns when the host is asleep, in the firmware or
    idling."""
    machine.run("(sleep 0.5; echo mem > /sys/power/state) > /dev/null 2>&1 &")
    await_sleep(machine)


def await_sleep(machine):
    """Returns when the host is asleep, in the firmware or idling."""
    symbols = subprocess.run(["llvm-nm", "-S", BUILD / "hypervisor/torpor.elf"], capture_output=True, text=True,
                             check=True).stdout
    idle, size = (int(n, 16) for n in re.search(r"^(\w+) (\w+) \w firmware_enter$", symbols, re.M).groups())
    for _ in range(1000):
        registers = machine.monitor("info registers -a")
        if "EL3h" in registers or any(0 <= int(pc, 16) - idle < size for pc in re.findall(r"PC=(\w+)", registers)):
            return
        time.sleep(0.1)
    raise MachineError("the host did not fall asleep")


def start_traffic(host, guests):
    """Each guest reads its disk against the checksums on it, over and over, and dom0 pings it."""
    for one in guests:
        one.run("mount /dev/xvda /mnt; : > /tmp/rounds; "
                "(cd /mnt; until test -e /tmp/enough; do sha256sum -c SUMS >/dev/null || touch /tmp/bad; "
                "echo 3 > /proc/sys/vm/drop_caches; echo x >> /tmp/rounds; done) >/dev/null 2>&1 &")
        host.run(f"ping -q -i 0.2 {one.address} > /dev/null 2>&1 & echo $! > /tmp/ping-{one.name}")


def end_traffic(host, guests):
    """It goes on still, all that was read was right, and no kernel complains."""
    for one in guests:
        rounds = int(one.run("wc -l < /tmp/rounds").output)
        one.run(f"until [ $(wc -l < /tmp/rounds) -gt {rounds} ]; do sleep 0.2; done; ! test -e /tmp/bad")
        log = one.run("dmesg").output
        assert not COMPLAINTS.search(log), log
        host.run(f"kill $(cat /tmp/ping-{one.name}); ping -c 1 {one.address}")
        one.run("touch /tmp/enough; wait; rm /tmp/enough; umount /mnt")
    assert not COMPLAINTS.search(host.run("dmesg").output)
