# SPDX-License-Identifier: Apache-2.0
"""A whole machine: QEMU's arm64 virt board with a hypervisor, Debian's dom0 and its guests.

A Machine owns one QEMU process. Its serial console is read by a thread, all the time, into a log that `expect`
searches; a second channel, a virtio-serial port with images/dom0/usr/local/bin/agent at its other end, runs scripts in
dom0 and brings their output and exit status back. The disks are opened as snapshots, so nothing that a machine does is
kept.

Limits here only end a hang. Nothing is ever judged by how long it took.
"""

import os
import re
import shlex
import socket
import struct
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
IMAGES = BUILD / "images"

BOOT_LIMIT = RUN_LIMIT = int(os.environ.get("LIMIT", "900"))  # seconds

# What costs Debian's kernel most under emulation and is no business of the hypervisor's. `make run` boots without it.
QUICK = "mitigations=off init_on_alloc=0 nokaslr audit=0 apparmor=0"

# For Board.extra: a reset starts the machine again; otherwise it ends QEMU.
REBOOTS = ["-action", "reboot=reset"]

# Lines that no console may show unless the test asked for them: a hypervisor or a kernel that has lost its footing.
# Linux's words on stalls are no such thing: it judges by the clock, and a busy build machine makes it say them.
ALARMS = re.compile(r"panic(?!=)|assertion .*failed|kernel BUG|Oops|Unable to handle kernel|Xen (call trace|BUG|WARN)|"
                    r"unexpected (trap|exception)|stack smashing", re.I)


def hypervisor_path():
    return (ROOT / os.environ.get("HYPERVISOR", "build/torpor")).resolve()


def is_stock_xen():
    """Whether the tests run on the peer, which some expectations of Torpor do not hold for."""
    return hypervisor_path().name.startswith("xen")


def start_with_tree(scratch, hypervisor, tree, writes=()):
    """QEMU's arguments that start a hypervisor with any bytes at all as its device tree.

    Its own loader would check and change the tree. So it starts a flat binary of a few instructions, which load the
    tree's address and go to the hypervisor, both of which a plain loader has put in place. Before that, `writes`:
    32-bit registers of devices and their values.
    """
    entry, address = 0x40400000, 0x4A000000
    stub = Path(scratch) / "stub"
    numbers = [number for write in writes for number in write] + [address, entry]
    length = 3 * len(writes) + 3
    length += length % 2

    def load(register, n):    # ldr x<register>, <the n-th number>, which stands behind the code
        return 0x58000000 | (length + 2 * n - len(code)) << 5 | register

    code = []
    for n in range(0, 2 * len(writes), 2):
        code.append(load(2, n))
        code.append(load(3, n + 1))
        code.append(0xB9000043)    # str w3, [x2]
    code.append(load(0, len(numbers) - 2))
    code.append(load(1, len(numbers) - 1))
    code.append(0xD61F0020)        # br x1
    code += [0xD503201F] * (length - len(code))
    stub.write_bytes(struct.pack(f"<{length}I{len(numbers)}Q", *code, *numbers))
    return ["-kernel", str(stub), "-device", f"loader,file={hypervisor},addr={entry:#x},force-raw=on",
            "-device", f"loader,file={tree},addr={address:#x},force-raw=on"]


class MachineError(AssertionError):
    """The machine did not do as expected. The text ends with the console's tail."""


@dataclass
class Result:
    status: int
    output: str

    def lines(self):
        return self.output.splitlines()


