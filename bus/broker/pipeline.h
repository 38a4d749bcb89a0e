#ifndef WASL_BROKER_PIPELINE_H
#define WASL_BROKER_PIPELINE_H
/*
 * The queues between the threads, fair between members, and the one bound on what is in them. Only the door
 * lets a peer's job in, and stops reading when the bound is reached; every queue has room for all that may be
 * inside, so nobody behind the door ever waits for room or drops anything.
 */
#include "base/queue.h"
#include "broker/job.h"

struct pipeline;

/* own_most: the most jobs of the bus's own (ends of exchanges, changes) at once. */
struct pipeline *pipeline_new(uint64_t messages, uint64_t bytes, uint64_t own_most);
void pipeline_free(struct pipeline *pipeline); /* frees what is still inside; NULL is harmless */

/* The door's thread. Is there room for one more? */
bool pipeline_full(const struct pipeline *pipeline);
/* Lets a peer's job in, to be judged or straight to the writer. */
void pipeline_enter(struct pipeline *pipeline, struct job *job, bool judged_first);
/* A peer's job has come out: what it held is free. */
void pipeline_leave(struct pipeline *pipeline, struct job *job);
uint64_t pipeline_bytes(const struct pipeline *pipeline);  /* that they count for */
uint64_t pipeline_inside(const struct pipeline *pipeline); /* peers' and the I/O thread's own jobs */

/* The I/O thread's own job, straight to the writer. */
void pipeline_own(struct pipeline *pipeline, struct job *job);

struct queue *pipeline_admit(struct pipeline *pipeline);
struct queue *pipeline_writer(struct pipeline *pipeline);
struct queue *pipeline_results(struct pipeline *pipeline);
/* For any thread behind the door: the next queue always has room. */
void pipeline_pass(struct queue *queue, struct job *job);
/* A batch, with one wake for all of it. */
void pipeline_pass_all(struct queue *queue, struct job *const *jobs, size_t count);

#endif
