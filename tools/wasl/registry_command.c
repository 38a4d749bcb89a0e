/* wasl registry: its list of commands, and check and sign. */
#include "wasl/registry_command.h"

#include "base/clock.h"
#include "base/error.h"
#include "tlog/note.h"
#include "wasl/command.h"
#include "wasl/registry_file.h"
#include "wasl/registry_remarks.h"

#include <argp.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define VKEY_MOST ((size_t)1024)

int command_registry(int argc, char **argv)
{
    static const struct subcommand commands[] = {
        {"check", "say every fault of a registry, with its path and line", registry_check_command},
        {"sign", "sign a registry for the bus to hand out", registry_sign_command},
        {"show", "list members, services, purposes and grants", registry_show_command},
        {"explain", "may this consumer use this service, and why", registry_explain_command},
        {"revoke", "suspend a member at once, and say when it is in force", registry_revoke_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch(commands, "The signed list of members, services, purposes and grants.", argc,
                            argv);
}

static void print_summary(const char *path, const struct registry *r)
{
    size_t members = 0, services = 0, grants = 0;
    char hex[2 * HASH_SIZE + 1], until[28];
    while (registry_member_at(r, members) != NULL)
        members++;
    while (registry_service_at(r, services) != NULL)
        services++;
    while (registry_grant_at(r, grants) != NULL)
        grants++;
    hex_encode(registry_hash(r), HASH_SIZE, hex);
    clock_format(registry_valid_until(r), until);
    printf("%s: instance %s, version %" PRIu64
           ", %zu members, %zu services, %zu grants, valid until %s\nsha256 %s\n",
           path, registry_instance(r), registry_version(r), members, services, grants, until, hex);
}

/* --- check --- */

struct check_words {
    const char *file;
    struct registry_trust trust;
    struct buffer keys[64]; /* read from files */
    size_t key_count;
};

/* A vkey, or a file that holds one: as wasl-audit takes them. */
static const char *authority_key(struct check_words *words, const char *argument, struct argp_state *state)
{
    struct note_verifier verifier;
    if (words->key_count == sizeof words->keys / sizeof words->keys[0])
        argp_error(state, "at most 64 keys");
    struct buffer *key = &words->keys[words->key_count++];
    struct error e = {0};
    if (note_verifier_parse(bytes_of_string(argument), &verifier))
        buffer_append_string(key, argument);
    else if (file_read(argument, VKEY_MOST, key, &e) != 0)
        argp_error(state, "%s is not a vkey (NAME+ID+KEY), and as a file: %s", argument, e.text);
    while (key->len > 0 && (key->data[key->len - 1] == '\n' || key->data[key->len - 1] == '\r'))
        key->len--;
    if (!note_verifier_parse(buffer_bytes(key), &verifier))
        argp_error(state, "%s does not hold one vkey (NAME+ID+KEY)", argument);
    buffer_append(key, "", 1);
    return (const char *)key->data;
}

static error_t parse_check(int key, char *arg, struct argp_state *state)
{
    struct check_words *words = state->input;
    uint64_t number;
    switch (key) {
    case 'p':
        words->trust.previous = arg;
        return 0;
    case 'a':
        registry_trust_add(&words->trust, authority_key(words, arg, state));
        return 0;
    case 't':
        if (!decimal_parse(bytes_of_string(arg), &number) || number < 1 || number > 64)
            argp_error(state, "a threshold is a number from 1 to 64");
        words->trust.threshold = (unsigned)number;
        return 0;
    case ARGP_KEY_END:
        command_one_file(key, arg, state, &words->file);
        if (words->trust.previous != NULL && words->trust.key_count > 0)
            argp_error(state, "a registry is judged by a previous one or by keys, not by both");
        return 0;
    default:
        return command_one_file(key, arg, state, &words->file);
    }
}

/* What a signed file's signatures are worth to the caller. */
static int judge_signatures(const struct registry_read *read)
{
    if (!read->is_signed)
        return WASL_GOOD;
    if (read->trusted) {
        printf("signed by the authority that was named\n");
        return WASL_GOOD;
    }
    if (read->self_signed) {
        printf("signed by the keys that it names itself; --authority or --previous says whether that is the "
               "authority\n");
        return WASL_GOOD;
    }
    fprintf(stderr, "wasl: not signed by the keys that it names itself: --authority or --previous is needed "
                    "to judge it\n");
    return WASL_INTEGRITY;
}

int registry_check_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"previous", 'p', "FILE", 0, "Signed registry that this one must follow", 0},
        {"authority", 'a', "VKEY|FILE", 0, "Key that must have signed it (may be repeated)", 0},
        {"threshold", 't', "N", 0, "How many of these keys must have (default: all)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp argp = {options,
                                     parse_check,
                                     "FILE",
                                     "Says every fault of a registry, a document or a signed file.\vExit "
                                     "code 0: none; 1: faults; 3: not what was signed.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct check_words words = {0};
    struct registry_read read = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &words);
    int result = registry_read(words.file, &words.trust, &read);
    if (result == WASL_GOOD) {
        print_summary(words.file, read.registry);
        registry_remarks(read.registry, clock_wall(), stdout);
        result = judge_signatures(&read);
    }
    registry_free(read.registry);
    registry_trust_free(&words.trust);
    for (size_t i = 0; i < words.key_count; i++)
        buffer_free(&words.keys[i]);
    return result;
}

