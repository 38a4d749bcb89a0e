#include "world.h"

#include "base/clock.h"
#include "base/error.h"
#include "content.pb-c.h"
#include "crypto/hash.h"
#include "wire/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define PATIENCE (20 * MICROSECONDS)

/* --- the ministry's system --- */

static void reply(struct world_system *s, struct call *call)
{
    call->reply.refusal = s->refusal;
    call->reply.status = s->status;
    if (s->content_type != NULL)
        http_headers_add(&call->reply.headers, "Content-Type", s->content_type);
    if (s->more_header != NULL)
        http_headers_add(&call->reply.headers, s->more_header, s->more_value);
    buffer_append_string(&call->reply.body, s->body);
    call->done(call);
}

static void start(struct connector *connector, struct call *call)
{
    struct world_system *s = (struct world_system *)connector;
    s->calls++;
    snprintf(s->last_path, sizeof(s->last_path), "%.*s", (int)call->path.len, (const char *)call->path.data);
    snprintf(s->last_body, sizeof(s->last_body), "%.*s", (int)call->body.len, (const char *)call->body.data);
    if (!s->hold) {
        reply(s, call);
        return;
    }
    assert_true(s->held_count < 8);
    s->held[s->held_count++] = call;
}

static void free_system(struct connector *connector)
{
    (void)connector;
}

static const struct connector_operations operations = {"test", start, free_system};

void world_answer(struct world *w, size_t held)
{
    assert_true(held < w->system.held_count && w->system.held[held] != NULL);
    reply(&w->system, w->system.held[held]);
    w->system.held[held] = NULL;
}

/* --- life --- */

void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    country();
    w->context = zmq_ctx_new();
    w->loop = loop_new();
    hand_bus_open(&w->bus, w->loop, w->context);
    w->system = (struct world_system){
        .connector = {&operations},
        .status = 200,
        .content_type = "application/json",
        .body = "{\"name\":{\"fr\":\"Amel\",\"ar\":\"x\"},\"birth_date\":\"2012-04-01\","
                "\"filiation\":{\"father\":\"Ali\"}}"};
    for (int m = 0; m < MEMBERS; m++)
        country_state(w->state[m]);
}

void world_stop(struct world *w, int member)
{
    core_free(w->core[member]);
    w->core[member] = NULL;
}

void world_close(struct world *w)
{
    for (int m = 0; m < MEMBERS; m++)
        world_stop(w, m);
    for (size_t i = 0; i < w->system.held_count; i++)
        if (w->system.held[i] != NULL)
            world_answer(w, i); /* after the core is gone: it must do no harm */
    hand_bus_close(&w->bus);
    loop_free(w->loop);
    zmq_ctx_term(w->context);
}

static struct core_options options_of(struct world *w, int member)
{
    struct country *c = country();
    static const char service[] = "TN/GOV/MI/civil/person";
    struct core_service services[1] = {{service, &w->system.connector}};
    static struct core_service kept[1];
    kept[0] = services[0];
    struct core_options options = {
        .instance = "TN",
        .member = country_member[member],
        .state = w->state[member],
        .bus_endpoint = w->bus.endpoint,
        .link_key = c->link[member],
        .sealing_keys = &c->sealing[member],
        .sealing_key_count = 1,
        .signer = c->signer[member],
        .chain = c->chain[member],
        .authority = {(const char *const *)&c->authority_vkey, 1, 1},
        .services = member == MI ? kept : NULL,
        .service_count = member == MI ? 1 : 0,
        .unproven_most = w->unproven_most,
        .request_timeout = w->request_timeout,
    };
    memcpy(options.bus_public_key, c->bus_link.public_key, 32);
    return options;
}

void world_start(struct world *w, int member)
{
    struct error e;
    struct core_options options = options_of(w, member);
    w->core[member] = core_new(w->loop, w->context, &options, &e);
    if (w->core[member] == NULL)
        fail_msg("%s", e.text);
}

void world_change(struct world *w, int member)
{
    struct core_options options = options_of(w, member);
    core_change(w->core[member], &options);
}

static void look(void *arg)
{
    struct world *w = arg;
    if (w->until(w)) {
        loop_stop(w->loop);
        return;
    }
    if (clock_monotonic() > w->deadline)
        fail_msg("it did not come about in 20 s");
    loop_timer_set(w->guard, clock_monotonic() + 500);
}

void world_run(struct world *w, bool (*until)(struct world *w))
{
    struct error e;
    w->until = until;
    w->deadline = clock_monotonic() + PATIENCE;
    w->guard = loop_timer_new(w->loop, look, w);
    loop_timer_set(w->guard, 0);
    assert_int_equal(loop_run(w->loop, &e), 0);
    loop_timer_free(w->guard);
}

static unsigned wanted;
static bool ponged(struct world *w)
{
    return w->bus.pongs >= wanted;
}

void world_settle(struct world *w)
{
    for (int round = 0; round < 3; round++)
        for (int m = 0; m < MEMBERS; m++) {
            struct core_status status;
            if (w->core[m] == NULL)
                continue;
            core_status(w->core[m], &status);
            if (!w->bus.peers[m].here || !status.linked)
                continue;
            wanted = w->bus.pongs + 1;
            hand_bus_ping(&w->bus, m);
            world_run(w, ponged);
        }
}

