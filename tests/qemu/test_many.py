# SPDX-License-Identifier: Apache-2.0
"""Many domains at once, and many one after the other: every page comes back. Most of them by a dom0 of our own
(tests/dom0/domains.c), for xl takes hundreds of times as long; and a few by xl.
"""

import pytest

from conftest import SOAK
from machine import BOOT_LIMIT, BUILD, Board, Guest, Machine, bare_board, is_stock_xen
from sleeping import FIRMWARE

BOARD = Board(smp=2, mem=4096, files=[BUILD / "guests/suspend.img"])
AT_ONCE = 16 if SOAK else 6


@pytest.fixture
def nothing_stays(host):
    yield
    if not host.broken:
        host.destroy_all()


def run_together(host, guests, running):
    """All of the guests at once, `running` of them up to their shell and on the network; then none."""
    # xl gives a back end ten seconds: guests that boot already would keep dom0 from answering in time
    for one in guests:
        host.run(f"rm -f {one.log}; xl create -q {'-p' if one.address else ''} {one.config_path}")
    for one in guests[:running]:
        host.run(f"xl unpause {one.name}")
    for one in guests[:running]:
        one.wait()
    assert len(host.run("xl list").lines()) == 2 + len(guests)
    for i, one in enumerate(guests[:running]):
        host.run(f"ping -c 1 {one.address}")
        assert one.run(f"echo $(({i} * 1000))").output.strip() == str(i * 1000)
    host.destroy_all()


@pytest.mark.usefixtures("nothing_stays")
def test_many_domains_at_once(host, counts):
    guests = [Guest(host, f"many{i}", address=f"192.168.77.{i + 10}" if i < counts["whole"] else None)
              for i in range(AT_ONCE)]
    # those without network run a kernel of a few pages, which is there sooner, and waits
    for one in guests[counts["whole"]:]:
        host.run(f"""sed -i -e 's,^kernel = .*,kernel = "/tmp/job/suspend.img",' -e '/^ramdisk/d' \\
                        -e 's/^extra = .*/extra = "deaf"/' {one.config_path}""")
    run_together(host, guests, counts["whole"])
    # dom0's own tables of event ports and grant mappings are as large now as they get
    before = host.free_pages()
    run_together(host, guests, min(counts["whole"], 2))
    host.await_free_pages(before)


@pytest.mark.usefixtures("nothing_stays")
def test_create_and_destroy_give_every_page_back(host, counts):
    one = Guest(host, "cycle", vcpus=2, disk="/guest/disk.img", address="192.168.77.2")
    cycle = f"""
        xl create -q {one.config_path}
        xl destroy cycle
        until [ "$(xl list | wc -l)" = 2 ]; do sleep 0.1; done
    """
    host.run(cycle)   # dom0's first use of event ports and grants
    before = host.free_pages()
    for _ in range(counts["cycles"]):
        host.run(cycle)
        host.await_free_pages(before)
    # nor is one kept, or lost, by a look at domains that come and go; not so many that libxl gives a script up
    host.run(f"""
        (until test -e /tmp/seen; do xl debug-keys qregm; sleep 0.2; done) > /dev/null 2>&1 &
        {cycle * 2}
        touch /tmp/seen; wait""")
    host.await_free_pages(before)
    # and the last of many is as good as the first
    one.create()
    one.run("mount -o ro /dev/xvda /mnt; cd /mnt; sha256sum -c SUMS")


@pytest.mark.torpor_only("stock Xen's costs are not ours to judge")
def test_hundreds_of_domains_cost_no_more_each_than_a_few():
    """More than there are VMIDs, in ticks of a clock that counts instructions."""
    board = bare_board("domains", "domains=600 at-once=300 quiet", smp=1, mem=4096, icount=0)
    with Machine("domains-300", board) as machine:
        laps = machine.expect(r"^domains: made (\d+) (\d+) ended (\d+) (\d+)$")
        first_made, last_made, first_ended, last_ended = map(int, laps.groups())
        assert last_made < 1.5 * first_made
        assert last_ended < 1.5 * first_ended
        machine.expect(r"^domains: 600 of 600$")
        assert machine.wait_exit() == 0
        machine.check_console()


@pytest.mark.parametrize("gic,cpus,bios", [(3, 2, FIRMWARE), (2, 4, None)],
                         ids=["gic3-2cpu-firmware", "gic2-4cpu-idling"])
def test_a_storm_of_domains_through_which_the_host_sleeps(gic, cpus, bios, counts):
    sleeps = 0 if is_stock_xen() else counts["storm sleeps"]
    board = bare_board("domains", f"domains={counts['storm']} sleeps={sleeps}", gic=gic, smp=cpus, bios=bios)
    with Machine(f"domains-gic{gic}", board) as machine:
        machine.expect(rf"^domains: {counts['storm']} of {counts['storm']}$", limit=BOOT_LIMIT + counts["storm"])
        assert machine.wait_exit() == 0
        assert machine.console.count("torpor: slept ") == sleeps
        machine.check_console()
