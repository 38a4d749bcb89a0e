#include "front/exchange.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "front/fields.h"
#include "front/head.h"
#include "front/metadata.h"
#include "front/status.h"
#include "registry/registry.h"
#include <stdlib.h>
#include <string.h>

#define DISCARD_MOST                                                                                         \
    ((uint64_t)16 << 20) /* a body too large is read this far, so that its refusal can be recorded */

#define NOTE_OF_FIELD 64 /* bytes that libmicrohttpd needs for each field of a request */
/* What the front itself and libmicrohttpd say in an answer's head, X-Road-Id and the two identifiers in it.
 */
#define OWN_HEAD_MOST 2048

struct exchange {
    struct front_door *door;
    struct MHD_Connection *connection;
    struct caller *caller;
    struct speaker speaker; /* of the caller's rules, which stay the same while this request lasts */
    struct request request;
    const char *target; /* where it was received; nothing is read there */
    struct head head;
    size_t head_room; /* for the fields of an answer: without it libmicrohttpd would cut the connection */
    bool headers_taken;
    bool last;                                   /* the connection is closed after the answer */
    bool client_counted;                         /* in shared->requests */
    char subsystem_counted[IDENTIFIER_MOST + 1]; /* there too; empty: not */
    uint64_t answer_counted;                     /* bytes that shared->answer_bytes counts for us */
    uint64_t received;                           /* bytes of body */
    uint64_t counted;                            /* bytes of body that shared->body_bytes counts for us */
    bool no_room;                                /* the bound over all requests is reached */
    const char *xml_type;                        /* content type of faults as XML; NULL: they are JSON */
    enum refusal front_refusal;
    const char *front_words;
    struct MHD_Response *response;
    unsigned status;
};

void *exchange_begin(void *arg, const char *target, struct MHD_Connection *connection)
{
    struct caller *caller = door_caller(connection);

    if (caller == NULL)
        return NULL; /* it was shut before it began */
    struct exchange *x = memory_zeroed(1, sizeof *x);
    x->door = arg;
    x->connection = connection;
    x->caller = caller;
    x->target = target;
    buffer_append_string(&x->request.target, target);
    atomic_fetch_add(&x->door->shared->open, 1);
    door_enter(caller, CONNECTION_HEAD);
    return x;
}

void exchange_end(void *arg, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *exchange;

    (void)arg, (void)connection, (void)code;
    if (x == NULL)
        return;
    struct front_shared *shared = x->door->shared;
    *exchange = NULL;
    if (x->response != NULL)
        MHD_destroy_response(x->response);
    if (x->client_counted)
        tally_give(shared->requests, x->caller->request_key);
    if (x->subsystem_counted[0] != 0)
        tally_give(shared->requests, x->subsystem_counted);
    atomic_fetch_sub(&shared->body_bytes, x->counted);
    atomic_fetch_sub(&shared->answer_bytes, x->answer_counted);
    atomic_fetch_sub(&shared->open, 1);
    door_enter(x->caller, CONNECTION_IDLE);
    request_clear(&x->request);
    free(x);
}

/* --- answers --- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    /* MHD refuses what could split a response; such a field is dropped. */
    (void)MHD_add_response_header(response, name, value);
}

static struct MHD_Response *response_of(struct bytes body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    BUG_ON(response == NULL);
    return response;
}

static void respond_fault(struct exchange *x, const struct fault *fault)
{
    struct buffer body = {0};
    char type[FAULT_TYPE_MOST], id[37];
    enum fault_spelling spelling = x->door->shared->spelling;

    fault_type(fault->refusal, spelling, type);
    fault_body(fault, spelling, x->xml_type != NULL, &body);
    uuid_format(fault->id, id);
    x->response = response_of(buffer_bytes(&body));
    x->status = fault_status(type);
    add_header(x->response, "Content-Type", x->xml_type != NULL ? x->xml_type : "application/json");
    add_header(x->response, "X-Road-Error", type);
    add_header(x->response, "Wasl-Refusal", refusal_name(fault->refusal));
    add_header(x->response, "Wasl-Exchange", id);
    buffer_free(&body);
}

/* Nothing about this one is in the ledger: the log is its only trace. */
static void respond_unrecorded(struct exchange *x, enum refusal refusal, const char *words)
{
    struct fault fault = {.refusal = refusal, .words = words};
    char id[37];

    uuid_random(fault.id);
    uuid_format(fault.id, id);
    metric_add_for(METRIC_FRONT_REFUSED, refusal, 1);
    log_info("front_refused", "refusal=%s exchange=%s", refusal_name(refusal), id);
    respond_fault(x, &fault);
}

