#ifndef WASL_BROKER_JUDGE_H
#define WASL_BROKER_JUDGE_H
/* Whether a message may be admitted: steps 1 to 6 of proto/README.md section 8, in that order. Pure: what it
 * judges by is in its arguments. Step 7 is the ledger's. */
#include "broker/chains.h"
#include "broker/job.h"

/* Fills verdict, keep_header, quota and deadline of job->message. */
void judge(struct job *job, const char *instance, struct chains *chains, uint64_t now);

#define CLOCK_SKEW (60 * MICROSECONDS)

#endif
