// SPDX-License-Identifier: Apache-2.0
/*
 * One request at a time: `turn` is held from its first byte to the answer's last. The turn's holder reads the ring; a
 * watch event that comes in between is noted in its watch. Without a request it is the watches' thread that reads. A
 * thread that has the turn holds (thread.h), so that nobody is frozen with it.
 *
 * xenstored is believed nothing: indices, lengths and tokens are checked, and a ring that makes no sense is given up
 * for this life.
 */
#include "dormouse/xen/xenbus.h"
#include <stdlib.h>

#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/suspend.h"
#include "dormouse/xen/value.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "machine/start.h"

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;
static bool broken;
static struct waitqueue moved = WAITQUEUE_INIT(moved);  /* an index of the ring */
static struct mutex turn = MUTEX_INIT(turn);
static uint32_t last_id;
static char payload[XENSTORE_PAYLOAD_MAX + 1];          /* of the message that was read last, with a NUL */

/*
 * One is in use iff it has a path. An event may come late, when its watch's place has another one: it is called once.
 */
static struct watch {
    const char *path;
    void (*fn)(void *);
    void *arg;
    bool due;
} watches[XENBUS_WATCHES];

static void store_event(evtchn_port_t p)
{
    (void)p;
    wake(&moved);
}

static void turn_take(void)
{
    thread_hold();
    mutex_lock(&turn);
}

static void turn_give(void)
{
    mutex_unlock(&turn);
    thread_release();
}

static int give_up(const char *why)
{
    if (!broken)
        print("dormouse: xenstore: %s: no more requests\n", why);
    broken = true;
    return -EIO;
}

/* Bytes that the ring's producer is ahead; more than the ring has: nonsense. */
static uint32_t filled(const XENSTORE_RING_IDX *prod, const XENSTORE_RING_IDX *cons)
{
    return __atomic_load_n(prod, __ATOMIC_ACQUIRE) - __atomic_load_n(cons, __ATOMIC_ACQUIRE);
}

static bool has_room(void *arg)
{
    (void)arg;
    return filled(&ring->req_prod, &ring->req_cons) != XENSTORE_RING_SIZE;
}

static bool has_data(void *arg)
{
    (void)arg;
    return filled(&ring->rsp_prod, &ring->rsp_cons) != 0;
}

