# SPDX-License-Identifier: Apache-2.0
"""Commands for gdb on what `torpor dump` has written, or on a machine that stands still.

    gdb-multiarch -x tools/torpor-gdb.py build/hypervisor/torpor.elf CORE
    (gdb) torpor-domains            the domains and their vCPUs
    (gdb) torpor-vcpu DOMAIN VCPU   its registers, as it left its CPU
    (gdb) torpor-cpus               the CPUs, and what they had in EL2's registers when they went off last
    (gdb) thread apply all bt       where they stood then

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


def fields(structure):
    return [(field.name, structure[field.name]) for field in structure.type.fields()]


def show_registers(named):
    for at in range(0, len(named), 4):
        gdb.write("".join(f"{name:>12} {int(value):016x}" for name, value in named[at:at + 4]) + "\n")


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
        show_registers([(f"x{n}", vcpu["regs"]["x"][n]) for n in range(31)] + fields(vcpu["core"]["el1"]))


class Cpus(gdb.Command):
    """List the CPUs, with EL2's registers as each went off last."""

    def __init__(self):
        super().__init__("torpor-cpus", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        cpus = gdb.parse_and_eval("cpus")
        for n in range(int(gdb.parse_and_eval("'base/cpu.c'::present"))):
            cpu, context = cpus[n], cpus[n]["left"]["context"]["registers"]
            gdb.write(f"CPU {n}: MPIDR {int(cpu['mpidr']):#x}, {'on' if cpu['online'] else 'off'}" +
                      (", lost" if cpu["lost"] else "") + ("" if context[11] else ", never left") + "\n")
            if context[11]:
                show_registers([(f"x{19 + at}", context[at]) for at in range(12)] + [("sp", context[12])] +
                               fields(cpu["left"]["el2"]))


Domains()
Vcpu()
Cpus()
