#include "connectors/sql_row.h"
#include "base/utf8.h"
#include "connectors/sql_type.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A JSON string of valid UTF-8; false when it is not valid. */
static bool put_string(struct bytes text, struct buffer *out)
{
    size_t from = 0;

    if (!utf8_valid(text))
        return false;
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buffer_append(out, text.data + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else
            buffer_printf(out, "\\u%04x", c);
    }
    buffer_append(out, text.data + from, text.len - from);
    buffer_append(out, "\"", 1);
    return true;
}

static bool put_date(struct bytes text, struct buffer *out)
{
    /* ISO style. Years beyond four digits, BC and infinity have no RFC 3339 form. */
    return text.len == 10 && text.data[4] == '-' && text.data[7] == '-' && put_string(text, out);
}

static bool put_timestamptz(struct bytes text, struct buffer *out)
{
    /* "2026-11-22 05:55:56.123456+00": the session's time zone is UTC. */
    if (text.len < 22 || text.data[4] != '-' || text.data[7] != '-' || text.data[10] != ' ' ||
        memcmp(text.data + text.len - 3, "+00", 3) != 0)
        return false;
    buffer_append(out, "\"", 1);
    buffer_append(out, text.data, 10);
    buffer_append(out, "T", 1);
    buffer_append(out, text.data + 11, text.len - 14);
    buffer_append(out, "Z\"", 2);
    return true;
}

static bool put_json(struct bytes text, struct buffer *out)
{
    /* Passed on as it stands, so that no number is rewritten; parsed only to see that it can be read
     * everywhere. */
    json_t *value =
        json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

    if (value == NULL)
        return false;
    json_decref(value);
    buffer_append_bytes(out, text);
    return true;
}

static bool put_bytea(struct bytes text, struct buffer *out)
{
    struct buffer raw = {0};
    bool good = text.len >= 2 && text.data[0] == '\\' && text.data[1] == 'x' && text.len % 2 == 0;

    if (good) {
        size_t len = (text.len - 2) / 2;
        uint8_t *to = buffer_extend(&raw, len + 1);
        good = hex_decode((const char *)text.data + 2, text.len - 2, to, len);
        if (good) {
            buffer_append(out, "\"", 1);
            base64_encode(bytes_make(to, len), out);
            buffer_append(out, "\"", 1);
        }
    }
    buffer_free(&raw);
    return good;
}

/* The type of an array's elements; 0 when it is not an array that we know. */
static unsigned element_type(unsigned array)
{
    switch (array) {
    case SQLTYPE_BOOL_ARRAY:
        return SQLTYPE_BOOL;
    case SQLTYPE_INT2_ARRAY:
        return SQLTYPE_INT2;
    case SQLTYPE_INT4_ARRAY:
        return SQLTYPE_INT4;
    case SQLTYPE_DATE_ARRAY:
        return SQLTYPE_DATE;
    case SQLTYPE_TEXT_ARRAY:
    case SQLTYPE_BPCHAR_ARRAY:
    case SQLTYPE_VARCHAR_ARRAY:
    case SQLTYPE_INT8_ARRAY:
    case SQLTYPE_NUMERIC_ARRAY:
    case SQLTYPE_UUID_ARRAY:
        return SQLTYPE_TEXT;
    default:
        return 0;
    }
}

static bool put_scalar(unsigned type, struct bytes text, struct buffer *out)
{
    switch (type) {
    case SQLTYPE_BOOL:
        buffer_append_string(out, bytes_equal_string(text, "t") ? "true" : "false");
        return true;
    case SQLTYPE_INT2:
    case SQLTYPE_INT4:
        buffer_append_bytes(out, text);
        return true;
    case SQLTYPE_DATE:
        return put_date(text, out);
    case SQLTYPE_TIMESTAMPTZ:
        return put_timestamptz(text, out);
    case SQLTYPE_JSON:
    case SQLTYPE_JSONB:
        return put_json(text, out);
    case SQLTYPE_BYTEA:
        return put_bytea(text, out);
    default:
        return put_string(text, out);
    }
}

/* One element from `at`, quoted or bare, into element; returns where it ends. */
static size_t take_element(struct bytes text, size_t at, struct buffer *element, bool *quoted)
{
    buffer_clear(element);
    *quoted = at < text.len && text.data[at] == '"';
    if (*quoted) {
        for (at++; at < text.len && text.data[at] != '"'; at++) {
            if (text.data[at] == '\\' && at + 1 < text.len)
                at++;
            buffer_append(element, &text.data[at], 1);
        }
        return at + 1;
    }
    for (; at < text.len && text.data[at] != ',' && text.data[at] != '}'; at++)
        buffer_append(element, &text.data[at], 1);
    return at;
}

/* PostgreSQL's array literal, of any number of dimensions: {a,"b c",NULL,{...}}, perhaps after [0:2]=. */
static bool put_array(unsigned type, struct bytes text, struct buffer *out)
{
    struct buffer element = {0};
    bool good = true, quoted;
    size_t at = 0;

    if (text.len > 0 && text.data[0] == '[')
        while (at < text.len && text.data[at] != '{')
            at++;
    while (good && at < text.len) {
        switch (text.data[at]) {
        case '{':
            buffer_append(out, "[", 1);
            at++;
            break;
        case '}':
            buffer_append(out, "]", 1);
            at++;
            break;
        case ',':
            buffer_append(out, ",", 1);
            at++;
            break;
        default:
            at = take_element(text, at, &element, &quoted);
            if (!quoted && bytes_equal_string(buffer_bytes(&element), "NULL"))
                buffer_append_string(out, "null");
            else
                good = put_scalar(type, buffer_bytes(&element), out);
        }
    }
    buffer_free(&element);
    return good;
}

bool sql_row_json(const PGresult *result, int row, struct buffer *out, const char **why)
{
    int columns = PQnfields(result);

    buffer_append(out, "{", 1);
    for (int i = 0; i < columns; i++) {
        struct bytes text = {(const uint8_t *)PQgetvalue(result, row, i),
                             (size_t)PQgetlength(result, row, i)};
        unsigned type = PQftype(result, i), element = element_type(type);
        bool good;

        if (i > 0)
            buffer_append(out, ",", 1);
        good = put_string(bytes_of_string(PQfname(result, i)), out);
        buffer_append(out, ":", 1);
        if (PQgetisnull(result, row, i))
            buffer_append_string(out, "null");
        else
            good = good && (element != 0 ? put_array(element, text, out) : put_scalar(type, text, out));
        if (!good) {
            *why = "a value has no form in JSON (not UTF-8, a date outside RFC 3339, or JSON that cannot be "
                   "read)";
            return false;
        }
    }
    buffer_append(out, "}", 1);
    return true;
}
