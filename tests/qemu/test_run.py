# SPDX-License-Identifier: Apache-2.0
"""`make run` as somebody at a terminal has it: the hint, a shell, a guest's console, the hypervisor's keys, the way
out."""

import os
import sys

import pexpect
import pytest

from machine import BUILD, ROOT, RUN_LIMIT


@pytest.fixture
def terminal():
    child = pexpect.spawn(sys.executable, ["tests/qemu/run"], cwd=ROOT, env={**os.environ, "TERM": "dumb"},
                          encoding="utf-8", codec_errors="replace", timeout=RUN_LIMIT)
    with open(BUILD / "logs" / "terminal.log", "w", encoding="utf-8") as log:
        child.logfile_read = log
        yield child
        child.close(force=True)


# QEMU's own escape is Ctrl-a too: one that is to reach the machine is typed twice
SWITCH = "\x01\x01" * 3


def test_a_person_at_a_terminal_finds_the_way_in_and_out(terminal):
    terminal.expect("xl create demo.cfg")
    terminal.expect("torpor migrate demo second")
    terminal.expect("dom0# ")
    terminal.send("xl list\r")
    terminal.expect(r"Domain-0\s+0\s+768")
    terminal.expect("dom0# ")

    terminal.send(SWITCH)
    terminal.expect("(?i)input to")
    terminal.send("h")
    terminal.expect("'h'")
    terminal.send(SWITCH)
    terminal.expect("(?i)input to")
    terminal.send("\r")
    terminal.expect("dom0# ")

    terminal.send("xl create -c demo.cfg\r")
    terminal.expect("guest: up")
    terminal.send("\r")
    terminal.expect("/ # ")
    terminal.send("echo sum $((20 + 22))\r")
    terminal.expect("sum 42")
    terminal.send("\x1d")
    terminal.expect("dom0# ")
    terminal.send("xl shutdown -w demo\r")
    terminal.expect("has been shut down")
    terminal.expect("dom0# ")
    terminal.send("poweroff\r")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_without_a_terminal_the_demonstration_runs_to_its_end():
    output = pexpect.run("sh -c 'tests/qemu/run </dev/null'", cwd=str(ROOT), env=dict(os.environ), withexitstatus=True,
                         timeout=RUN_LIMIT, encoding="utf-8")
    assert "all of it happened" in output[0]
    assert output[1] == 0
