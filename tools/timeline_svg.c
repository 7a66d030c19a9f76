// SPDX-License-Identifier: Apache-2.0
/*
 * A record of a sleep as a picture: time from left to right, a row for each stage in the order of entering, below it
 * thinner rows for the CPUs and domains that it dealt with. Going down is a staircase that leads to the sleep, coming
 * up one that leads out of it.
 *
 * The sleep is a thousand times longer than all the rest, so the axis is broken there: both sides have one scale, and
 * between them stands a night of fixed width with how long it was and what ended it. A sleep that was turned back has
 * no night.
 */
#include "tools/timeline.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tools/svg.h"

/* All in pixels. */
#define WIDTH       SVG_WIDTH
#define MARGIN      SVG_MARGIN
#define LABELS      150.0    /* the rows' names, left of the time */
#define NIGHT       170.0
#define SMALLEST_NIGHT 150.0  /* its height: for the text in it */
#define HEADER      120.0
#define STAGE_ROW   26.0
#define NOTE_ROW    17.0
#define FOOTER      62.0
#define TEXT_WIDTH  6.4      /* of a character of a bar's caption, on average */

struct row {
    const struct timeline_event *of;   /* an event of this stage, or a note of this CPU or domain */
    unsigned stage;                    /* the row of the stage that it belongs to; its own for a stage */
    double top, height;                /* a stage's with its notes */
};

struct picture {
    FILE *out;
    const struct timeline *t;
    bool slept;
    uint64_t turn, end;                /* of the clock that does not count the sleep */
    double scale;                      /* pixels for a nanosecond */
    double down_left, night_left, up_left;
    unsigned row_count;
    double bottom;                     /* of the last row */
    struct row rows[TIMELINE_MAX_EVENTS];
};

/* --- rows */

static bool same_row(const struct timeline_event *a, const struct timeline_event *b)
{
    if (timeline_is_stage(a) || timeline_is_stage(b))
        return timeline_is_stage(a) && timeline_is_stage(b) && strcmp(a->name, b->name) == 0;
    return a->kind == b->kind && a->id == b->id;
}

/*
 * The stage's event that a note lies within, or NULL: the stage's may be one of those that did not fit into the record.
 */
static const struct timeline_event *note_stage(const struct timeline *t, const struct timeline_event *note)
{
    const struct timeline_event *best = NULL;

    for (unsigned i = 0; i < t->event_count; i++) {
        const struct timeline_event *e = &t->events[i];

        if (timeline_is_stage(e) && e->start <= note->start && note->end <= e->end &&
            (!best || e->end - e->start < best->end - best->start))
            best = e;
    }
    return best;
}

#define NO_ROW UINT32_MAX

static unsigned find_row(const struct picture *p, const struct timeline_event *e, unsigned stage)
{
    for (unsigned i = 0; i < p->row_count; i++) {
        if (same_row(p->rows[i].of, e) && (timeline_is_stage(e) || p->rows[i].stage == stage))
            return i;
    }
    return NO_ROW;
}

static unsigned note_stage_row(const struct picture *p, const struct timeline_event *note)
{
    const struct timeline_event *stage = note_stage(p->t, note);

    return stage ? find_row(p, stage, NO_ROW) : NO_ROW;
}

static unsigned event_row(const struct picture *p, const struct timeline_event *e)
{
    return find_row(p, e, timeline_is_stage(e) ? NO_ROW : note_stage_row(p, e));
}

static void add_row(struct picture *p, const struct timeline_event *e, unsigned stage)
{
    if (find_row(p, e, stage) != NO_ROW)
        return;
    p->rows[p->row_count] = (struct row){ .of = e,
                                          .stage = stage == NO_ROW && timeline_is_stage(e) ? p->row_count : stage };
    p->row_count++;
}

