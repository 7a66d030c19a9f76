// SPDX-License-Identifier: Apache-2.0
/* See svg.h. */
#include "tools/svg.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

void svg_begin(FILE *out, double height)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "font-family=\"DejaVu Sans, Verdana, Helvetica, sans-serif\">\n",
            SVG_WIDTH, height, SVG_WIDTH, height);
    svg_box(out, 0, 0, SVG_WIDTH, height, "#ffffff");
}

void svg_end(FILE *out) { fputs("</svg>\n", out); }

/* XML 1.0, 2.4; the strings are printable ASCII. */
void svg_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        default: putc(*text, out);
        }
    }
}

void svg_text(FILE *out, double x, double y, const char *style, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
    svg_escaped(out, text);
    fputs("</text>\n", out);
}

void svg_box(FILE *out, double x, double y, double width, double height, const char *fill)
{
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y, width, height,
            fill);
}

void svg_line(FILE *out, double x, double from, double to, const char *stroke)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x, from, x, to, stroke);
}

const char *svg_duration(char text[TIMELINE_DURATION_SIZE], uint64_t ns)
{
    char *point = strchr(timeline_duration(text, ns), '.');

    if (point) {
        ptrdiff_t decimals = 3 - (point - text);
        char *unit = strchr(point, ' ');

        memmove(decimals > 0 ? point + 1 + decimals : point, unit, strlen(unit) + 1);
    }
    return text;
}

uint64_t svg_tick_step(double pixels_per_ns, double pixels)
{
    static const unsigned factors[] = { 1, 2, 5 };

    for (uint64_t power = 1;; power *= 10) {
        for (unsigned i = 0; i < 3; i++)
            if ((double)power * factors[i] * pixels_per_ns >= pixels || power > UINT64_MAX / 100)
                return power * factors[i];
    }
}

const char *svg_tick(char text[SVG_TICK_SIZE], uint64_t ns, const char *sign)
{
    static const struct { const char *name; uint64_t ns; } units[] = {
        { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 } };
    unsigned u = 0;

    while (ns % units[u].ns)
        u++;
    if (ns)
        snprintf(text, SVG_TICK_SIZE, "%s%" PRIu64 " %s", sign, ns / units[u].ns, units[u].name);
    else
        snprintf(text, SVG_TICK_SIZE, "0");
    return text;
}

double svg_clamp(double v, double low, double high) { return v < low ? low : v > high ? high : v; }
