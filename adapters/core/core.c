#include "core/core.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/queue.h"
#include "core/age.h"
#include "core/answering.h"
#include "core/asking.h"
#include "core/catchup.h"
#include "core/common.h"
#include "core/describing.h"
#include "core/waiting.h"
#include "wire/envelope.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK          (200 * 1000u)
#define FLUSH_EVERY   (250 * 1000u) /* accepted checkpoint to disk */
#define CLEAN_EVERY   (60 * MICROSECONDS)
#define CLEAN_MOST    1000 /* marks in one turn; where there are more, the next turn goes on */
#define KEEP_DAY_KEYS 400  /* days that the member itself can search its own pseudonyms */
#define MAP_SIZE      ((size_t)1 << 30)
#define ASKS_A_TURN   64

struct core {
    struct common common;
    struct catchup *catchup;
    struct waiting *waiting;
    struct asking *asking;
    struct answering *answering;
    struct age *age;
    struct describing *describing;

    struct queue *asks; /* from the fronts' threads */
    struct loop_source *asks_source;
    struct loop_timer *timer;
    uint64_t flush_at, clean_at; /* monotonic */
    struct subsystems {
        const char **codes; /* of what we answer for, each once; each its own memory */
        size_t count;
    } subsystems;
};

/* To the side that it is for. */
static void deliver(struct core *core, struct delivery *d)
{
    if (d->header.kind == MESSAGE_REQUEST)
        answering_deliver(core->answering, d);
    else if (d->header.kind == MESSAGE_RESPONSE)
        asking_deliver(core->asking, d);
    else {
        log_warn("delivery_not_ours", "kind=%s", message_kind_name(d->header.kind));
        common_done_with(&core->common, d);
    }
}

/* A day key is there: whoever waited for it goes on. */
static void keys_changed(struct core *core)
{
    asking_keys_changed(core->asking);
    answering_keys_changed(core->answering);
}

/* --- catching up: what waited for it goes on --- */

static void on_linked(void *arg)
{
    struct core *core = arg;
    core->common.suspended = false;
    common_able(&core->common);
    log_info("linked", "checkpoint=%" PRIu64 " registry=%" PRIu64,
             (uint64_t)atomic_load(&core->common.checkpoint_size),
             (uint64_t)atomic_load(&core->common.registry_version));
    common_escrow(&core->common);
    answering_resubmit(core->answering);
    asking_resubmit(core->asking);
    keys_changed(core);
}

static void deliver_again(struct core *core, struct delivery *list)
{
    while (list != NULL) {
        struct delivery *d = list;
        list = d->next;
        d->next = NULL;
        deliver(core, d);
    }
    waiting_tick(core->waiting);
}

static void on_chain(void *arg, const uint8_t certificate[HASH_SIZE])
{
    struct core *core = arg;
    deliver_again(core, waiting_take(core->waiting, WAIT_FOR_CHAIN, certificate));
}

static void on_registry(void *arg)
{
    struct core *core = arg;
    deliver_again(core, waiting_take(core->waiting, WAIT_FOR_REGISTRY, NULL));
}

static const struct catchup_events catchup_events = {on_linked, on_chain, on_registry};

/* --- session's events --- */

static void on_hello(void *arg, struct buffer *checkpoint, uint64_t *registry_version_out)
{
    struct core *core = arg;
    const struct registry *registry = knowledge_registry(core->common.knowledge);
    buffer_append_bytes(checkpoint, trail_note(core->common.trail));
    *registry_version_out = registry == NULL ? 0 : registry_version(registry);
}

static void on_welcome(void *arg, const struct session_welcome *welcome)
{
    struct core *core = arg;
    uint64_t now = common_now(&core->common);
    uint64_t apart = welcome->time > now ? welcome->time - now : now - welcome->time;
    if (apart > core->common.options.clock_skew / 2)
        log_warn("clock_differs", "seconds=%llu", (unsigned long long)(apart / MICROSECONDS));
    catchup_welcome(core->catchup, welcome);
}

