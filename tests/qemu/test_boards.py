# SPDX-License-Identifier: Apache-2.0
"""Each kind of machine once: it boots dom0, runs a guest with disk and network, sleeps, gives every page back, and
switches off."""

import base64
import re

import pytest

import pci
from conftest import SOAK
from machine import BUILD, Board, Guest, Machine, is_stock_xen
from pci import messages
from sleeping import FIRMWARE, sleep_for


def arguments(memory, cpus):
    return f"dom0_mem={memory}M dom0_max_vcpus={cpus}"


# GICv2 and GICv3, one to 128 CPUs, each kind of CPU, 1 to 16 GiB; with our firmware, and with QEMU's own PSCI, where
# the host sleeps by idling. Each of these is in `make test` with up to 16 CPUs; more of them, and how they combine,
# are in `make soak`.
BOARDS = [
    Board(gic=3, cpu="cortex-a57", smp=1, mem=1024, arguments=arguments(512, 1) + " guest_ptp"),
    Board(gic=2, cpu="cortex-a72", smp=4, mem=4096, arguments=arguments(768, 4), bios=FIRMWARE),
    Board(gic=3, cpu="max", smp=16, mem=16384, arguments=arguments(4096, 2), bios=FIRMWARE),
]
if SOAK:
    BOARDS += [
        Board(gic=2, cpu="max", smp=8, mem=1024, arguments=arguments(512, 2)),
        Board(gic=3, cpu="cortex-a57", smp=64, mem=2048, arguments=arguments(768, 2)),
        Board(gic=3, cpu="cortex-a57", smp=128, mem=4096, arguments=arguments(768, 2)),
        Board(gic=3, cpu="cortex-a57", smp=8, mem=16384, arguments=arguments(4096, 8), bios=FIRMWARE),
        Board(gic=2, cpu="cortex-a57", smp=1, mem=2048, arguments=arguments(768, 1), bios=FIRMWARE),
        Board(gic=2, cpu="cortex-a57", smp=2, mem=2048, arguments=arguments(768, 2)),
        Board(gic=3, cpu="cortex-a72", smp=2, mem=3072, arguments=arguments(1024, 2)),
        Board(gic=3, cpu="max", smp=4, mem=8192, arguments=arguments(2048, 4), bios=FIRMWARE),
    ]


for one in BOARDS:
    one.extra = pci.DISK


def name_of(board):
    return f"gic{board.gic}-{board.cpu}-{board.smp}cpu-{board.mem // 1024}G-{'firmware' if board.bios else 'idling'}"


def check_clock(machine, guest, slept):
    """Its own date is late by the sleep of which it has not known, and the clock that it is offered is not."""
    program = base64.b64encode((BUILD / "guests/ptp").read_bytes()).decode()
    for at in range(0, len(program), 400):   # its console takes no long lines
        guest.run(f"echo {program[at:at + 400]} >> /tmp/ptp.base64")
    guest.run("base64 -d /tmp/ptp.base64 > /tmp/ptp; chmod +x /tmp/ptp")
    before = int(machine.run("date +%s").output)
    own, shown = map(int, guest.run("date +%s; /tmp/ptp").output.split())
    after = int(machine.run("date +%s").output)
    assert before - 1 <= shown <= after + 1
    assert shown - own > slept - 1   # its own was read first, and both are whole seconds, rounded down


def check_machine(machine):
    """The checks of every machine."""
    board = machine.board
    info = dict(re.findall(r"^(\w+)\s*:[ ]*(.*)$", machine.run("xl info").output, re.M))
    assert int(info["nr_cpus"]) == board.smp
    assert board.mem - 64 <= int(info["total_memory"]) <= board.mem
    memory, cpus = map(int, re.findall(r"=(\d+)", board.arguments)[:2])
    assert int(machine.run("nproc").output) == cpus
    total = int(machine.run("awk '/MemTotal/ { print $2 }' /proc/meminfo").output)
    assert memory * 0.85 * 1024 < total <= memory * 1024

    guest = Guest(machine, "one", vcpus=2, disk="/tmp/disk.img", address="192.168.77.2")
    machine.run("cp /guest/disk.img /tmp/disk.img")
    guest.create()
    assert guest.run("nproc").output.strip() == "2"
    guest.run("mount /dev/xvda /mnt && cd /mnt && sha256sum -c SUMS")
    machine.run("ping -c 1 192.168.77.2")
    if not is_stock_xen():
        assert messages(machine) > 0   # by a GICv2m or an ITS
        clock = guest.run("cat /sys/class/ptp/ptp0/clock_name", check=False).output
        assert ("KVM virtual PTP" in clock) == ("guest_ptp" in board.arguments)
        slept = sleep_for(machine, 2)
        if "guest_ptp" in board.arguments:
            check_clock(machine, guest, slept)
        assert messages(machine) > 0
        assert guest.run("echo still here").output.strip() == "still here"
    guest.shutdown()
    machine.destroy_all()
    before = machine.free_pages()
    guest.create(wait=False).destroy()
    machine.destroy_all()
    machine.await_free_pages(before)


