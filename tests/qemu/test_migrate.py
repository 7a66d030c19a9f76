# SPDX-License-Identifier: Apache-2.0
"""Stock Debian guests move between two machines while they run, by torpor(1) over ssh, as `xl migrate` has it on x86.

One guest is the traveller of the whole file: each test leaves it at work, on the first machine or on the second.
"""

import json
import re
import statistics
from pathlib import Path

import pytest

from conftest import SOAK
from machine import BUILD, Board, Guest
from pair import Pair

ADDRESS = "192.168.77.5"

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 migrates no guest on Arm")

# A guest's words when its time or its devices were lost on the way
LOST = re.compile(r"soft lockup|rcu.*stall|clocksource.*unstable|kernel BUG|WARNING|blocked for more than|I/O error|"
                  r"Out of memory")

SENDING = ["connect", "header", "track", "throttle", "precopy", "suspend", "rest", "state", "end"]
RECEIVING = ["connect", "header", "attach", "memory", "state", "end", "attached", "host"]

# For migrations that are to fail: rounds that make the guest stand still for less are not their subject, and cost much
BRIEFLY = "--max-downtime 60000"

# The other machine's receiver at the end of a TCP connection. Under emulation ssh costs more than all else that a
# migration does; most tests are not about that. The command to run there stands in /tmp/receive.
PLAIN_PORT = 7000


@pytest.fixture(scope="module")
def pair():
    with Pair("migrate", [Board(), Board()]) as both:
        both.start()
        yield both
        for machine in both.machines:
            if not machine.broken:
                machine.destroy_all()
                machine.poweroff()
            machine.check_console()


class Traveller(Guest):
    """A guest that knows where it is. Its console has one log on each machine, whatever it is called on the way."""

    def __init__(self, pair, machine, name, **options):
        self.pair = pair
        self.been = {machine}
        super().__init__(machine, name, **options)
        for machine in pair.machines:
            self.prepare(machine)

    def prepare(self, machine):
        machine.run(f"""
            ln -sf guest-{self.name}.log /var/log/xen/console/guest-{self.name}--incoming.log
            pgrep -f '^socat TCP-LISTEN' > /dev/null ||
                setsid socat TCP-LISTEN:{PLAIN_PORT},fork,reuseaddr EXEC:"bash /tmp/receive",nofork \\
                    > /dev/null 2>&1 &""")

    @property
    def target(self):
        return self.pair.other(self.machine)

    def has_moved(self):
        self.machine = self.target
        self.been.add(self.machine)

    def command(self, receiver="torpor migrate-receive", sender="", options=BRIEFLY, behind=""):
        """The command that moves it to the other machine, where `receiver` is run; its words go to /tmp/received, its
        process id to /tmp/pid."""
        self.target.run(f"echo 'echo $$ > /tmp/pid; exec {receiver} 2> /tmp/received' > /tmp/receive")
        link = f"socat -b 65536 - TCP:{self.pair.name_of(self.target)}:{PLAIN_PORT}{behind}"
        return f"{sender} torpor migrate {options} -s '' {self.name} '{link}'"

    def migrate(self, **how):
        """Its report to programs at the end."""
        result = self.machine.run(self.command(options="--json", **how) + " 2> /tmp/said || { cat /tmp/said; exit 1; }")
        self.has_moved()
        return json.loads(result.lines()[-1])

    def fail_to_migrate(self, **how):
        """Its words, here and there."""
        result = self.machine.run(self.command(**how), check=False)
        assert result.status == 1, result.output
        return result.output + self.target.run("cat /tmp/received").output

    def migrate_by_ssh(self, check=True):
        """Its words."""
        result = self.machine.run(f"torpor migrate {self.name} {self.pair.name_of(self.target)}", check=False)
        if check:
            assert result.status == 0 and "Migration successful." in result.output, result.output
            self.has_moved()
        return result.output


@pytest.fixture(scope="module")
def traveller(pair, counts):
    """A guest with two vCPUs, that begins on the first machine; with its disk and an address. It has nothing to do."""
    one = Traveller(pair, pair.first, "traveller", vcpus=2, memory=Guest.memory_for(counts["migrations"]),
                    disk="/dev/shared", address=ADDRESS).create()
    one.run("mkdir -p /mnt; mount /dev/xvda /mnt; cd /mnt && sha256sum -c SUMS")
    return one


