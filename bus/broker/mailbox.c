#include "broker/mailbox.h"

#include "session.pb-c.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <stdlib.h>

struct posting {
    struct posting *before, *after;
    struct posting **holder;
    struct delivery *delivery;
    size_t next; /* chunk to send; 0: the DELIVER itself, with chunk 0 */
};

struct posting *mailbox_post(struct mailbox *mailbox, struct delivery *delivery, struct posting **holder)
{
    if (mailbox->count >= mailbox->most || delivery->bytes > mailbox->most_bytes - mailbox->bytes)
        return NULL;
    struct posting *p = memory_zeroed(1, sizeof(*p));
    p->delivery = delivery_ref(delivery);
    p->holder = holder;
    p->before = mailbox->last;
    if (mailbox->last != NULL)
        mailbox->last->after = p;
    else
        mailbox->first = p;
    mailbox->last = p;
    mailbox->count++;
    mailbox->bytes += delivery->bytes;
    if (holder != NULL)
        *holder = p;
    return p;
}

void mailbox_withdraw(struct mailbox *mailbox, struct posting *posting)
{
    if (posting->before != NULL)
        posting->before->after = posting->after;
    else
        mailbox->first = posting->after;
    if (posting->after != NULL)
        posting->after->before = posting->before;
    else
        mailbox->last = posting->before;
    mailbox->count--;
    mailbox->bytes -= posting->delivery->bytes;
    if (posting->holder != NULL)
        *posting->holder = NULL;
    delivery_free(posting->delivery);
    free(posting);
}

void mailbox_clear(struct mailbox *mailbox)
{
    while (mailbox->first != NULL)
        mailbox_withdraw(mailbox, mailbox->first);
}

void mailbox_restart(struct mailbox *mailbox)
{
    for (struct posting *p = mailbox->first; p != NULL; p = p->after)
        p->next = 0;
}

void mailbox_expire(struct mailbox *mailbox, uint64_t now)
{
    struct posting *after;
    for (struct posting *p = mailbox->first; p != NULL; p = after) {
        after = p->after;
        if (p->delivery->expires < now)
            mailbox_withdraw(mailbox, p);
    }
}

static bool send_with_credit(struct credit *credit, uint64_t messages, unsigned verb, struct bytes message,
                             struct bytes payload, mailbox_send send, void *arg)
{
    if (!credit_take(credit, messages, message.len + payload.len))
        return false;
    if (send(arg, verb, message, payload))
        return true;
    credit_add(credit, messages, message.len + payload.len);
    return false;
}

static bool send_chunk(const struct delivery *d, size_t index, struct credit *credit, mailbox_send send,
                       void *arg)
{
    Wasl__V1__Chunk chunk = WASL__V1__CHUNK__INIT;
    chunk.leaf = strict_field(bytes_make(d->leaf, HASH_SIZE));
    chunk.index = (uint32_t)index;
    struct buffer packed = {0};
    strict_pack(&chunk.base, &packed);
    bool sent = send_with_credit(credit, 0, VERB_CHUNK, buffer_bytes(&packed),
                                 buffer_bytes(&d->chunks[index]), send, arg);
    buffer_free(&packed);
    return sent;
}

void mailbox_pump(struct mailbox *mailbox, struct credit *credit, mailbox_send send, void *arg)
{
    struct posting *p;
    while ((p = mailbox->first) != NULL) {
        const struct delivery *d = p->delivery;
        if (p->next == 0) {
            struct bytes payload = d->chunk_count > 0 ? buffer_bytes(&d->chunks[0]) : bytes_make("", 0);
            if (!send_with_credit(credit, 1, VERB_DELIVER, buffer_bytes(&d->message), payload, send, arg))
                return;
            p->next = 1;
        }
        for (; p->next < d->chunk_count; p->next++)
            if (!send_chunk(d, p->next, credit, send, arg))
                return;
        mailbox_withdraw(mailbox, p);
    }
}