static void add_bytes_header(struct MHD_Response *response, const char *name, const struct buffer *value)
{
    struct buffer text = {0};

    buffer_append_bytes(&text, buffer_bytes(value));
    buffer_append(&text, "", 1);
    add_header(response, name, (const char *)text.data);
    buffer_free(&text);
}

static ssize_t no_bytes(void *arg, uint64_t position, char *out, size_t room)
{
    (void)arg, (void)position, (void)out, (void)room;
    return MHD_CONTENT_READER_END_OF_STREAM;
}

/* The answers that have no body of their own speak of the body that there would be: how long that is, nobody
 * has said, so that "Content-Length: 0" would be a lie. Nor may they be chunked: libmicrohttpd would send the
 * last chunk, which a client takes for the next answer. So they end with their connection. */
static struct MHD_Response *response_of_answer(const struct exchange *x, const struct answer *answer)
{
    bool bodyless = answer->status == MHD_HTTP_NOT_MODIFIED ||
                    bytes_equal_string(buffer_bytes(&x->request.method), "HEAD");

    if (!bodyless || answer->body.len > 0)
        return response_of(answer->body);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, no_bytes, NULL, NULL);
    BUG_ON(response == NULL);
    MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
    return response;
}

static void respond_answer(struct exchange *x, const struct ask *ask, const struct answer *answer)
{
    x->response = response_of_answer(x, answer);
    /* What a final status line cannot carry is the provider's fault. */
    x->status = answer->status >= 200 && answer->status <= 599 ? answer->status : 502;
    for (size_t i = 0; answer->headers != NULL && i < answer->headers->count; i++) {
        const struct http_header *h = &answer->headers->items[i];
        if (!http_field_of_connection(h->name) && !http_field_of_front(h->name) &&
            !http_nominated(answer->headers, h->name))
            add_header(x->response, h->name, h->value);
    }
    add_bytes_header(x->response, "x-road-id", &ask->request_id);
    add_header(x->response, "x-road-client", ask->consumer);
    add_header(x->response, "x-road-service", ask->service);
    add_bytes_header(x->response, "x-road-request-hash", &ask->request_hash);
}

/* What libmicrohttpd holds for it besides the body. */
static size_t bytes_of(const struct http_headers *headers)
{
    size_t bytes = 0;

    for (size_t i = 0; headers != NULL && i < headers->count; i++)
        bytes += strlen(headers->items[i].name) + strlen(": \r\n") + strlen(headers->items[i].value);
    return bytes;
}

/* The answers that clients have not read yet have a bound together. False: there is no room for this one. */
static bool count_answer(struct exchange *x, size_t len)
{
    struct front_shared *shared = x->door->shared;

    if (atomic_fetch_add(&shared->answer_bytes, len) + len > atomic_load(&shared->most_answer_bytes)) {
        atomic_fetch_sub(&shared->answer_bytes, len);
        return false;
    }
    x->answer_counted = len;
    return true;
}

/* There is an answer, but it cannot be passed on. */
static void respond_failed(struct exchange *x, const struct ask *ask, enum refusal refusal)
{
    struct fault fault = {.refusal = refusal};

    memcpy(fault.id, ask->exchange_id, sizeof fault.id);
    metric_add_for(METRIC_FRONT_REFUSED, refusal, 1);
    respond_fault(x, &fault);
    add_bytes_header(x->response, "x-road-id", &ask->request_id);
}

/* On the core's thread: makes the response whole, then wakes the connection. Nothing of the exchange is
 * touched after. */
static void answered(struct ask *ask, const struct answer *answer)
{
    struct exchange *x = ask->arg;
    char id[37];

    uuid_format(ask->exchange_id, id);
    if (answer->refusal == REFUSAL_NONE && bytes_of(answer->headers) > x->head_room) {
        respond_failed(x, ask, REFUSAL_RESPONSE_TOO_LARGE);
    } else if (answer->refusal == REFUSAL_NONE &&
               !count_answer(x, bytes_of(answer->headers) + answer->body.len)) {
        respond_failed(x, ask, REFUSAL_ANSWERS_UNREAD);
    } else if (answer->refusal == REFUSAL_NONE) {
        respond_answer(x, ask, answer);
        add_header(x->response, "Wasl-Exchange", id);
    } else {
        struct fault fault = {.refusal = answer->refusal, .words = answer->words};
        if (x->front_words != NULL && answer->refusal == x->front_refusal)
            fault.words = x->front_words;
        memcpy(fault.id, ask->exchange_id, sizeof fault.id);
        respond_fault(x, &fault);
        add_bytes_header(x->response, "x-road-id", &ask->request_id);
    }
    add_header(x->response, "x-road-request-id", id);
    MHD_resume_connection(x->connection);
}

