/* wasl registry revoke: the one emergency command. */
#include "wasl/registry_command.h"

#include "base/clock.h"
#include "common/http.h"
#include "registry/registry.h"
#include "registry/registry_suspend.h"
#include "wasl/command.h"
#include "wasl/registry_file.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#define STATUS_MOST ((size_t)1 << 20)
#define ASK_EVERY   (10 * 1000 * 1000L) /* nanoseconds */

struct revoke_words {
    const char *member, *registry, *bus, *document;
    const char *keys[64];
    size_t key_count;
    bool reinstate;
    uint64_t patience; /* seconds */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct revoke_words *words = state->input;
    switch (key) {
    case 'r':
        words->registry = arg;
        return 0;
    case 'b':
        words->bus = arg;
        return 0;
    case 'd':
        words->document = arg;
        return 0;
    case 'k':
        if (words->key_count == sizeof words->keys / sizeof words->keys[0])
            argp_error(state, "at most 64 keys");
        words->keys[words->key_count++] = arg;
        return 0;
    case 'R':
        words->reinstate = true;
        return 0;
    case 't':
        if (!decimal_parse(bytes_of_string(arg), &words->patience) || words->patience > 3600)
            argp_error(state, "--timeout is a number of seconds, at most 3600");
        return 0;
    case ARGP_KEY_ARG:
        if (words->member != NULL)
            argp_usage(state);
        words->member = arg;
        return 0;
    case ARGP_KEY_END:
        if (words->member == NULL || words->registry == NULL)
            argp_error(state, "a member and --registry are needed");
        if (words->document != NULL && (words->key_count > 0 || words->bus != NULL))
            argp_error(state, "--document only writes the document: no --key and no --bus");
        if (words->document == NULL && (words->key_count == 0 || words->bus == NULL))
            argp_error(state, "--key and --bus are needed (or --document, to sign elsewhere)");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- the bus --- */

/* NULL with e set. */
static json_t *ask_status(const char *bus, struct error *e)
{
    struct buffer where = {0};
    struct http_response response = {0};
    json_t *object = NULL;
    buffer_printf(&where, "%s%s", strncmp(bus, "unix:", 5) == 0 ? "" : "unix:", bus);
    buffer_append(&where, "", 1);
    struct http_request request = {.method = "GET", .target = "/status", .limit = STATUS_MOST, .timeout = 10};
    struct http_client *client = http_client_new((const char *)where.data, e);
    if (client != NULL && http_client_ask(client, &request, &response, e) == 0) {
        object =
            json_loadb((const char *)response.body.data, response.body.len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_array(json_object_get(object, "sessions"))) {
            json_decref(object);
            object = NULL;
            error_set(e, ERROR_IO, "%s: this does not answer as a bus does (status %u)", bus,
                      response.status);
        }
    }
    http_client_free(client);
    http_response_free(&response);
    buffer_free(&where);
    return object;
}

static uint64_t version_of(const json_t *status)
{
    return (uint64_t)json_integer_value(json_object_get(status, "registry_version"));
}

static bool has_session(const json_t *status, const char *member)
{
    const json_t *sessions = json_object_get(status, "sessions");
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        const char *name = json_string_value(json_array_get(sessions, i));
        if (name != NULL && strcmp(name, member) == 0)
            return true;
    }
    return false;
}

/* Before anything is written: is this the file that this bus has in force? */
static int check_bus(const struct revoke_words *words, uint64_t version, struct error *e)
{
    struct error why;
    json_t *status = ask_status(words->bus, &why);
    if (status == NULL)
        return error_set(
            e, why.kind,
            "nothing has been changed: %s. Without the bus's word it goes by hand: --document, then "
            "wasl registry sign over %s",
            why.text, words->registry);
    uint64_t there = version_of(status);
    json_decref(status);
    if (there == version)
        return 0;
    return error_set(e, ERROR_CONFIG,
                     "nothing has been changed: the bus has version %" PRIu64
                     " in force, and %s is version %" PRIu64 ": give the file that this bus reads",
                     there, words->registry, version);
}

/* 0 in force and no session left. */
static int wait_for_effect(const struct revoke_words *words, uint64_t version, uint64_t arrived,
                           struct error *e)
{
    uint64_t end = arrived + words->patience * MICROSECONDS;
    const char *lacks = "does not have it in force";
    while (clock_monotonic() < end) {
        json_t *status = ask_status(words->bus, e);
        if (status == NULL)
            return error_prefix(
                e, "version %" PRIu64 " is written to %s, and whether it is in force is not known: ", version,
                words->registry);
        bool in_force = version_of(status) >= version, left = has_session(status, words->member);
        json_decref(status);
        if (in_force && (!left || words->reinstate))
            return 0;
        lacks = in_force ? "still has a session of the member" : "does not have it in force";
        nanosleep(&(struct timespec){0, ASK_EVERY}, NULL);
    }
    return error_set(e, ERROR_IO,
                     "version %" PRIu64 " is written to %s, and after %" PRIu64
                     " s the bus %s: read its log (trust_file_unusable says what is wrong with the file)",
                     version, words->registry, words->patience, lacks);
}

/* --- the registry --- */

static int sign_amended(const struct revoke_words *words, struct bytes before, struct bytes document,
                        struct buffer *out, struct error *e)
{
    struct faults faults = {0};
    int result =
        registry_sign(document, words->registry, &before, words->keys, words->key_count, out, &faults, e);
    if (result != 0) {
        fwrite(faults.text.data, 1, faults.text.len, stderr);
        error_prefix(e, "nothing has been changed: ");
    }
    faults_free(&faults);
    return result;
}

static int publish(const struct revoke_words *words, const struct registry *present, struct bytes document,
                   uint64_t version, struct error *e)
{
    struct buffer file = {0};
    int result = -1;
    if (check_bus(words, registry_version(present), e) != 0 ||
        sign_amended(words, registry_file(present), document, &file, e) != 0 ||
        file_write_atomically(words->registry, buffer_bytes(&file), 0644, e) != 0)
        goto out;
    uint64_t arrived = clock_monotonic();
    if (wait_for_effect(words, version, arrived, e) != 0)
        goto out;
    printf("%s is %s: version %" PRIu64 " in force%s after %.3f s\n", words->member,
           words->reinstate ? "reinstated" : "suspended", version,
           words->reinstate ? "" : ", none of its sessions left,",
           (double)(clock_monotonic() - arrived) / (double)MICROSECONDS);
    result = 0;
out:
    buffer_free(&file);
    return result;
}

static int write_document(const struct revoke_words *words, struct bytes document, uint64_t version,
                          struct error *e)
{
    if (file_write_atomically(words->document, document, 0644, e) != 0)
        return -1;
    printf("%s holds version %" PRIu64 ", which %s %s and changes nothing else. Sign it where the keys are:\n"
           "  wasl registry sign --previous %s --key KEY ... --output registry.signed %s\n"
           "and put the result in the place of %s.\n",
           words->document, version, words->reinstate ? "reinstates" : "suspends", words->member,
           words->registry, words->document, words->registry);
    return 0;
}

static int revoke(const struct revoke_words *words, struct error *e)
{
    struct buffer file = {0}, document = {0};
    struct registry *present = NULL;
    uint64_t version;
    int result = -1;
    if (file_read(words->registry, REGISTRY_FILE_MOST, &file, e) != 0)
        goto out;
    /* Whether its signatures are good the keys of the signers and the bus will say. */
    present = registry_open_unjudged(buffer_bytes(&file), NULL, e);
    if (present == NULL) {
        error_prefix(e, "%s: ", words->registry);
        goto out;
    }
    if (registry_suspend(registry_document(present), words->member, !words->reinstate, &document, &version,
                         e) != 0)
        goto out;
    result = words->document != NULL ? write_document(words, buffer_bytes(&document), version, e)
                                     : publish(words, present, buffer_bytes(&document), version, e);
out:
    registry_free(present);
    buffer_free(&document);
    buffer_free(&file);
    return result;
}

int registry_revoke_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"registry", 'r', "FILE", 0, "The signed registry that the bus reads; it is replaced", 0},
        {"key", 'k', "FILE", 0, "Note key of the authority (repeat up to the threshold)", 0},
        {"bus", 'b', "SOCKET", 0, "Audit socket of the bus, which says when it is in force", 0},
        {"reinstate", 'R', NULL, 0, "Take the suspension back", 0},
        {"document", 'd', "FILE", 0,
         "Only write the amended document here, where the keys are somewhere else", 0},
        {"timeout", 't', "SECONDS", 0, "How long to wait for the bus (default: 30)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp argp = {options,
                                     parse,
                                     "MEMBER",
                                     "Suspends a member at once.\vThe present registry's document gets one "
                                     "line and the next version, and nothing "
                                     "else of it changes; it is signed, put where the bus reads it, and "
                                     "awaited until the bus has it in force and "
                                     "no session of the member is left. Where the authority's threshold is "
                                     "above one, repeat --key; where the keys "
                                     "are not at one place, --document is the first step and wasl registry "
                                     "sign the second. Exit code 0: in force; "
                                     "1: refused; 6: file or bus.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct revoke_words words = {.patience = 30};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &words);
    return revoke(&words, &e) == 0 ? WASL_GOOD : command_failed(&e);
}
