#include "rules.h"

#include "base/clock.h"
#include "wire/envelope.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Clock skew that a message may have (proto/README.md, section 8), and what may pass between judging and
 * writing. */
#define SKEW (60 * MICROSECONDS)

struct rules {
    struct findings *findings;
    struct exchanges *exchanges;
    uint64_t last_time;
    struct rules_counts counts;
};

struct rules *rules_new(struct findings *findings)
{
    struct rules *rules = memory_zeroed(1, sizeof *rules);
    rules->findings = findings;
    rules->exchanges = exchanges_new();
    return rules;
}

void rules_free(struct rules *rules)
{
    if (rules == NULL)
        return;
    exchanges_free(rules->exchanges);
    free(rules);
}

bool rules_signature_needed(const struct record *record)
{
    if (!record->has_header)
        return false;
    return record->entry.type != ENTRY_REFUSED || !refusal_signer_unproven(record->entry.reason);
}

static void leaf_of(const struct record *record, uint8_t leaf[HASH_SIZE])
{
    if (record->entry.context.len > 0)
        envelope_leaf(record->entry.context, record->entry.body, leaf);
    else
        memcpy(leaf, record->entry.leaf, HASH_SIZE);
}

static void end(struct rules *rules, struct exchange *exchange, const struct record *record, uint64_t *count)
{
    exchange_end(exchange, record->index);
    rules->counts.open--;
    (*count)++;
}

/* The bus remembers an id until its exchange has expired: after that it may come again. */
static bool forgotten(const struct exchange *exchange, const struct record *record)
{
    return exchange->terminal != NO_ENTRY && exchange->expires < record->entry.time;
}

/* Takes the exchange up with the message that opens it, which record holds. */
static struct exchange *open_exchange(struct rules *rules, const struct record *record,
                                      struct exchange *exchange)
{
    if (exchange == NULL)
        exchange = exchanges_add(rules->exchanges, record->exchange_id);
    exchange->request = exchange->terminal = NO_ENTRY;
    exchange->expires = record->header.expires;
    leaf_of(record, exchange->leaf);
    return exchange;
}

static void on_request(struct rules *rules, const struct record *record, struct exchange *exchange)
{
    const struct header *header = &record->header;
    if (exchange != NULL && !forgotten(exchange, record)) {
        finding(rules->findings, "entry %" PRIu64 ": its exchange id was used before (entry %" PRIu64 ")",
                record->index, exchange->request != NO_ENTRY ? exchange->request : exchange->terminal);
        return;
    }
    if (header->created > record->entry.time + 2 * SKEW)
        finding(rules->findings, "entry %" PRIu64 ": admitted although it was created in the future",
                record->index);
    if (record->entry.time > header->expires + SKEW)
        finding(rules->findings, "entry %" PRIu64 ": admitted although it had expired", record->index);
    exchange = open_exchange(rules, record, exchange);
    exchange->request = record->index;
    exchange->header = memory_copy(header, sizeof *header);
    rules->counts.exchanges++;
    rules->counts.open++;
}

/* A message refused with its header. What was refused before its signer was proven, or because its id was
 * taken, may carry anybody's id and touches no exchange. */
static void on_refused(struct rules *rules, const struct record *record, struct exchange *exchange)
{
    rules->counts.refused++;
    bool opens = record->header.kind != MESSAGE_RESPONSE;
    if (!opens || !rules_signature_needed(record) || record->entry.reason == REFUSAL_REPLAYED_ID)
        return;
    if (exchange == NULL || forgotten(exchange, record)) {
        exchange_end(open_exchange(rules, record, exchange), record->index);
        return;
    }
    uint8_t leaf[HASH_SIZE];
    leaf_of(record, leaf);
    if (memcmp(leaf, exchange->leaf, HASH_SIZE) == 0)
        finding(rules->findings,
                "entry %" PRIu64 ": refused, although entry %" PRIu64 " has the same message already",
                record->index, exchange->request != NO_ENTRY ? exchange->request : exchange->terminal);
}

static bool answers(const struct header *response, const struct exchange *exchange)
{
    const struct header *request = exchange->header;
    return response->has_request_leaf && memcmp(response->request_leaf, exchange->leaf, HASH_SIZE) == 0 &&
           strcmp(response->consumer, request->consumer) == 0 &&
           strcmp(response->provider, request->provider) == 0 &&
           strcmp(response->service, request->service) == 0 &&
           strcmp(response->purpose, request->purpose) == 0;
}

