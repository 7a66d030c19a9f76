// SPDX-License-Identifier: Apache-2.0
/*
 * The PV console's input half. Invariant: only the thread that reads moves in_cons, only xenconsoled moves in_prod.
 * Nothing that it says is believed: indices that make no sense end the input for this life.
 */
#include "dormouse/xen/console_input.h"
#include "dormouse/core/line.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/suspend.h"
#include "lib/errno.h"
#include "machine/start.h"

static struct xencons_interface *ring;
static evtchn_port_t port;
static bool listening;              /* somebody has read, so events are wanted */
static bool broken;
static struct waitqueue typed = WAITQUEUE_INIT(typed);

static void typed_event(evtchn_port_t p)
{
    (void)p;
    wake(&typed);
}

static void listen(void)
{
    struct start_pages pages;

    start_pages_get(&pages);
    ring = pages.console;
    port = pages.console_port;
    broken = !ring;
    listening = true;
    if (ring)
        evtchn_register(port, typed_event);
}

static uint32_t filled(void)
{
    return __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) - ring->in_cons;
}

static bool has_input(void *arg)
{
    (void)arg;
    return broken || filled();
}

/* 1: a character; 0: there is none; -EIO: the indices make no sense. */
static int take(char *c)
{
    uint32_t n = filled();

    if (n > sizeof(ring->in))
        return -EIO;
    if (!n)
        return 0;
    *c = ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)];
    __atomic_store_n(&ring->in_cons, ring->in_cons + 1, __ATOMIC_RELEASE);
    if (n == sizeof(ring->in))
        evtchn_send(port);          /* xenconsoled waits for room */
    return 1;
}

/* Not frozen with the ring in hand: in a new domain it is another one, and may be empty. */
static int character_get(char *c)
{
    int got = 0;

    while (!got) {
        wait_until(&typed, has_input, NULL, NEVER);
        thread_hold();
        if (!broken && (got = take(c)) < 0) {
            broken = true;
            print("dormouse: console: the input's indices make no sense: nothing is read any more\n");
        }
        if (broken)
            got = -EIO;
        thread_release();
    }
    return got;
}

int console_read_line(char *text, size_t size)
{
    struct line line = { .text = text, .size = size };
    char echo[LINE_ECHO_MAX], c;
    bool complete = false;

    if (!listening)
        listen();
    while (!complete) {
        int error = character_get(&c);

        if (error < 0)
            return error;
        complete = line_type(&line, c, echo);
        print("%s", echo);
    }
    return (int)line.length;
}

static void console_input_leave(struct sleep *s)
{
    if (suspend_is_new_domain(s) && listening)
        listen();
}

const struct sleep_stage console_input_stage = { .name = "console input", .leave = console_input_leave };
