# SPDX-License-Identifier: Apache-2.0
"""A domain's state, saved and restored by dom0s of our own (tests/dom0/record.c, carry.c, refuse.c), in a guest that
knows every value (tests/guests/record)."""

import lzma
import re
from pathlib import Path

import pytest

from machine import BUILD, Machine, bare_board

pytestmark = pytest.mark.torpor_only("Xen on Arm saves nothing")

GUEST = BUILD / "guests/record.img"
ALARM = r"|^\(XEN\) torpor: panic|^not ok"


@pytest.mark.parametrize("gic,form", [(3, ""), (2, ""), (3, "fifo"), (2, "fifo")],
                         ids=["gic3", "gic2", "gic3-fifo", "gic2-fifo"])
def test_a_restored_guest_finds_everything_as_it_was(gic, form, counts):
    cycles = counts["records"]
    board = bare_board("record", f"cycles={cycles} seed={gic} {form}", GUEST, dom0_vcpus=2, gic=gic, mem=1024)
    with Machine(f"records-gic{gic}{form}", board) as machine:
        machine.expect(rf"^record: {cycles} of {cycles}|^record: not" + ALARM)
        machine.check_console()
        assert f"record: {cycles} of {cycles}" in machine.console, machine.console[-4000:]
        assert machine.wait_exit() == 0


def test_what_cannot_be_saved_or_restored_is_refused_by_name():
    with Machine("records-refuse", bare_board("refuse", guest=GUEST, mem=1024)) as machine:
        machine.expect(r"^refuse: (done|not)" + ALARM)
        machine.check_console()
        assert machine.wait_exit() == 0
        assert "refuse: done" in machine.console, machine.console[-4000:]
        said = re.findall(r"torpor: domain \d+ cannot be (saved|restored): record (\w+ \d+) \(byte \d+\) (.*)",
                          machine.console)
    assert said == [
        ("saved", "DOMAIN 0", "is of one with a device that is passed through (iomem, irqs)"),
        ("restored", "EVTCHN 0", "has a port that the new domain uses for something else"),
        ("restored", "EVTCHN 0", "has ports out of order, or more than the domain may have"),
        ("restored", "DOMAIN 0", "is of a domain with another number of vCPUs"),
        ("restored", "VUART 0", "is of a domain without an emulated UART, which the new one has"),
        ("restored", "VUART 0", "is of a domain with an emulated UART, which the new one has not"),
    ]


# --- Between machines

# By a Torpor of 2026-11-22, before there was a second format of records, on a GICv3 and cortex-a57, with FIFO event
# channels: an image that later versions have to go on restoring. Made by save() below.
OLD = Path(__file__).parent / "guest-of-format-1.xz"


def save(name, path, **machine_options):
    """The guest, saved on a machine that then is no more; into a file."""
    with Machine(f"carry-from-{name}", bare_board("carry", "save fifo", GUEST, **machine_options)) as machine:
        found = machine.expect(r"^carry: (\d+) bytes at (0x[0-9a-f]+)\n" + ALARM)
        machine.check_console()
        assert found[1], machine.console[-4000:]
        machine.monitor(f'pmemsave {found[2]} {found[1]} "{path}"')
    assert path.stat().st_size == int(found[1])
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """From each kind of machine one, and one of old."""
    at = tmp_path_factory.mktemp("images")
    (at / "old").write_bytes(lzma.decompress(OLD.read_bytes()))
    return {"old": at / "old",
            "gic3": save("gic3", at / "gic3"),
            "gic2": save("gic2", at / "gic2", gic=2),
            "max": save("max", at / "max", cpu="max")}


AS_BEFORE = "is as before"
LESS_CPU = r"record CPU_VIEW 0 \(byte \d+\) needs floating point \(FP, or FEAT_FP16\), which this host's CPUs have not"
OTHER_GIC = r"record CPU_VIEW 0 \(byte \d+\) needs a GICv3's registers, which this host's CPUs have not"


@pytest.mark.parametrize("name,options,results", [
    # fewer CPUs than there are vCPUs, and less memory
    ("gic3", {"smp": 1, "mem": 512}, {
        "gic3": AS_BEFORE,
        "old": AS_BEFORE,
        "gic2": r"record VGIC 0 \(byte \d+\) is another version's than this host's GICv3",
        "max": LESS_CPU}),
    ("gic2", {"gic": 2}, {
        "gic2": AS_BEFORE,
        "gic3": OTHER_GIC,
        "old": OTHER_GIC}),
    ("max", {"cpu": "max"}, {
        "max": AS_BEFORE,
        "gic3": AS_BEFORE,
        "old": AS_BEFORE}),
    ("frequency", {"cpu": "cortex-a57,cntfrq=100000000"}, {
        "gic3": r"record CLOCK 0 \(byte \d+\) is of a host whose counter has another frequency"}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_guest_goes_to_another_machine_or_is_refused_by_name(name, options, results, images, tmp_path):
    ramdisk = tmp_path / "images"
    ramdisk.write_bytes(b"".join(images[image].read_bytes() for image in results))
    with Machine(f"carry-to-{name}", bare_board("carry", guest=ramdisk, **options)) as machine:
        machine.expect(r"^carry: (done|not)" + ALARM)
        machine.check_console()
        assert machine.wait_exit() == 0
        said = re.findall(r"^carry: image \d+ (.*)|torpor: domain \d+ cannot be restored: (.*)", machine.console, re.M)
    assert "carry: done" in machine.console, machine.console[-4000:]
    for result in results.values():
        found = said.pop(0)
        if result == AS_BEFORE:
            assert found[0] == AS_BEFORE
        else:
            assert re.fullmatch(result, found[1]), found
            assert said.pop(0)[0].startswith("is refused")
    assert not said
