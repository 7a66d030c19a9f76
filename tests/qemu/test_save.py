# SPDX-License-Identifier: Apache-2.0
"""Stock Debian guests are saved to a file and restored from it, and migrate, by torpor(1) on Debian's own libxl."""

import json
import re

import pytest

from conftest import SOAK
from machine import Board, Guest

BOARD = Board(mem=2048)
IMAGE = "/root/guest.img"

pytestmark = pytest.mark.torpor_only("stock Xen 4.17 saves no guest on Arm")

# The words about an image that is being read; everything else names a fault of it.
NARRATION = re.compile(r"Loading new save file|Savefile contains| *Parsing config|Restoring |Saving ")


def complaints(result):
    return [line for line in result.lines() if not NARRATION.match(line.strip())]


def save(host, name, options=""):
    host.run(f"torpor save {options} {name} {IMAGE}")


def restore(host, options="", config=""):
    host.run(f"torpor restore {options} {config} {IMAGE}")


def assert_lives(one):
    assert one.run("echo alive").output.strip() == "alive"


@pytest.fixture
def worker(host, standing, counts):
    """A guest with two vCPUs, disk and network, at work: it writes files with their checksums all the time."""
    host.run("test -e /tmp/worker.img || cp /guest/disk.img /tmp/worker.img")
    one = standing("worker", vcpus=2, memory=Guest.memory_for(2 * counts["cycles"]), disk="/tmp/worker.img",
                   address="192.168.77.5")
    one.run("""test -e /tmp/worker || {
        mkdir -p /mnt; mount /dev/xvda /mnt; (while :; do
            dd if=/dev/urandom of=/mnt/new bs=64k count=8 2>/dev/null; sum=$(sha256sum < /mnt/new)
            mv /mnt/new /mnt/file; echo "$sum" > /mnt/sum; sync
            [ "$(sha256sum < /mnt/file)" = "$sum" ] || echo bad >> /tmp/bad; echo >> /tmp/rounds;
        done) > /dev/null 2>&1 & echo $! > /tmp/worker; }; until test -e /tmp/rounds; do sleep 0.2; done""")
    return one


