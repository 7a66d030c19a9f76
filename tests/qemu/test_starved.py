# SPDX-License-Identifier: Apache-2.0
"""dom0's memory ends at any moment of a save, a restore, a checkpoint or a migration, for torpor(1) or for its helper,
once or for good: the guest goes on exactly once, or its image is whole. So it is when torpor(1) is broken off where its
image gets its name, or its guest goes on.

tests/guests/linux/starve.c refuses an allocation by its number, broken.c is the other. Libraries that do not look
(libyajl), or that end the program (libxl), are between; what counts is what is left behind.
"""

import json

import pytest

from conftest import SOAK
from machine import BUILD, Board
from pair import Pair
from test_migrate import Traveller, assert_clean, names

MOMENTS = 40 if SOAK else 2
IMAGE = "/root/starved.img"
LIBRARY = "/tmp/job/starve.so"
# as /proc/PID/comm has them
PROGRAMS = {"torpor": "torpor", "helper": "torpor-save-hel"}

ONCE, FOR_GOOD = 1, 0
SHORTAGES = [("torpor", ONCE), ("torpor", FOR_GOOD), ("helper", FOR_GOOD)] + SOAK * [("helper", ONCE)]

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 saves no guest on Arm")
shortages = pytest.mark.parametrize("program,times", SHORTAGES)


@pytest.fixture(scope="module")
def pair():
    board = Board(files=[BUILD / "guests" / name for name in ("starve.so", "broken.so")])
    with Pair("starved", [board, board]) as both:
        both.start()
        yield both
        for machine in both.machines:
            if not machine.broken:
                machine.destroy_all()
                machine.poweroff()
            machine.check_console()


@pytest.fixture(scope="module")
def one(pair):
    return Traveller(pair, pair.first, "one").create()


class Shortage:
    """Of one program's memory, within whatever is started with `before` in front of it."""

    COUNT = "/tmp/allocations"

    def __init__(self, machine, program, first, times):
        self.machine = machine
        self.before = (f"env LD_PRELOAD={LIBRARY} STARVE={PROGRAMS[program]} STARVE_FROM={first} STARVE_TIMES={times} "
                       f"STARVE_COUNT={self.COUNT}")
        machine.run(f"printf '\\0\\0\\0\\0\\0\\0\\0\\0' > {self.COUNT}")

    def asked(self):
        """How often the program has asked for memory."""
        return int(self.machine.run(f"od -A n -t u8 {self.COUNT}").output)


@pytest.fixture(scope="module")
def counted():
    """What was asked for, by the work and the program."""
    return {}


