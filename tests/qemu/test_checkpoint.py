# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a running guest, one after the other into the same file, and the guests restored from it."""

import re

import pytest

from conftest import SOAK
from machine import Board
from test_save import assert_lives, complaints

BOARD = Board(mem=2048, arguments="dom0_mem=1024M dom0_max_vcpus=2")
FILE = "/mnt/checkpoints.img"

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 saves no guest on Arm")


def checkpoint(host, name, options="", file=FILE, check=True):
    return host.run(f"torpor checkpoint {options} {name} {file}", check)


def size(host, file=FILE):
    return int(host.run(f"stat -c %s {file}").output)


def begun_anew(result):
    return "begun anew" in result.output


@pytest.fixture(scope="module", autouse=True)
def room(host):
    """dom0's disk is too small, and too slow."""
    host.run("mount -t tmpfs -o size=600M none /mnt")


@pytest.fixture
def keeper(host, standing):
    """A guest with two vCPUs that writes files with their checksums into its memory all the time. Its disk would not
    be that of the checkpoint."""
    one = standing("keeper", vcpus=2)
    one.run("""test -e /tmp/worker || { (while :; do
            dd if=/dev/urandom of=/tmp/new bs=64k count=8 2>/dev/null; sum=$(sha256sum < /tmp/new)
            mv /tmp/new /tmp/file; echo "$sum" > /tmp/sum
            [ "$(sha256sum < /tmp/file)" = "$sum" ] || echo bad >> /tmp/bad; echo >> /tmp/rounds; sleep 0.2
        done) > /dev/null 2>&1 & echo $! > /tmp/worker; }""")
    one.run("until test -e /tmp/rounds; do sleep 0.1; done")
    return one


def assert_works(one):
    before = int(one.run("wc -l < /tmp/rounds").output)
    one.run(f"until [ $(wc -l < /tmp/rounds) -gt {before + 1} ]; do sleep 0.2; done; ! test -e /tmp/bad")