static void on_notice(void *arg, const struct session_holdings *holdings)
{
    catchup_notice(((struct core *)arg)->catchup, holdings);
}

static void on_deliver(void *arg, struct delivery *d)
{
    deliver(arg, d);
}

static void on_receipt(void *arg, struct bytes entry_bytes, struct bytes proof)
{
    struct core *core = arg;
    struct entry entry;
    struct entry_hold hold;
    struct header header;
    if (!common_receipt(&core->common, entry_bytes, proof, 0, NULL, &entry, &hold)) {
        log_error("receipt_not_good", NULL);
        return;
    }
    if (entry.context.len > 0 && header_decode(entry.context, entry.body, &header) == REFUSAL_NONE) {
        uint8_t leaf[HASH_SIZE];
        envelope_leaf(entry.context, entry.body, leaf);
        if (header.kind == MESSAGE_RESPONSE && (entry.type == ENTRY_ADMITTED || entry.type == ENTRY_LATE))
            answering_receipt(core->answering, header.exchange_id, leaf);
        else if (header.kind == MESSAGE_REFUSAL)
            asking_receipt(core->asking, leaf);
        else if (header.kind == MESSAGE_SUBJECT_KEY && entry.type == ENTRY_SUBJECT_KEY &&
                 daykey_escrowed(core->common.daykey, leaf))
            keys_changed(core);
    }
    entry_release(&hold);
}

static void on_refused(void *arg, const struct session_refused *refused)
{
    struct core *core = arg;
    struct entry entry;
    struct entry_hold hold;
    if (refused->entry.len > 0) {
        if (common_receipt(&core->common, refused->entry, refused->proof, 0, NULL, &entry, &hold))
            entry_release(&hold);
        else
            log_error("refusal_without_receipt", "reason=%s", refusal_name(refused->reason));
    }
    /* A refusal without a receipt still ends it: nothing is given away by not asking. */
    if (!asking_refused(core->asking, refused) && !answering_refused(core->answering, refused) &&
        refused->leaf != NULL) {
        log_warn("bus_refused", "reason=%s", refusal_name(refused->reason));
        daykey_refused(core->common.daykey, refused->leaf);
    }
}

static void on_proof(void *arg, uint64_t old_size, uint64_t new_size, const uint8_t (*hashes)[HASH_SIZE],
                     size_t count)
{
    struct core *core = arg;
    trail_proof(core->common.trail, old_size, new_size, hashes, count, common_monotonic(&core->common));
    common_prove(&core->common);
    catchup_continue(core->catchup);
}

static void on_object(void *arg, enum session_object kind, const uint8_t hash[HASH_SIZE], struct bytes object)
{
    struct core *core = arg;
    if (kind == OBJECT_BY_HASH)
        describing_object(core->describing, hash, object);
    catchup_object(core->catchup, kind, hash, object);
}

static void on_lost(void *arg, unsigned reason)
{
    struct core *core = arg;
    if (reason == REFUSAL_INCONSISTENT)
        log_error("bus_says_inconsistent", NULL);
    if (reason == REFUSAL_MEMBER_SUSPENDED) {
        core->common.suspended = true;
        /* The ledger has ended them already, and nobody will tell us. */
        asking_end_all(core->asking, REFUSAL_MEMBER_SUSPENDED);
    }
    common_able(&core->common);
    trail_restart(core->common.trail);
    catchup_lost(core->catchup);
    waiting_lost(core->waiting);
    describing_lost(core->describing);
}

static const struct session_events session_events = {
    .hello = on_hello,
    .welcome = on_welcome,
    .notice = on_notice,
    .deliver = on_deliver,
    .receipt = on_receipt,
    .refused = on_refused,
    .proof = on_proof,
    .object = on_object,
    .lost = on_lost,
};

/* --- the turn of things --- */