@pytest.mark.parametrize("board", BOARDS, ids=name_of)
def test_machine_runs_dom0_and_a_guest(board):
    if is_stock_xen() and board.gic == 2 and board.smp > 1:
        pytest.skip("stock Xen 4.17 stalls with GICv2 and several CPUs in this QEMU")
    with Machine(f"board-{name_of(board)}", board) as machine:
        machine.boot()
        check_machine(machine)
        machine.poweroff()
        machine.check_console()


@pytest.mark.skipif(not SOAK, reason="for `make soak`: its kind is rare")
def test_a_machine_with_1_tib_starts_and_runs_a_guest():
    """Its PCI host bridge is above 1 TiB, which is where dom0's stage 2 ends on other machines."""
    board = Board(mem=1 << 20, cpu="max", machine="virtualization=on,memory-backend=ram",
                  extra=["-object", "memory-backend-ram,id=ram,size=1T,reserve=off"] + pci.DISK)
    with Machine("board-1-tib", board) as machine:
        machine.boot()
        assert board.mem - 64 <= int(machine.run("xl info total_memory").output) <= board.mem
        assert machine.free_pages() << 12 > (1 << 40) - (6 << 30)   # the frame table has 4 GiB
        guest = Guest(machine, "one", memory=2048).create()
        assert guest.run("echo here").output.strip() == "here"
        assert messages(machine) > 0
        guest.destroy()
        machine.destroy_all()
        before = machine.free_pages()
        guest.create(wait=False).destroy()
        machine.destroy_all()
        machine.await_free_pages(before)
        machine.poweroff()
        machine.check_console()


# Addresses that are nobody's in test_memory_that_is_not_ours, and the values put there before the start.
KEPT = {0x78000000: 0x1111111111111111, 0x783ffff8: 0x2222222222222222, 0x80000000: 0x3333333333333333,
        0x8ffffff8: 0x4444444444444444, 0xa0000000: 0x5555555555555555, 0xa0fffff8: 0x6666666666666666}


def with_hole(source):
    """The memory as two banks with a hole, and two pieces set aside for others, one of which nobody may even map."""
    source, count = re.subn(r"(memory@40000000 \{[^}]*reg = )<[^>]*>",
                            r"\1<0x00 0x40000000 0x00 0x40000000 0x00 0x90000000 0x00 0x30000000>", source)
    assert count == 1
    return re.sub(r"\};\s*\Z", """
        reserved-memory {
            #address-cells = <2>;
            #size-cells = <2>;
            ranges;
            carveout@78000000 { reg = <0x00 0x78000000 0x00 0x00400000>; };
            firmware@a0000000 { reg = <0x00 0xa0000000 0x00 0x01000000>; no-map; };
        };
    };""", source)


def test_memory_that_is_not_ours_stays_untouched():
    loaders = []
    for address, value in KEPT.items():
        loaders += ["-device", f"loader,addr={address:#x},data={value:#x},data-len=8"]
    board = Board(mem=2048, edit_tree=with_hole, extra=loaders)
    with Machine("board-hole", board) as machine:
        machine.boot()
        total = int(machine.run("xl info total_memory").output)
        assert 1792 - 64 <= total <= 1792
        # use up the free memory, so that a page handed out wrongly would be found
        free = int(machine.run("xl info free_memory").output)
        Guest(machine, "large", memory=free - 64).create()
        for address, value in KEPT.items():
            words = re.findall(r"0x([0-9a-f]{16})", machine.monitor(f"xp /1gx {address:#x}").split(": ", 1)[1])
            assert int(words[0], 16) == value, f"memory at {address:#x} has changed"
        machine.destroy_all()
        machine.poweroff()
        machine.check_console()
