#include "connectors/rest_request.h"
#include "base/error.h"
#include "connectors/rest_field.h"
#include "connectors/rest_site.h"
#include <stdlib.h>
#include <string.h>

static const struct verb {
    const char *name;
    bool body;
} verbs[] = {{"DELETE", false}, {"GET", false}, {"HEAD", false}, {"OPTIONS", false},
             {"PATCH", true},   {"POST", true}, {"PUT", true},   {"TRACE", false}};

static const struct verb *verb_of(struct bytes method)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (bytes_equal_string(method, verbs[i].name))
            return &verbs[i];
    return NULL;
}

/* --- request line --- */

/* The core has judged the path and the query. What would still break a request line, or make one of the two
 * part of something else, is looked for here as well. */
static bool plain(struct bytes text, const char *never)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= 0x20 || text.data[i] == 0x7f || strchr(never, text.data[i]) != NULL)
            return false;
    return true;
}

static enum refusal make_target(const struct call *call, const char *base, struct rest_request *out)
{
    struct bytes path = buffer_bytes(&call->path), query = buffer_bytes(&call->query);
    struct buffer target = {0};

    if ((path.len > 0 && path.data[0] != '/') || !plain(path, "?#") || !plain(query, "#"))
        return REFUSAL_BAD_PARAMETER;
    buffer_append_string(&target, base);
    buffer_append_bytes(&target, path);
    if (target.len == 0)
        buffer_append_string(&target, "/");
    if (query.len > 0)
        buffer_append_string(&target, "?");
    buffer_append_bytes(&target, query);
    buffer_append(&target, "", 1);
    out->target = (char *)target.data;
    return REFUSAL_NONE;
}

/* --- fields --- */

static void add_line(struct rest_request *out, const char *line)
{
    struct curl_slist *longer = curl_slist_append(out->fields, line);

    BUG_ON(longer == NULL); /* no memory: fatal by decision */
    out->fields = longer;
}

/* libcurl takes "Name:" for "leave Name away", and "Name;" for a field without value. */
static void add(struct rest_request *out, const char *name, const char *value)
{
    struct buffer line = {0};

    value += strspn(value, " \t");
    if (*value != 0)
        buffer_printf(&line, "%s: %s", name, value);
    else
        buffer_printf(&line, "%s;", name);
    buffer_append(&line, "", 1);
    add_line(out, (const char *)line.data);
    buffer_free(&line);
}

/* A consumer's adapter is believed in nothing that its member did not sign and the core did not judge. */
static enum refusal add_consumers(const struct call *call, struct rest_request *out)
{
    for (size_t i = 0; i < call->headers.count; i++) {
        const struct http_header *h = &call->headers.items[i];
        if (!http_field_valid(bytes_of_string(h->name), bytes_of_string(h->value)) ||
            rest_field_overrides(h->name))
            return REFUSAL_BAD_PARAMETER;
        if (rest_field_of_connection(h->name) || http_nominated(&call->headers, h->name) ||
            rest_field_of_bus(h->name))
            continue;
        if (rest_field_of_purpose(h->name) || rest_field_of_subject(h->name))
            continue;
        add(out, h->name, h->value);
    }
    return REFUSAL_NONE;
}

/* Under our name, and under UXP's where the consumer speaks that. */
static void add_judged(const struct call *call, const char *ours, const char *uxp, const char *value,
                       struct rest_request *out)
{
    if (*value == 0)
        return;
    add(out, ours, value);
    if (http_headers_get(&call->headers, uxp) != NULL)
        add(out, uxp, value);
}

static void add_ours(const struct call *call, const char *service, struct rest_request *out)
{
    char id[37];

    uuid_format(call->exchange_id, id);
    add(out, "X-Road-Client", call->consumer);
    add(out, "X-Road-Service", service);
    add(out, "X-Road-Request-Id", id);
    add_judged(call, "Wasl-Purpose", "Uxp-Purpose-Ids", call->purpose, out);
    add_judged(call, "Wasl-Subject", "Uxp-Subject-Id", call->subject, out);
    if (!call->match.operation->safe)
        add(out, "Idempotency-Key", id);
    add(out, "Accept-Encoding", "identity");
    /* What libcurl would add by itself. */
    add_line(out, "Expect:");
    if (http_headers_get(&call->headers, "accept") == NULL)
        add_line(out, "Accept:");
    if (http_headers_get(&call->headers, "content-type") == NULL)
        add_line(out, "Content-Type:");
}

enum refusal rest_request_make(const struct call *call, const char *base, const char *service,
                               struct rest_request *out)
{
    const struct verb *verb = verb_of(buffer_bytes(&call->method));

    *out = (struct rest_request){0};
    if (verb == NULL)
        return REFUSAL_METHOD_NOT_SERVED;
    strcpy(out->method, verb->name);
    enum refusal refusal = make_target(call, base, out);
    if (refusal == REFUSAL_NONE)
        refusal = add_consumers(call, out);
    if (refusal == REFUSAL_NONE)
        add_ours(call, service, out);
    return refusal;
}

void rest_request_apply(const struct rest_request *request, const struct call *call, CURL *easy)
{
    REST_SET(easy, CURLOPT_REQUEST_TARGET, request->target);
    REST_SET(easy, CURLOPT_HTTPHEADER, request->fields);
    if (strcmp(request->method, "HEAD") == 0) {
        REST_SET(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (verb_of(bytes_of_string(request->method))->body) {
        REST_SET(easy, CURLOPT_POST, 1L);
        REST_SET(easy, CURLOPT_POSTFIELDS, call->body.len > 0 ? (const char *)call->body.data : "");
        REST_SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    }
    REST_SET(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* They may be about a person: they do not stay in freed memory. */
void rest_request_free(struct rest_request *request)
{
    if (request->target != NULL)
        explicit_bzero(request->target, strlen(request->target));
    free(request->target);
    for (struct curl_slist *f = request->fields; f != NULL; f = f->next)
        explicit_bzero(f->data, strlen(f->data));
    curl_slist_free_all(request->fields);
    *request = (struct rest_request){0};
}
