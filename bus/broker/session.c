#include "broker/session.h"

#include "wire/link.h"
#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000000ULL

struct backlog {
    struct backlog *next;
    unsigned verb;
    struct buffer message, payload;
};

struct session *session_new(struct hello *hello, uint64_t serial, struct credit window, uint64_t now)
{
    struct session *s = memory_zeroed(1, sizeof(*s));
    s->serial = serial;
    memcpy(s->routing_id, hello->routing_id, hello->routing_id_len);
    s->routing_id_len = hello->routing_id_len;
    s->connection = hello->connection;
    s->subsystems = hello->subsystems;
    s->subsystem_count = hello->subsystem_count;
    hello->subsystems = NULL;
    hello->subsystem_count = 0;
    window_open(&s->in, window);
    s->out = (struct credit){hello->credit_messages, hello->credit_bytes};
    memcpy(s->certificate, hello->certificate, HASH_SIZE);
    s->revoked = hello->revoked;
    s->linked = hello->credit_messages > 0;
    s->heard = s->pinged = now;
    return s;
}

static void drop_first(struct session *s)
{
    struct backlog *b = s->first;
    s->first = b->next;
    if (s->first == NULL)
        s->last = NULL;
    s->backlog--;
    s->backlog_bytes -= b->message.len + b->payload.len;
    buffer_free(&b->message);
    buffer_free(&b->payload);
    free(b);
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    while (session->first != NULL)
        drop_first(session);
    while (session->first_question != NULL) {
        struct job *question = session->first_question;
        session->first_question = question->next;
        job_free(question);
    }
    assemblies_clear(&session->assemblies);
    free(session->subsystems);
    free(session);
}

/* A proof is a few hashes; what is fetched may be a mebibyte. */
static unsigned cost_of(const struct job *question)
{
    return question->kind == JOB_PROVE ? 1 : SESSION_FETCH_COST;
}

static bool has_turn(struct session *s, uint64_t now)
{
    if (now >= s->asked_second + SECOND) {
        s->asked_second = now;
        s->asked = 0;
    }
    return s->asked < SESSION_QUESTIONS_SECOND;
}

bool session_ask(struct session *session, struct job *question, uint64_t now)
{
    if (session->first_question == NULL && has_turn(session, now)) {
        session->asked += cost_of(question);
        return true;
    }
    question->next = NULL;
    if (session->first_question != NULL)
        session->last_question->next = question;
    else
        session->first_question = question;
    session->last_question = question;
    return false;
}

struct job *session_next_question(struct session *session, uint64_t now)
{
    struct job *question = session->first_question;
    if (question == NULL || !has_turn(session, now))
        return NULL;
    session->asked += cost_of(question);
    session->first_question = question->next;
    return question;
}

bool session_refused(struct session *session, uint64_t messages, uint64_t bytes, uint64_t most, uint64_t now)
{
    if (now >= session->refused_second + SECOND) {
        session->refused_second = now;
        session->refused = 0;
    }
    if (most == 0 || ++session->refused <= most)
        return true;
    credit_add(&session->refused_credit, messages, bytes);
    return false;
}

bool session_refused_credit(struct session *session, uint64_t now, struct credit *out)
{
    if (session->refused_credit.messages == 0 || now < session->refused_second + SECOND)
        return false;
    *out = session->refused_credit;
    session->refused_credit = (struct credit){0, 0};
    return true;
}

struct bytes session_routing_id(const struct session *session)
{
    return bytes_make(session->routing_id, session->routing_id_len);
}

bool session_answers_for(const struct session *session, const char *subsystem_code)
{
    for (size_t i = 0; i < session->subsystem_count; i++)
        if (strcmp(session->subsystems[i], subsystem_code) == 0)
            return true;
    return false;
}

/* What the peer's kernel has not confirmed. Heartbeats are confirmed and were not counted as sent: where more
 * is confirmed than was sent, counting begins anew. */
static uint64_t unconfirmed(struct session *s, const struct transport *transport)
{
    uint64_t now = transport->confirmed == NULL ? 0 : transport->confirmed(transport->arg, s->connection);
    if (now == 0)
        return 0;
    if (s->confirmed == 0)
        s->confirmed = now;
    if (now - s->confirmed >= s->sent) {
        s->confirmed = now;
        s->sent = 0;
    }
    return s->sent - (now - s->confirmed);
}

/* As transport's. */
static int send_counted(struct session *s, const struct transport *transport, unsigned verb,
                        struct bytes message, struct bytes payload)
{
    if (unconfirmed(s, transport) > SESSION_UNCONFIRMED)
        return 1;
    int sent = transport->send(transport->arg, session_routing_id(s), verb, message, payload);
    if (sent == 0)
        s->sent += link_wire_size(2) + link_wire_size(message.len) + link_wire_size(payload.len);
    return sent;
}

bool session_send_now(struct session *session, const struct transport *transport, unsigned verb,
                      struct bytes message, struct bytes payload)
{
    if (session->broken || session->first != NULL)
        return false;
    int sent = send_counted(session, transport, verb, message, payload);
    if (sent < 0)
        session->broken = true;
    return sent == 0;
}

void session_flush(struct session *session, const struct transport *transport)
{
    while (session->first != NULL && !session->broken) {
        struct backlog *b = session->first;
        int sent =
            send_counted(session, transport, b->verb, buffer_bytes(&b->message), buffer_bytes(&b->payload));
        if (sent < 0)
            session->broken = true;
        if (sent != 0)
            return;
        drop_first(session);
    }
}

void session_say(struct session *session, const struct transport *transport, unsigned verb,
                 const ProtobufCMessage *message, struct bytes payload)
{
    struct buffer packed = {0};
    strict_pack(message, &packed);
    if (session->broken || session_send_now(session, transport, verb, buffer_bytes(&packed), payload)) {
        buffer_free(&packed);
        return;
    }
    if (session->backlog >= SESSION_BACKLOG_MOST ||
        session->backlog_bytes + packed.len + payload.len > SESSION_BACKLOG_BYTES) {
        session->broken = true;
        buffer_free(&packed);
        return;
    }
    struct backlog *b = memory_zeroed(1, sizeof(*b));
    b->verb = verb;
    b->message = packed;
    buffer_append_bytes(&b->payload, payload);
    session->backlog_bytes += b->message.len + b->payload.len;
    session->backlog++;
    if (session->last != NULL)
        session->last->next = b;
    else
        session->first = b;
    session->last = b;
}
