#include "record.h"

#include <string.h>

bool record_open(struct record *record, uint64_t index, struct bytes raw)
{
    memset(record, 0, sizeof *record);
    record->index = index;
    record->raw = raw;
    if (!entry_decode(raw, &record->entry, &record->hold))
        return false;
    const struct entry *entry = &record->entry;
    if (entry->context.len > 0 &&
        header_decode(entry->context, entry->body, &record->header) == REFUSAL_NONE) {
        record->has_header = true;
        record->has_exchange = true;
        memcpy(record->exchange_id, record->header.exchange_id, 16);
    } else if (entry->has_exchange_id) {
        record->has_exchange = true;
        memcpy(record->exchange_id, entry->exchange_id, 16);
    }
    return true;
}

void record_close(struct record *record)
{
    entry_release(&record->hold);
}

bool record_is(const struct record *record, unsigned entry_type, enum message_kind kind)
{
    return record->entry.type == entry_type && record->has_header && record->header.kind == kind;
}

unsigned record_refusal(const struct record *record)
{
    if (record->entry.reason != 0)
        return record->entry.reason;
    return record->has_header ? record->header.outcome : 0;
}

const char *record_outcome(const struct record *record)
{
    switch (record->entry.type) {
    case ENTRY_ADMITTED:
        if (record->has_header && record->header.outcome != 0)
            return refusal_name(record->header.outcome);
        return record_is(record, ENTRY_ADMITTED, MESSAGE_RESPONSE) ? "answered" : "admitted";
    case ENTRY_REFUSED:
        return refusal_name(record->entry.reason);
    default:
        return entry_type_name(record->entry.type);
    }
}

const char *record_object_name(const struct record *record)
{
    static const char *const names[] = {"object", "registry", "certificate chain", "CRL"};
    unsigned kind = record->entry.object_kind;
    return names[kind < sizeof names / sizeof names[0] ? kind : 0];
}