# A line of 4000 characters, that nobody could send by chance, comes back by TCP. /tmp/talk: a line for each that has.
TALK = f"""
    mkfifo /tmp/never
    exec 9<>/tmp/never 5<>/dev/tcp/{ADDRESS}/7
    while :; do
        line="$((++n)) $RANDOM $(printf '%04000d' $RANDOM)"
        printf '%s\\n' "$line" >&5
        if ! IFS= read -r -t 600 back <&5 || [ "$back" != "$line" ]; then
            echo "line $n came back as: $back" > /tmp/talk.bad
            exit
        fi
        echo >> /tmp/talk
        read -r -t 0.3 -u 9
    done"""


@pytest.fixture(scope="module")
def worker(pair, traveller):
    """The traveller, at work for the rest of the file: files with checksums on its disk, pages that are written all the
    time, and one TCP connection with the first machine, wherever it is itself."""
    traveller.run("""(while :; do
            dd if=/dev/urandom of=/mnt/new bs=64k count=2 2>/dev/null; sum=$(sha256sum < /mnt/new);
            mv /mnt/new /mnt/file; echo "$sum" > /mnt/sum; sync; echo 3 > /proc/sys/vm/drop_caches;
            [ "$(sha256sum < /mnt/file)" = "$sum" ] || echo bad >> /tmp/bad; echo >> /tmp/rounds; sleep 1;
        done) > /dev/null 2>&1 &""".replace("\n", " "))
    traveller.run("(while :; do dd if=/dev/zero of=/tmp/dirt bs=64k count=4; sleep 0.5; done) > /dev/null 2>&1 &")
    traveller.run("nc -ll -p 7 -e cat > /dev/null 2>&1 &")
    traveller.run("until test -e /tmp/rounds; do sleep 0.2; done")
    pair.first.run(f"cat > /tmp/talker <<'END'\n{TALK}\nEND\nbash /tmp/talker > /dev/null 2>&1 &")
    pair.first.wait_for("test -e /tmp/talk")
    return traveller


def assert_works(pair, one):
    """Disk, network and processors go on, and nothing was lost."""
    rounds = int(one.run("wc -l < /tmp/rounds").output)
    said = int(pair.first.run("wc -l < /tmp/talk").output)
    one.run(f"until [ $(wc -l < /tmp/rounds) -gt {rounds + 1} ]; do sleep 0.2; done; ! test -e /tmp/bad")
    pair.first.run(f"""
        until [ -e /tmp/talk.bad ] || [ $(wc -l < /tmp/talk) -gt {said + 2} ]; do sleep 0.2; done
        ! cat /tmp/talk.bad 2> /dev/null""")


def names(machine):
    return [line.split()[0] for line in machine.run("xl list").lines()[2:]]


# The traces that an operation may not leave at its end: processes (a guest's monitor is none of them), and in xenstore
# domains that are not there.
LEFT = """
    left() {
        for pid in $(pgrep -f 'torpor-save-helper|torpor migrate'); do
            [ "$(readlink /proc/$pid/fd/0)" = /dev/null ] || echo "process: $(tr '\\0' ' ' < /proc/$pid/cmdline)"
        done
        domains=$(xl list | awk 'NR > 1 { print $2 }')
        for place in /local/domain /libxl; do
            for id in $(xenstore-list $place); do
                grep -q -x "$id" <<< "$domains" || echo "xenstore: $place/$id"
            done
        done
    }
    """


def assert_clean(machine):
    """It may take the other side a moment to notice."""
    machine.run(LEFT + """
        for _ in $(seq 600); do [ "$(left)" ] || exit 0; sleep 0.2; done
        left; exit 1""")


def assert_once(one):
    assert_clean(one.machine)
    assert_clean(one.target)
    assert names(one.machine) == [one.name]
    assert names(one.target) == []


def times(one):
    """The guest's time of day, its time since it began, and when that was."""
    return [float(word) for word in one.run(
        "date +%s; cut -d' ' -f1 /proc/uptime; awk '/btime/ { print $2 }' /proc/stat").output.split()]


def test_an_idle_guest_migrates_over_ssh_and_its_clocks_are_right(pair, traveller):
    before, late = times(traveller), traveller.lateness()
    traveller.migrate_by_ssh()
    assert_once(traveller)
    config = json.loads(traveller.machine.run(f"xl list -l {traveller.name}").output)[0]["config"]
    assert [len(config[devices]) for devices in ("nics", "disks")] == [1, 1], config
    after, now_late = times(traveller), traveller.lateness()
    assert after[1] - before[1] == pytest.approx(after[0] - before[0], abs=1.5)
    assert abs(after[2] - before[2]) <= 1
    # the two machines' clocks are NTP's, as it were
    assert now_late[0] <= late[1] and late[0] <= now_late[1], (late, now_late)
    traveller.run("cd /mnt && sha256sum -c SUMS")
    assert not LOST.search(log := traveller.run("dmesg").output), log


