# SPDX-License-Identifier: Apache-2.0
"""System errors where there is FEAT_RAS (entry/serror.c). QEMU has none of the physical ones, so the value that an ESB
would have noted is put into the register that DISR_EL1 was just read to.
"""

from pathlib import Path

import pytest

from debugger import PC, Debugger, symbols
from machine import Board, Machine

pytestmark = pytest.mark.torpor_only("about Torpor's own vectors")

NOTED = 1 << 31 | 0x11             # DISR_EL1.A, and an asynchronous error that the architecture describes
CORRECTED, UNRECOVERABLE = 6 << 10, 1 << 10
FROM_LOWER_EL = 0x400


@pytest.fixture
def stopped():
    """A machine whose kernel has just begun, and its debugger."""
    board = Board(cpu="max", smp=1, disk=False, arguments="dom0_mem=512M dom0_max_vcpus=1", ramdisk=None)
    with Machine("serror", board, debugger=Debugger) as machine:
        machine.expect(r"Linux version")
        yield machine, Debugger(Path(machine.scratch.name) / "gdb"), symbols()


def at_entry(debugger, names, noted):
    debugger.run_to(names["vectors_ras"] + FROM_LOWER_EL)
    while debugger.instruction() & 0xff00001f != 0xb5000002:   # cbnz x2
        debugger.step()
    debugger.set_register(2, noted)
    debugger.step()
    assert debugger.register(PC) == names["deferred_trap_sync"]


def at_exit(debugger, names, noted):
    debugger.run_to(names["return_to_guest_ras"])
    debugger.step()
    debugger.step()
    debugger.set_register(1, noted)
    debugger.step()
    assert debugger.register(PC) == names["error_of_our_own"]


def test_a_guest_goes_on_after_corrected_errors_and_is_told_of_others(stopped):
    machine, debugger, names = stopped
    at_exit(debugger, names, NOTED | CORRECTED)
    at_entry(debugger, names, NOTED | CORRECTED)
    debugger.run_to(names["return_to_guest"])
    assert "SError" not in machine.console
    at_entry(debugger, names, NOTED | UNRECOVERABLE)
    debugger.detach()
    machine.expect(r"SError Interrupt on CPU")


def test_an_error_of_the_hypervisors_own_is_a_panic(stopped):
    machine, debugger, names = stopped
    at_exit(debugger, names, NOTED | UNRECOVERABLE)
    debugger.detach()
    machine.expect(r"panic: system error of the hypervisor's own")
