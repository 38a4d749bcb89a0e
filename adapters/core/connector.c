#include "core/connector.h"

#include <stdlib.h>
#include <string.h>

void call_free(struct call *call)
{
    if (call == NULL)
        return;
    buffer_free(&call->method);
    buffer_free(&call->path);
    buffer_free(&call->query);
    http_headers_free(&call->headers);
    buffer_free(&call->body);
    http_headers_free(&call->reply.headers);
    buffer_free(&call->reply.body);
    registry_free(call->registry);
    explicit_bzero(call, sizeof(*call));
    free(call);
}
