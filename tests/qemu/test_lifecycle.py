# SPDX-License-Identifier: Apache-2.0
"""A guest's life by Debian's own xl, and the tools' view of the host."""

import re

import pytest


def states(machine):
    """The state letters of every domain, by name."""
    return {words[0]: words[4] for words in map(str.split, machine.run("xl list").lines()[1:])}


def test_info_describes_the_host(host):
    info = dict(re.findall(r"^(\w+)\s*:[ ]*(.*)$", host.run("xl info").output, re.M))
    assert (info["xen_major"], info["xen_minor"]) == ("4", "17")
    assert info["nr_cpus"] == "2"
    assert info["machine"] == "aarch64"
    assert info["xen_scheduler"] == "credit2"
    assert "xen-3.0-aarch64" in info["xen_caps"]
    assert "dom0_mem=768M" in info["xen_commandline"]
    assert "hvm hap" in info["virt_caps"]


def test_list_shows_dom0(host):
    assert re.search(r"^Domain-0\s+0\s+768\s+2\s+r-----\s+\d+\.\d$", host.run("xl list").output, re.M)
    assert re.search(r"^Domain-0 ", host.run("xl uptime").output, re.M)


def test_dmesg_is_the_consoles_text(host):
    said = host.run("xl dmesg").lines()
    assert len(said) > 3 and said[-1] in host.console    # stock Xen's words before it has a UART are not there


def test_debug_keys_reach_the_hypervisor(host):
    before = len(host.console)
    host.run("xl debug-keys h")
    host.expect(r"'h'", limit=60, start=before)
    host.run("xl dmesg -c >/dev/null")
    host.run("xl debug-keys h; xl dmesg | grep -q \"'h'\"")


def test_xenconsoled_logs_what_the_hypervisor_says(host):
    log = "/var/log/xen/console/hypervisor.log"
    before = int(host.run(f"wc -c < {log}").output)
    host.run("xl debug-keys h")
    host.wait_for(f"tail -c +{before + 1} {log} | grep -q \"'h'\"")


def test_create_runs_a_guest_and_destroy_ends_it(host, guest):
    one = guest("one").create()
    domid = one.domid()
    assert host.run(f"xl domname {domid}").output.strip() == "one"
    assert "guest: up" in one.console()
    assert states(host)["one"] in ("-b----", "r-----", "------")
    one.destroy()
    assert "one" not in states(host)
    assert host.run("xl domid one", check=False).status


def test_create_with_a_missing_kernel_fails_and_leaves_nothing(host, guest):
    before, pages = states(host).keys(), host.free_pages()
    broken = guest("broken")
    host.run(f"sed -i s/vmlinuz/nothing/ {broken.config_path}")
    assert host.run(f"xl create {broken.config_path}", check=False).status
    host.run(f"sed -i s,/guest/nothing,/guest/disk.img, {broken.config_path}")
    assert host.run(f"xl create {broken.config_path}", check=False).status
    assert states(host).keys() == before
    host.await_free_pages(pages)


def test_more_memory_than_free_is_refused(host, guest):
    before = states(host).keys()
    huge = guest("huge", memory=65536)
    assert host.run(f"xl create {huge.config_path}", check=False).status
    assert states(host).keys() == before


def test_shutdown_lets_the_guest_end_itself(host, guest):
    one = guest("ending").create()
    one.shutdown()
    assert "Power down" in one.console()
    host.wait_for("! xl domid ending >/dev/null 2>&1")


def test_reboot_brings_a_new_domain(host, guest):
    one = guest("again").create()
    old = one.domid()
    host.run("xl reboot again")
    host.wait_for(f'[ "$(xl domid again 2>/dev/null || echo {old})" != {old} ]')
    host.wait_for(f"[ $(grep -c 'guest: up' {one.log}) = 2 ]")
    assert one.run("echo alive").output.strip() == "alive"


def test_a_guest_that_asks_for_reboot_gets_it(host, guest):
    one = guest("selfish").create()
    one.type("reboot")
    host.wait_for(f"[ $(grep -c 'guest: up' {one.log}) = 2 ]")


def test_a_crashed_guest_is_shown_and_kept(host, guest):
    one = guest("crash", config='on_crash = "preserve"', arguments="panic=-1").create()
    one.type("echo c > /proc/sysrq-trigger")
    host.wait_for("grep -q 'Kernel panic' " + one.log)
    assert states(host)["Domain-0"] == "r-----"


def test_pause_stops_and_unpause_goes_on(host, standing):
    one = standing("lasting")
    one.run("while :; do echo >> /tmp/count; done & echo $! > /tmp/counter")
    host.run("xl pause lasting")
    assert states(host)["lasting"].rstrip("-")[-1] == "p"
    time = host.run("xl list lasting | awk 'NR == 2 { print $NF }'").output
    host.run("sleep 2")
    assert host.run("xl list lasting | awk 'NR == 2 { print $NF }'").output == time
    host.run("xl unpause lasting")
    first, second = one.run("wc -l < /tmp/count; sleep 1; wc -l < /tmp/count; kill $(cat /tmp/counter)").output.split()
    assert int(second) > int(first)


def test_rename_changes_the_name_everywhere(host, standing):
    domid = standing("lasting").domid()
    host.run("xl rename lasting latter")
    assert host.run("xl domid latter").output.strip() == str(domid)
    assert host.run(f"xenstore-read /local/domain/{domid}/name").output.strip() == "latter"
    host.run("xl rename latter lasting")


def test_console_attaches_and_shows_the_guest(host, standing):
    standing("lasting")
    # xl console takes its keyboard from a terminal, which script(1) makes
    output = host.run(r"""
        mkfifo /tmp/keys
        script -q -f -c 'xl console lasting' /tmp/typescript < /tmp/keys > /dev/null &
        exec 7> /tmp/keys
        printf 'echo sum $((20 + 22))\r' >&7
        until grep -q 'sum 42' /tmp/typescript; do sleep 0.2; done
        printf '\035' >&7
        wait
        cat /tmp/typescript""").output
    assert "sum 42" in output


def test_xenstore_holds_the_guest(host, standing):
    one = standing("lasting")
    tree = host.run(f"xenstore-ls /local/domain/{one.domid()}").output
    assert 'name = "lasting"' in tree
    assert re.search(r"console = ", tree)


def test_uptime_lists_domains(host, standing):
    standing("lasting")
    assert re.search(r"^lasting\s+\d+\s+", host.run("xl uptime").output, re.M)


def test_top_shows_every_domain(host, standing):
    standing("lasting")
    output = host.run("xentop -b -i 2 -d 1").output
    assert len(re.findall(r"^\s*lasting ", output, re.M)) == 2
    # xl top is the same on a terminal, and ends with a q
    output = host.run("(sleep 3; printf q) | TERM=vt100 script -q -f -c 'xl top' /dev/null").output
    assert "lasting" in output


def test_cpupool_list_shows_the_one_pool(host):
    host.destroy_all()   # a domain that still dies counts
    assert re.search(r"^Pool-0\s+2\s+credit2\s+y\s+1", host.run("xl cpupool-list").output, re.M)
    assert "0,1" in host.run("xl cpupool-list -c").output


def test_what_is_not_there_is_an_error(host):
    for command in ("xl pause nobody", "xl destroy 4242", "xl vcpu-set nobody 1", "xl console nobody"):
        assert host.run(command, check=False).status, command


@pytest.mark.parametrize("program", ["test-resource", "test-xenstore", "test-paging-mempool"])
def test_xens_own_tests_pass(host, program):
    """Debian ships them with the tools."""
    result = host.run(program, check=False)
    assert result.status == 0, result.output