@dataclass
class Board:
    """The parts of the machine. The defaults are those of `make run`."""

    model: str = "virt"                                   # QEMU's machine
    gic: int = 3
    cpu: str = "cortex-a57"
    smp: int = 2
    mem: int = 2048                                       # MiB
    arguments: str = "dom0_mem=768M dom0_max_vcpus=2"     # the hypervisor's command line
    dom0_arguments: str = QUICK
    machine: str = "virtualization=on"                    # properties of the machine, but for the GIC's
    icount: int | None = None
    waits: bool = False                                   # icount: while it is idle time passes as on the wall
    kernel: Path | None = IMAGES / "vmlinuz"              # None: no kernel module at all
    ramdisk: Path | None = IMAGES / "dom0.gz"
    disk: bool = True
    image: Path = IMAGES / "dom0.img"                     # its content
    bios: Path | None = None                              # EL3 firmware; None: QEMU's own PSCI, which cannot suspend
    start: list = field(default_factory=list)             # replaces -kernel and -append
    extra: list = field(default_factory=list)             # more of QEMU's arguments
    files: list = field(default_factory=list)             # dom0 finds them in /tmp/job
    tree: Path | None = None                              # the device tree's source; None: QEMU makes it
    edit_tree: Callable[[str], str] | None = None         # changes the device tree's source

    writes: list = field(default_factory=list)            # with edit_tree: of registers, as firmware would do it

    VIRTIO = "device"                                     # the end of QEMU's names of virtio devices; None: it has none
    SERIAL = ["-serial", "stdio"]

    # QEMU puts the hypervisor and its device tree below 0x48000000; modules have to lie above.
    KERNEL_ADDRESS = 0x4C000000
    RAMDISK_ADDRESS = 0x5C000000

    def command(self, hypervisor):
        # cortex-a57's and cortex-a72's models are fixed; max is lighter without pointer
        # authentication's own algorithm, which costs more than all else under emulation
        cpu = "max,pauth-impdef=on" if self.cpu == "max" else self.cpu
        properties = [self.model] + [self.machine][:bool(self.machine)]
        if self.model == "virt":
            properties += [f"gic-version={self.gic}"] + ["secure=on"][:bool(self.bios)]
        command = ["qemu-system-aarch64", "-M", ",".join(properties), "-smp", str(self.smp), "-m", str(self.mem),
                   "-seed", "1", "-no-reboot", "-nodefaults"]
        if self.model == "virt":                          # other machines have CPUs of their own
            command += ["-cpu", cpu]
        if self.bios:
            command += ["-bios", str(self.bios)]
        command += self.start or ["-kernel", str(hypervisor),
                                     "-append", f"console=dtuart bootscrub=0 {self.arguments}"]
        if self.kernel:
            arguments = f"console=hvc0 {self.dom0_arguments}".strip()
            command += ["-device",
                        f"guest-loader,addr={self.KERNEL_ADDRESS:#x},kernel={self.kernel},bootargs={arguments}"]
        if self.ramdisk:
            command += ["-device", f"guest-loader,addr={self.RAMDISK_ADDRESS:#x},initrd={self.ramdisk}"]
        if self.disk:
            command += ["-drive", f"if=none,file={self.image},format=raw,id=root,snapshot=on",
                        "-device", "virtio-blk-device,drive=root"]
        if self.icount is not None:
            command += ["-icount", f"shift={self.icount},sleep={'on' if self.waits else 'off'}"]
        return command + list(self.extra)


def bare_board(program, words="", guest=None, dom0_vcpus=1, arguments="", **options):
    """A machine without any Linux: its dom0 is a program of tests/dom0, with these words on its command line, and an
    image for the guests that it makes."""
    return Board(disk=False, kernel=BUILD / f"guests/dom0-{program}.img", ramdisk=guest, dom0_arguments=words,
                 arguments=f"dom0_mem=128M dom0_max_vcpus={dom0_vcpus} {arguments}".strip(), **options)


