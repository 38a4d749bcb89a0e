#include "wire/entry.h"

#include "ledger.pb-c.h"
#include "tlog/tile.h"
#include "wire/envelope.h"
#include "wire/strict.h"

#include <string.h>

#define ENTRY_VERSION 1

static const char *const type_names[] = {
    [ENTRY_ADMITTED] = "admitted",
    [ENTRY_REFUSED] = "refused",
    [ENTRY_TIMED_OUT] = "timed_out",
    [ENTRY_INTERRUPTED] = "interrupted",
    [ENTRY_LATE] = "late",
    [ENTRY_DELIVERED] = "delivered",
    [ENTRY_SKIPPED] = "skipped",
    [ENTRY_EXPIRED] = "expired",
    [ENTRY_DESTROYED] = "destroyed",
    [ENTRY_SUBJECT_KEY] = "subject_key",
    [ENTRY_REGISTRY] = "registry",
    [ENTRY_SEARCH] = "search",
    [ENTRY_ADMINISTRATION] = "administration",
    [ENTRY_FILL] = "fill",
};

const char *entry_type_name(unsigned type)
{
    if (type == 0 || type >= sizeof(type_names) / sizeof(type_names[0]))
        return "unknown";
    return type_names[type];
}

static bool all_zero(const uint8_t *data, size_t len)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < len; i++)
        bits |= data[i];
    return bits == 0;
}

void entry_encode(const struct entry *entry, struct buffer *out)
{
    Wasl__V1__Entry m = WASL__V1__ENTRY__INIT;
    m.version = ENTRY_VERSION;
    m.type = (Wasl__V1__EntryType)entry->type;
    m.time = entry->time;
    m.registry_version = entry->registry_version;
    /* Before the first registry is known there is no hash to name. */
    m.registry_hash =
        strict_fixed(!all_zero(entry->registry_hash, HASH_SIZE), entry->registry_hash, HASH_SIZE);
    m.context = strict_field(entry->context);
    m.body = strict_field(entry->body);
    m.signature = strict_field(entry->signature);
    m.reason = entry->reason;
    m.member = strict_field(entry->member);
    m.leaf = strict_fixed(entry->has_leaf, entry->leaf, HASH_SIZE);
    m.exchange_id = strict_fixed(entry->has_exchange_id, entry->exchange_id, sizeof(entry->exchange_id));
    m.object_kind = (Wasl__V1__ObjectKind)entry->object_kind;
    m.object = strict_fixed(entry->has_object, entry->object, HASH_SIZE);
    m.certificate = strict_fixed(entry->has_certificate, entry->certificate, HASH_SIZE);
    m.count = entry->count;
    m.note = strict_field(entry->note);
    strict_pack(&m.base, out);
}

static bool take_entry(const Wasl__V1__Entry *m, struct entry *out)
{
    bool has_registry;
    if (m->version != ENTRY_VERSION || m->type == 0 || m->time == 0 ||
        !strict_take_fixed(m->registry_hash, HASH_SIZE, out->registry_hash, &has_registry) ||
        !strict_take_fixed(m->leaf, HASH_SIZE, out->leaf, &out->has_leaf) ||
        !strict_take_fixed(m->exchange_id, sizeof(out->exchange_id), out->exchange_id,
                           &out->has_exchange_id) ||
        !strict_take_fixed(m->object, HASH_SIZE, out->object, &out->has_object) ||
        !strict_take_fixed(m->certificate, HASH_SIZE, out->certificate, &out->has_certificate))
        return false;
    if (m->context.len > CONTEXT_MOST || m->body.len > BODY_MOST || m->signature.len > SIGNATURE_BLOCK_MOST ||
        m->member.len > IDENTIFIER_MOST || m->note.len > NOTE_WORDS_MOST)
        return false;
    /* A hash of zeros is how a missing one is kept in memory: on the wire it has no second spelling. */
    if (has_registry && all_zero(out->registry_hash, HASH_SIZE))
        return false;
    out->type = (unsigned)m->type;
    out->time = m->time;
    out->registry_version = m->registry_version;
    out->context = strict_bytes(m->context);
    out->body = strict_bytes(m->body);
    out->signature = strict_bytes(m->signature);
    out->reason = m->reason;
    out->member = strict_bytes(m->member);
    out->object_kind = (unsigned)m->object_kind;
    out->count = m->count;
    out->note = strict_bytes(m->note);
    return true;
}

bool entry_decode(struct bytes data, struct entry *out, struct entry_hold *hold)
{
    memset(out, 0, sizeof(*out));
    *hold = (struct entry_hold){0};
    struct strict_message message;
    if (data.len > TILE_ENTRY_MOST || !strict_unpack_any_enum(&wasl__v1__entry__descriptor, data, &message))
        return false;
    if (!take_entry(message.message, out)) {
        strict_free(&message);
        memset(out, 0, sizeof(*out));
        return false;
    }
    hold->message = message.message;
    hold->arena = message.arena;
    return true;
}

void entry_release(struct entry_hold *hold)
{
    struct strict_message message = {hold->message, hold->arena};
    strict_free(&message);
    *hold = (struct entry_hold){0};
}

/* Does the entry stand for exactly the message of this leaf? */
static bool holds_message(const struct entry *entry, const uint8_t leaf[HASH_SIZE])
{
    uint8_t own[HASH_SIZE];
    if (entry->context.len > 0) {
        envelope_leaf(entry->context, entry->body, own);
        return memcmp(own, leaf, HASH_SIZE) == 0;
    }
    /* Only what can do without a header may be named by its leaf; an entry for many is for none in
     * particular. */
    bool without_header =
        entry->type == ENTRY_REFUSED || entry->type == ENTRY_TIMED_OUT || entry->type == ENTRY_INTERRUPTED;
    return without_header && entry->count == 0 && entry->has_leaf &&
           memcmp(entry->leaf, leaf, HASH_SIZE) == 0;
}

enum refusal receipt_check(struct bytes entry_bytes, struct bytes proof, unsigned type, const uint8_t *leaf,
                           const struct note_verifier *keys, size_t key_count, struct entry *entry,
                           struct entry_hold *hold, struct checkpoint *checkpoint)
{
    struct bytes note;
    return receipt_check_with(NULL, entry_bytes, proof, type, leaf, keys, key_count, entry, hold, checkpoint,
                              &note);
}

enum refusal receipt_check_with(struct checkpoint_cache *cache, struct bytes entry_bytes, struct bytes proof,
                                unsigned type, const uint8_t *leaf, const struct note_verifier *keys,
                                size_t key_count, struct entry *entry, struct entry_hold *hold,
                                struct checkpoint *checkpoint, struct bytes *note)
{
    *hold = (struct entry_hold){0};
    struct tlog_proof parsed;
    if (!tlog_proof_parse(proof, &parsed) ||
        !tlog_proof_check_with(cache, &parsed, entry_bytes, keys, key_count, checkpoint) ||
        !entry_decode(entry_bytes, entry, hold))
        return REFUSAL_NO_RECEIPT;
    if ((type != 0 && entry->type != type) || (leaf != NULL && !holds_message(entry, leaf))) {
        entry_release(hold);
        memset(entry, 0, sizeof(*entry));
        return REFUSAL_NO_RECEIPT;
    }
    *note = parsed.checkpoint;
    return REFUSAL_NONE;
}
