// SPDX-License-Identifier: Apache-2.0
/*
 * The elements of pictures: SVG 1.1, all lengths in pixels. Texts are printable ASCII and escaped here; `style` is
 * further attributes, written by the program and by nobody else. Whether writing went well is for the caller to ask
 * ferror().
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "tools/timeline.h"

#define SVG_WIDTH    1180.0
#define SVG_MARGIN   24.0
#define SVG_SMALLEST 1.5      /* a bar that is shorter would not be seen */

#define PALEST      "#f6f8fa"
#define GRID        "#d8dee4"
#define INK         "#1f2328"
#define PALE_INK    "#59636e"
#define NIGHT_SKY   "#1b2440"
#define NIGHT_INK   "#c3cbe0"
#define ENTER       "#3b78c3"
#define LEAVE       "#e09a2b"
#define FAILED      "#cf3f36"
#define LEAVE_INK   "#a5690c"
#define NOTE_ENTER  "#9dc0e8"
#define NOTE_LEAVE  "#f2cf94"

void svg_begin(FILE *out, double height);
void svg_end(FILE *out);
void svg_escaped(FILE *out, const char *text);
void svg_text(FILE *out, double x, double y, const char *style, const char *text);
void svg_box(FILE *out, double x, double y, double width, double height, const char *fill);
/* From top to bottom. */
void svg_line(FILE *out, double x, double from, double to, const char *stroke);

/* timeline_duration() to three digits, as exactly as a picture is read. */
const char *svg_duration(char text[TIMELINE_DURATION_SIZE], uint64_t ns);

/*
 * Steps of an axis: the smallest 1, 2 or 5 times a power of ten nanoseconds that is at least so many pixels wide; and
 * such a number as text, in the largest unit that it is a multiple of.
 */
uint64_t svg_tick_step(double pixels_per_ns, double pixels);
#define SVG_TICK_SIZE 48
const char *svg_tick(char text[SVG_TICK_SIZE], uint64_t ns, const char *sign);

double svg_clamp(double v, double low, double high);
