/* The SQL connector without a database: values for a statement out of path, query and body, of the form of
 * their type; rows out of PostgreSQL become JSON. */
#include "fuzz.h"

#include "base/error.h"
#include "base/utf8.h"
#include "connectors/sql_parameter.h"
#include "connectors/sql_row.h"
#include "connectors/sql_state.h"
#include "connectors/sql_type.h"

#include <jansson.h>

static const unsigned types[] = {
    SQLTYPE_BOOL,       SQLTYPE_INT8,       SQLTYPE_INT4,      SQLTYPE_TEXT,        SQLTYPE_JSON,
    SQLTYPE_DATE,       SQLTYPE_NUMERIC,    SQLTYPE_TIMESTAMP, SQLTYPE_TIMESTAMPTZ, SQLTYPE_UUID,
    SQLTYPE_JSONB,      SQLTYPE_BYTEA,      SQLTYPE_INT2,      SQLTYPE_TEXT_ARRAY,  SQLTYPE_INT4_ARRAY,
    SQLTYPE_BOOL_ARRAY, SQLTYPE_DATE_ARRAY, SQLTYPE_FLOAT8,    SQLTYPE_FLOAT4,      SQLTYPE_NUMERIC_ARRAY,
};
#define TYPES (sizeof types / sizeof types[0])

void fuzz_setup(void)
{
}

static void seed(uint8_t form, uint8_t type, const char *name, const char *query, const char *body)
{
    struct buffer b = {0};
    buffer_append(&b, &form, 1);
    buffer_append(&b, &type, 1);
    fuzz_put_piece(&b, bytes_of_string(name));
    fuzz_put_piece(&b, bytes_of_string(query));
    buffer_append_string(&b, body);
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

void fuzz_seeds(void)
{
    static const char *const values[TYPES] = {"true",
                                              "-9223372036854775808",
                                              "12",
                                              "text",
                                              "{\"a\":1}",
                                              "2026-02-28",
                                              "-12.50",
                                              "2026-02-28 10:00:00",
                                              "2026-02-28T10:00:00+01:00",
                                              "6f1c2f2e-0b7a-4c63-9d3e-0a1b2c3d4e5f",
                                              "[1]",
                                              "\\x00ff",
                                              "3",
                                              "{a,\"b c\",NULL}",
                                              "{1,2}",
                                              "{t,f}",
                                              "{2026-01-01}",
                                              "1.5e3",
                                              "NaN",
                                              "{1.5,NaN}"};
    for (uint8_t t = 0; t < TYPES; t++) {
        struct buffer query = {0};
        buffer_printf(&query, "x=%s", values[t]);
        buffer_append(&query, "", 1);
        seed(0, t, "query.x", (const char *)query.data, "");
        seed(1, t, values[t], "", values[t]);
        buffer_free(&query);
    }
    seed(0, 3, "body./a/0/b", "", "{\"a\":[{\"b\":\"x\"}]}");
    seed(0, 1, "body./a", "", "{\"a\":12345678901}");
    seed(0, 3, "exchange.id", "a=b&c=d%20e", "{}");
}

static void gather(struct fuzz_input *in)
{
    unsigned type = types[fuzz_u8(in) % TYPES];
    char *name = fuzz_text(fuzz_piece(in));
    const char *names[] = {name, "consumer"};
    const unsigned both[] = {type, SQLTYPE_TEXT};
    const struct sql_statement statement = {
        .operation = "a", .text = "SELECT $1, $2", .parameters = names, .parameter_count = 2};
    struct error e = {0};
    struct call call = {.consumer = "TN/GOV/MEN/enrolment"};
    struct sql_values values;
    call.match.parameter_count = 1;
    call.match.parameters[0].name = "iuc";
    call.match.parameters[0].name_len = 3;
    strcpy(call.match.parameters[0].value, "01234567890");
    buffer_append_bytes(&call.query, fuzz_piece(in));
    buffer_append_bytes(&call.body, fuzz_rest(in));
    if (sql_parameter_name_valid(name) &&
        sql_values_gather(&statement, both, &call, &values) == REFUSAL_NONE) {
        FUZZ_CHECK(values.count == 2 && strcmp(values.items[1], "TN/GOV/MEN/enrolment") == 0);
        const char *v = values.items[0];
        if (v != NULL && (type == SQLTYPE_INT2 || type == SQLTYPE_INT4 || type == SQLTYPE_INT8))
            FUZZ_CHECK(v[strspn(v, "-0123456789")] == 0 && strlen(v) <= 20);
        if (v != NULL && (type == SQLTYPE_DATE || type == SQLTYPE_NUMERIC || type == SQLTYPE_UUID))
            FUZZ_CHECK(v[strspn(v, "+-.0123456789abcdefABCDEFeINaNinfty")] == 0);
        sql_values_free(&values);
    }
    (void)connector_sql_check(&statement, &e);
    buffer_free(&call.query);
    buffer_free(&call.body);
    free(name);
}

static bool is_array(unsigned type)
{
    return type == SQLTYPE_TEXT_ARRAY || type == SQLTYPE_INT4_ARRAY || type == SQLTYPE_BOOL_ARRAY ||
           type == SQLTYPE_DATE_ARRAY || type == SQLTYPE_NUMERIC_ARRAY;
}

static void row(struct fuzz_input *in)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    unsigned type = types[fuzz_u8(in) % TYPES];
    char *name = fuzz_text(fuzz_piece(in));
    struct bytes ignored = fuzz_piece(in);
    char *value = fuzz_text(fuzz_rest(in));
    PGresAttDesc columns[2] = {{.name = name, .typid = type},
                               {.name = (char *)(uintptr_t) "other", .typid = SQLTYPE_TEXT}};
    struct buffer out = {0};
    const char *why = NULL;
    (void)ignored;
    FUZZ_CHECK(PQsetResultAttrs(result, 2, columns) == 1);
    FUZZ_CHECK(PQsetvalue(result, 0, 0, value, (int)strlen(value)) == 1 &&
               PQsetvalue(result, 0, 1, NULL, -1) == 1);
    /* PostgreSQL sends UTF-8 (client_encoding), whatever the type. */
    if (!utf8_valid(bytes_of_string(value))) {
        why = "";
    } else if (sql_row_json(result, 0, &out, &why)) {
        json_t *json = json_loadb((const char *)out.data, out.len, 0, NULL);
        /* Numbers, arrays and json are PostgreSQL's own text, and passed on; everything else is ours to write
         * well. */
        FUZZ_CHECK(json != NULL || type == SQLTYPE_JSON || type == SQLTYPE_JSONB || type == SQLTYPE_INT2 ||
                   type == SQLTYPE_INT4 || is_array(type));
        FUZZ_CHECK(json == NULL || json_is_null(json_object_get(json, "other")) ||
                   strcmp(name, "other") == 0);
        json_decref(json);
    } else {
        FUZZ_CHECK(why != NULL);
    }
    (void)sql_state_refusal(value);
    buffer_free(&out);
    PQclear(result);
    free(name);
    free(value);
}

void fuzz_target(struct fuzz_input *in)
{
    if (fuzz_u8(in) % 2 == 0)
        gather(in);
    else
        row(in);
}
