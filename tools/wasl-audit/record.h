#ifndef WASL_AUDIT_RECORD_H
#define WASL_AUDIT_RECORD_H
/* An entry of the ledger, taken apart as far as it can be. */
#include "base/bytes.h"
#include "wire/entry.h"
#include "wire/header.h"

struct record {
    uint64_t index;
    struct bytes raw; /* the caller's bytes */
    struct entry entry;
    struct entry_hold hold;
    bool has_header; /* its context and body are a header of a kind that we know */
    struct header header;
    bool has_exchange;
    uint8_t exchange_id[16];
};

/* False: the bytes are not an entry of a version that we know. */
bool record_open(struct record *record, uint64_t index, struct bytes raw);
void record_close(struct record *record);

/* What became of it, in one word: "admitted" (a question that was let through), "answered", the name of a
 * refusal, "timed_out", "interrupted", "late"; for other entries the name of their type. */
const char *record_outcome(const struct record *record);
/* The refusal it is about; 0 when it is about none. */
unsigned record_refusal(const struct record *record);
/* What takes effect by it: "registry", "certificate chain", "CRL". */
const char *record_object_name(const struct record *record);
bool record_is(const struct record *record, unsigned entry_type, enum message_kind kind);

#endif