/* Places the notes' rows with this stage (NO_ROW: those that belong to none) from `top` on; returns where they end. */
static double place_notes(struct picture *p, unsigned stage, double top)
{
    for (unsigned i = 0; i < p->row_count; i++) {
        if (!timeline_is_stage(p->rows[i].of) && p->rows[i].stage == stage) {
            p->rows[i].top = top;
            top += NOTE_ROW;
        }
    }
    return top;
}

static void make_rows(struct picture *p)
{
    const struct timeline *t = p->t;
    double top = HEADER;

    for (unsigned i = 0; i < t->event_count; i++)
        if (timeline_is_stage(&t->events[i]))
            add_row(p, &t->events[i], NO_ROW);
    for (unsigned i = 0; i < t->event_count; i++)
        if (t->events[i].kind == TIMELINE_CPU || t->events[i].kind == TIMELINE_DOMAIN)
            add_row(p, &t->events[i], note_stage_row(p, &t->events[i]));
    for (unsigned i = 0; i < p->row_count; i++) {
        if (timeline_is_stage(p->rows[i].of)) {
            p->rows[i].top = top;
            top = place_notes(p, i, top + STAGE_ROW);
            p->rows[i].height = top - p->rows[i].top;
        }
    }
    top = place_notes(p, NO_ROW, top);
    p->bottom = p->slept && top < HEADER + SMALLEST_NIGHT ? HEADER + SMALLEST_NIGHT : top;
}

/* --- time */

static void make_scale(struct picture *p)
{
    double left = MARGIN + LABELS, space = WIDTH - MARGIN - left - (p->slept ? NIGHT : 0);
    double down = (double)(p->slept ? p->turn : p->end), up = p->slept ? (double)(p->end - p->turn) : 0;
    double down_space = p->slept ? space * svg_clamp(down / (down + up + 1), 0.25, 0.75) : space;

    p->scale = down_space / (down + 1);
    if (p->slept && (space - down_space) / (up + 1) < p->scale)
        p->scale = (space - down_space) / (up + 1);
    p->night_left = left + down_space;
    p->up_left = p->night_left + (p->slept ? NIGHT : 0);
    p->down_left = p->slept ? p->night_left - down * p->scale : left;
}

static void put_tick(const struct picture *p, double x, uint64_t ns, const char *sign)
{
    char text[SVG_TICK_SIZE];

    svg_line(p->out, x, HEADER, p->bottom, GRID);
    svg_text(p->out, x, HEADER - 8, "font-size=\"11\" fill=\"" PALE_INK "\" text-anchor=\"middle\"",
             svg_tick(text, ns, sign));
}

/* Ticks for so many nanoseconds from `left` on, where `at` is; none whose number would stand beyond `until`. */
static void put_ticks(const struct picture *p, double left, uint64_t at, uint64_t ns, const char *sign, double until)
{
    uint64_t step = svg_tick_step(p->scale, 80);

    while (at <= ns && left + (double)at * p->scale <= until) {
        put_tick(p, left + (double)at * p->scale, at, sign);
        at = ns - at < step ? UINT64_MAX : at + step;
    }
}

static void put_axis(const struct picture *p)
{
    char duration[TIMELINE_DURATION_SIZE], text[64];

    if (!p->slept) {
        put_ticks(p, p->down_left, 0, p->end, "", WIDTH - MARGIN - 16);
        return;
    }
    put_ticks(p, p->down_left, 0, p->turn, "", p->night_left - 24);
    put_ticks(p, p->up_left, svg_tick_step(p->scale, 80), p->end - p->turn, "+", WIDTH - MARGIN - 16);
    snprintf(text, sizeof(text), "going down: %s", svg_duration(duration, p->t->down));
    svg_text(p->out, p->night_left - 14, HEADER - 30,
             "font-size=\"13\" font-weight=\"bold\" fill=\"" ENTER "\" text-anchor=\"end\"", text);
    snprintf(text, sizeof(text), "coming up: %s", svg_duration(duration, p->t->up));
    svg_text(p->out, p->up_left + 14, HEADER - 30,
             "font-size=\"13\" font-weight=\"bold\" fill=\"" LEAVE_INK "\"", text);
}

