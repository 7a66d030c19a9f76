// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/xen/xenbus.c dormouse/xen/value.c */
/* Dormouse's client of xenstore against a xenstored that is honest, slow, or a liar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/suspend.h"
#include "dormouse/xen/xenbus.h"
#include "lib/errno.h"
#include "machine/start.h"

enum { PORT = 7, NODES = 4 };

static struct xenstore_domain_interface ring;
static struct { char path[64], value[2048]; } nodes[NODES];
static unsigned watches_set, said, held;
static void (*watch_thread)(void *);
static jmp_buf nothing_to_do;
static bool in_watch_thread;
static void (*lie)(struct xsd_sockmsg *answer);     /* changes each answer's head */
static const char *event_before_answer;             /* a watch event's path and token, with the NUL between */
static size_t event_length;

/* --- the client's foundations --- */

void start_pages_get(struct start_pages *pages)
{
    *pages = (struct start_pages){ .store = &ring, .store_port = PORT };
}
void evtchn_register(evtchn_port_t port, void (*fn)(evtchn_port_t)) { (void)port, (void)fn; }
void thread_hold(void) { held++; }
void thread_release(void) { held--; }
void mutex_lock(struct mutex *m) { assert_null(m->owner); m->owner = (struct thread *)m; }
void mutex_unlock(struct mutex *m) { m->owner = NULL; }
void wake(struct waitqueue *queue) { (void)queue; }
void print(const char *fmt, ...) { (void)fmt; said++; }
void panic(const char *fmt, ...) { fail_msg("panic: %s", fmt); abort(); }

int thread_start_service(const char *name, void (*fn)(void *), void *arg)
{
    (void)name, (void)arg;
    watch_thread = fn;
    return 0;
}

/* --- xenstored --- */

static void answer_bytes(const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ring.rsp[MASK_XENSTORE_IDX(ring.rsp_prod++)] = ((const char *)data)[i];
}

static void answer(const struct xsd_sockmsg *request, uint32_t type, const void *data, size_t n)
{
    struct xsd_sockmsg head = { .type = type, .req_id = request->req_id, .len = (uint32_t)n };

    if (event_before_answer) {
        struct xsd_sockmsg event = { .type = XS_WATCH_EVENT, .len = (uint32_t)event_length };

        answer_bytes(&event, sizeof(event));
        answer_bytes(event_before_answer, event_length);
        event_before_answer = NULL;
    }
    if (lie)
        lie(&head);
    answer_bytes(&head, sizeof(head));
    answer_bytes(data, n);
}

static int node_find(const char *path)
{
    for (int i = 0; i < NODES; i++)
        if (!strcmp(nodes[i].path, path))
            return i;
    return -1;
}

static void serve(const struct xsd_sockmsg *head, const char *data)
{
    int node = node_find(data);

    if (head->type == XS_WATCH) {
        watches_set++;
        answer(head, XS_WATCH, "OK", 3);
    } else if (node < 0) {
        answer(head, XS_ERROR, "ENOENT", 7);
    } else if (head->type == XS_READ) {
        answer(head, XS_READ, nodes[node].value, strlen(nodes[node].value));
    } else {
        size_t n = head->len - strlen(data) - 1;

        memcpy(nodes[node].value, data + strlen(data) + 1, n);
        nodes[node].value[n] = '\0';
        answer(head, XS_WRITE, "OK", 3);
    }
}

/* Takes the ring's content, and serves a request when the last of its bytes is there. */
static void xenstored(void)
{
    static char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    static size_t have;
    struct xsd_sockmsg head;

    while (ring.req_cons != ring.req_prod) {
        message[have++] = ring.req[MASK_XENSTORE_IDX(ring.req_cons++)];
        if (have < sizeof(head))
            continue;
        memcpy(&head, message, sizeof(head));
        if (have == sizeof(head) + head.len) {
            have = 0;
            serve(&head, message + sizeof(head));
        }
    }
}

long evtchn_send(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
    if (ring.req_prod - ring.req_cons <= XENSTORE_RING_SIZE)
        xenstored();
    return 0;
}

bool wait_until(struct waitqueue *queue, bool (*ready)(void *), void *arg, uint64_t deadline)
{
    (void)queue, (void)deadline;
    while (!ready(arg)) {
        if (in_watch_thread && !held)
            longjmp(nothing_to_do, 1);
        xenstored();
        if (!ready(arg))
            fail_msg("the client would wait for ever");
    }
    return true;
}

/* The watches' thread, until it has nothing to do. */
static void watches_run_once(void)
{
    in_watch_thread = true;
    if (!setjmp(nothing_to_do))
        watch_thread(NULL);
    in_watch_thread = false;
}

