#include "broker/judge.h"

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "envelope.pb-c.h"
#include "registry/decide.h"
#include "wire/sealed.h"
#include "wire/signer.h"
#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

/* What a sealed plaintext holds beside the body: its framing, and the head with the call's path and headers.
 */
#define HEAD_MOST        ((uint64_t)64 * 1024)
#define FRAMING          ((uint64_t)12)
#define SUBJECT_KEY_MOST ((uint64_t)4096)

/* What the steps look at. */
struct considered {
    const struct registry *registry;
    struct message *m;
    struct bytes member; /* of the link */
    const struct registry_service *service;
};

/* 1. Form */
static enum refusal judge_form(const struct message *m, const char *instance, struct signature_block *block)
{
    if (m->form != REFUSAL_NONE)
        return m->form;
    if (signature_block_decode(buffer_bytes(&m->signature), block) != REFUSAL_NONE)
        return REFUSAL_MALFORMED;
    return strcmp(m->header.instance, instance) == 0 ? REFUSAL_NONE : REFUSAL_WRONG_INSTANCE;
}

/* 2. Who */
static enum refusal judge_signer(const struct job *job, const struct considered *c,
                                 const struct signature_block *block, struct chains *chains, uint64_t now)
{
    const struct signer_rules rules = {c->registry, snapshot_trust(job->snapshot), now};
    if (signer_due(&rules, &c->m->header) == NULL)
        return REFUSAL_UNKNOWN_MEMBER;
    if (!bytes_equal(header_signer(&c->m->header), c->member))
        return REFUSAL_WRONG_SIGNER;
    struct presented *presented = chains_find(chains, block->certificate);
    if (presented == NULL)
        return REFUSAL_UNKNOWN_CERTIFICATE;
    enum refusal refusal = REFUSAL_WRONG_SIGNER;
    bool crl_stale = false; /* said when the session opens */
    if (bytes_equal_string(c->member, presented->member))
        refusal = signer_check(&rules, &c->m->header, block, c->m->leaf, presented->chain, &crl_stale);
    presented_free(presented);
    return refusal;
}

/* 4. Seal */

static bool receiver_is_due(const struct header *h, struct bytes receiver)
{
    if (h->kind == MESSAGE_SUBJECT_KEY)
        return bytes_equal_string(receiver, "oversight");
    struct bytes id = bytes_of_string(h->kind == MESSAGE_REQUEST ? h->provider : h->consumer);
    return bytes_equal(receiver, bytes_make(id.data, identifier_prefix(id, 3)));
}

static bool slot_good(struct bytes slot, const struct header *h)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__slot__descriptor, slot, &hold))
        return false;
    const Wasl__V1__Slot *s = hold.message;
    bool good = s->key_id.len == HASH_SIZE && s->enc.len == 32 && (s->label.len == 0 || s->label.len == 32) &&
                s->sealed.len == 80 && receiver_is_due(h, strict_bytes(s->receiver));
    strict_free(&hold);
    return good;
}

/* A day key that nobody could open is not escrowed. */
static bool is_for_oversight(const struct considered *c, struct bytes slot)
{
    uint8_t key[32], id[HASH_SIZE];
    struct strict_message hold;
    if (!registry_oversight_key(c->registry, c->m->header.created, key) ||
        !strict_unpack(&wasl__v1__slot__descriptor, slot, &hold))
        return false;
    sha256(bytes_make(key, sizeof(key)), id);
    bool good =
        bytes_equal(strict_bytes(((const Wasl__V1__Slot *)hold.message)->key_id), bytes_make(id, sizeof(id)));
    strict_free(&hold);
    return good;
}

static bool slots_good(const struct considered *c)
{
    const struct message *m = c->m;
    /* Each kind has one receiver. */
    if (m->slot_count != 1 || !slot_good(buffer_bytes(&m->slots[0]), &m->header))
        return false;
    if (m->header.kind == MESSAGE_SUBJECT_KEY && !is_for_oversight(c, buffer_bytes(&m->slots[0])))
        return false;
    uint8_t hash[1][HASH_SIZE];
    slot_hash(buffer_bytes(&m->slots[0]), hash[0]);
    return sealed_slots_match(&m->header, (const uint8_t(*)[HASH_SIZE])hash, 1);
}

