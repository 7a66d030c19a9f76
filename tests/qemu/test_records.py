# SPDX-License-Identifier: Apache-2.0
"""What a domain is, saved and restored by a dom0 of our own (tests/dom0/record.c), in a guest that knows every value
(tests/guests/record)."""

import pytest

from machine import BUILD, Board, Machine

pytestmark = pytest.mark.torpor_only("Xen on Arm saves nothing")

GUEST = BUILD / "guests/record.img"
ALARM = r"|^\(XEN\) torpor: panic|^not ok"


def board(program, arguments, gic=3, cpu="cortex-a57", smp=2, mem=1024, ramdisk=GUEST, dom0_vcpus=1):
    return Board(gic=gic, cpu=cpu, smp=smp, mem=mem, disk=False, kernel=BUILD / f"guests/dom0-{program}.img",
                 ramdisk=ramdisk, arguments=f"dom0_mem=128M dom0_max_vcpus={dom0_vcpus}", dom0_arguments=arguments)


@pytest.mark.parametrize("gic,form", [(3, ""), (2, ""), (3, "fifo"), (2, "fifo")],
                         ids=["gic3", "gic2", "gic3-fifo", "gic2-fifo"])
def test_a_restored_guest_finds_everything_as_it_was(gic, form, counts):
    cycles = counts["records"]
    what = board("record", f"cycles={cycles} seed={gic} {form}", gic, dom0_vcpus=2)
    with Machine(f"records-gic{gic}{form}", what) as machine:
        machine.expect(rf"^record: {cycles} of {cycles}|^record: not" + ALARM)
        machine.check_console()
        assert f"record: {cycles} of {cycles}" in machine.console, machine.console[-4000:]
        assert machine.wait_exit() == 0
