/* Writing entries: what a message becomes, and what ends an exchange. */
#include "ledger/ledger_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "tlog/tile.h"
#include "wire/envelope.h"

#include <inttypes.h>
#include <string.h>

/* The last thing that a batch in trouble does: nothing more of it may be committed. */
static int fail(struct ledger *ledger)
{
    ledger->failed = true;
    return -1;
}

static int check_batch(const struct ledger *ledger, struct error *e)
{
    BUG_ON(ledger->txn == NULL);
    if (ledger->failed)
        return error_set(e, ERROR_IO, "a batch of which a part could not be put can only be abandoned");
    return 0;
}

static int append(struct ledger *ledger, struct entry *entry, uint64_t *index, struct error *e)
{
    uint8_t key[8], hash[HASH_SIZE];

    entry->time = ledger_next_time(ledger);
    entry->registry_version = ledger->registry_version;
    memcpy(entry->registry_hash, ledger->registry_hash, HASH_SIZE);
    buffer_clear(&ledger->scratch);
    entry_encode(entry, &ledger->scratch);
    if (ledger->scratch.len > TILE_ENTRY_MOST)
        return error_set(e, ERROR_USAGE, "an entry of %zu bytes is longer than an entry may be (%d)",
                         ledger->scratch.len, TILE_ENTRY_MOST);
    *index = tree_size(ledger->tree);
    put_u64be(key, *index);
    if (store_append(ledger->txn, ledger->tables[TABLE_ENTRIES], bytes_make(key, 8),
                     buffer_bytes(&ledger->scratch), e) != 0)
        return -1;
    merkle_leaf(buffer_bytes(&ledger->scratch), hash);
    tree_append(ledger->tree, hash);
    ledger->time = entry->time;
    return 0;
}

static struct ledger_result fresh_result(void)
{
    return (struct ledger_result){.terminal = UINT64_MAX, .request = UINT64_MAX};
}

static int append_result(struct ledger *ledger, struct entry *entry, struct ledger_result *result,
                         struct error *e)
{
    if (append(ledger, entry, &result->index, e) != 0)
        return fail(ledger);
    result->type = entry->type;
    result->reason = entry->type == ENTRY_REFUSED ? (enum refusal)entry->reason : REFUSAL_NONE;
    return 0;
}

/* --- messages --- */

static int put_nothing(struct ledger_result *result, enum refusal reason)
{
    *result = fresh_result();
    result->index = UINT64_MAX;
    result->reason = reason;
    return 0;
}

static void message_entry(const struct ledger_message *message, unsigned type, enum refusal reason,
                          struct entry *entry)
{
    *entry = (struct entry){.type = type, .reason = (uint32_t)reason};
    entry->context = message->context;
    entry->body = message->body;
    entry->signature = message->signature;
}

/* A refusal that keeps the header, and is nobody's terminal entry. */
static int put_refused(struct ledger *ledger, const struct ledger_message *message, enum refusal reason,
                       struct ledger_result *result, struct error *e)
{
    struct entry entry;

    if (message->no_refusals || message->only_ends)
        return put_nothing(result, reason);
    message_entry(message, ENTRY_REFUSED, reason, &entry);
    /* The header may name anybody: what is known is whose link it came over. */
    if (refusal_signer_unproven(reason))
        entry.member = message->member;
    return append_result(ledger, &entry, result, e);
}

/* What is longer than this version reads back is not written: nobody could show it, and a start could not
 * pass it. */
static bool fits(const struct ledger_message *message)
{
    return message->context.len <= CONTEXT_MOST && message->body.len <= BODY_MOST &&
           message->signature.len <= SIGNATURE_BLOCK_MOST;
}

static int put_refused_without_header(struct ledger *ledger, const struct ledger_message *message,
                                      struct ledger_result *result, struct error *e)
{
    struct entry entry = {.type = ENTRY_REFUSED, .reason = (uint32_t)message->reason, .has_leaf = true};

    if (message->no_refusals || message->only_ends)
        return put_nothing(result, message->reason);
    entry.member = message->member;
    memcpy(entry.leaf, message->leaf, HASH_SIZE);
    return append_result(ledger, &entry, result, e);
}

