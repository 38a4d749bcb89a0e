#include "connectors/connectors.h"
#include <stdlib.h>

static void echo_start(struct connector *connector, struct call *call)
{
    const char *media_type = http_headers_get(&call->headers, "Content-Type");

    (void)connector;
    if (call->body.len > call->most_response) {
        call->reply.refusal = REFUSAL_RESPONSE_TOO_LARGE;
    } else {
        call->reply.status = 200;
        if (media_type != NULL)
            http_headers_add(&call->reply.headers, "Content-Type", media_type);
        buffer_append_bytes(&call->reply.body, buffer_bytes(&call->body));
    }
    call->done(call);
}

static void echo_free(struct connector *connector)
{
    free(connector);
}

struct connector *connector_echo_new(void)
{
    static const struct connector_operations operations = {
        .kind = "echo", .start = echo_start, .free = echo_free};
    struct connector *connector = memory_zeroed(1, sizeof *connector);

    connector->operations = &operations;
    return connector;
}
