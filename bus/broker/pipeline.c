#include "broker/pipeline.h"

#include "base/error.h"

#include <stdlib.h>

/* Jobs of other threads (the keeper's changes) that are not counted. */
#define SLACK          64
#define SIGNATURE_COST ((uint64_t)16 << 10)

struct pipeline {
    struct queue *admit, *writer, *results;
    uint64_t messages_most, bytes_most, own_most;
    uint64_t messages, bytes, own;
};

/* Members take turns at the verifiers and in the writer's batches; the bus itself is one of them. */
static const char *owner_of(const void *job)
{
    return ((const struct job *)job)->member;
}

/* A signature's verification weighs as much as hashing some kilobytes; a chain's as much as three of them. */
static uint64_t cost_of(const void *item)
{
    const struct job *job = item;
    return job->bytes + (job->kind == JOB_HELLO ? 3 * SIGNATURE_COST : SIGNATURE_COST);
}

struct pipeline *pipeline_new(uint64_t messages, uint64_t bytes, uint64_t own_most)
{
    struct pipeline *p = memory_zeroed(1, sizeof(*p));
    p->messages_most = messages;
    p->bytes_most = bytes;
    p->own_most = own_most;
    p->admit = queue_new_fair((size_t)messages + SLACK, owner_of, cost_of);
    p->writer = queue_new_fair((size_t)(messages + own_most) + SLACK, owner_of, cost_of);
    p->results = queue_new((size_t)(messages + own_most) + SLACK);
    return p;
}

static void drain(struct queue *queue)
{
    struct job *job;
    while ((job = queue_take(queue)) != NULL)
        job_free(job);
    queue_free(queue);
}

void pipeline_free(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    drain(pipeline->admit);
    drain(pipeline->writer);
    drain(pipeline->results);
    free(pipeline);
}

bool pipeline_full(const struct pipeline *pipeline)
{
    return pipeline->messages >= pipeline->messages_most || pipeline->bytes >= pipeline->bytes_most;
}

void pipeline_enter(struct pipeline *pipeline, struct job *job, bool judged_first)
{
    job->counted = true;
    pipeline->messages++;
    pipeline->bytes += job->bytes;
    pipeline_pass(judged_first ? pipeline->admit : pipeline->writer, job);
}

void pipeline_own(struct pipeline *pipeline, struct job *job)
{
    BUG_ON(pipeline->own >= pipeline->own_most);
    pipeline->own++;
    pipeline_pass(pipeline->writer, job);
}

void pipeline_leave(struct pipeline *pipeline, struct job *job)
{
    if (job->counted) {
        pipeline->messages--;
        pipeline->bytes -= job->bytes;
        job->counted = false;
    } else if (job->kind != JOB_CHANGE) {
        pipeline->own--;
    }
}

uint64_t pipeline_bytes(const struct pipeline *pipeline)
{
    return pipeline->bytes;
}

uint64_t pipeline_inside(const struct pipeline *pipeline)
{
    return pipeline->messages + pipeline->own;
}

struct queue *pipeline_admit(struct pipeline *pipeline)
{
    return pipeline->admit;
}

struct queue *pipeline_writer(struct pipeline *pipeline)
{
    return pipeline->writer;
}

struct queue *pipeline_results(struct pipeline *pipeline)
{
    return pipeline->results;
}

void pipeline_pass(struct queue *queue, struct job *job)
{
    pipeline_pass_all(queue, &job, 1);
}

void pipeline_pass_all(struct queue *queue, struct job *const *jobs, size_t count)
{
    bool put = queue_put_all(queue, (void *const *)jobs, count);
    BUG_ON(!put);
}