static void asks_came(void *arg)
{
    struct core *core = arg;
    struct ask *ask;
    for (unsigned i = 0; i < ASKS_A_TURN && (ask = queue_take(core->asks)) != NULL; i++)
        asking_take(core->asking, ask);
}

static void clean(struct core *core)
{
    struct error e;
    uint64_t now = common_now(&core->common);
    int cleaned = marks_clean(core->common.marks, now, CLEAN_MOST, &e);
    if (cleaned < 0)
        log_error("marks_not_cleaned", "why=%s", e.text);
    if (cleaned == CLEAN_MOST)
        core->clean_at = 0;
    if (daykey_destroy_before(core->common.daykey, clock_day(now - KEEP_DAY_KEYS * DAY_MICROSECONDS), &e) < 0)
        log_error("day_keys_not_destroyed", "why=%s", e.text);
    age_of_crls(core->common.knowledge, now);
    store_check_readers(core->common.store);
}

static void tick(void *arg)
{
    struct core *core = arg;
    struct error e;
    uint64_t monotonic = common_monotonic(&core->common);
    loop_timer_set(core->timer, monotonic + TICK);
    seal_contexts_tick(core->common.contexts, monotonic);
    common_prove(&core->common);
    catchup_continue(core->catchup);
    waiting_tick(core->waiting);
    common_escrow(&core->common);
    asking_tick(core->asking);
    answering_tick(core->answering);
    age_tick(core->age, session_state(core->common.session) == SESSION_LINKED, common_now(&core->common));
    describing_tick(core->describing);
    if (monotonic >= core->flush_at) {
        core->flush_at = monotonic + FLUSH_EVERY;
        if (trail_flush(core->common.trail, monotonic, &e) != 0)
            log_error("checkpoint_not_stored", "why=%s", e.text);
    }
    if (monotonic >= core->clean_at) {
        core->clean_at = monotonic + CLEAN_EVERY;
        clean(core);
    }
}

/* --- life --- */

static void set_defaults(struct core_options *o)
{
    if (o->most_asks == 0)
        o->most_asks = 1024;
    if (o->most_ask_bytes == 0)
        o->most_ask_bytes = (uint64_t)64 << 20;
    if (o->request_timeout == 0)
        o->request_timeout = 30 * MICROSECONDS;
    if (o->unproven_most == 0)
        o->unproven_most = 5 * MICROSECONDS;
    if (o->clock_skew == 0)
        o->clock_skew = 60 * MICROSECONDS;
    if (o->crl_grace == 0)
        o->crl_grace = DAY_MICROSECONDS;
    if (o->registry_alarm == 0)
        o->registry_alarm = DAY_MICROSECONDS;
}

/* The codes of the subsystems whose services are configured, each once. */
static struct subsystems gather_subsystems(const struct core_options *o)
{
    struct subsystems found = {.codes = memory_zeroed(o->service_count, sizeof(*found.codes))};
    for (size_t i = 0; i < o->service_count; i++) {
        struct bytes id = bytes_of_string(o->services[i].service);
        size_t member = identifier_prefix(id, 3), whole = identifier_prefix(id, 4);
        if (whole <= member + 1)
            continue;
        struct bytes code = bytes_make(id.data + member + 1, whole - member - 1);
        bool known = false;
        for (size_t k = 0; k < found.count; k++)
            known = known || bytes_equal_string(code, found.codes[k]);
        if (known)
            continue;
        char *text = memory_zeroed(code.len + 1, 1);
        memcpy(text, code.data, code.len);
        found.codes[found.count++] = text;
    }
    return found;
}

static void subsystems_free(struct subsystems *subsystems)
{
    for (size_t i = 0; i < subsystems->count; i++)
        free((void *)(uintptr_t)subsystems->codes[i]);
    free(subsystems->codes);
}

static bool same_subsystems(const struct subsystems *a, const struct subsystems *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->codes[i], b->codes[i]) == 0;
    return same;
}

