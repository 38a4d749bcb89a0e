#include "front/request.h"
#include "base/utf8.h"
#include "front/fields.h"
#include "front/requesthash.h"
#include "front/uri.h"
#include <string.h>
#include <strings.h>

#define VALUE_MOST 255 /* bytes of X-Road-Id, X-Road-UserId and X-Road-Issue */

/* The verbs of the protocol. */
static const struct verb_rule {
    const char *name;
    bool body; /* is forwarded */
} verbs[] = {{"DELETE", false}, {"GET", false}, {"HEAD", false}, {"OPTIONS", false},
             {"PATCH", true},   {"POST", true}, {"PUT", true},   {"TRACE", false}};

void request_clear(struct request *request)
{
    buffer_free(&request->target);
    buffer_free(&request->method);
    buffer_free(&request->body);
    http_headers_free(&request->headers);
}

/* The first reason stands. */
static void refuse(struct ask *ask, const char **words, enum refusal refusal, const char *own)
{
    if (ask->front_refusal != REFUSAL_NONE)
        return;
    ask->front_refusal = refusal;
    *words = own;
}

static struct ask *unrecorded(struct fault *fault, enum refusal refusal, const char *words)
{
    fault->refusal = refusal;
    fault->words = words;
    uuid_random(fault->id);
    return NULL;
}

static unsigned occurrences(const struct http_headers *headers, const char *name)
{
    unsigned count = 0;

    for (size_t i = 0; i < headers->count; i++)
        count += strcasecmp(headers->items[i].name, name) == 0;
    return count;
}

static bool speaks_for(const struct speaker *speaker, const char *consumer)
{
    for (size_t i = 0; i < speaker->subsystem_count; i++)
        if (strcmp(speaker->subsystems[i], consumer) == 0)
            return true;
    return false;
}

/* Only its own member's subsystem can be the consumer in a refusal that the member signs. */
static bool of_member(const struct speaker *speaker, const char *consumer)
{
    size_t len = strlen(speaker->member);
    return strncmp(consumer, speaker->member, len) == 0 && consumer[len] == '/';
}

/* The same thing may come under Wasl's name or UXP's; both must then say the same. NULL: neither came. */
static const char *either(const struct request *request, const char *ours, const char *uxp,
                          bool *contradiction)
{
    const char *a = http_headers_get(&request->headers, ours), *b = http_headers_get(&request->headers, uxp);
    *contradiction = a != NULL && b != NULL && strcmp(a, b) != 0;
    return a != NULL ? a : b;
}

static void take_target(struct ask *ask, const struct uri *uri, enum uri_status status, const char **words)
{
    if (status != URI_OK) {
        refuse(ask, words, REFUSAL_UNKNOWN_SERVICE, NULL);
        return;
    }
    strcpy(ask->service, uri->service);
    buffer_append_bytes(&ask->path, uri->path);
    buffer_append_bytes(&ask->query, uri->query);
}

static void take_method(struct ask *ask, struct request *request, const char **words)
{
    const struct verb_rule *verb = NULL;

    buffer_append_bytes(&ask->method, buffer_bytes(&request->method));
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (bytes_equal_string(buffer_bytes(&request->method), verbs[i].name))
            verb = &verbs[i];
    if (verb == NULL)
        refuse(ask, words, REFUSAL_METHOD_NOT_SERVED, NULL);
    else if (request->body_too_large)
        refuse(ask, words, REFUSAL_TOO_LARGE, NULL);
    else if (!verb->body && request->body.len > 0)
        refuse(ask, words, REFUSAL_UNEXPECTED_BODY, NULL);
}

static void take_purpose(struct ask *ask, const struct request *request, const char **words)
{
    bool contradiction;
    const char *purpose = either(request, "Wasl-Purpose", "Uxp-Purpose-Ids", &contradiction);

    if (contradiction)
        refuse(ask, words, REFUSAL_INCONSISTENT_HEADERS,
               "Wasl-Purpose and Uxp-Purpose-Ids do not say the same.");
    else if (purpose != NULL &&
             (strlen(purpose) >= sizeof ask->purpose || !code_valid(bytes_of_string(purpose))))
        /* No purpose of any registry looks like this. A list of several is not taken: one exchange, one
         * purpose. */
        refuse(ask, words, REFUSAL_WRONG_PURPOSE, "The purpose given is not the code of one purpose.");
    else if (purpose != NULL)
        strcpy(ask->purpose, purpose);
}

