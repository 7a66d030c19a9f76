// SPDX-License-Identifier: Apache-2.0
/*
 * The command line, word by word. The table below is all that it understands: each word's name, and the function that
 * reads its value.
 */
#include "base/options.h"

#include "base/cmdline.h"
#include "base/printk.h"
#include "lib/errno.h"
#include "lib/string.h"

#define DOM0_MEM_DEFAULT (512 * MIB)
#define CMDLINE_MAX      2048

struct options options;
static char cmdline[CMDLINE_MAX];

/* A part of the command line; not terminated. */
struct word {
    const char *text;
    size_t n;
};

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.n && !memcmp(w.text, text, w.n);
}

static bool word_starts(struct word w, const char *text)
{
    return w.n >= strlen(text) && !memcmp(w.text, text, strlen(text));
}

static struct word word_after(struct word w, size_t n)
{
    return (struct word){ w.text + n, w.n - n };
}

/* Takes the text before the first `stop` off *rest. */
static struct word word_take(struct word *rest, char stop)
{
    const char *end = rest->n ? memchr(rest->text, stop, rest->n) : NULL;
    struct word head = { rest->text, end ? (size_t)(end - rest->text) : rest->n };

    *rest = word_after(*rest, head.n + (end ? 1 : 0));
    return head;
}

static bool word_digit(struct word w, unsigned base, unsigned *digit)
{
    char c = w.n ? w.text[0] : ' ';

    if (c >= '0' && c <= '9')
        *digit = (unsigned)(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        *digit = (unsigned)((c | 0x20) - 'a') + 10;
    else
        return false;
    return *digit < base;
}

/* A number at the start of *w, decimal or 0x; *w is left behind it. -EINVAL: none, or too large. */
static int take_number(struct word *w, uint64_t *number)
{
    unsigned base = word_starts(*w, "0x") || word_starts(*w, "0X") ? 16 : 10, digit;
    const char *from;

    if (base == 16)
        *w = word_after(*w, 2);
    from = w->text;
    for (*number = 0; word_digit(*w, base, &digit); *w = word_after(*w, 1)) {
        if (*number > (UINT64_MAX - digit) / base)
            return -EINVAL;
        *number = *number * base + digit;
    }
    return w->text == from ? -EINVAL : 0;
}

static int read_count(struct word value, uint64_t limit, unsigned *out)
{
    uint64_t number;

    if (take_number(&value, &number) || value.n || number > limit)
        return -EINVAL;
    *out = (unsigned)number;
    return 0;
}

/* Bytes, with B, K, M, G or T behind them; without, in units of 2^shift. */
static int read_bytes(struct word value, unsigned shift, uint64_t *bytes)
{
    static const struct { char suffix; unsigned shift; } units[] = {
        { 'b', 0 }, { 'k', 10 }, { 'm', 20 }, { 'g', 30 }, { 't', 40 },
    };
    uint64_t number;

    if (take_number(&value, &number) || value.n > 1)
        return -EINVAL;
    if (value.n) {
        unsigned i = 0;

        while (i < ARRAY_SIZE(units) && units[i].suffix != (value.text[0] | 0x20))
            i++;
        if (i == ARRAY_SIZE(units))
            return -EINVAL;
        shift = units[i].shift;
    }
    if (number >= BIT(48) >> shift)
        return -EINVAL;
    *bytes = number << shift;
    return 0;
}

/* Without a letter it is in KiB, as in Xen. */
static int read_size(struct word value, uint64_t *bytes) { return read_bytes(value, 10, bytes); }

static int read_bool(struct word value, bool *out)
{
    static const char *const yes[] = { "", "yes", "on", "true", "enable", "1" };
    static const char *const no[] = { "no", "off", "false", "disable", "0" };

    for (unsigned i = 0; i < ARRAY_SIZE(yes); i++)
        if (word_is(value, yes[i])) {
            *out = true;
            return 0;
        }
    for (unsigned i = 0; i < ARRAY_SIZE(no); i++)
        if (word_is(value, no[i])) {
            *out = false;
            return 0;
        }
    return -EINVAL;
}

/* dom0_mem=SIZE[,min:SIZE][,max:SIZE] */
static int read_dom0_mem(struct word value)
{
    uint64_t size = 0, least = 0, most = 0;

    while (value.n) {
        struct word part = word_take(&value, ',');
        int err;

        if (word_starts(part, "min:"))
            err = read_size(word_after(part, 4), &least);
        else if (word_starts(part, "max:"))
            err = read_size(word_after(part, 4), &most);
        else
            err = read_size(part, &size);
        if (err)
            return err;
    }
    if (!size)
        size = most;
    size = max_u64(size, least);
    if (!size || (most && most < size))
        return -EINVAL;
    options.dom0_mem = size;
    options.dom0_mem_max = most;
    options.dom0_mem_given = true;
    return 0;
}

static int read_dom0_max_vcpus(struct word value)
{
    return read_count(value, 128, &options.dom0_max_vcpus);
}

static int read_maxcpus(struct word value)
{
    return read_count(value, 4096, &options.maxcpus);
}

/* console=dtuart|none; of a list, every part counts. */
static int read_console(struct word value)
{
    bool uart = false;

    while (value.n) {
        struct word part = word_take(&value, ',');

        if (word_is(part, "dtuart"))
            uart = true;
        else if (!word_is(part, "none"))
            return -EINVAL;
    }
    options.uart_console = uart;
    return 0;
}

static int read_text(struct word value, char *out, size_t room)
{
    if (!value.n || value.n >= room)
        return -EINVAL;
    memcpy(out, value.text, value.n);
    out[value.n] = 0;
    return 0;
}

static int read_dtuart(struct word value)
{
    return read_text(value, options.dtuart, sizeof(options.dtuart));
}

/* earlycon=KIND[,ADDRESS[,SHIFT]] */
static int read_earlycon(struct word value)
{
    struct word kind = word_take(&value, ','), address = word_take(&value, ',');
    unsigned shift = 0;
    uint64_t at = 0;

    if ((address.n && (take_number(&address, &at) || address.n || at >= BIT(48))) ||
        (value.n && read_count(value, 4, &shift)))
        return -EINVAL;
    options.earlycon_at = at;
    options.earlycon_shift = shift;
    return read_text(kind, options.earlycon, sizeof(options.earlycon));
}

/*
 * conswitch=<letter>[x]: x keeps the input with the hypervisor; a character that is no letter switches the switching
 * off.
 */
static int read_conswitch(struct word value)
{
    if (value.n < 1 || value.n > 2 || (value.n == 2 && value.text[1] != 'x'))
        return -EINVAL;
    options.console_switch = (char)(value.text[0] | 0x20);
    if (options.console_switch < 'a' || options.console_switch > 'z')
        options.console_switch = 0;
    options.console_switch_to_dom0 = value.n == 1;
    return 0;
}

static int read_console_wakeup(struct word value)
{
    return read_bool(value, &options.console_wakeup);
}

static int read_noreboot(struct word value)
{
    return read_bool(value, &options.noreboot);
}

static int read_guest_ptp(struct word value)
{
    return read_bool(value, &options.guest_ptp);
}

static int read_iommu(struct word value)
{
    return read_bool(value, &options.iommu);
}

/* crashkernel=SIZE[@ADDRESS]: whole blocks of 2 MiB, which Linux on arm64 wants, not higher than 48 bits. */
static int read_crashkernel(struct word value)
{
    uint64_t size, at = 0;
    struct word part = word_take(&value, '@');

    if (read_size(part, &size) || (value.n && read_bytes(value, 0, &at)))
        return -EINVAL;
    if (!size || (size | at) & (2 * MIB - 1) || at + size > BIT(48))
        return -EINVAL;
    options.crashkernel = size;
    options.crashkernel_at = at;
    return 0;
}

static int read_sched(struct word value)
{
    return word_is(value, "credit2") ? 0 : -EINVAL;
}

static int read_xsm(struct word value)
{
    return word_is(value, "dummy") ? 0 : -EINVAL;
}

/* Free memory is always zeroed before it is given out, output is always synchronous, every message is kept. */
static int accept(struct word value)
{
    (void)value;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct word value);
} table[] = {
    { "dom0_mem", read_dom0_mem },
    { "dom0_max_vcpus", read_dom0_max_vcpus },
    { "maxcpus", read_maxcpus },
    { "console", read_console },
    { "dtuart", read_dtuart },
    { "earlycon", read_earlycon },
    { "conswitch", read_conswitch },
    { "console_wakeup", read_console_wakeup },
    { "noreboot", read_noreboot },
    { "guest_ptp", read_guest_ptp },
    { "crashkernel", read_crashkernel },
    { "iommu", read_iommu },
    { "sched", read_sched },
    { "xsm", read_xsm },
    { "bootscrub", accept },
    { "sync_console", accept },
    { "loglvl", accept },
    { "guest_loglvl", accept },
    { "console_timestamps", accept },
    { "placeholder", accept },   /* GRUB's, where a kernel's name would be */
    { "no-real-mode", accept },  /* Debian's GRUB passes this and the next to any Xen: a PC's */
    { "edd", accept },
};

