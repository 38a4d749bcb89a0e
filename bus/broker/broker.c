#include "broker/broker.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "manners/heart.h"
#include "manners/notify.h"
#include "manners/process.h"
#include "manners/scrape.h"
#include "broker/admit.h"
#include "broker/audit.h"
#include "broker/connections.h"
#include "broker/dispatch.h"
#include "broker/door.h"
#include "broker/keeper.h"
#include "broker/statefolder.h"
#include "broker/vitals.h"
#include "broker/writer.h"
#include "ledger/truststore.h"
#include "wire/zap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define FRAMES_A_TURN  256
#define RESULTS_A_TURN 256
#define TICK           (250 * 1000ULL) /* microseconds */
#define LAST_WORDS     (200 * 1000ULL) /* for BYE to leave before the socket closes */

struct broker {
    const struct config *config;
    int lock;
    struct link_key link_key;
    struct note_signer ledger_key;
    struct truststore *truststore;
    struct ledger *ledger;
    struct vault *vault;
    struct chains *chains;
    struct admit *admit;
    struct writer *writer;
    struct keeper *keeper;
    struct audit *audit;
    struct vitals *vitals;
    struct scrape *scrape;
    struct hearts *hearts;
    struct status status;
    void *context, *socket;
    struct zap *zap;
    struct connections *connections;
    char endpoint[256];
    struct loop *loop;
    struct loop_source *door;
    struct loop_timer *tick, *deadline, *parting, *watchdog;
    struct transport transport;
    struct io io;
    int code;
    bool ending; /* the last entry has been asked for */
};

/* --- the loop --- */

static void new_turn(struct broker *b)
{
    b->io.now = loop_now(b->loop);
    b->io.monotonic = loop_now_monotonic(b->loop);
}

static int transport_send(void *arg, struct bytes routing_id, unsigned verb, struct bytes message,
                          struct bytes payload)
{
    struct broker *b = arg;
    return link_send(b->socket, routing_id, verb, message, payload);
}

static void transport_session_runs(void *arg, uint64_t connection, bool runs)
{
    struct broker *b = arg;
    gate_session(connections_gate(b->connections), connection, runs, b->io.monotonic);
}

static uint64_t transport_confirmed(void *arg, uint64_t connection)
{
    const struct broker *b = arg;
    return gate_confirmed(connections_gate(b->connections), connection);
}

static void transport_cut(void *arg, uint64_t connection)
{
    struct broker *b = arg;
    gate_cut(connections_gate(b->connections), connection, b->io.monotonic + LAST_WORDS);
}

static void end_loop(void *arg)
{
    struct broker *b = arg;
    loop_stop(b->loop);
}

static void part(struct broker *b)
{
    loop_timer_set(b->parting, b->io.monotonic + LAST_WORDS);
}

/* While the pipeline is full, or the bus stops, nothing is read: what peers send waits in their own queues.
 */
static void set_reading(struct broker *b)
{
    bool reading = !b->io.stopping && !b->io.inconsistent && !pipeline_full(b->io.pipeline);
    loop_set_reading(b->door, reading);
    connections_set_reading(b->connections, reading);
}

static void set_deadline(struct broker *b)
{
    uint64_t next = dispatch_next_deadline(&b->io);
    if (next == UINT64_MAX)
        loop_timer_stop(b->deadline);
    else
        loop_timer_set(b->deadline, b->io.monotonic + (next > b->io.now ? next - b->io.now : 0));
}

static void on_frames(void *arg)
{
    struct broker *b = arg;
    struct gate *gate = connections_gate(b->connections);
    new_turn(b);
    for (int i = 0; i < FRAMES_A_TURN && !pipeline_full(b->io.pipeline); i++) {
        struct frame_message frame;
        enum frame_status status = link_receive(b->socket, true, &frame);
        if (status == FRAME_NONE) {
            gate_drained(gate);
            break;
        }
        if (status == FRAME_FAILED) {
            log_error("socket_failed", NULL);
            b->code = BROKER_FAILED;
            loop_stop(b->loop);
            return;
        }
        frame.connection = gate_received(gate, &frame, b->io.monotonic);
        if (status == FRAME_ANONYMOUS)
            door_anonymous(&b->io);
        else if (status == FRAME_BAD)
            door_bad(&b->io, &frame);
        else
            door_take(&b->io, &frame);
        if (status == FRAME_OK)
            frame_message_free(&frame);
    }
    set_reading(b);
}

/* What is still inside comes out first; then the last entry; then farewell. */
static void go_on_stopping(struct broker *b)
{
    if (!b->io.stopping || pipeline_inside(b->io.pipeline) > 0)
        return;
    if (!b->ending) {
        b->ending = true;
        pipeline_own(b->io.pipeline, job_new(JOB_CLOSE, b->io.snapshot, b->io.now));
    } else if (b->io.closed) {
        dispatch_bye_all(&b->io, REFUSAL_NONE, bytes_make("", 0));
        part(b);
    }
}

