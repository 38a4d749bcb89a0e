#include "broker/ending.h"

#include <string.h>

enum refusal ending_due(const struct io *io, const struct peer *peer)
{
    enum refusal standing = registry_standing(snapshot_registry(io->snapshot), bytes_of_string(peer->member));
    if (standing == REFUSAL_NONE && peer->session != NULL && peer->session->revoked)
        standing = REFUSAL_CERTIFICATE_REVOKED;
    return standing;
}

void ending_begin(struct io *io, struct exchange *x, unsigned type, enum refusal reason)
{
    struct job *job = job_new(JOB_END, io->snapshot, io->now);
    memcpy(job->end.exchange_id, x->id, sizeof(x->id));
    job->end.type = type;
    job->end.reason = reason;
    exchanges_mark_ending(io->exchanges, x);
    /* What has not left by now does not leave any more. */
    if (x->posting != NULL)
        mailbox_withdraw(&x->provider->requests, x->posting);
    pipeline_own(io->pipeline, job);
}
