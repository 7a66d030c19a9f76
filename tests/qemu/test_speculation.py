# SPDX-License-Identifier: Apache-2.0
"""CPUs whose firmware says that they need workarounds against speculation: it is called at every entry, and guests hear
of it."""

import re

from machine import BUILD, ROOT, Board, Machine

VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities"
GUESTS = ["psci", "fpu", "hypercalls"]


def test_firmware_that_needs_to_be_called_is_called_and_keeps_the_guests_registers():
    board = Board(cpu="cortex-a57", dom0_arguments="mitigations=auto", bios=BUILD / "firmware-workaround.bin",
                  arguments="dom0_mem=768M dom0_max_vcpus=2",
                  files=[ROOT / "tests/guests/run-in-dom0.sh"] + [BUILD / "guests" / f"{name}.img" for name in GUESTS])
    with Machine("speculation", board) as machine:
        machine.boot()
        for name in ("spectre_v2", "spec_store_bypass"):
            told = machine.run(f"cat {VULNERABILITIES}/{name}").output
            assert re.search("Mitigation|Not affected", told), f"{name}: {told}"
        images = " ".join(f"{name}.img" for name in GUESTS)
        result = machine.run(f"cd /tmp/job; bash run-in-dom0.sh {images}", check=False)
        assert result.status == 0, result.output
        machine.destroy_all()
        machine.poweroff()
        machine.check_console()