/* Sealed bytes that a body of `most` bytes can come to: head, framing, Padme's eighth, tags. */
static uint64_t sealed_most(uint64_t most)
{
    uint64_t plain = most + HEAD_MOST + FRAMING;
    plain += plain / 8 + 256;
    return plain + (plain / SEAL_CHUNK + 1) * SEAL_TAG;
}

static enum refusal judge_seal(const struct considered *c)
{
    const struct message *m = c->m;
    const struct header *h = &m->header;
    if (!h->has_body)
        return m->slot_count == 0 && m->chunk_count == 0 ? REFUSAL_NONE : REFUSAL_BAD_SEAL;
    /* A body too large to be gathered is known by its length alone. */
    if (m->oversize)
        return REFUSAL_TOO_LARGE;
    if (!slots_good(c) || !m->whole || !sealed_chunks_match(h, m->chunks, m->chunk_count))
        return REFUSAL_BAD_SEAL;
    uint64_t most = SUBJECT_KEY_MOST;
    if (h->kind != MESSAGE_SUBJECT_KEY) {
        if (c->service == NULL)
            return REFUSAL_NONE; /* step 5 says so */
        most = h->kind == MESSAGE_REQUEST ? c->service->most_request : c->service->most_response;
    }
    return h->sealed_length <= sealed_most(most) ? REFUSAL_NONE : REFUSAL_TOO_LARGE;
}

/* 5. May it */
static enum refusal judge_grant(const struct considered *c, const struct question *question)
{
    struct message *m = c->m;
    struct decision decision;
    decide(c->registry, question, &decision);
    if (decision.refusal != REFUSAL_NONE)
        return decision.refusal;
    if (decision.grant->per_day > 0) {
        m->has_quota = true;
        m->per_day = decision.grant->per_day;
        memcpy(m->quota_key, decision.grant->id, HASH_SIZE);
    }
    uint64_t wait = question->now + decision.service->timeout;
    m->deadline = decision.service->timeout > 0 && wait < m->header.expires ? wait : m->header.expires;
    return REFUSAL_NONE;
}

/* A refusal that a member reports needs a subsystem of the registry and no grant, a day key nothing more. A
 * response is not for a member that was suspended or removed since it asked. */
static enum refusal judge_consumer(const struct considered *c)
{
    struct bytes id = bytes_of_string(c->m->header.consumer);
    switch (c->m->header.kind) {
    case MESSAGE_REFUSAL:
        return registry_subsystem(c->registry, id) != NULL ? REFUSAL_NONE : REFUSAL_UNKNOWN_MEMBER;
    case MESSAGE_RESPONSE:
        return registry_standing(c->registry, id);
    default:
        return REFUSAL_NONE;
    }
}

static enum refusal judge_all(struct job *job, const char *instance, struct chains *chains, uint64_t now)
{
    struct message *m = &job->message;
    struct considered c = {snapshot_registry(job->snapshot), m, bytes_of_string(job->member), NULL};
    struct signature_block block;
    enum refusal refusal = judge_form(m, instance, &block);
    if (refusal != REFUSAL_NONE)
        return refusal;
    m->keep_header = true;
    if ((refusal = judge_signer(job, &c, &block, chains, now)) != REFUSAL_NONE ||
        (refusal = header_check_time(&m->header, now, CLOCK_SKEW)) != REFUSAL_NONE) /* 3. When */
        return refusal;

    char service_id[IDENTIFIER_MOST + CODE_MOST + 2];
    struct question question;
    header_question(&m->header, now, service_id, &question);
    c.service = registry_service(c.registry, question.service);
    if ((refusal = judge_seal(&c)) != REFUSAL_NONE)
        return refusal;
    if (m->header.kind != MESSAGE_REQUEST)
        return judge_consumer(&c);
    if ((refusal = judge_grant(&c, &question)) != REFUSAL_NONE)
        return refusal;
    return m->room; /* 6. Can it */
}

void judge(struct job *job, const char *instance, struct chains *chains, uint64_t now)
{
    job->message.keep_header = job->message.has_quota = false; /* it may be judged for the second time */
    job->message.verdict = judge_all(job, instance, chains, now);
}
