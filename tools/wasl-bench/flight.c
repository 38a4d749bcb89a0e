#include "wasl-bench/flight.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/queue.h"
#include "core/ask.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MOST (60 * MICROSECONDS) /* a core ends each ask within its time: then something hangs */
#define WORSE_MOST   100 /* refused or wrong: it is no result any more, and may go on for ever */

/* One exchange at a time. Between core_ask and the queue of ended ones it is the core's thread's. */
struct slot {
    struct flight *flight;
    uint8_t *body; /* options.bytes */
    uint64_t asked_at, ended_at;
    unsigned refusal, status;
    struct buffer answer;
};
struct flight {
    const struct flight_options *options;
    struct flight_result result;
    struct core *core;
    struct queue *ended;
    struct slot *slots;
    uint8_t *bodies;
    uint64_t open, sequence;
    uint64_t count_from; /* monotonic */
    uint64_t begun_at;   /* 0: not yet */
    bool stopping;
};

/* On the core's thread. */
static void done(struct ask *ask, const struct answer *answer)
{
    struct slot *slot = ask->arg;

    slot->ended_at = clock_monotonic();
    slot->refusal = (unsigned)answer->refusal;
    slot->status = answer->status;
    buffer_clear(&slot->answer);
    buffer_append_bytes(&slot->answer, answer->body);
    BUG_ON(!queue_put(slot->flight->ended, slot));
}

static int ask_next(struct flight *f, struct slot *slot, struct error *e)
{
    const struct flight_options *o = f->options;
    struct ask *ask = ask_new();

    put_u64be(slot->body, ++f->sequence); /* no two bodies are the same */
    snprintf(ask->consumer, sizeof ask->consumer, "%s", o->consumer);
    snprintf(ask->service, sizeof ask->service, "%s", o->service);
    snprintf(ask->purpose, sizeof ask->purpose, "%s", o->purpose);
    buffer_append_string(&ask->method, o->method);
    buffer_append_string(&ask->path, o->path);
    http_headers_add(&ask->headers, "Content-Type", "application/octet-stream");
    buffer_append(&ask->body, slot->body, o->bytes);
    ask->done = done;
    ask->arg = slot;
    f->open++;
    f->result.asked++;
    slot->asked_at = clock_monotonic();
    if (core_ask(f->core, ask))
        return 0;
    ask_free(ask);
    f->open--;
    f->result.asked--;
    return error_set(e, ERROR_IO, "the core takes no more asks with %" PRIu64 " open", f->open);
}

static void begin_counting(struct flight *f)
{
    if (f->options->begun != NULL)
        f->options->begun(f->options->arg);
    f->begun_at = clock_monotonic();
}

static void end_counting(struct flight *f, uint64_t now)
{
    f->stopping = true;
    f->result.duration = now - f->begun_at;
    if (f->options->ended != NULL)
        f->options->ended(f->options->arg);
}

static void judge(struct flight *f, const struct slot *slot)
{
    const struct flight_options *o = f->options;
    struct flight_result *r = &f->result;

    if (slot->refusal != REFUSAL_NONE) {
        r->refused++;
        r->by_refusal[slot->refusal % FLIGHT_REFUSALS]++;
    } else if (slot->status != 200 || slot->answer.len != o->bytes ||
               memcmp(slot->answer.data, slot->body, o->bytes) != 0) {
        r->wrong++;
    } else {
        r->answered++;
        if (f->begun_at != 0 && !f->stopping) {
            r->exchanges++;
            samples_add(&r->times, slot->ended_at - slot->asked_at);
        }
    }
}

static bool at_its_end(const struct flight *f, uint64_t now)
{
    const struct flight_options *o = f->options;

    return (o->duration > 0 && now - f->begun_at >= o->duration) ||
           (o->exchanges > 0 && f->result.exchanges >= o->exchanges) ||
           f->result.refused + f->result.wrong > WORSE_MOST;
}

/* Are as many open or counted as there are to be? Then the rest is only waited for, and N exchanges are N. */
static bool enough_asked(const struct flight *f)
{
    return f->options->exchanges > 0 && f->begun_at != 0 &&
           f->result.exchanges + f->open >= f->options->exchanges;
}

static int take_off(struct flight *f, struct error *e)
{
    f->count_from = clock_monotonic() + f->options->warm_up;
    if (f->options->warm_up == 0)
        begin_counting(f);
    for (unsigned i = 0; i < f->options->in_flight && !enough_asked(f); i++)
        if (ask_next(f, &f->slots[i], e) != 0)
            return -1;
    return 0;
}

static int fly(struct flight *f, struct error *e)
{
    if (take_off(f, e) != 0)
        return -1;
    while (f->open > 0) {
        struct slot *slot = queue_wait(f->ended, SILENCE_MOST);
        if (slot == NULL)
            return error_set(e, ERROR_IO, "%" PRIu64 " exchanges are open and nothing has come back for %u s",
                             f->open, (unsigned)(SILENCE_MOST / MICROSECONDS));
        f->open--;
        judge(f, slot);
        uint64_t now = clock_monotonic();
        if (f->begun_at == 0 && now >= f->count_from)
            begin_counting(f);
        else if (!f->stopping && f->begun_at != 0 && at_its_end(f, now))
            end_counting(f, now);
        if (!f->stopping && !enough_asked(f) && ask_next(f, slot, e) != 0)
            return -1;
    }
    if (!f->stopping) /* the last ones were refused or wrong */
        end_counting(f, clock_monotonic());
    return 0;
}

int flight_run(struct flight *f, struct core *core, struct error *e)
{
    f->core = core;
    int status = fly(f, e);
    samples_sort(&f->result.times);
    return status;
}

struct flight *flight_new(const struct flight_options *o)
{
    struct flight *f = memory_zeroed(1, sizeof *f);

    BUG_ON(o->bytes < 8 || o->in_flight == 0 || o->in_flight > FLIGHT_MOST);
    f->options = o;
    f->ended = queue_new(o->in_flight);
    f->slots = memory_zeroed(o->in_flight, sizeof *f->slots);
    f->bodies = memory_zeroed(o->in_flight, o->bytes);
    bytes_random(f->bodies, o->in_flight * o->bytes);
    for (unsigned i = 0; i < o->in_flight; i++)
        f->slots[i] = (struct slot){.flight = f, .body = f->bodies + i * o->bytes};
    return f;
}

const struct flight_result *flight_result(const struct flight *f)
{
    return &f->result;
}

void flight_free(struct flight *f)
{
    if (f == NULL)
        return;
    while (queue_take(f->ended) != NULL)
        ; /* the slots are freed all together */
    queue_free(f->ended);
    for (unsigned i = 0; i < f->options->in_flight; i++)
        buffer_free(&f->slots[i].answer);
    free(f->slots);
    free(f->bodies);
    samples_free(&f->result.times);
    free(f);
}