/* --- bars */

static void event_caption(const struct timeline_event *e, uint64_t ns, char *text, size_t size)
{
    char duration[TIMELINE_DURATION_SIZE];
    bool stage = timeline_is_stage(e);

    snprintf(text, size, "%s%s%s%s%s", stage ? "" : e->name, stage ? "" : " ", svg_duration(duration, ns),
             e->result ? ": " : "", e->result ? strerror(-e->result) : "");
}

static const char *event_fill(const struct timeline_event *e, bool after)
{
    if (e->result)
        return FAILED;
    if (timeline_is_stage(e))
        return e->kind == TIMELINE_LEAVE || after ? LEAVE : ENTER;
    return after ? NOTE_LEAVE : NOTE_ENTER;
}

/* Where captions may stand: bars on one side of the turn keep theirs on that side. */
struct side {
    double left, right;
};

static struct side caption_side(const struct picture *p, bool after)
{
    struct side side = { MARGIN + LABELS, WIDTH - MARGIN - 4 };
    double turn = p->down_left + (double)p->turn * p->scale;

    if (p->slept && after)
        side.left = p->up_left;
    else if (p->slept)
        side.right = p->night_left - 8;
    else if (p->turn <= p->end && after)
        side.left = turn;
    else if (p->turn <= p->end)
        side.right = turn - 4;
    return side;
}

/* The caption is after the bar; before it where there is no room; and in it where there is none either. */
static void put_caption(const struct picture *p, double x, double width, double y, struct side side, bool stage,
                        const char *text)
{
    double need = TEXT_WIDTH * (double)strlen(text) + 5;
    bool after = x + width + need <= side.right, before = !after && x - need >= side.left;

    fprintf(p->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" fill=\"%s\"%s>",
            after ? x + width + 5 : before ? x - 5 : x + width - 5, y, stage ? 11 : 10,
            !after && !before && stage ? "#ffffff" : stage ? INK : PALE_INK, after ? "" : " text-anchor=\"end\"");
    svg_escaped(p->out, text);
    fputs("</text>\n", p->out);
}

/* One bar, from x, for so many nanoseconds; `after`: on the right of the night, or of where the sleep turned back. */
static void put_bar(const struct picture *p, const struct timeline_event *e, double x, uint64_t ns, bool after)
{
    const struct row *row = &p->rows[event_row(p, e)];
    bool stage = timeline_is_stage(e);
    double width = (double)ns * p->scale, height = stage ? 15 : 8, top = row->top + (stage ? 5.5 : 4.5);
    char caption[192];

    if (width < SVG_SMALLEST)
        width = SVG_SMALLEST;
    event_caption(e, ns, caption, sizeof(caption));
    svg_box(p->out, x, top, width, height, event_fill(e, after));
    put_caption(p, x, width, top + height - (stage ? 3.5 : 0), caption_side(p, after), stage, caption);
}

/* A stage that contains the sleep has a bar on either side of the night. */
static void put_event(const struct picture *p, const struct timeline_event *e)
{
    uint64_t start = timeline_awake(p->t, e->start), end = timeline_awake(p->t, e->end),
             wake = p->t->down + p->t->asleep;

    if (!p->slept) {
        put_bar(p, e, p->down_left + (double)start * p->scale, end - start, start >= p->turn);
        return;
    }
    if (e->start < wake)
        put_bar(p, e, p->down_left + (double)start * p->scale, (end < p->turn ? end : p->turn) - start, false);
    if (e->start >= wake || e->end > wake) {
        uint64_t from = e->start > wake ? start - p->turn : 0;

        put_bar(p, e, p->up_left + (double)from * p->scale, end - p->turn - from, true);
    }
}

