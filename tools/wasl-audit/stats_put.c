#include "stats_put.h"

#include "base/clock.h"
#include "base/error.h"
#include "period.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

static const char *const column_names[STATS_COLUMNS] = {"purpose", "service", "consumer", "provider",
                                                        "outcome", "hour",    "day"};

/* The figures of a line, in order. */
enum figure {
    FIGURE_ASKED,
    FIGURE_SHARE,
    FIGURE_ANSWERED,
    FIGURE_REFUSED,
    FIGURE_TIMED_OUT,
    FIGURE_INTERRUPTED,
    FIGURE_OPEN,
    FIGURE_LATE,
    FIGURE_P50,
    FIGURE_P95,
    FIGURE_MAX,
    FIGURE_SEALED,
    FIGURES,
};
static const char *const figure_names[FIGURES] = {
    "asked", "share", "answered",       "refused",        "timed_out",      "interrupted",
    "open",  "late",  "latency_p50_us", "latency_p95_us", "latency_max_us", "sealed_bytes"};
static const char *const figure_headings[FIGURES] = {"asked",     "share",       "answered", "refused",
                                                     "timed out", "interrupted", "open",     "late",
                                                     "p50",       "p95",         "max",      "sealed"};

#define CELLS_MOST (STATS_COLUMNS + FIGURES)

struct writer {
    const struct stats_table *table;
    uint64_t asked; /* in all */
    struct buffer *out;
    size_t widths[CELLS_MOST]; /* of the text form, in characters */
    bool measuring;            /* it is only being found out how wide its columns are */
};

static bool has_value(enum figure figure, const struct counts *counts)
{
    return figure < FIGURE_P50 || figure > FIGURE_MAX || counts->latencies.count > 0;
}

static uint64_t value_of(enum figure figure, const struct counts *counts)
{
    switch (figure) {
    case FIGURE_ASKED:
        return counts->asked;
    case FIGURE_ANSWERED:
        return counts->answered;
    case FIGURE_REFUSED:
        return counts->refused;
    case FIGURE_TIMED_OUT:
        return counts->timed_out;
    case FIGURE_INTERRUPTED:
        return counts->interrupted;
    case FIGURE_OPEN:
        return counts->open;
    case FIGURE_LATE:
        return counts->late;
    case FIGURE_P50:
        return latencies_percentile(&counts->latencies, 50);
    case FIGURE_P95:
        return latencies_percentile(&counts->latencies, 95);
    case FIGURE_MAX:
        return counts->latencies.most;
    case FIGURE_SEALED:
        return counts->sealed;
    default:
        return 0;
    }
}

static double share_of(const struct writer *writer, const struct counts *counts)
{
    return writer->asked > 0 ? (double)counts->asked / (double)writer->asked : 0;
}

/* --- the table --- */

static void put_figure(const struct writer *writer, enum figure figure, const struct counts *counts,
                       struct buffer *out)
{
    if (!has_value(figure, counts)) {
        buffer_append_string(out, "-");
        return;
    }
    uint64_t value = value_of(figure, counts);
    if (figure == FIGURE_SHARE)
        buffer_printf(out, "%.1f %%", 100 * share_of(writer, counts));
    else if (figure >= FIGURE_P50 && figure <= FIGURE_MAX && value >= 10 * MICROSECONDS)
        buffer_printf(out, "%.1f s", (double)value / 1e6);
    else if (figure >= FIGURE_P50 && figure <= FIGURE_MAX)
        buffer_printf(out, "%.1f ms", (double)value / 1e3);
    else if (figure == FIGURE_SEALED && value >= 10 << 20)
        buffer_printf(out, "%.1f MiB", (double)value / (1 << 20));
    else if (figure == FIGURE_SEALED && value >= 10 << 10)
        buffer_printf(out, "%.1f KiB", (double)value / (1 << 10));
    else
        buffer_printf(out, "%" PRIu64, value);
}