@dataclass
class X86Board(Board):
    """A PC with stock Xen 4.17 for amd64, started by multiboot, whatever the tests' hypervisor is.

    Debian's Xen does not come up with SMAP on an emulated CPU; Westmere is the model that is steady, and only the old
    machine `pc` sleeps more than once.
    """

    cpu: str = "Westmere"
    smp: int = 1
    mem: int = 1024
    arguments: str = "dom0_mem=512M dom0_max_vcpus=1"
    kernel: Path = IMAGES / "x86/vmlinuz"
    ramdisk: Path = IMAGES / "x86/dom0.gz"
    image: Path = IMAGES / "x86/dom0.img"

    VIRTIO = "pci"
    XEN = IMAGES / "x86/xen"

    def command(self, hypervisor):
        modules = [f"{self.kernel} console=hvc0 {self.dom0_arguments}".strip(), str(self.ramdisk)]
        return ["qemu-system-x86_64", "-M", "pc", "-cpu", self.cpu, "-smp", str(self.smp), "-m", str(self.mem),
                "-seed", "1", "-no-reboot", "-nodefaults", "-kernel", str(hypervisor),
                "-append", f"console=com1 com1=115200,8n1 smap=0 bootscrub=0 {self.arguments}",
                "-initrd", ",".join(module.replace(",", ",,") for module in modules),
                "-drive", f"if=none,file={self.image},format=raw,id=root,snapshot=on",
                "-device", "virtio-blk-pci,drive=root"] + list(self.extra)


