#include "connectors/sql_state.h"
#include <stddef.h>
#include <string.h>

/* The first row whose prefix fits. */
static const struct rule {
    const char *prefix;
    enum refusal refusal;
    bool connection;
    const char *words;
} rules[] = {
    {"57014", REFUSAL_PROVIDER_TIMEOUT, false, "the statement ran into its time limit"},
    {"55P03", REFUSAL_PROVIDER_TIMEOUT, false, "a lock was not granted in time"},
    {"25006", REFUSAL_PROVIDER_FAILED, false, "the statement writes but is not declared with writes: true"},
    {"26000", REFUSAL_PROVIDER_FAILED, true, "the server has lost the prepared statement"},
    {"0A000", REFUSAL_PROVIDER_FAILED, true,
     "the server does not support it, or a table has changed under the statement"},
    {"57P", REFUSAL_PROVIDER_FAILED, true, "the server is stopping or not ready"},
    {"25P03", REFUSAL_PROVIDER_FAILED, true, "the server has ended the session"},
    {"08", REFUSAL_PROVIDER_FAILED, true, "the connection broke"},
    {"53", REFUSAL_PROVIDER_BUSY, false, "the server is short of resources"},
    {"22012", REFUSAL_PROVIDER_FAILED, false, "a division by zero"},
    {"22", REFUSAL_BAD_PARAMETER, false, "a value does not have the form that the statement needs"},
    {"23", REFUSAL_BAD_PARAMETER, false, "the change breaks a rule of the register"},
    {"40", REFUSAL_PROVIDER_FAILED, false, "the transaction conflicted with another"},
    {"42501", REFUSAL_PROVIDER_FAILED, false, "the database user lacks a permission"},
    {"42", REFUSAL_PROVIDER_FAILED, false,
     "the statement does not fit the database (a table, column or syntax)"},
    {"P0", REFUSAL_PROVIDER_FAILED, false, "a procedure of the database refused"},
    {"", REFUSAL_PROVIDER_FAILED, false, "the database refused the statement"},
};

static const struct rule *find(const char *state)
{
    size_t i = 0;

    while (strncmp(state, rules[i].prefix, strlen(rules[i].prefix)) != 0)
        i++;
    return &rules[i];
}

enum refusal sql_state_refusal(const char *state)
{
    return find(state)->refusal;
}

const char *sql_state_words(const char *state)
{
    return find(state)->words;
}

bool sql_state_connection(const char *state)
{
    return find(state)->connection;
}
