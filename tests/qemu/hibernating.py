# SPDX-License-Identifier: Apache-2.0
"""Machines that hibernate: their disks outlive them, and a boot loader starts the keeper first, as docs/hibernation.md
says."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from machine import BUILD, IMAGES, QUICK, Board

FILES = [BUILD / "keeper.gz", BUILD / "debian/keeper/sbin/kexec", BUILD / "tools/torpor"]
IMAGE_MIB = 1100
RESTARTS = "panic=-1 sysctl.kernel.softlockup_panic=1 watchdog_thresh=60 sysctl.kernel.hung_task_panic=1"
# dom0's disk has no kexec, and no keeper
TORPOR = "cd /tmp/job; export PATH=/tmp/job:$PATH; torpor"
HOW = "-t /dev/disk-of-images -k /guest/vmlinuz -i keeper.gz"


def make_entry(path, hypervisor, arguments, dom0_arguments=QUICK):
    """The ramdisk of the boot loader's entry: what the keeper boots if there is no image, and the keeper."""
    host = path.parent / "entry.tree/host"
    host.mkdir(parents=True)
    for source, name in [(hypervisor, "hypervisor"), (IMAGES / "vmlinuz", "kernel"), (IMAGES / "dom0.gz", "ramdisk"),
                         (BUILD / "keeper.gz", "keeper.gz")]:
        shutil.copy(source, host / name)
    (host / "arguments").write_text(f"console=dtuart bootscrub=0 {arguments}\n")
    (host / "dom0-arguments").write_text(f"console=hvc0 {dom0_arguments}\n")
    names = "\n".join(["host", *(f"host/{entry.name}" for entry in sorted(host.iterdir()))])
    archive = subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], cwd=host.parent, input=names.encode(),
                             check=True, stdout=subprocess.PIPE).stdout
    path.write_bytes(archive + (BUILD / "keeper.gz").read_bytes())
    shutil.rmtree(host.parent)


def make_disks(folder, mebibytes=IMAGE_MIB, image=IMAGES / "dom0.img"):
    """dom0's disk, which is written to, and an empty one for the image."""
    subprocess.run(["cp", "--sparse=always", image, folder / "dom0.img"], check=True)
    with open(folder / "image.img", "wb") as file:
        file.truncate(mebibytes << 20)


@dataclass
class HibernatingBoard(Board):
    """One of the machines that have the disks and the boot loader's entry in `folder`."""

    folder: Path = Path()
    keeper: str = "resume"
    mem: int = 1024
    arguments: str = "dom0_mem=512M dom0_max_vcpus=1 crashkernel=128M"

    def __post_init__(self):
        self.kernel = self.ramdisk = None   # the keeper has them
        self.image = self.folder / "dom0.img"
        self.files = self.files or FILES
        self.start = ["-kernel", str(IMAGES / "vmlinuz"), "-initrd", str(self.folder / "entry"),
                      "-append", f"console=ttyAMA0 cma=0 pci=nomsi irqchip.gicv3_nolpi=1 {RESTARTS} "
                      f"keeper={self.keeper}"]
        self.extra = [*self.extra, "-drive", f"if=none,file={self.folder / 'image.img'},format=raw,id=image",
                      "-device", "virtio-blk-device,drive=image,serial=image"]

    def command(self, hypervisor):
        if not (self.folder / "entry").exists():
            make_entry(self.folder / "entry", hypervisor, self.arguments)
        return [word.removesuffix(",snapshot=on") for word in super().command(hypervisor)]


def find_image_disk(host):
    host.run("disk=$(dirname $(grep -l -x image /sys/block/vd*/serial)); ln -sf /dev/${disk##*/} /dev/disk-of-images")


def begin_hibernation(host, options=""):
    host.start(f"({TORPOR} hibernate {options} {HOW}; echo status $?) > /root/said 2>&1 &")


def hibernate(host, options=""):
    """Returns when the machine is off."""
    begin_hibernation(host, options)
    host.expect(r"^keeper: the host is saved; powering off$")
    assert host.wait_exit() == 0
    host.check_console()


def wait_restored(host):
    """Waits until a machine that was switched on goes on with its image; returns what the tool said."""
    host.expect(r"^keeper: into the host$")
    host.expect(r"torpor: restored from its image after \d+\.\d+ s")
    host.attach()
    host.wait_for("grep -q status /root/said")
    return host.run("cat /root/said").output
