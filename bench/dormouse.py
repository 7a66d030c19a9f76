# SPDX-License-Identifier: Apache-2.0
"""Dormouse beside a stock Debian Linux: PV guests of the same stock Xen for amd64, in one run.

bench/guest/kernel.c is a program on Dormouse, bench/linux.c the only process of a Linux, and they do the same. On one
CPU under -icount, where a nanosecond is an instruction. The guest's own part of a suspend is, on Linux, between its
log's lines about freezing and about grants, which it says soon after the hypercall, and from there to the one that
begins thawing; on Dormouse it is all of the list. Either's clock stands still while the guest is away. The boot is the
CPU time that the guest has had when its program has begun and waits.
"""

import bisect
import re
import statistics

from machine import BUILD, IMAGES, X86Board
from saving import print_table

SUSPENDS = 3
LEAST = {"dormouse": (2, 3, 4, 5, 6, 8, 16), "linux": (24, 32, 40, 48, 56, 64, 80, 96, 128)}     # MiB
USUAL = {"dormouse": 8, "linux": 128}
LIMIT = 120                                # seconds of dom0's clock, for what does not come up
KERNEL, RAMDISK = BUILD / "bench/x86/kernel", BUILD / "bench/x86/linux.gz"
ECHO = BUILD / "dormouse/x86_64/echo"
MESSAGES = ("Freezing user space", "xen:grant_table", "OOM killer enabled")


DISK = "/root/bench.img"
ADDRESS = "192.168.77.9"                   # bench/linux.c's, too
PINGS = 512

def configuration(kind, what, memory, vcpus):
    kernel = {"dormouse": ['kernel = "/tmp/job/echo"', f'extra = "ip={ADDRESS}"'] if what == "net" else
                          ['kernel = "/tmp/job/kernel"', f'extra = "{what}=1"'],
              "linux": ['kernel = "/guest/vmlinuz"', 'ramdisk = "/tmp/job/linux.gz"',
                        f'extra = "console=hvc0 quiet -- {what}"']}[kind]
    device = {"disk": [f'disk = ["{DISK},raw,xvda,w"]'], "net": ['vif = ["bridge=xenbr0"]']}.get(what, [])
    return [f'name = "{kind}"', f"memory = {memory}", f"vcpus = {vcpus}", *kernel, *device]


class Subject:
    """A guest of either kind that does one thing, and then waits."""

    def __init__(self, m, kind, what="boot", memory=None, vcpus=1):
        self.m, self.kind = m, kind
        self.log = f"/var/log/xen/console/guest-{kind}.log"
        lines = configuration(kind, what, memory or USUAL[kind], vcpus)
        m.run(f"cat > /tmp/{kind}.cfg <<'EOF'\n" + "\n".join(lines) + f"\nEOF\nrm -f {self.log}")
        up = "echo: up" if (kind, what) == ("dormouse", "net") else "bench: end"
        self.lives = m.run(f"xl create -q /tmp/{kind}.cfg", check=False).status == 0 and self.waits_for(up, 1)

    def waits_for(self, text, n):
        """False: it has ended, or nothing of it came for long."""
        return self.m.run(f"""
            end=$(($(date +%s) + {LIMIT}))
            until [ $(grep -c '{text}' {self.log}) -ge {n} ]; do
                [ $(date +%s) -lt $end ] && xl list {self.kind} > /dev/null 2>&1 || exit 1
                sleep 2         # each look costs, and is counted
            done""", check=False).status == 0

    def console(self):
        return self.m.run(f"tr -d '\\r' < {self.log}").output

    def figure(self, name):
        return int(re.search(rf"^bench: {name} (\d+) ns$", self.console(), re.M).group(1))

    def ping_ns(self):
        """The mean of many, one at a time, as dom0 sees them."""
        said = self.m.run(f"ping -c 1 -W 60 {ADDRESS} > /dev/null; ping -A -q -c {PINGS} {ADDRESS}").output
        assert f" {PINGS} packets received" in said, said
        return float(re.search(r"min/avg/max = [\d.]+/([\d.]+)/", said).group(1)) * 1e6

    def cpu_ns(self):
        return int(self.m.run(f"""
            PYTHONPATH=/usr/lib/xen-4.17/lib/python python3 -c '
from xen.lowlevel.xc import xc
print(xc().domain_getinfo('$(xl domid {self.kind})', 1)[0]["cpu_time"])'""").output)

    def suspend(self, command, n):
        """The n-th; false: it did not come back."""
        done = {"dormouse": "dormouse: resumed", "linux": MESSAGES[-1]}[self.kind]
        name = self.kind
        done_by = {"checkpoint": f"xl save -c {name} /root/image",
                   "save": f"xl save {name} /root/image; xl restore /root/image"}
        return self.m.run(done_by[command], check=False).status == 0 and self.waits_for(done, n)

    def suspends(self):
        """Microseconds down and up, of each."""
        if self.kind == "dormouse":
            said = re.findall(r"^dormouse: resumed .*: (\d+) us down \(.*\), (\d+) us up \(.*\)$", self.console(), re.M)
            return [(int(down), int(up)) for down, up in said]
        at = [[int(t) for t in re.findall(rf"^\d+,\d+,(\d+),-;{text}", self.console(), re.M)] for text in MESSAGES]
        begun, back, done = at
        back = [t for t in back if t > begun[0]]       # the first was said at boot
        return [(there - down, up - there) for down, there, up in zip(begun, back, done)]

    def destroy(self):
        self.m.run(f"xl destroy {self.kind} 2>/dev/null || true")
        self.m.wait_for(f"! xl domid {self.kind} > /dev/null 2>&1")


