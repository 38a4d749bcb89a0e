#ifndef WASL_CONNECTORS_SQL_ROW_H
#define WASL_CONNECTORS_SQL_ROW_H
/*
 * A row as a JSON object, column by column in the order of the statement:
 *   bool                      true, false           int2, int4             number
 *   int8, numeric             string, every digit   date, timestamptz      RFC 3339 string (timestamptz in
 * UTC) json, jsonb               as it is              arrays of these types  array (text forms as strings)
 *   bytea                     base64 string         NULL                   null
 *   every other type          PostgreSQL's text form as a string
 */
#include "base/bytes.h"
#include <libpq-fe.h>

/* Appends to out. False, with static words in *why, when a value cannot be carried. */
bool sql_row_json(const PGresult *result, int row, struct buffer *out, const char **why);

#endif