static void on_results(void *arg)
{
    struct broker *b = arg;
    new_turn(b);
    struct job *job;
    for (int i = 0; i < RESULTS_A_TURN && (job = queue_take(pipeline_results(b->io.pipeline))) != NULL; i++)
        dispatch_result(&b->io, job);
    if (b->io.inconsistent && b->code != BROKER_INTEGRITY) {
        b->code = BROKER_INTEGRITY;
        part(b);
    }
    set_deadline(b);
    set_reading(b);
    go_on_stopping(b);
}

static void on_deadline(void *arg)
{
    struct broker *b = arg;
    new_turn(b);
    dispatch_deadlines(&b->io);
    set_deadline(b);
}

static void on_tick(void *arg)
{
    struct broker *b = arg;
    new_turn(b);
    peers_tick(b->io.peers, b->io.now, b->io.monotonic);
    door_tick(&b->io);
    cache_expire(b->io.cache, b->io.now);
    atomic_store(&b->status.pipeline_messages, pipeline_inside(b->io.pipeline));
    atomic_store(&b->status.pipeline_bytes, pipeline_bytes(b->io.pipeline));
    set_reading(b);
    loop_timer_set(b->tick, b->io.monotonic + TICK);
}

static void on_hangup(void *arg)
{
    struct broker *b = arg;
    if (b->keeper == NULL || b->vitals == NULL)
        return;
    log_info("reload_asked", NULL);
    notify_reloading();
    keeper_reload(b->keeper);
    vitals_reload(b->vitals);
}

/* The loop itself is alive, or this would not run; it vouches for the others only while they are too. */
static void on_watchdog(void *arg)
{
    struct broker *b = arg;
    uint64_t period = notify_watchdog_period();
    const char *missing = hearts_missing(b->hearts, period / 2);
    if (missing == NULL)
        notify_alive();
    else
        log_error("thread_does_not_go_on", "thread=%s", missing);
    loop_timer_set(b->watchdog, loop_now_monotonic(b->loop) + period / 4);
}

/* --- opening, in order --- */

static int exit_code_of(const struct error *e)
{
    switch (e->kind) {
    case ERROR_USAGE:
    case ERROR_CONFIG:
    case ERROR_NOT_FOUND:
        return BROKER_USAGE;
    case ERROR_INTEGRITY:
        return BROKER_INTEGRITY;
    default:
        return BROKER_FAILED;
    }
}

static int open_keys(struct broker *b, struct error *e)
{
    if (link_key_load(b->config->link_key, &b->link_key, e) < 0 ||
        note_signer_load(b->config->ledger_key, &b->ledger_key, e) < 0)
        return -1;
    if (b->ledger_key.verifier.type != NOTE_ED25519)
        return error_set(e, ERROR_CONFIG, "%s is not an Ed25519 note key", b->config->ledger_key);
    return 0;
}

static void warn_unlisted_key(const struct broker *b, const struct registry *registry)
{
    struct buffer own = {0};
    note_verifier_format(&b->ledger_key.verifier, &own);
    bool listed = false;
    for (size_t i = 0; i < registry_ledger_key_count(registry); i++) {
        uint64_t from;
        listed = listed || bytes_equal_string(buffer_bytes(&own), registry_ledger_key(registry, i, &from));
    }
    if (!listed)
        log_error("ledger_key_unlisted", "key=%s effect=%s", b->ledger_key.verifier.name,
                  "no adapter accepts this bus's receipts");
    buffer_free(&own);
}

static int open_storage(struct broker *b, struct error *e)
{
    char *trust = statefolder_path(b->config, "trust"), *ledger = statefolder_path(b->config, "ledger"),
         *vault = statefolder_path(b->config, "vault");
    const struct ledger_options options = {ledger, (size_t)b->config->limits.ledger_bytes, &b->ledger_key,
                                           true};
    int result = -1;
    b->truststore = truststore_open(trust, e);
    if (b->truststore != NULL)
        b->ledger = ledger_open(&options, e);
    if (b->ledger != NULL && statefolder_check_begun(b->config, ledger_size(b->ledger), e) == 0)
        b->vault = vault_open(vault, (size_t)b->config->limits.vault_bytes, e);
    if (b->vault != NULL)
        result = 0;
    free(trust);
    free(ledger);
    free(vault);
    return result;
}