static size_t characters(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

/* Names stand left in their columns, figures right. */
static void put_cell(struct writer *writer, size_t cell, struct bytes text)
{
    size_t width = characters(text);
    if (writer->measuring) {
        if (width > writer->widths[cell])
            writer->widths[cell] = width;
        return;
    }
    bool left = cell < writer->table->column_count;
    int pad = (int)(writer->widths[cell] - width);
    if (cell > 0)
        buffer_append_string(writer->out, "  ");
    if (!left)
        buffer_printf(writer->out, "%*s", pad, "");
    buffer_append_bytes(writer->out, text);
    if (left)
        buffer_printf(writer->out, "%*s", pad, "");
    if (cell + 1 == writer->table->column_count + FIGURES)
        buffer_append_string(writer->out, "\n");
}

static void put_figures(struct writer *writer, const struct counts *counts)
{
    struct buffer text = {0};
    for (enum figure figure = 0; figure < FIGURES; figure++) {
        buffer_clear(&text);
        put_figure(writer, figure, counts, &text);
        put_cell(writer, writer->table->column_count + figure, buffer_bytes(&text));
    }
    buffer_free(&text);
}

/* --- all forms --- */

/* The value of a column, as it is written; nothing where there is none. */
static void column_text(const struct stats_table *table, size_t i, uint64_t number, struct bytes text,
                        struct buffer *out)
{
    buffer_clear(out);
    if (table->columns[i] == STATS_HOUR || table->columns[i] == STATS_DAY)
        period_put(number, table->columns[i] == STATS_HOUR ? PERIOD_HOUR : PERIOD_DAY, table->utc, out);
    else
        buffer_append_bytes(out, text);
}

/* Names come from a ledger and have been made harmless for a terminal; JSON wants two characters escaped
 * besides. */
static void put_json_string(struct bytes text, struct buffer *out)
{
    buffer_append_string(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            buffer_append_string(out, "\\");
        buffer_append(out, &text.data[i], 1);
    }
    buffer_append_string(out, "\"");
}

/* what: "group", "others", "total". key: NULL where no value is to be shown. */
static void put_machine(struct writer *writer, const char *what, struct bytes key,
                        const struct counts *counts)
{
    const struct stats_table *table = writer->table;
    bool csv = table->form == STATS_CSV;
    struct buffer *out = writer->out, value = {0};
    buffer_printf(out, csv ? "\"%s\"" : "{\"row\":\"%s\"", what);
    for (size_t i = 0; i < table->column_count; i++) {
        uint64_t number;
        struct bytes text;
        buffer_clear(&value);
        if (key_next(&key, &number, &text))
            column_text(table, i, number, text, &value);
        buffer_append_string(out, ",");
        if (!csv)
            buffer_printf(out, "\"%s\":", column_names[table->columns[i]]);
        if (csv)
            text_put_cell(buffer_bytes(&value), out);
        else if (value.len > 0)
            put_json_string(buffer_bytes(&value), out);
        else
            buffer_append_string(out, "null");
    }
    for (enum figure figure = 0; figure < FIGURES; figure++) {
        buffer_append_string(out, ",");
        if (!csv)
            buffer_printf(out, "\"%s\":", figure_names[figure]);
        else
            buffer_append_string(out, "\"");
        if (figure == FIGURE_SHARE)
            buffer_printf(out, "%.6f", share_of(writer, counts));
        else if (has_value(figure, counts))
            buffer_printf(out, "%" PRIu64, value_of(figure, counts));
        else if (!csv)
            buffer_append_string(out, "null");
        if (csv)
            buffer_append_string(out, "\"");
    }
    buffer_append_string(out, csv ? "\n" : "}\n");
    buffer_free(&value);
}

static void put_text(struct writer *writer, const char *what, struct bytes key, const struct counts *counts)
{
    struct buffer value = {0};
    for (size_t i = 0; i < writer->table->column_count; i++) {
        uint64_t number;
        struct bytes text;
        buffer_clear(&value);
        if (key_next(&key, &number, &text))
            column_text(writer->table, i, number, text, &value);
        else if (i == 0)
            buffer_printf(&value, "(%s)", what); /* no name has brackets */
        if (value.len == 0 && strcmp(what, "group") == 0)
            buffer_append_string(&value, "-");
        put_cell(writer, i, buffer_bytes(&value));
    }
    put_figures(writer, counts);
    buffer_free(&value);
}

static void put_row(struct writer *writer, const char *what, struct bytes key, const struct counts *counts)
{
    if (writer->table->form == STATS_TEXT)
        put_text(writer, what, key, counts);
    else
        put_machine(writer, what, key, counts);
}

static void put_group(void *arg, const struct group *group)
{
    put_row(arg, "group", buffer_bytes(&group->key), &group->counts);
}

static void put_heading(struct writer *writer)
{
    const struct stats_table *table = writer->table;
    size_t cells = table->column_count + FIGURES;
    if (table->form == STATS_JSONL)
        return;
    if (table->form == STATS_CSV)
        buffer_append_string(writer->out, "\"row\"");
    for (size_t cell = 0; cell < cells; cell++) {
        bool name = cell < table->column_count;
        if (table->form == STATS_TEXT)
            put_cell(writer, cell,
                     bytes_of_string(name ? column_names[table->columns[cell]]
                                          : figure_headings[cell - table->column_count]));
        else
            buffer_printf(writer->out, ",\"%s\"",
                          name ? column_names[table->columns[cell]]
                               : figure_names[cell - table->column_count]);
    }
    if (table->form == STATS_CSV)
        buffer_append_string(writer->out, "\n");
}

static void put_all(struct writer *writer, struct tally *tally)
{
    static const struct bytes none = {0};
    put_heading(writer);
    if (writer->table->column_count > 0)
        tally_each(tally, put_group, writer);
    if (tally_others(tally) != NULL)
        put_row(writer, "others", none, tally_others(tally));
    put_row(writer, "total", none, tally_total(tally));
}

void stats_put(const struct stats_table *table, struct tally *tally, struct buffer *out)
{
    struct writer writer = {.table = table, .asked = tally_total(tally)->asked, .out = out};
    if (table->form == STATS_TEXT) {
        writer.measuring = true;
        put_all(&writer, tally);
        writer.measuring = false;
    }
    put_all(&writer, tally);
}
