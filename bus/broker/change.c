#include "broker/change.h"

#include "base/log.h"
#include "broker/ending.h"
#include "session.pb-c.h"
#include "wire/entry.h"
#include "wire/link.h"
#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

static const struct bytes nothing = {(const uint8_t *)"", 0};

struct job *change_new(struct snapshot *snapshot, struct chains *chains, uint64_t now)
{
    struct job *job = job_new(JOB_CHANGE, snapshot, now);
    job->change.verdicts = chains_judge(chains, snapshot_registry(snapshot), snapshot_trust(snapshot), now,
                                        &job->change.verdict_count);
    return job;
}

static void say_notice(struct io *io)
{
    const struct registry *registry = snapshot_registry(io->snapshot);
    size_t crls = snapshot_crl_count(io->snapshot);
    ProtobufCBinaryData *crl = memory_zeroed(crls + 1, sizeof(*crl));
    for (size_t i = 0; i < crls; i++)
        crl[i] = strict_field(bytes_make(snapshot_crl(io->snapshot, i), HASH_SIZE));
    Wasl__V1__Notice notice = WASL__V1__NOTICE__INIT;
    notice.registry_version = registry_version(registry);
    notice.registry_hash = strict_field(bytes_make(registry_hash(registry), HASH_SIZE));
    notice.n_crl = crls;
    notice.crl = crl;
    for (struct peer *p = peers_first(io->peers); p != NULL; p = p->next)
        peers_say(io->peers, p, VERB_NOTICE, &notice.base, nothing);
    free(crl);
}

/* --- sessions --- */

/* A chain that was presented after the keeper had judged them all, and before the change was written, is in
 * no list: its session opens again and is judged then. */
static void judge_session(struct io *io, struct peer *peer, const struct change *change)
{
    struct session *s = peer->session;
    const struct chain_verdict *verdict =
        chain_verdict_find(change->verdicts, change->verdict_count, s->certificate);
    if (verdict == NULL) {
        peers_close(io->peers, peer, REFUSAL_NOT_WELCOME, nothing);
        return;
    }
    /* As at HELLO: it no longer leads to the member's anchor, and nothing that comes over it would be taken.
     */
    if (verdict->refusal == REFUSAL_CERTIFICATE_UNTRUSTED) {
        peers_close(io->peers, peer, REFUSAL_CERTIFICATE_UNTRUSTED, nothing);
        return;
    }
    bool revoked = verdict->refusal == REFUSAL_CERTIFICATE_REVOKED;
    if (revoked != s->revoked)
        log_warn(revoked ? "certificate_revoked" : "certificate_good_again", "member=%s", peer->member);
    s->revoked = revoked;
}

/* Whose link key the registry no longer names, names for another member, or names for a suspended one. */
static void judge_peer(struct io *io, struct peer *peer, const struct change *change)
{
    enum refusal standing = registry_link_standing(snapshot_registry(io->snapshot), peer->key, peer->member);
    if (standing != REFUSAL_NONE) {
        peers_close(io->peers, peer, standing, nothing);
        mailbox_clear(&peer->responses);
    } else if (peer->session != NULL) {
        judge_session(io, peer, change);
    }
}

/* --- exchanges --- */

static void end_exchanges_of(struct io *io, struct peer *provider)
{
    enum refusal answering = ending_due(io, provider);
    for (struct exchange *x = provider->answers; x != NULL; x = x->after) {
        enum refusal reason = answering != REFUSAL_NONE ? answering : ending_due(io, x->consumer);
        if (reason != REFUSAL_NONE && !x->ending)
            ending_begin(io, x, ENTRY_INTERRUPTED, reason);
    }
}

void change_apply(struct io *io, const struct job *job)
{
    snapshot_free(io->snapshot);
    io->snapshot = snapshot_ref(job->snapshot);
    if (io->box != NULL)
        snapshot_box_set(io->box, snapshot_ref(job->snapshot));
    const struct registry *registry = snapshot_registry(io->snapshot);
    for (struct peer *p = peers_first(io->peers); p != NULL; p = p->next)
        judge_peer(io, p, &job->change);
    for (struct peer *p = peers_first(io->peers); p != NULL; p = p->next)
        end_exchanges_of(io, p);
    peers_count(io->peers);
    /* In this order: whoever reads the version sees the sessions as it left them. */
    atomic_store(&io->status->registry_valid_until, registry_valid_until(registry));
    atomic_store(&io->status->registry_version, registry_version(registry));
    log_info("registry_in_force", "version=%llu crls=%zu", (unsigned long long)registry_version(registry),
             snapshot_crl_count(io->snapshot));
    say_notice(io);
}
