#include "broker/peers.h"

#include "base/error.h"
#include "base/log.h"
#include "broker/map.h"
#include "session.pb-c.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peers {
    struct transport transport;
    const struct config_limits *limits;
    struct status *status;
    struct map *by_key;
    struct peer *first;
    uint64_t sessions; /* that were ever opened: the serial number of the last */
};

struct peers *peers_new(const struct transport *transport, const struct config_limits *limits,
                        struct status *status)
{
    struct peers *peers = memory_zeroed(1, sizeof(*peers));
    peers->transport = *transport;
    peers->limits = limits;
    peers->status = status;
    peers->by_key = map_new(32);
    return peers;
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    while (peers->first != NULL) {
        struct peer *peer = peers->first;
        peers->first = peer->next;
        session_free(peer->session);
        mailbox_clear(&peer->requests);
        mailbox_clear(&peer->responses);
        shares_free(&peer->answering);
        free(peer);
    }
    map_free(peers->by_key);
    free(peers);
}

struct peer *peers_find(const struct peers *peers, const uint8_t key[32])
{
    return map_get(peers->by_key, key);
}

struct peer *peers_add(struct peers *peers, const uint8_t key[32], const char *member)
{
    struct peer *peer = memory_zeroed(1, sizeof(*peer));
    memcpy(peer->key, key, sizeof(peer->key));
    snprintf(peer->member, sizeof(peer->member), "%s", member);
    /* Requests hold room, taken at the door, which bounds them: a mailbox that refused one would strand its
     * exchange. */
    peer->requests.most = peer->requests.most_bytes = UINT64_MAX;
    peer->responses.most = peers->limits->mailbox_messages;
    peer->responses.most_bytes = peers->limits->mailbox_bytes;
    peer->next = peers->first;
    peers->first = peer;
    map_put(peers->by_key, peer->key, peer);
    return peer;
}

struct peer *peers_first(const struct peers *peers)
{
    return peers->first;
}

struct peer *peers_provider(const struct peers *peers, const char *subsystem_id)
{
    size_t member = identifier_prefix(bytes_of_string(subsystem_id), 3);
    for (struct peer *p = peers->first; p != NULL; p = p->next) {
        const struct session *s = p->session;
        if (s != NULL && s->linked && !s->broken && !s->revoked && strlen(p->member) == member &&
            strncmp(p->member, subsystem_id, member) == 0 &&
            session_answers_for(s, subsystem_id + member + 1))
            return p;
    }
    return NULL;
}

/* --- sessions --- */

static void say_bye(struct peers *peers, struct bytes routing_id, enum refusal reason,
                    struct bytes checkpoint)
{
    Wasl__V1__Bye bye = WASL__V1__BYE__INIT;
    bye.reason = (uint32_t)reason;
    bye.checkpoint = strict_field(checkpoint);
    if (reason == REFUSAL_UNSUPPORTED_VERSION)
        bye.version_min = bye.version_max = LINK_VERSION;
    struct buffer packed = {0};
    strict_pack(&bye.base, &packed);
    /* A peer that takes nothing any more need not be told that it is gone. */
    (void)peers->transport.send(peers->transport.arg, routing_id, VERB_BYE, buffer_bytes(&packed),
                                bytes_make("", 0));
    buffer_free(&packed);
}

void peers_bye(struct peers *peers, struct bytes routing_id, enum refusal reason)
{
    say_bye(peers, routing_id, reason, bytes_make("", 0));
}

static void runs_over(struct peers *peers, const struct session *s, bool runs)
{
    if (peers->transport.session_runs != NULL)
        peers->transport.session_runs(peers->transport.arg, s->connection, runs);
}

void peers_cut(struct peers *peers, uint64_t connection)
{
    if (peers->transport.cut != NULL)
        peers->transport.cut(peers->transport.arg, connection);
}

static void drop_session(struct peers *peers, struct peer *peer)
{
    if (peer->session != NULL)
        runs_over(peers, peer->session, false);
    session_free(peer->session);
    peer->session = NULL;
    mailbox_restart(&peer->requests);
    mailbox_restart(&peer->responses);
}

void peers_close(struct peers *peers, struct peer *peer, enum refusal reason, struct bytes checkpoint)
{
    if (peer->session == NULL)
        return;
    log_info("session_closed", "member=%s reason=%s", peer->member,
             reason == REFUSAL_NONE ? "stopping" : refusal_name((unsigned)reason));
    say_bye(peers, session_routing_id(peer->session), reason, checkpoint);
    drop_session(peers, peer);
}

void peers_leave(struct peers *peers, struct peer *peer)
{
    drop_session(peers, peer);
}

