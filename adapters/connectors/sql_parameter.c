#include "connectors/sql_parameter.h"
#include "base/clock.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "connectors/sql_type.h"
#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUERY "query."
#define BODY  "body."

static bool name_plain(const char *name)
{
    return *name != 0 && strlen(name) <= 64 &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == 0;
}

bool sql_parameter_name_valid(const char *name)
{
    if (strcmp(name, "exchange.id") == 0)
        return true;
    if (strncmp(name, QUERY, strlen(QUERY)) == 0)
        return name_plain(name + strlen(QUERY));
    if (strncmp(name, BODY, strlen(BODY)) == 0) /* RFC 6901: "" is the whole, which is no scalar */
        return name[strlen(BODY)] == '/' && utf8_valid(bytes_of_string(name));
    return name_plain(name);
}

/* --- forms --- */

static bool is_integer(const char *text, int64_t least, int64_t most)
{
    char *end;
    const char *digits = text + (*text == '-');

    if (*digits == 0 || strlen(digits) > 19 || digits[strspn(digits, "0123456789")] != 0)
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return errno == 0 && *end == 0 && value >= least && value <= most;
}

/* Exactly `len` digits. */
static bool take_digits(const char *text, size_t len, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

static bool is_decimal(const char *text)
{
    const char *p = text + (*text == '-');
    size_t whole = strspn(p, "0123456789");

    if (whole == 0 || strlen(text) > 64)
        return false;
    p += whole;
    if (*p == '.') {
        size_t fraction = strspn(++p, "0123456789");
        if (fraction == 0)
            return false;
        p += fraction;
    }
    return *p == 0;
}

/* A value that PostgreSQL would call out of range, and quote in its log, is none. */
static bool is_real(const char *text, bool single)
{
    bool zero = text[strspn(text, "-0.")] == 0;
    double value = single ? (double)strtof(text, NULL) : strtod(text, NULL);
    double least = single ? (double)FLT_MIN : DBL_MIN;

    return is_decimal(text) && isfinite(value) && (zero || fabs(value) >= least);
}

/* YYYY-MM-DD, of any year from 1 on: people were born before 1970. */
static bool is_date(const char *text)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t year, month, day;

    if (strlen(text) < 10 || text[4] != '-' || text[7] != '-' || !take_digits(text, 4, &year) ||
        !take_digits(text + 5, 2, &month) || !take_digits(text + 8, 2, &day))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return year > 0 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* RFC 3339. The time of day and the zone are judged on a day that clock_parse knows. */
static bool is_timestamp(const char *text)
{
    char known[64] = "2000-01-01";
    uint64_t time;

    if (!is_date(text) || strlen(text) <= 10 || strlen(text) >= sizeof known)
        return false;
    strcpy(known + 10, text + 10);
    if (!clock_parse(known, &time))
        return false;
    /* PostgreSQL's zones end at 15:59. */
    const char *zone = text + strlen(text) - 6;
    return text[strlen(text) - 1] == 'Z' || zone[1] == '0' || (zone[1] == '1' && zone[2] <= '5');
}

static bool is_json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    json_decref(value);
    return value != NULL;
}

bool sql_parameter_type_known(unsigned type)
{
    switch (type) {
    case SQLTYPE_TEXT:
    case SQLTYPE_VARCHAR:
    case SQLTYPE_BPCHAR:
    case SQLTYPE_NAME:
    case SQLTYPE_INT2:
    case SQLTYPE_INT4:
    case SQLTYPE_INT8:
    case SQLTYPE_NUMERIC:
    case SQLTYPE_FLOAT4:
    case SQLTYPE_FLOAT8:
    case SQLTYPE_BOOL:
    case SQLTYPE_UUID:
    case SQLTYPE_DATE:
    case SQLTYPE_TIMESTAMP:
    case SQLTYPE_TIMESTAMPTZ:
    case SQLTYPE_JSON:
    case SQLTYPE_JSONB:
        return true;
    default:
        return false;
    }
}

static bool fits(unsigned type, const char *text)
{
    uint8_t uuid[16];

    switch (type) {
    case SQLTYPE_TEXT:
    case SQLTYPE_VARCHAR:
    case SQLTYPE_BPCHAR:
    case SQLTYPE_NAME:
        return true;
    case SQLTYPE_INT2:
        return is_integer(text, INT16_MIN, INT16_MAX);
    case SQLTYPE_INT4:
        return is_integer(text, INT32_MIN, INT32_MAX);
    case SQLTYPE_INT8:
        return is_integer(text, INT64_MIN, INT64_MAX);
    case SQLTYPE_NUMERIC:
        return is_decimal(text);
    case SQLTYPE_FLOAT4:
    case SQLTYPE_FLOAT8:
        return is_real(text, type == SQLTYPE_FLOAT4);
    case SQLTYPE_BOOL:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    case SQLTYPE_UUID:
        return uuid_parse(text, uuid);
    case SQLTYPE_DATE:
        return strlen(text) == 10 && is_date(text);
    case SQLTYPE_TIMESTAMP:
    case SQLTYPE_TIMESTAMPTZ:
        return is_timestamp(text);
    case SQLTYPE_JSON:
    case SQLTYPE_JSONB:
        return is_json(text);
    default:
        return false;
    }
}

/* --- where they come from --- */

