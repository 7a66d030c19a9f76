# SPDX-License-Identifier: Apache-2.0
"""Who gets the CPUs: weights, caps, pinning and the number of vCPUs, set and shown by xl."""

import re

from machine import Board

BOARD = Board(smp=4, mem=2048, arguments="dom0_mem=768M dom0_max_vcpus=2")

BURN = "while :; do :; done & echo $! >> /tmp/burners"
REST = "kill $(cat /tmp/burners); rm /tmp/burners"

# CPU time of each named domain in milliseconds; all of them are read at one moment of dom0's
TIMES = """PYTHONPATH=/usr/lib/xen-4.17/lib/python python3 -c '
import sys, time
from xen.lowlevel.xc import xc
xc = xc()
def times():
    return {d["domid"]: d["cpu_time"] / 1e6 for d in xc.domain_getinfo()}
ids = [int(a) for a in sys.argv[2:]]
one = times()
time.sleep(float(sys.argv[1]))
two = times()
print(*(two[i] - one[i] for i in ids))
' """


def crowd(standing):
    """Four guests of two vCPUs that do nothing."""
    return [standing(f"crowd{i}", vcpus=2) for i in range(4)]


def pin(host, cpus, *guests):
    for one in guests:
        host.run(f"xl vcpu-pin {one.name} all {cpus} {cpus}")


def used(host, seconds, *guests):
    """The CPU time that each guest got while dom0 slept, in milliseconds."""
    ids = " ".join(str(one.domid()) for one in guests)
    return [float(word) for word in host.run(f"{TIMES} {seconds} {ids}").output.split()]


def test_equal_weights_share_equally_and_unequal_ones_as_set(host, standing):
    one, two = crowd(standing)[:2]
    pin(host, 3, one, two)
    one.run(BURN)
    two.run(BURN)
    first, second = used(host, 4, one, two)
    assert 0.8 < first / second < 1.25
    host.run("xl sched-credit2 -d crowd0 -w 512; xl sched-credit2 -d crowd1 -w 128")
    assert re.search(r"^crowd0\s+\d+\s+512\s+0$", host.run("xl sched-credit2").output, re.M)
    first, second = used(host, 4, one, two)
    assert 3 < first / second < 5
    host.run("xl sched-credit2 -d crowd0 -w 256; xl sched-credit2 -d crowd1 -w 256")
    one.run(REST)
    two.run(REST)


def test_a_cap_bounds_what_a_domain_gets(host, standing):
    one, other = crowd(standing)[:2]
    pin(host, 2, one)
    pin(host, 3, other)
    host.run("xl sched-credit2 -d crowd0 -c 25")
    assert re.search(r"^crowd0\s+\d+\s+256\s+25$", host.run("xl sched-credit2").output, re.M)
    one.run(BURN)
    other.run(BURN)
    capped, free = used(host, 4, one, other)
    # the other one has a CPU for itself: it is the measure of how much a CPU gives while the emulator is busy
    assert 0.15 < capped / free < 0.35
    host.run("xl sched-credit2 -d crowd0 -c 0")
    capped, free = used(host, 4, one, other)
    assert capped / free > 0.6
    one.run(REST)
    other.run(REST)


def test_affinity_of_the_configuration_holds(host, standing):
    standing("pinned", config='cpus = "2"')
    assert re.search(r"^pinned\s+\d+\s+0\s+2\s.*\s2 / all$", host.run("xl vcpu-list pinned").output, re.M)


def test_a_pinned_vcpu_runs_where_it_may(host, standing):
    one = standing("pinned", config='cpus = "2"')
    one.run(BURN)
    for cpu in (0, 3, 1):
        host.run(f"xl vcpu-pin pinned 0 {cpu}")
        # seen running there; a moment later dom0 may have had that CPU's next slice
        host.wait_for(f"xl vcpu-list pinned | awk 'NR == 2 {{ exit !($4 == {cpu} && $5 ~ /^r/) }}'")
        assert re.search(rf"^pinned\s+\d+\s+0\s+{cpu}\s+[r-]--\s+\S+\s+{cpu} / all$",
                         host.run("xl vcpu-list pinned").output, re.M)
    host.run("xl vcpu-pin pinned 0 0-3 2")
    assert re.search(r"0-3 / 2$|all / 2$", host.run("xl vcpu-list pinned").output, re.M)
    one.run(REST)


def test_vcpus_go_and_come_back(host, guest):
    one = guest("several", vcpus=4).create()
    assert one.run("nproc").output.strip() == "4"
    host.run("xl vcpu-set several 2")
    one.run("until [ $(nproc) = 2 ]; do sleep 0.1; done")
    host.wait_for("[ $(xl vcpu-list several | grep -c -- '--p') = 2 ]")
    host.run("xl vcpu-set several 4")
    one.run("for cpu in 2 3; do echo 1 > /sys/devices/system/cpu/cpu$cpu/online; done")
    one.run("until [ $(nproc) = 4 ]; do sleep 0.1; done")


def test_many_busy_vcpus_all_get_their_turn(host, standing):
    guests = crowd(standing)
    pin(host, "all", *guests)
    for one in guests:
        one.run(BURN)
        one.run(BURN)
    shares = used(host, 4, *guests)
    assert min(shares) > 0.5 * max(shares)
    # and dom0 still answers, of course: this line was run by it
    assert "crowd3" in host.run("xl list").output
    for one in guests:
        one.run(REST)


def test_waiting_for_a_cpu_is_seen_as_steal_time(host, standing):
    one, two = crowd(standing)[:2]
    pin(host, 3, one, two)
    two.run(BURN)
    one.run(BURN)
    stolen = "awk '/^cpu / { print $9 }' /proc/stat"
    before = int(one.run(stolen).output)
    one.run("sleep 3")
    assert int(one.run(stolen).output) > before
    one.run(REST)
    two.run(REST)
