# SPDX-License-Identifier: Apache-2.0
"""The costs of hibernating a host with a guest, beside a Linux without a hypervisor on the same machine, and of a jump
into another system and back.

Hibernation by the wall clock, on two emulated CPUs, beside dd that writes to the same disk, and reads from it, past the
page cache, in the same run: under -icount time leaps while a disk is waited for. A jump under -icount, where a
nanosecond is an instruction: the least of those that `tests/dom0/jump.c` makes, into two pages that go back at once.
"""

import json
import re
import tempfile
import time
from pathlib import Path

import plain
from hibernating import TORPOR, HibernatingBoard, begin_hibernation, find_image_disk, make_disks, wait_restored
from machine import Guest, bare_board
from saving import MEGABYTE, print_row, print_table, timed

DD_MIB = 128
TICK = 16   # ns, of QEMU's counter

# MiB of the machine and of dom0, CPUs, guests, and MiB that fill dom0
COMMON = {"mem": 1024, "dom0": 512, "smp": 2, "guests": 1, "full": 0}
GROWTH = [COMMON | more for more in (
    {"smp": 1}, {"smp": 4},
    {"mem": 2048, "guests": 0}, {"mem": 2048}, {"mem": 2048, "guests": 8},
    {"mem": 4096, "dom0": 1280, "full": 700}, {"mem": 4096, "dom0": 3328, "full": 2700})]

# As Linux has it, and as Debian's kernel has it if nothing is said: packed by LZO
PLAIN_HIBERNATIONS = {"as it is": "hibernate=nocompress", "packed": ""}
PLAIN_FULL = 384   # with a Linux's own nearly half of 1 GiB, which is all that Linux can save


def measure_dd(m, words):
    return DD_MIB * 2**20 / MEGABYTE / timed(m, f"dd bs=1M count={DD_MIB} {words} 2> /dev/null")


def said(m, what, pattern):
    found = re.search(rf"^keeper: {what} {pattern}", m.console, re.M)
    return [float(number) for number in found.groups()]


def fill(m, mib):
    """With what is on dom0's disk, over and over."""
    m.run(f"""mkdir -p /full; mount -t tmpfs -o size=100% tmpfs /full
        disk=$(findfs LABEL=dom0)
        for at in $(seq 0 256 {mib - 1}); do
            dd if=$disk of=/full/$at bs=1M count=$(({mib} - at < 256 ? {mib} - at : 256)) iflag=direct 2> /dev/null
        done""")


def measure_hibernation(machine, mem, dom0, smp, guests, full, packed=False):
    """Seconds by part of it; megabytes; and megabytes in a second beside dd's."""
    found, options = {}, "-z" if packed else ""
    with tempfile.TemporaryDirectory(prefix="hibernate-") as scratch:
        folder = Path(scratch)
        make_disks(folder, mebibytes=mem + 100)
        board = HibernatingBoard(folder=folder, smp=smp, mem=mem,
                                 arguments=f"dom0_mem={dom0}M dom0_max_vcpus=1 crashkernel=128M")
        with machine("torpor", "hibernation down", board) as m:
            m.boot()
            find_image_disk(m)
            for n in range(guests):
                Guest(m, f"demo{n}").create()
            if full:
                fill(m, full)
            found["dd writes"] = measure_dd(m, "if=/dev/zero of=/dev/disk-of-images oflag=direct")
            found["dd reads"] = measure_dd(m, "if=/dev/disk-of-images of=/dev/null iflag=direct")
            found["down"] = plain.seconds_until_off(m, lambda: begin_hibernation(m, options))
            found["in use"], _, found["saved"] = said(m, "saved", r"(\d+) MiB in ([\d.]+) s, (\d+) MB/s")
            found["stored"], = said(m, r"\d+ runs of pages,", r"(\d+) MiB stored")
        begun = time.monotonic()
        with machine("torpor", "hibernation up", board) as m:
            m.expect(r"torpor: restored from its image after")
            found["up"] = time.monotonic() - begun
            wait_restored(m)
            found["checked"], = said(m, "checked", r"\d+ MiB in [\d.]+ s, (\d+) MB/s")
            found["put back"], = said(m, "restored", r"\d+ MiB in [\d.]+ s, (\d+) MB/s")
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


def part_jump(machine):
    jumps = {gic: measure_jump(machine, gic) for gic in (3, 2)}
    print_table(["a jump into two pages and back", "instructions"],
                [[f"GICv{gic}", f"{count:,}"] for gic, count in jumps.items()])
    return jumps


def part_hibernation(machine):
    found = measure_hibernation(machine, **COMMON)
    print_table(["hibernation of a host with 1 GiB and a guest, wall clock", ""], [
        ["memory in use / stored, MiB", f"{found['in use']:.0f} / {found['stored']:.0f}"],
        ["saved, MB/s of memory in use", f"{found['saved']:.0f}"],
        ["dd writes / reads the disk, MB/s", f"{found['dd writes']:.0f} / {found['dd reads']:.0f}"],
        ["checked / put back, MB/s of what is stored", f"{found['checked']:.0f} / {found['put back']:.0f}"],
        *([name, f"{seconds:.1f}"] for name, seconds in found.items() if name.endswith(", s"))])
    return found


def part_plain(machine):
    found = {}
    for how, words in PLAIN_HIBERNATIONS.items():
        found[f"Torpor and a guest, {how}"] = measure_hibernation(machine, **COMMON, packed=how == "packed")
        with tempfile.TemporaryDirectory(prefix="hibernate-") as scratch:
            make_disks(Path(scratch))
            found[f"plain Linux, {how}"] = plain.measure_hibernation(machine, Path(scratch), PLAIN_FULL, words)
    print_table(["hibernation of a machine with 1 GiB, wall clock", "in use, MiB", "until off, s", "until on again, s",
                 "saved, MB/s", "put back, MB/s"],
                [[name, *(f"{f[key]:.1f}" for key in ("in use", "down", "up", "saved", "put back"))]
                 for name, f in found.items()])
    return found


def part_growth(machine):
    """A row as soon as it was measured: all of them take long, and what has ended counts."""
    found = {}
    print_table(["hibernation of a host, wall clock", "in use / stored, MiB", "until off, s", "saving, s",
                 "until on again, s", "checking, s", "restoring, s", "saved, MB/s"], [])
    for parts in GROWTH:
        name = f"{parts['smp']} CPUs, {parts['guests']} guests, {parts['mem'] // 1024} GiB, dom0 {parts['dom0']} MiB"
        found[name] = f = measure_hibernation(machine, **parts)
        print_row([name, f"{f['in use']:.0f} / {f['stored']:.0f}",
                   *(f"{f[key]:.1f}" for key in ("down", "saving, s", "up", "checking, s", "restoring, s")),
                   f"{f['saved']:.0f}"])
    return found


PARTS = {"jump": part_jump, "hibernation": part_hibernation, "plain": part_plain, "growth": part_growth}


def measure(machine, *wanted):
    """The parts that are wanted, or all, printed one by one. machine: makes a Machine of a hypervisor's name, a
    purpose, and a Board."""
    return {name: PARTS[name](machine) for name in wanted or PARTS}
