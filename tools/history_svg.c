// SPDX-License-Identifier: Apache-2.0
/*
 * An operation on a guest as a picture: time from left to right. Above, the rounds: how many pages were to be sent, how
 * many of them had to be sent with their content, and how many were dirty again at the round's end. Below, a row for
 * each stage.
 *
 * People look for the moment for which the guest stands still, a thousandth of the whole: so time has three
 * parts with a scale each, before it, in it, and after it. Pages have a logarithmic scale, for the first round is all
 * of memory and the last a few pages.
 */
#include "tools/history.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "tools/svg.h"

/* All in pixels. */
#define LABELS      110.0    /* left of the time */
#define HEADER      144.0
#define GRAPH       210.0
#define OVER_BARS   22.0     /* of the graph: the size of the first round, which is the highest */
#define UNDER_GRAPH 34.0     /* the rounds' numbers */
#define ROW         26.0
#define BAR         15.0
#define FOOTER      58.0
#define TEXT_WIDTH  6.4      /* of a character of a caption, on average */
#define MOST_LETTERS 150     /* of the line below the heading */
#define LEAST_PART  70.0     /* the narrowest that a part of time is */

#define NIGHT_PALE  "#e3e7f4"
#define PAGE_BYTES  4096.0

struct part {
    uint64_t from, to;
    double left, width;
};

struct picture {
    FILE *out;
    const struct journal *j;
    struct part parts[3];          /* before, in and after the standstill; one that is empty has no width */
    double most_pages;             /* log2 of the graph's upper edge */
    double graph_bottom, bottom;
    uint32_t row_count;
    const char *rows[JOURNAL_STAGES];
};

/* --- places */

static double length(const struct part *part) { return (double)(part->to - part->from); }

static double scale(const struct part *part) { return part->width / (length(part) + 1); }

static double x_at(const struct picture *p, uint64_t ns)
{
    const struct part *part = ns <= p->parts[0].to ? &p->parts[0] : ns <= p->parts[1].to ? &p->parts[1] : &p->parts[2];

    return part->left + (double)(ns - part->from) * scale(part);
}

static double y_at(const struct picture *p, uint64_t pages)
{
    return p->graph_bottom - log2(1 + (double)pages) / p->most_pages * (GRAPH - OVER_BARS);
}

/* The standstill is at least a third of the width, where there is one beside other time; the rest is by length. */
static void make_parts(struct picture *p)
{
    const struct journal *j = p->j;
    uint64_t end = history_end(j), suspended = j->suspended_ns ? j->suspended_ns : end;
    uint64_t resumed = j->suspended_ns ? history_resumed(j) : end;
    double left = SVG_MARGIN + LABELS, space = SVG_WIDTH - SVG_MARGIN - left, night, other;

    p->parts[0] = (struct part){ .from = 0, .to = suspended };
    p->parts[1] = (struct part){ .from = suspended, .to = resumed };
    p->parts[2] = (struct part){ .from = resumed, .to = end };
    other = length(&p->parts[0]) + length(&p->parts[2]);
    night = length(&p->parts[1]) / (other + length(&p->parts[1]) + 1);
    night = resumed == suspended ? 0 : other == 0 ? space : space * svg_clamp(night, 0.35, 0.8);
    p->parts[1].width = night;
    for (unsigned i = 0; i < 3; i += 2) {
        const struct part *rest = &p->parts[2 - i];
        double least = rest->to > rest->from ? LEAST_PART : 0;

        if (p->parts[i].to > p->parts[i].from)
            p->parts[i].width = svg_clamp((space - night) * length(&p->parts[i]) / (other + 1), LEAST_PART,
                                          space - night - least);
    }
    for (unsigned i = 0; i < 3; left += p->parts[i++].width)
        p->parts[i].left = left;
}

static void make_rows(struct picture *p)
{
    for (uint32_t i = 0; i < p->j->stage_count; i++) {
        uint32_t row = 0;

        while (row < p->row_count && strcmp(p->rows[row], p->j->stages[i].name))
            row++;
        if (row == p->row_count)
            p->rows[p->row_count++] = p->j->stages[i].name;
    }
}

static void make_places(struct picture *p)
{
    uint64_t most = p->j->ram_pages;

    for (uint32_t i = 0; i < p->j->round_count; i++) {
        const struct journal_round *r = &p->j->rounds[i];
        uint64_t more = r->dirty_pages > r->left_pages ? r->dirty_pages : r->left_pages;

        most = more > most ? more : most;
    }
    p->most_pages = log2(2 + (double)most);
    make_parts(p);
    make_rows(p);
    p->graph_bottom = HEADER + (p->j->round_count ? GRAPH : 0);
    p->bottom = p->graph_bottom + (p->j->round_count ? UNDER_GRAPH : 0) + p->row_count * ROW;
}

/* --- the ground */

