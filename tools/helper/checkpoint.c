// SPDX-License-Identifier: Apache-2.0
/*
 * A checkpoint beside other saves: the guest stands still for no disk. All that is written from before it suspends
 * itself is kept in memory, which is there by then; it goes on as soon as its state is read; then the kept part is
 * written.
 *
 * Invariant: the kept part comes before anything that is written later, in one order.
 */
#include "tools/helper/helper.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenguest.h>
#include <xenstore.h>

#include "tools/helper/recorder.h"

/* Many times the memory that a guest dirties while it suspends itself; if not enough, the guest waits for the disk. */
#define ROOM (16u << 20)

static struct {
    uint8_t *bytes;
    size_t size;
    stream_move *move;              /* the stream's own */
    struct xs_handle *xenstore;
} held;

static int write_held(const struct helper *h)
{
    int error = held.size ? held.move(h->stream.context, held.bytes, held.size) : 0;

    held.size = 0;
    return error;
}

static int hold(void *context, void *buffer, size_t size)
{
    struct helper *h = context;
    int error = size > ROOM - held.size ? write_held(h) : 0;

    if (error || size > ROOM)
        return error ? error : held.move(context, buffer, size);
    memcpy(held.bytes + held.size, buffer, size);
    held.size += size;
    return 0;
}

static int enter_hold(struct sleep *s)
{
    struct helper *h = s->context;
    void *bytes = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (bytes == MAP_FAILED)
        return helper_fail(h, -ENOMEM, "out of memory");
    held.xenstore = xs_open(0);
    if (!held.xenstore) {
        munmap(bytes, ROOM);
        return helper_fail(h, -EIO, "xenstored cannot be reached: %s", strerror(errno));
    }
    held.bytes = bytes;
    held.size = 0;
    held.move = h->stream.move;
    h->stream.move = hold;
    return 0;
}

static void leave_hold(struct sleep *s)
{
    struct helper *h = s->context;

    h->stream.move = held.move;
    munmap(held.bytes, ROOM);
    xs_close(held.xenstore);
}

/*
 * "fast" is on Arm XEN_DOMCTL_resumedomain and nothing else; it has the guest's call return 1, which says that it goes
 * on where it was.
 */
static int enter_go_on(struct sleep *s)
{
    struct helper *h = s->context;

    if (xc_domain_resume(h->memory.xc, h->memory.domid, 1))
        return helper_fail(h, -errno, "it does not go on: %s", strerror(errno));
    if (!xs_resume_domain(held.xenstore, h->memory.domid))
        return helper_fail(h, -errno, "xenstored does not hear that it goes on: %s", strerror(errno));
    recorder_tell(&(struct report){ .kind = REPORT_RESUMED });
    return 0;
}

static int enter_out(struct sleep *s)
{
    struct helper *h = s->context;
    int error = write_held(h);

    h->stream.move = held.move;
    return error ? helper_fail(h, error, "the image: writing failed: %s", strerror(-error)) : 0;
}

const struct sleep_stage hold_stage = { "hold", enter_hold, leave_hold };
const struct sleep_stage go_on_stage = { "go on", enter_go_on, NULL };
const struct sleep_stage out_stage = { "out", enter_out, NULL };
