#include "broker/status.h"

#include "base/metrics.h"
#include "wire/entry.h"

void status_count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void status_entry(struct status *status, unsigned type, unsigned reason)
{
    switch (type) {
    case ENTRY_ADMITTED:
    case ENTRY_SUBJECT_KEY:
        status_count(&status->admitted);
        break;
    case ENTRY_REFUSED:
        status_count(&status->refused);
        metric_add_for(METRIC_REFUSED, reason, 1);
        break;
    case ENTRY_LATE:
        status_count(&status->late);
        break;
    case ENTRY_TIMED_OUT:
        status_count(&status->timed_out);
        break;
    case ENTRY_INTERRUPTED:
        status_count(&status->interrupted);
        break;
    default:
        break;
    }
}

void status_set_sessions(struct status *status, struct buffer *members)
{
    pthread_mutex_lock(&status->lock);
    struct buffer before = status->sessions;
    status->sessions = *members;
    pthread_mutex_unlock(&status->lock);
    *members = (struct buffer){0};
    buffer_free(&before);
}

void status_clear(struct status *status)
{
    buffer_free(&status->sessions);
}

void status_fill(void *arg, struct audit_status *out)
{
    struct status *s = arg;
    out->started = s->started;
    out->members_connected = atomic_load(&s->members_connected);
    out->exchanges_open = atomic_load(&s->exchanges_open);
    out->admitted = atomic_load(&s->admitted);
    out->refused = atomic_load(&s->refused);
    out->timed_out = atomic_load(&s->timed_out);
    out->interrupted = atomic_load(&s->interrupted);
    out->late = atomic_load(&s->late);
    out->unattributed = atomic_load(&s->unattributed);
    out->registry_version = atomic_load(&s->registry_version);
    out->registry_valid_until = atomic_load(&s->registry_valid_until);
    out->disk_used = (double)atomic_load(&s->disk_used) / 1e6;
    int64_t days = atomic_load(&s->disk_days);
    out->disk_days_left = days < 0 ? -1.0 : (double)days / 1e3;
    out->trouble = atomic_load(&s->trouble);
    pthread_mutex_lock(&s->lock);
    buffer_append_bytes(&out->sessions, buffer_bytes(&s->sessions));
    pthread_mutex_unlock(&s->lock);
}
