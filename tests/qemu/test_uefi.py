# SPDX-License-Identifier: Apache-2.0
"""The way in that Debian machines have: UEFI firmware, GRUB, the hypervisor, dom0."""

import subprocess

import pytest

from machine import Machine, hypervisor_path, is_stock_xen
from uefi import grub_board, program_board

NO_XEN = pytest.mark.torpor_only("stock Xen's stub has other words")


def test_grub_takes_the_image_for_an_efi_program():
    subprocess.run(["grub-file", "--is-arm64-efi", hypervisor_path()], check=True)


def test_aavmf_and_grub_start_dom0(tmp_path):
    with Machine("uefi", grub_board(tmp_path)) as machine:
        machine.boot()
        assert "Domain-0" in machine.run("xl list").output
        said = machine.run("xl dmesg").output
        assert "ignored" not in said          # GRUB's own words are no unknown options
        assert "768M" in machine.run("xl info xen_commandline").output
        total = int(machine.run("xl info total_memory").output)
        assert machine.board.mem - 64 <= total <= machine.board.mem
        if not is_stock_xen():                # which leaves the clock to a firmware that nobody calls
            assert "pl031" in machine.run("cat /sys/class/rtc/rtc0/name").output
        machine.poweroff()
        machine.check_console()


@NO_XEN
@pytest.mark.parametrize("name, properties, words", [
    ("below-el2", "acpi=off", "torpor: started below EL2: .*virtualization=on"),
    ("acpi", "virtualization=on", "torpor: the firmware gives no device tree, and ACPI is not supported: "),
])
def test_a_machine_that_cannot_be_used_is_told_in_one_line(tmp_path, name, properties, words):
    with Machine(f"uefi-{name}", program_board(tmp_path, hypervisor_path(), properties, disk=False)) as machine:
        machine.expect(words)


@NO_XEN
def test_started_without_a_dom0_it_says_so(tmp_path):
    with Machine("uefi-alone", program_board(tmp_path, hypervisor_path(), disk=False)) as machine:
        machine.expect("torpor: no dom0 kernel: ")
