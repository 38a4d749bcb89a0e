#include "front/door.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SAY_EVERY (1 * MICROSECONDS) /* lines about strangers */

struct rules *door_rules(struct front_door *door)
{
    pthread_mutex_lock(&door->mutex);
    struct rules *rules = rules_hold(door->rules);
    pthread_mutex_unlock(&door->mutex);
    return rules;
}

void door_set_rules(struct front_door *door, struct rules *rules)
{
    pthread_mutex_lock(&door->mutex);
    struct rules *before = door->rules;
    door->rules = rules;
    pthread_mutex_unlock(&door->mutex);
    rules_release(before);
}

/* Strangers may come by the thousand: all are counted, one a second is written down. The fingerprint is what
 * a person needs who wants to enter that certificate; it names a system, not a citizen. */
static void say_turned_away(struct front_door *door, const char *why, const uint8_t *certificate)
{
    uint64_t now = clock_monotonic();
    char hex[65] = "none";

    metric_add(METRIC_FRONT_TURNED_AWAY, 1);
    if (door->turned_away_at != 0 && now < door->turned_away_at + SAY_EVERY)
        return;
    door->turned_away_at = now;
    if (certificate != NULL)
        hex_encode(certificate, 32, hex);
    log_warn("turned_away", "address=%s why=%s certificate=%s", door->address, why, hex);
}

static enum tls_judgement judge_certificate(void *arg, const struct tls_peer *peer)
{
    struct caller *caller = arg;
    struct speaker speaker;

    caller->evidence.has_certificate = true;
    memcpy(caller->evidence.certificate, peer->certificate, sizeof peer->certificate);
    caller->evidence.valid_from = peer->valid_from;
    caller->evidence.valid_until = peer->valid_until;
    caller_request_key(&caller->evidence, caller->key, caller->request_key);
    switch (caller_judge(caller->rules, &caller->evidence, clock_wall(), &speaker)) {
    case CALLER_KNOWN:
        return TLS_ADMIT;
    case CALLER_EXPIRED:
    case CALLER_NOT_YET:
        say_turned_away(caller->door, "certificate_out_of_date", peer->certificate);
        return TLS_EXPIRED;
    default:
        say_turned_away(caller->door, "certificate_not_entered", peer->certificate);
        return TLS_UNKNOWN;
    }
}

static int descriptor_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static bool gather_evidence(struct caller *caller, int fd)
{
    caller->evidence.kind = caller->rules->kind;
    if (caller->evidence.kind == RULES_UNIX) {
        struct ucred peer;
        socklen_t len = sizeof peer;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer)
            return false;
        caller->evidence.user = peer.uid;
    }
    return true;
}

static struct caller *come_in(struct front_door *door, struct MHD_Connection *connection)
{
    struct caller *caller = memory_zeroed(1, sizeof *caller);
    int fd = descriptor_of(connection);

    caller->door = door;
    caller->rules = door_rules(door);
    if (!gather_evidence(caller, fd))
        goto refused;
    caller_connection_key(
        &caller->evidence,
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, caller->key);
    caller_request_key(&caller->evidence, caller->key, caller->request_key);
    caller->connection =
        connections_admit(door->connections, caller->rules, fd, caller->key, clock_monotonic());
    if (caller->connection == NULL) {
        say_turned_away(door, "full", NULL);
        goto refused;
    }
    if (caller->rules->kind == RULES_TLS) {
        caller->tls = tls_hold(caller->rules->tls);
        caller->judge = (struct tls_judge){.judge = judge_certificate, .arg = caller};
        tls_begin(caller->tls,
                  MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session,
                  &caller->judge);
    }
    return caller;

refused:
    shutdown(fd, SHUT_RDWR);
    rules_release(caller->rules);
    free(caller);
    return NULL;
}

void door_notify(void *arg, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code)
{
    struct front_door *door = arg;
    struct caller *caller = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = come_in(door, connection);
    } else if (caller != NULL) {
        *context = NULL;
        connections_leave(door->connections, caller->connection);
        tls_release(caller->tls);
        rules_release(caller->rules);
        free(caller);
    }
}

struct caller *door_caller(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

enum caller_verdict door_judge(struct caller *caller, struct speaker *speaker)
{
    struct rules *now = door_rules(caller->door);

    rules_release(caller->rules);
    caller->rules = now;
    enum caller_verdict verdict = caller_judge(now, &caller->evidence, clock_wall(), speaker);
    if (verdict != CALLER_KNOWN)
        say_turned_away(caller->door, "not_entered_any_more", NULL);
    return verdict;
}

void door_enter(struct caller *caller, enum connection_phase phase)
{
    connections_enter(caller->door->connections, caller->connection, phase, clock_monotonic());
}