static void put_night(const struct picture *p)
{
    const struct part *night = &p->parts[1];
    uint64_t stood = p->j->resumed_ns && p->j->downtime_ns ? p->j->downtime_ns : night->to - night->from;
    char text[64], duration[TIMELINE_DURATION_SIZE];

    if (night->width == 0)
        return;
    svg_box(p->out, night->left, HEADER - 44, night->width, p->bottom - HEADER + 44, NIGHT_PALE);
    snprintf(text, sizeof(text), "%s for %s", p->j->resumed_ns ? "stands still" : "is suspended",
             svg_duration(duration, stood));
    svg_text(p->out, night->left + night->width / 2, HEADER - 28,
             "font-size=\"13\" font-weight=\"bold\" fill=\"" NIGHT_SKY "\" text-anchor=\"middle\"", text);
}

static void put_ticks(const struct picture *p, const struct part *part, const char *sign)
{
    uint64_t step = svg_tick_step(scale(part), 80), most = part->to - part->from;
    char text[SVG_TICK_SIZE];

    for (uint64_t at = part->from ? step : 0; part->width > 0 && at <= most; at += step) {
        double x = part->left + (double)at * scale(part);

        if (at && x > part->left + part->width - 24)
            break;
        svg_line(p->out, x, HEADER, p->bottom, GRID);
        svg_text(p->out, x, HEADER - 8, "font-size=\"11\" fill=\"" PALE_INK "\" text-anchor=\"middle\"",
                 svg_tick(text, at, sign));
        if (most - at < step)
            break;
    }
}

/* From 4 KiB on, each 16 times the one below. */
static void put_page_scale(const struct picture *p)
{
    char size[HISTORY_SIZE_SIZE];

    svg_text(p->out, SVG_MARGIN, HEADER - 8, "font-size=\"11\" fill=\"" PALE_INK "\"", "memory to send");
    for (uint64_t pages = 1; log2(1 + (double)pages) <= p->most_pages; pages *= 16) {
        fprintf(p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"" GRID "\"/>\n",
                SVG_MARGIN + LABELS, y_at(p, pages), SVG_WIDTH - SVG_MARGIN, y_at(p, pages));
        svg_text(p->out, SVG_MARGIN + LABELS - 8, y_at(p, pages) + 4,
                 "font-size=\"11\" fill=\"" PALE_INK "\" text-anchor=\"end\"",
                 history_size(size, (double)pages * PAGE_BYTES));
        if (pages > UINT64_MAX / 16)
            break;
    }
}

/* --- rounds */

static double bar_width(const struct picture *p, uint64_t start, uint64_t end)
{
    double width = x_at(p, end) - x_at(p, start);

    return width < SVG_SMALLEST ? SVG_SMALLEST : width;
}

static void put_round(const struct picture *p, const struct journal_round *r)
{
    double x = x_at(p, r->start_ns), width = bar_width(p, r->start_ns, r->end_ns), top = y_at(p, r->dirty_pages),
           sent = y_at(p, r->data_pages < r->dirty_pages ? r->data_pages : r->dirty_pages);
    char text[32], size[HISTORY_SIZE_SIZE];

    svg_box(p->out, x, top, width, p->graph_bottom - top, NOTE_ENTER);
    svg_box(p->out, x, sent, width, p->graph_bottom - sent, ENTER);
    if (!r->last)
        svg_box(p->out, x, y_at(p, r->left_pages) - 1, width, 2.5, LEAVE);
    snprintf(text, sizeof(text), "%" PRIu32, r->round);
    if (width >= TEXT_WIDTH * (double)strlen(r->last ? "last" : text))
        svg_text(p->out, x + width / 2, p->graph_bottom + 14,
                 "font-size=\"11\" fill=\"" INK "\" text-anchor=\"middle\"", r->last ? "last" : text);
    history_size(size, (double)r->dirty_pages * PAGE_BYTES);
    if (width >= TEXT_WIDTH * (double)strlen(size))
        svg_text(p->out, x + width / 2, top - 5, "font-size=\"11\" fill=\"" INK "\" text-anchor=\"middle\"", size);
    snprintf(text, sizeof(text), "%" PRIu32 " %%", r->cap);
    if (r->cap && width >= TEXT_WIDTH * (double)strlen(text))
        svg_text(p->out, x + width / 2, p->graph_bottom + 27,
                 "font-size=\"11\" fill=\"" FAILED "\" text-anchor=\"middle\"", text);
}

static void put_graph(const struct picture *p)
{
    if (p->j->round_count == 0)
        return;
    put_page_scale(p);
    for (uint32_t i = 0; i < p->j->round_count; i++)
        put_round(p, &p->j->rounds[i]);
    svg_text(p->out, SVG_MARGIN + LABELS - 8, p->graph_bottom + 14,
             "font-size=\"11\" fill=\"" PALE_INK "\" text-anchor=\"end\"", "round");
    if (p->j->lowest_cap)
        svg_text(p->out, SVG_MARGIN + LABELS - 8, p->graph_bottom + 27,
                 "font-size=\"11\" fill=\"" FAILED "\" text-anchor=\"end\"", "slowed down to");
}

/* --- stages */

static double row_top(const struct picture *p, uint32_t row) { return p->bottom - (p->row_count - row) * ROW; }

