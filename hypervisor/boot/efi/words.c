// SPDX-License-Identifier: Apache-2.0
/* LoadOptions: UTF-16 without a promise of anything. */
#include "boot/efi/words.h"

#include "lib/string.h"

static char plain(unsigned c)
{
    if (c == '\t' || c == '\r' || c == '\n')
        return ' ';
    return c < ' ' || c > '~' ? '?' : (char)c;
}

static bool ends_in_efi(const char *word, size_t n)
{
    return n > 4 && word[n - 4] == '.' && (word[n - 3] | 0x20) == 'e' && (word[n - 2] | 0x20) == 'f' &&
           (word[n - 1] | 0x20) == 'i';
}

static void drop_own_name(char *text, size_t n)
{
    const char *space = strchr(text, ' ');
    size_t name = space ? (size_t)(space - text) : n;

    if (ends_in_efi(text, name))
        memmove(text, text + name, n - name + 1);
}

void efi_words(const void *options, uint64_t size, char *out, size_t room)
{
    const uint8_t *bytes = options;
    size_t n = 0;

    for (; n + 1 < room && n < size / 2; n++) {
        unsigned c = bytes[2 * n] | (unsigned)bytes[2 * n + 1] << 8;

        if (!c)
            break;
        out[n] = plain(c);
    }
    out[n] = 0;
    drop_own_name(out, n);
}
