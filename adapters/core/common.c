#include "core/common.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Tomorrow's day key is escrowed this long before it is needed. */
#define BEFORE_MIDNIGHT (30 * MICROSECONDS)

enum refusal common_able(struct common *common)
{
    enum refusal able =
        session_state(common->session) == SESSION_LINKED ? REFUSAL_NONE : REFUSAL_BUS_UNAVAILABLE;
    const char *trouble = able == REFUSAL_NONE ? NULL : "no link to the bus";
    if (able == REFUSAL_BUS_UNAVAILABLE && common->suspended) {
        able = REFUSAL_MEMBER_SUSPENDED;
        trouble = "the registry's authority has suspended this member";
    }
    if (atomic_load(&common->stopping)) {
        able = REFUSAL_STOPPED;
        trouble = "stopping";
    }
    switch (trail_judge(common->trail, common_monotonic(common))) {
    case TRAIL_DISPROVED:
        able = REFUSAL_INCONSISTENT;
        trouble =
            "the ledger contradicts what was accepted before: see the file INCONSISTENT in the state folder";
        break;
    case TRAIL_UNPROVEN:
        if (able == REFUSAL_NONE) {
            able = REFUSAL_INCONSISTENT;
            trouble = "the bus has not proven its ledger consistent in time: see the file UNPROVEN in the "
                      "state folder";
        }
        break;
    default:
        break;
    }
    if (able == REFUSAL_INCONSISTENT && !common->inconsistent_said)
        log_error("inconsistent", "why=%s", trouble);
    if (able == REFUSAL_NONE && common->inconsistent_said)
        log_info("consistent_again", NULL);
    if (able == REFUSAL_NONE || able == REFUSAL_INCONSISTENT)
        common->inconsistent_said = able == REFUSAL_INCONSISTENT;
    atomic_store(&common->linked, session_state(common->session) == SESSION_LINKED);
    atomic_store(&common->trouble, trouble);
    return able;
}

void common_header(struct common *common, enum message_kind kind, uint64_t lifetime, struct header *out)
{
    const struct checkpoint *accepted = trail_accepted(common->trail);
    const struct registry *registry = knowledge_registry(common->knowledge);
    memset(out, 0, sizeof(*out));
    snprintf(out->instance, sizeof(out->instance), "%s", common->options.instance);
    out->kind = kind;
    out->created = common_now(common);
    out->expires = out->created + lifetime;
    out->registry_version = registry == NULL ? 0 : registry_version(registry);
    if (accepted != NULL && accepted->size > 0) {
        out->seen_size = accepted->size;
        memcpy(out->seen_root, accepted->root, HASH_SIZE);
    }
}

bool common_receipt(struct common *common, struct bytes entry_bytes, struct bytes proof, unsigned type,
                    const uint8_t *leaf, struct entry *entry, struct entry_hold *hold)
{
    size_t count;
    struct checkpoint checkpoint;
    struct bytes note;
    const struct note_verifier *keys = knowledge_ledger_keys(common->knowledge, &count);
    if (receipt_check_with(common->checkpoints, entry_bytes, proof, type, leaf, keys, count, entry, hold,
                           &checkpoint, &note) != REFUSAL_NONE)
        return false;
    if (!trail_claim(common->trail, checkpoint.size, checkpoint.root, note, bytes_make(NULL, 0),
                     common_monotonic(common))) {
        entry_release(hold);
        return false;
    }
    common_prove(common);
    if (trail_judge(common->trail, common_monotonic(common)) == TRAIL_DISPROVED) {
        entry_release(hold);
        return false;
    }
    return true;
}

static void put_base64(struct buffer *out, const char *name, struct bytes data)
{
    buffer_printf(out, "%s ", name);
    base64_encode(data, out);
    buffer_append_string(out, "\n");
}

bool common_claim_seen(struct common *common, const struct delivery *d)
{
    struct buffer evidence = {0};
    if (d->header.seen_size == 0)
        return true;
    put_base64(&evidence, "signed context", d->entry.context);
    put_base64(&evidence, "signed body", d->entry.body);
    put_base64(&evidence, "signature block", d->entry.signature);
    bool good = trail_claim(common->trail, d->header.seen_size, d->header.seen_root, bytes_make(NULL, 0),
                            buffer_bytes(&evidence), common_monotonic(common));
    buffer_free(&evidence);
    common_prove(common);
    return good && trail_judge(common->trail, common_monotonic(common)) != TRAIL_DISPROVED;
}

void common_prove(struct common *common)
{
    uint64_t old_size, new_size;
    enum session_state state = session_state(common->session);
    const struct checkpoint *accepted = trail_accepted(common->trail);
    atomic_store(&common->checkpoint_size, accepted == NULL ? 0 : accepted->size);
    if (state == SESSION_ENDED)
        return;
    /* A contradiction may have come to light on the way of a message: the bus hears why nobody talks to it
     * any more. */
    if (trail_judge(common->trail, common_monotonic(common)) == TRAIL_DISPROVED) {
        session_end(common->session, REFUSAL_INCONSISTENT, trail_note(common->trail));
        common_able(common);
        return;
    }
    if (state != SESSION_WELCOMED && state != SESSION_LINKED)
        return;
    while (session_may_prove(common->session) &&
           trail_next(common->trail, common_monotonic(common), &old_size, &new_size))
        session_prove(common->session, old_size, new_size);
}

void common_submit(struct common *common, struct parcel *parcel)
{
    session_submit(common->session, parcel);
}

void common_done_with(struct common *common, struct delivery *d)
{
    session_done_with(common->session, d);
    delivery_free(d);
}

enum pseudonyms common_day_key(struct common *common, uint64_t at, uint8_t key[32])
{
    uint8_t oversight[32];
    struct error e;
    const struct registry *registry = knowledge_registry(common->knowledge);
    if (registry == NULL || !registry_oversight_key(registry, at, oversight))
        return PSEUDONYMS_NONE;
    if (daykey_get(common->daykey, at, key) == DAYKEY_READY)
        return PSEUDONYMS_READY;
    const struct checkpoint *accepted = trail_accepted(common->trail);
    struct daykey_header header = {.registry_version = registry_version(registry)};
    if (accepted != NULL) {
        header.seen_size = accepted->size;
        header.seen_root = accepted->root;
    }
    struct parcel *parcel = daykey_submission(common->daykey, at, common_now(common), oversight, &header, &e);
    if (parcel != NULL)
        common_submit(common, parcel);
    else if (e.kind != ERROR_NONE)
        log_error("day_key_not_made", "why=%s", e.text);
    return PSEUDONYMS_WAIT;
}

void common_escrow(struct common *common)
{
    uint8_t key[32];
    uint64_t now = common_now(common);
    if (common_able(common) != REFUSAL_NONE)
        return;
    common_day_key(common, now, key);
    uint64_t midnight = now - now % DAY_MICROSECONDS + DAY_MICROSECONDS;
    if (midnight - now < BEFORE_MIDNIGHT)
        common_day_key(common, midnight, key);
    explicit_bzero(key, sizeof(key));
}
