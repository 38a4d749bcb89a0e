#include "core/core.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/queue.h"
#include "core/inside.h"
#include "wire/envelope.h"

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

/* --- session's events --- */

static void on_hello(void *arg, struct buffer *checkpoint, uint64_t *registry_version_out)
{
    struct core *core = arg;
    const struct registry *registry = knowledge_registry(core->knowledge);
    buffer_append_bytes(checkpoint, trail_note(core->trail));
    *registry_version_out = registry == NULL ? 0 : registry_version(registry);
}

static void on_welcome(void *arg, const struct session_welcome *welcome)
{
    struct core *core = arg;
    uint64_t now = core_now(core);
    uint64_t apart = welcome->time > now ? welcome->time - now : now - welcome->time;
    if (apart > core->options.clock_skew / 2)
        log_warn("clock_differs", "seconds=%llu", (unsigned long long)(apart / MICROSECONDS));
    catchup_welcome(core->catchup, welcome);
}

static void on_notice(void *arg, const struct session_holdings *holdings)
{
    catchup_notice(((struct core *)arg)->catchup, holdings);
}

static void on_deliver(void *arg, struct delivery *d)
{
    struct core *core = arg;
    if (d->header.kind == MESSAGE_REQUEST)
        answering_deliver(core->answering, d);
    else if (d->header.kind == MESSAGE_RESPONSE)
        asking_deliver(core->asking, d);
    else {
        log_warn("delivery_not_ours", "kind=%s", message_kind_name(d->header.kind));
        core_done_with(core, d);
    }
}

/* A day key is there: whoever waited for it goes on. */
static void keys_changed(struct core *core)
{
    asking_keys_changed(core->asking);
    answering_keys_changed(core->answering);
}

static void on_receipt(void *arg, struct bytes entry_bytes, struct bytes proof)
{
    struct core *core = arg;
    struct entry entry;
    struct entry_hold hold;
    struct header header;
    if (!core_receipt(core, entry_bytes, proof, 0, NULL, &entry, &hold)) {
        log_error("receipt_not_good", NULL);
        return;
    }
    if (entry.context.len > 0 && header_decode(entry.context, entry.body, &header) == REFUSAL_NONE) {
        uint8_t leaf[HASH_SIZE];
        envelope_leaf(entry.context, entry.body, leaf);
        if (header.kind == MESSAGE_RESPONSE && (entry.type == ENTRY_ADMITTED || entry.type == ENTRY_LATE))
            answering_receipt(core->answering, leaf);
        else if (header.kind == MESSAGE_REFUSAL)
            asking_receipt(core->asking, leaf);
        else if (header.kind == MESSAGE_SUBJECT_KEY && entry.type == ENTRY_SUBJECT_KEY &&
                 daykey_escrowed(core->daykey, leaf))
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
        if (core_receipt(core, refused->entry, refused->proof, 0, NULL, &entry, &hold))
            entry_release(&hold);
        else
            log_error("refusal_without_receipt", "reason=%s", refusal_name(refused->reason));
    }
    /* A refusal without a receipt still ends it: nothing is given away by not asking. */
    if (!asking_refused(core->asking, refused) && !answering_refused(core->answering, refused) &&
        refused->leaf != NULL) {
        log_warn("bus_refused", "reason=%s", refusal_name(refused->reason));
        daykey_refused(core->daykey, refused->leaf);
    }
}

static void on_proof(void *arg, uint64_t old_size, uint64_t new_size, const uint8_t (*hashes)[HASH_SIZE],
                     size_t count)
{
    struct core *core = arg;
    trail_proof(core->trail, old_size, new_size, hashes, count, core_monotonic(core));
    core_prove(core);
    catchup_continue(core->catchup);
}

static void on_object(void *arg, enum session_object kind, const uint8_t hash[HASH_SIZE], struct bytes object)
{
    catchup_object(((struct core *)arg)->catchup, kind, hash, object);
}

