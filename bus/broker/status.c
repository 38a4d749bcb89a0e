#include "broker/status.h"

void status_count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
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
    out->trouble = atomic_load(&s->trouble);
}
