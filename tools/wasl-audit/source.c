#include "source.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REGISTRY_MOST ((size_t)16 << 20)
#define KEY_FILE_MOST ((size_t)64 << 10)

enum { OPTION_REGISTRY = 0x1000, OPTION_AUTHORITY, OPTION_THRESHOLD };

static const struct argp_option options[] = {
    {"socket", 's', "PATH", 0,
     "Read from the bus's audit socket (default: $WASL_AUDIT, or " SOURCE_DEFAULT ")", 10},
    {"dir", 'd', "FOLDER", 0, "Read from a folder with the same paths, such as `wasl-audit tiles` writes",
     10},
    {"key", 'k', "VKEY|FILE", 0, "Believe checkpoints that this ledger key has signed (may be given again)",
     10},
    {"registry", OPTION_REGISTRY, "FILE", 0,
     "Believe the ledger keys of this signed registry, and judge by the registries that the ledger names",
     10},
    {"authority", OPTION_AUTHORITY, "VKEY|FILE", 0,
     "Key of the authority that signs the registry (may be given again)", 10},
    {"threshold", OPTION_THRESHOLD, "K", 0,
     "How many of the authority's keys must have signed (default: all)", 10},
    {0},
};

/* Lines of a file that holds vkeys, or the one vkey that the argument is. Calls take for each; false: one is
 * not taken. */
static bool each_key(const char *argument, bool (*take)(struct source *source, struct bytes vkey),
                     struct source *source)
{
    struct note_verifier verifier;
    if (note_verifier_parse(bytes_of_string(argument), &verifier))
        return take(source, bytes_of_string(argument));
    struct buffer file = {0};
    bool good = file_read(argument, KEY_FILE_MOST, &file, NULL) == 0;
    size_t taken = 0;
    struct bytes rest = buffer_bytes(&file);
    while (good && rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        if (len > 0 && rest.data[0] != '#') {
            good = take(source, bytes_make(rest.data, len));
            taken++;
        }
        len += end != NULL ? 1 : 0;
        rest = bytes_make(rest.data + len, rest.len - len);
    }
    buffer_free(&file);
    return good && taken > 0;
}

/* A name that was mistyped is told from a file that holds something else. */
static const char *unreadable(const char *path)
{
    return access(path, R_OK) != 0 ? ": there is no file of this name that can be read" : "";
}

static bool take_ledger_key(struct source *source, struct bytes vkey)
{
    struct note_verifier verifier;
    if (!note_verifier_parse(vkey, &verifier) || verifier.type != NOTE_ED25519 ||
        source->key_count == NOTE_SIGNATURES_MOST)
        return false;
    source->keys[source->key_count++] = verifier;
    return true;
}

static bool take_authority_key(struct source *source, struct bytes vkey)
{
    struct note_verifier verifier;
    size_t i = source->authority_count;
    if (!note_verifier_parse(vkey, &verifier) || i == sizeof source->authority / sizeof source->authority[0])
        return false;
    buffer_append_bytes(&source->held[i], vkey);
    buffer_append(&source->held[i], "", 1);
    source->authority[i] = (const char *)source->held[i].data;
    source->authority_count++;
    return true;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct source *source = state->input;
    uint64_t number;
    switch (key) {
    case 's':
    case 'd':
        if (source->where != NULL)
            argp_error(state, "one ledger at a time: either --socket or --dir");
        source->where = argument;
        return 0;
    case 'k':
        if (!each_key(argument, take_ledger_key, source))
            argp_error(state, "%s is neither the verifier key of a ledger (NAME+ID+KEY) nor a file of such%s",
                       argument, unreadable(argument));
        return 0;
    case OPTION_REGISTRY:
        source->registry_file = argument;
        return 0;
    case OPTION_AUTHORITY:
        if (!each_key(argument, take_authority_key, source))
            argp_error(state, "%s is neither a verifier key (NAME+ID+KEY) nor a file of such%s", argument,
                       unreadable(argument));
        return 0;
    case OPTION_THRESHOLD:
        if (!decimal_parse(bytes_of_string(argument), &number) || number == 0 || number > 16)
            argp_error(state, "--threshold takes a number from 1 to 16");
        source->threshold = (unsigned)number;
        return 0;
    case ARGP_KEY_END:
        if (source->registry_file != NULL && source->authority_count == 0)
            argp_error(state, "--registry needs --authority: whose signature is to be believed?");
        if (source->authority_count > 0 && source->registry_file == NULL)
            argp_error(state, "--authority is of use only with --registry");
        if (source->threshold > source->authority_count)
            argp_error(state, "--threshold is more than the keys given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp source_argp = {.options = options, .parser = parse};

struct registry_authority source_authority(const struct source *source)
{
    return (struct registry_authority){
        .keys = source->authority,
        .count = source->authority_count,
        .threshold = source->threshold != 0 ? source->threshold : (unsigned)source->authority_count};
}

static int open_registry(struct source *source, struct error *e)
{
    struct buffer file = {0};
    struct registry_authority authority = source_authority(source);
    int result = -1;
    if (file_read(source->registry_file, REGISTRY_MOST, &file, e) != 0)
        return -1;
    source->registry = registry_open_signed(buffer_bytes(&file), NULL, &authority, NULL, e);
    buffer_free(&file);
    if (source->registry == NULL)
        return error_prefix(e, "%s: ", source->registry_file);
    for (size_t i = 0; i < registry_ledger_key_count(source->registry); i++) {
        uint64_t from;
        if (!take_ledger_key(source, bytes_of_string(registry_ledger_key(source->registry, i, &from))))
            return error_set(e, ERROR_CONFIG, "%s: ledger key %zu cannot be used", source->registry_file, i);
        result = 0;
    }
    if (result != 0)
        error_set(e, ERROR_CONFIG, "%s names no ledger key", source->registry_file);
    return result;
}

int source_open(struct source *source, struct error *e)
{
    if (source->where == NULL)
        source->where = getenv("WASL_AUDIT");
    if (source->where == NULL || *source->where == '\0')
        source->where = SOURCE_DEFAULT;
    if (source->registry_file != NULL && open_registry(source, e) != 0)
        return -1;
    source->reader = reader_open(source->where, e);
    return source->reader != NULL ? 0 : -1;
}

void source_close(struct source *source)
{
    reader_close(source->reader);
    registry_free(source->registry);
    for (size_t i = 0; i < sizeof source->held / sizeof source->held[0]; i++)
        buffer_free(&source->held[i]);
}