static void put_rows(const struct picture *p)
{
    bool shaded = false;

    for (unsigned i = 0; i < p->row_count; i++) {
        const struct row *r = &p->rows[i];
        const char *name = r->of->kind == TIMELINE_CPU ? "CPU" : "domain";
        char text[TIMELINE_NAME_SIZE];

        if (timeline_is_stage(r->of)) {
            shaded = !shaded;
            if (shaded)
                svg_box(p->out, MARGIN, r->top, WIDTH - 2 * MARGIN, r->height, PALEST);
            snprintf(text, sizeof(text), "%.20s", r->of->name);
            svg_text(p->out, MARGIN + 8, r->top + 17.5, "font-size=\"13\" font-weight=\"bold\" fill=\"" INK "\"", text);
        } else {
            snprintf(text, sizeof(text), "%s %u", name, r->of->id);
            svg_text(p->out, MARGIN + 20, r->top + 12.5, "font-size=\"11\" fill=\"" PALE_INK "\"", text);
        }
    }
}

/* --- the night, and around the picture */

/* Its edges are jagged, as an axis is where a piece of it is left out. */
static void put_night_sky(const struct picture *p)
{
    double top = HEADER - 26, bottom = p->bottom + 6;
    unsigned teeth = (unsigned)((bottom - top) / 16) + 1;
    double tooth = (bottom - top) / teeth;

    fprintf(p->out, "<path fill=\"" NIGHT_SKY "\" d=\"M%.1f %.1f", p->night_left, top);
    for (unsigned i = 0; i < teeth; i++)
        fprintf(p->out, " l6 %.2f l-6 %.2f", tooth / 2, tooth / 2);
    fprintf(p->out, " L%.1f %.1f", p->up_left, bottom);
    for (unsigned i = 0; i < teeth; i++)
        fprintf(p->out, " l-6 %.2f l6 %.2f", -tooth / 2, -tooth / 2);
    fputs(" Z\"/>\n", p->out);
}

/* What other kernels did meanwhile: nobody else woke the host then. */
static void put_deeds(const struct picture *p, double x, double y, const char *style)
{
    char text[TIMELINE_NAME_SIZE + TIMELINE_DURATION_SIZE + 1], duration[TIMELINE_DURATION_SIZE];

    for (unsigned i = 0; i < p->t->event_count; i++) {
        const struct timeline_event *e = &p->t->events[i];

        if (!timeline_is_deed(p->t, e))
            continue;
        snprintf(text, sizeof(text), "%s %s", e->name, svg_duration(duration, e->end - e->start));
        svg_text(p->out, x, y, style, text);
        y += 17;
    }
}

static void put_night(const struct picture *p)
{
    static const char pale[] = "font-size=\"12\" fill=\"" NIGHT_INK "\" text-anchor=\"middle\"";
    double x = (p->night_left + p->up_left) / 2, y = HEADER - 26 + (p->bottom - HEADER + 32) / 2;
    char text[64], duration[TIMELINE_DURATION_SIZE];

    put_night_sky(p);
    fprintf(p->out, "<path fill=\"#f3dd8c\" d=\"M%.1f %.1f a15 15 0 1 0 15 22 a12 12 0 0 1 -15 -22 Z\"/>\n", x + 1,
            y - 73);
    svg_text(p->out, x, y - 16, pale, timeline_is_jump(p->t) ? "away for" : "asleep for");
    svg_text(p->out, x, y + 7, "font-size=\"21\" font-weight=\"bold\" fill=\"#ffffff\" text-anchor=\"middle\"",
             svg_duration(duration, p->t->asleep));
    put_deeds(p, x, y + 32, pale);
    if (!p->t->woke)
        return;
    svg_text(p->out, x, y + 32, pale, "woken by");
    if (strcmp(p->t->wake_device, "-") != 0) {
        snprintf(text, sizeof(text), "%.19s", p->t->wake_device);
        svg_text(p->out, x, y + 50,
                 "font-size=\"14\" font-weight=\"bold\" fill=\"#ffffff\" text-anchor=\"middle\"", text);
        y += 18;
    }
    snprintf(text, sizeof(text), "interrupt %u, domain %u", p->t->wake_interrupt, p->t->wake_domain);
    svg_text(p->out, x, y + 50, pale, text);
}

