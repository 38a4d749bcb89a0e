#include "broker/credit.h"

#include "base/error.h"

bool credit_take(struct credit *credit, uint64_t messages, uint64_t bytes)
{
    if (credit->messages < messages || credit->bytes < bytes)
        return false;
    credit->messages -= messages;
    credit->bytes -= bytes;
    return true;
}

static uint64_t add_up_to_most(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void credit_add(struct credit *credit, uint64_t messages, uint64_t bytes)
{
    credit->messages = add_up_to_most(credit->messages, messages);
    credit->bytes = add_up_to_most(credit->bytes, bytes);
}

void window_open(struct window *window, struct credit size)
{
    *window = (struct window){.size = size, .left = size};
}

bool window_take(struct window *window, uint64_t messages, uint64_t bytes)
{
    return credit_take(&window->left, messages, bytes);
}

void window_done(struct window *window, uint64_t messages, uint64_t bytes)
{
    credit_add(&window->owed, messages, bytes);
    BUG_ON(window->left.messages + window->owed.messages > window->size.messages ||
           window->left.bytes + window->owed.bytes > window->size.bytes);
}

bool window_due(struct window *window, bool all, struct credit *give)
{
    const struct credit *owed = &window->owed;
    if (owed->messages == 0 && owed->bytes == 0)
        return false;
    if (!all && owed->messages < window->size.messages / 4 && owed->bytes < window->size.bytes / 4)
        return false;
    *give = *owed;
    credit_add(&window->left, owed->messages, owed->bytes);
    window->owed = (struct credit){0, 0};
    return true;
}
