/* wasl registry explain: the same decide() that bus and adapters ask, in words. */
#include "wasl/registry_command.h"

#include "base/clock.h"
#include "registry/decide.h"
#include "registry/operation.h"
#include "wasl/command.h"
#include "wasl/registry_file.h"

#include <argp.h>
#include <inttypes.h>
#include <string.h>

#define OPTION_PATH_STDIN 0x1000
#define LINE_MOST         16384

struct explain_words {
    const char *file, *consumer, *service, *operation, *method, *path, *purpose, *legal_basis;
    bool path_stdin;
    char line[LINE_MOST];
    uint64_t at;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct explain_words *words = state->input;
    switch (key) {
    case 'c':
        words->consumer = arg;
        return 0;
    case 's':
        words->service = arg;
        return 0;
    case 'o':
        words->operation = arg;
        return 0;
    case 'm':
        words->method = arg;
        return 0;
    case 'P':
        words->path = arg;
        return 0;
    case OPTION_PATH_STDIN:
        words->path_stdin = true;
        return 0;
    case 'p':
        words->purpose = arg;
        return 0;
    case 'l':
        words->legal_basis = arg;
        return 0;
    case 't':
        if (!clock_parse(arg, &words->at))
            argp_error(state, "a time is RFC 3339 (2027-01-31T23:00:00Z) or a date");
        return 0;
    case ARGP_KEY_ARG:
        if (words->file != NULL)
            argp_usage(state);
        words->file = arg;
        return 0;
    case ARGP_KEY_END:
        if (words->file == NULL)
            argp_usage(state);
        if (words->consumer == NULL || words->service == NULL)
            argp_error(state, "--consumer and --service are needed");
        if (words->path_stdin && words->path != NULL)
            argp_error(state, "the path comes from one place");
        if (words->operation != NULL && (words->path_stdin || words->path != NULL))
            argp_error(state, "an operation is named, or found by its path, not both");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* One line: a path, perhaps with its query, which no right is about. */
static int read_path(struct explain_words *words)
{
    struct error e = {0};
    if (fgets(words->line, sizeof words->line, stdin) == NULL) {
        error_set(&e, ERROR_USAGE, "standard input has no line with the path");
        return command_failed(&e);
    }
    size_t len = strcspn(words->line, "\r\n");
    if (words->line[len] == 0 && len + 1 == sizeof words->line) {
        error_set(&e, ERROR_USAGE, "standard input: the line with the path is too long");
        return command_failed(&e);
    }
    words->line[len] = 0;
    words->line[strcspn(words->line, "?")] = 0;
    words->path = words->line;
    return WASL_GOOD;
}

static struct bytes perhaps(const char *text)
{
    return text != NULL ? bytes_of_string(text) : (struct bytes){0};
}

static struct bytes method_of(const struct explain_words *words)
{
    return bytes_of_string(words->method != NULL ? words->method : "GET");
}

/* The operation of --method and --path, if the service is known. */
static enum refusal find_operation(const struct registry *r, struct explain_words *words)
{
    const struct registry_service *service = registry_service(r, bytes_of_string(words->service));
    struct operation_match match;
    if (words->path == NULL || service == NULL)
        return REFUSAL_NONE;
    enum refusal refusal = operation_match(service, method_of(words), bytes_of_string(words->path), &match);
    if (refusal == REFUSAL_NONE)
        words->operation = match.operation->code;
    return refusal;
}

static void print_fields(const struct registry_grant *grant)
{
    if (grant->whole) {
        printf("fields:      whole, nothing is filtered\n");
        return;
    }
    printf("fields:     ");
    for (size_t i = 0; i < grant->field_count; i++)
        printf(" %s", grant->fields[i]);
    printf("\n");
}

/* Every grant that the consumer has for the service, for who is refused. */
static void print_grants(const struct registry *r, const struct decision *decision)
{
    if (decision->consumer == NULL || decision->service == NULL)
        return;
    size_t count;
    const struct registry_grant *const *grants =
        registry_grants_of(r, decision->consumer, decision->service, &count);
    for (size_t i = 0; i < count; i++) {
        char when[28];
        clock_format(grants[i]->expires, when);
        printf("grant:       %s (%s) until %s, operations:", grants[i]->purpose->code,
               grants[i]->purpose->legal_basis, when);
        for (size_t k = 0; k < grants[i]->operation_count; k++)
            printf(" %s", grants[i]->operations[k]->code);
        printf("%s\n", grants[i]->operation_count == 0 ? " all" : "");
    }
}

static void print_endpoints(const struct registry_grant *grant, const struct registry_endpoint *by)
{
    if (by != NULL)
        printf("endpoint:    %s %s\n", by->method, by->path);
    for (size_t i = 0; by == NULL && i < grant->endpoint_count; i++)
        printf("%s%s %s\n", i == 0 ? "endpoints:   only " : "             ", grant->endpoints[i].method,
               grant->endpoints[i].path);
    if (grant->endpoint_count == 0)
        printf("endpoints:   every path of the operation\n");
}

static void print_allowed(const struct decision *decision, const struct registry_endpoint *by)
{
    const struct registry_grant *grant = decision->grant;
    char when[28];
    printf("ALLOWED\n%s\n", decision->words);
    printf("consumer:    %s, %s\n", decision->consumer->id, decision->consumer->names.en);
    printf("provider:    %s\n", decision->service->subsystem->member->names.en);
    printf("service:     %s, %s\n", decision->service->id, decision->service->names.en);
    if (decision->operation != NULL)
        printf("operation:   %s, %s %s\n", decision->operation->code, decision->operation->method,
               decision->operation->path);
    printf("purpose:     %s, %s\n", grant->purpose->code, grant->purpose->names.en);
    printf("legal basis: %s\n", grant->purpose->legal_basis);
    print_endpoints(grant, by);
    print_fields(grant);
    clock_format(grant->expires, when);
    printf("until:       %s\n", when);
    if (grant->per_day > 0)
        printf("quota:       %" PRIu64 " a day\n", grant->per_day);
}

static int explain(const struct registry *r, struct explain_words *words)
{
    enum refusal unmatched = find_operation(r, words);
    struct question question = {
        .consumer = bytes_of_string(words->consumer),
        .service = bytes_of_string(words->service),
        .operation = perhaps(words->operation),
        .purpose = perhaps(words->purpose),
        .legal_basis = perhaps(words->legal_basis),
        .now = words->at,
    };
    struct decision decision;
    decide(r, &question, &decision);
    /* A path that fits no operation is refused before grants are looked at, and the grant's endpoints after
     * the grant has been found, as adapters do. */
    bool known = decision.consumer != NULL && decision.service != NULL;
    unsigned refusal = known && unmatched != REFUSAL_NONE ? unmatched : decision.refusal;
    const struct registry_endpoint *by = NULL;
    if (refusal == REFUSAL_NONE && words->path != NULL)
        refusal = operation_permitted(decision.grant, method_of(words), bytes_of_string(words->path), &by);
    if (refusal == REFUSAL_NONE) {
        print_allowed(&decision, by);
        return WASL_GOOD;
    }
    printf("REFUSED: %s\n%s\n", refusal_name(refusal), refusal_words(refusal));
    if (refusal == (unsigned)decision.refusal)
        printf("%s\n", decision.words);
    if (refusal == REFUSAL_ENDPOINT_NOT_PERMITTED)
        print_endpoints(decision.grant, NULL);
    printf("remedy:      %s\n", refusal_remedy(refusal));
    print_grants(r, &decision);
    return WASL_REFUSED;
}

int registry_explain_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"consumer", 'c', "ID", 0, "Subsystem that asks: TN/GOV/MEN/enrolment", 0},
        {"service", 's', "ID", 0, "Service that is asked: TN/GOV/MI/civil/person", 0},
        {"operation", 'o', "CODE", 0, "Its operation", 0},
        {"method", 'm', "METHOD", 0,
         "With --path: the operation is found as an adapter finds it (default: GET)", 0},
        {"path", 'P', "PATH", 0,
         "Path after the service (with made-up digits: command lines are seen by everybody)", 0},
        {"path-stdin", OPTION_PATH_STDIN, NULL, 0, "Read the path from standard input, one line", 0},
        {"purpose", 'p', "CODE", 0, "Purpose (default: taken when exactly one grant fits)", 0},
        {"legal-basis", 'l', "CODE", 0, "Legal basis that the message would name", 0},
        {"at", 't', "TIME", 0, "As of then (default: now)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp argp = {
        options, parse,
        "FILE",  "May this consumer use this service, and why?\vExit code 0: allowed; 1: refused.",
        NULL,    NULL,
        NULL};
    static struct explain_words words;
    words = (struct explain_words){.at = clock_wall()};
    struct registry_trust trust = {0};
    struct registry_read read = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &words);
    int result = words.path_stdin ? read_path(&words) : WASL_GOOD;
    if (result == WASL_GOOD)
        result = registry_read(words.file, &trust, &read);
    if (result == WASL_GOOD)
        result = explain(read.registry, &words);
    registry_free(read.registry);
    return result;
}
