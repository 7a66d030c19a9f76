// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's keys: one letter, one dump. The table is filled at boot and only read from then on. Three keys are
 * this file's own: the list, the reset, and the crash.
 */
#include "base/printk.h"
#include "dev/console.h"
#include "dev/psci.h"
#include "lib/errno.h"

#define KEYS_MAX 32

static struct key {
    char key;
    void (*show)(char key);
    const char *help;
} keys[KEYS_MAX];
static unsigned count;

static const struct key *key_find(char key)
{
    for (unsigned i = 0; i < count; i++)
        if (keys[i].key == key)
            return &keys[i];
    return NULL;
}

int console_key_register(char key, void (*show)(char key), const char *help)
{
    if (key_find(key))
        return -EBUSY;
    if (count == KEYS_MAX)
        return -ENOSPC;
    keys[count++] = (struct key){ key, show, help };
    return 0;
}

static void show_keys(void)
{
    printk("keys: 'h' lists the keys");
    printk("keys: 'R' resets the machine");
    printk("keys: 'C' crashes it, to see how it ends here");
    for (unsigned i = 0; i < count; i++)
        printk("keys: '%c' %s", keys[i].key, keys[i].help);
}

void console_debug_key(char key)
{
    const struct key *k = key_find(key);

    if (k) {
        printk("keys: '%c' pressed: %s", key, k->help);
        k->show(key);
    } else if (key == 'h' || key == '*') {
        show_keys();
    } else if (key == 'R') {
        printk("keys: 'R' pressed: resetting the machine");
        psci_system_reset();
    } else if (key == 'C') {
        panic("key 'C' was pressed");
    }
}
