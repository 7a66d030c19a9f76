# SPDX-License-Identifier: Apache-2.0
"""What a domain is, saved and restored by a dom0 of our own (tests/dom0/record.c), in a guest that knows every value
(tests/guests/record.c)."""

import pytest

from machine import BUILD, Board, Machine


@pytest.mark.torpor_only("Xen on Arm saves nothing")
@pytest.mark.parametrize("gic", [3, 2], ids=["gic3", "gic2"])
def test_a_restored_guest_finds_everything_as_it_was(gic, counts):
    cycles = counts["records"]
    board = Board(gic=gic, smp=2, mem=1024, disk=False, kernel=BUILD / "guests/dom0-record.img",
                  ramdisk=BUILD / "guests/record.img",
                  arguments="dom0_mem=128M dom0_max_vcpus=1", dom0_arguments=f"cycles={cycles} seed={gic}")
    with Machine(f"records-gic{gic}", board) as machine:
        machine.expect(rf"^record: {cycles} of {cycles}|^record: not|^\(XEN\) torpor: panic|^not ok")
        machine.check_console()
        assert f"record: {cycles} of {cycles}" in machine.console, machine.console[-4000:]
        assert machine.wait_exit() == 0