/* --- sign --- */

struct sign_words {
    const char *file, *output, *previous;
    const char *keys[64];
    size_t key_count;
};

static error_t parse_sign(int key, char *arg, struct argp_state *state)
{
    struct sign_words *words = state->input;
    switch (key) {
    case 'k':
        if (words->key_count == sizeof words->keys / sizeof words->keys[0])
            argp_error(state, "at most 64 keys");
        words->keys[words->key_count++] = arg;
        return 0;
    case 'o':
        words->output = arg;
        return 0;
    case 'p':
        words->previous = arg;
        return 0;
    case ARGP_KEY_END:
        command_one_file(key, arg, state, &words->file);
        if (words->key_count == 0 || words->output == NULL)
            argp_error(state, "--key and --output are needed");
        return 0;
    default:
        return command_one_file(key, arg, state, &words->file);
    }
}

static int sign(const struct sign_words *words, struct faults *faults, struct error *e)
{
    struct buffer document = {0}, before = {0}, file = {0};
    struct bytes previous;
    struct registry *r = NULL;
    int result = -1;
    /* What is there is what the bus has: the new one must follow it, also when nobody says so. */
    const char *previous_path = words->previous;
    if (previous_path == NULL && access(words->output, F_OK) == 0)
        previous_path = words->output;
    if (file_read(words->file, REGISTRY_FILE_MOST, &document, e) != 0)
        goto out;
    if (previous_path != NULL && file_read(previous_path, REGISTRY_FILE_MOST, &before, e) != 0)
        goto out;
    previous = buffer_bytes(&before);
    if (registry_sign(buffer_bytes(&document), words->file, previous_path != NULL ? &previous : NULL,
                      words->keys, words->key_count, &file, faults, e) != 0)
        goto out;
    r = registry_open_unjudged(buffer_bytes(&file), faults, e);
    if (r == NULL)
        goto out;
    if (registry_valid_until(r) <= clock_wall()) {
        error_set(e, ERROR_CONFIG, "%s: valid_until has passed already", words->file);
        goto out;
    }
    if (file_write_atomically(words->output, buffer_bytes(&file), 0644, e) != 0)
        goto out;
    print_summary(words->output, r);
    registry_remarks(r, clock_wall(), stdout);
    result = 0;

out:
    registry_free(r);
    buffer_free(&file);
    buffer_free(&before);
    buffer_free(&document);
    return result;
}

int registry_sign_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"key", 'k', "FILE", 0, "Note key of the authority (repeat up to the threshold)", 0},
        {"output", 'o', "FILE", 0, "Where the signed registry goes", 0},
        {"previous", 'p', "FILE", 0,
         "Signed registry that this one follows (default: the output, if it is there)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp argp = {
        options,
        parse_sign,
        "REGISTRY.YAML",
        "Signs a registry.\vThe output is replaced only by a registry without faults whose version rises "
        "over the one "
        "before, signed by keys that the one before names. Exit code 1: refused.",
        NULL,
        NULL,
        NULL};
    struct sign_words words = {0};
    struct faults faults = {0};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &words);
    int result = WASL_GOOD;
    if (sign(&words, &faults, &e) != 0) {
        fwrite(faults.text.data, 1, faults.text.len, stderr);
        result = command_failed(&e);
    }
    faults_free(&faults);
    return result;
}