void peers_open(struct peers *peers, struct peer *peer, struct hello *hello, uint64_t now)
{
    if (peer->session != NULL) {
        /* An adapter repeats HELLO on the same connection until WELCOME comes: that replaces nothing it knows
         * of. */
        if (!bytes_equal(session_routing_id(peer->session),
                         bytes_make(hello->routing_id, hello->routing_id_len))) {
            log_info("session_superseded", "member=%s", peer->member);
            peers_bye(peers, session_routing_id(peer->session), REFUSAL_SUPERSEDED);
        }
        drop_session(peers, peer);
    }
    struct credit window = {peers->limits->submit_messages, peers->limits->submit_bytes};
    peer->session = session_new(hello, ++peers->sessions, window, now);
    runs_over(peers, peer->session, true);
}

void peers_say(struct peers *peers, struct peer *peer, unsigned verb, const ProtobufCMessage *message,
               struct bytes payload)
{
    if (peer->session != NULL)
        session_say(peer->session, &peers->transport, verb, message, payload);
}

struct sending {
    struct peers *peers;
    struct session *session;
};

static bool send_mail(void *arg, unsigned verb, struct bytes message, struct bytes payload)
{
    struct sending *s = arg;
    return session_send_now(s->session, &s->peers->transport, verb, message, payload);
}

void peers_pump(struct peers *peers, struct peer *peer)
{
    struct session *s = peer->session;
    if (s == NULL || !s->linked || s->broken || s->revoked)
        return;
    struct sending sending = {peers, s};
    mailbox_pump(&peer->responses, &s->out, send_mail, &sending);
    mailbox_pump(&peer->requests, &s->out, send_mail, &sending);
}

static void give_credit(struct peers *peers, struct peer *peer, bool all)
{
    struct credit give;
    if (!window_due(&peer->session->in, all, &give))
        return;
    Wasl__V1__Credit credit = WASL__V1__CREDIT__INIT;
    credit.messages = (uint32_t)give.messages;
    credit.bytes = give.bytes;
    peers_say(peers, peer, VERB_CREDIT, &credit.base, bytes_make("", 0));
}

void peers_done(struct peers *peers, struct peer *peer, uint64_t session, uint64_t messages, uint64_t bytes)
{
    if (peer->session == NULL || peer->session->serial != session)
        return; /* the credit of a session ends with it */
    window_done(&peer->session->in, messages, bytes);
    give_credit(peers, peer, false);
}

void peers_done_refused(struct peers *peers, struct peer *peer, uint64_t session, uint64_t messages,
                        uint64_t bytes, uint64_t monotonic)
{
    if (peer->session != NULL && peer->session->serial == session &&
        session_refused(peer->session, messages, bytes, peers->limits->refusals_per_second, monotonic))
        peers_done(peers, peer, session, messages, bytes);
}

static void tick_session(struct peers *peers, struct peer *peer, uint64_t monotonic)
{
    struct session *s = peer->session;
    session_flush(s, &peers->transport);
    if (monotonic >= s->heard + SESSION_DEAD || s->broken) {
        log_warn("session_lost", "member=%s reason=%s", peer->member, s->broken ? "takes_nothing" : "silent");
        peers_cut(peers, s->connection); /* or libzmq would keep what it took for it */
        drop_session(peers, peer);
        return;
    }
    if (monotonic >= s->heard + SESSION_SILENCE && monotonic >= s->pinged + SESSION_SILENCE) {
        Wasl__V1__Ping ping = WASL__V1__PING__INIT;
        ping.nonce = ++s->nonce;
        s->pinged = monotonic;
        peers_say(peers, peer, VERB_PING, &ping.base, bytes_make("", 0));
    }
    struct credit kept;
    if (session_refused_credit(s, monotonic, &kept))
        window_done(&s->in, kept.messages, kept.bytes);
    give_credit(peers, peer, true);
    peers_pump(peers, peer);
}

void peers_count(struct peers *peers)
{
    struct buffer names = {0};
    uint64_t connected = 0;
    for (const struct peer *peer = peers->first; peer != NULL; peer = peer->next) {
        if (peer->session == NULL)
            continue;
        buffer_printf(&names, "%s\n", peer->member);
        connected += peer->session->linked;
    }
    atomic_store(&peers->status->members_connected, connected);
    status_set_sessions(peers->status, &names);
}

void peers_tick(struct peers *peers, uint64_t now, uint64_t monotonic)
{
    for (struct peer *peer = peers->first; peer != NULL; peer = peer->next) {
        mailbox_expire(&peer->responses, now);
        if (peer->session != NULL)
            tick_session(peers, peer, monotonic);
    }
    peers_count(peers);
}
