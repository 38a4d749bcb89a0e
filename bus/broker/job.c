#include "broker/job.h"

#include <stdlib.h>

struct job *job_new(enum job_kind kind, struct snapshot *snapshot, uint64_t now)
{
    struct job *job = memory_zeroed(1, sizeof(*job));
    job->kind = kind;
    job->snapshot = snapshot_ref(snapshot);
    job->received = now;
    return job;
}

static void buffers_free(struct buffer *buffers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_free(&buffers[i]);
    free(buffers);
}

static void message_free(struct message *m)
{
    buffer_free(&m->context);
    buffer_free(&m->body);
    buffer_free(&m->signature);
    buffers_free(m->slots, m->slot_count);
    buffers_free(m->chunks, m->chunk_count);
    buffer_free(&m->entry);
    buffer_free(&m->proof);
    buffer_free(&m->request_proof);
}

static void hello_free(struct hello *h)
{
    free(h->subsystems);
    buffer_free(&h->chain);
    buffer_free(&h->checkpoint);
    buffer_free(&h->latest);
    free(h->proof);
}

void job_free(struct job *job)
{
    if (job == NULL)
        return;
    switch (job->kind) {
    case JOB_MESSAGE:
        message_free(&job->message);
        break;
    case JOB_HELLO:
        hello_free(&job->hello);
        break;
    case JOB_PROVE:
        buffer_free(&job->prove.note);
        free(job->prove.proof);
        break;
    case JOB_FETCH:
        buffer_free(&job->fetch.data);
        break;
    case JOB_END:
        buffer_free(&job->end.entry);
        buffer_free(&job->end.proof);
        break;
    case JOB_CHANGE:
        free(job->change.verdicts);
        break;
    case JOB_CLOSE:
        break;
    }
    snapshot_free(job->snapshot);
    free(job);
}