def test_a_sender_that_fails_before_the_guest_stands_still_leaves_nothing(traveller):
    domid, free = traveller.domid(), traveller.target.free_pages()
    for stage in ("connect", "precopy"):
        said = traveller.fail_to_migrate(sender=f"TORPOR_FAULT=live/{stage}")
        assert said.count(f"Migration failed, resuming at sender: saving domain {domid} failed: {stage}") == 1, said
        assert_once(traveller)
        traveller.target.await_free_pages(free)
    assert traveller.domid() == domid
    assert traveller.run("echo alive").output == "alive\n"


def test_a_guest_at_work_migrates_there_and_back(pair, worker, counts):
    """How long it stood still each time is left in build/logs/migrate-downtimes."""
    downtimes = []
    for _ in range(counts["migrations"]):
        before = times(worker)
        downtimes.append(worker.migrate()["downtime_ms"])
        after = times(worker)
        assert_works(pair, worker)
        assert after[1] > before[1] and abs(after[2] - before[2]) <= 1, (before, after)
    (BUILD / "logs" / "migrate-downtimes").write_text(
        f"{len(downtimes)} migrations: {min(downtimes):.0f} ms at least, {statistics.median(downtimes):.0f} in the "
        f"middle, {max(downtimes):.0f} at most\n" + "".join(f"{one:.1f}\n" for one in downtimes))
    assert_once(worker)
    worker.run("cd /mnt && sha256sum -c SUMS")
    assert not LOST.search(log := worker.run("dmesg").output), log


def free_at_target(one):
    """Its free pages. A host keeps a few from the first guest on that it takes in, for the numbers of domains and for
    what its dom0 maps: this one has been there."""
    if one.target not in one.been:
        one.migrate()
    return one.target.free_pages()


# Where a stage fails, and the words that are said of it then.
FAULTS = {
    "sender": ([{"sender": f"TORPOR_FAULT=live/{stage}"} for stage in SENDING], "saving domain "),
    "receiver": ([{"receiver": f"env TORPOR_FAULT=restore/{stage} torpor migrate-receive"} for stage in RECEIVING],
                 "traveller--incoming was not restored from <incoming migration stream>: ")}


@pytest.mark.skipif(not SOAK, reason="SOAK: a migration for each stage")
@pytest.mark.parametrize("side", FAULTS)
def test_whatever_fails_the_guest_goes_on_at_the_sender(pair, worker, side):
    free, domid = free_at_target(worker), worker.domid()
    faults, words = FAULTS[side]
    for fault in faults:
        said = worker.fail_to_migrate(**fault)
        assert said.count("Migration failed, resuming at sender: ") == 1 and words in said, said
        assert_clean(worker.target)
        worker.target.await_free_pages(free)
    assert_once(worker)
    assert worker.domid() == domid
    assert_works(pair, worker)


# The receiver's helper waits where the test wants it to: before its first byte, while the guest runs at the sender; or
# behind its last, while the guest stands still.
GATE = """
    rm -f /tmp/reached /tmp/gate; mkfifo /tmp/gate
    cat > /tmp/helper <<'END'
#!/bin/bash
[ "$WAIT" != before ] || {{ echo > /tmp/reached; read -r < /tmp/gate; }}
torpor-save-helper "$@" || exit
[ "$WAIT" != behind ] || {{ echo > /tmp/reached; read -r < /tmp/gate; }}
END
    chmod +x /tmp/helper"""


class Breaking:
    """A migration that waits in the middle for the test to break it."""

    def __init__(self, worker, where, sender="", ssh=False):
        self.worker = worker
        worker.target.run(GATE.format())
        receiver = f"env {sender} LIBXL_SAVE_HELPER=/tmp/helper WAIT={where} torpor migrate-receive"
        command = worker.command(receiver, sender)
        if ssh:
            command = (f"torpor migrate {BRIEFLY} -s '' {worker.name} "
                       f"'ssh {worker.pair.name_of(worker.target)} {receiver}'")
        worker.machine.run(f"""
            rm -f /tmp/status /tmp/pid
            ({command} & echo $! > /tmp/pid; status=0; wait $! || status=$?
            echo $status > /tmp/status) > /tmp/said 2>&1 &""")
        worker.target.wait_for("test -e /tmp/reached")

    def end(self, killed=False):
        """Its only answer: the failure. A killed process says nothing, and its guardian has the guest go on."""
        self.worker.machine.wait_for("test -e /tmp/status")
        status, _, said = self.worker.machine.run("cat /tmp/status /tmp/said").output.partition("\n")
        if killed:
            self.worker.machine.wait_for(f"xl list {self.worker.name} | grep -q -E ' [r-][b-]----  '")
        else:
            assert status == "1" and said.count("Migration failed, resuming at sender: ") == 1, said
        return said

    def open_gate(self):
        self.worker.target.run("timeout 2 bash -c 'echo > /tmp/gate' || true")