static uint32_t row_of(const struct picture *p, const struct journal_stage *s)
{
    uint32_t row = 0;

    while (strcmp(p->rows[row], s->name))
        row++;
    return row;
}

/* The caption is after the bar; before it where there is no room; and in it where there is none either. */
static void put_stage(const struct picture *p, const struct journal_stage *s)
{
    double x = x_at(p, s->start_ns), width = bar_width(p, s->start_ns, s->end_ns), top = row_top(p, row_of(p, s)) + 5.5;
    char text[128], duration[TIMELINE_DURATION_SIZE];
    double need;
    bool after, before;

    snprintf(text, sizeof(text), "%s%s%s", svg_duration(duration, s->end_ns - s->start_ns), s->result ? ": " : "",
             s->result ? strerror(-s->result) : "");
    need = TEXT_WIDTH * (double)strlen(text) + 5;
    after = x + width + need <= SVG_WIDTH - SVG_MARGIN;
    before = !after && x - need >= SVG_MARGIN + LABELS;
    svg_box(p->out, x, top, width, BAR, s->result ? FAILED : s->leave ? LEAVE : ENTER);
    fprintf(p->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" fill=\"%s\"%s>",
            after ? x + width + 5 : before ? x - 5 : x + width - 5, top + BAR - 3.5, after || before ? INK : "#ffffff",
            after ? "" : " text-anchor=\"end\"");
    svg_escaped(p->out, text);
    fputs("</text>\n", p->out);
}

static void put_stages(const struct picture *p)
{
    char text[JOURNAL_NAME_SIZE];

    for (uint32_t i = 0; i < p->row_count; i++) {
        snprintf(text, sizeof(text), "%.14s", p->rows[i]);
        svg_text(p->out, SVG_MARGIN + 8, row_top(p, i) + 17.5,
                 "font-size=\"13\" font-weight=\"bold\" fill=\"" INK "\"", text);
    }
    for (uint32_t i = 0; i < p->j->stage_count; i++)
        put_stage(p, &p->j->stages[i]);
}

/* --- around the picture */

/* As much of a line as there is room for. */
static const char *cut(char *text)
{
    if (strlen(text) > MOST_LETTERS)
        strcpy(text + MOST_LETTERS - 3, "...");
    return text;
}

static void put_header(const struct picture *p)
{
    const struct journal *j = p->j;
    char text[sizeof(j->domain) + sizeof(j->operation) + 64], outcome[HISTORY_OUTCOME_SIZE], sent[HISTORY_SIZE_SIZE],
        ram[HISTORY_SIZE_SIZE];
    time_t began = (time_t)(j->began_ms / 1000);
    struct tm tm;

    snprintf(text, sizeof(text), "%s of %s (domain %" PRIu32 ")", history_name(j), j->domain, j->domid);
    svg_text(p->out, SVG_MARGIN, 36, "font-size=\"20\" font-weight=\"bold\" fill=\"" INK "\"", text);
    svg_text(p->out, SVG_MARGIN, 60,
             j->result ? "font-size=\"14\" fill=\"" FAILED "\"" : "font-size=\"14\" fill=\"" INK "\"",
             cut(history_outcome(outcome, j)));
    if (j->began_ms && gmtime_r(&began, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
        svg_text(p->out, SVG_WIDTH - SVG_MARGIN, 36,
                 "font-size=\"14\" fill=\"" PALE_INK "\" text-anchor=\"end\"", text);
    snprintf(text, sizeof(text), "%s of memory, a stream of %s%s", history_size(ram, (double)j->ram_pages * PAGE_BYTES),
             history_size(sent, (double)j->stream_bytes), j->compressed ? ", compressed" : "");
    svg_text(p->out, SVG_MARGIN, 80, "font-size=\"12\" fill=\"" PALE_INK "\"", text);
}

static void put_legend(const struct picture *p)
{
    static const struct { const char *fill, *text; bool rounds; } keys[] = {
        { NOTE_ENTER, "to be sent", true },
        { ENTER, "with its content; stage entered", true },
        { ENTER, "stage entered", false },
        { LEAVE, "dirty again at the round's end; stage left", true },
        { LEAVE, "stage left", false },
        { FAILED, "failed", true },
        { FAILED, "failed", false } };
    double x = SVG_MARGIN + LABELS, y = p->bottom + FOOTER - 22;

    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].rounds != (p->j->round_count != 0))
            continue;
        svg_box(p->out, x, y - 10, 12, 12, keys[i].fill);
        svg_text(p->out, x + 18, y, "font-size=\"12\" fill=\"" PALE_INK "\"", keys[i].text);
        x += 44 + 7 * (double)strlen(keys[i].text);
    }
}

void history_print_svg(const struct journal *j, FILE *out)
{
    struct picture p = { .out = out, .j = j };

    make_places(&p);
    svg_begin(out, p.bottom + FOOTER);
    put_night(&p);
    put_ticks(&p, &p.parts[0], "");
    put_ticks(&p, &p.parts[1], "+");
    put_ticks(&p, &p.parts[2], "+");
    put_header(&p);
    put_graph(&p);
    put_stages(&p);
    put_legend(&p);
    svg_end(out);
}