static void take_subject(struct ask *ask, const struct request *request, const char **words)
{
    bool contradiction;
    const char *subject = either(request, "Wasl-Subject", "Uxp-Subject-Id", &contradiction);

    if (contradiction) {
        refuse(ask, words, REFUSAL_INCONSISTENT_HEADERS,
               "Wasl-Subject and Uxp-Subject-Id do not say the same.");
    } else if (subject != NULL) {
        enum subject_type type = SUBJECT_NONE;
        char canonical[32] = "";
        enum refusal refusal = subject_parse(bytes_of_string(subject), &type, canonical);
        if (refusal != REFUSAL_NONE) {
            refuse(ask, words, refusal, NULL);
        } else {
            ask->subject_type = type;
            memcpy(ask->subject, canonical, sizeof ask->subject);
        }
    }
}

static void take_id(struct ask *ask, const struct request *request, const char **words)
{
    const char *id = http_headers_get(&request->headers, "X-Road-Id");

    if (id != NULL && (*id == 0 || !field_value_plain(id, VALUE_MOST) || !utf8_valid(bytes_of_string(id)))) {
        refuse(ask, words, REFUSAL_BAD_REQUEST, "X-Road-Id is empty, too long or holds control bytes.");
        id = NULL;
    }
    if (id != NULL) {
        buffer_append_string(&ask->request_id, id);
    } else {
        uint8_t fresh[16];
        char text[37];
        uuid_random(fresh);
        uuid_format(fresh, text);
        buffer_append(&ask->request_id, ask->consumer, strcspn(ask->consumer, "/"));
        buffer_printf(&ask->request_id, "-%s", text);
    }
}

static void take_agent(struct ask *ask, const struct request *request, const char **words)
{
    const char *agent = http_headers_get(&request->headers, "X-Road-UserId");

    if (agent == NULL)
        return;
    if (!field_value_plain(agent, VALUE_MOST) || !utf8_valid(bytes_of_string(agent)))
        refuse(ask, words, REFUSAL_BAD_REQUEST, "X-Road-UserId is too long or holds control bytes.");
    else
        buffer_append_string(&ask->agent, agent);
}

/* Identifiers beside X-Road-Client: between `least` and `most` parts, each percent-decoded on its own. */
static void take_parts(struct ask *ask, const struct request *request, const char *name, unsigned least,
                       unsigned most, const char **words)
{
    const char *value = http_headers_get(&request->headers, name);
    unsigned parts = value != NULL ? uri_parts(bytes_of_string(value)) : 0;

    if (value != NULL && (parts < least || parts > most))
        refuse(ask, words, REFUSAL_BAD_REQUEST,
               "X-Road-Represented-Party is not [class/]code, or X-Road-Security-Server not "
               "instance/class/member/server.");
}

static void take_issue(struct ask *ask, const struct request *request, const char **words)
{
    const char *issue = http_headers_get(&request->headers, "X-Road-Issue");

    if (issue != NULL && (!field_value_plain(issue, VALUE_MOST) || !utf8_valid(bytes_of_string(issue))))
        refuse(ask, words, REFUSAL_BAD_REQUEST, "X-Road-Issue is too long or holds control bytes.");
}

/* What the provider's system would undo or guess at before it reads: nobody between has judged the outcome.
 */
static void judge_content(struct ask *ask, const struct request *request, const char **words)
{
    const char *encoding = http_headers_get(&request->headers, "Content-Encoding");
    const char *type = http_headers_get(&request->headers, "Content-Type");

    if (encoding != NULL && strcasecmp(encoding, "identity") != 0)
        refuse(ask, words, REFUSAL_INVALID_CONTENT_TYPE, "Bodies with a content encoding are not taken.");
    if (type != NULL && !field_media_type_plain(type))
        refuse(ask, words, REFUSAL_INVALID_CONTENT_TYPE, NULL);
}

