# SPDX-License-Identifier: Apache-2.0
"""Dormouse's programs as guests, and the words of their consoles."""

import re

from machine import X86Board


class Program:
    """A Dormouse guest of the machine."""

    def __init__(self, machine, name, vcpus=1, memory=8, config="", options=""):
        self.machine, self.name = machine, name
        self.tool = "xl" if isinstance(machine.board, X86Board) else "torpor"
        self.log = f"/var/log/xen/console/guest-{name}.log"
        machine.run(f"""
            cat > /tmp/{name}.cfg <<'EOF'
name = "{name}"
kernel = "/tmp/job/{name}"
memory = {memory}
vcpus = {vcpus}
{config}
EOF
            rm -f {self.log}
            xl create {options} /tmp/{name}.cfg""")

    def console(self):
        return self.machine.run(f"tr -d '\\r' < {self.log}").output

    def wait(self, text):
        self.machine.run(f"guest-wait {self.name} '{text}'")

    def wait_lines(self, text, n):
        self.machine.wait_for(f"[ $(grep -c '{text}' {self.log}) -ge {n} ]")

    def save_and_restore(self):
        """It is gone between the two, and goes on after them."""
        lives = self.console().count("resumed in a new domain")
        self.machine.run(f"""{self.tool} save {self.name} /root/save
            [ -z "$(xl domid {self.name} 2>/dev/null)" ]
            {self.tool} restore /root/save""")
        self.wait_lines("resumed in a new domain", lives + 1)

    def checkpoint(self):
        lives = self.console().count("resumed in place")
        self.machine.run(f"{self.tool} save -c {self.name} /root/checkpoint")
        self.wait_lines("resumed in place", lives + 1)

    def counts(self):
        """Its counts, line by line: (count, milliseconds)."""
        lines = re.findall(r"^counter: (\d+) at (\d+) ms$", self.console(), re.M)
        return [(int(count), int(at)) for count, at in lines]

    def wait_counting(self):
        """Until it has counted on from where it is."""
        self.wait_lines("^counter:", len(self.counts()) + 3)

    def request(self, what):
        """Asks it as xl does, but waits for nothing."""
        self.machine.run(f"xenstore-write /local/domain/$(xl domid {self.name})/control/shutdown {what}")

    def wait_asleep(self):
        """Until it has shut down, for a suspend."""
        self.machine.wait_for(f"xl list {self.name} | grep -q -e '-ss- '")

    def type(self, text):
        """At its console."""
        self.machine.run(f"printf '{text}' > $(xenstore-read /local/domain/$(xl domid {self.name})/console/tty)")

    def set_memory(self, mib):
        """By dom0, until it has so much."""
        self.machine.run(f"xl mem-set {self.name} {mib}")
        self.machine.wait_for(f"[ $(xl list {self.name} | awk 'END {{ print $3 }}') = {mib} ]")

    def rounds(self):
        """Of the program smp: how often it has said that all CPUs took all calls."""
        text = self.console()
        assert "not ok" not in text
        return len(re.findall(r"^smp: \d+ at \d+ ms: \d+ calls to \d+ CPUs$", text, re.M))

    def wait_cpus(self, n):
        """Of the program smp: until that many CPUs take the calls of each of three rounds, from now on."""
        lines = len(re.findall(rf"calls to {n} CPUs$", self.console(), re.M))
        self.wait_lines(f"calls to {n} CPUs$", lines + 3)
        self.rounds()

    def wait_programs(self, n=6):
        """Of the program spaces: until n user programs have ended, well, from now on. Six are there at a time."""
        text = self.console()
        assert "not ok" not in text
        counted = [int(n) for n in re.findall(r"(\d+) programs, CPUs", text)] or [0]
        enough = counted[-1] + n
        last = f"$(sed -n 's/.* \\([0-9]*\\) programs, CPUs.*/\\1/p' {self.log} | tail -n 1)"
        self.machine.wait_for(f"grep -q 'not ok' {self.log} || [ \"{last}\" -ge {enough} ]")
        assert "not ok" not in self.console()

    def wait_rounds(self):
        self.wait_lines("^smp: .* calls to", self.rounds() + 3)
        self.rounds()


class DiskCheck(Program):
    """The program diskcheck, with a disk in a file."""

    DISK = "/root/check.img,raw,xvda,w"

    def __init__(self, machine, memory=8):
        machine.run("rm -f /root/check.img; truncate -s 9M /root/check.img")
        super().__init__(machine, "diskcheck", memory=memory, config=f'disk = ["{self.DISK}"]')
        self.wait_work()

    def wait_work(self):
        """Until it has written and read much since now, and nothing was wrong."""
        done = self._done()
        self.machine.wait_for(
            f"awk '/written,/ {{ n = $2 + $4 }} END {{ exit !(n >= {done + 50}) }}' {self.log}")
        self._done()

    def _done(self):
        text = self.console()
        assert "not ok" not in text and "given up" not in text, text[-2000:]
        reports = re.findall(r"^diskcheck: (\d+) written, (\d+) verified, .* 0 lost", text, re.M)
        return sum(int(n) for n in reports[-1]) if reports else 0

    def connections(self):
        """How often it was connected after the first time."""
        return self.console().count("connected again")

    def issued_again(self):
        return sum(int(n) for n in re.findall(r"requests issued again: (\d+)", self.console()))


class Echo(Program):
    """The program echo, on dom0's bridge."""

    ADDRESS = "192.168.77.9"

    def __init__(self, machine, memory=8, queues=2):
        self.machine = machine
        self.offer_queues(queues)
        super().__init__(machine, "echo", memory=memory,
                         config=f'vif = ["bridge=xenbr0"]\nextra = "ip={self.ADDRESS}"')
        self.wait("echo: up")
        self.said = 0

    def offer_queues(self, n):
        """Back ends that are made from now on have so many."""
        self.machine.run(f"echo {n} > /sys/module/xen_netback/parameters/max_queues")
        self.queues = n

    def interrupts(self):
        """Of the back end's queues, by their numbers; each has one for what it is sent, and one for what it sends."""
        domid = self.machine.run("xl domid echo").output.strip()
        text = self.machine.run(f"cat /proc/interrupts; ls /sys/class/net/vif{domid}.0/queues").output
        assert len(re.findall(r"rx-\d", text)) == self.queues
        return {q: sum(int(n) for n in counts.split())
                for counts, q in re.findall(rf"^ *\d+: ([ \d]+) .* vif{domid}\.0-q(\d)-tx$", text, re.M)}

    def check_answers(self):
        """
        By UDP and to a ping; while it cannot, its sender says it again, as with any network. Answers to two ports go by
        two queues, if there are so many.
        """
        self.machine.wait_for(f"ping -c 1 -W 2 {self.ADDRESS} > /dev/null")
        before = self.interrupts()
        assert sorted(before) == [str(q) for q in range(self.queues)]
        for port in 40000, 40001:
            self.said += 1
            said, to = f"again {self.said}", f"UDP:{self.ADDRESS}:7,sourceport={port}"
            self.machine.wait_for(f"[ \"$(echo '{said}' | socat -t 2 - {to})\" = '{said}' ]")
        assert all(n > before[q] for q, n in self.interrupts().items())
        assert "given up" not in self.console()


def check_counts(counts):
    """None is missing, none comes twice, and the time does not go back."""
    assert [count for count, _ in counts] == list(range(len(counts)))
    times = [at for _, at in counts]
    assert all(now >= 100 * count for count, now in counts)
    assert times == sorted(times)
