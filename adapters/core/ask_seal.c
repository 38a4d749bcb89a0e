#include "core/ask_seal.h"

#include "base/error.h"
#include "core/common.h"
#include "core/heads.h"

#include <stdio.h>
#include <string.h>

static void copy_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text);
}

static void name_service(const char *service, struct header *h)
{
    struct bytes id = bytes_of_string(service);
    if (identifier_parts(id) != 5)
        return;
    size_t provider = identifier_prefix(id, 4);
    memcpy(h->provider, service, provider);
    copy_text(h->service, sizeof(h->service), service + provider + 1);
}

static void put_pseudonyms(const struct ask *ask, const uint8_t key[32], struct header *h)
{
    if (ask->subject_type != SUBJECT_NONE) {
        pseudonym(key, PSEUDONYM_SUBJECT, bytes_of_string(subject_type_name(ask->subject_type)),
                  bytes_of_string(ask->subject), h->subject);
        h->has_subject = true;
    }
    if (ask->agent.len > 0) {
        pseudonym(key, PSEUDONYM_AGENT, bytes_of_string("userid"), buffer_bytes(&ask->agent), h->agent);
        h->has_agent = true;
    }
}

static uint64_t lifetime_of(const struct common *common, const struct registry_service *service)
{
    uint64_t most =
        common->options.request_timeout < LIFETIME_MOST ? common->options.request_timeout : LIFETIME_MOST;
    return service->timeout > 0 && service->timeout < most ? service->timeout : most;
}

struct parcel *ask_seal(struct common *common, const struct ask *ask, const struct decision *decision,
                        const uint8_t *key, struct header *h, struct error *e)
{
    const struct registry_service *service = decision->service;
    const struct registry_member *provider = service->subsystem->member;
    const struct registry_sealing_key *sealing = registry_sealing_key(provider, common_now(common));
    if (sealing == NULL) {
        error_set(e, ERROR_CONFIG, "%s has no sealing key that is valid now", provider->id);
        return NULL;
    }
    common_header(common, MESSAGE_REQUEST, lifetime_of(common, service), h);
    memcpy(h->exchange_id, ask->exchange_id, sizeof(h->exchange_id));
    copy_text(h->consumer, sizeof(h->consumer), ask->consumer);
    copy_text(h->provider, sizeof(h->provider), service->subsystem->id);
    copy_text(h->service, sizeof(h->service), service->code);
    copy_text(h->operation, sizeof(h->operation), decision->operation->code);
    copy_text(h->purpose, sizeof(h->purpose), decision->grant->purpose->code);
    copy_text(h->legal_basis, sizeof(h->legal_basis), decision->grant->purpose->legal_basis);
    copy_text(h->retention, sizeof(h->retention), service->retention);
    copy_text(h->media_type, sizeof(h->media_type),
              service->media_type[0] != '\0' ? service->media_type : "application/json");
    h->has_traceparent = ask->has_traceparent;
    memcpy(h->traceparent, ask->traceparent, sizeof(h->traceparent));
    if (key != NULL)
        put_pseudonyms(ask, key, h);

    struct seal_receiver receiver = {.receiver = provider->id};
    memcpy(receiver.public_key, sealing->public_key, 32);
    struct buffer head = {0};
    request_head_encode(ask, &head);
    struct parcel *parcel = parcel_make(common->options.signer, common->contexts, h, buffer_bytes(&head),
                                        buffer_bytes(&ask->body), service->pad, &receiver, 1, e);
    buffer_free(&head);
    return parcel;
}

struct parcel *ask_seal_refusal(struct common *common, const struct ask *ask, enum refusal refusal,
                                const struct decision *decision, uint64_t lifetime, struct error *e)
{
    struct header h;
    uint8_t key[32];
    common_header(common, MESSAGE_REFUSAL, lifetime, &h);
    memcpy(h.exchange_id, ask->exchange_id, sizeof(h.exchange_id));
    copy_text(h.consumer, sizeof(h.consumer), ask->consumer);
    name_service(ask->service, &h);
    if (code_valid(bytes_of_string(ask->purpose)))
        copy_text(h.purpose, sizeof(h.purpose), ask->purpose);
    if (decision != NULL && decision->operation != NULL)
        copy_text(h.operation, sizeof(h.operation), decision->operation->code);
    h.outcome = refusal;
    if (common_day_key(common, h.created, key) == PSEUDONYMS_READY)
        put_pseudonyms(ask, key, &h);
    explicit_bzero(key, sizeof(key));
    return parcel_make(common->options.signer, common->contexts, &h, bytes_make(NULL, 0), bytes_make(NULL, 0),
                       false, NULL, 0, e);
}
