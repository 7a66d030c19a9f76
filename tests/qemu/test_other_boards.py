# SPDX-License-Identifier: Apache-2.0
"""Machines that are not QEMU's virt, and UARTs that are not virt's."""

import re
from pathlib import Path

import pytest

from conftest import SOAK
from machine import Board, Guest, Machine, bare_board
from sleeping import await_sleep, begin_sleep

pytestmark = pytest.mark.torpor_only("stock Xen's drivers are not ours to test")

FORMAT = """
/ {{
    chosen {{
        #address-cells = <2>;
        #size-cells = <2>;
        {nodes}
    }};
}};
"""


def with_modules(board):
    """The board's kernel and ramdisk, by a loader and a tree that know nothing of each other: QEMU's guest-loader wants
    a tree of QEMU's own."""
    nodes = f'xen,xen-bootargs = "{board.arguments}";'
    for kind, at, path, more in (("kernel", board.KERNEL_ADDRESS, board.kernel,
                                  f'bootargs = "console=hvc0 {board.dom0_arguments}";'),
                                 ("ramdisk", board.RAMDISK_ADDRESS, board.ramdisk, "")):
        if path:
            board.extra = board.extra + ["-device", f"loader,file={path},addr={at:#x},force-raw=on"]
            nodes += f"""
                module@{at:x} {{
                    compatible = "multiboot,{kind}", "multiboot,module";
                    reg = <0 {at:#x} 0 {path.stat().st_size:#x}>;
                    {more}
                }};"""
    board.kernel = board.ramdisk = None
    board.edit_tree = lambda source: source + FORMAT.format(nodes=nodes)
    return board


ZCU102 = {"model": "xlnx-zcu102", "gic": 2, "smp": 4, "tree": Path(__file__).parent / "zcu102.dts",
          "extra": ["-audiodev", "none,id=none"]}
VERSAL = {"model": "xlnx-versal-virt", "machine": "", "smp": 4}    # of which two are no Cortex-A72


@pytest.mark.parametrize("model, cpus, uart", [(VERSAL, 2, "uart@ff000000"), (ZCU102, 4, "serial@ff000000")],
                         ids=["versal", "zcu102"])
def test_another_machine_runs_a_dom0_and_its_domains_and_sleeps_until_somebody_types(model, cpus, uart):
    board = with_modules(bare_board("domains", "domains=16 sleeps=1", arguments="console_wakeup", **model))
    board.VIRTIO = None
    with Machine(model["model"], board) as machine:
        machine.expect(rf"torpor: {cpus} CPUs, ")
        await_sleep(machine)
        machine.send("x")
        machine.expect(rf"torpor: slept .*, woken by {uart} ")
        machine.expect(r"^domains: 16 of 16$")
        assert machine.wait_exit() == 0
        machine.check_console()


@pytest.mark.skipif(not SOAK, reason="the same machine with a larger dom0: make soak")
def test_versal_runs_debian_and_a_guest_and_sleeps():
    board = with_modules(Board(arguments="dom0_mem=768M dom0_max_vcpus=2 console_wakeup", **VERSAL))
    with Machine("xlnx-versal-virt-debian", board) as machine:
        machine.boot()
        guest = Guest(machine, "one", vcpus=2, disk="/tmp/disk.img", address="192.168.77.2")
        machine.run("cp /guest/disk.img /tmp/disk.img")
        guest.create()
        guest.run("mount /dev/xvda /mnt && cd /mnt && sha256sum -c SUMS")
        machine.run("ping -c 1 192.168.77.2")
        begin_sleep(machine)
        machine.send("x")
        machine.expect(r"torpor: slept .*, woken by uart@ff000000 ")
        assert guest.run("echo still here").output.strip() == "still here"
        guest.shutdown()
        machine.destroy_all()
        machine.poweroff()
        machine.check_console()


# Where virt's PCI host bridge has its I/O ports, and the configuration of the card in slot 2, without highmem.
PORTS, CARD = 0x3EFF0000, 0x3F010000
PORT = 0x1000


def test_a_serial_card_is_a_console():
    """An NS16550, which is where the tree says once firmware has written it into the card's configuration."""
    board = bare_board("domains", "domains=16 sleeps=1", machine="virtualization=on,highmem=off",
                       arguments="console_wakeup", writes=[(CARD + 0x10, PORT), (CARD + 4, 1)],
                       extra=["-chardev", "stdio,id=console", "-device", "pci-serial,addr=2,chardev=console"])
    board.SERIAL = []

    def edit(source):
        """The card is the console, nobody enumerates its bus, and there is no clock that wakes."""
        source = re.sub('stdout-path = "[^"]*"', 'stdout-path = "/serial@3eff1000"', source)
        return source.replace('"arm,pl031', '"none') + f"""
            / {{
                pcie@10000000 {{
                    status = "disabled";
                }};
                serial@3eff1000 {{
                    compatible = "ns16550a";
                    reg = <0 {PORTS + PORT:#x} 0 8>;
                    interrupts = <0 5 4>;
                }};
            }};"""

    board.edit_tree = edit
    with Machine("ns16550", board) as machine:
        machine.expect(r"torpor: 2 CPUs, ")
        await_sleep(machine)
        machine.send("x")
        machine.expect(r"torpor: slept .*, woken by serial@3eff1000 ")
        machine.expect(r"^domains: 16 of 16$")
        assert machine.wait_exit() == 0
        machine.check_console()


@pytest.mark.parametrize("words, options", [
    ("earlycon=pl011,0x9000000", []),
    ("earlycon=semihosting", ["-semihosting-config", "enable=on,target=native"]),
], ids=["pl011", "semihosting"])
def test_the_command_line_tells_of_a_console_that_the_tree_does_not(words, options):
    board = bare_board("domains", "domains=16", arguments=words, extra=options)
    board.edit_tree = lambda source: re.sub('stdout-path = "[^"]*";', "", source)
    with Machine(f"earlycon-{words[9:]}", board) as machine:
        machine.expect(r"^\(XEN\) torpor: 2 CPUs, ")
        machine.expect(r"^domains: 16 of 16$")
        assert machine.wait_exit() == 0
        machine.check_console()