@pytest.fixture
def moments(request, counted, program, times):
    """A generator: runs `work(shortage)` once with enough, to count what it asks for, and then with shortages spread
    over that, each on the machine that `where()` gives then. Yields each shortage and what `work` returned."""
    def run(where, work, side=""):
        key = request.function.__name__, side, program
        if key not in counted:
            shortage = Shortage(where(), program, 2 ** 60, times)
            yield shortage, work(shortage)
            counted[key] = shortage.asked()
        asked = counted[key]
        assert asked > 5, asked
        for moment in range(MOMENTS):
            shortage = Shortage(where(), program, (2 * moment + 1) * asked // (2 * MOMENTS), times)
            yield shortage, work(shortage)

    return run


def assert_said(result):
    """A failure has its line; one by a signal (128 and its number) is a library's that did not look."""
    assert result.status < 128 and result.output.strip() or result.status >= 128, result


def settle(machine):
    """Waits for the guardians, and for whatever is dying."""
    machine.wait_for("! pgrep -x torpor-guardian > /dev/null")
    machine.wait_for("! xl list | grep -q -E '^\\(null\\)|d  +[0-9.]+$'")
    assert_clean(machine)


def assert_lives(one):
    assert one.run("echo alive").output.strip() == "alive"


def restore(one):
    one.machine.run(f"torpor restore {IMAGE}")


@shortages
def test_a_guest_is_saved_or_goes_on(one, moments):
    host = one.machine

    def save(shortage):
        host.run(f"rm -f {IMAGE}*")
        return host.run(f"{shortage.before} torpor save one {IMAGE}", check=False)

    for shortage, result in moments(lambda: host, save):
        settle(host)
        kept = host.run(f"ls {IMAGE}* 2> /dev/null", check=False).lines()
        there = names(host)
        assert (there, kept) in [(["one"], []), ([], [IMAGE])], (there, kept, result, shortage.asked())
        assert kept or result.status, result
        assert_said(result)
        if kept:
            restore(one)
        assert_lives(one)


@shortages
def test_a_guest_is_restored_or_nothing_of_it_is_left(one, moments):
    host = one.machine

    def work(shortage):
        host.run(f"test -e {IMAGE} || torpor save one {IMAGE}")
        return host.run(f"{shortage.before} torpor restore {IMAGE}", check=False)

    host.run(f"rm -f {IMAGE}")
    for shortage, result in moments(lambda: host, work):
        settle(host)
        there = names(host)
        assert there == ["one"] or result.status and not there, (there, result, shortage.asked())
        assert_said(result)
        if not there:
            restore(one)
        assert_lives(one)
        host.run(f"rm -f {IMAGE}")


@shortages
def test_a_guest_goes_on_behind_a_checkpoint(one, moments):
    """And the file has the last one, or the one before it."""
    host = one.machine
    host.run(f"rm -f {IMAGE}*; torpor checkpoint one {IMAGE}")

    def work(shortage):
        return host.run(f"{shortage.before} torpor checkpoint one {IMAGE}", check=False)

    for _, result in moments(lambda: host, work):
        settle(host)
        assert names(host) == ["one"]
        assert_said(result)
        assert_lives(one)
    assert host.run(f"ls {IMAGE}*").lines() == [IMAGE]
    host.run("xl destroy one")
    settle(host)
    restore(one)
    assert_lives(one)


@shortages
@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_a_guest_runs_on_one_side_behind_a_migration(pair, one, moments, side):
    def where():
        return one.machine if side == "sender" else one.target

    def work(shortage):
        receiver = "torpor migrate-receive"
        command = (one.command(sender=shortage.before, receiver=receiver) if side == "sender" else
                   one.command(receiver=f"{shortage.before} {receiver}"))
        return one.machine.run(command, check=False)

    for shortage, result in moments(where, work, side):
        for machine in pair.machines:
            settle(machine)
        there, away = names(one.machine), names(one.target)
        assert (there, away) in [([], ["one"]), (["one"], [])], (there, away, result, shortage.asked())
        assert away or result.status, result
        assert_said(result)
        if away:
            one.has_moved()
        assert_lives(one)


def journal(machine):
    lines = machine.run("cat /var/log/torpor/operations.json 2> /dev/null || true").lines()
    return [json.loads(line) for line in lines]


def save_broken_off(one, where, options=""):
    """Its result, and what the journal has of it."""
    host = one.machine
    host.run(f"rm -f {IMAGE}*")
    before = len(journal(host))
    result = host.run(f"env LD_PRELOAD=/tmp/job/broken.so BROKEN={where} torpor save {options} one {IMAGE}",
                      check=False)
    settle(host)
    lines = journal(host)[before:]
    assert len(lines) == 1, lines
    return result, lines[0]


def test_a_save_that_is_killed_once_its_image_has_its_name_is_brought_to_its_end(one):
    """Resumed, the guest would be there twice."""
    result, line = save_broken_off(one, "named")
    assert result.status == 128 + 9, result
    assert line["outcome"] == "saved" and not line["result"], line
    assert names(one.machine) == [] and one.machine.run(f"ls {IMAGE}*").lines() == [IMAGE]
    restore(one)
    assert_lives(one)


def test_an_image_whose_name_does_not_reach_the_disk_is_taken_away_and_the_guest_goes_on(one):
    result, line = save_broken_off(one, "unsynced")
    assert result.status == 1 and f"{IMAGE} cannot be written: Input/output error" in result.output, result
    assert line["outcome"] == "resumed" and line["result"], line
    assert names(one.machine) == ["one"] and one.machine.run(f"ls {IMAGE}*", check=False).status
    assert_lives(one)


def test_a_save_that_is_killed_once_its_guest_goes_on_leaves_it_watched(one):
    """xl's monitor has gone with the suspending, and ours had not been begun."""
    host = one.machine
    result, line = save_broken_off(one, "resumed", "-c")
    assert result.status == 128 + 9, result
    assert line["outcome"] == "resumed" and line["result"], line
    assert names(host) == ["one"] and host.run(f"ls {IMAGE}*", check=False).status
    domid = one.domid()
    one.run("reboot -f > /dev/null 2>&1 &")
    host.wait_for(f"[ $(xl domid one 2> /dev/null || echo {domid}) != {domid} ]")
    one.wait()
    assert_lives(one)