static void on_response(struct rules *rules, const struct record *record, struct exchange *exchange)
{
    if (exchange == NULL || exchange->request == NO_ENTRY)
        finding(rules->findings, "entry %" PRIu64 ": an answer to a request that was not admitted",
                record->index);
    else if (exchange->terminal != NO_ENTRY)
        finding(rules->findings,
                "entry %" PRIu64 ": a second end of its exchange, which entry %" PRIu64 " has ended",
                record->index, exchange->terminal);
    else if (!answers(&record->header, exchange))
        finding(rules->findings,
                "entry %" PRIu64 ": it does not answer the request of its exchange, entry %" PRIu64,
                record->index, exchange->request);
    else
        end(rules, exchange, record, &rules->counts.answered);
}

/* Ended by the bus: timed out, interrupted, or refused after it had been admitted. */
static void on_end(struct rules *rules, const struct record *record, struct exchange *exchange)
{
    bool refused = record->entry.type == ENTRY_REFUSED;
    if (exchange == NULL || exchange->request == NO_ENTRY) {
        if (!refused) /* a refusal without a header may be of anything */
            finding(rules->findings, "entry %" PRIu64 ": the end of an exchange that was not admitted",
                    record->index);
        return;
    }
    if (!record->entry.has_leaf || memcmp(record->entry.leaf, exchange->leaf, HASH_SIZE) != 0) {
        if (!refused)
            finding(rules->findings,
                    "entry %" PRIu64 ": it names another message than the request of its exchange",
                    record->index);
        return;
    }
    if (exchange->terminal != NO_ENTRY) {
        finding(rules->findings,
                "entry %" PRIu64 ": a second end of its exchange, which entry %" PRIu64 " has ended",
                record->index, exchange->terminal);
        return;
    }
    end(rules, exchange, record, refused ? &rules->counts.refused : &rules->counts.ended);
}

static void on_late(struct rules *rules, const struct record *record, struct exchange *exchange)
{
    if (exchange == NULL || exchange->request == NO_ENTRY || exchange->terminal == NO_ENTRY)
        finding(rules->findings, "entry %" PRIu64 ": a late answer to an exchange that has not ended",
                record->index);
}

void rules_entry(struct rules *rules, const struct record *record)
{
    const struct entry *entry = &record->entry;
    if (entry->time <= rules->last_time)
        finding(rules->findings, "entry %" PRIu64 ": its time is not later than that of the entry before",
                record->index);
    rules->last_time = entry->time;
    if (entry->context.len > 0 && !record->has_header)
        finding(rules->findings,
                "entry %" PRIu64 ": its header does not have the form that the protocol prescribes",
                record->index);
    if (!record->has_exchange)
        return;
    struct exchange *exchange = exchanges_find(rules->exchanges, record->exchange_id);
    switch (entry->type) {
    case ENTRY_ADMITTED:
        if (record_is(record, ENTRY_ADMITTED, MESSAGE_REQUEST))
            on_request(rules, record, exchange);
        else if (record_is(record, ENTRY_ADMITTED, MESSAGE_RESPONSE))
            on_response(rules, record, exchange);
        break;
    case ENTRY_REFUSED:
        if (record->has_header)
            on_refused(rules, record, exchange);
        else
            on_end(rules, record, exchange);
        break;
    case ENTRY_TIMED_OUT:
    case ENTRY_INTERRUPTED:
        on_end(rules, record, exchange);
        break;
    case ENTRY_LATE:
        on_late(rules, record, exchange);
        break;
    default:
        break;
    }
}

const struct exchange *rules_exchange(const struct rules *rules, const uint8_t id[16])
{
    return exchanges_find(rules->exchanges, id);
}

/* Of the exchanges that should have ended. */
struct left_open {
    uint64_t last_time;
    struct buffer requests; /* indexes of their entries */
};

static bool still_open(void *arg, const struct exchange *exchange)
{
    struct left_open *left = arg;
    if (exchange->terminal == NO_ENTRY && exchange->expires + RULES_END_GRACE < left->last_time)
        buffer_append(&left->requests, &exchange->request, sizeof exchange->request);
    return true;
}

static int by_index(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void rules_end(struct rules *rules, struct rules_counts *counts)
{
    struct left_open left = {.last_time = rules->last_time};
    exchanges_each(rules->exchanges, still_open, &left);
    /* They come in the order of a table: what is said must not depend on it. */
    size_t count = left.requests.len / sizeof(uint64_t);
    uint64_t *requests = (uint64_t *)(void *)left.requests.data;
    if (count > 0)
        qsort(requests, count, sizeof *requests, by_index);
    for (size_t i = 0; i < count; i++)
        finding(rules->findings,
                "entry %" PRIu64 ": its exchange has neither ended nor is it within its time", requests[i]);
    buffer_free(&left.requests);
    *counts = rules->counts;
}