class Machine:
    """A running Board. Use it as a context manager, or call close."""

    def __init__(self, name, board, hypervisor=None, debugger=None):
        self.name = name
        self.board = board
        self.hypervisor = hypervisor or hypervisor_path()
        self.scratch = tempfile.TemporaryDirectory(prefix="torpor-")
        self.log_path = BUILD / "logs" / f"{name}.log"
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.alarms_expected = False
        self._text = ""
        self._ended = False
        self._changed = threading.Condition()
        self._agent = None
        self._agent_socket = Path(self.scratch.name) / "agent"
        self._monitor_socket = Path(self.scratch.name) / "monitor"
        self.broken = None
        command = board.command(self.hypervisor)
        if debugger:
            command += debugger.arguments(Path(self.scratch.name) / "gdb")
        if board.files:
            command += self._files_disk()
        if board.edit_tree:
            command = self._edited_tree(command)
        command += ["-display", "none", *board.SERIAL,
                    "-monitor", f"unix:{self._monitor_socket},server=on,wait=off"]
        command += [] if not board.VIRTIO else [
            "-chardev", f"socket,id=agent,path={self._agent_socket},server=on,wait=off",
            "-device", f"virtio-serial-{board.VIRTIO}", "-device", "virtserialport,chardev=agent,name=torpor.agent"]
        self._log = open(self.log_path, "w", encoding="utf-8")
        self._log.write(shlex.join(command) + "\n")
        # should this process be killed, QEMU goes with it
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _files_disk(self):
        archive = Path(self.scratch.name) / "files.tar"
        with tarfile.open(archive, "w") as tar:
            for path in self.board.files:
                tar.add(path, Path(path).name)
        return ["-drive", f"if=none,file={archive},format=raw,id=files,readonly=on",
                "-device", f"virtio-blk-{self.board.VIRTIO},drive=files,serial=files"]

    def _edited_tree(self, command):
        """Have QEMU write the device tree that it would use, modules included, and start the hypervisor with a changed
        one.

        QEMU sets the memory right in a tree that it passes on itself, so it gets no say in this one. A firmware takes
        the tree from QEMU, though.
        """
        blob = Path(self.scratch.name) / "tree.dtb"
        if self.board.tree:
            source = self.board.tree.read_text()
        else:
            dump = list(command)
            dump[dump.index("-M") + 1] += f",dumpdtb={blob}"
            subprocess.run(dump + ["-display", "none"], check=True, stderr=subprocess.DEVNULL)
            source = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", blob], check=True, capture_output=True,
                                    text=True).stdout
        subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-p", "4096", "-o", blob], check=True,
                       input=self.board.edit_tree(source), text=True)
        if self.board.bios:
            return command + ["-dtb", str(blob)]
        at = command.index("-kernel")
        return command[:at] + start_with_tree(self.scratch.name, self.hypervisor, blob,
                                              self.board.writes) + command[at + 4:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- the console

    def _read(self):
        while data := self.process.stdout.read1(65536):
            text = data.decode(errors="replace").replace("\r", "")
            self._log.write(text)
            self._log.flush()
            with self._changed:
                self._text += text
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def console(self):
        """All that the console has shown so far."""
        with self._changed:
            return self._text

    def expect(self, pattern, limit=BOOT_LIMIT, start=0):
        """Wait until the console, from character `start` on, matches the pattern; return the match."""
        compiled = re.compile(pattern, re.M)
        with self._changed:
            found = self._changed.wait_for(lambda: compiled.search(self._text, start) or self._ended, limit)
            match = compiled.search(self._text, start)
        if match:
            return match
        raise self._failure(f"no {pattern!r} on the console " + ("before QEMU ended" if found else f"in {limit} s"))

    def send(self, text):
        """Type on the console."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_exit(self, limit=RUN_LIMIT):
        """Wait until QEMU has ended by itself; return its exit status."""
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise self._failure(f"QEMU did not end in {limit} s") from None
        self._reader.join()
        return status

    # --- dom0

    def boot(self, limit=BOOT_LIMIT):
        """Wait for dom0's userland and its agent."""
        self.expect(r"^dom0: up", limit)
        self._connect(limit)
        if self._line() != "agent: ready":
            raise self._failure("dom0's agent did not come up")
        if self.board.files:
            self.run("""
                disk=$(dirname "$(grep -l -x files /sys/block/vd*/serial)")
                mkdir -p /tmp/job
                tar xf "/dev/${disk##*/}" -C /tmp/job""")
        return self

    def _connect(self, limit):
        self._agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._agent.settimeout(limit)
        self._agent.connect(str(self._agent_socket))
        self._incoming = self._agent.makefile("rb")

    def attach(self, limit=BOOT_LIMIT):
        """Connect to the agent of a dom0 that was up before this machine was. If it came to look before somebody was
        connected it begins anew, and may have lost what it was asked."""
        self._connect(limit)
        asked = 0
        while True:
            self._send(f"echo attached {asked}")
            while (line := self._line()) != "agent: ready":
                if self._incoming.read(int(line.split()[1])) == b"attached %d\n" % asked:
                    return
            asked += 1

    def _send(self, script):
        data = (script + "\n").encode()
        self._agent.sendall(b"%d\n" % len(data) + data)

    def reboot(self, script="reboot"):
        """Restart dom0 and the machine with it. For a Board with REBOOTS; its disk keeps its content. script: what
        ends in a reset."""
        said = len(self.console)
        self.start(script)
        self.expect(r"^dom0: up", start=said)
        while self._line() != "agent: ready":
            pass    # the last words of the agent before it

    def _line(self):
        try:
            line = self._incoming.readline()
        except OSError as error:
            raise self._lost(f"dom0 does not answer ({error})") from None
        if not line.endswith(b"\n"):
            raise self._lost("dom0's agent has gone")
        return line.decode().strip()

    def run(self, script, check=True, limit=RUN_LIMIT):
        """Run a shell script in dom0. It stops at the first error; with `check` an error is raised here too."""
        if self.broken:
            raise MachineError(f"{self.name}: {self.broken}, and has not answered since")
        self._agent.settimeout(limit)
        self._send("set -e\n" + script)
        status, length = map(int, self._line().split())
        try:
            output = self._incoming.read(length).decode(errors="replace")
        except OSError as error:
            raise self._lost(f"dom0 does not answer ({error})") from None
        self._log.write(f"[dom0] {script.strip()}\n{output}[dom0] status {status}\n")
        if check and status:
            raise self._failure(f"in dom0, status {status} from:\n{script.strip()}\n{output}")
        return Result(status, output)

    # Prints it. The Python that asks stays: its start costs seconds under emulation.
    COUNT_PAGES = """
        count_pages() {
            if ! test -p /run/free-pages; then
                mkfifo /run/free-pages.asked /run/free-pages
                PYTHONPATH=/usr/lib/xen-4.17/lib/python setsid python3 -c '
from xen.lowlevel.xc import xc
def dom0():
    return xc().domain_getinfo(0, 1)[0]["mem_kb"]
while True:
    open("/run/free-pages.asked").read()
    own = None
    while own != dom0():
        own, free = dom0(), xc().physinfo()["free_memory"]
    print((own + free) // 4, file=open("/run/free-pages", "w"))' > /dev/null 2>&1 &
            fi
            echo > /run/free-pages.asked
            cat /run/free-pages
        }
        """

    def free_pages(self):
        """Free memory and dom0's own, in pages: dom0's balloon driver gives pages away for what it maps of guests, and
        takes others back when it comes to it; free memory counts when dom0 had as much before as after the look."""
        return int(self.run(self.COUNT_PAGES + "count_pages").output)

    def await_free_pages(self, pages):
        """As many as before, to the page. A domain's last ones come back when nobody sees it any more."""
        self.run(self.COUNT_PAGES + f"""
            for _ in $(seq 600); do
                now=$(count_pages)
                [ "$now" != {pages} ] || exit 0
                sleep 0.2
            done
            echo "$now pages are free that were {pages}"; exit 1""")

    def wait_for(self, condition, limit=RUN_LIMIT):
        """Wait until a line of shell in dom0 is true."""
        self.run(f"until {condition}; do sleep 0.5; done", limit=limit)

    def destroy_all(self):
        """End every guest, and wait until nothing of them is left, zombies included."""
        # a guest that has just ended is being destroyed by the xl that created it, which may be the quicker one
        self.run("""for id in $(xl list | awk 'NR > 2 { print $2 }'); do xl destroy "$id" || true; done""")
        self.wait_for('[ "$(xl list | wc -l)" = 2 ]')

    def start(self, script):
        """Have dom0 run a script that may end dom0; no answer is waited for."""
        self._send(script)

    def poweroff(self):
        """Shut dom0 down and see the machine switch itself off."""
        self.start("poweroff")
        if status := self.wait_exit():
            raise self._failure(f"QEMU ended with status {status}")

    # --- what went wrong

    def monitor(self, command, limit=10):
        """QEMU's answer to a command for its monitor."""
        prompt = b"(qemu) "
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as monitor:
            monitor.settimeout(limit)
            self._wait_for_sockets(limit)
            monitor.connect(str(self._monitor_socket))
            data = b""
            for text in ("", command + "\n"):
                monitor.sendall(text.encode())
                while not data.endswith(prompt):
                    piece = monitor.recv(65536)
                    if not piece:
                        return data.decode(errors="replace")
                    data += piece
                answer, data = data, b""
        # the first line is the command, as the monitor's line editor echoes it
        return answer.decode(errors="replace").replace("\r", "").partition("\n")[2].removesuffix(prompt.decode())

    def _lost(self, what):
        self.broken = what
        return self._failure(what)

    def _wait_for_sockets(self, limit):
        """QEMU makes its sockets while it starts."""
        end = time.monotonic() + limit
        sockets = [self._monitor_socket] + [self._agent_socket][:bool(self.board.VIRTIO)]
        while not all(one.exists() for one in sockets):
            if self.process.poll() is not None or time.monotonic() > end:
                raise MachineError(f"{self.name}: QEMU did not start: {self.console}")
            time.sleep(0.01)

    def _failure(self, what):
        tail = "\n".join(self.console.splitlines()[-40:])
        try:
            registers = self.monitor("info registers -a")
        except (OSError, MachineError):
            tail += "\n--- QEMU does not answer"    # it is dead or dying: its last words are on the console
        else:
            self._log.write(f"\n[monitor] {registers}\n")
            where = re.findall(r"^(?:CPU#\d+|\s*PC=\S+.*|PSTATE=.*)$", registers, re.M)
            tail += "\n--- CPUs\n" + "\n".join(where)
        return MachineError(f"{self.name}: {what}\n--- the console's end (all of it: {self.log_path})\n{tail}")

    def check_console(self):
        """Nothing on the console may say that the hypervisor or dom0 broke."""
        if self.alarms_expected:
            return
        for line in self.console.splitlines():
            if ALARMS.search(line):
                raise self._failure(f"the console says: {line}")

    def close(self):
        if self._agent:
            self._agent.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self._log.close()
        self.process.stdin.close()
        self.process.stdout.close()
        self.scratch.cleanup()


class Guest:
    """A Linux guest of a Machine: Debian's kernel and the busybox userland of images/guest."""

    sleeps = 0   # how often it was told to suspend itself

    @staticmethod
    def memory_for(restores):
        """MiB for one with two vCPUs that is restored or migrated so often: on x86 and stock Xen, too, Linux's network
        front end keeps a pool of 256 pages for good, for each of its queues, as often as it connects anew. With what
        else it does not give back that is 2.1 to 2.4 MiB each time; a guest that has none left stands still, and so
        does whoever waits for it."""
        return 96 + 5 * restores // 2

    def __init__(self, machine, name, *, memory=96, vcpus=1, disk=None, address=None, config="", arguments=""):
        self.machine = machine
        self.name = name
        self.address = address
        lines = [f'name = "{name}"', 'kernel = "/guest/vmlinuz"', 'ramdisk = "/guest/initrd"',
                 f"memory = {memory}", f"vcpus = {vcpus}"]
        if disk:
            lines.append(f'disk = ["{disk},raw,xvda,rw"]')
        if address:
            arguments += f" guest.ip={address}/24"
            lines.append('vif = ["bridge=xenbr0"]')
        lines.append(f'extra = "console=hvc0 cma=0 {QUICK} {arguments}"')
        self.config_path = f"/tmp/{name}.cfg"
        machine.run(f"cat > {self.config_path} <<'EOF'\n" + "\n".join(lines + [config]) + "\nEOF")

    @classmethod
    def existing(cls, machine, name):
        """A guest whose configuration stands in dom0 already."""
        guest = cls.__new__(cls)
        guest.machine, guest.name, guest.config_path = machine, name, f"/etc/xen/{name}.cfg"
        return guest

    def lateness(self):
        """The least and the most seconds that its date can be behind dom0's. Linux on Arm takes the time of its
        counter's 0 for that of its boot, and is late for ever by the time between."""
        before, shown, after = (int(where.run("date +%s").output) for where in (self.machine, self, self.machine))
        return before - shown - 1, after - shown + 1

    def create(self, wait=True, options=""):
        self.machine.run(f"rm -f {self.log}; xl create {options} {self.config_path}")
        return self.wait() if wait else self

    @property
    def log(self):
        return f"/var/log/xen/console/guest-{self.name}.log"

    def wait(self, text=None):
        """Wait for the guest's userland, or for a text on its console."""
        self.machine.run(f"guest-wait {self.name} {shlex.quote(text) if text else ''}")
        return self

    def run(self, command, check=True, limit=RUN_LIMIT):
        """Run a line of shell inside the guest, by its PV console."""
        return self.machine.run(f"guest-run {self.name} {shlex.quote(command)}", check, limit)

    def type(self, line="", device="console"):
        """Type a line at its PV console, or at another device of its that has a tty in xenstore; no answer is waited
        for."""
        self.machine.run(f"tty=$(xenstore-read /local/domain/{self.domid()}/{device}/tty); "
                         f"echo {shlex.quote(line)} > $tty")

    def suspend(self):
        """Have it suspend itself, and wait until it has."""
        self.sleeps += 1
        self.type(f"echo mem > /sys/power/state; echo came back {self.sleeps}: $?")
        self.machine.wait_for(f"xl list {self.name} | grep -q -- '-bp---'")

    def wait_awake(self):
        """Wait until it is awake again after suspend(), and says that its sleep was good."""
        self.wait(f"came back {self.sleeps}: 0")

    def console(self):
        return self.machine.run(f"cat {self.log}").output

    def domid(self):
        return int(self.machine.run(f"xl domid {self.name}").output)

    def destroy(self):
        self.machine.run(f"xl destroy {self.name}")

    def shutdown(self):
        """Ask the guest to end, and wait until the xl that created it has cleared it away."""
        self.machine.run(f"xl shutdown -w {self.name}")
        self.machine.wait_for(f"! xl domid {self.name} >/dev/null 2>&1")
