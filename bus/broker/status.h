#ifndef WASL_BROKER_STATUS_H
#define WASL_BROKER_STATUS_H
/* What the bus says of itself, counted by whoever knows it and read by the audit socket. Any thread. */
#include "broker/audit.h"

#include <pthread.h>
#include <stdatomic.h>

/* Above this share of the ledger's map nothing new is accepted; what ends an exchange still has room. */
#define STATUS_DISK_ADMITS 0.8

struct status {
    uint64_t started;
    atomic_uint_fast64_t members_connected, exchanges_open;
    atomic_uint_fast64_t admitted, refused, timed_out, interrupted, late, unattributed;
    atomic_uint_fast64_t registry_version, registry_valid_until;
    atomic_uint_fast32_t disk_used; /* millionths */
    atomic_int_fast64_t disk_days;  /* thousandths; -1: not known */
    atomic_uint_fast64_t pipeline_messages, pipeline_bytes;
    _Atomic(const char *) trouble;
    pthread_mutex_t lock; /* over the next one; all zeroes is its fresh state */
    struct buffer sessions;
};
/* audit_status_source.fill; arg is a struct status. */
void status_fill(void *arg, struct audit_status *out);
/* The members that have a session, a line for each session. Takes what is in the buffer. */
void status_set_sessions(struct status *status, struct buffer *members);
void status_clear(struct status *status);
void status_count(atomic_uint_fast64_t *counter);
void status_entry(struct status *status, unsigned type,
                  unsigned reason); /* one entry was written (enum entry_type) */

#endif
