#include "connectors/connectors.h"
#include "base/error.h"
#include "connectors/sql_parameter.h"
#include "registry/identifier.h"
#include <libpq-fe.h>
#include <string.h>

/* What stands between quotes or in comments is not a placeholder. Returns what follows it, or text itself
 * when nothing of the kind begins here. */
static const char *skip_quoted(const char *text)
{
    const char *end;

    if (*text == '\'' || *text == '"') {
        end = strchr(text + 1, *text);
        return end != NULL ? end + 1 : text + strlen(text);
    }
    if (strncmp(text, "--", 2) == 0)
        return text + strcspn(text, "\n");
    if (strncmp(text, "/*", 2) == 0) {
        end = strstr(text, "*/");
        return end != NULL ? end + 2 : text + strlen(text);
    }
    return text;
}

/* Which of $1 to $64 the text uses. False for one beyond. */
static bool placeholders(const char *text, uint64_t *used)
{
    *used = 0;
    while (*text != 0) {
        const char *after = skip_quoted(text);
        if (after != text) {
            text = after;
            continue;
        }
        if (*text++ != '$')
            continue;
        size_t digits = strspn(text, "0123456789");
        uint64_t n = 0;
        if (digits == 0)
            continue;
        if (!decimal_parse(bytes_make(text, digits), &n) || n == 0 || n > SQL_PARAMETERS_MOST)
            return false;
        *used |= 1ULL << (n - 1);
        text += digits;
    }
    return true;
}

int connector_sql_check(const struct sql_statement *s, struct error *e)
{
    uint64_t used;

    if (!code_valid(bytes_of_string(s->operation)))
        return error_set(e, ERROR_CONFIG, "operation \"%s\" is not a code", s->operation);
    if (s->parameter_count > SQL_PARAMETERS_MOST)
        return error_set(e, ERROR_CONFIG, "at most %d parameters", SQL_PARAMETERS_MOST);
    if (!placeholders(s->text, &used))
        return error_set(e, ERROR_CONFIG, "placeholders are $1 to $%d", SQL_PARAMETERS_MOST);
    uint64_t named = s->parameter_count == 64 ? UINT64_MAX : (1ULL << s->parameter_count) - 1;
    if (used != named)
        return error_set(
            e, ERROR_CONFIG,
            "the statement's placeholders and its %zu parameters do not match: $1, $2, ... each once or more",
            s->parameter_count);
    for (size_t i = 0; i < s->parameter_count; i++)
        if (!sql_parameter_name_valid(s->parameters[i]))
            return error_set(
                e, ERROR_CONFIG,
                "parameter \"%s\" is none of a path parameter's name, query.NAME, body./pointer, "
                "exchange.id, consumer",
                s->parameters[i]);
    return 0;
}

int connector_sql_check_connection(const char *connection, struct error *e)
{
    char *unused = NULL;
    PQconninfoOption *options = PQconninfoParse(connection, &unused);
    bool password = false;

    /* libpq's own words may hold parts of what it could not read. */
    PQfreemem(unused);
    if (options == NULL)
        return error_set(e, ERROR_CONFIG, "not a connection string of libpq (host=... dbname=... user=...)");
    for (PQconninfoOption *o = options; o->keyword != NULL; o++)
        password = password || (strcmp(o->keyword, "password") == 0 && o->val != NULL && o->val[0] != 0);
    PQconninfoFree(options);
    if (password)
        return error_set(e, ERROR_CONFIG,
                         "a password does not belong here: use passfile=FILE, or peer authentication");
    return 0;
}
