// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/xen/frontend.c dormouse/xen/value.c */
/* The handshake of Dormouse's devices with back ends that are slow, go away, come back, or lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/frontend.h"
#include "dormouse/xen/suspend.h"
#include "dormouse/xen/value.h"
#include "lib/errno.h"

#define BACKEND "/local/domain/0/backend/vbd/1/51712"
#define OTHER   "/local/domain/0/backend/vbd/7/51712"

enum { NODES = 16, WATCHES = 4 };

static struct { char path[160], value[160]; } nodes[NODES];
static struct { const char *path; void (*fn)(void *); void *arg; } watches[WATCHES];
static struct frontend *frontend;
static unsigned said, offers, connects, closings, disconnects, give_ups, wakes, stops;
static unsigned answers_after;              /* how often it is asked before it has answered; 0: it never does */
static int offer_result, connected_result;
static bool keeps_pages;                    /* the back end, when it goes */
static evtchn_port_t last_port, closed_port;
static long port_result;
static void (*port_event)(evtchn_port_t);

/* --- xenstore --- */

static int node_find(const char *path)
{
    for (int i = 0; i < NODES; i++)
        if (!strcmp(nodes[i].path, path))
            return i;
    return -1;
}

static void node_set(const char *path, const char *value)
{
    int i = node_find(path);

    if (i < 0)
        i = node_find("");
    assert_true(i >= 0);
    snprintf(nodes[i].path, sizeof(nodes[i].path), "%s", value ? path : "");
    snprintf(nodes[i].value, sizeof(nodes[i].value), "%s", value ? value : "");
}

/* Somebody else writes it, or with NULL takes it away, and its watchers are told. */
static void changes(const char *path, const char *value)
{
    node_set(path, value);
    for (unsigned i = 0; i < WATCHES; i++)
        if (watches[i].path && !strcmp(watches[i].path, path))
            watches[i].fn(watches[i].arg);
}

int xenbus_read(const char *path, char *value, size_t size)
{
    int i = node_find(path);

    if (i < 0)
        return -ENOENT;
    if (strlen(nodes[i].value) >= size)
        return -E2BIG;
    strcpy(value, nodes[i].value);
    return (int)strlen(value);
}

int xenbus_read_number(const char *folder, const char *name, uint64_t most, uint64_t *value)
{
    char path[200], text[160];
    int length;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    length = xenbus_read(path, text, sizeof(text));
    return length < 0 ? length : value_number(text, most, value) ? 0 : -EINVAL;
}

int xenbus_write_number(const char *folder, const char *name, uint64_t value)
{
    char path[200], text[24];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    node_set(path, text);
    return 0;
}

int xenbus_watch(const char *path, void (*fn)(void *), void *arg)
{
    for (int i = 0; i < WATCHES; i++) {
        if (!watches[i].path) {
            watches[i].path = path;
            watches[i].fn = fn;
            watches[i].arg = arg;
            return i;
        }
    }
    return -ENOSPC;
}

void xenbus_unwatch(int watch) { watches[watch].path = NULL; }
void print(const char *fmt, ...) { (void)fmt; said++; }

/* --- event channels and threads --- */

long evtchn_alloc_unbound(domid_t remote, evtchn_port_t *port)
{
    assert_int_equal(remote, 0);
    *port = port_result ? 0 : ++last_port;
    return port_result;
}
void evtchn_register(evtchn_port_t port, void (*fn)(evtchn_port_t))
{
    assert_int_equal(port, last_port);
    port_event = fn;
}
long evtchn_close(evtchn_port_t port) { closed_port = port; return 0; }
void wake(struct waitqueue *queue)
{
    assert_ptr_equal(queue, &frontend->moved);
    wakes++;
}

uint64_t time_now(void) { return 0; }
bool wait_until(struct waitqueue *queue, bool (*ready)(void *), void *arg, uint64_t deadline)
{
    assert_ptr_equal(queue, &frontend->moved);
    assert_int_equal(closings, 0);
    for (uint64_t now = 0; now < deadline; now += deadline / 4)
        if (ready(arg))
            return true;
    return false;
}

