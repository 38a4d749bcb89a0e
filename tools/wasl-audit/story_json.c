/* The same facts as one JSON object; the man page has the names, which stay. */
#include "story.h"

#include "base/clock.h"
#include "json_line.h"
#include "text.h"

#include <string.h>

/* Every object of a kind has the same members: null where there is no value. */
static void set_string(json_t *object, const char *name, const char *value)
{
    bool none = value == NULL || *value == '\0';
    json_object_set_new(object, name, none ? json_null() : json_safe(bytes_of_string(value)));
}

static void set_hash(json_t *object, const char *name, const uint8_t hash[HASH_SIZE])
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(hash, HASH_SIZE, hex);
    json_object_set_new(object, name, json_string(hex));
}

static void set_number(json_t *object, const char *name, uint64_t number)
{
    json_object_set_new(object, name, json_integer(number <= INT64_MAX ? (json_int_t)number : INT64_MAX));
}

static void set_time(json_t *object, const char *name, uint64_t time, bool utc)
{
    if (time == 0) {
        json_object_set_new(object, name, json_null());
        return;
    }
    struct buffer words = {0};
    text_time(time, utc, &words);
    json_object_set_new(object, name, json_stringn((const char *)words.data, words.len));
    buffer_free(&words);
}

static json_t *certificate_object(const struct step *step, const struct telling *telling)
{
    const struct certificate *certificate = step->certificate;
    if (certificate == NULL)
        return json_null();
    json_t *object = json_object();
    set_hash(object, "sha256", certificate->hash);
    set_hash(object, "chain", certificate->object);
    set_number(object, "chain_entry", certificate->entry);
    if (certificate->chain == NULL)
        return object;
    const struct view *view = step_view(step);
    const struct credential *credential =
        credentials_of(telling->credentials, certificate, view != NULL ? view->trust : NULL);
    set_number(object, "chain_length", credential->chain_count);
    set_string(object, "subject", credential->subject);
    set_string(object, "issuer", credential->issuer);
    set_string(object, "serial", credential->serial);
    set_time(object, "not_before", credential->not_before, telling->utc);
    set_time(object, "not_after", credential->not_after, telling->utc);
    json_t *list = json_null();
    if (credential->has_crl) {
        const struct trust_crl_info *crl = &credential->crl;
        list = json_object();
        set_string(list, "issuer", crl->name);
        set_string(list, "number", crl->number);
        set_time(list, "this_update", crl->this_update, telling->utc);
        set_time(list, "next_update", crl->next_update, telling->utc);
        uint64_t age = step->time > crl->this_update ? step->time - crl->this_update : 0;
        set_number(list, "age_seconds", age / MICROSECONDS);
    }
    json_object_set_new(object, "crl", list);
    return object;
}

static json_t *grant_object(const struct registry_grant *grant, const struct telling *telling)
{
    json_t *object = json_object(), *operations = json_array(), *endpoints = json_array(),
           *fields = json_array();
    set_string(object, "consumer", grant->consumer->id);
    set_string(object, "service", grant->service->id);
    set_string(object, "purpose", grant->purpose->code);
    set_string(object, "legal_basis", grant->purpose->legal_basis);
    set_time(object, "expires", grant->expires, telling->utc);
    json_object_set_new(object, "per_day",
                        grant->per_day > 0 ? json_integer((json_int_t)grant->per_day) : json_null());
    for (size_t i = 0; i < grant->operation_count; i++)
        json_array_append_new(operations, json_safe(bytes_of_string(grant->operations[i]->code)));
    for (size_t i = 0; i < grant->endpoint_count; i++) {
        struct buffer words = {0};
        buffer_printf(&words, "%s %s", grant->endpoints[i].method, grant->endpoints[i].path);
        json_array_append_new(endpoints, json_safe(buffer_bytes(&words)));
        buffer_free(&words);
    }
    for (size_t i = 0; i < grant->field_count; i++)
        json_array_append_new(fields, json_safe(bytes_of_string(grant->fields[i])));
    json_object_set_new(object, "operations", operations);
    json_object_set_new(object, "endpoints", endpoints);
    json_object_set_new(object, "fields", fields);
    json_object_set_new(object, "whole", json_boolean(grant->whole));
    return object;
}

static const char *trusted_word(const struct step *step)
{
    if (!step->judged)
        return NULL;
    if (step->judgement.trusted != REFUSAL_NONE)
        return refusal_name(step->judgement.trusted);
    return step->judgement.known ? "good" : "unknown";
}

