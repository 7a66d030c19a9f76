# SPDX-License-Identifier: Apache-2.0
"""Many domains at once, and many one after the other: every page comes back."""

import pytest

from machine import Board, Guest

BOARD = Board(smp=2, mem=4096)
AT_ONCE = 16


@pytest.fixture(autouse=True)
def nothing_stays(host):
    yield
    if not host.broken:
        host.destroy_all()


def create_paused(host, guests):
    """xl gives a back end ten seconds: guests that run already would keep dom0 from answering in time."""
    for one in guests:
        host.run(f"xl create -q -p {one.config_path}")


def run_together(host, guests, running):
    """All of the guests at once, `running` of them up to their shell and on the network; then none."""
    create_paused(host, guests)
    for one in guests[:running]:
        host.run(f"xl unpause {one.name}")
    for one in guests[:running]:
        one.wait()
    assert len(host.run("xl list").lines()) == 2 + len(guests)
    for i, one in enumerate(guests[:running]):
        host.run(f"ping -c 1 {one.address}")
        assert one.run(f"echo $(({i} * 1000))").output.strip() == str(i * 1000)
    host.destroy_all()


def test_sixteen_domains_at_once(host):
    guests = [Guest(host, f"many{i}", address=f"192.168.77.{i + 10}") for i in range(AT_ONCE)]
    run_together(host, guests, AT_ONCE)
    # dom0's own tables of event ports and grant mappings are as large now as they get
    before = host.free_pages()
    run_together(host, guests, 4)
    assert host.free_pages() == before


def test_create_and_destroy_give_every_page_back(host, counts):
    one = Guest(host, "cycle", vcpus=2, disk="/guest/disk.img", address="192.168.77.2")
    cycle = f"""
        xl create -q {one.config_path}
        xl destroy cycle
        until [ "$(xl list | wc -l)" = 2 ]; do sleep 0.1; done
    """
    host.run(cycle)   # dom0's first use of event ports and grants
    before = host.free_pages()
    for _ in range(counts["cycles"] // 10):
        host.run(cycle * 10)
        assert host.free_pages() == before
    # nor is one kept, or lost, by who looks at domains that come and go
    host.run(f"""
        (until test -e /tmp/seen; do xl debug-keys qregm; done) > /dev/null 2>&1 &
        {cycle * 5}
        touch /tmp/seen; wait""")
    assert host.free_pages() == before
    # and the last of many is as good as the first
    one.create()
    one.run("mount -o ro /dev/xvda /mnt; cd /mnt; sha256sum -c SUMS")