def test_save_and_restore_under_disk_and_network_load(host, worker, counts):
    host.run("ping -i 0.2 192.168.77.5 > /tmp/ping.log 2>&1 & echo $! > /tmp/ping.pid")
    for _ in range(counts["cycles"] // 2 or 1):
        before, late = int(worker.run("wc -l < /tmp/rounds").output), worker.lateness()
        save(host, "worker")
        assert host.run("xl domid worker", check=False).status
        restore(host)
        host.wait_for("ping -c 1 -W 1 192.168.77.5 > /dev/null")
        worker.run(f"until [ $(wc -l < /tmp/rounds) -gt {before + 1} ]; do sleep 0.2; done; ! test -e /tmp/bad")
        now_late = worker.lateness()
        assert now_late[0] <= late[1] and late[0] <= now_late[1], (late, now_late)
    host.run("kill $(cat /tmp/ping.pid)")
    worker.run("cd /mnt && sha256sum -c SUMS")
    log = worker.run("dmesg").output
    assert not re.search(r"soft lockup|rcu.*stall|clocksource.*unstable|kernel BUG|WARNING", log), log


def test_restored_paused_and_under_another_name(host, worker):
    save(host, "worker")
    host.run("sed 's/^name.*/name = \"other\"/' /tmp/worker.cfg > /tmp/other.cfg")
    restore(host, "-p -e", "/tmp/other.cfg")
    state = host.run("xl list other").output
    assert re.search(r"^other .*--p---", state, re.M), state
    assert host.run("xl domid worker", check=False).status
    host.run("xl unpause other")
    other = Guest.existing(host, "other")   # xenconsoled's log has the name that it had when it began
    other.run("cd /mnt && sha256sum -c SUMS")
    # nobody waits for its end now, and its console has another log: the next save and restore put both right
    host.run("xl rename other worker")
    save(host, "worker")
    restore(host, config="/tmp/worker.cfg")
    worker.run("cd /mnt && sha256sum -c SUMS")


def test_a_checkpointed_guest_goes_on_and_its_image_is_good(host, worker):
    domid = worker.domid()
    save(host, "worker", "-c")
    assert worker.domid() == domid
    worker.run("echo later > /tmp/later")
    worker.destroy()
    restore(host)
    worker.run("! test -e /tmp/later")
    assert_lives(worker)


def test_a_compressed_image_is_smaller_and_restores_to_the_same(host, worker):
    worker.run("test -e /tmp/words || { seq 1 400000 > /tmp/words; sha256sum < /tmp/words > /tmp/words.sum; }")
    sizes = []
    for options in ("-c", "-c -z"):
        save(host, "worker", options)
        sizes.append(int(host.run(f"stat -c %s {IMAGE}").output))
    assert sizes[1] < sizes[0] * 3 // 4, sizes
    worker.destroy()
    restore(host)
    worker.run("cd /mnt && sha256sum -c SUMS && ! test -e /tmp/bad && "
               "[ \"$(sha256sum < /tmp/words)\" = \"$(cat /tmp/words.sum)\" ]")


@pytest.mark.skipif(not SOAK, reason="SOAK: tests/unit/test_stream.c flips quickly")
def test_a_flipped_bit_in_a_compressed_page_is_found_like_any_other(host, worker):
    host.run(f"""
        torpor save -c -z worker {IMAGE}
        place=$(($(stat -c %s {IMAGE}) / 2))
        byte=$(od -An -tu1 -j$place -N1 {IMAGE})
        printf "\\x$(printf %x $((byte ^ 8)))" | dd of={IMAGE} bs=1 seek=$place conv=notrunc 2> /dev/null
        sed 's/^name.*/name = "other"/' /tmp/worker.cfg > /tmp/other.cfg""")
    result = host.run(f"torpor restore /tmp/other.cfg {IMAGE}", check=False)
    assert result.status == 1 and len(complaints(result)) == 1 and "damaged" in result.output, result.output


def test_a_paused_guest_stays_as_it_was_saved(host, worker):
    save(host, "worker", "-p")
    assert re.search(r"^worker .*--p---", host.run("xl list worker").output, re.M)
    host.run("xl unpause worker")
    assert_lives(worker)


# A stage that fails costs seconds: `make test` has those whose way back is the longest.
SAVING = ["connect", "header", "suspend", "memory", "state", "end"] if SOAK else ["memory", "end"]
RESTORING = (["connect", "header", "attach", "memory", "state", "end", "attached", "host"]
             if SOAK else ["memory", "attached", "host"])


def test_whatever_fails_while_saving_the_guest_goes_on(host, worker):
    domid = worker.domid()
    host.run(f"rm -f {IMAGE}*; echo kept > {IMAGE}")
    for stage in SAVING:
        result = host.run(f"TORPOR_FAULT=save/{stage} torpor save worker {IMAGE}", check=False)
        assert result.status == 1, stage
        assert len(complaints(result)) == 1, result.output
        assert complaints(result)[0].startswith("Failed to save domain, resuming domain: "), result.output
        assert_lives(worker)
        assert worker.domid() == domid
    # a disk that is full, too; and the file keeps its old content
    result = host.run("torpor save worker /dev/full", check=False)
    assert result.status == 1 and "No space left" in complaints(result)[0]
    assert_lives(worker)
    assert host.run(f"ls {IMAGE}*; cat {IMAGE}").output == f"{IMAGE}\nkept\n"


def test_whatever_fails_while_restoring_leaves_nothing(host, worker):
    save(host, "worker")
    free = host.free_pages()
    for stage in RESTORING:
        result = host.run(f"TORPOR_FAULT=restore/{stage} torpor restore {IMAGE}", check=False)
        assert result.status == 1 and len(complaints(result)) == 1, result.output
        assert len(host.run("xl list").lines()) == 2
        host.await_free_pages(free)
    restore(host)
    assert_lives(worker)


def test_damaged_images_are_refused_in_one_line_and_leave_nothing(host, worker):
    save(host, "worker")
    free = host.free_pages()
    size = int(host.run(f"stat -c %s {IMAGE}").output)
    # every byte of the head and of the records is tests/unit/test_image.c's and test_stream.c's; between them stand
    # libxl's own words. Its last record is eight zero bytes: it takes missing ones for read, and the guest is whole by
    # then.
    cut = [10, 3000, size // 2, size - 9] if SOAK else [3000, size - 9]
    flipped = [1000, size // 3, size - 2000] if SOAK else [size // 3, size - 2000]
    for place in cut:
        host.run(f"head -c {place} {IMAGE} > /root/bad.img")
        result = host.run("torpor restore /root/bad.img", check=False)
        assert result.status == 1 and len(complaints(result)) == 1, (place, result.output)
    for place in flipped:
        host.run(f"""
            cp {IMAGE} /root/bad.img
            byte=$(od -An -tu1 -j{place} -N1 /root/bad.img)
            printf "\\\\x$(printf %x $((byte ^ 8)))" |
                dd of=/root/bad.img bs=1 seek={place} conv=notrunc 2> /dev/null""")
        result = host.run("torpor restore /root/bad.img", check=False)
        assert result.status == 1 and len(complaints(result)) == 1, (place, result.output)
    host.run("rm /root/bad.img")
    assert len(host.run("xl list").lines()) == 2
    host.await_free_pages(free)
    restore(host)
    assert_lives(worker)


def test_what_cannot_be_saved_is_refused_by_name(host, guest, worker):
    save(host, "worker", "-c")
    for command, says in ((f"torpor save Domain-0 {IMAGE}", "is the host"),
                          (f"torpor save nobody {IMAGE}", "nobody is no domain"),
                          ("torpor save worker /nowhere/image",
                           "/nowhere/image cannot be written: No such file or directory"),
                          ("torpor restore /nowhere/image", "Can't open restore file"),
                          (f"torpor restore {IMAGE}", "already exists")):
        result = host.run(command, check=False)
        assert result.status == 1 and len(complaints(result)) == 1 and says in result.output, result.output
    host.run("xenstore-write /local/domain/$(xl domid worker)/control/feature-suspend 0")
    result = host.run(f"torpor save worker {IMAGE}", check=False)
    assert result.status == 1 and "does not offer to suspend itself" in result.output
    host.run("xenstore-write /local/domain/$(xl domid worker)/control/feature-suspend 1")
    host.run(f"xl pause worker; ! torpor save worker {IMAGE}; xl unpause worker")
    guest("uart", config='vuart = "sbsa_uart"').create()
    result = host.run(f"torpor save uart {IMAGE}", check=False)
    assert result.status == 1 and "uart" in result.output and "emulated UART" in result.output


def test_an_interrupted_save_lets_the_guest_go_on(host, worker):
    domid = worker.domid()
    host.run(f"""
        mkfifo /tmp/slow
        torpor save worker /tmp/slow > /tmp/said 2>&1 & pid=$!
        exec 8< /tmp/slow
        head -c 1000000 <&8 > /dev/null
        kill -INT $pid
        ! wait $pid
        grep -q 'resuming domain: interrupted' /tmp/said
        rm /tmp/slow""")
    assert worker.domid() == domid
    assert_lives(worker)


def assert_killed(host, operation, outcome):
    """The guardian's line in the journal, which is its last deed."""
    host.wait_for("tail -n 1 /var/log/torpor/operations.json | grep -q 'torpor was killed'")
    line = json.loads(host.run("tail -n 1 /var/log/torpor/operations.json").output)
    assert (line["operation"], line["outcome"]) == (operation, outcome), line


def test_a_save_that_is_killed_lets_the_guest_go_on_and_a_restore_leaves_nothing(host, worker):
    """The one behind all of its memory, while the guest is suspended; the other in the middle."""
    domid = worker.domid()
    host.run(f"""
        rm -f {IMAGE}*
        cat > /tmp/helper <<'END'
#!/bin/bash
torpor-save-helper "$@"
touch /tmp/written
exec sleep infinity
END
        chmod +x /tmp/helper
        LIBXL_SAVE_HELPER=/tmp/helper torpor save worker {IMAGE} > /tmp/said 2>&1 & pid=$!
        until [ -e /tmp/written ]; do sleep 0.1; done
        kill -KILL $pid
        ! wait $pid
        pkill -f '^sleep infinity'""")
    host.wait_for("xl list worker | grep -q -E ' [r-][b-]----  '")
    assert worker.domid() == domid
    assert_lives(worker)
    assert_killed(host, "save", "resumed")
    host.run(f"! ls {IMAGE}*")
    save(host, "worker")
    free = host.free_pages()
    host.run(f"""
        mkfifo /tmp/slow
        torpor restore /tmp/slow > /tmp/said 2>&1 & pid=$!
        exec 8> /tmp/slow
        head -c $(($(stat -c %s {IMAGE}) / 2)) {IMAGE} >&8
        kill -KILL $pid
        ! wait $pid
        rm /tmp/slow""")
    assert_killed(host, "restore", "failed")
    host.wait_for("[ $(xl list | wc -l) = 2 ] && ! pgrep -x torpor-save-hel > /dev/null")
    host.await_free_pages(free)
    restore(host)
    assert_lives(worker)


def test_reboot_and_poweroff_are_handled_after_a_checkpoint_and_a_restore(host, guest):
    one = guest("cycled").create()
    save(host, "cycled", "-c")
    one.type("reboot -f")
    host.wait_for(f"[ $(grep -c 'guest: up' {one.log}) = 2 ]")
    save(host, "cycled")
    restore(host)
    one.type("reboot -f")
    host.wait_for(f"[ $(grep -c 'guest: up' {one.log}) = 3 ]")
    one.shutdown()


def test_nothing_is_leaked_by_saves_and_restores(host, guest, counts):
    one = guest("leak").create()
    save(host, "leak")   # dom0 has now the memory for a look into guests
    host.destroy_all()
    free = host.free_pages()
    for _ in range(counts["restores"]):
        restore(host)
        save(host, "leak")
        host.await_free_pages(free)
    restore(host)
    save(host, "leak", "-c")
    one.destroy()
    host.wait_for("! xl domid leak > /dev/null 2>&1")
    host.await_free_pages(free)


@pytest.fixture
def mover(host, standing):
    """A guest that counts. A guest that migrates within one host has no disk: its two halves would share it."""
    one = standing("mover", vcpus=2)
    # a domain that is received is called so while its console begins
    host.run("ln -sf guest-mover.log /var/log/xen/console/guest-mover--incoming.log")
    one.run("test -e /tmp/counter || (while :; do echo >> /tmp/counter; sleep 0.1; done) > /dev/null 2>&1 &")
    one.run("until test -e /tmp/counter; do sleep 0.1; done")
    return one


def assert_counts(one):
    before, after = one.run("wc -l < /tmp/counter; sleep 1; wc -l < /tmp/counter").output.split()
    assert int(after) > int(before)


def names(host):
    return [line.split()[0] for line in host.run("xl list").lines()[2:]]


def test_a_guest_migrates_while_it_runs(host, mover):
    domid = mover.domid()
    # a host called nowhere, which the command does not reach
    result = host.run("torpor migrate -F -p -C /tmp/mover.cfg -s 'env -u' mover nowhere")
    assert "Migration successful." in result.output
    assert re.search(r"^mover .*--p---", host.run("xl list mover").output, re.M)
    host.run("xl unpause mover")
    assert mover.domid() != domid and names(host).count("mover") == 1
    assert not [name for name in names(host) if name.startswith("mover-")]
    assert_counts(mover)


def test_whatever_fails_in_a_migration_the_guest_is_there_once(host, mover):
    domid = mover.domid()
    for environment, receiver in (("", "false"), ("", "TORPOR_FAULT=restore/memory torpor migrate-receive"),
                                  ("", "TORPOR_FAULT=restore/host torpor migrate-receive"),
                                  ("TORPOR_FAULT=live/precopy", "torpor migrate-receive"),
                                  ("TORPOR_FAULT=live/end", "torpor migrate-receive")):
        result = host.run(f"{environment} torpor migrate -s '' mover '{receiver}'", check=False)
        assert result.status == 1, (environment, receiver, result.output)
        host.wait_for("[ $(xl list | grep -c mover) = 1 ]")
        assert mover.domid() == domid
        assert_counts(mover)


@pytest.mark.skipif(not SOAK, reason="SOAK: two starts of a guest more")
def test_reboot_and_poweroff_are_handled_after_a_failed_migration(host, guest):
    one = guest("failing").create()
    fail = "! torpor migrate -s '' failing 'TORPOR_FAULT=restore/host torpor migrate-receive' > /tmp/said 2>&1"
    host.run(fail)
    one.type("reboot -f")
    host.wait_for(f"[ $(grep -c 'guest: up' {one.log}) = 2 ]")
    host.run(fail)
    one.type("poweroff -f")
    host.wait_for("! xl domid failing > /dev/null 2>&1")


JOURNAL = "/var/log/torpor/operations.json"
LIVE = ["connect", "header", "track", "throttle", "precopy", "suspend", "rest", "state", "end"]
HANDING_OVER = ["libxl", "rename", "ready", "start"]   # torpor's own part, behind the helper's list


def test_programs_are_told_in_json_and_the_journal_has_both_ends(host, mover):
    lines = int(host.run(f"cat {JOURNAL} 2> /dev/null | wc -l").output)
    result = host.run("torpor migrate --json -z -s '' mover 'torpor migrate-receive' 2> /tmp/said")
    events = [json.loads(line) for line in result.lines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "begin" and kinds[-1] == "end" and kinds.index("suspended") < kinds.index("handed over"), kinds
    rounds = [event for event in events if event["event"] == "round"]
    assert [one["round"] for one in rounds] == list(range(len(rounds))) and rounds[-1]["last"]
    end = events[-1]
    assert end["result"] == 0 and end["outcome"] == "handed over" and end["rounds"] == len(rounds)
    assert end["ratio"] > 1.2 and end["downtime_ms"] > 0
    assert sum(one["data_pages"] for one in rounds) == end["data_pages"]
    ends = {line["operation"]: line for line in map(json.loads, host.run(f"tail -n +{lines + 1} {JOURNAL}").lines())}
    assert set(ends) == {"migrate", "receive"}
    sent, got = ends["migrate"], ends["receive"]
    assert sent["outcome"] == "handed over" and got["outcome"] == "received" and sent["uuid"] == got["uuid"] != ""
    assert [stage["name"] for stage in sent["stages"] if stage["kind"] == "enter"] == LIVE + HANDING_OVER
    assert len(sent["rounds"]) == len(rounds) and sent["compressed"] and sent["domain"] == "mover"
    assert 0 < sent["suspended_ns"] < sent["resumed_ns"] <= sent["total_ns"] and sent["fixed_ns"] > 0
    assert got["domid"] == mover.domid() and got["domain"] == "mover" and got["data_pages"] == sent["data_pages"]
    assert_counts(mover)


CAP = "xl sched-credit2 -d hog | awk 'NR == 2 { print $4 }'"


# A link that carries less than 10 MB in a second: the receiver behind it.
SLOW = """import os, time
while data := os.read(0, 65536):
    os.write(1, data)
    time.sleep(0.006)
"""
BEHIND_SLOW = "python3 /tmp/slow.py | torpor migrate-receive"


@pytest.fixture
def hog(host, guest):
    """A guest that writes the same 8 MiB over and over, with a cap of its own. Its writes cost it so much that it is
    faster than the slow link, and with a few percent of a CPU slower."""
    host.run(f"cat > /tmp/slow.py <<'EOF'\n{SLOW}EOF")
    host.run("ln -sf guest-hog.log /var/log/xen/console/guest-hog--incoming.log")
    one = guest("hog").create()
    one.run("(while :; do dd if=/dev/urandom of=/tmp/a bs=64k count=128 conv=notrunc; done) > /dev/null 2>&1 &")
    host.run("xl sched-credit2 -d hog -c 90")
    return one


def migrate_hog(host, options="", receiver=BEHIND_SLOW):
    host.run(f"rm -f {JOURNAL}")    # how long earlier ones took beside the pages is in it, and part of the estimate
    result = host.run(f"torpor migrate --json {options} -s '' hog '{receiver}' 2> /tmp/said", check=False)
    return result.status, [json.loads(line) for line in result.lines()][-1]


def test_a_guest_that_dirties_fast_is_slowed_down_and_gets_back_what_it_had(host, hog):
    status, end = migrate_hog(host, "--max-downtime 500", BEHIND_SLOW.replace("| ", "| TORPOR_FAULT=restore/host "))
    assert status == 1 and end["outcome"] == "resumed" and 0 < end["lowest_cap"] < 90, end
    assert host.run(CAP).output.strip() == "90"
    status, end = migrate_hog(host, "--max-downtime 500")
    assert status == 0 and 0 < end["lowest_cap"] < 90, (end, host.run("cat /tmp/said").output)
    assert host.run(CAP).output.strip() == "90"


@pytest.mark.skipif(not SOAK, reason="SOAK: a slow migration more")
def test_a_guest_that_dirties_fast_is_left_alone_if_so_asked(host, hog):
    status, end = migrate_hog(host, "--max-downtime 500 --no-throttle")
    assert status == 0 and end["lowest_cap"] == 0, (end, host.run("cat /tmp/said").output)


@pytest.mark.skipif(not SOAK, reason="SOAK: two slow migrations more (tests/unit/test_throttle.c kills quickly)")
@pytest.mark.parametrize("killed", ["helper", "torpor"])
def test_whoever_is_killed_a_guest_that_was_slowed_down_gets_back_what_it_had(host, hog, killed):
    """The oldest of the helpers is the sender's; its forks are to survive it."""
    kill = {"helper": "kill -9 $(pgrep -of -- '--save-domain')", "torpor": "kill -9 $pid"}[killed]
    host.run(f"""
        rm -f {JOURNAL}
        torpor migrate --max-downtime 1 -s '' hog '{BEHIND_SLOW}' > /tmp/said 2>&1 & pid=$!
        until [ "$({CAP})" != 90 ]; do kill -0 $pid; done
        {kill}
        ! wait $pid""")
    host.wait_for(f'[ "$({CAP})" = 90 ]')
    host.wait_for("[ $(xl list | grep -c hog) = 1 ]")
    assert hog.run("echo alive").output.strip() == "alive"
    status, end = migrate_hog(host, receiver="torpor migrate-receive")   # what was left on is no obstacle
    assert status == 0, (end, host.run("cat /tmp/said").output)


# Gives a domain a page far above its last one ("give"); prints the number of its last.
LAST_PAGE = """
import ctypes, sys
lib = ctypes.CDLL("libxenctrl.so.4.17")
lib.xc_interface_open.restype = ctypes.c_void_p
xc, domid, last = ctypes.c_void_p(lib.xc_interface_open(None, None, 0)), int(sys.argv[2]), ctypes.c_uint64()
assert lib.xc_domain_maximum_gpfn(xc, domid, ctypes.byref(last)) == 0
if sys.argv[1] == "give":
    last.value += 0x2000
    assert lib.xc_domain_populate_physmap_exact(xc, domid, ctypes.c_ulong(1), 0, 0, ctypes.byref(last)) == 0
print(last.value)
"""


@pytest.mark.skipif(not SOAK, reason="SOAK: a migration more")
def test_memory_that_a_guest_is_given_above_its_end_meanwhile_comes_with_it(host, mover):
    """No round knows of it. The receiver's helper waits; the sender's then stands in its first round."""
    host.run(f"""
        cat > /tmp/last.py <<'END'
{LAST_PAGE}
END
        cat > /tmp/helper <<'END'
#!/bin/bash
until [ -e /tmp/go ]; do sleep 0.1; done
exec torpor-save-helper "$@"
END
        chmod +x /tmp/helper; rm -f /tmp/go
        torpor migrate -s '' mover 'LIBXL_SAVE_HELPER=/tmp/helper torpor migrate-receive' > /tmp/said 2>&1 & pid=$!
        until grep -q pipe_write "/proc/$(pgrep -of -- --save-domain)/wchan" 2> /dev/null; do
            kill -0 $pid
            sleep 0.1
        done
        last=$(python3 /tmp/last.py give $(xl domid mover))
        touch /tmp/go
        wait $pid
        [ "$(python3 /tmp/last.py tell $(xl domid mover))" = "$last" ]""")
    assert_counts(mover)


LATE = """#!/bin/bash
# The first call that is to bring an interface never comes to its end.
if [ "$1" = online ] && [ ! -e /tmp/late ]; then
    touch /tmp/late
    exec sleep infinity
fi
[ "$1" != online ] || echo >> /tmp/online
exec /etc/xen/scripts/vif-bridge.right "$@"
"""


@pytest.mark.skipif(not SOAK, reason="SOAK: libxl waits 40 s for a device's script")
def test_an_interface_that_comes_too_late_is_attached_once_more(host, guest):
    host.run("ln -sf guest-late.log /var/log/xen/console/guest-late--incoming.log")
    one = guest("late", address="192.168.77.6").create()
    host.run(f"""
        rm -f /tmp/late /tmp/online
        cd /etc/xen/scripts
        mv vif-bridge vif-bridge.right
        cat > vif-bridge <<'END'
{LATE}
END
        chmod +x vif-bridge
        torpor migrate -s '' late 'torpor migrate-receive' > /tmp/said 2>&1 && status=0 || status=$?
        mv vif-bridge.right vif-bridge
        cat /tmp/said
        [ $status = 0 ] && [ -e /tmp/late ] && [ $(wc -l < /tmp/online) = 1 ]""")
    host.wait_for("ping -c 1 -W 1 192.168.77.6 > /dev/null")
    assert_lives(one)
    assert len(json.loads(host.run("xl list -l late").output)[0]["config"]["nics"]) == 1
    assert len(host.run("xl network-list late").lines()) == 2


@pytest.mark.skipif(not SOAK, reason="SOAK: eight vCPUs on two")
def test_a_guest_with_eight_vcpus_that_gave_memory_back_goes_through_all_of_it(host, guest):
    host.run("ln -sf guest-wide.log /var/log/xen/console/guest-wide--incoming.log")
    one = guest("wide", vcpus=8, memory=256, address="192.168.77.7").create()

    def assert_wide():
        host.wait_for("ping -c 1 -W 1 192.168.77.7 > /dev/null")
        one.run("[ $(nproc) = 8 ] && sha256sum -c /tmp/words.sum && "
                "for i in 0 1 2 3 4 5 6 7; do taskset $(printf %x $((1 << i))) true || exit; done")
        assert host.run("xl list wide | awk 'END { print $3 }'").output.strip() == "192"
        log = one.run("dmesg").output
        assert not re.search(r"soft lockup|rcu.*stall|clocksource.*unstable|kernel BUG|WARNING", log), log

    one.run("seq 1 400000 > /tmp/words; sha256sum /tmp/words > /tmp/words.sum")
    host.run(f"xenstore-write /local/domain/{one.domid()}/memory/target {192 * 1024}")
    host.wait_for("xl list wide | awk 'NR == 2 { exit !($3 == 192) }'")
    save(host, "wide")
    restore(host)
    assert_wide()
    host.run(f"torpor checkpoint wide {IMAGE}.checkpoints")
    one.destroy()
    host.run(f"torpor restore {IMAGE}.checkpoints; rm {IMAGE}.checkpoints")
    assert_wide()
    host.run("torpor migrate -s '' wide 'torpor migrate-receive'")
    assert_wide()


def test_the_timeline_shows_what_was_done_to_a_guest(host, mover):
    done = "torpor timeline -l -d mover | grep -q ' migrate .*handed over after'"
    host.run(f"{done} || torpor migrate -s '' mover 'torpor migrate-receive'")
    listed = host.run("torpor timeline -l -d mover").lines()
    number = next(line.split()[0] for line in listed if " migrate " in line and "handed over after" in line)
    text = host.run(f"torpor timeline -d mover {number}").output
    assert re.match(r"Migration of mover \(domain \d+\): handed over after .*, stood still for ", text), text
    assert re.search(r"^  last ", text, re.M) and re.search(r" enter precopy$", text, re.M), text
    assert json.loads(host.run(f"torpor timeline -d mover --json {number}").output)["operation"] == "migrate"
    host.run(f"torpor timeline -d mover --svg /tmp/mover.svg {number}; grep -q '>stands still for ' /tmp/mover.svg")
    missing = host.run("torpor timeline -d nobody", check=False)
    assert missing.status == 1 and len(missing.lines()) == 1 and "nobody" in missing.output, missing.output
