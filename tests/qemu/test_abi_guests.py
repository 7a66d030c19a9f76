# SPDX-License-Identifier: Apache-2.0
"""The bare-metal guests of tests/guests: each checks a part of the ABI from inside, on GICv2 and on GICv3."""

import re

import pytest

from conftest import life_of
from machine import BUILD, ROOT, Board, Machine, is_stock_xen

CHECKS = sorted(path.stem for path in (ROOT / "tests/guests").glob("*.c") if path.stem != "tap")


def board(gic):
    # stock Xen needs GICv2 with one CPU to stay alive in this QEMU
    single = gic == 2 and is_stock_xen()
    # one old CPU, and one with all that there is: its features must not reach the guests
    cpu = "cortex-a57" if gic == 3 or is_stock_xen() else "max"
    images = [BUILD / "guests" / f"{name}.img" for name in CHECKS + ["fuzz"]]
    return Board(gic=gic, cpu=cpu, smp=1 if single else 4,
                 arguments=f"dom0_mem=768M dom0_max_vcpus={1 if single else 2}",
                 files=[ROOT / "tests/guests/run-in-dom0.sh", *images])


@pytest.fixture(scope="module", params=[3, 2], ids=["gic3", "gic2"])
def abi_host(request):
    with life_of(Machine(f"abi-gic{request.param}", board(request.param))) as machine:
        yield machine


def run_guest(host, name, extra=""):
    result = host.run(f"cd /tmp/job; bash run-in-dom0.sh -e '{extra}' {name}.img", check=False)
    wrong = [line for line in result.lines() if re.match(r"not ok|libxl: error", line)]
    assert result.status == 0 and not wrong, "\n".join(wrong or result.lines()[-30:])


@pytest.mark.parametrize("name", CHECKS)
def test_guest_finds_the_abi_as_it_expects(abi_host, name):
    run_guest(abi_host, name)


def test_guest_that_does_everything_wrong_survives(abi_host, counts):
    # the same every time, as in test_fuzz.py; here it is made by xl and has Debian's back ends
    for seed in range(1, 1 + counts["rounds"]):
        run_guest(abi_host, "fuzz", f"seed={seed} epochs=24")