static int waited_for;
static bool is_linked(struct world *w)
{
    struct core_status status;
    core_status(w->core[waited_for], &status);
    return status.linked && w->bus.peers[waited_for].credit > 0;
}

void world_link(struct world *w, int member)
{
    waited_for = member;
    world_run(w, is_linked);
}

/* --- asking --- */

static void done(struct ask *ask, const struct answer *answer)
{
    struct world *w = ask->arg;
    w->answers++;
    w->refusal = answer->refusal;
    w->status = answer->status;
    snprintf(w->answer_body, sizeof(w->answer_body), "%.*s", (int)answer->body.len,
             (const char *)answer->body.data);
    w->answer_headers[0] = '\0';
    for (size_t i = 0; i < answer->headers->count; i++) {
        strcat(w->answer_headers, answer->headers->items[i].name);
        strcat(w->answer_headers, "=");
        strcat(w->answer_headers, answer->headers->items[i].value);
        strcat(w->answer_headers, ";");
    }
}

struct ask *world_ask_new(struct world *w, const char *iuc)
{
    struct ask *ask = ask_new();
    strcpy(ask->consumer, country_subsystem[MEN]);
    strcpy(ask->service, "TN/GOV/MI/civil/person");
    buffer_append_string(&ask->method, "GET");
    buffer_printf(&ask->path, "/persons/%s", iuc);
    ask->subject_type = SUBJECT_IUC;
    snprintf(ask->subject, sizeof(ask->subject), "%s", iuc);
    buffer_append_string(&ask->request_id, "TN-1");
    ask->done = done;
    ask->arg = w;
    return ask;
}

static unsigned answers_before;
bool world_answered(struct world *w)
{
    return w->answers > answers_before;
}

void world_ask(struct world *w, int member, struct ask *ask)
{
    answers_before = w->answers;
    assert_true(core_ask(w->core[member], ask));
}

/* --- a request by hand --- */

static void text(char *out, size_t room, const char *value, const char *otherwise)
{
    snprintf(out, room, "%s", value != NULL ? value : otherwise);
}

static void head_of(const struct world_request *r, struct buffer *out)
{
    Wasl__V1__RequestHead head = WASL__V1__REQUEST_HEAD__INIT;
    struct buffer path = {0};
    const char *iuc = r->iuc != NULL ? r->iuc : "01234567890";
    buffer_printf(&path, "/persons/%s%s", r->path_iuc != NULL ? r->path_iuc : iuc,
                  r->path_end != NULL ? r->path_end : "");
    head.method = strict_field(bytes_of_string(r->method != NULL ? r->method : "GET"));
    head.path = strict_field(buffer_bytes(&path));
    head.query = strict_field(bytes_of_string(r->query != NULL ? r->query : ""));
    if (!r->no_subject) {
        head.subject_type = strict_field(bytes_of_string(r->subject_type != NULL ? r->subject_type : "IUC"));
        head.subject_value = strict_field(bytes_of_string(iuc));
    }
    strict_pack(&head.base, out);
    buffer_free(&path);
}

struct hand_message *world_request(struct world *w, const struct world_request *r)
{
    struct header h = {.kind = MESSAGE_REQUEST, .registry_version = 1, .has_subject = true};
    struct buffer head = {0};
    struct error e;
    text(h.instance, sizeof(h.instance), "TN", NULL);
    uuid_random(h.exchange_id);
    text(h.consumer, sizeof(h.consumer), r->consumer, country_subsystem[MEN]);
    text(h.provider, sizeof(h.provider), "TN/GOV/MI/civil", NULL);
    text(h.service, sizeof(h.service), "person", NULL);
    text(h.operation, sizeof(h.operation), r->operation, "identity");
    text(h.purpose, sizeof(h.purpose), r->purpose, "enrolment");
    text(h.legal_basis, sizeof(h.legal_basis), r->legal_basis, "law-2004-63");
    text(h.media_type, sizeof(h.media_type), "application/json", NULL);
    h.created = (uint64_t)((int64_t)clock_wall() + r->created);
    h.expires =
        (uint64_t)((int64_t)h.created + (r->expires != 0 ? r->expires : (int64_t)(30 * MICROSECONDS)));
    h.seen_size = r->seen_size;
    if (r->seen_size > 0)
        memcpy(h.seen_root, r->seen_root, HASH_SIZE);
    head_of(r, &head);
    const struct sealing_key *to = r->to != NULL ? r->to : &country()->sealing[MI];
    struct seal_receiver receiver = {.receiver = "TN/GOV/MI"};
    memcpy(receiver.public_key, to->public_key, 32);
    struct parcel *parcel =
        parcel_make(country()->signer[r->signer], NULL, &h, buffer_bytes(&head),
                    bytes_of_string(r->body != NULL ? r->body : ""), false, &receiver, 1, &e);
    if (parcel == NULL)
        fail_msg("%s", e.text);
    struct hand_message *m = hand_bus_take_parcel(&w->bus, MEN, parcel);
    parcel_free(parcel);
    buffer_free(&head);
    return m;
}
