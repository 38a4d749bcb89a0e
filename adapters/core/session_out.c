#include "core/session_inside.h"

#include "base/error.h"
#include "base/refusal.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <stdlib.h>

static void transfer_free(struct transfer *t)
{
    parcel_free(t->parcel);
    buffer_free(&t->submit);
    free(t);
}

void session_forget_output(struct session *s)
{
    while (s->controls != NULL) {
        struct control *c = s->controls;
        s->controls = c->next;
        buffer_free(&c->message);
        free(c);
    }
    s->controls_end = &s->controls;
    s->control_count = 0;
    while (s->transfers != NULL) {
        struct transfer *t = s->transfers;
        s->transfers = t->next;
        transfer_free(t);
    }
    s->transfers_end = &s->transfers;
}

void session_lose(struct session *s, unsigned reason, uint64_t pause)
{
    if (!s->ending.due)
        s->ending = (struct ending){.due = true, .reason = reason, .pause = pause};
}

void session_fail(struct session *s, unsigned reason)
{
    session_lose(s, reason, BACK_OFF);
    s->ending.bye = true;
}

void session_want_writable(struct session *s, bool wanted)
{
    if (s->source != NULL)
        loop_set_writable(s->source, wanted ? s->writable : NULL);
}

/* 0 sent, 1 no room, -1 the session is over. */
static int send_now(struct session *s, unsigned verb, struct bytes message, struct bytes payload)
{
    int result = link_send(s->socket, bytes_make(NULL, 0), verb, message, payload);
    if (result == 0)
        s->last_sent = session_now(s);
    if (result < 0)
        session_lose(s, REFUSAL_NONE, BACK_OFF);
    return result;
}

bool session_queue(struct session *s, unsigned verb, const ProtobufCMessage *message)
{
    if (s->socket == NULL || s->control_count >= CONTROL_MOST)
        return false;
    struct control *c = memory_zeroed(1, sizeof(*c));
    c->verb = verb;
    strict_pack(message, &c->message);
    *s->controls_end = c;
    s->controls_end = &c->next;
    s->control_count++;
    session_want_writable(s, true);
    return true;
}

/* 0: none is left; 1: no room; -1: over. */
static int pump_controls(struct session *s)
{
    while (s->controls != NULL) {
        struct control *c = s->controls;
        int result = send_now(s, c->verb, buffer_bytes(&c->message), bytes_make(NULL, 0));
        if (result != 0)
            return result;
        s->controls = c->next;
        if (s->controls == NULL)
            s->controls_end = &s->controls;
        s->control_count--;
        buffer_free(&c->message);
        free(c);
    }
    return 0;
}

enum sent { SENT, SENT_NO_ROOM, SENT_NO_CREDIT, SENT_OVER };

/* One frame of one transfer. */
static enum sent send_frame(struct session *s, struct transfer *t)
{
    struct bytes payload = parcel_chunk(t->parcel, t->next_chunk);
    struct buffer chunk = {0};
    struct bytes message;
    if (t->next_chunk == 0) {
        if (t->submit.len == 0)
            parcel_submit(t->parcel, &t->submit);
        message = buffer_bytes(&t->submit);
    } else {
        Wasl__V1__Chunk m = WASL__V1__CHUNK__INIT;
        m.leaf = strict_field(bytes_make(t->parcel->leaf, HASH_SIZE));
        m.index = (uint32_t)t->next_chunk;
        strict_pack(&m.base, &chunk);
        message = buffer_bytes(&chunk);
    }
    uint64_t cost = message.len + payload.len;
    enum sent sent = SENT_NO_CREDIT;
    if (cost <= s->may_send_bytes && (t->next_chunk > 0 || s->may_send_messages > 0)) {
        int result = send_now(s, t->next_chunk == 0 ? VERB_SUBMIT : VERB_CHUNK, message, payload);
        sent = result == 0 ? SENT : result == 1 ? SENT_NO_ROOM : SENT_OVER;
    }
    buffer_free(&chunk);
    if (sent != SENT)
        return sent;
    s->may_send_bytes -= cost;
    if (t->next_chunk == 0)
        s->may_send_messages--;
    t->next_chunk++;
    return SENT;
}

