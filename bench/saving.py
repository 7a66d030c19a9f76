# SPDX-License-Identifier: Apache-2.0
"""The costs of saving, restoring, checkpointing and migrating a guest, and of following its writes.

On one CPU under -icount, where a nanosecond is an instruction: megabytes in a second are bytes for 1000 instructions of
all that runs, in the guest, dom0 and the hypervisor. The limit is dd's speed at copying the image within dom0's memory,
in the same run. Half of a guest's memory is zero; the other half is, but for its kernel's own, copies of Debian's
kernel image.

Between two machines each counts for itself, and its time passes as on the wall while it waits for the other: what
either does while the guest stands still is the sum of those stages of its own in which it does not wait. The last dirty
pages are none of these; what they cost both ends together a migration within one host shows.
"""

import json
import re

from machine import BUILD, Board, Guest, bare_board
from pair import Pair

SIZES = (128, 512, 2048)       # MiB
MIGRATED = 512
BETWEEN = 128                  # the guest's memory that moves to another machine
DIRTIED = (0, 10, 50)          # MB/s
MIGRATE = "torpor migrate -s '' moved 'torpor migrate-receive'"
DOM0_MIB = 2816                # two images of the largest guest
MEGABYTE = 1e6

# Xen 4.17 on x86, where it saves and migrates PV guests: the shared lab's figures of 2026-11-21, wall clock under TCG.
X86_XEN = {"save": "88 to 141", "restore": "84 to 159", "checkpoint": "1,800 (256 MiB)", "downtime": "1,000 to 2,600"}


def timed(m, command):
    """Seconds of dom0's clock."""
    out = m.run(f"a=$EPOCHREALTIME; {command}; b=$EPOCHREALTIME; echo; echo took $a $b").output
    begun, ended = map(float, re.search(r"^took ([\d.]+) ([\d.]+)", out, re.M).groups())
    return ended - begun


def half_full(m, mib):
    """A guest whose memory is half zero, or less where its kernel alone needs more."""
    m.run("test -e /tmp/kernel.img || cp /guest/vmlinuz /tmp/kernel.img")
    guest = Guest(m, f"half{mib}", memory=mib, disk="/tmp/kernel.img").create()
    guest.run(f"""mkdir -p /fill; mount -t tmpfs -o size=90% fill /fill; n=0;
        free() {{ awk '/MemFree/ {{ print int($2 / 1024) }}' /proc/meminfo; }};
        while left=$(($(free) - {mib // 2})); [ $left -gt 0 ]; do
            [ $left -lt 24 ] || left=24; n=$((n + 1));
            dd if=/dev/xvda of=/fill/$n bs=64k count=$((left * 16)) iflag=direct 2>/dev/null;
        done""".replace("\n", " "))
    return guest


def take_disk_away(m, mib):
    m.run(f"""xl block-detach half{mib} xvda
        until [ -z "$(xl block-list half{mib} | tail -n +2)" ]; do sleep 0.2; done""")


def last_operation(m):
    return json.loads(m.run("torpor timeline --operation --json").output)


def measure_file(m, mib, options):
    """MB/s of guest memory: saved, the image copied, restored; and the image's size in MB. The guest is there again."""
    name, memory = f"half{mib}", mib * 2**20 / MEGABYTE
    saved = timed(m, f"torpor save {options} {name} /tmp/image")
    copied = timed(m, "dd if=/tmp/image of=/dev/shm/copy bs=1M 2>/dev/null")
    size = int(m.run("rm /dev/shm/copy; stat -c %s /tmp/image").output) / MEGABYTE
    restored = timed(m, "torpor restore /tmp/image")
    m.run("rm /tmp/image")
    return {"save": memory / saved, "limit": memory / copied, "restore": memory / restored, "image": size}


def measure_stop(m, mib):
    """Milliseconds for which a checkpoint stops the guest."""
    m.run(f"torpor checkpoint half{mib} /tmp/image; rm /tmp/image")
    return last_operation(m)["downtime_ns"] / 1e6


