#include "rest_call.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void call_done(struct call *call)
{
    sem_post(&((struct asked *)call->arg)->done);
}

struct asked *asked_new(const char *method, const char *path, bool safe)
{
    struct asked *a = memory_zeroed(1, sizeof *a);
    const char *query = strchr(path, '?');

    sem_init(&a->done, 0, 0);
    a->operation.code = "operation";
    a->operation.safe = safe;
    a->call.match.operation = &a->operation;
    a->call.deadline = clock_wall() + 20 * MICROSECONDS;
    a->call.most_response = 20000;
    uuid_parse("01020304-0506-4708-890a-0b0c0d0e0f10", a->call.exchange_id);
    strcpy(a->call.consumer, "TN/GOV/MEN/enrolment");
    buffer_append_string(&a->call.method, method);
    buffer_append(&a->call.path, path, query != NULL ? (size_t)(query - path) : strlen(path));
    if (query != NULL)
        buffer_append_string(&a->call.query, query + 1);
    a->call.done = call_done;
    a->call.arg = a;
    return a;
}

void asked_body(struct asked *a, const char *body)
{
    buffer_append_string(&a->call.body, body);
}

void asked_start(struct connector *connector, struct asked *a)
{
    connector->operations->start(connector, &a->call);
}

struct reply *asked_wait(struct asked *a)
{
    sem_wait(&a->done);
    return &a->call.reply;
}

struct reply *ask(struct connector *connector, struct asked *a)
{
    asked_start(connector, a);
    return asked_wait(a);
}

void asked_free(struct asked *a)
{
    buffer_free(&a->call.method);
    buffer_free(&a->call.path);
    buffer_free(&a->call.query);
    http_headers_free(&a->call.headers);
    buffer_free(&a->call.body);
    http_headers_free(&a->call.reply.headers);
    buffer_free(&a->call.reply.body);
    sem_destroy(&a->done);
    free(a);
}

enum refusal refusal_of(struct connector *connector, const char *method, const char *path, bool safe)
{
    struct asked *a = asked_new(method, path, safe);
    enum refusal refusal = ask(connector, a)->refusal;

    asked_free(a);
    return refusal;
}

const char *answer_of(struct connector *connector, const char *method, const char *path, bool safe,
                      const char *body)
{
    static char text[4096];
    struct asked *a = asked_new(method, path, safe);

    asked_body(a, body);
    const struct reply *reply = ask(connector, a);
    if (reply->refusal != REFUSAL_NONE)
        snprintf(text, sizeof text, "%s", refusal_name(reply->refusal));
    else
        snprintf(text, sizeof text, "%u %.*s", reply->status, (int)reply->body.len,
                 reply->body.len > 0 ? (const char *)reply->body.data : "");
    asked_free(a);
    return text;
}

bool holds(const struct buffer *b, const char *text)
{
    return b->len > 0 && memmem(b->data, b->len, text, strlen(text)) != NULL;
}