static int open_snapshot(struct broker *b, struct error *e)
{
    struct buffer problems = {0};
    b->io.snapshot = snapshot_load(b->config, NULL, b->truststore, &problems, e);
    buffer_free(&problems); /* the keeper reads once more and says them */
    if (b->io.snapshot == NULL) {
        /* A registry that the authority has not signed is a wrong file: nothing is wrong with the ledger. */
        if (e->kind == ERROR_INTEGRITY || e->kind == ERROR_CRYPTO)
            e->kind = ERROR_CONFIG;
        return -1;
    }
    if (snapshot_accept(b->config, b->io.snapshot, NULL, e) < 0)
        return -1;
    b->io.box = snapshot_box_new(snapshot_ref(b->io.snapshot));
    warn_unlisted_key(b, snapshot_registry(b->io.snapshot));
    if (snapshot_crl_count(b->io.snapshot) == 0)
        log_error("no_crl", "effect=%s",
                  "every certificate is refused as revocation_unknown: put the authorities' CRLs "
                  "into the folder of crls and send SIGHUP");
    return 0;
}

static void open_io(struct broker *b)
{
    const struct config_limits *limits = &b->config->limits;
    b->transport =
        (struct transport){transport_send, b, transport_session_runs, transport_confirmed, transport_cut};
    b->status.started = clock_wall();
    b->io.instance = b->config->instance;
    b->io.limits = limits;
    /* Each exchange that is open, or being opened, may end once by the bus itself; and the last entry. */
    b->io.pipeline = pipeline_new(limits->pipeline_messages, limits->pipeline_bytes,
                                  limits->exchanges + limits->pipeline_messages + 1);
    b->io.peers = peers_new(&b->transport, limits, &b->status);
    b->io.exchanges = exchanges_new();
    b->io.cache = cache_new(limits->cache_bytes);
    b->io.status = &b->status;
    b->chains = chains_new();
}

static int start_threads(struct broker *b, struct error *e)
{
    const struct config_limits *limits = &b->config->limits;
    const struct writer_options writing = {
        .pipeline = b->io.pipeline,
        .ledger = b->ledger,
        .vault = b->vault,
        .status = &b->status,
        .batch_messages = (unsigned)limits->batch_messages,
        .batch_time = limits->batch_ms * 1000,
        .refusals_per_second = (unsigned)limits->refusals_per_second,
        .heart = hearts_add(b->hearts, "writer"),
    };
    b->writer = writer_start(&writing, b->io.snapshot, e);
    if (b->writer == NULL || statefolder_remember_begun(b->config, b->ledger_key.verifier.name, e) != 0)
        return -1;
    const struct admit_options admitting = {
        .pipeline = b->io.pipeline,
        .chains = b->chains,
        .truststore = b->truststore,
        .instance = b->config->instance,
        .ledger_key = &b->ledger_key.verifier,
        .threads = (unsigned)limits->verifiers,
        .hearts = b->hearts,
    };
    b->admit = admit_start(&admitting, e);
    return b->admit == NULL ? -1 : 0;
}

/* On the ZAP handler's thread. */
static bool key_is_known(void *arg, const uint8_t public_key[32])
{
    struct broker *b = arg;
    struct snapshot *snapshot = snapshot_box_get(b->io.box);
    const struct registry_member *member =
        registry_member_by_link_key(snapshot_registry(snapshot), public_key);
    bool known = member != NULL && !member->suspended;
    snapshot_free(snapshot);
    return known;
}

static int open_socket(struct broker *b, struct error *e, int *code)
{
    b->context = zmq_ctx_new();
    if (b->context == NULL)
        return error_set(e, ERROR_MEMORY, "ZeroMQ cannot be started: %s", zmq_strerror(zmq_errno()));
    b->zap = zap_start(b->context, key_is_known, b, e);
    if (b->zap == NULL)
        return -1;
    b->socket = link_router(b->context, &b->link_key, e);
    if (b->socket == NULL)
        return -1;
    b->connections = connections_new(b->context, b->socket, b->loop, &b->config->limits, b->io.peers, e);
    if (b->connections == NULL || link_listen(b->socket, b->config->listen, b->endpoint, e) != 0)
        return -1;
    const struct keeper_options keeping = {
        .config = b->config,
        .pipeline = b->io.pipeline,
        .truststore = b->truststore,
        .snapshot = b->io.snapshot,
        .box = b->io.box,
        .chains = b->chains,
        .zmq_context = b->context,
        .endpoint = b->endpoint,
        .server_public = b->link_key.public_key,
    };
    if (keeper_probe(&keeping, e) < 0) {
        *code = BROKER_ZAP_OPEN;
        return -1;
    }
    b->keeper = keeper_start(&keeping, e);
    return b->keeper == NULL ? -1 : 0;
}

