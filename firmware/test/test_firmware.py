# SPDX-License-Identifier: Apache-2.0
"""The firmware by itself: the probe's (probe.c) view of it at EL2, and its words when it cannot go on."""

import re
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build"
PROBE = BUILD / "firmware" / "probe.img"
LIMIT = 300  # seconds; only ends a hang


@contextmanager
def machine(kernel=PROBE, arguments="", gic=3, cpu="cortex-a57", smp=1, mem=512, firmware="firmware", more=(),
            secure=False):
    """A running machine; yields the lines of its UART, or of the secure one. They end when it is switched off."""
    serials = ["null", "stdio"] if secure else ["stdio", "null"]
    command = ["qemu-system-aarch64", "-M", f"virt,virtualization=on,secure=on,gic-version={gic}", "-cpu", cpu,
               "-smp", str(smp),
               "-m", str(mem), "-nodefaults", "-display", "none", "-serial", serials[0], "-serial", serials[1],
               "-bios", str(BUILD / f"{firmware}.bin"),
               *(["-kernel", str(kernel), "-append", arguments] if kernel else []), *more]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(LIMIT, process.kill)
        timer.start()
        try:
            yield (line.rstrip() for line in process.stdout)
        finally:
            timer.cancel()
            process.kill()


def probe(scratch, probe_set, **board):
    """Runs a set of the probe's tests. Returns the names of those that passed; any that failed fails here."""
    ramdisk, module = scratch / "ramdisk", scratch / "module"
    ramdisk.write_bytes(b"a ramdisk\n\0\0")
    module.write_bytes(b"a module\n")
    more = ["-initrd", str(ramdisk), "-device", f"guest-loader,addr=0x48000000,kernel={module},bootargs=none"]
    with machine(arguments=f"probe={probe_set}", more=more, **board) as lines:
        text = "\n".join(lines)
    assert "FAIL" not in text, text
    assert text.endswith("\ndone"), text
    return re.findall(r"^ok (\S+)$", text, re.M)


def complaint(**board):
    """The one line that the firmware says on the secure UART, after which it stands still."""
    with machine(secure=True, **board) as lines:
        return next(lines, "")


BOARDS = [(2, "cortex-a57", 1), (2, "cortex-a72", 2), (2, "max", 8),
          (3, "cortex-a57", 1), (3, "cortex-a72", 4), (3, "max", 8)]


@pytest.mark.parametrize("gic,cpu,smp", BOARDS)
def test_firmware_keeps_its_promises(tmp_path, gic, cpu, smp):
    assert len(probe(tmp_path, "firmware", gic=gic, cpu=cpu, smp=smp)) == 22


@pytest.mark.parametrize("gic", [2, 3])
def test_refusing_variant_denies_to_sleep(tmp_path, gic):
    assert probe(tmp_path, "refuse", gic=gic, firmware="firmware-refuse") == ["refusing_build_denies_and_goes_on"]


@pytest.mark.parametrize("gic", [2, 3])
def test_racing_variant_wakes_at_once(tmp_path, gic):
    assert probe(tmp_path, "race", gic=gic, firmware="firmware-race") == [
        "racing_build_comes_back_at_once_with_all_lost"]


@pytest.mark.parametrize("gic", [2, 3])
def test_reset_starts_all_cpus_again(gic):
    """RAM keeps its content, the secure RAM with the firmware's data too."""
    with machine(arguments="probe=reset", gic=gic, smp=4) as lines:
        starts = [line for line, _ in zip((line for line in lines if line.startswith("probe ")), range(5))]
    assert starts == [f"probe reset: 4 CPUs, GICv{gic}"] * 5


def test_missing_kernel_is_said():
    assert "there is no kernel: start QEMU with -kernel FILE" in complaint(kernel=None)


def test_kernel_that_is_no_image_is_said(tmp_path):
    file = tmp_path / "kernel"
    file.write_bytes(b"#!/bin/sh\n" * 100)
    assert "no arm64 Image" in complaint(kernel=file)


def test_too_little_memory_is_said(tmp_path):
    file = tmp_path / "ramdisk"
    file.write_bytes(bytes(60 << 20))
    assert "no room in RAM" in complaint(mem=64, more=["-initrd", str(file)])


def test_too_many_cpus_are_said():
    assert "one too many: start QEMU with at most 16" in complaint(smp=17)


def test_module_in_the_trees_way_is_said(tmp_path):
    file = tmp_path / "module"
    file.write_bytes(b"a module")
    assert "load it at 0x" in complaint(more=["-device", f"guest-loader,addr=0x40010000,kernel={file},bootargs=none"])