/* --- a device --- */

static int offer(struct frontend *f) { (void)f; offers++; return offer_result; }
static int connected(struct frontend *f) { (void)f; connects++; return connected_result; }
static void stopping(struct frontend *f) { (void)f; stops++; }
static bool is_drained(void *f) { (void)f; return answers_after && !--answers_after; }
static void closing(struct frontend *f) { (void)f; closings++; }
static bool disconnected(struct frontend *f) { (void)f; disconnects++; return !keeps_pages; }
static void given_up(struct frontend *f) { (void)f; give_ups++; }

static const struct frontend_ops ops = {
    .kind = "vbd", .ports = 2, .offered = XenbusStateInitialised, .offer = offer, .connected = connected,
    .stopping = stopping, .is_drained = is_drained, .closing = closing, .disconnected = disconnected,
    .given_up = given_up,
};

static unsigned own_state(void)
{
    uint64_t state = 0;

    xenbus_read_number("device/vbd/51712", "state", 8, &state);
    return (unsigned)state;
}

static void backend_is(const char *state) { changes(BACKEND "/state", state); }

static void begin_new_life(void)
{
    struct suspend suspend = { .new_domain = true };
    struct sleep sleep = { .context = &suspend };

    keeps_pages = false;                    /* nobody has any */
    devices_stage.leave(&sleep);
}

static int begin(void **state)
{
    (void)state;
    begin_new_life();                       /* those of earlier tests have nothing under way */
    memset(nodes, 0, sizeof(nodes));
    memset(watches, 0, sizeof(watches));
    said = offers = connects = closings = disconnects = give_ups = wakes = stops = 0;
    answers_after = 1;
    offer_result = connected_result = 0;
    port_result = 0;
    closed_port = 0;
    frontend = calloc(1, sizeof(*frontend));
    node_set("device/vbd/51712/backend", BACKEND);
    node_set("device/vbd/51712/backend-id", "0");
    node_set("device/vbd/51712/state", "1");
    node_set(BACKEND "/state", "1");
    node_set(BACKEND "/online", "1");
    assert_int_equal(frontend_start(frontend, &ops, 51712), 0);
    changes("device/vbd/51712/backend", BACKEND);       /* a new watch fires once */
    assert_string_equal(watches[1].path, BACKEND "/state");
    return 0;
}

static void connect_it(void)
{
    backend_is("2");
    assert_int_equal(own_state(), XenbusStateInitialised);
    backend_is("4");
    assert_int_equal(own_state(), XenbusStateConnected);
}

/* --- the tests --- */

static void it_connects_step_by_step_and_each_once(void **state)
{
    (void)state;
    assert_int_equal(offers, 0);
    backend_is("2");
    backend_is("2");
    assert_int_equal(offers, 1);
    assert_int_equal(connects, 0);
    backend_is("4");
    backend_is("4");
    assert_int_equal(connects, 1);
    assert_int_equal(own_state(), XenbusStateConnected);
    assert_int_equal(said, 0);
}

static void there_is_none(void **state)
{
    struct frontend none;

    (void)state;
    assert_int_equal(frontend_start(&none, &ops, 51728), -ENOENT);
}

static void one_that_closes_and_is_still_online_begins_anew(void **state)
{
    (void)state;
    connect_it();
    backend_is("5");
    assert_int_equal(own_state(), XenbusStateClosed);
    assert_int_equal(closings, 1);
    assert_int_equal(disconnects, 0);           /* it may still have our pages mapped */
    backend_is("6");
    assert_int_equal(disconnects, 1);
    assert_int_equal(own_state(), XenbusStateInitialising);
    connect_it();
    assert_int_equal(offers, 2);
}

