#include "core/ask.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

struct ask *ask_new(void)
{
    struct ask *ask = memory_zeroed(1, sizeof(struct ask));
    /* The rows of exchanges that are under way together lie together in the bus's ledger: with random ids
     * each would be on a page of its own, written twice. The time is no secret, the header says it too. */
    uuid_ordered(ask->exchange_id, clock_wall());
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