/* Where a sleep that did not come to it turned back. */
static void put_turn(const struct picture *p)
{
    double x = p->down_left + (double)p->turn * p->scale;

    if (p->turn > p->end)
        return;
    fprintf(p->out,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"" PALE_INK
            "\" stroke-dasharray=\"4 3\"/>\n",
            x, HEADER - 22, x, p->bottom);
    svg_text(p->out, x, HEADER - 28,
             "font-size=\"13\" font-weight=\"bold\" fill=\"" PALE_INK "\" text-anchor=\"middle\"", "turned back");
}

static void put_header(const struct picture *p)
{
    const struct timeline *t = p->t;
    char text[TIMELINE_NAME_SIZE + 64], outcome[TIMELINE_OUTCOME_SIZE];
    time_t began = (time_t)t->wallclock;
    struct tm tm;

    svg_begin(p->out, p->bottom + FOOTER);
    snprintf(text, sizeof(text), "Sleep %" PRIu64 " since boot: %s", t->number, t->list);
    svg_text(p->out, MARGIN, 36, "font-size=\"20\" font-weight=\"bold\" fill=\"" INK "\"", text);
    svg_text(p->out, MARGIN, 60,
             t->result ? "font-size=\"14\" fill=\"" FAILED "\"" : "font-size=\"14\" fill=\"" INK "\"",
             timeline_outcome(outcome, t));
    if (t->wallclock && gmtime_r(&began, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
        svg_text(p->out, WIDTH - MARGIN, 36, "font-size=\"14\" fill=\"" PALE_INK "\" text-anchor=\"end\"", text);
}

static void put_legend(const struct picture *p)
{
    static const struct { const char *fill, *text;
    } keys[] = { { ENTER, "stage entered" },
                 { LEAVE, "stage left" },
                 { NOTE_ENTER, "CPU or domain going down" },
                 { NOTE_LEAVE, "coming up" },
                 { FAILED, "failed" } };
    double x = MARGIN + LABELS, y = p->bottom + FOOTER - 22;
    char text[64];

    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        svg_box(p->out, x, y - 10, 12, 12, keys[i].fill);
        svg_text(p->out, x + 18, y, "font-size=\"12\" fill=\"" PALE_INK "\"", keys[i].text);
        x += 44 + 7 * (double)strlen(keys[i].text);
    }
    if (p->t->lost) {
        snprintf(text, sizeof(text), "%" PRIu64 " more events did not fit into the record", p->t->lost);
        svg_text(p->out, WIDTH - MARGIN, y, "font-size=\"12\" fill=\"" FAILED "\" text-anchor=\"end\"", text);
    }
}

static void find_times(struct picture *p)
{
    const struct timeline *t = p->t;

    p->slept = t->asleep != 0;
    p->turn = timeline_turn(t);
    p->end = t->down + t->up;
    for (unsigned i = 0; i < t->event_count; i++)
        if (timeline_awake(t, t->events[i].end) > p->end)
            p->end = timeline_awake(t, t->events[i].end);
}

void timeline_print_svg(const struct timeline *t, FILE *out)
{
    struct picture p = { .out = out, .t = t };

    find_times(&p);
    make_rows(&p);
    make_scale(&p);
    put_header(&p);
    put_rows(&p);
    put_axis(&p);
    for (unsigned i = 0; i < t->event_count; i++)
        if (t->events[i].kind != TIMELINE_ASLEEP)
            put_event(&p, &t->events[i]);
    if (p.slept)
        put_night(&p);
    else
        put_turn(&p);
    put_legend(&p);
    svg_end(out);
}
