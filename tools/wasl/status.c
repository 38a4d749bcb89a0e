/* wasl status: how a bus and adapters are, for operators. */
#include "wasl/command.h"

#include "base/alarm.h"
#include "base/bytes.h"
#include "common/http.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define TARGETS_MOST 64
#define STATUS_MOST  ((size_t)64 << 10)
#define BUS_DEFAULT  "/run/wasl-bus/audit.sock"

struct target {
    const char *where;
    bool bus;
};

struct status_options {
    struct target targets[TARGETS_MOST];
    size_t count;
    bool json;
};

enum { OPTION_JSON = 0x1000 };

static const struct argp_option options[] = {
    {"bus", 'b', "SOCKET", 0, "The audit socket of a bus (default when nothing is named: " BUS_DEFAULT ")",
     1},
    {"adapter", 'a', "WHERE", 0,
     "The listener of an adapter: http://127.0.0.1:8080 or unix:/path (may be given again)", 1},
    {"output", 'o', "FORM", 0, "json: one JSON object a line, as it was answered", 2},
    {"json", OPTION_JSON, NULL, 0, "The same as --output json", 2},
    {0},
};

static void add(struct status_options *status, const char *where, bool bus, struct argp_state *state)
{
    if (status->count == TARGETS_MOST)
        argp_error(state, "at most %d at a time", TARGETS_MOST);
    status->targets[status->count++] = (struct target){where, bus};
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct status_options *status = state->input;
    switch (key) {
    case 'b':
        add(status, argument, true, state);
        return 0;
    case 'a':
        add(status, argument, false, state);
        return 0;
    case 'o':
        if (strcmp(argument, "json") != 0)
            argp_error(state, "%s: the one other form is json", argument);
        status->json = true;
        return 0;
    case OPTION_JSON:
        status->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: say --bus or --adapter", argument);
        return 0;
    case ARGP_KEY_END:
        if (status->count == 0)
            add(status, BUS_DEFAULT, true, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static json_t *fetch(const struct target *target, struct error *e)
{
    struct buffer where = {0};
    struct http_response response = {0};
    json_t *object = NULL;
    bool plain_path = target->bus && strncmp(target->where, "unix:", 5) != 0;
    buffer_printf(&where, "%s%s", plain_path ? "unix:" : "", target->where);
    buffer_append(&where, "", 1);
    struct http_request request = {.method = "GET",
                                   .target = target->bus ? "/status" : "/wasl/status",
                                   .limit = STATUS_MOST,
                                   .timeout = 10};
    struct http_client *client = http_client_new((const char *)where.data, e);
    if (client != NULL && http_client_ask(client, &request, &response, e) == 0) {
        if (response.status == 200)
            object =
                json_loadb((const char *)response.body.data, response.body.len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(object)) {
            json_decref(object);
            object = NULL;
            error_set(e, ERROR_IO, "%s: this does not answer as %s does (status %u)", target->where,
                      target->bus ? "a bus" : "an adapter", response.status);
        }
    }
    http_client_free(client);
    http_response_free(&response);
    buffer_free(&where);
    return object;
}

static void line(const char *name, const char *value)
{
    printf("  %-20s ", name);
    for (; *value != '\0'; value++)
        putchar((unsigned char)*value < 0x20 || *value == 0x7f ? '?' : *value);
    putchar('\n');
}

/* A member of the answer by its name, whatever its type. */
static void line_of(const json_t *object, const char *name, const char *words)
{
    const json_t *value = json_object_get(object, name);
    char text[64];
    if (json_is_string(value)) {
        line(words, json_string_value(value));
        return;
    }
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(text, sizeof text, "%s", json_is_true(value) ? "yes" : "no");
    else
        snprintf(text, sizeof text, "-");
    line(words, text);
}

static const char *trouble_of(const json_t *object)
{
    return json_string_value(json_object_get(object, "trouble"));
}

/* They go on although somebody must look: not "in trouble", but told each in its words. */
static void print_alarms(const json_t *object)
{
    const json_t *alarms = json_object_get(object, "alarms"), *name;
    size_t i;
    json_array_foreach(alarms, i, name)
    {
        const char *text = json_string_value(name), *words = NULL, *remedy = NULL;
        for (unsigned k = 0; text != NULL && alarm_name(k) != NULL; k++) {
            if (strcmp(alarm_name(k), text) == 0) {
                words = alarm_words((enum alarm)k);
                remedy = alarm_remedy((enum alarm)k);
            }
        }
        line("ALARM", text != NULL ? text : "?");
        if (words != NULL) {
            line("", words);
            line("", remedy);
        }
    }
}

static void print_days(const json_t *object)
{
    const json_t *days = json_object_get(object, "disk_days_left");
    char text[48];
    if (json_is_number(days))
        snprintf(text, sizeof text, "%.1f, at its growth so far", json_number_value(days));
    else
        snprintf(text, sizeof text, "not known yet, or nothing grows");
    line("disk days left", text);
}

static bool print_bus(const struct target *target, const json_t *object)
{
    const char *trouble = trouble_of(object);
    char used[32];
    printf("bus %s: %s\n", target->where, trouble == NULL ? "admitting" : "NOT ADMITTING");
    if (trouble != NULL)
        line("trouble", trouble);
    line_of(object, "origin", "ledger");
    line_of(object, "started", "started");
    line_of(object, "members_connected", "members connected");
    line_of(object, "exchanges_open", "exchanges open");
    line_of(object, "admitted", "messages admitted");
    line_of(object, "refused", "refused");
    line_of(object, "timed_out", "timed out");
    line_of(object, "interrupted", "interrupted");
    line_of(object, "late", "late answers");
    line_of(object, "unattributed", "of nobody known");
    line_of(object, "checkpoint_size", "ledger entries");
    line_of(object, "registry_version", "registry version");
    line_of(object, "registry_valid_until", "registry valid until");
    snprintf(used, sizeof used, "%.1f %%", 100.0 * json_number_value(json_object_get(object, "disk_used")));
    line("disk share in use", used);
    print_days(object);
    print_alarms(object);
    return trouble == NULL;
}

static bool print_adapter(const struct target *target, const json_t *object)
{
    const char *trouble = trouble_of(object);
    const char *member = json_string_value(json_object_get(object, "member"));
    bool linked = json_is_true(json_object_get(object, "linked"));
    printf("adapter %s: %s\n", target->where, linked && trouble == NULL ? "linked" : "NOT WORKING");
    if (member != NULL)
        line("member", member);
    line_of(object, "linked", "linked to the bus");
    if (trouble != NULL)
        line("trouble", trouble);
    line_of(object, "asks_open", "questions open");
    line_of(object, "calls_open", "calls open");
    line_of(object, "asked", "asked");
    line_of(object, "answered", "answered");
    line_of(object, "refused", "refused");
    line_of(object, "checkpoint_size", "accepted entries");
    line_of(object, "registry_version", "registry version");
    print_alarms(object);
    return linked && trouble == NULL;
}

static bool print_json(const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    if (text != NULL)
        puts(text);
    free(text);
    const json_t *linked = json_object_get(object, "linked");
    return trouble_of(object) == NULL && (linked == NULL || json_is_true(linked));
}

int command_status(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Shows how a bus and adapters are.\v"
               "Exit status: 0 all of them work, 1 one of them is in trouble, 2 usage, 6 one of them cannot "
               "be reached.",
    };
    struct status_options status = {0};
    int result = WASL_GOOD;
    argp_parse(&argp, argc, argv, 0, NULL, &status);
    for (size_t i = 0; i < status.count; i++) {
        const struct target *target = &status.targets[i];
        struct error e = {0};
        json_t *object = fetch(target, &e);
        if (object == NULL) {
            result = command_failed(&e);
            continue;
        }
        bool good = status.json   ? print_json(object)
                    : target->bus ? print_bus(target, object)
                                  : print_adapter(target, object);
        if (!good && result == WASL_GOOD)
            result = WASL_REFUSED;
        json_decref(object);
    }
    return result;
}
