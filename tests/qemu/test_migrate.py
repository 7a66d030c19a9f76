# SPDX-License-Identifier: Apache-2.0
"""Stock Debian guests move between two machines while they run, by torpor(1) over ssh, as xl has it on x86."""

import re

import pytest

from machine import Board, Guest
from pair import Pair

ADDRESS = "192.168.77.5"

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 migrates no guest on Arm")

# What a guest says when its time or its devices were lost on the way
LOST = re.compile(r"soft lockup|rcu.*stall|clocksource.*unstable|kernel BUG|WARNING|blocked for more than|I/O error")


@pytest.fixture(scope="module")
def pair():
    with Pair("migrate", [Board(), Board()]) as both:
        both.start()
        yield both
        for machine in both.machines:
            if not machine.broken:
                machine.destroy_all()
                machine.poweroff()
            machine.check_console()


class Traveller(Guest):
    """A guest that knows where it is. Its console has one log on each machine, whatever it is called on the way."""

    def __init__(self, pair, machine, name, **options):
        self.pair = pair
        super().__init__(machine, name, **options)
        for machine in pair.machines:
            self.prepare(machine)

    def prepare(self, machine):
        machine.run(f"ln -sf guest-{self.name}.log /var/log/xen/console/guest-{self.name}--incoming.log")

    @property
    def target(self):
        return self.pair.other(self.machine)

    def migrate(self):
        """Over ssh."""
        result = self.machine.run(f"torpor migrate {self.name} {self.pair.name_of(self.target)}")
        assert "Migration successful." in result.output
        self.machine = self.target


@pytest.fixture(scope="module")
def traveller(pair):
    """A guest with two vCPUs, that begins on the first machine; with its disk and an address. It has nothing to do."""
    one = Traveller(pair, pair.first, "traveller", vcpus=2, disk="/dev/shared", address=ADDRESS).create()
    one.run("mkdir -p /mnt; mount /dev/xvda /mnt; cd /mnt && sha256sum -c SUMS")
    return one


def names(machine):
    return [line.split()[0] for line in machine.run("xl list").lines()[2:]]


# What an operation that is over may not leave: processes (a guest's monitor is none of them), and in xenstore domains
# that are not there.
LEFT = """
    left() {
        for pid in $(pgrep -f 'torpor-save-helper|torpor migrate'); do
            [ "$(readlink /proc/$pid/fd/0)" = /dev/null ] || echo "process: $(tr '\\0' ' ' < /proc/$pid/cmdline)"
        done
        domains=$(xl list | awk 'NR > 1 { print $2 }')
        for place in /local/domain /libxl; do
            for id in $(xenstore-list $place); do
                grep -q -x "$id" <<< "$domains" || echo "xenstore: $place/$id"
            done
        done
    }
    """


def assert_clean(machine):
    """It may take the other side a moment to notice."""
    machine.run(LEFT + """
        for _ in $(seq 100); do [ "$(left)" ] || exit 0; sleep 0.2; done
        left; exit 1""")


def assert_once(one):
    assert names(one.machine) == [one.name]
    assert names(one.target) == []
    assert_clean(one.machine)
    assert_clean(one.target)


def times(one):
    """The guest's time of day, its time since it began, and when that was."""
    return [float(word) for word in one.run(
        "date +%s; cut -d' ' -f1 /proc/uptime; awk '/btime/ { print $2 }' /proc/stat").output.split()]


def test_an_idle_guest_migrates_over_ssh_and_its_clocks_are_right(pair, traveller):
    before, late = times(traveller), traveller.lateness()
    traveller.migrate()
    assert_once(traveller)
    after, now_late = times(traveller), traveller.lateness()
    assert after[1] - before[1] == pytest.approx(after[0] - before[0], abs=1.5)
    assert abs(after[2] - before[2]) <= 1
    # the two machines' clocks are NTP's, as it were
    assert now_late[0] <= late[1] and late[0] <= now_late[1], (late, now_late)
    traveller.run("cd /mnt && sha256sum -c SUMS")
    assert not LOST.search(log := traveller.run("dmesg").output), log


def test_a_sender_that_fails_before_the_guest_stands_still_leaves_nothing(traveller):
    domid, free = traveller.domid(), traveller.target.free_pages()
    for stage in ("connect", "header", "track", "precopy"):
        command = f"TORPOR_FAULT=live/{stage} torpor migrate traveller {traveller.pair.name_of(traveller.target)}"
        result = traveller.machine.run(command, check=False)
        assert result.status == 1, result.output
        assert result.output.count(f"Migration failed, resuming at sender: saving domain {domid} failed: {stage}") == 1
        assert_once(traveller)
        assert traveller.target.free_pages() == free, stage
    assert traveller.domid() == domid
    assert traveller.run("echo alive").output == "alive\n"
