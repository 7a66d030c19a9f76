# SPDX-License-Identifier: Apache-2.0
"""A debugger for a Machine: as much of gdb's remote protocol as it takes to stop at a place, step, and change a
register."""

import re
import socket
import subprocess

from machine import BUILD

# numbers of registers: x0 to x30 are 0 to 30
SP, PC = 31, 32


def symbols():
    """The addresses of the hypervisor's symbols."""
    lines = subprocess.run(["llvm-nm", BUILD / "hypervisor/torpor.elf"], capture_output=True, text=True,
                           check=True).stdout
    return {name: int(address, 16) for address, name in re.findall(r"^(\w+) \w (\w+)$", lines, re.M)}


class Debugger:
    """Holds the machine while it is connected. Addresses are EL2's: it can stop there only."""

    def __init__(self, path, limit=60):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(limit)
        self._socket.connect(str(path))
        self._data = b""
        # QEMU tells single registers only to a client that has asked for their names
        self._ask("qXfer:features:read:target.xml:0,fff")

    @staticmethod
    def arguments(path):
        """QEMU's."""
        return ["-chardev", f"socket,id=gdb,path={path},server=on,wait=off", "-gdb", "chardev:gdb"]

    def _send(self, text):
        self._socket.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 0xff))

    def _answer(self):
        while not (found := re.search(rb"\$([^#]*)#..", self._data)):
            self._data += self._socket.recv(65536)
        self._data = self._data[found.end():]
        self._socket.sendall(b"+")
        return found.group(1).decode(errors="replace")

    def _ask(self, text):
        self._send(text)
        answer = self._answer()
        while answer[:1] == "T" and text[0] not in "cs":   # that it has stopped may be said before
            answer = self._answer()
        return answer

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def set_register(self, number, value):
        assert self._ask(f"P{number:x}={value.to_bytes(8, 'little').hex()}") == "OK"

    def instruction(self):
        return int.from_bytes(bytes.fromhex(self._ask(f"m{self.register(PC):x},4")), "little")

    def step(self):
        """Past an instruction that does not go to itself. QEMU tells a step also when something else called its CPU
        away in front of the instruction (7.2: 1 in 125,000), and then nothing has been done yet."""
        before = self.register(PC)
        while self.register(PC) == before:
            self._ask("s")

    def run_to(self, address):
        assert self._ask(f"Z1,{address:x},4") == "OK"
        self._ask("c")
        assert self._ask(f"z1,{address:x},4") == "OK"
        assert self.register(PC) == address

    def detach(self):
        """The machine goes on by itself."""
        self._send("D")
        self._socket.close()
