# SPDX-License-Identifier: Apache-2.0
"""Machines with UEFI firmware (Debian's AAVMF), which start an EFI program from a FAT partition: GRUB, or Torpor
itself, also from the EFI shell."""

import shutil
from pathlib import Path

from machine import BUILD, IMAGES, QUICK, Board, hypervisor_path

DEBIAN = BUILD / "debian/uefi/usr"
FIRMWARE = DEBIAN / "share/qemu-efi-aarch64/QEMU_EFI.fd"
GRUB = DEBIAN / "lib/grub/arm64-efi"

# A menu on the machine's own disk comes first. Otherwise: what /etc/grub.d/20_linux_xen writes, without the menu.
GRUB_CFG = """
if search --no-floppy --file /boot/grub/grub.cfg --set=installed; then
    set root=$installed
    configfile /boot/grub/grub.cfg
fi
insmod xen_boot
xen_hypervisor /hypervisor placeholder {words} no-real-mode edd=off
xen_module /vmlinuz placeholder {dom0_words}
xen_module --nounzip /dom0.gz
boot
"""


def firmware_board(folder, machine="virtualization=on,acpi=off", **options):
    """A machine with UEFI firmware, whose EFI system partition is `folder`."""
    esp = ["-drive", f"if=none,file=fat:{folder},format=raw,id=esp,readonly=on",
           "-device", "virtio-blk-device,drive=esp"]
    return Board(machine=machine, start=["-bios", str(FIRMWARE), *esp], kernel=None, ramdisk=None, **options)


def program_board(folder, program, *arguments, **options):
    """... whose firmware starts `program`. folder: an empty one."""
    path = Path(folder) / "EFI/BOOT/BOOTAA64.EFI"
    path.parent.mkdir(parents=True)
    path.symlink_to(program)
    return firmware_board(folder, *arguments, **options)


def shell_board(folder, commands, files, **options):
    """... whose firmware finds no program, and has its shell run `commands` in \\torpor, where `files` are: names, and
    each file's text or where it is."""
    (folder / "torpor").mkdir()
    for name, content in files.items():
        if isinstance(content, Path):
            (folder / "torpor" / name).symlink_to(content)
        else:
            (folder / "torpor" / name).write_bytes(content)
    (folder / "startup.nsh").write_text("\r\n".join(["fs0:", "cd \\torpor", *commands, ""]))
    return firmware_board(folder, **options)


def grub_board(folder, arguments="dom0_mem=768M dom0_max_vcpus=2", dom0_arguments=QUICK, **options):
    """... that starts Debian's GRUB, which starts the hypervisor with dom0's kernel and ramdisk."""
    board = program_board(folder, GRUB / "monolithic/grubaa64.efi", arguments=arguments, **options)
    for name, source in (("hypervisor", hypervisor_path()), ("vmlinuz", IMAGES / "vmlinuz"),
                         ("dom0.gz", IMAGES / "dom0.gz")):
        (folder / name).symlink_to(source)
    modules = folder / "EFI/debian/arm64-efi"
    modules.mkdir(parents=True)
    for name in ("xen_boot.mod", "moddep.lst", "command.lst"):
        shutil.copy(GRUB / name, modules)
    words = GRUB_CFG.format(words=f"bootscrub=0 {arguments}", dom0_words=f"console=hvc0 {dom0_arguments}")
    (modules.parent / "grub.cfg").write_text(words)
    return board