static void on_lost(void *arg, unsigned reason)
{
    struct core *core = arg;
    if (reason == REFUSAL_INCONSISTENT)
        log_error("bus_says_inconsistent", NULL);
    atomic_store(&core->linked, false);
    atomic_store(&core->trouble, "no link to the bus");
    trail_restart(core->trail);
    catchup_lost(core->catchup);
    /* Deliveries that wait belong to the session that is gone: the bus delivers them again. */
    waiting_free(core->waiting);
    core->waiting = waiting_new();
}

static const struct session_events events = {
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
    uint64_t now = core_now(core);
    int cleaned = marks_clean(core->marks, now, CLEAN_MOST, &e);
    if (cleaned < 0)
        log_error("marks_not_cleaned", "why=%s", e.text);
    if (cleaned == CLEAN_MOST)
        core->clean_at = 0;
    if (daykey_destroy_before(core->daykey, clock_day(now - KEEP_DAY_KEYS * DAY_MICROSECONDS), &e) < 0)
        log_error("day_keys_not_destroyed", "why=%s", e.text);
    const struct registry *registry = knowledge_registry(core->knowledge);
    if (registry != NULL && now > registry_valid_until(registry))
        log_error("registry_past_validity", "version=%llu", (unsigned long long)registry_version(registry));
    store_check_readers(core->store);
}