static void judge_field(struct ask *ask, const struct request *request, const struct http_header *h,
                        const char **words)
{
    if (field_single(h->name) && occurrences(&request->headers, h->name) > 1)
        refuse(ask, words, REFUSAL_DUPLICATE_HEADER, NULL);
    if (!http_field_valid(bytes_of_string(h->name), bytes_of_string(h->value)))
        refuse(ask, words, REFUSAL_BAD_REQUEST, "A header field holds control bytes, or its name is none.");
    /* A proxy that takes Connection at its word would have removed it on the way. */
    if (field_single(h->name) && !http_field_of_connection(h->name) &&
        http_nominated(&request->headers, h->name))
        refuse(ask, words, REFUSAL_INCONSISTENT_HEADERS,
               "Connection lists a header field that steers the exchange.");
}

static void take_headers(struct ask *ask, const struct request *request, const char **words)
{
    char exchange[37];

    for (size_t i = 0; i < request->headers.count; i++) {
        const struct http_header *h = &request->headers.items[i];
        judge_field(ask, request, h, words);
        if (!http_field_of_connection(h->name) && !field_stripped_from_request(h->name) &&
            !http_nominated(&request->headers, h->name))
            http_headers_add(&ask->headers, h->name, h->value);
    }
    if (http_headers_get(&request->headers, "Transfer-Encoding") != NULL &&
        http_headers_get(&request->headers, "Content-Length") != NULL)
        refuse(ask, words, REFUSAL_INCONSISTENT_HEADERS,
               "Content-Length and Transfer-Encoding contradict each other.");
    judge_content(ask, request, words);
    /* As X-Road adds them: in this order, so that the request hash is X-Road's. */
    uuid_format(ask->exchange_id, exchange);
    http_headers_add(&ask->headers, "x-road-request-id", exchange);
    if (http_headers_get(&request->headers, "X-Road-Id") == NULL)
        http_headers_add_bytes(&ask->headers, bytes_of_string("x-road-id"), buffer_bytes(&ask->request_id));
}

struct ask *request_ask(struct request *request, const struct speaker *speaker, struct fault *fault,
                        const char **words)
{
    struct uri uri;
    char consumer[IDENTIFIER_MOST + 1];
    enum uri_status status = uri_parse(buffer_bytes(&request->target), &uri);
    const char *client = http_headers_get(&request->headers, "X-Road-Client");

    *words = NULL;
    if (status == URI_ELSEWHERE || status == URI_MALFORMED)
        return unrecorded(fault, REFUSAL_BAD_REQUEST,
                          "The path is not /r1/instance/class/member/subsystem/service[/path].");
    if (client == NULL)
        return unrecorded(fault, REFUSAL_MISSING_CLIENT, NULL);
    if (occurrences(&request->headers, "X-Road-Client") > 1)
        return unrecorded(fault, REFUSAL_DUPLICATE_HEADER, "X-Road-Client stands more than once.");
    unsigned parts = uri_identifier(bytes_of_string(client), consumer);
    if (parts != 4)
        return unrecorded(fault, REFUSAL_INVALID_CLIENT, NULL);
    if (!speaks_for(speaker, consumer) && !of_member(speaker, consumer))
        return unrecorded(fault, REFUSAL_CLIENT_NOT_ALLOWED, NULL);

    struct ask *ask = ask_new();
    strcpy(ask->consumer, consumer);
    if (!speaks_for(speaker, consumer))
        refuse(ask, words, REFUSAL_CLIENT_NOT_ALLOWED, NULL);
    take_target(ask, &uri, status, words);
    take_method(ask, request, words);
    take_id(ask, request, words);
    take_headers(ask, request, words);
    take_purpose(ask, request, words);
    take_subject(ask, request, words);
    take_agent(ask, request, words);
    take_issue(ask, request, words);
    take_parts(ask, request, "X-Road-Represented-Party", 1, 2, words);
    take_parts(ask, request, "X-Road-Security-Server", 4, 4, words);
    ask->body = request->body;
    request->body = (struct buffer){0};
    request_hash(buffer_bytes(&ask->method), buffer_bytes(&request->target), &ask->headers,
                 buffer_bytes(&ask->body), &ask->request_hash);
    return ask;
}