static void one_that_is_taken_away_and_another_that_comes(void **state)
{
    (void)state;
    connect_it();
    node_set(BACKEND "/online", "0");
    backend_is("5");
    backend_is("6");
    assert_int_equal(own_state(), XenbusStateClosed);
    changes(BACKEND "/state", NULL);
    changes("device/vbd/51712/backend", NULL);
    assert_int_equal(disconnects, 1);
    node_set(OTHER "/state", "2");
    node_set(OTHER "/online", "1");
    changes("device/vbd/51712/backend", OTHER);
    assert_string_equal(watches[1].path, OTHER "/state");
    changes(OTHER "/state", "2");
    assert_int_equal(offers, 2);
    changes(OTHER "/state", "4");
    assert_int_equal(connects, 2);
}

static void one_that_vanishes_or_starts_over_without_a_word(void **state)
{
    (void)state;
    connect_it();
    backend_is("2");
    assert_int_equal(disconnects, 1);
    assert_int_equal(offers, 2);
    backend_is("4");
    assert_int_equal(connects, 2);
    backend_is(NULL);
    assert_int_equal(disconnects, 2);
    backend_is("2");
    assert_int_equal(offers, 3);
}

static void in_a_new_domain_it_follows_the_new_back_end(void **state)
{
    (void)state;
    connect_it();
    begin_new_life();
    assert_int_equal(closed_port, 0);           /* it was the old domain's */
    assert_int_equal(frontend->ports[0], 0);
    assert_int_equal(disconnects, 1);
    backend_is("2");                            /* the old one's watch, set again */
    assert_int_equal(offers, 1);
    node_set(OTHER "/state", "2");
    changes("device/vbd/51712/backend", OTHER);
    changes(OTHER "/state", "2");
    assert_int_equal(offers, 2);
}

static void what_makes_no_sense_is_one_line_and_the_device_given_up(void **state)
{
    char path[120];

    connected_result = -EINVAL;
    backend_is("2");
    backend_is("4");
    assert_int_equal(own_state(), XenbusStateClosed);
    backend_is("6");
    backend_is("2");
    assert_int_equal(offers, 1);
    assert_int_equal(disconnects, 1);
    assert_int_equal(said, 1);
    assert_int_equal(give_ups, 1);

    begin(state);
    offer_result = -ENOSPC;                     /* a grant is refused */
    backend_is("2");
    backend_is("2");
    backend_is("4");
    assert_int_equal(connects, 0);
    assert_int_equal(said, 1);
    assert_int_equal(give_ups, 1);

    begin(state);
    node_set("device/vbd/51712/backend-id", "70000");
    node_set(OTHER "/state", "2");
    changes("device/vbd/51712/backend", OTHER);
    assert_int_equal(said, 1);

    begin(state);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    changes("device/vbd/51712/backend", path);
    assert_int_equal(said, 1);
    assert_int_equal(give_ups, 1);
}

static void states_that_do_not_exist_are_not_heard(void **state)
{
    static const char *const states[] = { "9", "-1", "many", "", "99999999999999999999", "0", "3", "7", "8" };

    (void)state;
    connect_it();
    for (unsigned i = 0; i < ARRAY_SIZE(states); i++)
        backend_is(states[i]);
    assert_int_equal(disconnects + closings + said, 0);
    assert_int_equal(connects, 1);
}

static void given_up_while_in_use_it_works_when_attached_anew(void **state)
{
    (void)state;
    connect_it();
    frontend_give_up(frontend, "an answer to no request");
    frontend_give_up(frontend, "and another one");
    assert_int_equal(said, 1);
    assert_int_equal(own_state(), XenbusStateClosed);
    backend_is("6");
    assert_int_equal(own_state(), XenbusStateClosed);
    changes("device/vbd/51712/backend", NULL);
    node_set(BACKEND "/state", "2");
    changes("device/vbd/51712/backend", BACKEND);
    connect_it();
    assert_int_equal(connects, 2);
}

