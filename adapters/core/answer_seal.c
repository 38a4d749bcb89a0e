#include "core/answer_seal.h"

#include "base/error.h"
#include "core/common.h"
#include "core/heads.h"

#include <stdio.h>
#include <string.h>

static void copy_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text);
}

static void fill_header(struct common *common, const struct answer_about *about, enum refusal refusal,
                        const uint8_t *key, struct header *h)
{
    common_header(common, MESSAGE_RESPONSE, LIFETIME_MOST, h);
    uint64_t expires = about->request.expires + ANSWER_AFTER_REQUEST;
    if (expires < h->expires && expires > h->created)
        h->expires = expires;
    memcpy(h->exchange_id, about->request.exchange_id, sizeof(h->exchange_id));
    copy_text(h->consumer, sizeof(h->consumer), about->request.consumer);
    copy_text(h->provider, sizeof(h->provider), about->request.provider);
    copy_text(h->service, sizeof(h->service), about->request.service);
    copy_text(h->operation, sizeof(h->operation), about->request.operation);
    copy_text(h->purpose, sizeof(h->purpose), about->request.purpose);
    copy_text(h->legal_basis, sizeof(h->legal_basis), about->request.legal_basis);
    copy_text(h->retention, sizeof(h->retention), about->request.retention);
    copy_text(h->media_type, sizeof(h->media_type), about->request.media_type);
    h->has_traceparent = about->request.has_traceparent;
    memcpy(h->traceparent, about->request.traceparent, sizeof(h->traceparent));
    h->has_request_leaf = true;
    memcpy(h->request_leaf, about->leaf, HASH_SIZE);
    h->outcome = refusal;
    if (key != NULL) {
        h->has_subject = true;
        pseudonym(key, PSEUDONYM_SUBJECT, bytes_of_string(subject_type_name(about->subject_type)),
                  bytes_of_string(about->subject), h->subject);
    }
}

/* To whom an answer is sealed; NULL: it cannot be. */
static const struct registry_sealing_key *key_of(const struct common *common, const struct registry *registry,
                                                 const char *consumer, const struct registry_member **member)
{
    *member = registry_member(registry, bytes_of_string(consumer));
    return *member == NULL ? NULL : registry_sealing_key(*member, common_now(common));
}

bool answer_sealable(const struct common *common, const struct registry *registry, const char *consumer)
{
    const struct registry_member *member;
    return key_of(common, registry, consumer, &member) != NULL;
}

struct parcel *answer_seal(struct common *common, const struct answer_about *about, enum refusal refusal,
                           const struct reply *reply, const uint8_t *key, struct error *e)
{
    const struct registry_member *consumer;
    const struct registry_sealing_key *sealing =
        key_of(common, about->registry, about->request.consumer, &consumer);
    if (sealing == NULL) {
        error_set(e, ERROR_CONFIG, "the consumer has no sealing key that is valid now");
        return NULL;
    }
    struct header h;
    fill_header(common, about, refusal, key, &h);
    struct seal_receiver receiver = {.receiver = consumer->id};
    memcpy(receiver.public_key, sealing->public_key, 32);
    struct buffer head = {0};
    response_head_encode(reply, refusal, &head);
    struct parcel *parcel =
        parcel_make(common->options.signer, common->contexts, &h, buffer_bytes(&head),
                    refusal == REFUSAL_NONE ? buffer_bytes(&reply->body) : bytes_make(NULL, 0),
                    about->service != NULL && about->service->pad, &receiver, 1, e);
    buffer_free(&head);
    return parcel;
}