static int open_store(struct core *core, struct error *e)
{
    struct buffer path = {0};
    struct store_options options = {.map_size = MAP_SIZE, .most_tables = 8, .create = true};
    if (mkdir(core->common.options.state, 0700) != 0 && access(core->common.options.state, F_OK) != 0) {
        buffer_free(&path);
        return error_set(e, ERROR_IO, "cannot make the state folder %s", core->common.options.state);
    }
    buffer_printf(&path, "%s/store", core->common.options.state);
    buffer_append(&path, "", 1);
    core->common.store = store_open((const char *)path.data, &options, e);
    buffer_free(&path);
    return core->common.store == NULL ? -1 : 0;
}

static int open_state(struct core *core, struct error *e)
{
    const struct core_options *o = &core->common.options;
    struct daykey_options daykey = {o->subject_keys, o->instance, o->member, o->signer};
    struct buffer path = {0};
    if (open_store(core, e) != 0)
        return -1;
    core->common.trail = trail_open(core->common.store, o->state, o->unproven_most, e);
    if (core->common.trail == NULL)
        return -1;
    core->common.marks = marks_open(core->common.store, e);
    if (core->common.marks == NULL)
        return -1;
    if (daykey.path == NULL) {
        buffer_printf(&path, "%s/daykeys", o->state);
        buffer_append(&path, "", 1);
        daykey.path = (const char *)path.data;
    }
    core->common.daykey = daykey_open(core->common.store, &daykey, e);
    buffer_free(&path);
    if (core->common.daykey == NULL)
        return -1;
    core->common.knowledge =
        knowledge_open(o->state, o->instance, &o->authority, o->registry_file, o->crl_grace, e);
    return core->common.knowledge == NULL ? -1 : 0;
}

struct core *core_new(struct loop *loop, void *zmq_context, const struct core_options *options,
                      struct error *e)
{
    struct core *core = memory_zeroed(1, sizeof(*core));
    core->common.loop = loop;
    core->common.options = *options;
    set_defaults(&core->common.options);
    atomic_store(&core->common.trouble, "no link to the bus");
    if (open_state(core, e) != 0) {
        core_free(core);
        return NULL;
    }
    core->common.peers = peers_new();
    core->common.contexts = seal_contexts_new();
    core->common.checkpoints = checkpoint_cache_new();
    seal_contexts_tick(core->common.contexts, loop_now_monotonic(loop));
    core->age = age_open(core->common.options.state, core->common.options.registry_alarm, clock_wall());
    core->catchup = catchup_new(&core->common, &catchup_events, core);
    core->waiting = waiting_new(&core->common, core->catchup);
    core->asking = asking_new(&core->common, core->waiting);
    core->answering = answering_new(&core->common, core->waiting);
    core->describing = describing_new(&core->common);
    core->subsystems = gather_subsystems(options);
    core->asks = queue_new(core->common.options.most_asks);
    core->asks_source = loop_add_fd(loop, queue_event_fd(core->asks), asks_came, core);
    core->timer = loop_timer_new(loop, tick, core);
    loop_timer_set(core->timer, 0);
    if (knowledge_registry(core->common.knowledge) != NULL)
        atomic_store(&core->common.registry_version,
                     registry_version(knowledge_registry(core->common.knowledge)));

    struct session_options session = {
        .endpoint = core->common.options.bus_endpoint,
        .bus_public_key = core->common.options.bus_public_key,
        .link_key = &core->common.options.link_key,
        .chain = core->common.options.chain,
        .subsystems = core->subsystems.codes,
        .subsystem_count = core->subsystems.count,
        .window_messages = 512,
        .window_bytes = 2 * DELIVERY_MOST,
        .events = session_events,
        .arg = core,
    };
    core->common.session = session_new(loop, zmq_context, &session);
    /* An adapter that has found the ledger inconsistent stands still until a person has looked. */
    if (common_able(&core->common) == REFUSAL_INCONSISTENT)
        session_end(core->common.session, REFUSAL_INCONSISTENT, bytes_make(NULL, 0));
    return core;
}

