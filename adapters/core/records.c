#include "core/records.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "core/ask_check.h"
#include "core/ask_seal.h"
#include "core/common.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MOST 256 /* without a receipt */
#define RECORD_LIFE  (120 * MICROSECONDS)

struct record {
    struct parcel *parcel;
    struct record *next;
};
struct records {
    struct common *common;
    struct record *first;
    size_t count;
};

struct records *records_new(struct common *common)
{
    struct records *records = memory_zeroed(1, sizeof(*records));
    records->common = common;
    return records;
}

static void take_out(struct records *records, struct record **at)
{
    struct record *r = *at;
    *at = r->next;
    parcel_free(r->parcel);
    free(r);
    records->count--;
}

void records_free(struct records *records)
{
    if (records == NULL)
        return;
    while (records->first != NULL)
        take_out(records, &records->first);
    free(records);
}

static void keep(struct records *records, struct parcel *parcel)
{
    struct record *r = memory_zeroed(1, sizeof(*r));
    r->parcel = parcel;
    r->next = records->first;
    records->first = r;
    records->count++;
    common_submit(records->common, parcel);
}

void records_make(struct records *records, const struct ask *ask, enum refusal refusal,
                  const struct decision *decision)
{
    struct common *common = records->common;
    struct error e;
    if (!ask_is_ours(ask, common->options.member) || records->count >= RECORDS_MOST ||
        common_able(common) != REFUSAL_NONE) {
        log_warn("refusal_not_recorded", "reason=%s", refusal_name(refusal));
        return;
    }
    struct parcel *parcel = ask_seal_refusal(common, ask, refusal, decision, RECORD_LIFE, &e);
    if (parcel == NULL)
        log_error("refusal_not_recorded", "why=%s", e.text);
    else
        keep(records, parcel);
}

bool records_drop(struct records *records, const uint8_t leaf[HASH_SIZE])
{
    for (struct record **at = &records->first; *at != NULL; at = &(*at)->next)
        if (memcmp((*at)->parcel->leaf, leaf, HASH_SIZE) == 0) {
            take_out(records, at);
            return true;
        }
    return false;
}

void records_resubmit(struct records *records)
{
    for (struct record *r = records->first; r != NULL; r = r->next)
        common_submit(records->common, r->parcel);
}

void records_tick(struct records *records)
{
    uint64_t now = common_now(records->common);
    for (struct record **at = &records->first; *at != NULL;) {
        struct record *r = *at;
        if (r->parcel->expires >= now) {
            at = &r->next;
            continue;
        }
        session_withdraw(records->common->session, r->parcel);
        take_out(records, at);
        log_warn("refusal_not_recorded", "reason=expired");
    }
}