static int begin(void **state)
{
    (void)state;
    ring = (struct xenstore_domain_interface){ .req_prod = 5000, .req_cons = 5000, .rsp_prod = 1000, .rsp_cons = 1000 };
    memset(nodes, 0, sizeof(nodes));
    strcpy(nodes[0].path, "control/shutdown");
    strcpy(nodes[0].value, "suspend");
    strcpy(nodes[1].path, "data/long");
    lie = NULL;
    event_before_answer = NULL;
    watches_set = said = 0;
    xenbus_init();
    return 0;
}

/* --- the tests --- */

static void reads_and_says_what_xenstored_refuses(void **state)
{
    char value[8];

    (void)state;
    assert_int_equal(xenbus_read("control/shutdown", value, sizeof(value)), 7);
    assert_string_equal(value, "suspend");
    assert_int_equal(xenbus_read("control/shutdown", value, 7), -E2BIG);
    assert_int_equal(xenbus_read("nowhere", value, sizeof(value)), -ENOENT);
    assert_int_equal(held, 0);
}

static void a_message_longer_than_the_ring_goes_through(void **state)
{
    static char text[1500], back[1600];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(xenbus_write("data/long", text), 0);
    assert_string_equal(nodes[1].value, text);
    nodes[1].value[900] = '\0';
    assert_int_equal(xenbus_read("data/long", back, sizeof(back)), 900);
}

static unsigned changes;
static void changed(void *arg) { (void)arg; changes++; }
static int watched = -1;

static void watches_are_called_and_set_again_in_a_new_domain(void **state)
{
    struct suspend suspend = { .new_domain = false };
    struct sleep s = { .context = &suspend };
    char value[8];

    (void)state;
    changes = 0;
    watched = xenbus_watch("control/shutdown", changed, NULL);
    assert_int_equal(watched, 0);
    event_before_answer = "control/shutdown\0000";
    event_length = 19;
    assert_int_equal(xenbus_read("control/shutdown", value, sizeof(value)), 7);
    assert_int_equal(changes, 0);
    watches_run_once();
    assert_int_equal(changes, 1);

    assert_int_equal(xenbus_stage.enter(&s), 0);
    xenbus_stage.leave(&s);
    assert_int_equal(watches_set, 1);
    assert_int_equal(xenbus_stage.enter(&s), 0);
    suspend.new_domain = true;
    xenbus_stage.leave(&s);
    assert_int_equal(watches_set, 1);           /* nobody is kept asleep for xenstored's answer */
    watches_run_once();
    assert_int_equal(watches_set, 2);
    assert_int_equal(held, 0);
}

static void a_watch_event_that_names_no_watch_is_ignored(void **state)
{
    static const struct { const char *text; size_t length; } events[] = {
        { "control/shutdown\00099", 20 }, { "control/shutdown\0x", 19 }, { "control/shutdown", 16 }, { "", 0 },
        { "control/shutdown\0", 17 }, { "control/shutdown\000-1", 20 },
    };
    char value[8];

    (void)state;
    changes = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        event_before_answer = events[i].text;
        event_length = events[i].length;
        assert_int_equal(xenbus_read("control/shutdown", value, sizeof(value)), 7);
        watches_run_once();
    }
    assert_int_equal(changes, 0);
}

static void too_long(struct xsd_sockmsg *head) { head->len = XENSTORE_PAYLOAD_MAX + 1; }
static void other_request(struct xsd_sockmsg *head) { head->req_id++; }
static void other_type(struct xsd_sockmsg *head) { head->type = XS_RM; }

static void a_liar_is_given_up_with_one_line(void **state)
{
    static void (*const lies[])(struct xsd_sockmsg *) = { too_long, other_request, other_type };
    char value[8];

    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        begin(state);
        lie = lies[i];
        assert_int_equal(xenbus_read("control/shutdown", value, sizeof(value)), -EIO);
        assert_int_equal(xenbus_read("control/shutdown", value, sizeof(value)), -EIO);
        assert_int_equal(said, 1);
        assert_int_equal(held, 0);
    }
}

static void indices_that_make_no_sense_are_given_up(void **state)
{
    char value[8];

    (void)state;
    ring.rsp_prod += XENSTORE_RING_SIZE + 1;
    assert_int_equal(xenbus_read("control/shutdown", value, sizeof(value)), -EIO);
    begin(state);
    ring.req_cons++;
    assert_int_equal(xenbus_read("control/shutdown", value, sizeof(value)), -EIO);
    assert_int_equal(said, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_and_says_what_xenstored_refuses, begin),
        cmocka_unit_test_setup(a_message_longer_than_the_ring_goes_through, begin),
        cmocka_unit_test_setup(watches_are_called_and_set_again_in_a_new_domain, begin),
        cmocka_unit_test_setup(a_watch_event_that_names_no_watch_is_ignored, begin),
        cmocka_unit_test_setup(a_liar_is_given_up_with_one_line, begin),
        cmocka_unit_test_setup(indices_that_make_no_sense_are_given_up, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