def with_subject(m, function, *args, **options):
    subject = Subject(m, *args, **options)
    try:
        return function(subject)
    finally:
        subject.destroy()


def measure_suspends(m, kind, command):
    def work(subject):
        for n in range(1, SUSPENDS + 1):
            if not subject.suspend(command, n):
                raise RuntimeError(f"{kind} did not come back from its {command}:\n{subject.console()[-2000:]}")
        downs, ups = zip(*subject.suspends())
        return statistics.median(downs), statistics.median(ups)
    return with_subject(m, work, kind, what="suspend")


def least_memory(m, kind):
    """The least of the sizes with which it runs, is saved, and goes on."""
    def is_enough(mib):
        return with_subject(m, lambda one: one.lives and one.suspend("save", 1), kind, what="suspend", memory=mib)
    return next(iter(LEAST[kind][bisect.bisect_left(LEAST[kind], True, key=is_enough):]), "none")


FIGURES = (("switch of threads, ns", "switch", "measure"),
           ("request for 4 KiB of a disk, one at a time, ns", "request", "disk"))


def measure_one(m, kind):
    """Pairs of what is measured and its figure, each as soon as it is there."""
    yield "boot, CPU time, ms", with_subject(m, Subject.cpu_ns, kind) / 1e6
    for name, figure, what in FIGURES:
        yield name, with_subject(m, lambda one, figure=figure: one.figure(figure), kind, what=what)
    yield "ping by dom0, one at a time, ns", with_subject(m, Subject.ping_ns, kind, what="net")
    if kind == "dormouse":              # Linux waits spinning for a vCPU that has to have the only real CPU first
        yield "call of another CPU and back, ns", with_subject(m, lambda one: one.figure("call"), kind, what="measure",
                                                               vcpus=2)
    for command, name in (("checkpoint", "the same domain"), ("save", "a new one")):
        down, up = measure_suspends(m, kind, command)
        yield f"suspend, the guest's own part, down, µs ({name})", down
        yield f"the same, up, µs ({name})", up
    yield "least memory that runs and is saved, MiB", least_memory(m, kind)


def measure_all(m, kind):
    """A line for each figure: the run is long, and may be stopped."""
    found = {}
    for name, figure in measure_one(m, kind):
        found[name] = figure
        print(f"{kind}: {name}: {figure}", flush=True)
    return found


def shown(figure):
    """A figure as it stands in the table; what there is none of stands there as it is."""
    return figure if isinstance(figure, str) else f"{figure:,.0f}" if figure > 20 else f"{figure:.1f}"


def measure(machine):
    """All of it, printed. machine: makes a Machine of a hypervisor's name, a purpose, and a Board."""
    board = X86Board(files=[KERNEL, RAMDISK, ECHO], extra=["-icount", "shift=0,sleep=off"])
    with machine("x86", "dormouse", board) as m:
        m.boot()
        m.run(f"truncate -s 16M {DISK}")
        found = {kind: measure_all(m, kind) for kind in ("dormouse", "linux")}
    for kind, paths in {"dormouse": [KERNEL], "linux": [IMAGES / "x86/vmlinuz", RAMDISK]}.items():
        found[kind]["image, KiB"] = sum(path.stat().st_size for path in paths) / 1024
    print_table(["PV guest of stock Xen 4.17, amd64", "Dormouse", "Linux 6.1"],
                [[name, shown(ours), shown(found["linux"].get(name, ""))] for name, ours in found["dormouse"].items()])
    return found