void core_free(struct core *core)
{
    if (core == NULL)
        return;
    atomic_store(&core->common.stopping, true);
    if (core->asks != NULL) {
        struct ask *ask;
        queue_close(core->asks);
        while ((ask = queue_take(core->asks)) != NULL)
            asking_take(core->asking, ask);
        loop_remove(core->common.loop, core->asks_source);
        queue_free(core->asks);
    }
    loop_timer_free(core->timer);
    asking_free(core->asking);
    answering_free(core->answering);
    describing_free(core->describing);
    catchup_free(core->catchup);
    session_free(core->common.session);
    waiting_free(core->waiting);
    age_free(core->age);
    subsystems_free(&core->subsystems);
    peers_free(core->common.peers);
    seal_contexts_free(core->common.contexts);
    checkpoint_cache_free(core->common.checkpoints);
    knowledge_close(core->common.knowledge);
    daykey_close(core->common.daykey);
    marks_close(core->common.marks);
    trail_close(core->common.trail);
    store_close(core->common.store);
    link_key_clear(&core->common.options.link_key);
    free(core);
}

void core_change(struct core *core, const struct core_options *options)
{
    struct core_options *o = &core->common.options;
    struct core_options next = *options;
    set_defaults(&next);
    struct subsystems subsystems = gather_subsystems(&next);
    bool differs = !same_subsystems(&subsystems, &core->subsystems) ||
                   memcmp(chain_leaf_hash(next.chain), chain_leaf_hash(o->chain), HASH_SIZE) != 0;
    o->services = next.services;
    o->service_count = next.service_count;
    o->signer = next.signer;
    o->chain = next.chain;
    o->sealing_keys = next.sealing_keys;
    o->sealing_key_count = next.sealing_key_count;
    seal_contexts_forget(core->common.contexts); /* what an old key opened goes with it */
    o->request_timeout = next.request_timeout;
    o->clock_skew = next.clock_skew;
    daykey_sign_with(core->common.daykey, next.signer);
    session_present(core->common.session, next.chain, subsystems.codes, subsystems.count, differs);
    subsystems_free(&core->subsystems);
    core->subsystems = subsystems;
}

bool core_ask(struct core *core, struct ask *ask)
{
    uint64_t size = ask->body.len;
    if (atomic_load(&core->common.stopping))
        return false;
    /* Counted before it is put: two threads cannot both take the last place. */
    uint64_t open = atomic_fetch_add(&core->common.asks_open, 1),
             bytes = atomic_fetch_add(&core->common.ask_bytes, size);
    if (open < core->common.options.most_asks && bytes + size <= core->common.options.most_ask_bytes &&
        queue_put(core->asks, ask))
        return true;
    atomic_fetch_sub(&core->common.ask_bytes, size);
    atomic_fetch_sub(&core->common.asks_open, 1);
    return false;
}

bool core_describe(struct core *core, const char *service, core_described done, void *done_arg)
{
    return describing_put(core->describing, service, done, done_arg);
}

struct registry *core_registry(struct core *core)
{
    return knowledge_registry_ref(core->common.knowledge);
}

void core_status(struct core *core, struct core_status *out)
{
    out->linked = atomic_load(&core->common.linked);
    out->trouble = atomic_load(&core->common.trouble);
    out->checkpoint_size = atomic_load(&core->common.checkpoint_size);
    out->registry_version = atomic_load(&core->common.registry_version);
    out->asks_open = atomic_load(&core->common.asks_open);
    out->calls_open = atomic_load(&core->common.calls_open);
    out->asked = atomic_load(&core->common.asked);
    out->answered = atomic_load(&core->common.answered);
    out->refused = atomic_load(&core->common.refused);
}