# The processes that may be killed, and whether they run at the sender's. The oldest of the helpers is it; its forks are
# to survive it, as a guest's monitor is to survive the torpor that it comes from.
KILLED = {"ssh": ("pgrep -f '^ssh .*migrate-receive'", True), "sender": ("cat /tmp/pid", True),
          "sender's helper": ("pgrep -o -x torpor-save-hel", True), "receiver": ("cat /tmp/pid", False),
          "receiver's helper": ("pgrep -f '^/bin/bash /tmp/helper'", False)}


# A migration takes half a minute: in `make test` each program of the sender's is killed once. Behind its last byte its
# helper is there no more.
ONCE = [("before", "sender's helper"), ("behind", "sender")]
MORE = [("behind", "receiver"), ("before", "receiver's helper"), ("before", "ssh"), ("behind", "ssh"),
        ("before", "sender"), ("before", "receiver"), ("behind", "receiver's helper")]


@pytest.mark.parametrize("where, who", ONCE + SOAK * MORE)
def test_whoever_is_killed_the_guest_goes_on_at_the_sender(pair, worker, where, who):
    free, domid = free_at_target(worker), worker.domid()
    broken = Breaking(worker, where, ssh=who == "ssh")
    process, sends = KILLED[who]
    (worker.machine if sends else worker.target).run(f"kill -KILL $({process})")
    broken.open_gate()
    broken.end(killed=who == "sender")
    assert_once(worker)
    worker.target.await_free_pages(free)
    assert worker.domid() == domid
    assert_works(pair, worker)


def test_a_sender_that_is_killed_behind_its_last_word_has_nothing_left_of_the_guest(pair, worker):
    """Its guardian hears in its place that the guest runs there."""
    there = "(sed -u /whole/q; while ! test -e /tmp/go; do sleep 0.1; done; cat)"
    worker.machine.run(f"""
        rm -f /tmp/go
        {worker.command(behind=" | " + there)} > /tmp/said 2>&1 & pid=$!; echo $pid > /tmp/pid
        until xl domid {worker.name}--migratedaway > /dev/null 2>&1; do kill -0 $pid; sleep 0.1; done""")
    worker.target.wait_for(f"xl domid {worker.name} > /dev/null 2>&1")
    worker.machine.run("kill -KILL $(cat /tmp/pid); echo > /tmp/go")
    worker.machine.wait_for(f"! xl domid {worker.name}--migratedaway > /dev/null 2>&1")
    worker.has_moved()
    assert_once(worker)
    assert_works(pair, worker)


@pytest.mark.skipif(not SOAK, reason="SOAK: two migrations more")
def test_a_lost_report_leaves_the_decision_to_who_can_look(pair, worker):
    """The receiver has started it, and nobody hears of that."""
    said = worker.fail_to_migrate(behind=" | sed -u /whole/q")
    assert "Migration failed during final handshake" in said and "Domain state is now undefined" in said, said
    assert names(worker.machine) == ["traveller--migratedaway"] and names(worker.target) == ["traveller"]
    worker.machine.run("xl destroy traveller--migratedaway")
    worker.has_moved()
    assert_once(worker)
    assert_works(pair, worker)


@pytest.mark.skipif(not SOAK, reason="SOAK: it waits until either end has lost its patience")
@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_link_that_is_cut_does_not_hold_the_guest(pair, worker, where):
    free, domid = free_at_target(worker), worker.domid()
    broken = Breaking(worker, where, "TORPOR_PATIENCE=10")
    pair.cut(True)
    said = broken.end()
    assert "timed out" in said or "says nothing any more" in said
    pair.cut(False)
    broken.open_gate()
    assert_once(worker)
    worker.target.await_free_pages(free)
    assert worker.domid() == domid
    assert_works(pair, worker)


