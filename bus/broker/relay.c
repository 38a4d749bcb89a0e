#include "broker/relay.h"

#include "base/log.h"
#include "broker/ending.h"
#include "broker/replies.h"
#include "wire/entry.h"

#include <stdlib.h>
#include <string.h>

static void count_open(struct io *io)
{
    atomic_store(&io->status->exchanges_open, exchanges_count(io->exchanges));
}

static void post_request(struct exchange *x)
{
    /* Never full: the room taken at the door is what bounds it. Where it is, the deadline ends the exchange.
     */
    if (mailbox_post(&x->provider->requests, x->delivery, &x->posting) == NULL)
        log_error("mailbox_full", "member=%s", x->provider->member);
}

/* It is no longer among those of its provider; another of the same consumer may take its place. */
static void leave_provider(struct io *io, struct exchange *x)
{
    struct peer *provider = x->provider;
    struct exchange *next = shares_done(&provider->answering, x->consumer->member, x);
    shares_give(&provider->answering, x->consumer->member, x->room);
    if (x->posting != NULL)
        mailbox_withdraw(&provider->requests, x->posting);
    if (next == NULL || next->ending) /* that one makes room again when it has ended */
        return;
    post_request(next);
    peers_pump(io->peers, provider);
}

void relay_end(struct io *io, struct exchange *x)
{
    room_give(&x->consumer->asking, x->room);
    leave_provider(io, x);
    exchanges_remove(io->exchanges, x);
    count_open(io);
}

void relay_open(struct io *io, struct message *m)
{
    struct exchange *x = memory_zeroed(1, sizeof(*x));
    memcpy(x->id, m->header.exchange_id, sizeof(x->id));
    memcpy(x->leaf, m->leaf, HASH_SIZE);
    x->provider_id = string_copy(m->header.provider);
    x->consumer = m->consumer;
    x->provider = m->provider;
    x->room = m->room_bytes;
    x->deadline = m->deadline;
    x->delivery = replies_deliver(m, NULL);
    x->entry = m->entry;
    m->entry = (struct buffer){0};
    m->consumer = m->provider = NULL; /* the exchange holds the room now */
    exchanges_add(io->exchanges, x);
    count_open(io);
    if (io->stopping) { /* it was inside when the rest was ended */
        ending_begin(io, x, ENTRY_INTERRUPTED, REFUSAL_INTERRUPTED);
        return;
    }
    enum refusal standing = ending_due(io, x->provider);
    if (standing != REFUSAL_NONE) { /* since the door looked */
        ending_begin(io, x, ENTRY_INTERRUPTED, standing);
        return;
    }
    if (!shares_send(&x->provider->answering, x->consumer->member, x, io->limits->pair_under_way,
                     io->monotonic))
        return;
    post_request(x);
    peers_pump(io->peers, x->provider);
}

void relay_ask_again(struct io *io, struct peer *peer, const struct message *m)
{
    struct exchange *x = exchanges_find(io->exchanges, m->header.exchange_id);
    if (x == NULL || x->consumer == peer)
        return;
    room_give(&x->consumer->asking, x->room);
    x->consumer = peer;
    x->consumer->asking.messages++;
    x->consumer->asking.bytes += x->room;
}

void relay_to_session(struct io *io, struct peer *peer)
{
    if (peer->session->revoked)
        return;
    for (struct peer *from = peers_first(io->peers); from != NULL; from = from->next) {
        if (strcmp(from->member, peer->member) != 0 || (from != peer && from->session != NULL))
            continue;
        struct exchange *after;
        for (struct exchange *x = from->answers; x != NULL; x = after) {
            after = x->after;
            size_t member = strlen(peer->member) + 1;
            if (x->ending || !session_answers_for(peer->session, x->provider_id + member))
                continue;
            if (from != peer) {
                if (!shares_take(&peer->answering, x->consumer->member, x->room, io->limits))
                    return;
                leave_provider(io, x);
                exchanges_move(io->exchanges, x, peer);
                shares_send(&peer->answering, x->consumer->member, x, io->limits->pair_under_way,
                            io->monotonic);
            }
            if (x->posting == NULL && x->under_way)
                post_request(x);
        }
    }
}