/* --- the request --- */

static enum MHD_Result take_field(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                  const char *value, size_t value_len)
{
    struct exchange *x = arg;

    (void)kind;
    head_field(&x->head, bytes_make(name, name_len), bytes_make(value, value_len));
    while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
        value_len--;
    http_headers_add_bytes(&x->request.headers, bytes_make(name, name_len), bytes_make(value, value_len));
    return MHD_YES;
}

/* What is refused here ends the connection: either nobody knows where the next request begins, or there is no
 * sense in one. */
static void refuse_head(struct exchange *x, enum refusal refusal, const char *words)
{
    x->last = true;
    respond_unrecorded(x, refusal, words);
}

static void take_head(struct exchange *x, const char *method, const char *version)
{
    uint64_t length;
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    x->headers_taken = true;
    buffer_append_string(&x->request.method, method);
    head_begin(&x->head, method, x->target, x->request.target.len, version);
    MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, take_field, x);
    x->xml_type = fields_accepted_xml(&x->request.headers);
    const char *words = head_judge(&x->head, size != NULL ? size->header_size : 0);
    if (words != NULL || size == NULL) {
        refuse_head(x, REFUSAL_BAD_REQUEST, words);
        return;
    }
    size_t used = (size_t)size->header_size + NOTE_OF_FIELD * x->request.headers.count + OWN_HEAD_MOST;
    if (used > EXCHANGE_HEADS_MOST) {
        refuse_head(x, REFUSAL_TOO_LARGE, "The head of the request leaves no room for that of an answer.");
        return;
    }
    x->head_room = EXCHANGE_HEADS_MOST - used;
    enum caller_verdict verdict = door_judge(x->caller, &x->speaker);
    if (verdict != CALLER_KNOWN) {
        refuse_head(x, REFUSAL_CALLER_UNKNOWN, caller_words(verdict, x->caller->evidence.kind));
        return;
    }
    /* Chunks can be read in more than one way: what follows them is not believed to be a request. */
    x->last = x->head.chunked;
    const char *announced = http_headers_get(&x->request.headers, "Content-Length");
    if (announced != NULL && decimal_parse(bytes_of_string(announced), &length) && length > DISCARD_MOST) {
        refuse_head(x, REFUSAL_TOO_LARGE, NULL);
        return;
    }
    door_enter(x->caller, CONNECTION_BODY);
}

/* False: the connection is cut. */
static bool take_body(struct exchange *x, const char *data, size_t len)
{
    struct front_shared *shared = x->door->shared;

    x->received += len;
    if (x->received > DISCARD_MOST)
        return false;
    if (x->received > x->caller->rules->limits.most_body)
        x->request.body_too_large = true;
    if (!x->request.body_too_large && !x->no_room) {
        x->counted += len;
        x->no_room = atomic_fetch_add(&shared->body_bytes, len) + len > atomic_load(&shared->most_body_bytes);
    }
    if (x->request.body_too_large || x->no_room)
        buffer_free(&x->request.body);
    else
        buffer_append(&x->request.body, data, len);
    return true;
}

static bool asks_for_status(const struct exchange *x)
{
    return bytes_equal_string(buffer_bytes(&x->request.target), "/wasl/status") &&
           bytes_equal_string(buffer_bytes(&x->request.method), "GET");
}

static void respond_status(struct exchange *x)
{
    struct core_status status = {0};
    struct buffer body = {0};

    x->door->shared->core.status(x->door->shared->core.arg, &status);
    status_json(x->speaker.member, &status, &body);
    x->response = response_of(buffer_bytes(&body));
    x->status = 200;
    add_header(x->response, "Content-Type", "application/json");
    add_header(x->response, "Cache-Control", "no-store");
    buffer_free(&body);
}

