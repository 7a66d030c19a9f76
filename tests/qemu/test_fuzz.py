# SPDX-License-Identifier: Apache-2.0
"""Guests that do everything wrong, on several vCPUs at once, beside each other, and destroyed in the middle of it.

tests/guests/fuzz says what a guest does and checks, tests/dom0/fuzz.c what its dom0 does to it; both draw from the
seed. In `make test` seeds and rounds are few and always the same: a new seed's finds must not depend on who happens to
be building. How to look for more, and how to come back to a find, is in CONTRIBUTING.md, "Fuzzing".
"""

import random

import pytest

from conftest import SOAK
from machine import BUILD, Board, Machine, bare_board

IMAGE = BUILD / "guests/fuzz.img"


def storm(gic, seed, rounds, life, icount=None):
    """A machine without any Linux: the fuzzer's own dom0 makes and destroys the guests."""
    pulses = "" if icount is None else "pulses=17"
    board = bare_board("fuzz", f"seed={seed} rounds={rounds} life={life} {pulses}", IMAGE,
                       gic=gic, smp=4, mem=1024, icount=icount)
    with Machine(f"fuzz-gic{gic}-{seed}-{icount}", board) as machine:
        machine.expect(r"^fuzz: (not )?ok|^\(XEN\) torpor: panic")
        machine.check_console()
        assert "fuzz: ok" in machine.console and "not ok" not in machine.console, machine.console[-4000:]
        assert machine.wait_exit() == 0


@pytest.mark.torpor_only("made to find what is wrong with Torpor; stock Xen in this QEMU has troubles of its own")
@pytest.mark.parametrize("seed", range(1, 6 if SOAK else 2))
@pytest.mark.parametrize("gic", [3, 2], ids=["gic3", "gic2"])
def test_guests_that_do_everything_wrong_at_once_harm_nobody(gic, seed, counts):
    storm(gic, seed, 6 * counts["rounds"], 1500)


@pytest.mark.torpor_only("made to find what is wrong with Torpor; stock Xen in this QEMU has troubles of its own")
@pytest.mark.parametrize("seed", range(1, 6 if SOAK else 2))
def test_nor_do_they_where_each_instruction_takes_its_time(seed, counts):
    # one CPU after the other, changed at any instruction: such a find comes again with the same seed
    storm(3, seed, 6 * counts["rounds"], 400, icount=1)


@pytest.mark.torpor_only("made to find what is wrong with Torpor; stock Xen in this QEMU has troubles of its own")
@pytest.mark.skipif(not SOAK, reason="for `make soak`: xl takes seconds where the fuzzer's own dom0 takes milliseconds")
def test_xl_destroys_guests_that_do_everything_wrong():
    draw = random.Random(1)

    def create(name):
        config = "\n".join([f'name = "{name}"', 'kernel = "/tmp/job/fuzz.img"', "memory = 32",
                            f"vcpus = {draw.randint(2, 4)}",
                            f'extra = "seed={name.removeprefix("fuzz")} epochs=0"', "shadow_memory = 1",
                            'on_crash = "preserve"', 'vuart = "sbsa_uart"' if draw.random() < 0.5 else ""])
        machine.run(f"cat > /tmp/{name}.cfg <<'EOF'\n{config}\nEOF\n"
                    f"xl create -q /tmp/{name}.cfg; sleep {3 * draw.random()}")
        return name

    with Machine("fuzz-xl", Board(smp=4, files=[IMAGE])) as machine:
        machine.boot()
        for i in range(3):
            create(f"fuzz{i}")
        # dom0 keeps memory that it takes with its first guests: room for their ports, page tables for their memory
        machine.destroy_all()
        alive, before = [], machine.free_pages()
        for i in range(3, 30):
            alive.append(create(f"fuzz{i}"))
            if len(alive) > 2:
                dead = alive.pop(draw.randrange(len(alive)))
                machine.run(f"xl list {dead} | grep -v -e '--c-'; xl destroy {dead}")
        machine.destroy_all()
        machine.await_free_pages(before)
        machine.poweroff()
        machine.check_console()