/* How the entry at index ended things, and the leaf of the message in it (of none when it has no header). */
static int read_entry(struct ledger *ledger, uint64_t index, enum refusal *reason, uint8_t leaf[HASH_SIZE],
                      bool *has_message, struct error *e)
{
    struct bytes data;
    struct entry entry;
    struct entry_hold hold;
    int found = segment_entry(ledger, ledger->txn, index, &data, e);

    if (found < 0)
        return -1;
    if (found == 0 || !entry_decode(data, &entry, &hold))
        return error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " of the ledger is missing or cannot be read",
                         index);
    *reason = (enum refusal)entry.reason;
    *has_message = entry.context.len > 0;
    if (*has_message)
        envelope_leaf(entry.context, entry.body, leaf);
    entry_release(&hold);
    return 0;
}

/* The same bytes again: where they are, and how their exchange has ended. */
static int found_old(struct ledger *ledger, const struct exchange *exchange, struct ledger_result *result,
                     struct error *e)
{
    uint8_t leaf[HASH_SIZE];
    bool has_message;

    result->old = true;
    result->index = exchange->request;
    result->terminal = exchange->terminal;
    if (exchange->terminal == NOT_YET)
        return 0;
    return read_entry(ledger, exchange->terminal, &result->reason, leaf, &has_message, e) == 0 ? 0
                                                                                               : fail(ledger);
}

/* Is the message in the entry at index (or NOT_YET) the one with this leaf? 1, 0, -1. */
static int same_message(struct ledger *ledger, uint64_t index, const uint8_t leaf[HASH_SIZE], struct error *e)
{
    uint8_t there[HASH_SIZE];
    enum refusal reason;
    bool has_message;

    if (index == NOT_YET)
        return 0;
    if (read_entry(ledger, index, &reason, there, &has_message, e) != 0)
        return -1;
    return has_message && memcmp(there, leaf, HASH_SIZE) == 0;
}

/* Needs a day key that is not in the ledger? 1, 0, -1. */
static int lacks_subject_key(struct ledger *ledger, const struct header *header, struct error *e)
{
    if (!header->has_subject && !header->has_agent)
        return 0;
    int found = subject_key_find(ledger, ledger->txn, header_signer(header), clock_day(header->created), e);
    return found < 0 ? -1 : found == 0;
}

/* Is what the signer says it has seen an earlier state of this ledger? 1, 0, -1. Who lies about it is stopped
 * here: the peer would take the pair for a split view of the bus's making, and stand still. */
static int seen_is_ours(struct ledger *ledger, const struct header *header, struct error *e)
{
    uint8_t root[HASH_SIZE];

    if (header->seen_size == 0)
        return 1;
    if (header->seen_size > ledger->checkpoint.size) /* only what is on disk was ever given out */
        return 0;
    const size_t place = header->seen_size % SEEN_ROOTS;
    if (ledger->seen[place].size != header->seen_size) {
        if (tree_root(ledger->tree, header->seen_size, root, e) != 0)
            return -1;
        ledger->seen[place].size = header->seen_size;
        memcpy(ledger->seen[place].root, root, HASH_SIZE);
    }
    return memcmp(ledger->seen[place].root, header->seen_root, HASH_SIZE) == 0;
}

/* What stands in this ledger against a message of either kind; REFUSAL_NONE. -1 with e set. */
static int judge_by_ledger(struct ledger *ledger, const struct header *header, enum refusal *reason,
                           struct error *e)
{
    int ours = seen_is_ours(ledger, header, e);
    int lacks = ours == 1 ? lacks_subject_key(ledger, header, e) : 0;

    if (ours < 0 || lacks < 0)
        return -1;
    if (ours == 0)
        *reason = REFUSAL_INCONSISTENT;
    else if (lacks == 1)
        *reason = REFUSAL_SUBJECT_KEY_MISSING;
    return 0;
}

/* What this ledger itself finds against a message that opens an exchange; REFUSAL_NONE. -1 with e set. */
static int judge_opening(struct ledger *ledger, const struct ledger_message *message, enum refusal *reason,
                         struct error *e)
{
    const struct header *header = message->header;