static json_t *step_object(const struct step *step, const struct telling *telling)
{
    static const char *const signatures[] = {"none", "good", "wrong", "unreadable", "unproven"};
    static const char *const agreements[] = {NULL, "agrees", "disagrees", "unknown"};
    json_t *object = json_object(), *registry = json_object();
    set_number(object, "entry", step->index);
    set_time(object, "time", step->time, telling->utc);
    set_string(object, "type", entry_type_name(step->type));
    set_string(object, "kind", step->kind != 0 ? message_kind_name(step->kind) : NULL);
    set_string(object, "outcome", step->outcome);
    set_string(object, "words", step->refusal != 0 ? refusal_words(step->refusal) : NULL);
    json_object_set_new(object, "by_adapter", json_boolean(step->reported));
    set_string(object, "signer", step->signer);
    set_string(object, "link", step->link);
    set_number(object, "sealed_length", step->sealed_length);
    set_string(object, "signature", signatures[step->signature]);
    set_string(object, "signature_words", step->signature_words);
    json_object_set_new(object, "certificate", certificate_object(step, telling));
    set_string(object, "trusted", trusted_word(step));
    set_number(registry, "version", step->registry_version);
    set_hash(registry, "sha256", step->registry_hash);
    bool lost = step->moment != NULL && step->moment->registry_lost != NULL;
    json_object_set_new(registry, "readable", step->moment != NULL ? json_boolean(!lost) : json_null());
    json_object_set_new(object, "registry", registry);
    bool granted = step->has_decision && step->decision.refusal == REFUSAL_NONE;
    set_string(object, "decision",
               !step->has_decision ? NULL
               : granted           ? "granted"
                                   : refusal_name(step->decision.refusal));
    json_object_set_new(object, "grant", granted ? grant_object(step->decision.grant, telling) : json_null());
    set_string(object, "reason", agreements[step->agreement]);
    set_string(object, "reason_words", step->agreement_words);
    json_object_set_new(object, "receipt", json_boolean(step->covered));
    return object;
}

static json_t *findings_array(const struct kept_findings *findings)
{
    json_t *array = json_array();
    for (size_t at = 0; at < findings->lines.len;) {
        const char *words = (const char *)findings->lines.data + at;
        json_array_append_new(array, json_safe(bytes_of_string(words)));
        at += strlen(words) + 1;
    }
    return array;
}

static json_t *policy_object(const struct policy_verdict *verdict)
{
    json_t *object = json_object();
    set_string(object, "result", policy_result_name(verdict->result));
    set_string(object, "refusal", verdict->refusal != REFUSAL_NONE ? refusal_name(verdict->refusal) : NULL);
    set_string(object, "words", verdict->words);
    return object;
}

static void set_header(json_t *object, const struct story *story, const struct telling *telling)
{
    const struct header none = {0}, *header = story->has_header ? &story->header : &none;
    char service[IDENTIFIER_MOST + CODE_MOST + 2] = "";
    if (story->has_header)
        header_service_id(header, service);
    set_string(object, "consumer", header->consumer);
    set_string(object, "service", service);
    set_string(object, "operation", header->operation);
    set_string(object, "purpose", header->purpose);
    set_string(object, "legal_basis", header->legal_basis);
    set_time(object, "asked", story->count > 0 ? story->steps[0]->time : 0, telling->utc);
    set_time(object, "expires", header->expires, telling->utc);
}

void story_json(const struct story *story, const struct telling *telling, struct buffer *out)
{
    json_t *object = json_object(), *steps = json_array();
    char id[37];
    uuid_format(story->id, id);
    set_string(object, "exchange", id);
    json_object_set_new(object, "continues", json_boolean(story->continues));
    set_header(object, story, telling);
    set_string(object, "end", story_end_name(story));
    bool answered = story->request != NULL && story->terminal != NULL;
    json_object_set_new(object, "duration_us",
                        answered ? json_integer((json_int_t)(story->terminal->time - story->request->time))
                                 : json_null());
    json_object_set_new(object, "good", json_boolean(story->finding_count == 0));
    json_object_set_new(object, "findings", findings_array(&story->findings));
    for (size_t i = 0; i < story->count; i++)
        json_array_append_new(steps, step_object(story->steps[i], telling));
    json_object_set_new(object, "steps", steps);
    json_object_set_new(object, "policy",
                        telling->policy != NULL ? policy_object(&story->policy) : json_null());
    json_line(object, out);
}
