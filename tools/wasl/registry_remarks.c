#include "wasl/registry_remarks.h"

#include "base/clock.h"

#include <inttypes.h>

#define SOON (30 * DAY_MICROSECONDS)

static void remark_dates(const struct registry *r, uint64_t now, FILE *out)
{
    char when[28];
    uint64_t until = registry_valid_until(r), limit = registry_hard_limit(r);
    clock_format(until, when);
    if (now >= until)
        fprintf(out, "note: valid_until has passed (%s): every bus and adapter raises an alarm\n", when);
    else if (until - now < SOON)
        fprintf(out, "note: valid_until comes within 30 days (%s)\n", when);
    clock_format(limit, when);
    if (limit != 0 && now > limit)
        fprintf(out, "note: hard_limit has passed (%s): every exchange is refused\n", when);
}

static void remark_keys(const struct registry *r, uint64_t now, FILE *out)
{
    const struct registry_member *member;
    for (size_t i = 0; (member = registry_member_at(r, i)) != NULL; i++)
        if (registry_sealing_key(member, now) == NULL)
            fprintf(out, "note: %s has no sealing key in force: nothing can be sealed to it\n", member->id);
    const struct registry_service *service;
    uint8_t key[32];
    if (registry_oversight_key(r, now, key))
        return;
    for (size_t i = 0; (service = registry_service_at(r, i)) != NULL; i++)
        if (service->subject != SUBJECT_NONE) {
            fprintf(out, "note: no oversight key is in force: %s, which is about persons, will be refused\n",
                    service->id);
            return;
        }
}

static void remark_grants(const struct registry *r, uint64_t now, FILE *out)
{
    const struct registry_grant *grant;
    for (size_t i = 0; (grant = registry_grant_at(r, i)) != NULL; i++) {
        char when[28];
        clock_format(grant->expires, when);
        if (now >= grant->expires || grant->expires - now < SOON)
            fprintf(out, "note: the grant of %s to %s for %s %s %s\n", grant->service->id,
                    grant->consumer->id, grant->purpose->code,
                    now >= grant->expires ? "expired at" : "expires within 30 days, at", when);
    }
}

void registry_remarks(const struct registry *r, uint64_t now, FILE *out)
{
    remark_dates(r, now, out);
    remark_keys(r, now, out);
    remark_grants(r, now, out);
}