/* Round robin over the first OPEN_MOST transfers, a frame each. True when there is more to send and the
 * socket is full. What lacks credit waits for CREDIT, and what stands behind it too: nobody is overtaken for
 * ever. */
static bool pump_transfers(struct session *s)
{
    for (bool progress = true; progress;) {
        progress = false;
        size_t place = 0;
        for (struct transfer **at = &s->transfers; *at != NULL && place < OPEN_MOST;) {
            struct transfer *t = *at;
            enum sent sent = send_frame(s, t);
            if (sent != SENT)
                return sent == SENT_NO_ROOM;
            progress = true;
            if (t->next_chunk >= t->parcel->chunk_count) {
                *at = t->next;
                if (t->next == NULL)
                    s->transfers_end = at;
                transfer_free(t);
            } else {
                at = &t->next;
                place++;
            }
        }
    }
    return false;
}

void session_pump(struct session *s)
{
    int result = pump_controls(s);
    bool left = result == 1;
    if (result == 0 && s->state == SESSION_LINKED)
        left = pump_transfers(s);
    session_want_writable(s, left);
}

bool session_submit(struct session *s, struct parcel *parcel)
{
    if (s->state != SESSION_LINKED)
        return false;
    for (struct transfer *t = s->transfers; t != NULL; t = t->next)
        if (t->parcel == parcel)
            return true;
    struct transfer *t = memory_zeroed(1, sizeof(*t));
    t->parcel = parcel_ref(parcel);
    *s->transfers_end = t;
    s->transfers_end = &t->next;
    session_want_writable(s, true);
    return true;
}

void session_withdraw(struct session *s, const struct parcel *parcel)
{
    for (struct transfer **at = &s->transfers; *at != NULL; at = &(*at)->next) {
        struct transfer *t = *at;
        if (t->parcel != parcel || t->next_chunk > 0)
            continue;
        *at = t->next;
        if (t->next == NULL)
            s->transfers_end = at;
        transfer_free(t);
        return;
    }
}

/* --- credit to the bus --- */
void session_say_credit(struct session *s)
{
    if (s->state != SESSION_LINKED || (s->owed_messages == 0 && s->owed_bytes == 0))
        return;
    Wasl__V1__Credit m = WASL__V1__CREDIT__INIT;
    m.messages = s->owed_messages;
    m.bytes = s->owed_bytes;
    if (!session_queue(s, VERB_CREDIT, &m.base))
        return;
    s->may_receive_messages += s->owed_messages;
    s->may_receive_bytes += s->owed_bytes;
    s->owed_messages = 0;
    s->owed_bytes = 0;
}

void session_owe(struct session *s, uint32_t messages, uint64_t bytes)
{
    s->owed_messages += messages;
    s->owed_bytes += bytes;
    /* Said in portions: a CREDIT for each message would double the traffic. The tick says the rest. */
    if (s->owed_messages >= s->options.window_messages / 4 || s->owed_bytes >= s->options.window_bytes / 4)
        session_say_credit(s);
}

void session_done_with(struct session *s, const struct delivery *delivery)
{
    if (s->state == SESSION_LINKED && delivery->begun >= s->hello_sent)
        session_owe(s, 1, delivery->credit);
}

bool session_spend(struct session *s, uint32_t messages, uint64_t bytes)
{
    if (messages > s->may_receive_messages || bytes > s->may_receive_bytes) {
        session_fail(s, REFUSAL_CREDIT_EXCEEDED);
        return false;
    }
    s->may_receive_messages -= messages;
    s->may_receive_bytes -= bytes;
    return true;
}
