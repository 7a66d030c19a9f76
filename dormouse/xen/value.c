// SPDX-License-Identifier: Apache-2.0
#include "dormouse/xen/value.h"

#include "lib/string.h"

bool value_number(const char *text, uint64_t most, uint64_t *value)
{
    uint64_t n = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
            return false;
    }
    if (n > most)
        return false;
    *value = n;
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool value_mac(const char *text, uint8_t mac[6])
{
    if (strlen(text) != 17)
        return false;
    for (unsigned i = 0; i < 6; i++) {
        int high = digit_of(text[3 * i]), low = digit_of(text[3 * i + 1]);

        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
