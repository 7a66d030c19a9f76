# SPDX-License-Identifier: Apache-2.0
"""An error in how the machine is started is said in one line that names the thing; then the hypervisor halts, or goes
on where that is documented. It never hangs without a word, and never leaves a register dump alone.
"""

import re
import struct
import subprocess
import time
from dataclasses import replace

import pytest

from machine import IMAGES, RUN_LIMIT, Board, Machine, hypervisor_path, start_with_tree

pytestmark = pytest.mark.torpor_only("stock Xen has messages of its own")

# One line of the hypervisor's, naming the thing.
LINE = r"(?im)^\(XEN\) (torpor|gic|psci): .*({}).*$"


@pytest.fixture
def start(request):
    """Starts a machine that is not going to boot."""
    machines = []

    def run(board):
        machine = Machine(f"bad-{request.node.name}", board)
        machines.append(machine)
        return machine

    yield run
    for machine in machines:
        machine.close()


def refuses(machine, thing):
    """The machine names the thing and starts no dom0."""
    machine.expect(LINE.format(thing), limit=RUN_LIMIT)
    assert "Booting Linux" not in machine.console


def halts(machine):
    """CPU 0 ends up in a loop of a few instructions at EL2: with no tree to find a console by, it has nowhere to say
    why."""
    end = time.monotonic() + RUN_LIMIT
    while time.monotonic() < end:
        samples = [machine.monitor("info registers") for _ in range(20)]
        counters = [int(re.search(r"PC=(\w+)", sample)[1], 16) for sample in samples]
        if max(counters) - min(counters) <= 16 and all("EL2" in sample for sample in samples):
            # the stub's three instructions count as not having got anywhere
            assert counters[0] >= 0x1000000 and counters[0] >> 12 != 0x40080
            assert "Booting Linux" not in machine.console
            return
    raise AssertionError("the hypervisor does not come to rest")


def changed(pattern, replacement):
    """An edit of the device tree that has to match."""
    def edit(source):
        result, count = re.subn(pattern, replacement, source)
        assert count, f"the tree has no {pattern}"
        return result
    return edit


def test_no_kernel_module_is_named(start):
    refuses(start(Board(kernel=None, ramdisk=None)), "kernel")


def test_a_kernel_that_is_no_image_is_named(start, tmp_path):
    path = tmp_path / "vmlinuz"
    path.write_bytes(b"not an Image at all" * 4096)
    refuses(start(Board(kernel=path)), "kernel.*Image|Image")


def test_a_truncated_kernel_is_named(start, tmp_path):
    path = tmp_path / "vmlinuz"
    path.write_bytes((IMAGES / "vmlinuz").read_bytes()[:1 << 20])
    refuses(start(Board(kernel=path)), "kernel")


def test_dom0_mem_beyond_the_machine_is_named_and_dom0_gets_what_there_is(start):
    machine = start(Board(mem=1024, arguments="dom0_mem=64G dom0_max_vcpus=2"))
    machine.expect(LINE.format("dom0_mem=65536M"), limit=RUN_LIMIT)
    machine.boot()
    machine.poweroff()


def test_more_vcpus_than_a_gicv2_serves_are_named_and_dom0_gets_what_it_serves(start):
    machine = start(Board(gic=2, arguments="dom0_mem=512M dom0_max_vcpus=16"))
    machine.expect(LINE.format("dom0 has 8 vCPUs, not 16"), limit=RUN_LIMIT)
    machine.expect("Brought up 1 node, 8 CPUs", limit=RUN_LIMIT)


def test_dom0_mem_that_is_no_size_is_named(start):
    start(Board(arguments="dom0_mem=lots dom0_max_vcpus=2")).expect(LINE.format("dom0_mem"), limit=RUN_LIMIT)


def test_an_unknown_option_is_named_and_the_machine_goes_on(start):
    machine = start(Board(arguments=f"{Board.arguments} colour=green"))
    machine.expect(LINE.format("colour"), limit=RUN_LIMIT)
    machine.boot()
    machine.poweroff()


def test_no_el2_is_named(start):
    refuses(start(Board(machine="virtualization=off")), "EL2")


def test_too_few_redistributors_are_named(start):
    # two CPUs, room for one redistributor's 128 KiB
    edit = changed(r"(intc@8000000 \{[^}]*?reg = <0x00 0x8000000 0x00 0x10000 0x00 0x80a0000 0x00) 0x\w+>",
                   r"\1 0x20000>")
    start(Board(edit_tree=edit)).expect(LINE.format("redistributor"), limit=RUN_LIMIT)


def test_a_tree_without_memory_is_named(start):
    refuses(start(Board(edit_tree=changed(r"memory@40000000 \{\s*reg = [^;]*;\s*device_type = \"memory\";",
                                             "store@40000000 {"))), "memory")


def test_a_tree_without_gic_is_named(start):
    refuses(start(Board(edit_tree=changed(r"compatible = \"arm,gic-v3\";", 'compatible = "acme,pic";'))),
            "GIC|interrupt controller")


def test_a_tree_without_timer_is_named(start):
    refuses(start(Board(edit_tree=changed(r"compatible = \"arm,armv8-timer\\0arm,armv7-timer\";|"
                                          r"compatible = \"arm,armv8-timer\", \"arm,armv7-timer\";",
                                          'compatible = "acme,hourglass";'))), "timer")


def test_a_tree_without_psci_runs_on_one_cpu_or_is_named(start):
    edit = changed(r"compatible = \"arm,psci[^;]*;", 'compatible = "acme,power";')
    start(Board(edit_tree=edit)).expect(LINE.format("PSCI|CPU"), limit=RUN_LIMIT)


def with_tree(path, tree):
    """A machine that finds these bytes where its device tree should be."""
    (path / "tree").write_bytes(tree)
    return Board(start=start_with_tree(path, hypervisor_path(), path / "tree"), kernel=None, ramdisk=None, disk=False)


@pytest.fixture(scope="module")
def good_tree(tmp_path_factory):
    blob = tmp_path_factory.mktemp("tree") / "tree.dtb"
    command = replace(Board(), start=["-kernel", str(hypervisor_path())]).command(None)
    command[command.index("-M") + 1] += f",dumpdtb={blob}"
    subprocess.run(command + ["-display", "none"], check=True, stderr=subprocess.DEVNULL)
    return blob.read_bytes()


def test_bytes_that_are_no_tree_stop_it_at_once(start, tmp_path):
    # without a tree there is no console to say anything on: the point is that nothing is started
    halts(start(with_tree(tmp_path, b"\0" * 4096)))


@pytest.mark.parametrize("damage", ["truncated", "endless", "scrambled"])
def test_a_damaged_tree_never_gets_as_far_as_dom0(start, tmp_path, good_tree, damage):
    tree = bytearray(good_tree[:struct.unpack(">I", good_tree[4:8])[0]])
    if damage == "truncated":
        tree[4:8] = struct.pack(">I", 64)
    elif damage == "endless":
        tree[4:8] = struct.pack(">I", 0x7fffffff)
    else:
        tree[200:1200] = bytes((value * 167 + 13) & 0xff for value in tree[200:1200])
    halts(start(with_tree(tmp_path, bytes(tree))))
