#include "row.h"

#include "json_line.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

void row_make(struct row *row, const struct record *record, struct exchanges *exchanges)
{
    memset(row, 0, sizeof *row);
    row->record = record;
    row->outcome = record_outcome(record);
    row->refusal = record_refusal(record);
    if (record->has_header)
        row->header = &record->header;
    if (record->has_exchange) {
        uuid_format(record->exchange_id, row->exchange);
        const struct exchange *exchange = exchanges_find(exchanges, record->exchange_id);
        if (row->header == NULL && exchange != NULL)
            row->header = exchange->header;
    }
    if (row->header != NULL)
        header_service_id(row->header, row->service);
}

/* The columns of CSV and the members of JSON, in order. */
enum column {
    COLUMN_INDEX,
    COLUMN_TIME,
    COLUMN_TYPE,
    COLUMN_KIND,
    COLUMN_OUTCOME,
    COLUMN_EXCHANGE,
    COLUMN_CONSUMER,
    COLUMN_SERVICE,
    COLUMN_OPERATION,
    COLUMN_PURPOSE,
    COLUMN_LEGAL_BASIS,
    COLUMN_SUBJECT,
    COLUMN_AGENT,
    COLUMN_CREATED,
    COLUMN_EXPIRES,
    COLUMN_SEALED_LENGTH,
    COLUMN_REGISTRY_VERSION,
    COLUMN_MEMBER,
    COLUMN_COUNT,
    COLUMN_OBJECT,
    COLUMN_NOTE,
    COLUMN_WORDS,
    COLUMNS,
};
static const char *const column_names[COLUMNS] = {
    "index",    "time",    "type",      "kind",          "outcome",          "exchange",
    "consumer", "service", "operation", "purpose",       "legal_basis",      "subject",
    "agent",    "created", "expires",   "sealed_length", "registry_version", "member",
    "count",    "object",  "note",      "words"};

static bool column_is_number(enum column column)
{
    return column == COLUMN_INDEX || column == COLUMN_SEALED_LENGTH || column == COLUMN_REGISTRY_VERSION ||
           column == COLUMN_COUNT;
}

static void put_number(uint64_t number, struct buffer *out)
{
    if (number != 0)
        buffer_printf(out, "%" PRIu64, number);
}

static void put_time(uint64_t time, bool utc, struct buffer *out)
{
    if (time != 0)
        text_time(time, utc, out);
}

/* Of the entry itself. */
static bool put_entry_value(const struct row *row, enum column column, bool utc, struct buffer *out)
{
    const struct entry *entry = &row->record->entry;
    switch (column) {
    case COLUMN_INDEX:
        buffer_printf(out, "%" PRIu64, row->record->index);
        return true;
    case COLUMN_TIME:
        text_time(entry->time, utc, out);
        return true;
    case COLUMN_TYPE:
        buffer_append_string(out, entry_type_name(entry->type));
        return true;
    case COLUMN_OUTCOME:
        buffer_append_string(out, row->outcome);
        return true;
    case COLUMN_EXCHANGE:
        buffer_append_string(out, row->exchange);
        return true;
    case COLUMN_REGISTRY_VERSION:
        put_number(entry->registry_version, out);
        return true;
    case COLUMN_MEMBER:
        buffer_append_bytes(out, entry->member);
        return true;
    case COLUMN_COUNT:
        put_number(entry->count, out);
        return true;
    case COLUMN_OBJECT:
        if (entry->has_object)
            text_put_hex(bytes_make(entry->object, HASH_SIZE), out);
        return true;
    case COLUMN_NOTE:
        buffer_append_bytes(out, entry->note);
        return true;
    case COLUMN_WORDS:
        if (row->refusal != 0)
            buffer_append_string(out, refusal_words(row->refusal));
        return true;
    default:
        return false;
    }
}

static void put_value(const struct row *row, enum column column, bool utc, struct buffer *out)
{
    const struct header *header = row->header;
    if (put_entry_value(row, column, utc, out) || header == NULL)
        return;
    switch (column) {
    case COLUMN_KIND:
        if (row->record->has_header)
            buffer_append_string(out, message_kind_name(header->kind));
        break;
    case COLUMN_CONSUMER:
        buffer_append_string(out, header->consumer);
        break;
    case COLUMN_SERVICE:
        buffer_append_string(out, row->service);
        break;
    case COLUMN_OPERATION:
        buffer_append_string(out, header->operation);
        break;
    case COLUMN_PURPOSE:
        buffer_append_string(out, header->purpose);
        break;
    case COLUMN_LEGAL_BASIS:
        buffer_append_string(out, header->legal_basis);
        break;
    case COLUMN_SUBJECT:
        if (header->has_subject)
            text_put_hex(bytes_make(header->subject, PSEUDONYM_SIZE), out);
        break;
    case COLUMN_AGENT:
        if (header->has_agent)
            text_put_hex(bytes_make(header->agent, PSEUDONYM_SIZE), out);
        break;
    case COLUMN_CREATED:
        put_time(header->created, utc, out);
        break;
    case COLUMN_EXPIRES:
        put_time(header->expires, utc, out);
        break;
    case COLUMN_SEALED_LENGTH:
        if (row->record->has_header)
            put_number(header->sealed_length, out);
        break;
    default:
        break;
    }
}