    *reason = message->reason;
    if (*reason != REFUSAL_NONE)
        return 0;
    if (header->expires < ledger_next_time(ledger)) {
        *reason = REFUSAL_EXPIRED;
        return 0;
    }
    if (judge_by_ledger(ledger, header, reason, e) != 0)
        return -1;
    if (*reason == REFUSAL_NONE && header->kind == MESSAGE_SUBJECT_KEY) {
        int keys = subject_key_count(ledger, header_signer(header), clock_day(header->created), e);
        if (keys < 0)
            return -1;
        if (keys >= DAY_KEYS_MOST)
            *reason = REFUSAL_QUOTA_EXCEEDED;
    }
    if (*reason == REFUSAL_NONE && header->kind == MESSAGE_REQUEST && message->quota_key != NULL) {
        int counted =
            quota_take(ledger, message->quota_key, ledger_next_time(ledger), message->quota_per_day, e);
        if (counted < 0)
            return -1;
        if (counted == 0)
            *reason = REFUSAL_QUOTA_EXCEEDED;
    }
    return 0;
}

int ledger_wants_key(struct ledger *ledger, const struct ledger_message *message, struct error *e)
{
    struct exchange exchange;
    enum refusal reason;

    BUG_ON(ledger->txn == NULL || message->header->kind != MESSAGE_SUBJECT_KEY);
    int found = exchange_find(ledger, message->header->exchange_id, &exchange, e);
    if (found != 0)
        return found < 0 ? -1 : 0;
    if (judge_opening(ledger, message, &reason, e) != 0)
        return -1;
    return reason == REFUSAL_NONE;
}

/* A request, a day key or a member's own refusal: the first entry of its exchange id. */
static int put_opening(struct ledger *ledger, const struct ledger_message *message,
                       struct ledger_result *result, struct error *e)
{
    const struct header *header = message->header;
    struct exchange exchange;
    struct entry entry;
    enum refusal reason;

    int found = exchange_find(ledger, header->exchange_id, &exchange, e);
    if (found < 0)
        return fail(ledger);
    if (found == 1 && memcmp(exchange.leaf, message->leaf, HASH_SIZE) == 0)
        return found_old(ledger, &exchange, result, e);
    if (found == 1)
        return put_refused(ledger, message, REFUSAL_REPLAYED_ID, result, e);
    if (message->only_ends)
        return put_nothing(result, message->reason);
    if (judge_opening(ledger, message, &reason, e) != 0)
        return fail(ledger);
    const bool reported = reason == REFUSAL_NONE && header->kind == MESSAGE_REFUSAL;
    if (message->no_refusals && (reason != REFUSAL_NONE || reported))
        return put_nothing(result, reported ? (enum refusal)header->outcome : reason);

    exchange = (struct exchange){.late = NOT_YET, .deadline = message->deadline, .expires = header->expires};
    memcpy(exchange.leaf, message->leaf, HASH_SIZE);
    exchange_terms(header, exchange.terms);
    if (reason != REFUSAL_NONE)
        message_entry(message, ENTRY_REFUSED, reason, &entry);
    else if (header->kind == MESSAGE_REQUEST)
        message_entry(message, ENTRY_ADMITTED, REFUSAL_NONE, &entry);
    else if (header->kind == MESSAGE_SUBJECT_KEY)
        message_entry(message, ENTRY_SUBJECT_KEY, REFUSAL_NONE, &entry);
    else
        message_entry(message, ENTRY_REFUSED, (enum refusal)header->outcome, &entry);
    if (append_result(ledger, &entry, result, e) != 0)
        return -1;

    exchange.request = result->index;
    exchange.state = entry.type == ENTRY_ADMITTED ? EXCHANGE_OPEN : EXCHANGE_SETTLED;
    exchange.terminal = entry.type == ENTRY_ADMITTED ? NOT_YET : result->index;
    if (entry.type == ENTRY_SUBJECT_KEY &&
        subject_key_add(ledger, header_signer(header), clock_day(header->created), message->leaf,
                        result->index, e) != 0)
        return fail(ledger);
    /* What has expired already is refused for that, so its id need not be remembered. */
    if (header->expires >= entry.time && exchange_add(ledger, header->exchange_id, &exchange, e) != 0)
        return fail(ledger);
    return 0;
}

