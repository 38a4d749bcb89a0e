#include "core/ask.h"

#include <stdlib.h>
#include <string.h>

struct ask *ask_new(void)
{
    struct ask *ask = memory_zeroed(1, sizeof(struct ask));
    uuid_random(ask->exchange_id);
    return ask;
}

void ask_free(struct ask *ask)
{
    if (ask == NULL)
        return;
    buffer_free(&ask->method);
    buffer_free(&ask->path);
    buffer_free(&ask->query);
    http_headers_free(&ask->headers);
    buffer_free(&ask->body);
    buffer_free(&ask->agent);
    buffer_free(&ask->request_id);
    buffer_free(&ask->request_hash);
    explicit_bzero(ask, sizeof(*ask));
    free(ask);
}