static void tick(void *arg)
{
    struct core *core = arg;
    struct error e;
    uint64_t monotonic = core_monotonic(core);
    loop_timer_set(core->timer, monotonic + TICK);
    core_prove(core);
    catchup_continue(core->catchup);
    core_fetch_awaited(core);
    core_escrow(core);
    asking_tick(core->asking);
    answering_tick(core->answering);
    if (monotonic >= core->flush_at) {
        core->flush_at = monotonic + FLUSH_EVERY;
        if (trail_flush(core->trail, monotonic, &e) != 0)
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
}

/* The codes of the subsystems whose services are configured, each once. */
static void gather_subsystems(struct core *core)
{
    const struct core_options *o = &core->options;
    core->subsystems = memory_zeroed(o->service_count, sizeof(*core->subsystems));
    core->subsystem_texts = memory_zeroed(o->service_count, sizeof(char *));
    for (size_t i = 0; i < o->service_count; i++) {
        struct bytes id = bytes_of_string(o->services[i].service);
        size_t member = identifier_prefix(id, 3), whole = identifier_prefix(id, 4);
        if (whole <= member + 1)
            continue;
        size_t len = whole - member - 1;
        char *code = memory_zeroed(len + 1, 1);
        memcpy(code, id.data + member + 1, len);
        bool known = false;
        for (size_t k = 0; k < core->subsystem_count; k++)
            known = known || strcmp(core->subsystems[k], code) == 0;
        if (known) {
            free(code);
            continue;
        }
        core->subsystem_texts[core->subsystem_count] = code;
        core->subsystems[core->subsystem_count++] = code;
    }
}

static int open_store(struct core *core, struct error *e)
{
    struct buffer path = {0};
    struct store_options options = {.map_size = MAP_SIZE, .most_tables = 8, .create = true};
    if (mkdir(core->options.state, 0700) != 0 && access(core->options.state, F_OK) != 0) {
        buffer_free(&path);
        return error_set(e, ERROR_IO, "cannot make the state folder %s", core->options.state);
    }
    buffer_printf(&path, "%s/store", core->options.state);
    buffer_append(&path, "", 1);
    core->store = store_open((const char *)path.data, &options, e);
    buffer_free(&path);
    return core->store == NULL ? -1 : 0;
}

static int open_state(struct core *core, struct error *e)
{
    const struct core_options *o = &core->options;
    struct daykey_options daykey = {o->state, o->instance, o->member, o->signer};
    if (open_store(core, e) != 0)
        return -1;
    core->trail = trail_open(core->store, o->state, o->unproven_most, e);
    if (core->trail == NULL)
        return -1;
    core->marks = marks_open(core->store, e);
    if (core->marks == NULL)
        return -1;
    core->daykey = daykey_open(core->store, &daykey, e);
    if (core->daykey == NULL)
        return -1;
    core->knowledge = knowledge_open(o->state, o->instance, &o->authority, o->registry_file, o->crl_grace, e);
    return core->knowledge == NULL ? -1 : 0;
}

struct core *core_new(struct loop *loop, void *zmq_context, const struct core_options *options,
                      struct error *e)
{
    struct core *core = memory_zeroed(1, sizeof(*core));
    core->loop = loop;
    core->options = *options;
    set_defaults(&core->options);
    atomic_store(&core->trouble, "no link to the bus");
    if (open_state(core, e) != 0) {
        core_free(core);
        return NULL;
    }
    core->peers = peers_new();
    core->waiting = waiting_new();
    core->catchup = catchup_new(core);
    core->asking = asking_new(core);
    core->answering = answering_new(core);
    gather_subsystems(core);
    core->asks = queue_new(core->options.most_asks);
    core->asks_source = loop_add_fd(loop, queue_event_fd(core->asks), asks_came, core);
    core->timer = loop_timer_new(loop, tick, core);
    loop_timer_set(core->timer, 0);
    if (knowledge_registry(core->knowledge) != NULL)
        atomic_store(&core->registry_version, registry_version(knowledge_registry(core->knowledge)));

    struct session_options session = {
        .endpoint = core->options.bus_endpoint,
        .bus_public_key = core->options.bus_public_key,
        .link_key = &core->options.link_key,
        .chain = core->options.chain,
        .subsystems = core->subsystems,
        .subsystem_count = core->subsystem_count,
        .window_messages = 512,
        .window_bytes = 2 * DELIVERY_MOST,
        .events = events,
        .arg = core,
    };
    core->session = session_new(loop, zmq_context, &session);
    /* An adapter that has found the ledger inconsistent stands still until a person has looked. */
    if (core_able(core) == REFUSAL_INCONSISTENT)
        session_end(core->session, REFUSAL_INCONSISTENT, bytes_make(NULL, 0));
    return core;
}

void core_free(struct core *core)
{
    if (core == NULL)
        return;
    atomic_store(&core->stopping, true);
    if (core->asks != NULL) {
        struct ask *ask;
        queue_close(core->asks);
        while ((ask = queue_take(core->asks)) != NULL)
            asking_take(core->asking, ask);
        loop_remove(core->loop, core->asks_source);
        queue_free(core->asks);
    }
    loop_timer_free(core->timer);
    asking_free(core->asking);
    answering_free(core->answering);
    catchup_free(core->catchup);
    session_free(core->session);
    waiting_free(core->waiting);
    for (size_t i = 0; i < core->subsystem_count; i++)
        free(core->subsystem_texts[i]);
    free(core->subsystem_texts);
    free(core->subsystems);
    peers_free(core->peers);
    knowledge_close(core->knowledge);
    daykey_close(core->daykey);
    marks_close(core->marks);
    trail_close(core->trail);
    store_close(core->store);
    link_key_clear(&core->options.link_key);
    free(core);
}

bool core_ask(struct core *core, struct ask *ask)
{
    uint64_t size = ask->body.len;
    if (atomic_load(&core->stopping))
        return false;
    /* Counted before it is put: two threads cannot both take the last place. */
    uint64_t open = atomic_fetch_add(&core->asks_open, 1), bytes = atomic_fetch_add(&core->ask_bytes, size);
    if (open < core->options.most_asks && bytes + size <= core->options.most_ask_bytes &&
        queue_put(core->asks, ask))
        return true;
    atomic_fetch_sub(&core->ask_bytes, size);
    atomic_fetch_sub(&core->asks_open, 1);
    return false;
}

struct registry *core_registry(struct core *core)
{
    return knowledge_registry_ref(core->knowledge);
}

void core_status(struct core *core, struct core_status *out)
{
    out->linked = atomic_load(&core->linked);
    out->trouble = atomic_load(&core->trouble);
    out->checkpoint_size = atomic_load(&core->checkpoint_size);
    out->registry_version = atomic_load(&core->registry_version);
    out->asks_open = atomic_load(&core->asks_open);
    out->calls_open = atomic_load(&core->calls_open);
    out->asked = atomic_load(&core->asked);
    out->answered = atomic_load(&core->answered);
    out->refused = atomic_load(&core->refused);
}