static void put_csv(const struct row *row, bool utc, struct buffer *out)
{
    struct buffer value = {0};
    for (enum column column = 0; column < COLUMNS; column++) {
        buffer_clear(&value);
        put_value(row, column, utc, &value);
        if (column > 0)
            buffer_append_string(out, ",");
        text_put_cell(buffer_bytes(&value), out);
    }
    buffer_free(&value);
    buffer_append_string(out, "\n");
}

static void put_jsonl(const struct row *row, bool utc, struct buffer *out)
{
    json_t *object = json_object();
    struct buffer value = {0};
    for (enum column column = 0; column < COLUMNS; column++) {
        buffer_clear(&value);
        put_value(row, column, utc, &value);
        uint64_t number;
        if (value.len == 0) { /* every line has the same members */
            json_object_set_new(object, column_names[column], json_null());
            continue;
        }
        if (column_is_number(column) && decimal_parse(buffer_bytes(&value), &number) && number <= INT64_MAX) {
            json_object_set_new(object, column_names[column], json_integer((json_int_t)number));
            continue;
        }
        json_object_set_new(object, column_names[column], json_safe(buffer_bytes(&value)));
    }
    json_line(object, out);
    buffer_free(&value);
}

static void put_short_object(const struct record *record, struct buffer *out)
{
    buffer_printf(out, "%s ", record_object_name(record));
    text_put_hex(bytes_make(record->entry.object, 8), out);
    buffer_append_string(out, "... takes effect");
}

static void put_short(const struct row *row, bool utc, struct buffer *out)
{
    const struct entry *entry = &row->record->entry;
    const struct header *header = row->header;
    struct buffer time = {0};
    text_time(entry->time, utc, &time);
    /* Milliseconds are enough for eyes: cut the last three digits of the fraction, keep the zone. */
    buffer_printf(out, "%.23s%.*s %7" PRIu64 "  %-20s ", (const char *)time.data, (int)(time.len - 26),
                  (const char *)time.data + 26, row->record->index, row->outcome);
    buffer_free(&time);
    if (header != NULL && header->kind == MESSAGE_SUBJECT_KEY) {
        buffer_printf(out, "%s: pseudonym key of the day escrowed", header->consumer);
    } else if (header != NULL) {
        bool answer = row->record->has_header && header->kind == MESSAGE_RESPONSE;
        buffer_printf(out, "%s %s %s", header->consumer, answer ? "<-" : "->",
                      *row->service != '\0' ? row->service : "?");
        if (header->operation[0] != '\0')
            buffer_printf(out, " %s", header->operation);
        if (header->purpose[0] != '\0')
            buffer_printf(out, " for %s", header->purpose);
    } else if (entry->member.len > 0) {
        text_put(entry->member, out);
    }
    if (entry->has_object)
        put_short_object(row->record, out);
    if (entry->count > 0)
        buffer_printf(out, " %" PRIu64 " more refused", entry->count);
    if (entry->note.len > 0)
        text_put(entry->note, out);
    if (row->exchange[0] != '\0')
        buffer_printf(out, " %s", row->exchange);
    buffer_append_string(out, "\n");
}

void row_put(const struct row *row, enum row_form form, bool utc, struct buffer *out)
{
    switch (form) {
    case ROW_SHORT:
        put_short(row, utc, out);
        break;
    case ROW_JSONL:
        put_jsonl(row, utc, out);
        break;
    case ROW_CSV:
        put_csv(row, utc, out);
        break;
    }
}

void row_put_unreadable(uint64_t index, enum row_form form, struct buffer *out)
{
    if (form == ROW_SHORT) {
        buffer_printf(out, "%29s %7" PRIu64 "  %-20s not an entry of a version that this tool knows\n", "",
                      index, "unreadable");
        return;
    }
    bool csv = form == ROW_CSV;
    for (enum column column = 0; column < COLUMNS; column++) {
        const char *open = column > 0 ? "," : csv ? "" : "{";
        buffer_append_string(out, open);
        if (!csv)
            buffer_printf(out, "\"%s\":", column_names[column]);
        if (column == COLUMN_INDEX)
            buffer_printf(out, csv ? "\"%" PRIu64 "\"" : "%" PRIu64, index);
        else if (column == COLUMN_TYPE || column == COLUMN_OUTCOME)
            buffer_append_string(out, "\"unreadable\"");
        else
            buffer_append_string(out, csv ? "\"\"" : "null");
    }
    buffer_append_string(out, csv ? "\n" : "}\n");
}

void row_put_heading(enum row_form form, struct buffer *out)
{
    if (form != ROW_CSV)
        return;
    for (enum column column = 0; column < COLUMNS; column++)
        buffer_printf(out, "%s\"%s\"", column > 0 ? "," : "", column_names[column]);
    buffer_append_string(out, "\n");
}
