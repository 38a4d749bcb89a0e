#include "core/inside.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "wire/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Tomorrow's day key is escrowed this long before it is needed. */
#define BEFORE_MIDNIGHT (30 * MICROSECONDS)

enum refusal core_able(struct core *core)
{
    enum refusal able =
        session_state(core->session) == SESSION_LINKED ? REFUSAL_NONE : REFUSAL_BUS_UNAVAILABLE;
    const char *trouble = able == REFUSAL_NONE ? NULL : "no link to the bus";
    if (atomic_load(&core->stopping)) {
        able = REFUSAL_STOPPED;
        trouble = "stopping";
    }
    switch (trail_judge(core->trail, core_monotonic(core))) {
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
    if (able == REFUSAL_INCONSISTENT && !core->inconsistent_said)
        log_error("inconsistent", "why=%s", trouble);
    if (able == REFUSAL_NONE && core->inconsistent_said)
        log_info("consistent_again", NULL);
    if (able == REFUSAL_NONE || able == REFUSAL_INCONSISTENT)
        core->inconsistent_said = able == REFUSAL_INCONSISTENT;
    atomic_store(&core->linked, session_state(core->session) == SESSION_LINKED);
    atomic_store(&core->trouble, trouble);
    return able;
}

void core_header(struct core *core, enum message_kind kind, uint64_t lifetime, struct header *out)
{
    const struct checkpoint *accepted = trail_accepted(core->trail);
    const struct registry *registry = knowledge_registry(core->knowledge);
    memset(out, 0, sizeof(*out));
    snprintf(out->instance, sizeof(out->instance), "%s", core->options.instance);
    out->kind = kind;
    out->created = core_now(core);
    out->expires = out->created + lifetime;
    out->registry_version = registry == NULL ? 0 : registry_version(registry);
    if (accepted != NULL && accepted->size > 0) {
        out->seen_size = accepted->size;
        memcpy(out->seen_root, accepted->root, HASH_SIZE);
    }
}

/* The note inside a proof, once more as bytes: what a claim keeps as evidence. */
static struct bytes note_of(struct bytes proof)
{
    struct tlog_proof parsed;
    return tlog_proof_parse(proof, &parsed) ? parsed.checkpoint : bytes_make(NULL, 0);
}

bool core_receipt(struct core *core, struct bytes entry_bytes, struct bytes proof, unsigned type,
                  const uint8_t *leaf, struct entry *entry, struct entry_hold *hold)
{
    size_t count;
    struct checkpoint checkpoint;
    const struct note_verifier *keys = knowledge_ledger_keys(core->knowledge, &count);
    if (receipt_check(entry_bytes, proof, type, leaf, keys, count, entry, hold, &checkpoint) != REFUSAL_NONE)
        return false;
    if (!trail_claim(core->trail, checkpoint.size, checkpoint.root, note_of(proof), bytes_make(NULL, 0),
                     core_monotonic(core))) {
        entry_release(hold);
        return false;
    }
    core_prove(core);
    if (trail_judge(core->trail, core_monotonic(core)) == TRAIL_DISPROVED) {
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

bool core_claim_seen(struct core *core, const struct delivery *d)
{
    struct buffer evidence = {0};
    if (d->header.seen_size == 0)
        return true;
    put_base64(&evidence, "signed context", d->entry.context);
    put_base64(&evidence, "signed body", d->entry.body);
    put_base64(&evidence, "signature block", d->entry.signature);
    bool good = trail_claim(core->trail, d->header.seen_size, d->header.seen_root, bytes_make(NULL, 0),
                            buffer_bytes(&evidence), core_monotonic(core));
    buffer_free(&evidence);
    core_prove(core);
    return good && trail_judge(core->trail, core_monotonic(core)) != TRAIL_DISPROVED;
}

void core_prove(struct core *core)
{
    uint64_t old_size, new_size;
    enum session_state state = session_state(core->session);
    const struct checkpoint *accepted = trail_accepted(core->trail);
    atomic_store(&core->checkpoint_size, accepted == NULL ? 0 : accepted->size);
    if (state == SESSION_ENDED)
        return;
    /* A contradiction may have come to light on the way of a message: the bus hears why nobody talks to it
     * any more. */
    if (trail_judge(core->trail, core_monotonic(core)) == TRAIL_DISPROVED) {
        session_end(core->session, REFUSAL_INCONSISTENT, trail_note(core->trail));
        core_able(core);
        return;
    }
    if (state != SESSION_WELCOMED && state != SESSION_LINKED)
        return;
    while (session_may_prove(core->session) &&
           trail_next(core->trail, core_monotonic(core), &old_size, &new_size))
        session_prove(core->session, old_size, new_size);
}

void core_linked(struct core *core)
{
    core_able(core);
    log_info("linked", "checkpoint=%" PRIu64 " registry=%" PRIu64,
             (uint64_t)atomic_load(&core->checkpoint_size), (uint64_t)atomic_load(&core->registry_version));
    core_escrow(core);
    answering_resubmit(core->answering);
    asking_resubmit(core->asking);
    asking_keys_changed(core->asking);
    answering_keys_changed(core->answering);
}

void core_submit(struct core *core, struct parcel *parcel)
{
    session_submit(core->session, parcel);
}

void core_done_with(struct core *core, struct delivery *d)
{
    session_done_with(core->session, d);
    delivery_free(d);
}

/* False: no more can be fetched now. */
static bool fetch_awaited(void *arg, enum wait_for what, const struct delivery *d)
{
    struct core *core = arg;
    if (what == WAIT_FOR_CHAIN)
        return session_fetch(core->session, OBJECT_CHAIN_OF, d->awaited);
    catchup_want_registry(core->catchup, d->entry.registry_version, d->entry.registry_hash);
    return true;
}

bool core_wait_for_chain(struct core *core, struct delivery *d, const uint8_t certificate[HASH_SIZE])
{
    if (!waiting_add(core->waiting, d, WAIT_FOR_CHAIN, certificate))
        return false;
    waiting_each(core->waiting, fetch_awaited, core);
    return true;
}

bool core_wait_for_registry(struct core *core, struct delivery *d)
{
    if (!waiting_add(core->waiting, d, WAIT_FOR_REGISTRY, d->entry.registry_hash))
        return false;
    waiting_each(core->waiting, fetch_awaited, core);
    return true;
}

void core_fetch_awaited(struct core *core)
{
    struct delivery *list = waiting_take_expired(core->waiting, core_now(core));
    while (list != NULL) {
        struct delivery *d = list;
        list = d->next;
        log_warn("delivery_waited_too_long", "kind=%s", message_kind_name(d->header.kind));
        core_done_with(core, d);
    }
    waiting_each(core->waiting, fetch_awaited, core);
}

void core_wake(struct core *core, enum wait_for what, const uint8_t *hash)
{
    struct delivery *list = waiting_take(core->waiting, what, hash);
    while (list != NULL) {
        struct delivery *d = list;
        list = d->next;
        d->next = NULL;
        if (d->header.kind == MESSAGE_REQUEST)
            answering_deliver(core->answering, d);
        else
            asking_deliver(core->asking, d);
    }
    core_fetch_awaited(core);
}

enum core_pseudonyms core_day_key(struct core *core, uint64_t at, uint8_t key[32])
{
    uint8_t oversight[32];
    struct error e;
    const struct registry *registry = knowledge_registry(core->knowledge);
    if (registry == NULL || !registry_oversight_key(registry, at, oversight))
        return PSEUDONYMS_NONE;
    if (daykey_get(core->daykey, at, key) == DAYKEY_READY)
        return PSEUDONYMS_READY;
    const struct checkpoint *accepted = trail_accepted(core->trail);
    struct daykey_header header = {.registry_version = registry_version(registry)};
    if (accepted != NULL) {
        header.seen_size = accepted->size;
        header.seen_root = accepted->root;
    }
    struct parcel *parcel = daykey_submission(core->daykey, at, core_now(core), oversight, &header, &e);
    if (parcel != NULL)
        core_submit(core, parcel);
    else if (e.kind != ERROR_NONE)
        log_error("day_key_not_made", "why=%s", e.text);
    return PSEUDONYMS_WAIT;
}

void core_escrow(struct core *core)
{
    uint8_t key[32];
    uint64_t now = core_now(core);
    if (core_able(core) != REFUSAL_NONE)
        return;
    core_day_key(core, now, key);
    uint64_t midnight = now - now % DAY_MICROSECONDS + DAY_MICROSECONDS;
    if (midnight - now < BEFORE_MIDNIGHT)
        core_day_key(core, midnight, key);
    explicit_bzero(key, sizeof(key));
}
