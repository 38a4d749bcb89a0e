#include "describe.h"

#include "base/error.h"
#include "text.h"
#include "wire/envelope.h"

#include <inttypes.h>
#include <stdio.h>

void describe(const char *name, const char *value)
{
    if (value != NULL && *value != '\0')
        printf("  %-18s %s\n", name, value);
}

void describe_hex(const char *name, const uint8_t *data, size_t len)
{
    struct buffer text = {0};
    text_put_hex(bytes_make(data, len), &text);
    printf("  %-18s %.*s\n", name, (int)text.len, (const char *)text.data);
    buffer_free(&text);
}

static void line_number(const char *name, uint64_t number)
{
    printf("  %-18s %" PRIu64 "\n", name, number);
}

static void line_time(const char *name, uint64_t time, bool utc)
{
    struct buffer text = {0};
    text_time(time, utc, &text);
    printf("  %-18s %.*s\n", name, (int)text.len, (const char *)text.data);
    buffer_free(&text);
}

static void line_bytes(const char *name, struct bytes value)
{
    if (value.len == 0)
        return;
    struct buffer text = {0};
    text_put(value, &text);
    printf("  %-18s %.*s\n", name, (int)text.len, (const char *)text.data);
    buffer_free(&text);
}

void describe_entry(const struct record *record, bool utc)
{
    const struct entry *entry = &record->entry;
    printf("entry %" PRIu64 ": %s", record->index, entry_type_name(entry->type));
    if (record->has_header)
        printf(" %s", message_kind_name(record->header.kind));
    putchar('\n');
    line_time("time", entry->time, utc);
    describe("outcome", record_outcome(record));
    if (record_refusal(record) != 0)
        describe("in words", refusal_words(record_refusal(record)));
    line_bytes("member", entry->member);
    if (entry->count > 0)
        line_number("refusals", entry->count);
    line_bytes("note", entry->note);
    if (record->has_exchange) {
        char id[37];
        uuid_format(record->exchange_id, id);
        describe("exchange", id);
    }
    if (entry->has_leaf)
        describe_hex("message", entry->leaf, HASH_SIZE);
    if (entry->has_object) {
        describe("takes effect", record_object_name(record));
        describe_hex("object", entry->object, HASH_SIZE);
    }
    if (entry->has_certificate)
        describe_hex("certificate", entry->certificate, HASH_SIZE);
    line_number("registry version", entry->registry_version);
    describe_hex("registry", entry->registry_hash, HASH_SIZE);
}

void describe_header(const struct record *record, bool utc)
{
    const struct header *header = &record->header;
    char service[IDENTIFIER_MOST + CODE_MOST + 2];
    header_service_id(header, service);
    describe("consumer", header->consumer);
    describe("service", service);
    describe("operation", header->operation);
    describe("purpose", header->purpose);
    describe("legal basis", header->legal_basis);
    line_time("created", header->created, utc);
    line_time("expires", header->expires, utc);
    if (header->has_subject)
        describe_hex("subject", header->subject, PSEUDONYM_SIZE);
    if (header->has_agent)
        describe_hex("agent", header->agent, PSEUDONYM_SIZE);
    describe("retention", header->retention);
    if (header->registry_version > 0)
        line_number("signer's registry", header->registry_version);
    if (header->seen_size > 0) {
        line_number("had accepted", header->seen_size);
        describe_hex("with root", header->seen_root, HASH_SIZE);
    }
    if (header->has_request_leaf)
        describe_hex("answers", header->request_leaf, HASH_SIZE);
    if (header->has_body) {
        line_number("sealed bytes", header->sealed_length);
        describe("media type", header->media_type);
        describe_hex("sealed root", header->sealed_root, HASH_SIZE);
        describe_hex("commitment", header->commitment, HASH_SIZE);
    }
    uint8_t leaf[HASH_SIZE];
    envelope_leaf(record->entry.context, record->entry.body, leaf);
    describe_hex("message", leaf, HASH_SIZE);
}