def measure_saving(machine):
    """By MiB: measure_file()'s results, of a guest with the disk that it was filled from, and then without one, plain
    and compressed; and measure_stop()'s."""
    files, stops = {}, {}
    board = Board(gic=3, smp=1, icount=0, mem=DOM0_MIB + SIZES[-1] + 256,
                  arguments=f"dom0_mem={DOM0_MIB}M dom0_max_vcpus=1")
    with machine("torpor", "saving", board) as m:
        m.boot()
        for mib in SIZES:
            guest = half_full(m, mib)
            files[mib, "with a disk"] = measure_file(m, mib, "")
            take_disk_away(m, mib)
            files[mib, "stored"] = measure_file(m, mib, "")
            files[mib, "compressed"] = measure_file(m, mib, "-z")
            stops[mib] = measure_stop(m, mib)
            guest.destroy()
            m.destroy_all()
    return files, stops


def dirty_at(guest, rate):
    """Have the guest write so many MB in each second to a file in its memory, over and over."""
    if rate:
        guest.run(f"(while :; do dd if=/dev/zero of=/fill/dirty bs=100k count={rate} conv=notrunc 2>/dev/null; "
                  "sleep 0.1; done) > /dev/null 2>&1 & echo $! > /tmp/dirt")


def measure_migration(machine):
    """By MB/s that the guest dirties: a migration within one host, as the journal has it."""
    found = {}
    board = Board(gic=3, smp=1, icount=0, mem=1024 + 2 * MIGRATED + 256, arguments="dom0_mem=1024M dom0_max_vcpus=1")
    with machine("torpor", "migration", board) as m:
        m.boot()
        guest = half_full_without_disk(m, MIGRATED)
        m.run(MIGRATE)   # what dom0 reads from its disk for the first one is no part of the others
        for rate in DIRTIED:
            guest.run("[ ! -e /tmp/dirt ] || kill $(cat /tmp/dirt)")
            dirty_at(guest, rate)
            m.run(MIGRATE)
            found[rate] = last_operation_of(m, "migrate")
    return found


def last_operation_of(m, what):
    for line in m.run("tail -n 4 /var/log/torpor/operations.json").lines()[::-1]:
        if line and json.loads(line)["operation"] == what:
            return json.loads(line)
    raise LookupError(f"no {what} in the journal")


def half_full_without_disk(m, mib):
    """A guest moved within one host has no disk: its two halves would share it. So it is filled with random bytes."""
    m.run("ln -sf guest-moved.log /var/log/xen/console/guest-moved--incoming.log")
    guest = Guest(m, "moved", memory=mib, address="192.168.77.5").create()
    guest.run(f"mkdir -p /fill; mount -t tmpfs -o size=90% fill /fill; "
              f"dd if=/dev/urandom of=/fill/data bs=1M count={mib // 2 - 64} 2>/dev/null")
    return guest


# The stages in which an end does not wait for the other.
SENDING = ("suspend", "state", "end", "libxl", "rename")
RECEIVING = ("state", "end", "attached", "host", "devices", "start")


def took(journal, names):
    """Milliseconds of the last stages of these names."""
    last = {stage["name"]: stage for stage in journal["stages"] if stage["kind"] == "enter"}
    return {name: (last[name]["end_ns"] - last[name]["start_ns"]) / 1e6 for name in names}


def measure_between(hypervisor):
    """Milliseconds of either end's own stages while a guest with a disk and a network interface moves between two
    machines, and all of its downtime, most of which is one emulated machine's waiting for the other."""
    board = Board(gic=3, smp=1, icount=0, waits=True, arguments="dom0_mem=768M dom0_max_vcpus=1")
    with Pair("bench-between", [board, board]) as pair:
        first, second = pair.start(hypervisor=hypervisor).machines
        second.run("ln -sf guest-mover.log /var/log/xen/console/guest-mover--incoming.log")
        Guest(first, "mover", memory=BETWEEN, disk="/dev/shared", address="192.168.77.5").create()
        second.run("echo 'exec torpor migrate-receive 2> /tmp/received' > /tmp/receive; "
                   "setsid socat TCP-LISTEN:7000,reuseaddr EXEC:'bash /tmp/receive',nofork > /dev/null 2>&1 &")
        first.run("torpor migrate -s '' mover 'socat -b 65536 - TCP:second:7000'")
        sent, received = last_operation_of(first, "migrate"), last_operation_of(second, "receive")
    return {"sender": took(sent, SENDING), "receiver": took(received, RECEIVING),
            "downtime": sent["downtime_ns"] / 1e6, "sent": sent, "received": received}


