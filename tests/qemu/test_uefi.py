# SPDX-License-Identifier: Apache-2.0
"""The way in that Debian machines have: UEFI firmware, GRUB, the hypervisor, dom0; and the one without GRUB."""

import subprocess

import pytest

from conftest import SOAK
from machine import IMAGES, QUICK, Machine, hypervisor_path, is_stock_xen
from uefi import grub_board, program_board, shell_board

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


CONFIG = f"""# as Xen's own EFI program has it
[global]
default=rescue
[rescue]
kernel=vmlinuz rescue
[debian]
kernel=vmlinuz console=hvc0 earlycon=xenboot {QUICK}
ramdisk=dom0.gz
options=dom0_mem=768M
""".encode()


@NO_XEN
def test_the_efi_shell_starts_dom0_by_a_configuration_and_survives_those_that_are_wrong(tmp_path):
    wrong = {
        "lines.cfg": (b"[global]\nkernel\n", "lines.cfg, line 2: neither "),
        "bytes.cfg": (b"\xff\xfe[\x00g\x00", "bytes.cfg, line 1: not plain ASCII"),
        "large.cfg": (b"\n" * 70000, "large.cfg: a configuration has at most 64 KiB"),
        "none.cfg": (None, "none.cfg: there is no such file"),
        "kernel.cfg": (b"kernel=\\torpor\n", "\\\\torpor: cannot be read"),   # a directory
        "tree.cfg": (b"kernel=vmlinuz\ndtb=torpor.cfg\n", "torpor.cfg: it is no device tree"),
    }
    files = {name: text for name, (text, _) in wrong.items() if text is not None}
    files |= {"torpor.efi": hypervisor_path(), "torpor.cfg": CONFIG, "vmlinuz": IMAGES / "vmlinuz",
              "dom0.gz": IMAGES / "dom0.gz"}
    commands = [f"torpor.efi -cfg={name}" for name in wrong]
    commands += ["torpor.efi nowhere", "torpor.efi debian -- dom0_max_vcpus=1"]
    with Machine("uefi-shell", shell_board(tmp_path, commands, files)) as machine:
        for name, (_, words) in wrong.items():
            machine.expect(f"-cfg={name}[^>]*torpor: {words}")
        machine.expect("torpor: nowhere: the configuration has no such section")
        machine.expect(r"dom0: 768 MiB .* 1 vCPUs, kernel at 0x\w+ \(where it was loaded\)")
        machine.expect(r"Linux version .*(\n.*)*Kernel command line: console=hvc0 earlycon=xenboot mitigations=off")
        if SOAK:
            machine.boot()
            assert machine.run("xl info xen_commandline").output.strip() == "dom0_mem=768M dom0_max_vcpus=1"
            machine.poweroff()
        machine.check_console()