static void its_events_wake_the_threads_that_wait_for_it(void **state)
{
    (void)state;
    connect_it();
    assert_int_equal(wakes, 1);                 /* it is connected */
    port_event(frontend->ports[0]);
    assert_int_equal(wakes, 2);
    port_event(frontend->ports[1]);
    assert_int_equal(wakes, 3);
    port_event(frontend->ports[1] + 1);         /* another device's */
    assert_int_equal(wakes, 3);
    frontend_give_up(frontend, "an answer to no request");
    assert_int_equal(wakes, 4);
}

static void each_connection_has_ports_of_its_own(void **state)
{
    evtchn_port_t first;

    (void)state;
    connect_it();
    first = frontend->ports[0];
    backend_is("5");
    assert_int_equal(closed_port, 0);           /* the back end may still want to be told */
    backend_is("6");
    assert_int_equal(closed_port, first + 1);   /* the last of them */
    connect_it();
    assert_int_equal(frontend->ports[0], first + 2);
}

static void a_back_end_that_goes_is_given_time_to_answer(void **state)
{
    (void)state;
    connect_it();
    answers_after = 3;
    backend_is("5");
    assert_int_equal(stops, 1);
    assert_int_equal(answers_after, 0);
    assert_int_equal(own_state(), XenbusStateClosed);
    backend_is("6");
    connect_it();
    closings = 0;
    backend_is("5");                            /* and does not */
    assert_int_equal(closings, 1);
    assert_int_equal(own_state(), XenbusStateClosed);
    backend_is("6");
    connect_it();
    backend_is(NULL);                           /* one that is no more is not waited for */
    assert_int_equal(stops, 2);
}

static void without_a_port_nothing_is_shared(void **state)
{
    (void)state;
    port_result = -ENOSPC;
    backend_is("2");
    assert_int_equal(offers, 0);
    assert_int_equal(said, 1);
    assert_true(frontend_is_given_up(frontend));
}

static void pages_that_a_back_end_kept_are_shared_with_none_until_the_next_life(void **state)
{
    (void)state;
    connect_it();
    backend_is("5");
    keeps_pages = true;
    backend_is("6");
    assert_int_equal(said, 1);
    assert_true(frontend_is_given_up(frontend));
    changes("device/vbd/51712/backend", NULL);
    node_set(BACKEND "/state", "2");
    changes("device/vbd/51712/backend", BACKEND);
    backend_is("2");
    assert_int_equal(offers, 1);
    begin_new_life();
    assert_false(frontend_is_given_up(frontend));
    node_set(OTHER "/state", "2");
    changes("device/vbd/51712/backend", OTHER);
    changes(OTHER "/state", "2");
    assert_int_equal(offers, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_connects_step_by_step_and_each_once, begin),
        cmocka_unit_test_setup(there_is_none, begin),
        cmocka_unit_test_setup(one_that_closes_and_is_still_online_begins_anew, begin),
        cmocka_unit_test_setup(one_that_is_taken_away_and_another_that_comes, begin),
        cmocka_unit_test_setup(one_that_vanishes_or_starts_over_without_a_word, begin),
        cmocka_unit_test_setup(in_a_new_domain_it_follows_the_new_back_end, begin),
        cmocka_unit_test_setup(what_makes_no_sense_is_one_line_and_the_device_given_up, begin),
        cmocka_unit_test_setup(states_that_do_not_exist_are_not_heard, begin),
        cmocka_unit_test_setup(given_up_while_in_use_it_works_when_attached_anew, begin),
        cmocka_unit_test_setup(its_events_wake_the_threads_that_wait_for_it, begin),
        cmocka_unit_test_setup(each_connection_has_ports_of_its_own, begin),
        cmocka_unit_test_setup(a_back_end_that_goes_is_given_time_to_answer, begin),
        cmocka_unit_test_setup(without_a_port_nothing_is_shared, begin),
        cmocka_unit_test_setup(pages_that_a_back_end_kept_are_shared_with_none_until_the_next_life, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
