#include "connectors/sql_serverlog.h"
#include "base/log.h"
#include <stdbool.h>
#include <string.h>

/* Values of bound parameters reach the log by these; DETAIL lines (a duplicate key's value) by the verbosity.
 */
static const struct setting {
    const char *name, *safe;
} settings[] = {
    {"log_parameter_max_length", "0"},
    {"log_parameter_max_length_on_error", "0"},
    {"log_error_verbosity", "terse"},
};

static const char *value_of(const PGresult *result, const char *name)
{
    for (int i = 0; i < PQntuples(result); i++)
        if (strcmp(PQgetvalue(result, i, 0), name) == 0)
            return PQgetvalue(result, i, 1);
    return NULL;
}

static bool settable(PGconn *conn, const char *name)
{
    const char *superuser = PQparameterStatus(conn, "is_superuser");
    const char *const values[] = {name};

    if (superuser != NULL && strcmp(superuser, "on") == 0)
        return true;
    if (PQserverVersion(conn) < 150000)
        return false;
    PGresult *result =
        PQexecParams(conn, "SELECT has_parameter_privilege($1, 'SET')", 1, NULL, values, NULL, NULL, 0);
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
                strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    return good;
}

static bool set(PGconn *conn, const struct setting *setting)
{
    const char *const values[] = {setting->name, setting->safe};
    PGresult *result = PQexecParams(conn, "SELECT set_config($1, $2, false)", 2, NULL, values, NULL, NULL, 0);
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

    PQclear(result);
    return good;
}

void sql_serverlog_restrain(PGconn *conn, const char *service)
{
    PGresult *result = PQexec(conn, "SELECT name, setting FROM pg_settings WHERE name LIKE 'log\\_%'");

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const char *value = value_of(result, settings[i].name);
        if (value != NULL && strcmp(value, settings[i].safe) == 0)
            continue;
        bool done = settable(conn, settings[i].name) && set(conn, &settings[i]);
        if (!done && service != NULL)
            log_warn("sql_server_log_may_hold_data", "service=%s setting=%s value=%s safe=%s", service,
                     settings[i].name, value != NULL ? value : "unknown", settings[i].safe);
    }
    PQclear(result);
}