def test_each_checkpoint_of_a_guest_at_work_is_restored(host, keeper):
    domid = keeper.domid()
    host.run(f"rm -f {FILE}*")
    ends = []
    for i in range(3):
        keeper.run(f"echo {i} > /tmp/mark")
        assert not begun_anew(checkpoint(host, "keeper"))
        ends.append(size(host))
    assert keeper.domid() == domid
    assert ends[1] - ends[0] < ends[0] / 2 and ends[2] - ends[1] < ends[0] / 2, ends
    assert_works(keeper)
    # from the last to the first: as it is; cut off in the midst of the third, which leaves the second; behind the first
    for i, end in reversed(list(enumerate((ends[0], (ends[1] + ends[2]) // 2, ends[2])))):
        keeper.destroy()
        result = host.run(f"truncate -s {end} {FILE}; torpor restore {FILE}")
        assert ("is not whole" in result.output) == (i == 1), result.output
        keeper.run(f"[ $(cat /tmp/mark) = {i} ]")
        assert_works(keeper)


def test_a_file_without_a_whole_checkpoint_is_refused_in_one_line(host, keeper):
    host.run(f"rm -f {FILE}")
    checkpoint(host, "keeper")
    host.run("xl pause keeper")     # what it writes splits blocks, whose tables are free memory's
    free = host.free_pages()
    whole = size(host)
    for place in (whole - 1, whole // 2, 3000, 10, 0):
        host.run(f"truncate -s {place} {FILE}")
        result = host.run(f"torpor restore {FILE}", check=False)
        assert result.status == 1 and len(complaints(result)) == 1, (place, result.output)
    host.await_free_pages(free)
    host.run("xl unpause keeper")


def test_a_file_in_which_most_is_old_is_rewritten(host, keeper):
    host.run(f"rm -f {FILE}")
    checkpoint(host, "keeper")
    base = size(host)
    grown = []
    for i in range(12):
        keeper.run(f"head -c 12m /dev/zero | tr '\\0' {'abcdefghijkl'[i]} > /tmp/big; "
                   "[ $(wc -c < /tmp/big) = 12582912 ] && "
                   f"sha256sum /tmp/big > /tmp/big.sum && echo {i} > /tmp/mark")
        assert not begun_anew(checkpoint(host, "keeper"))
        grown.append(size(host))
        if i and grown[i] < grown[i - 1]:
            break
    assert grown[-1] < grown[-2] and max(grown) < 3 * base, (base, grown)
    checkpoint(host, "keeper")
    keeper.destroy()
    host.run(f"torpor restore {FILE}")
    keeper.run(f"sha256sum -c /tmp/big.sum && [ $(cat /tmp/mark) = {i} ]; rm /tmp/big")
    assert_works(keeper)


def test_checkpoints_go_on_until_they_are_ended(host, keeper):
    host.run(f"rm -f {FILE}")
    result = host.run(f"""
        torpor checkpoint --every 500ms keeper {FILE} > /tmp/every.log 2>&1 & pid=$!
        until [ $(grep -c 'is whole' /tmp/every.log) -ge 3 ]; do sleep 0.1; done
        kill -TERM $pid
        wait $pid; echo ended $?
        cat /tmp/every.log""")
    assert "ended 0" in result.output and "has no further checkpoints made" in result.output, result.output
    assert_works(keeper)
    # One that was under way was called off, and had cleaned what it did not write: all of it is written again.
    assert not begun_anew(checkpoint(host, "keeper")) or "Failed to save" in result.output, result.output
    assert not begun_anew(checkpoint(host, "keeper", "--every 1s --count 2"))
    keeper.destroy()
    host.run(f"torpor restore {FILE}")
    assert_works(keeper)


STAGES = (["connect", "header", "track", "precopy", "hold", "suspend", "rest", "state", "go on", "out", "mark", "end"]
          if SOAK else ["suspend", "mark"])


def test_whatever_fails_the_guest_goes_on_and_the_file_is_as_it_was(host, keeper):
    domid = keeper.domid()
    host.run(f"rm -f {FILE}")
    checkpoint(host, "keeper")
    for stage in STAGES:
        before = host.run(f"sha256sum < {FILE}").output
        result = host.run(f"TORPOR_FAULT='checkpoint/{stage}' torpor checkpoint keeper {FILE}", check=False)
        assert result.status == 1, stage
        assert [line for line in complaints(result) if line.startswith("Failed to save domain, ")], result.output
        assert host.run(f"sha256sum < {FILE}; ls {FILE}*").output == f"{before}{FILE}\n", stage
        assert_lives(keeper)
        assert keeper.domid() == domid
    # nobody knows the guest's writes since
    assert begun_anew(checkpoint(host, "keeper"))
    assert not begun_anew(checkpoint(host, "keeper"))


def test_who_else_asks_what_was_written_to_is_found_out(host, keeper):
    host.run(f"rm -f {FILE}*")
    checkpoint(host, "keeper")
    checkpoint(host, "keeper", file=f"{FILE}.other")
    assert begun_anew(checkpoint(host, "keeper"))
    assert not begun_anew(checkpoint(host, "keeper"))
    # a file that is not regular gets an image that stands alone
    host.run(f"torpor checkpoint keeper /dev/stdout 2> /dev/null | cat > {FILE}.other")
    assert begun_anew(checkpoint(host, "keeper"))
    keeper.destroy()
    host.run(f"torpor restore {FILE}.other; rm {FILE}.other")
    assert_works(keeper)
    assert begun_anew(checkpoint(host, "keeper"))


def test_a_guest_that_ends_or_reboots_is_handled_and_ends_its_checkpoints(host, guest):
    one = guest("ending").create()
    host.run(f"rm -f {FILE}")
    host.run(f"torpor checkpoint --every 500ms ending {FILE} > /tmp/every.log 2>&1 & echo $! > /tmp/every.pid")
    host.wait_for("[ $(grep -c 'is whole' /tmp/every.log) -ge 2 ]")
    one.type("reboot -f")
    host.wait_for(f"[ $(grep -c 'guest: up' {one.log}) = 2 ]")
    host.wait_for("! kill -0 $(cat /tmp/every.pid) 2> /dev/null")
    assert re.search(r"ending \(\d+\) has ended", host.run("cat /tmp/every.log").output)
    assert begun_anew(checkpoint(host, "ending"))
    one.shutdown()