static char *copy_of(struct bytes b)
{
    char *text = memory_zeroed(b.len + 1, 1);

    if (b.len > 0)
        memcpy(text, b.data, b.len);
    return text;
}

/* NAME's value in the query, percent-decoded. False when it stands twice or is not text. *value NULL: absent.
 */
static bool from_query(struct bytes query, const char *name, char **value)
{
    struct buffer decoded = {0};
    size_t at = 0;
    bool good = true;

    while (good && at < query.len) {
        const uint8_t *amp = memchr(query.data + at, '&', query.len - at);
        size_t end = amp != NULL ? (size_t)(amp - query.data) : query.len;
        const uint8_t *equals = memchr(query.data + at, '=', end - at);
        size_t name_end = equals != NULL ? (size_t)(equals - query.data) : end;
        buffer_clear(&decoded);
        good = percent_decode(bytes_make(query.data + at, name_end - at), &decoded);
        if (good && bytes_equal_string(buffer_bytes(&decoded), name)) {
            size_t from = equals != NULL ? name_end + 1 : end;
            buffer_clear(&decoded);
            good = *value == NULL && percent_decode(bytes_make(query.data + from, end - from), &decoded) &&
                   utf8_valid(buffer_bytes(&decoded));
            if (good)
                *value = copy_of(buffer_bytes(&decoded));
        }
        at = end + 1;
    }
    buffer_free(&decoded);
    return good;
}

/* RFC 6901. NULL: there is nothing at this pointer. */
static const json_t *pointed(const json_t *at, const char *pointer)
{
    while (at != NULL && *pointer == '/') {
        char token[256];
        size_t n = 0;
        uint64_t index;
        for (pointer++; *pointer != 0 && *pointer != '/'; pointer++) {
            char c = *pointer;
            if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                c = *++pointer == '0' ? '~' : '/';
            if (n + 1 >= sizeof token)
                return NULL;
            token[n++] = c;
        }
        token[n] = 0;
        if (json_is_array(at) && decimal_parse(bytes_make(token, n), &index))
            at = json_array_get(at, (size_t)index);
        else
            at = json_object_get(at, token);
    }
    return at;
}

static bool from_body(const json_t *body, const char *pointer, char **value)
{
    const json_t *found = pointed(body, pointer);
    struct buffer text = {0};

    switch (found != NULL ? json_typeof(found) : JSON_NULL) {
    case JSON_NULL:
        return true;
    case JSON_STRING:
        /* A NUL in it would cut the value. */
        if (memchr(json_string_value(found), 0, json_string_length(found)) != NULL)
            return false;
        *value = string_copy(json_string_value(found));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *value = string_copy(json_is_true(found) ? "true" : "false");
        return true;
    case JSON_INTEGER:
        buffer_printf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(found));
        *value = copy_of(buffer_bytes(&text));
        buffer_free(&text);
        return true;
    default:
        /* A real number has lost its digits by now: decimals come as strings. */
        return false;
    }
}

static bool from_path(const struct call *call, const char *name, char **value)
{
    for (size_t i = 0; i < call->match.parameter_count; i++) {
        const struct operation_parameter *p = &call->match.parameters[i];
        if (strlen(name) == p->name_len && memcmp(name, p->name, p->name_len) == 0) {
            *value = string_copy(p->value);
            return true;
        }
    }
    return false;
}

static bool gather_one(const char *name, const struct call *call, const json_t *body, char **value)
{
    char id[37];

    if (strcmp(name, "exchange.id") == 0) {
        uuid_format(call->exchange_id, id);
        *value = string_copy(id);
        return true;
    }
    if (strcmp(name, "consumer") == 0) {
        *value = string_copy(call->consumer);
        return true;
    }
    if (strncmp(name, QUERY, strlen(QUERY)) == 0)
        return from_query(buffer_bytes(&call->query), name + strlen(QUERY), value);
    if (strncmp(name, BODY, strlen(BODY)) == 0)
        return from_body(body, name + strlen(BODY), value);
    return from_path(call, name, value);
}

static bool wants_body(const struct sql_statement *statement)
{
    for (size_t i = 0; i < statement->parameter_count; i++)
        if (strncmp(statement->parameters[i], BODY, strlen(BODY)) == 0)
            return true;
    return false;
}

enum refusal sql_values_gather(const struct sql_statement *statement, const unsigned *types,
                               const struct call *call, struct sql_values *out)
{
    json_t *body = NULL;
    bool good = true;

    *out = (struct sql_values){.count = statement->parameter_count};
    if (wants_body(statement)) {
        body = json_loadb((const char *)call->body.data, call->body.len, JSON_REJECT_DUPLICATES, NULL);
        good = body != NULL;
    }
    for (size_t i = 0; good && i < statement->parameter_count; i++)
        good = gather_one(statement->parameters[i], call, body, &out->items[i]) &&
               (out->items[i] == NULL || fits(types[i], out->items[i]));
    json_decref(body);
    if (!good)
        sql_values_free(out);
    return good ? REFUSAL_NONE : REFUSAL_BAD_PARAMETER;
}

void sql_values_free(struct sql_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (values->items[i] != NULL)
            explicit_bzero(values->items[i], strlen(values->items[i]));
        free(values->items[i]);
    }
    *values = (struct sql_values){0};
}
