# SPDX-License-Identifier: Apache-2.0
"""The costs of hibernating a host with a guest, and of a jump into another system and back.

Hibernation by the wall clock, on two emulated CPUs, beside dd that writes to the same disk, and reads from it, past the
page cache, in the same run: under -icount time leaps while a disk is waited for. A jump under -icount, where a
nanosecond is an instruction: the least of those that `tests/dom0/jump.c` makes, into two pages that go back at once.
"""

import json
import re
import tempfile
from pathlib import Path

from hibernating import TORPOR, HibernatingBoard, find_image_disk, hibernate, make_disks, wait_restored
from machine import Guest, bare_board
from saving import MEGABYTE, print_table, timed

DD_MIB = 128
TICK = 16   # ns, of QEMU's counter


def measure_dd(m, words):
    return DD_MIB * 2**20 / MEGABYTE / timed(m, f"dd bs=1M count={DD_MIB} {words} 2> /dev/null")


def said(m, what, pattern):
    found = re.search(rf"^keeper: {what} {pattern}", m.console, re.M)
    return [float(number) for number in found.groups()]


def measure_hibernation(machine):
    """Seconds by part of it; megabytes; and megabytes in a second beside dd's."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="hibernate-") as scratch:
        folder = Path(scratch)
        make_disks(folder)
        board = HibernatingBoard(folder=folder, smp=2)
        with machine("torpor", "hibernation down", board) as m:
            m.boot()
            find_image_disk(m)
            Guest(m, "demo").create()
            found["dd writes"] = measure_dd(m, "if=/dev/zero of=/dev/disk-of-images oflag=direct")
            found["dd reads"] = measure_dd(m, "if=/dev/disk-of-images of=/dev/null iflag=direct")
            hibernate(m)
            found["in use"], _, found["saved"] = said(m, "saved", r"(\d+) MiB in ([\d.]+) s, (\d+) MB/s")
            found["stored"], = said(m, r"\d+ runs of pages,", r"(\d+) MiB stored")
        with machine("torpor", "hibernation up", board) as m:
            wait_restored(m)
            found["checked"], = said(m, "checked", r"\d+ MiB in [\d.]+ s, (\d+) MB/s")
            found["restored"], = said(m, "restored", r"\d+ MiB in [\d.]+ s, (\d+) MB/s")
            timeline = json.loads(m.run(f"{TORPOR} timeline --json").output)
    for event in timeline["events"]:
        if event["kind"] == "asleep":
            found[f"{event['name']}, s"] = (event["end_ns"] - event["start_ns"]) / 1e9
    return found


def measure_jump(machine, gic):
    """Instructions there and back."""
    board = bare_board("jump", "rounds=10", arguments="crashkernel=2M", gic=gic, smp=1, icount=0)
    with machine("torpor", "jump", board) as m:
        return int(m.expect(r"^jumps: 10 of 10, (\d+) ticks there and back$").group(1)) * TICK


def measure(machine):
    """All of it, printed. machine: makes a Machine of a hypervisor's name, a purpose, and a Board."""
    jumps = {gic: measure_jump(machine, gic) for gic in (3, 2)}
    print_table(["a jump into two pages and back", "instructions"],
                [[f"GICv{gic}", f"{count:,}"] for gic, count in jumps.items()])
    found = measure_hibernation(machine)
    print_table(["hibernation of a host with 1 GiB and a guest, wall clock", ""], [
        ["memory in use / stored, MiB", f"{found['in use']:.0f} / {found['stored']:.0f}"],
        ["saved, MB/s of memory in use", f"{found['saved']:.0f}"],
        ["dd writes / reads the disk, MB/s", f"{found['dd writes']:.0f} / {found['dd reads']:.0f}"],
        ["checked / put back, MB/s of what is stored", f"{found['checked']:.0f} / {found['restored']:.0f}"],
        *([name, f"{seconds:.1f}"] for name, seconds in found.items() if name.endswith(", s"))])
    return {"jumps": jumps, "hibernation": found}
