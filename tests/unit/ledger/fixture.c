#include "fixture.h"
#include "../scratch.h"

#include <stdlib.h>
#include <unistd.h>

int fixture_setup(void **state)
{
    struct fixture *f = memory_zeroed(1, sizeof(*f));
    struct error e = {0};

    strcpy(f->folder, "/tmp/wasl-ledger-XXXXXX");
    if (mkdtemp(f->folder) == NULL ||
        note_signer_generate("bus.test/ledger", NOTE_ED25519, &f->signer, &e) != 0)
        return -1;
    f->map_size = (size_t)64 << 20;
    f->now = NOW;
    fixture_open(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    fixture_close(f);
    int result = scratch_delete(f->folder);
    free(f);
    return result;
}

static struct ledger *try_open(struct fixture *f, struct error *e)
{
    const struct ledger_options options = {
        .folder = f->folder, .map_size = f->map_size, .signer = &f->signer, .create = true};

    return ledger_open(&options, e);
}

void fixture_open(struct fixture *f)
{
    struct error e = {0};

    f->ledger = try_open(f, &e);
    if (f->ledger == NULL)
        fail_msg("the ledger does not open: %s", e.text);
}

struct error fixture_open_fails(struct fixture *f)
{
    struct error e = {0};

    f->ledger = try_open(f, &e);
    assert_null(f->ledger);
    return e;
}

void fixture_close(struct fixture *f)
{
    ledger_close(f->ledger);
    f->ledger = NULL;
}

void message_encode(struct message *m)
{
    static const char signature[] = "a signature of some length, as long as a P-256 block is: "
                                    "................................................";

    buffer_clear(&m->context);
    buffer_clear(&m->body);
    header_encode_context(&m->header, &m->context);
    header_encode_body(&m->header, &m->body);
    envelope_leaf(buffer_bytes(&m->context), buffer_bytes(&m->body), m->leaf);
    m->put.context = buffer_bytes(&m->context);
    m->put.body = buffer_bytes(&m->body);
    m->put.signature = bytes_of_string(signature);
    m->put.header = &m->header;
    m->put.leaf = m->leaf;
    m->put.keep_header = true;
    m->put.member = header_signer(&m->header);
}

void message_request(const struct fixture *f, uint32_t id, struct message *m)
{
    struct header *h = &m->header;

    memset(m, 0, sizeof(*m));
    strcpy(h->instance, "TN");
    put_u32be(h->exchange_id, id);
    h->exchange_id[6] = 0x40;
    h->kind = MESSAGE_REQUEST;
    strcpy(h->consumer, "TN/GOV/MEN/enrolment");
    strcpy(h->provider, "TN/GOV/MI/civil");
    strcpy(h->service, "person");
    strcpy(h->operation, "get");
    strcpy(h->purpose, "school-enrolment");
    strcpy(h->legal_basis, "LAW-2002-80");
    h->registry_version = 1;
    h->created = f->now;
    h->expires = f->now + 60 * MICROSECONDS;
    h->has_body = true;
    memset(h->sealed_root, 1, HASH_SIZE);
    memset(h->slots_hash, 2, HASH_SIZE);
    memset(h->commitment, 3, HASH_SIZE);
    h->sealed_length = 300;
    strcpy(h->media_type, "application/json");
    m->put.deadline = f->now + 10 * MICROSECONDS;
    message_encode(m);
}

void message_response(const struct fixture *f, const struct message *request, struct message *m)
{
    memset(m, 0, sizeof(*m));
    m->header = request->header;
    m->header.kind = MESSAGE_RESPONSE;
    m->header.created = f->now;
    m->header.has_subject = m->header.has_agent = false;
    m->header.has_request_leaf = true;
    memcpy(m->header.request_leaf, request->leaf, HASH_SIZE);
    message_encode(m);
}

void message_subject_key(const struct fixture *f, uint32_t id, const char *member, struct message *m)
{
    message_request(f, id, m);
    m->header.kind = MESSAGE_SUBJECT_KEY;
    strcpy(m->header.consumer, member);
    m->header.provider[0] = m->header.service[0] = m->header.operation[0] = '\0';
    m->header.purpose[0] = m->header.legal_basis[0] = '\0';
    message_encode(m);
}

void message_free(struct message *m)
{
    buffer_free(&m->context);
    buffer_free(&m->body);
}

void begin(struct fixture *f)
{
    struct error e = {0};

    if (ledger_begin(f->ledger, f->now, &e) != 0)
        fail_msg("begin: %s", e.text);
}

void commit(struct fixture *f)
{
    struct error e = {0};

    if (ledger_commit(f->ledger, &e) != 0)
        fail_msg("commit: %s", e.text);
}

struct ledger_result put(struct fixture *f, struct message *m)
{
    struct ledger_result result;
    struct error e = {0};

    if (ledger_put_message(f->ledger, &m->put, &result, &e) != 0)
        fail_msg("put: %s", e.text);
    return result;
}

struct ledger_result put_alone(struct fixture *f, struct message *m)
{
    begin(f);
    struct ledger_result result = put(f, m);
    commit(f);
    return result;
}

struct entry entry_at(struct fixture *f, uint64_t index, struct entry_hold *hold)
{
    struct buffer data = {0};
    struct entry entry;
    struct error e = {0};

    assert_int_equal(ledger_read_entry(f->ledger, index, &data, &e), 1);
    assert_true(entry_decode(buffer_bytes(&data), &entry, hold));
    buffer_free(&data);
    return entry;
}

void assert_entry(struct fixture *f, uint64_t index, unsigned type, enum refusal reason)
{
    struct entry_hold hold;
    struct entry entry = entry_at(f, index, &hold);

    assert_string_equal(entry_type_name(entry.type), entry_type_name(type));
    assert_string_equal(refusal_name(entry.reason), refusal_name(reason));
    entry_release(&hold);
}

void fill(struct fixture *f, uint32_t from, uint32_t count, uint32_t batch)
{
    struct message request;

    for (uint32_t i = 0; i < count; i++) {
        if (i % batch == 0)
            begin(f);
        message_request(f, from + i, &request);
        assert_int_equal(put(f, &request).type, ENTRY_ADMITTED);
        message_free(&request);
        if (i % batch == batch - 1 || i == count - 1)
            commit(f);
    }
}
