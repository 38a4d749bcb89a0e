#ifndef WASL_CONNECTORS_SQL_PARAMETER_H
#define WASL_CONNECTORS_SQL_PARAMETER_H
/* From a call to the bound parameters of a statement. */
#include "connectors/connectors.h"

#define SQL_PARAMETERS_MOST 64

/* Values in PostgreSQL's text form; NULL is SQL's. */
struct sql_values {
    char *items[SQL_PARAMETERS_MOST];
    size_t count;
};
bool sql_parameter_name_valid(const char *name);
/* Whether values of this type (a PostgreSQL type's OID) can be bound: only those whose form is checked here.
 */
bool sql_parameter_type_known(unsigned type);
/*
 * Gathers a statement's parameters. What does not have the form of its type is refused here, BAD_PARAMETER,
 * before PostgreSQL sees it: its own complaint would carry the value into its log. A query or body parameter
 * that is absent is NULL.
 */
enum refusal sql_values_gather(const struct sql_statement *statement, const unsigned *types,
                               const struct call *call, struct sql_values *out);
void sql_values_free(struct sql_values *values);

#endif
