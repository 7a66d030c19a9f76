# SPDX-License-Identifier: Apache-2.0
"""Two machines side by side, between which guests move.

They are joined by a network of QEMU's own, a socket between the two processes, which images/dom0/usr/local/bin/join
puts into the bridge of each dom0; `first` and `second` know each other by these names, and ssh asks for no password.
One disk is attached to both, /dev/shared in each dom0: a file that both QEMUs have open, so that a guest's writes here
are seen there. Keys and disk are made anew for each pair, and go with it.
"""

import dataclasses
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from machine import BOOT_LIMIT, IMAGES, Machine, MachineError

NAMES = ("first", "second")
ACCEPTS = 0x10000   # of the flags in /proc/net/unix: it is listened at


class Pair:
    """Use it as a context manager: it ends both machines. Boards may be different; machine `first` has to be there when
    `second` starts, for it holds the network's socket."""

    def __init__(self, name, boards):
        self.name = name
        self._scratch = tempfile.TemporaryDirectory(prefix="torpor-pair-")
        self._folder = Path(self._scratch.name)
        shutil.copy(IMAGES / "disk.img", self._folder / "shared")
        self._make_keys()
        self.boards = [self._joined(board, number) for number, board in enumerate(boards)]
        self.machines = []

    def _make_keys(self):
        """One key for all: both machines' own, root's on both, and the one that each lets in."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "pair", "-f", self._folder / "key"],
                       check=True)
        public = (self._folder / "key.pub").read_text()
        (self._folder / "known").write_text(f"* {public}")
        for number in range(2):
            (self._folder / "number").write_text(f"{number + 1}\n")
            with tarfile.open(self._folder / f"pair-{number}", "w") as tar:
                for file in ("number", "key", "key.pub", "known"):
                    tar.add(self._folder / file, file)

    def _joined(self, board, number):
        address = f"addr.type=unix,addr.path={self._folder}/link"
        return dataclasses.replace(board, extra=board.extra + [
            "-netdev", f"stream,id=link,server={'off' if number else 'on'},{address}",
            "-device", f"virtio-net-device,netdev=link,mac=52:54:00:00:00:0{number + 1}",
            "-drive", f"if=none,file={self._folder}/pair-{number},format=raw,id=pair,readonly=on",
            "-device", "virtio-blk-device,drive=pair,serial=pair",
            "-drive", f"if=none,file={self._folder}/shared,format=raw,id=shared,file.locking=off",
            "-device", "virtio-blk-device,drive=shared,serial=shared,share-rw=on"])

    def start(self, **options):
        """Both at once: a start costs processor time, and each has waits of its own."""
        self.machines.append(Machine(f"{self.name}-{NAMES[0]}", self.boards[0], **options))
        if self.boards[1:]:
            self._await_listener(self.first.process)
            self._add_second(f"{self.name}-{NAMES[1]}", **options)
        for machine in self.machines:
            machine.boot()
        self._set_clocks()
        return self

    def start_second(self, first):
        """Beside a first machine that is a process of somebody else's."""
        self._await_listener(first)
        self._add_second(f"{self.name}-{NAMES[1]}")

    def _await_listener(self, first):
        """QEMU has a thread make the network's socket. Who connects before that listens is refused, and stays without a
        network: QEMU does not try again, nor does it end."""
        path = str(self._folder / "link")
        while first.poll() is None:
            for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines():
                fields = line.split()
                if fields[-1] == path and int(fields[3], 16) & ACCEPTS:
                    return
            time.sleep(0.01)

    def _add_second(self, name, **options):
        """And see that it has found the first."""
        machine = Machine(name, self.boards[1], **options)
        self.machines.append(machine)
        end = time.monotonic() + BOOT_LIMIT
        while "unix:" not in (said := re.search(r"link: .*", machine.monitor("info network")).group()):
            if "error" in said or time.monotonic() > end:
                raise MachineError(f"{name} has no network to the first machine: {said}")
            time.sleep(0.01)

    def _set_clocks(self):
        """As NTP keeps them: QEMU's clock shows whole seconds, and a guest's clock goes on by the difference between
        the two machines'. The quickest answer of some is the best."""
        for machine in self.machines:
            offsets = []
            for _ in range(5):
                asked = time.time()
                shown = float(machine.run("echo $EPOCHREALTIME").output)
                answered = time.time()
                offsets.append((answered - asked, (asked + answered) / 2 - shown))
            machine.run(f"date -s '{min(offsets)[1]:+.3f} seconds'")

    def exchange(self, board, **options):
        """Another machine in the place of the second."""
        self.machines.pop().close()
        self.boards[1] = self._joined(board, 1)
        self._add_second(f"{self.name}-other", **options)
        self.second.boot()
        self._set_clocks()

    @property
    def first(self):
        return self.machines[0]

    @property
    def second(self):
        return self.machines[1]

    def name_of(self, machine):
        return NAMES[self.machines.index(machine)]

    def other(self, machine):
        return self.second if machine is self.first else self.first

    def cut(self, on):
        """Take the cable between the two out, or put it in again."""
        self.second.monitor(f"set_link link {'off' if on else 'on'}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for machine in self.machines:
            machine.close()
        self._scratch.cleanup()