/* Does the response answer this exchange's request, from the provider asked? */
static bool answers(const struct ledger_message *message, const struct exchange *exchange)
{
    const struct header *header = message->header;
    uint8_t terms[HASH_SIZE];

    if (exchange->state == EXCHANGE_SETTLED || !header->has_request_leaf ||
        memcmp(header->request_leaf, exchange->leaf, HASH_SIZE) != 0)
        return false;
    exchange_terms(header, terms);
    if (memcmp(terms, exchange->terms, HASH_SIZE) != 0)
        return false;
    return message->member.len == 0 || bytes_equal(message->member, header_signer(header));
}

static int put_response(struct ledger *ledger, const struct ledger_message *message,
                        struct ledger_result *result, struct error *e)
{
    const struct header *header = message->header;
    struct exchange exchange;
    struct entry entry;

    int found = exchange_find(ledger, header->exchange_id, &exchange, e);
    if (found < 0)
        return fail(ledger);
    if (found == 0 || !answers(message, &exchange))
        return put_refused(ledger, message,
                           message->reason != REFUSAL_NONE ? message->reason : REFUSAL_RESPONSE_MISMATCH,
                           result, e);
    const uint64_t places[2] = {exchange.terminal, exchange.late};
    for (int i = 0; i < 2; i++) {
        int same = same_message(ledger, places[i], message->leaf, e);
        if (same < 0)
            return fail(ledger);
        if (same == 1) {
            result->old = true;
            result->index = places[i];
            return 0;
        }
    }
    enum refusal reason = message->reason;
    if (reason == REFUSAL_NONE && judge_by_ledger(ledger, header, &reason, e) != 0)
        return fail(ledger);
    /* The exchange stays open: the provider may send a good one, and else the bus ends it. */
    if (reason != REFUSAL_NONE)
        return put_refused(ledger, message, reason, result, e);

    const bool late = exchange.state != EXCHANGE_OPEN;
    if (late && (message->only_ends || (message->no_refusals && exchange.late != NOT_YET)))
        return put_nothing(result, REFUSAL_RESPONSE_MISMATCH);
    message_entry(message, late ? ENTRY_LATE : ENTRY_ADMITTED, REFUSAL_NONE, &entry);
    if (append_result(ledger, &entry, result, e) != 0)
        return -1;
    if (!late) {
        result->request = exchange.request;
        return exchange_end(ledger, header->exchange_id, &exchange, result->index, e) == 0 ? 0 : fail(ledger);
    }
    if (exchange.late != NOT_YET)
        return 0;
    exchange.late = result->index;
    return exchange_change(ledger, header->exchange_id, &exchange, e) == 0 ? 0 : fail(ledger);
}

int ledger_put_message(struct ledger *ledger, const struct ledger_message *message,
                       struct ledger_result *result, struct error *e)
{
    *result = fresh_result();
    if (check_batch(ledger, e) != 0)
        return -1;
    BUG_ON(message->member.len > IDENTIFIER_MOST || (message->reason == REFUSAL_NONE && !fits(message)));
    if (message->reason != REFUSAL_NONE &&
        (!message->keep_header || message->header == NULL || !fits(message)))
        return put_refused_without_header(ledger, message, result, e);
    /* The exchange id may be anybody's: it is written down, and touches no exchange. */
    if (refusal_signer_unproven(message->reason))
        return put_refused(ledger, message, message->reason, result, e);
    switch (message->header->kind) {
    case MESSAGE_REQUEST:
    case MESSAGE_SUBJECT_KEY:
    case MESSAGE_REFUSAL:
        return put_opening(ledger, message, result, e);
    case MESSAGE_RESPONSE:
        return put_response(ledger, message, result, e);
    default: /* documents and events have no rules yet */
        return put_refused(ledger, message, REFUSAL_UNSUPPORTED_VERSION, result, e);
    }
}

/* --- what the bus itself says --- */

int ledger_put_end(struct ledger *ledger, const uint8_t exchange_id[16], unsigned type, enum refusal reason,
                   struct ledger_result *result, struct error *e)
{
    struct exchange exchange;
    struct entry entry = {
        .type = type, .reason = (uint32_t)reason, .has_leaf = true, .has_exchange_id = true};