/* Who looks after the bus, and who may look at it. */
static int open_windows(struct broker *b, struct error *e)
{
    const struct vitals_options looking = {b->config, &b->status, b->ledger, b->io.box, b->io.pipeline};
    b->vitals = vitals_start(&looking, e);
    if (b->vitals == NULL)
        return -1;
    const struct scrape_options scraping = {b->config->metrics, METRIC_SIDE_BUS, vitals_refresh, b->vitals};
    if (b->config->metrics != NULL && (b->scrape = scrape_start(&scraping, e)) == NULL)
        return -1;
    if (b->config->audit_socket == NULL)
        return 0;
    const struct audit_status_source source = {status_fill, &b->status, vitals_refresh, b->vitals};
    b->audit = audit_start(b->config->audit_socket, b->ledger, b->truststore, &source, e);
    return b->audit == NULL ? -1 : 0;
}

static int open_loop(struct broker *b, struct error *e)
{
    b->loop = loop_new();
    b->tick = loop_timer_new(b->loop, on_tick, b);
    b->deadline = loop_timer_new(b->loop, on_deadline, b);
    b->parting = loop_timer_new(b->loop, end_loop, b);
    b->watchdog = loop_timer_new(b->loop, on_watchdog, b);
    b->hearts = hearts_new();
    return loop_handle_signals(b->loop, on_hangup, b, e);
}

struct broker *broker_open(const struct config *config, struct error *e, int *code)
{
    struct broker *b = memory_zeroed(1, sizeof(*b));
    b->config = config;
    b->lock = -1;
    *code = 0;
    /* Keys may be root's own files; nothing after them needs root. */
    if (open_loop(b, e) < 0 || open_keys(b, e) < 0 ||
        process_give_folder(config->state, config->user, e) < 0 || process_become(config->user, e) < 0 ||
        (b->lock = statefolder_lock(b->config, e)) < 0)
        goto failed;
    statefolder_forget_endpoint(b->config);
    open_io(b);
    if (open_storage(b, e) < 0 || open_snapshot(b, e) < 0 || start_threads(b, e) < 0 ||
        open_socket(b, e, code) < 0 || open_windows(b, e) < 0 ||
        statefolder_tell_endpoint(b->config, b->endpoint, e) < 0)
        goto failed;
    b->door = loop_add_socket(b->loop, b->socket, on_frames, b);
    loop_add_fd(b->loop, queue_event_fd(pipeline_results(b->io.pipeline)), on_results, b);
    loop_timer_set(b->tick, clock_monotonic() + TICK);
    if (notify_watchdog_period() > 0)
        loop_timer_set(b->watchdog, clock_monotonic());
    log_info("ready", "endpoint=%s instance=%s registry=%llu metrics=%s", b->endpoint, config->instance,
             (unsigned long long)registry_version(snapshot_registry(b->io.snapshot)),
             b->scrape != NULL ? scrape_address(b->scrape) : "none");
    notify_ready();
    return b;
failed:
    if (*code == 0)
        *code = exit_code_of(e);
    broker_close(b);
    return NULL;
}

int broker_run(struct broker *b)
{
    struct error e = {0};
    if (loop_run(b->loop, &e) < 0) {
        log_error("loop_failed", "reason=%s", e.text);
        return BROKER_FAILED;
    }
    if (b->code != BROKER_OK)
        return b->code;
    notify_stopping();
    log_info("stopping", "exchanges=%zu", exchanges_count(b->io.exchanges));
    new_turn(b);
    b->io.stopping = true;
    atomic_store(&b->status.trouble, "the bus is stopping");
    set_reading(b);
    dispatch_interrupt_all(&b->io);
    go_on_stopping(b);
    if (loop_run(b->loop, &e) < 0) {
        log_error("loop_failed", "reason=%s", e.text);
        return BROKER_FAILED;
    }
    log_info("stopped", "code=%d", b->code);
    return b->code;
}

void broker_close(struct broker *b)
{
    if (b == NULL)
        return;
    if (b->lock >= 0)
        statefolder_forget_endpoint(b->config);
    audit_stop(b->audit);
    scrape_stop(b->scrape);
    vitals_stop(b->vitals);
    keeper_stop(b->keeper);
    connections_free(b->connections);
    link_close(b->socket);
    zap_stop(b->zap);
    if (b->context != NULL)
        zmq_ctx_term(b->context);
    admit_stop(b->admit);
    writer_stop(b->writer);
    exchanges_free(b->io.exchanges);
    peers_free(b->io.peers);
    cache_free(b->io.cache);
    pipeline_free(b->io.pipeline);
    chains_free(b->chains);
    snapshot_box_free(b->io.box);
    snapshot_free(b->io.snapshot);
    status_clear(&b->status);
    vault_close(b->vault);
    ledger_close(b->ledger);
    truststore_close(b->truststore);
    loop_timer_free(b->tick);
    loop_timer_free(b->deadline);
    loop_timer_free(b->parting);
    loop_timer_free(b->watchdog);
    loop_free(b->loop);
    note_signer_clear(&b->ledger_key);
    link_key_clear(&b->link_key);
    hearts_free(b->hearts);
    if (b->lock >= 0)
        close(b->lock);
    free(b);
}