@pytest.mark.skipif(not SOAK, reason="SOAK: it fills a host's memory")
def test_a_host_that_cannot_take_it_is_refused_in_a_line(pair, worker):
    domid = worker.domid()
    free = int(worker.target.run("xl info free_memory").output)
    # it is refused before the guest is asked for anything
    worker.target.run(f"""
        printf 'name="filler"\\nkernel="/guest/vmlinuz"\\nmemory={free - 80}\\n' > /tmp/filler.cfg
        xl create -p /tmp/filler.cfg""")
    said = worker.fail_to_migrate()
    assert re.search(r"traveller(--incoming)? needs \d+ MiB, and \d+ MiB are free", said), said
    worker.target.run("xl destroy filler; mv /usr/bin/torpor /usr/bin/torpor.away")
    said = worker.migrate_by_ssh(check=False)
    assert "torpor: the other host does not take a domain: there is no torpor" in said, said
    worker.target.run("mv /usr/bin/torpor.away /usr/bin/torpor")
    result = worker.machine.run("torpor migrate traveller nowhere", check=False)
    assert result.status == 1 and "does not take a domain: it cannot be reached" in result.output, result.output
    assert_once(worker)
    assert worker.domid() == domid
    assert_works(pair, worker)


@pytest.mark.skipif(not SOAK, reason="SOAK: libxl gives a guest a minute")
def test_a_guest_that_does_not_answer_stays_as_it_is(pair, worker):
    """Paused by somebody while its memory is sent, it cannot hear the request; once it can that was taken back."""
    free, domid = free_at_target(worker), worker.domid()
    broken = Breaking(worker, "before")
    worker.machine.run(f"xl pause {worker.name}")
    broken.open_gate()
    said = broken.end()
    assert "did not answer the request" in said or "did not suspend itself" in said, said
    worker.machine.run(f"xl unpause {worker.name}")
    assert_once(worker)
    worker.target.await_free_pages(free)
    assert worker.domid() == domid
    assert_works(pair, worker)


# --- other machines in the place of the second: from here on the guest is on the first

@pytest.fixture
def at_first(pair, worker):
    if worker.machine is not pair.first:
        worker.migrate()
    return worker


def exchange(pair, worker, board, **options):
    pair.second.destroy_all()
    pair.exchange(board, **options)
    worker.prepare(pair.second)


def assert_refused_at_once(one, said):
    """Before any of its memory, and before it was asked to suspend itself."""
    assert "the hypervisor refuses its state" in said, said
    journal = "tail -n 1 /var/log/torpor/operations.json"
    assert json.loads(one.target.run(journal).output)["failed_stage"] == "header"
    assert json.loads(one.machine.run(journal).output)["suspended_ns"] == 0


@pytest.mark.skipif(not SOAK, reason="SOAK: a machine more")
def test_a_cpu_with_more_is_no_other_cpu_to_the_guest(pair, at_first):
    """From cortex-a57 to max and back; a guest that began on max sees max, and goes nowhere else."""
    exchange(pair, at_first, Board(cpu="max"))
    at_first.migrate()
    assert_works(pair, at_first)
    at_first.migrate()
    assert_works(pair, at_first)
    modern = Traveller(pair, pair.second, "modern").create()
    said = modern.fail_to_migrate()
    assert_refused_at_once(modern, said)
    refused = r"record CPU_VIEW 0 \(byte \d+\) needs .*, which this host's CPUs have not"
    assert re.search(refused, pair.first.run("xl dmesg").output)
    assert modern.run("echo alive").output == "alive\n"
    modern.destroy()


@pytest.mark.skipif(not SOAK, reason="SOAK: a machine more")
def test_a_machine_with_the_other_gic_refuses_the_guest(pair, at_first):
    domid = at_first.domid()
    exchange(pair, at_first, Board(gic=2))
    said = at_first.fail_to_migrate()
    assert_refused_at_once(at_first, said)
    assert_once(at_first)
    assert at_first.domid() == domid
    assert_works(pair, at_first)


@pytest.mark.skipif(not SOAK, reason="SOAK: a machine more")
def test_stock_xen_refuses_the_guest_before_it_is_sent(pair, at_first):
    domid = at_first.domid()
    exchange(pair, at_first, Board(), hypervisor=Path(BUILD / "xen"))
    said = at_first.fail_to_migrate()
    assert "saves and restores no guests on Arm" in said and "does not take a domain" in said, said
    assert at_first.domid() == domid
    assert_works(pair, at_first)
