#include "core/catchup.h"

#include "base/error.h"
#include "base/log.h"
#include "core/common.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CRLS_MOST     256
#define PREVIOUS_MOST 32 /* registry versions that may lie between ours and the bus's */

/* A registry that came, waiting for the ones before it. */
struct held_file {
    struct buffer bytes;
    struct held_file *next;
};

struct catchup {
    struct common *common;
    struct catchup_events events;
    void *arg;
    /* what the bus holds, as it said last */
    uint64_t registry_version;
    bool has_registry;
    uint8_t registry_hash[HASH_SIZE];
    bool registry_tried;
    uint8_t crls[CRLS_MOST][HASH_SIZE];
    bool crl_tried[CRLS_MOST];
    size_t crl_count;

    uint8_t fetching[HASH_SIZE]; /* the registry version that was asked for */
    bool is_fetching;
    struct held_file *held; /* newest last fetched first */
    size_t held_count;

    /* WELCOME's checkpoint, until it is accepted */
    bool welcomed;
    struct buffer checkpoint;
    uint8_t (*proof)[HASH_SIZE];
    size_t proof_count;
};

struct catchup *catchup_new(struct common *common, const struct catchup_events *events, void *arg)
{
    struct catchup *c = memory_zeroed(1, sizeof(*c));
    c->common = common;
    c->events = *events;
    c->arg = arg;
    return c;
}

static void drop_held(struct catchup *c)
{
    while (c->held != NULL) {
        struct held_file *file = c->held;
        c->held = file->next;
        buffer_free(&file->bytes);
        free(file);
    }
    c->held_count = 0;
}

void catchup_free(struct catchup *c)
{
    if (c == NULL)
        return;
    drop_held(c);
    buffer_free(&c->checkpoint);
    free(c->proof);
    free(c);
}

void catchup_lost(struct catchup *c)
{
    drop_held(c);
    c->is_fetching = false;
    c->welcomed = false;
}

static void take_holdings(struct catchup *c, const struct session_holdings *h)
{
    c->registry_version = h->registry_version;
    c->has_registry = h->registry_hash.len == HASH_SIZE;
    if (c->has_registry)
        memcpy(c->registry_hash, h->registry_hash.data, HASH_SIZE);
    c->registry_tried = false;
    c->crl_count = h->crl_count < CRLS_MOST ? h->crl_count : CRLS_MOST;
    for (size_t i = 0; i < c->crl_count; i++) {
        memcpy(c->crls[i], h->crls[i].data, HASH_SIZE);
        c->crl_tried[i] = false;
    }
}

void catchup_welcome(struct catchup *c, const struct session_welcome *welcome)
{
    take_holdings(c, &welcome->holdings);
    buffer_clear(&c->checkpoint);
    buffer_append_bytes(&c->checkpoint, welcome->checkpoint);
    free(c->proof);
    c->proof = memory_copy(welcome->consistency, welcome->consistency_count * HASH_SIZE);
    c->proof_count = welcome->consistency_count;
    c->welcomed = true;
    catchup_continue(c);
}

void catchup_notice(struct catchup *c, const struct session_holdings *holdings)
{
    take_holdings(c, holdings);
    catchup_continue(c);
}

/* --- registry --- */

static uint64_t our_version(const struct catchup *c)
{
    const struct registry *registry = knowledge_registry(c->common->knowledge);
    return registry == NULL ? 0 : registry_version(registry);
}

static bool fetch_registry(struct catchup *c, const uint8_t hash[HASH_SIZE])
{
    if (c->is_fetching)
        return true;
    if (!session_fetch(c->common->session, OBJECT_BY_HASH, hash))
        return false;
    memcpy(c->fetching, hash, HASH_SIZE);
    c->is_fetching = true;
    return true;
}

bool catchup_want_registry(struct catchup *c, uint64_t version, const uint8_t hash[HASH_SIZE])
{
    return version > our_version(c) && fetch_registry(c, hash);
}

/* Tries the versions that are held, oldest first. 0 all taken. */
static int take_held(struct catchup *c, struct error *e)
{
    while (c->held != NULL) {
        struct held_file *file = c->held;
        if (knowledge_take_registry(c->common->knowledge, buffer_bytes(&file->bytes), e) != 0)
            return -1;
        c->held = file->next;
        c->held_count--;
        buffer_free(&file->bytes);
        free(file);
    }
    return 0;
}

static void registry_came(struct catchup *c, struct bytes file)
{
    struct error e;
    uint8_t previous[HASH_SIZE];
    c->is_fetching = false;
    c->registry_tried = true;
    if (file.data == NULL) {
        log_error("registry_not_given", NULL);
        drop_held(c);
    } else {
        struct held_file *held = memory_zeroed(1, sizeof(*held));
        buffer_append_bytes(&held->bytes, file);
        held->next = c->held;
        c->held = held;
        c->held_count++;
        if (take_held(c, &e) != 0) {
            /* Signed by keys that only a version between names: that one first. */
            if (c->held_count < PREVIOUS_MOST &&
                knowledge_lacks_previous(c->common->knowledge, file, previous) && fetch_registry(c, previous))
                return;
            log_error("registry_not_taken", "why=%s", e.text);
            drop_held(c);
        }
    }
    atomic_store(&c->common->registry_version, our_version(c));
    c->events.registry(c->arg);
}

