// SPDX-License-Identifier: Apache-2.0
/*
 * A configuration is lines: "[section]", "key=value", comments ('#' in front), nothing. It is made into texts where it
 * stands, once, and looked through again for each key: there are five.
 */
#include "boot/efi/config.h"

#include "lib/string.h"

#define GLOBAL "global"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *text)
{
    while (is_blank(*text))
        text++;
    return text;
}

/* Ends the word that `text` begins with, and returns what follows. */
static char *cut_word(char *text)
{
    while (*text && !is_blank(*text))
        text++;
    if (*text)
        *text++ = 0;
    return skip_blanks(text);
}

const char *efi_wish_read(char *words, struct efi_wish *wish)
{
    *wish = (struct efi_wish){ 0 };
    for (char *word = skip_blanks(words), *next; *word; word = next) {
        next = cut_word(word);
        if (!strcmp(word, "--")) {
            wish->options = next;
            return NULL;
        }
        if (!strncmp(word, "-cfg=", 5) && word[5] && !wish->file)
            wish->file = word + 5;
        else if (word[0] != '-' && !wish->section)
            wish->section = word;
        else
            return word;
    }
    return NULL;
}

/* --- Lines --- */

static char *line_after(const struct efi_config *c, char *line)
{
    char *next = line + strlen(line) + 1;

    return next < c->text + c->size ? next : NULL;
}

static char *first_line(const struct efi_config *c)
{
    return c->size ? c->text : NULL;
}

static const char *check_line(const char *line)
{
    size_t n = strlen(line);

    for (size_t i = 0; i < n; i++)
        if ((line[i] < ' ' && line[i] != '\t') || line[i] > '~')
            return "not plain ASCII text";
    if (line[0] == '[')
        return n < 3 || line[n - 1] != ']' ? "a section's name is not in brackets" : NULL;
    return strchr(line, '=') ? NULL : "neither a [section] nor KEY=VALUE";
}

/* Without blanks behind it; a comment is nothing. */
static const char *tidy_line(char *line, size_t n)
{
    char *begin = skip_blanks(line);

    while (n && is_blank(line[n - 1]))
        line[--n] = 0;
    if (*begin && *begin != '#')
        return check_line(begin);
    memset(line, 0, n);
    return NULL;
}

/* Line ends become NULs: where there are two, an empty line is between them. */
static const char *cut_line(char *text, size_t size, size_t *n)
{
    size_t length = 0;

    while (length < size && text[length] != '\n' && text[length])
        length++;
    *n = length + 1;
    if (length < size && !text[length])
        return "not plain ASCII text";
    if (length >= EFI_CONFIG_LINE)
        return "longer than 2047 characters";
    text[length] = 0;
    if (length && text[length - 1] == '\r')
        text[--length] = 0;
    return tidy_line(text, length);
}

const char *efi_config_open(struct efi_config *c, char *text, size_t size, unsigned *line)
{
    const char *why = NULL;

    *c = (struct efi_config){ .text = text, .size = size };
    *line = 0;
    for (size_t at = 0, n; at < size && !why; at += n) {
        why = cut_line(text + at, size - at, &n);
        ++*line;
    }
    return why;
}

/* --- Values --- */

static bool is_section(const char *line, const char *name)
{
    size_t n = strlen(name);

    return line[0] == '[' && !strncmp(line + 1, name, n) && line[n + 1] == ']' && !line[n + 2];
}

/* NULL: it is not that key. */
static char *value_of(char *line, const char *key)
{
    size_t n = strlen(key);

    if (strncmp(line, key, n))
        return NULL;
    line = skip_blanks(line + n);
    return *line == '=' ? skip_blanks(line + 1) : NULL;
}

static char *find(const struct efi_config *c, const char *section, const char *key)
{
    bool here = !section;

    for (char *line = first_line(c); line; line = line_after(c, line)) {
        char *begin = skip_blanks(line), *value;

        if (section && *begin == '[')
            here = is_section(begin, section);
        value = here ? value_of(begin, key) : NULL;
        if (value)
            return value;
    }
    return NULL;
}

bool efi_config_choose(struct efi_config *c, const char *section)
{
    c->section = section ? section : find(c, GLOBAL, "default");
    if (!c->section)
        return true;
    for (char *line = first_line(c); line; line = line_after(c, line))
        if (is_section(skip_blanks(line), c->section))
            return true;
    return false;
}

char *efi_config_value(const struct efi_config *c, const char *key)
{
    char *value = find(c, c->section, key);

    return value || !c->section ? value : find(c, GLOBAL, key);
}
