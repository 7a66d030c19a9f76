# SPDX-License-Identifier: Apache-2.0
"""A defect of the hypervisor's own, provoked by its key 'C' on the console, which nobody but the machine's owner can
press."""

import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from debugger import SP, Debugger
from machine import BUILD, RUN_LIMIT, Board, Machine

pytestmark = pytest.mark.torpor_only("stock Xen's panic has words of its own")

# the hypervisor keeps the console's input, so that keys are its own
BOARD = Board(smp=4, arguments="dom0_mem=512M conswitch=ax", ramdisk=None, disk=False)


def function_at(name):
    symbols = subprocess.run(["llvm-nm", "-S", BUILD / "hypervisor/torpor.elf"], capture_output=True, text=True,
                             check=True).stdout
    start, size = (int(n, 16) for n in re.search(rf"^(\w+) (\w+) \w {name}$", symbols, re.M).groups())
    return range(start, start + size)


def crash(machine):
    machine.alarms_expected = True
    machine.expect(r"smp: Brought up 1 node, 4 CPUs")
    machine.send("C")
    machine.expect(r"^\(XEN\) torpor: panic: key 'C' was pressed$", limit=RUN_LIMIT)
    machine.expect(r"^\(XEN\) torpor: called from [0-9a-f ]+ \(", limit=RUN_LIMIT)


@pytest.mark.parametrize("gic", [2, 3])
def test_a_panic_stops_every_cpu_and_halts_if_told_so(gic):
    with Machine(f"panic-halts-gic{gic}", replace(BOARD, gic=gic, arguments=BOARD.arguments + " noreboot")) as machine:
        crash(machine)
        machine.expect(r"^\(XEN\) torpor: halted, as noreboot says", limit=RUN_LIMIT)
        time.sleep(1)
        counters = [int(pc, 16) for pc in re.findall(r"PC=(\w+)", machine.monitor("info registers -a"))]
        assert len(counters) == 4
        halt = function_at("cpu_halt")
        assert all(counter in halt for counter in counters), [hex(counter) for counter in counters]


def test_a_panic_resets_the_machine():
    with Machine("panic-resets", BOARD) as machine:
        crash(machine)
        machine.expect(r"^\(XEN\) torpor: resetting the machine", limit=RUN_LIMIT)
        assert machine.wait_exit() == 0


def test_a_stack_that_overflows_is_a_panic_that_says_so():
    """A breakpoint in a function at EL2, and the stack's end in the stack pointer: nobody outside can bring that
    about."""
    guard = function_at("cpu_stacks").start
    with Machine("panic-stack", replace(BOARD, smp=1), debugger=Debugger) as machine:
        machine.alarms_expected = True
        machine.expect(r"Serial input to Torpor")
        debugger = Debugger(Path(machine.scratch.name) / "gdb")
        machine.send("h")     # is read when the machine goes on
        debugger.run_to(function_at("console_debug_key").start)
        debugger.set_register(SP, guard + 4096)
        debugger.detach()
        machine.expect(rf"^\(XEN\) torpor: panic: stack overflow at EL2: "
                       rf"pc 0x[0-9a-f]+, ESR 0x\w+, FAR 0x{guard >> 12:x}", limit=RUN_LIMIT)
        machine.expect(r"^\(XEN\) torpor: resetting the machine", limit=RUN_LIMIT)
        assert machine.wait_exit() == 0
