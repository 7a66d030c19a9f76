# SPDX-License-Identifier: Apache-2.0
"""The host jumps into another system beside it and comes back."""

import re

import pytest

from machine import BUILD, Board, Machine

STAGES = ["hibernation_begin", "domains", "dom0", "hibernation_snapshot", "cpus", "timers", "console", "gic", "core",
          "jump"]

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 has no kexec on Arm")


@pytest.mark.parametrize("gic,cpus,cpu,bios", [(3, 2, "cortex-a57", None)], ids=["gic3-2cpu"])
def test_a_small_system_is_called_at_el2_and_keeps_its_state(gic, cpus, cpu, bios):
    with Machine(f"jump-gic{gic}-{cpus}cpu", Board(gic=gic, smp=cpus, cpu=cpu, bios=bios, ramdisk=None, disk=False,
                                                   kernel=BUILD / "guests/dom0-jump.img",
                                                   arguments="dom0_mem=128M dom0_max_vcpus=1 crashkernel=2M",
                                                   dom0_arguments="rounds=10")) as machine:
        machine.expect(rf"^faults: {len(STAGES)} of {len(STAGES)}$")
        machine.expect(r"^jumps: 10 of 10, \d+ ticks there and back$")
        assert machine.wait_exit() == 0
        assert "no memory for a copy" not in machine.console
        assert len(re.findall(r"torpor: jumped into another kernel, and back after", machine.console)) == 10
        machine.check_console()
