# SPDX-License-Identifier: Apache-2.0
"""Dirty tracking on the machine: a dom0 of our own (tests/dom0/dirty.c) follows its guest's writes.

By faults where the CPU has nothing better (cortex-a57), and by the dirty state that it keeps itself (max has
FEAT_HAFDBS).
"""

import re

import pytest

from machine import BUILD, Machine, bare_board

GUEST = BUILD / "guests/dirty.img"


@pytest.mark.torpor_only("stock Xen has no dirty tracking on Arm")
@pytest.mark.parametrize("gic,cpu", [(3, "cortex-a57"), (3, "max"), (2, "cortex-a57"), (2, "max")])
def test_what_a_guest_writes_is_dirty_and_nothing_is_lost(gic, cpu, counts):
    board = bare_board("dirty", f"rounds={8 * counts['rounds']}", GUEST, gic=gic, cpu=cpu, smp=4, mem=1024)
    with Machine(f"dirty-gic{gic}-{cpu}", board) as machine:
        machine.expect(r"^dirty: (not )?ok|^\(XEN\) torpor: panic")
        machine.check_console()
        assert "dirty: ok" in machine.console and "not ok" not in machine.console, machine.console[-4000:]
        assert machine.wait_exit() == 0


@pytest.mark.torpor_only("stock Xen has no dirty tracking on Arm")
@pytest.mark.parametrize("cpu", ["cortex-a57", "max"])
def test_asking_costs_by_what_was_written_and_not_by_what_there_is(cpu):
    board = bare_board("dirty", "look=512", GUEST, smp=1, cpu=cpu, mem=1024, icount=0)
    with Machine(f"dirty-look-{cpu}", board) as machine:
        machine.expect(r"^dirty: (not )?ok|^\(XEN\) torpor: panic")
        machine.check_console()
        said = re.search(r"a look takes (\d+) ticks .*, (\d+) after 64 pages, (\d+) after none", machine.console)
        assert said and "dirty: ok" in machine.console, machine.console[-4000:]
        everywhere, few, nothing = map(int, said.groups())
        # instructions, for QEMU counts them: far from the cost of looking at all of 131,072 pages, as the first time
        assert nothing < everywhere / 10 and few < everywhere / 10, said.group()
        assert machine.wait_exit() == 0
