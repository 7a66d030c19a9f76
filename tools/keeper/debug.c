// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/debug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#define INFO_MAX (64u << 10)

/* Linux keeps it as a whole note, of which the size is that of the room for it (kernel/crash_core.c). */
static bool info_check(const uint8_t *note, uint64_t room, struct image_note_text *text)
{
    const char *name = (const char *)note + sizeof(Elf64_Nhdr);
    Elf64_Nhdr h;

    memcpy(&h, note, sizeof(h));
    text->name = "VMCOREINFO";
    text->type = h.n_type;
    text->size = h.n_descsz;
    text->data = name + 12;   /* "VMCOREINFO" and its NUL, and one more for alignment */
    return h.n_namesz == sizeof("VMCOREINFO") && memcmp(name, "VMCOREINFO", sizeof("VMCOREINFO")) == 0 &&
           h.n_descsz <= room - sizeof(h) - 12;
}

struct image_note_text debug_vmcoreinfo(struct memory_view *v, const char *where)
{
    struct image_note_text text = { .name = "VMCOREINFO" }, none = text;
    unsigned long long at, room;
    uint8_t *note;
    void *data;

    if (sscanf(where, "%llx,%llx", &at, &room) != 2 || at % 8 || room < sizeof(Elf64_Nhdr) + 12 || room > INFO_MAX)
        return none;
    room = (room + 7) / 8 * 8;
    note = malloc(room);
    if (!note || memory_read(v, at, note, room) || !info_check(note, room, &text) || !(data = malloc(text.size))) {
        free(note);
        return none;
    }
    text.data = memcpy(data, text.data, text.size);
    free(note);
    return text;
}

/* Of size 0: it cannot be read, or never went off. */
static struct image_note_text registers_of(struct memory_view *v, const struct handover_contexts *c, uint64_t cpu)
{
    struct image_note_text none = { .name = "CORE", .type = NT_PRSTATUS }, text = none;
    uint64_t kept[13] = { 0 };   /* x19 to x30, SP */
    struct elf_prstatus *status = calloc(1, sizeof(*status));

    if (!status || memory_read(v, c->first + cpu * c->stride, kept, sizeof(kept)) || !kept[11]) {
        free(status);
        return none;
    }
    status->pr_pid = (pid_t)cpu + 1;   /* gdb's number of the thread */
    memcpy(&status->pr_reg[19], kept, sizeof(kept));   /* x19 to x30 and SP are neighbours there, too */
    status->pr_reg[32] = kept[11];                      /* PC: it comes back to where it called from, x30 */
    status->pr_reg[33] = 0x3c9;                         /* PSTATE: EL2h, all masked */
    text.size = sizeof(*status);
    text.data = status;
    return text;
}

static struct image_note_text system_registers_of(struct memory_view *v, const struct handover_contexts *c,
                                                  uint64_t cpu)
{
    struct image_note_text text = { .name = "TORPOR", .type = IMAGE_NOTE_CPU };
    struct handover_registers *registers = calloc(1, sizeof(*registers));

    if (!registers || memory_read(v, c->registers + cpu * c->stride, registers, sizeof(*registers))) {
        free(registers);
        return text;
    }
    text.size = sizeof(*registers);
    text.data = registers;
    return text;
}

unsigned debug_registers(struct memory_view *v, const struct handover_contexts *contexts,
                         struct image_note_text *notes)
{
    uint64_t count = contexts->count < HANDOVER_CPUS_MAX ? contexts->count : HANDOVER_CPUS_MAX;
    unsigned found = 0;

    if (contexts->first % 8 || contexts->registers % 8 || contexts->stride % 8 || contexts->left >= count)
        return 0;
    for (uint64_t n = 0; n < count; n++) {
        uint64_t cpu = n == 0 ? contexts->left : n - (n <= contexts->left);

        notes[found] = registers_of(v, contexts, cpu);
        if (!notes[found].size)
            continue;
        notes[++found] = system_registers_of(v, contexts, cpu);
        found += notes[found].size > 0;
    }
    return found;
}