static int ring_put(const void *data, size_t n)
{
    const char *from = data;

    for (size_t i = 0; i < n; i++) {
        if (!has_room(NULL)) {
            evtchn_send(port);
            wait_until(&moved, has_room, NULL, NEVER);
        }
        if (filled(&ring->req_prod, &ring->req_cons) > XENSTORE_RING_SIZE)
            return give_up("the ring's indices make no sense");
        ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = from[i];
        __atomic_store_n(&ring->req_prod, ring->req_prod + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

static int ring_get(void *data, size_t n)
{
    char *to = data;

    for (size_t i = 0; i < n; i++) {
        if (!has_data(NULL)) {
            evtchn_send(port);
            wait_until(&moved, has_data, NULL, NEVER);
        }
        if (filled(&ring->rsp_prod, &ring->rsp_cons) > XENSTORE_RING_SIZE)
            return give_up("the ring's indices make no sense");
        to[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
        __atomic_store_n(&ring->rsp_cons, ring->rsp_cons + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

/* A watch event's payload is the path and the token, which is the watch's number. */
static void note_watch(uint32_t length)
{
    size_t path = strnlen(payload, length);
    char *end;
    unsigned long number;

    if (path >= length)
        return;
    number = strtoul(payload + path + 1, &end, 10);
    if (end != payload + path + 1 && number < XENBUS_WATCHES)
        watches[number].due = watches[number].path;
}

/* Reads one message; its payload's length is message->len. */
static int message_get(struct xsd_sockmsg *message)
{
    int error = ring_get(message, sizeof(*message));

    if (error)
        return error;
    if (message->len > XENSTORE_PAYLOAD_MAX)
        return give_up("a message is too long");
    error = ring_get(payload, message->len);
    payload[message->len] = '\0';
    evtchn_send(port);
    if (!error && message->type == XS_WATCH_EVENT)
        note_watch(message->len);
    return error;
}

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int value;
    } errors[] = {
        { "EINVAL", EINVAL }, { "EACCES", EACCES }, { "EEXIST", EEXIST }, { "ENOENT", ENOENT }, { "ENOMEM", ENOMEM },
        { "ENOSPC", ENOSPC }, { "EAGAIN", EAGAIN }, { "EBUSY", EBUSY },   { "EPERM", EPERM },   { "E2BIG", E2BIG },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
        if (!strcmp(name, errors[i].name))
            return -errors[i].value;
    return -EIO;
}

/* The answer to request last_id is in `payload`; returns its length. */
static int answer_get(uint32_t type)
{
    struct xsd_sockmsg message;

    do {
        int error = message_get(&message);

        if (error)
            return error;
    } while (message.type == XS_WATCH_EVENT);
    if (message.req_id != last_id || (message.type != type && message.type != XS_ERROR))
        return give_up("an answer to no question");
    return message.type == XS_ERROR ? error_of(payload) : (int)message.len;
}

/* A request of one or two strings; each with the NUL where `nul` says so. With the turn. */
static int request(uint32_t type, const char *first, const char *second, bool nul)
{
    size_t a = strlen(first) + 1, b = second ? strlen(second) + nul : 0;
    struct xsd_sockmsg message = { .type = type, .req_id = ++last_id, .len = (uint32_t)(a + b) };
    int error;

    if (broken)
        return -EIO;
    if (a + b > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    error = ring_put(&message, sizeof(message));
    if (!error)
        error = ring_put(first, a);
    if (!error)
        error = ring_put(second, b);
    if (error)
        return error;
    evtchn_send(port);
    return answer_get(type);
}

int xenbus_read(const char *path, char *value, size_t size)
{
    int length;

    turn_take();
    length = request(XS_READ, path, NULL, true);
    if (length >= 0 && (size_t)length >= size)
        length = -E2BIG;
    if (length >= 0) {
        memcpy(value, payload, (size_t)length);
        value[length] = '\0';
    }
    turn_give();
    return length;
}

int xenbus_write(const char *path, const char *value)
{
    int result;

    turn_take();
    result = request(XS_WRITE, path, value, false);
    turn_give();
    return result < 0 ? result : 0;
}

/* XENBUS_PATH_MAX bytes; -E2BIG. */
static int path_join(char *path, const char *folder, const char *name)
{
    return snprintf(path, XENBUS_PATH_MAX, "%s/%s", folder, name) < XENBUS_PATH_MAX ? 0 : -E2BIG;
}

int xenbus_read_in(const char *folder, const char *name, char *value, size_t size)
{
    char path[XENBUS_PATH_MAX];
    int error = path_join(path, folder, name);

    return error ? error : xenbus_read(path, value, size);
}

int xenbus_write_in(const char *folder, const char *name, const char *value)
{
    char path[XENBUS_PATH_MAX];
    int error = path_join(path, folder, name);

    return error ? error : xenbus_write(path, value);
}

int xenbus_write_number(const char *folder, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lu", value);
    return xenbus_write_in(folder, name, text);
}

int xenbus_read_number(const char *folder, const char *name, uint64_t most, uint64_t *value)
{
    char text[24];
    int length = xenbus_read_in(folder, name, text, sizeof(text));

    if (length < 0)
        return length == -E2BIG ? -EINVAL : length;
    return value_number(text, most, value) ? 0 : -EINVAL;
}

/* XS_WATCH or XS_UNWATCH. With the turn. */
static int watch_request(uint32_t type, unsigned number)
{
    char token[8];
    int result;

    snprintf(token, sizeof(token), "%u", number);
    result = request(type, watches[number].path, token, true);
    return result < 0 ? result : 0;
}

int xenbus_watch(const char *path, void (*fn)(void *), void *arg)
{
    int number = 0, error = -ENOSPC;

    turn_take();
    while (number < XENBUS_WATCHES && watches[number].path)
        number++;
    if (number < XENBUS_WATCHES) {
        watches[number] = (struct watch){ .path = path, .fn = fn, .arg = arg };
        error = watch_request(XS_WATCH, (unsigned)number);
        if (error)
            watches[number] = (struct watch){};
    }
    turn_give();
    return error ? error : number;
}

/* Nobody can do anything about a refusal, and nobody is called any more in any case. */
void xenbus_unwatch(int number)
{
    turn_take();
    watch_request(XS_UNWATCH, (unsigned)number);
    watches[number] = (struct watch){};
    turn_give();
}

static bool lost;                   /* this domain's xenstored knows of no watches; the watches' thread's */

static struct watch *watch_due(void)
{
    for (unsigned i = 0; i < XENBUS_WATCHES; i++)
        if (watches[i].due)
            return &watches[i];
    return NULL;
}

static bool has_work(void *arg)
{
    (void)arg;
    return lost || watch_due() || (!broken && has_data(NULL));
}

/* Only watch events can be in the ring while nobody waits for an answer. With the turn. */
static void ring_drain(void)
{
    struct xsd_sockmsg message;

    while (!broken && has_data(NULL))
        if (!message_get(&message) && message.type != XS_WATCH_EVENT)
            give_up("an answer to no question");
}

/* In a new domain nobody knows them. The other threads do not wait for xenstored's answers: they run again by now. */
static void watches_set_again(void)
{
    turn_take();
    for (unsigned i = 0; i < XENBUS_WATCHES; i++)
        if (watches[i].path && watch_request(XS_WATCH, i))
            print("dormouse: xenstore: %s is not watched any more\n", watches[i].path);
    lost = false;
    turn_give();
}

static void watches_run(void *arg)
{
    (void)arg;
    for (;;) {
        struct watch *w;

        wait_until(&moved, has_work, NULL, NEVER);
        if (lost)
            watches_set_again();
        turn_take();
        ring_drain();
        turn_give();
        while ((w = watch_due())) {
            w->due = false;
            w->fn(w->arg);
        }
    }
}

static void connect(void)
{
    struct start_pages pages;

    start_pages_get(&pages);
    ring = pages.store;
    port = pages.store_port;
    broken = false;
    if (!ring)
        panic("this domain has no xenstore");
    evtchn_register(port, store_event);
}

void xenbus_init(void)
{
    connect();
    if (thread_start_service("xenbus", watches_run, NULL))
        panic("no memory for xenbus");
}

static int xenbus_enter(struct sleep *s)
{
    (void)s;
    turn_take();
    ring_drain();
    return 0;
}

static void xenbus_leave(struct sleep *s)
{
    if (suspend_is_new_domain(s)) {
        connect();
        lost = true;
    }
    turn_give();
}

const struct sleep_stage xenbus_stage = { .name = "xenbus", .enter = xenbus_enter, .leave = xenbus_leave };
