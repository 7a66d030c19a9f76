// SPDX-License-Identifier: Apache-2.0
#include "lib/print.h"

#include "lib/string.h"

struct sink {
    char *buf;
    size_t size;
    size_t length;  /* of the whole text, stored or not */
};

struct spec {
    bool left, zero, alternate;
    int width;
    int precision;  /* -1: none given */
    int longs;      /* 0: int, 1: long, 2: long long; all wider ones are 64 bits */
};

static void put(struct sink *s, char c)
{
    if (s->length + 1 < s->size)
        s->buf[s->length] = c;
    s->length++;
}

static void put_padded(struct sink *s, const struct spec *sp, const char *text, size_t n)
{
    int pad = sp->width > (int)n ? sp->width - (int)n : 0;

    for (int i = 0; !sp->left && i < pad; i++)
        put(s, ' ');
    for (size_t i = 0; i < n; i++)
        put(s, text[i]);
    for (int i = 0; sp->left && i < pad; i++)
        put(s, ' ');
}

static void put_number(struct sink *s, const struct spec *sp, uint64_t value, bool negative, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[72];
    size_t n = sizeof(text);
    int minimum = sp->precision >= 0 ? sp->precision : (sp->zero && !sp->left ? sp->width - negative : 1);

    if (sp->alternate && base == 16 && sp->zero)
        minimum -= 2;
    if (minimum > 60)
        minimum = 60;
    for (int count = 0; value || count < minimum; count++) {
        text[--n] = digits[value % base];
        value /= base;
    }
    if (sp->alternate && base == 16) {
        text[--n] = 'x';
        text[--n] = '0';
    }
    if (negative)
        text[--n] = '-';
    put_padded(s, sp, text + n, sizeof(text) - n);
}

static const char *parse_spec(const char *f, struct spec *sp, va_list *ap)
{
    *sp = (struct spec){ .precision = -1 };
    for (;; f++) {
        if (*f == '-')
            sp->left = true;
        else if (*f == '0')
            sp->zero = true;
        else if (*f == '#')
            sp->alternate = true;
        else
            break;
    }
    if (*f == '*') {
        sp->width = va_arg(*ap, int);
        f++;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        sp->width = sp->width * 10 + (*f - '0');
    if (*f == '.') {
        sp->precision = 0;
        if (*++f == '*') {
            sp->precision = va_arg(*ap, int);
            f++;
        }
        for (; *f >= '0' && *f <= '9'; f++)
            sp->precision = sp->precision * 10 + (*f - '0');
    }
    for (; *f == 'l' || *f == 'z' || *f == 'h'; f++)
        sp->longs += *f != 'h';
    return f;
}

static void put_string(struct sink *s, const struct spec *sp, const char *text)
{
    if (!text)
        text = "(null)";
    put_padded(s, sp, text, sp->precision >= 0 ? strnlen(text, (size_t)sp->precision) : strlen(text));
}

static void put_conversion(struct sink *s, char conversion, struct spec *sp, va_list *ap)
{
    switch (conversion) {
    case 'd':
    case 'i': {
        int64_t v = sp->longs ? va_arg(*ap, int64_t) : va_arg(*ap, int);

        put_number(s, sp, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, 10, false);
        break;
    }
    case 'u':
    case 'x':
    case 'X':
        put_number(s, sp, sp->longs ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), false,
                   conversion == 'u' ? 10 : 16, conversion == 'X');
        break;
    case 'p':
        sp->alternate = true;
        put_number(s, sp, (uint64_t)va_arg(*ap, void *), false, 16, false);
        break;
    case 'c':
        put_padded(s, sp, &(char){ (char)va_arg(*ap, int) }, 1);
        break;
    case 's':
        put_string(s, sp, va_arg(*ap, const char *));
        break;
    default:
        put(s, conversion);
        break;
    }
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct sink s = { buf, size, 0 };
    va_list ap;

    va_copy(ap, args);
    for (const char *f = fmt; *f; f++) {
        struct spec sp;

        if (*f != '%') {
            put(&s, *f);
            continue;
        }
        f = parse_spec(f + 1, &sp, &ap);
        if (!*f)
            break;
        put_conversion(&s, *f, &sp, &ap);
    }
    va_end(ap);
    if (size)
        buf[s.length < size ? s.length : size - 1] = '\0';
    return (int)s.length;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
