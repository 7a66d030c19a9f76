# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel without a hypervisor, on the machine that hibernates: its own hibernation to a swap partition
(bench/plain/init does what is sent on the console here)."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from machine import BUILD, IMAGES, QUICK, Board


@dataclass
class PlainBoard(Board):
    folder: Path = Path()
    mem: int = 1024
    words: str = ""

    def __post_init__(self):
        self.kernel = self.ramdisk = None   # of no hypervisor
        self.start = ["-kernel", str(IMAGES / "vmlinuz"), "-initrd", str(BUILD / "bench/plain.gz"),
                      "-append", f"console=ttyAMA0 {QUICK} {self.words}"]
        self.extra = [*self.extra, "-drive", f"if=none,file={self.folder / 'image.img'},format=raw,id=image",
                      "-device", "virtio-blk-device,drive=image,serial=image"]


def tell(m, command, answer):
    m.send(command + "\n")
    m.expect(rf"^plain: {answer}$")


def seconds_until_off(m, begin):
    """From what `begin` does until the machine has switched itself off."""
    begun = time.monotonic()
    begin()
    m.wait_exit()
    return time.monotonic() - begun


def measure_hibernation(machine, folder, full, words):
    """Of a Linux with so many MiB in use beside its own: seconds, and MB/s as the kernel gives them."""
    board = PlainBoard(folder=folder, words=f"plain=resume {words}")
    with machine("linux", "hibernation down", board) as m:
        m.expect(r"^plain: up$")
        tell(m, f"fill {full}", "full")
        tell(m, "prepare_hibernation", "prepared")
        down = seconds_until_off(m, lambda: m.send("echo disk > /sys/power/state; echo plain: goes on\n"))
        wrote = re.search(r"Wrote (\d+) kbytes in [\d.]+ seconds \(([\d.]+) MB/s\)", m.console)
    begun = time.monotonic()
    with machine("linux", "hibernation up", board) as m:
        m.expect(r"^plain: goes on$")
        up = time.monotonic() - begun
        read = re.search(r"Read \d+ kbytes in [\d.]+ seconds \(([\d.]+) MB/s\)", m.console)
    return {"in use": int(wrote[1]) / 1024, "saved": float(wrote[2]), "put back": float(read[1]), "down": down,
            "up": up}