static void read_word(struct word w)
{
    struct word value = w, name = word_take(&value, '=');

    for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
        if (!word_is(name, table[i].name))
            continue;
        if (table[i].read(value))
            printk("torpor: option \"%.*s\": its value is not understood and the default is used; see "
                   "docs/command-line.md",
                   (int)min_u64(w.n, OPTION_TEXT), w.text);
        return;
    }
    printk("torpor: unknown option \"%.*s\" ignored; see docs/command-line.md", (int)min_u64(w.n, OPTION_TEXT), w.text);
}

static void set_defaults(void)
{
    memset(&options, 0, sizeof(options));
    options.dom0_mem = DOM0_MEM_DEFAULT;
    options.uart_console = true;
    options.iommu = true;
    options.console_switch = 'a';
    options.console_switch_to_dom0 = true;
}

void options_parse(const char *text)
{
    struct word rest = { cmdline, strnlen(text, sizeof(cmdline) - 1) };

    if (text[rest.n])
        printk("torpor: the command line is longer than %u characters; the rest is ignored", CMDLINE_MAX - 1);
    memcpy(cmdline, text, rest.n);
    cmdline[rest.n] = 0;
    set_defaults();
    while (rest.n) {
        struct word w = word_take(&rest, ' ');

        if (w.n)
            read_word(w);
    }
    if (!options.dom0_mem_given)
        printk("torpor: no dom0_mem= given: dom0 gets %llu MiB", (unsigned long long)(DOM0_MEM_DEFAULT / MIB));
}

const char *cmdline_text(void)
{
    return cmdline;
}