/* --- what came --- */

static bool is_crl(const struct catchup *c, const uint8_t hash[HASH_SIZE], size_t *at)
{
    for (size_t i = 0; i < c->crl_count; i++)
        if (memcmp(c->crls[i], hash, HASH_SIZE) == 0) {
            *at = i;
            return true;
        }
    return false;
}

static void crl_came(struct catchup *c, size_t at, struct bytes der)
{
    struct error e;
    c->crl_tried[at] = true;
    if (der.data == NULL)
        log_error("crl_not_given", NULL);
    else if (knowledge_take_crl(c->common->knowledge, der, &e) != 0)
        log_warn("crl_not_taken", "why=%s", e.text);
}

static void chain_came(struct catchup *c, const uint8_t hash[HASH_SIZE], struct bytes der)
{
    struct error e;
    if (der.data == NULL)
        log_warn("chain_not_given", NULL);
    else if (peers_add(c->common->peers, hash, der, &e) != 0)
        log_warn("chain_not_taken", "why=%s", e.text);
    c->events.chain(c->arg, hash);
}

void catchup_object(struct catchup *c, enum session_object kind, const uint8_t hash[HASH_SIZE],
                    struct bytes object)
{
    uint8_t own[HASH_SIZE];
    size_t at;
    if (kind == OBJECT_CHAIN_OF) {
        chain_came(c, hash, object);
        return;
    }
    if (object.data != NULL) {
        sha256(object, own);
        if (memcmp(own, hash, HASH_SIZE) != 0) {
            log_error("object_not_as_asked", NULL);
            object = bytes_make(NULL, 0);
        }
    }
    if (c->is_fetching && memcmp(c->fetching, hash, HASH_SIZE) == 0)
        registry_came(c, object);
    else if (is_crl(c, hash, &at))
        crl_came(c, at, object);
    catchup_continue(c);
}

/* --- linking --- */

/* True while something is still on its way. */
static bool fetch_missing(struct catchup *c)
{
    bool waits = false;
    if (c->is_fetching)
        return true;
    if (c->has_registry && !c->registry_tried && c->registry_version > our_version(c)) {
        if (!fetch_registry(c, c->registry_hash))
            return true;
        waits = true;
    }
    /* CRLs are judged by the registry's anchors: they come after it. */
    if (waits || knowledge_registry(c->common->knowledge) == NULL)
        return waits;
    for (size_t i = 0; i < c->crl_count; i++) {
        if (c->crl_tried[i] || knowledge_has_crl(c->common->knowledge, c->crls[i]))
            continue;
        session_fetch(c->common->session, OBJECT_BY_HASH,
                      c->crls[i]); /* what finds no room is asked for next time */
        waits = true;
    }
    return waits;
}

/* The bus's checkpoint against the registry's ledger keys and what was accepted. True when it is accepted. */
static bool check_welcome(struct catchup *c)
{
    struct common *common = c->common;
    struct checkpoint checkpoint;
    struct error e;
    size_t count;
    const struct note_verifier *keys = knowledge_ledger_keys(common->knowledge, &count);
    if (c->checkpoint.len == 0 && trail_accepted(common->trail) == NULL)
        return true; /* the ledger is empty, and always was */
    if (c->checkpoint.len == 0)
        checkpoint = (struct checkpoint){.size = 0};
    else if (!checkpoint_open(buffer_bytes(&c->checkpoint), keys, count, &checkpoint)) {
        log_error("checkpoint_not_signed", "why=%s", "not by a ledger key of the registry");
        session_drop(common->session, REFUSAL_NO_RECEIPT);
        return false;
    }
    int result = trail_welcome(common->trail, buffer_bytes(&c->checkpoint), &checkpoint,
                               (const uint8_t(*)[HASH_SIZE])c->proof, c->proof_count, &e);
    if (result == 1) {
        session_end(common->session, REFUSAL_INCONSISTENT, trail_note(common->trail));
        common_able(common);
    } else if (result < 0) {
        log_error("checkpoint_not_stored", "why=%s", e.text);
        session_drop(common->session, REFUSAL_INTERNAL);
    }
    return result == 0;
}

void catchup_continue(struct catchup *c)
{
    struct common *common = c->common;
    enum session_state state = session_state(common->session);
    if (state != SESSION_WELCOMED && state != SESSION_LINKED)
        return;
    if (fetch_missing(c) || state == SESSION_LINKED)
        return;
    if (knowledge_registry(common->knowledge) == NULL) {
        log_error("no_registry", NULL);
        session_drop(common->session, REFUSAL_REGISTRY_OUTDATED);
        return;
    }
    if (c->welcomed) {
        if (!check_welcome(c))
            return;
        c->welcomed = false;
    }
    /* What was shown before the link broke and is overdue is proven before anything else is said. */
    common_prove(common);
    if (trail_judge(common->trail, common_monotonic(common)) != TRAIL_GOOD)
        return;
    session_link(common->session);
    c->events.linked(c->arg);
}
