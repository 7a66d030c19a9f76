# SPDX-License-Identifier: Apache-2.0
"""Commands for gdb on what `torpor dump` has written, or on a machine that stands still.

    gdb-multiarch -x tools/torpor-gdb.py build/hypervisor/torpor.elf CORE
    (gdb) torpor-domains            the domains and their vCPUs
    (gdb) torpor-vcpu DOMAIN VCPU   its registers, as it left its CPU

The program has to be the one that ran: build/hypervisor/torpor.elf, or that of the package torpor-dbgsym.
"""

import gdb

CHUNK = 512   # ID_CHUNK of hypervisor/vm/registry.c


def domains():
    """In the order of their numbers; also those of which only references are left."""
    chunks = gdb.parse_and_eval("'registry.c'::id_chunks")
    for at in range(chunks.type.range()[1] + 1):
        for n in range(CHUNK if chunks[at] else 0):
            if chunks[at][n]:
                yield chunks[at][n].dereference()


def vcpus(domain):
    for n in range(int(domain["max_vcpus"])):
        if domain["vcpus"][n]:
            yield domain["vcpus"][n].dereference()


def word(value):
    """An enumeration's value, as DOMAIN_ALIVE is: alive."""
    return str(value).partition("_")[2].lower() or str(value)


def describe(domain):
    paused, shutdown = int(domain["pause"]["count"]), domain["shutdown"]
    text = f"domain {int(domain['id'])}: {word(domain['life'])}, {int(domain['frames']['total'])} pages"
    text += f", paused {paused}" if paused else ""
    text += ", frozen" if domain["freeze"]["frozen"] else ""
    return text + (f", shut down (reason {int(shutdown['reason'])})" if shutdown["down"] else "")


def describe_vcpu(vcpu):
    state = word(vcpu["power"])
    for flag in ("blocked", "suspended"):
        state += f", {flag}" if vcpu[flag] else ""
    cpu = f", last on CPU {int(vcpu['sched']['cpu']['id'])}" if vcpu["sched"]["cpu"] else ""
    return f"  vCPU {int(vcpu['id'])}: {state}{cpu}, PC {int(vcpu['regs']['pc']):#x}, " \
           f"PSTATE {int(vcpu['regs']['pstate']):#x}, at {vcpu.address}"


class Domains(gdb.Command):
    """List the domains and their vCPUs."""

    def __init__(self):
        super().__init__("torpor-domains", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        for domain in domains():
            gdb.write(describe(domain) + "\n")
            for vcpu in vcpus(domain):
                gdb.write(describe_vcpu(vcpu) + "\n")


class Vcpu(gdb.Command):
    """Show a vCPU's registers, as it left its CPU: torpor-vcpu DOMAIN VCPU."""

    def __init__(self):
        super().__init__("torpor-vcpu", gdb.COMMAND_STATUS)

    def invoke(self, argument, _from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) != 2:
            raise gdb.GdbError("torpor-vcpu DOMAIN VCPU")
        wanted = tuple(map(int, words))
        for domain in domains():
            for vcpu in vcpus(domain):
                if (int(domain["id"]), int(vcpu["id"])) == wanted:
                    self.show(vcpu)
                    return
        raise gdb.GdbError(f"there is no vCPU {wanted[1]} of domain {wanted[0]}")

    @staticmethod
    def show(vcpu):
        gdb.write(describe_vcpu(vcpu).strip() + "\n")
        regs, el1 = vcpu["regs"], vcpu["core"]["el1"]
        named = [(f"x{n}", regs["x"][n]) for n in range(31)] + [(f.name, el1[f.name]) for f in el1.type.fields()]
        for at in range(0, len(named), 4):
            gdb.write("".join(f"{name:>12} {int(value):016x}" for name, value in named[at:at + 4]) + "\n")


Domains()
Vcpu()