/* NULL: it may go on. Otherwise words about the bound that is reached. */
static const char *count_request(struct exchange *x, const struct ask *ask)
{
    struct tally *requests = x->door->shared->requests;
    const struct front_options *limits = &x->caller->rules->limits;

    x->client_counted = tally_take(requests, x->caller->request_key, limits->most_client_requests);
    if (!x->client_counted)
        return "This client has as many requests under way as one client may have.";
    /* Who may not speak for a subsystem does not use up what is the subsystem's own. */
    if (ask->front_refusal == REFUSAL_CLIENT_NOT_ALLOWED)
        return NULL;
    if (!tally_take(requests, ask->consumer, limits->most_subsystem_requests))
        return "This subsystem has as many requests under way as one subsystem may have.";
    strcpy(x->subsystem_counted, ask->consumer);
    return NULL;
}

/* X-Road's list of members and subsystems needs no client: who may call this listener may read it. */
static void respond_clients(struct exchange *x)
{
    struct registry *registry = x->door->shared->core.registry(x->door->shared->core.arg);
    struct buffer body = {0};
    const char *media_type = NULL, *words = NULL;
    enum refusal refusal = metadata_clients(registry, &x->request, &body, &media_type, &words);

    if (refusal == REFUSAL_NONE && !count_answer(x, body.len))
        refusal = REFUSAL_ANSWERS_UNREAD;
    if (refusal != REFUSAL_NONE) {
        respond_unrecorded(x, refusal, words);
    } else {
        x->response = response_of(buffer_bytes(&body));
        x->status = MHD_HTTP_OK;
        add_header(x->response, "Content-Type", media_type);
    }
    buffer_free(&body);
    registry_free(registry);
}

/* The lock is held for reading: the core is there. True: the connection sleeps until the core (which may have
 * done so already) or this function wakes it, and x belongs to the core's thread until then. */
static bool ask_core(struct exchange *x)
{
    struct front_shared *shared = x->door->shared;
    struct fault fault;

    struct ask *ask = request_ask(&x->request, &x->speaker, &fault, &x->front_words);
    if (ask == NULL) {
        respond_unrecorded(x, fault.refusal, fault.words);
        return false;
    }
    const char *too_many = count_request(x, ask);
    if (too_many != NULL) {
        ask_free(ask);
        respond_unrecorded(x, REFUSAL_TOO_MANY, too_many);
        return false;
    }
    x->front_refusal = ask->front_refusal;
    ask->done = answered;
    ask->arg = x;
    /* Suspended first: the answer may be there before core_ask returns. */
    MHD_suspend_connection(x->connection);
    if (!(metadata_asked(ask) ? metadata_ask(&shared->core, ask) : shared->core.ask(shared->core.arg, ask))) {
        ask_free(ask);
        respond_unrecorded(x, REFUSAL_TOO_MANY, NULL);
        MHD_resume_connection(x->connection);
    }
    return true;
}

/* True: suspended. False: x->response is there. */
static bool dispatch(struct exchange *x)
{
    struct front_shared *shared = x->door->shared;
    bool suspended = false;

    pthread_rwlock_rdlock(&shared->lock);
    if (shared->stopping)
        respond_unrecorded(x, REFUSAL_STOPPED, "The adapter is stopping.");
    else if (x->no_room)
        respond_unrecorded(x, REFUSAL_TOO_MANY, NULL);
    else if (asks_for_status(x))
        respond_status(x);
    else if (metadata_clients_asked(buffer_bytes(&x->request.target)))
        respond_clients(x);
    else
        suspended = ask_core(x);
    pthread_rwlock_unlock(&shared->lock);
    return suspended;
}

static enum MHD_Result send_response(struct exchange *x)
{
    if (x->last)
        add_header(x->response, "Connection", "close");
    metric_add_for(METRIC_FRONT_REQUESTS, x->status, 1);
    door_enter(x->caller, CONNECTION_ANSWER);
    return MHD_queue_response(x->connection, x->status, x->response);
}

enum MHD_Result exchange_step(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload, size_t *upload_len,
                              void **exchange)
{
    struct exchange *x = *exchange;

    (void)arg, (void)url, (void)connection;
    if (x == NULL)
        return MHD_NO;
    if (!x->headers_taken) {
        take_head(x, method, version);
        return x->response != NULL ? send_response(x) : MHD_YES;
    }
    if (*upload_len > 0) {
        size_t len = *upload_len;
        *upload_len = 0;
        return take_body(x, upload, len) ? MHD_YES : MHD_NO;
    }
    if (x->response == NULL) {
        door_enter(x->caller, CONNECTION_WORK);
        if (dispatch(x))
            return MHD_YES;
    }
    return send_response(x);
}
