// SPDX-License-Identifier: Apache-2.0
/*
 * Three things see to it that the machine comes back. A thread here counts seconds without a sign of life, of a disk
 * that does not answer above all. The kernel panics, and so restarts, when a CPU or a task of its own stands still
 * (IMAGE_KERNEL_WORDS). Where all of it stands still, the machine's watchdog is not fed any more, if it has one
 * (Linux Documentation/watchdog/watchdog-api.rst).
 *
 * Invariant: the watchdog is fed only while signs of life come.
 */
#include "tools/keeper/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "tools/keeper/keeper.h"

#define PATIENCE_S 120

static atomic_uint signs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int device = -1;   /* under the lock; -1: there is none, or it is off */

void watchdog_alive(void) { atomic_fetch_add_explicit(&signs, 1, memory_order_relaxed); }

static void feed(void)
{
    pthread_mutex_lock(&lock);
    if (device >= 0)
        (void)ioctl(device, WDIOC_KEEPALIVE, 0);
    pthread_mutex_unlock(&lock);
}

static void *watch(void *context)
{
    unsigned seen = atomic_load(&signs), still = 0;

    (void)context;
    while (still < PATIENCE_S) {
        unsigned now = atomic_load(&signs);

        still = now == seen ? still + 1 : 0;
        seen = now;
        feed();
        sleep(1);
    }
    say("nothing has gone on for %d s; the machine starts anew", PATIENCE_S);
    (void)reboot(RB_AUTOBOOT);
    return NULL;
}

void watchdog_start(void)
{
    int timeout = PATIENCE_S;
    struct watchdog_info info = { 0 };
    pthread_t thread;

    device = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
    if (device >= 0) {
        if (ioctl(device, WDIOC_SETTIMEOUT, &timeout))
            (void)ioctl(device, WDIOC_GETTIMEOUT, &timeout);   /* it cannot wait as long */
        (void)ioctl(device, WDIOC_GETSUPPORT, &info);
        say("the machine's watchdog (%.32s) bites after %d s", (const char *)info.identity, timeout);
    }
    if (pthread_create(&thread, NULL, watch, NULL) == 0)
        pthread_detach(thread);
    else
        watchdog_stop();   /* nobody would feed it */
}

void watchdog_stop(void)
{
    pthread_mutex_lock(&lock);
    if (device >= 0) {
        (void)!write(device, "V", 1);   /* else it goes on when it is closed */
        close(device);
    }
    device = -1;
    pthread_mutex_unlock(&lock);
}