def measure_dirty(machine, cpu):
    """Instructions that the first write to a page of a guest that is followed costs, and how many times as long it
    takes to write all of it."""
    board = bare_board("dirty", "rounds=1", BUILD / "guests/dirty.img", cpu=cpu, smp=1, icount=0, mem=1024)
    with machine("torpor", f"dirty, {cpu}", board) as m:
        m.expect(r"^dirty: (not )?ok")
        said = re.compile(r"^dirty: (a word|all words) of (\d+) pages: \d+ faults, (\d+) ticks; (\d+)", re.M)
        found = said.findall(m.console)
    costs = {what: (int(pages), int(first), int(again)) for what, pages, first, again in found}
    pages, first, again = costs["a word"]
    return (first - again) * 16 / pages, costs["all words"][1] / costs["all words"][2]


def print_row(cells):
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def print_table(columns, rows):
    print(f"\n| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}", flush=True)
    for row in rows:
        print_row(row)


def file_row(mib, how, f, stops):
    """Beside a compressed image there is no limit: copying is no compressing."""
    def against_limit(speed):
        return f"{f[speed] / f['limit']:.2f}" if how != "compressed" else ""

    return [f"{mib:,} MiB" + (how != "stored") * f", {how}", f"{f['image']:,.1f}",
            f"{f['limit']:,.0f}" if how != "compressed" else "", f"{f['save']:,.0f}", against_limit("save"),
            f"{f['restore']:,.0f}", against_limit("restore"), f"{stops[mib]:.1f}" if how == "stored" else ""]


def print_files(files, stops):
    rows = [file_row(mib, how, f, stops) for (mib, how), f in files.items()]
    rows.append(["x86 Xen, PV", "", "", X86_XEN["save"], "", X86_XEN["restore"], "", X86_XEN["checkpoint"]])
    print_table(["guest's memory", "image, MB", "limit, MB/s", "save, MB/s", "/ limit", "restore, MB/s",
                 "/ limit", "checkpoint stops it, ms"], rows)


def print_migrations(migrations):
    rows = [[f"{rate} MB/s", f"{j['total_ns'] / 1e6:.0f}", len(j["rounds"]), f"{j['downtime_ns'] / 1e6:.1f}",
             j["lowest_cap"] or ""] for rate, j in migrations.items()]
    rows.append(["x86 Xen, PVH", "", "", X86_XEN["downtime"], ""])
    print_table([f"migration of {MIGRATED} MiB within one host, guest dirties", "total, ms", "rounds", "downtime, ms",
                 "slowed down to, % of a CPU"], rows)


def print_between(between):
    rows = [[f"{end}: {name}", f"{ms:.1f}"] for end in ("sender", "receiver") for name, ms in between[end].items()]
    rows.append(["together", f"{sum(sum(between[end].values()) for end in ('sender', 'receiver')):.1f}"])
    rows.append(["all of its downtime, by the sender's clock", f"{between['downtime']:.0f}"])
    print_table([f"an idle guest of {BETWEEN} MiB stands still between two machines", "ms"], rows)


def print_dirty(dirty):
    how = {"cortex-a57": "faults", "max": "the CPU's dirty state (FEAT_HAFDBS)"}
    print_table(["following what a guest writes", "first write to a page, instructions", "a page written whole takes"],
                [[f"by {how[cpu]}", f"{cost:.0f}", f"{slower:.2f} times as long"]
                 for cpu, (cost, slower) in dirty.items()])


def part_dirty(machine):
    dirty = {cpu: measure_dirty(machine, cpu) for cpu in ("cortex-a57", "max")}
    print_dirty(dirty)
    return dirty


def part_files(machine):
    files, stops = measure_saving(machine)
    print_files(files, stops)
    return {"stops": stops, **{f"{mib} MiB, {how}": f for (mib, how), f in files.items()}}


def part_migrations(machine):
    migrations = measure_migration(machine)
    print_migrations(migrations)
    return migrations


def part_between(_):
    between = measure_between(BUILD / "torpor")
    print_between(between)
    return between


PARTS = {"dirty": part_dirty, "migrations": part_migrations, "between": part_between, "files": part_files}


def measure(machine, *wanted):
    """The parts that are wanted, or all, printed one by one. machine: makes a Machine of a hypervisor's name, a
    purpose, and a Board."""
    return {name: PARTS[name](machine) for name in wanted or PARTS}