    BUG_ON(type != ENTRY_TIMED_OUT && type != ENTRY_INTERRUPTED && type != ENTRY_REFUSED);
    *result = fresh_result();
    if (check_batch(ledger, e) != 0)
        return -1;
    int found = exchange_find(ledger, exchange_id, &exchange, e);
    if (found < 0)
        return fail(ledger);
    if (found == 0) { /* it ended, and has been let go of since */
        result->old = true;
        result->index = UINT64_MAX;
        return 0;
    }
    if (exchange.state != EXCHANGE_OPEN) {
        int done = found_old(ledger, &exchange, result, e);

        result->index = exchange.terminal;
        return done;
    }
    memcpy(entry.leaf, exchange.leaf, HASH_SIZE);
    memcpy(entry.exchange_id, exchange_id, 16);
    if (append_result(ledger, &entry, result, e) != 0)
        return -1;
    result->reason = reason;
    return exchange_end(ledger, exchange_id, &exchange, result->index, e) == 0 ? 0 : fail(ledger);
}

int64_t ledger_put_interrupted(struct ledger *ledger, struct error *e)
{
    struct ledger_result result;
    uint8_t id[16];
    int64_t count = 0;

    if (check_batch(ledger, e) != 0)
        return -1;
    for (;;) {
        int found = exchange_first_open(ledger, id, e);
        if (found == 0)
            return count;
        if (found < 0 || ledger_put_end(ledger, id, ENTRY_INTERRUPTED, REFUSAL_INTERRUPTED, &result, e) != 0)
            return fail(ledger);
        if (result.old) {
            error_set(e, ERROR_INTEGRITY, "the ledger's table open names an exchange that is not open");
            return fail(ledger);
        }
        count++;
    }
}

int ledger_put_object(struct ledger *ledger, unsigned object_kind, const uint8_t hash[HASH_SIZE],
                      const uint8_t *certificate, struct ledger_result *result, struct error *e)
{
    struct entry entry = {.type = ENTRY_REGISTRY, .object_kind = object_kind, .has_object = true};
    uint8_t key[1 + HASH_SIZE], index[8];
    struct bytes value;

    *result = fresh_result();
    if (check_batch(ledger, e) != 0)
        return -1;
    key[0] = (uint8_t)object_kind;
    memcpy(key + 1, hash, HASH_SIZE);
    int found =
        store_get(ledger->txn, ledger->tables[TABLE_OBJECTS], bytes_make(key, sizeof(key)), &value, e);
    if (found == 1 && value.len != 8)
        found = error_set(e, ERROR_INTEGRITY, "a row of the ledger's table objects has no valid form");
    if (found < 0)
        return fail(ledger);
    if (found == 1) {
        result->old = true;
        result->index = get_u64be(value.data);
        return 0;
    }
    memcpy(entry.object, hash, HASH_SIZE);
    entry.has_certificate = certificate != NULL;
    if (certificate != NULL)
        memcpy(entry.certificate, certificate, HASH_SIZE);
    if (append_result(ledger, &entry, result, e) != 0)
        return -1;
    put_u64be(index, result->index);
    if (store_put(ledger->txn, ledger->tables[TABLE_OBJECTS], bytes_make(key, sizeof(key)),
                  bytes_make(index, 8), e) != 0)
        return fail(ledger);
    return 0;
}

int ledger_put_administration(struct ledger *ledger, const char *note, struct ledger_result *result,
                              struct error *e)
{
    struct entry entry = {.type = ENTRY_ADMINISTRATION, .note = bytes_of_string(note)};

    *result = fresh_result();
    if (check_batch(ledger, e) != 0)
        return -1;
    if (entry.note.len > NOTE_WORDS_MOST)
        return error_set(e, ERROR_USAGE, "a note of %zu bytes is longer than an entry's may be (%d)",
                         entry.note.len, NOTE_WORDS_MOST);
    return append_result(ledger, &entry, result, e);
}

int ledger_put_refused_many(struct ledger *ledger, struct bytes member, enum refusal reason, uint64_t count,
                            const uint8_t hash[HASH_SIZE], struct ledger_result *result, struct error *e)
{
    struct entry entry = {
        .type = ENTRY_REFUSED, .reason = (uint32_t)reason, .member = member, .count = count};

    *result = fresh_result();
    if (check_batch(ledger, e) != 0)
        return -1;
    entry.has_leaf = true;
    memcpy(entry.leaf, hash, HASH_SIZE);
    return append_result(ledger, &entry, result, e);
}
