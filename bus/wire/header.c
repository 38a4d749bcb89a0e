#include "wire/header.h"

#include "base/error.h"
#include "envelope.pb-c.h"
#include "registry/decide.h"
#include "wire/strict.h"

#include <string.h>

static const char *const kind_names[] = {
    [MESSAGE_REQUEST] = "request",         [MESSAGE_RESPONSE] = "response",
    [MESSAGE_DOCUMENT] = "document",       [MESSAGE_EVENT] = "event",
    [MESSAGE_DELIVERY] = "delivery",       [MESSAGE_SKIP] = "skip",
    [MESSAGE_SUBJECT_KEY] = "subject_key", [MESSAGE_REFUSAL] = "refusal",
};

const char *message_kind_name(unsigned kind)
{
    if (kind == 0 || kind >= sizeof(kind_names) / sizeof(kind_names[0]))
        return "unknown";
    return kind_names[kind];
}

/* --- out --- */

static ProtobufCBinaryData text_field(const char *text)
{
    return strict_field(bytes_of_string(text));
}

void header_encode_context(const struct header *header, struct buffer *out)
{
    Wasl__V1__Context c = WASL__V1__CONTEXT__INIT;
    c.version = HEADER_VERSION;
    c.instance = text_field(header->instance);
    c.exchange_id = strict_fixed(true, header->exchange_id, sizeof(header->exchange_id));
    c.kind = (Wasl__V1__Kind)header->kind;
    c.consumer = text_field(header->consumer);
    c.provider = text_field(header->provider);
    c.service = text_field(header->service);
    c.operation = text_field(header->operation);
    c.purpose = text_field(header->purpose);
    c.legal_basis = text_field(header->legal_basis);
    c.registry_version = header->registry_version;
    c.created = header->created;
    c.expires = header->expires;
    c.request_leaf =
        strict_fixed(header->has_request_leaf, header->request_leaf, sizeof(header->request_leaf));
    c.group = strict_fixed(header->has_group, header->group, sizeof(header->group));
    c.lane = header->lane;
    c.sequence = header->sequence;
    c.retention = text_field(header->retention);
    c.seen_size = header->seen_size;
    c.seen_root = strict_fixed(header->seen_size > 0, header->seen_root, sizeof(header->seen_root));
    c.subject = strict_fixed(header->has_subject, header->subject, sizeof(header->subject));
    c.agent = strict_fixed(header->has_agent, header->agent, sizeof(header->agent));
    c.traceparent = strict_fixed(header->has_traceparent, header->traceparent, sizeof(header->traceparent));
    c.outcome = header->outcome;
    strict_pack(&c.base, out);
}

void header_encode_body(const struct header *header, struct buffer *out)
{
    if (!header->has_body)
        return;
    Wasl__V1__Body b = WASL__V1__BODY__INIT;
    b.sealed_root = strict_fixed(true, header->sealed_root, sizeof(header->sealed_root));
    b.slots_hash = strict_fixed(true, header->slots_hash, sizeof(header->slots_hash));
    b.commitment = strict_fixed(true, header->commitment, sizeof(header->commitment));
    b.sealed_length = header->sealed_length;
    b.media_type = text_field(header->media_type);
    strict_pack(&b.base, out);
}

/* --- in --- */

/* The checks below copy; each returns false when the field is there and has no valid form. */

static void take_text(ProtobufCBinaryData field, char *out)
{
    memcpy(out, field.data, field.len);
    out[field.len] = '\0';
}

static bool take_id(ProtobufCBinaryData field, char *out)
{
    if (field.len == 0)
        return true;
    if (field.len > IDENTIFIER_MOST || identifier_parts(strict_bytes(field)) == 0)
        return false;
    take_text(field, out);
    return true;
}

static bool take_part(ProtobufCBinaryData field, char *out)
{
    if (field.len == 0)
        return true;
    if (field.len > CODE_MOST || !identifier_part_valid(strict_bytes(field)))
        return false;
    take_text(field, out);
    return true;
}

static bool take_code(ProtobufCBinaryData field, char *out)
{
    if (field.len == 0)
        return true;
    if (field.len > CODE_MOST || !code_valid(strict_bytes(field)))
        return false;
    take_text(field, out);
    return true;
}

static bool take_context(const Wasl__V1__Context *c, struct header *out)
{
    bool has_id, has_root;
    if (!take_part(c->instance, out->instance) ||
        !strict_take_fixed(c->exchange_id, sizeof(out->exchange_id), out->exchange_id, &has_id) ||
        !take_id(c->consumer, out->consumer) || !take_id(c->provider, out->provider) ||
        !take_part(c->service, out->service) || !take_code(c->operation, out->operation) ||
        !take_code(c->purpose, out->purpose) || !take_code(c->legal_basis, out->legal_basis) ||
        !strict_take_fixed(c->request_leaf, sizeof(out->request_leaf), out->request_leaf,
                           &out->has_request_leaf) ||
        !strict_take_fixed(c->group, sizeof(out->group), out->group, &out->has_group) ||
        !take_code(c->retention, out->retention) ||
        !strict_take_fixed(c->seen_root, sizeof(out->seen_root), out->seen_root, &has_root) ||
        !strict_take_fixed(c->subject, sizeof(out->subject), out->subject, &out->has_subject) ||
        !strict_take_fixed(c->agent, sizeof(out->agent), out->agent, &out->has_agent) ||
        !strict_take_fixed(c->traceparent, sizeof(out->traceparent), out->traceparent, &out->has_traceparent))
        return false;
    out->kind = (enum message_kind)c->kind;
    out->registry_version = c->registry_version;
    out->created = c->created;
    out->expires = c->expires;
    out->lane = c->lane;
    out->sequence = c->sequence;
    out->seen_size = c->seen_size;
    out->outcome = c->outcome;
    return has_id && out->instance[0] != '\0' && out->created != 0 && out->expires != 0 &&
           has_root == (out->seen_size > 0);
}

static bool take_body(struct bytes body, struct header *out)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__body__descriptor, body, &hold))
        return false;
    const Wasl__V1__Body *b = hold.message;
    bool has_root, has_slots, has_commitment;
    bool good = strict_take_fixed(b->sealed_root, sizeof(out->sealed_root), out->sealed_root, &has_root) &&
                has_root &&
                strict_take_fixed(b->slots_hash, sizeof(out->slots_hash), out->slots_hash, &has_slots) &&
                has_slots &&
                strict_take_fixed(b->commitment, sizeof(out->commitment), out->commitment, &has_commitment) &&
                has_commitment && b->sealed_length > 0 && take_code(b->media_type, out->media_type) &&
                out->media_type[0] != '\0';
    out->sealed_length = b->sealed_length;
    out->has_body = true;
    strict_free(&hold);
    return good;
}

static unsigned parts_of(const char *id)
{
    return id[0] == '\0' ? 0 : identifier_parts(bytes_of_string(id));
}

/* The service's whole id must be an identifier too: five parts, 200 bytes. */
static bool service_fits(const struct header *h)
{
    return strlen(h->provider) + 1 + strlen(h->service) <= IDENTIFIER_MOST;
}

static bool names_service(const struct header *h)
{
    return parts_of(h->provider) == 4 && h->service[0] != '\0' && h->operation[0] != '\0' &&
           h->purpose[0] != '\0' && h->legal_basis[0] != '\0' && service_fits(h);
}

static bool names_no_service(const struct header *h)
{
    return h->provider[0] == '\0' && h->service[0] == '\0' && h->operation[0] == '\0' &&
           h->purpose[0] == '\0' && h->legal_basis[0] == '\0';
}

/* What a REFUSAL knows of the service: each field may be missing, none may be of the wrong depth. */
static bool may_name_service(const struct header *h)
{
    if (h->provider[0] == '\0')
        return h->service[0] == '\0';
    return parts_of(h->provider) == 4 && service_fits(h);
}

/* The table "Fields by kind" of proto/README.md. */
static enum refusal check_by_kind(const struct header *h)
{
    if (h->lane != 0 || h->sequence != 0)
        return REFUSAL_MALFORMED;
    bool good;
    switch (h->kind) {
    case MESSAGE_REQUEST:
        good = parts_of(h->consumer) == 4 && names_service(h) && !h->has_request_leaf && h->outcome == 0 &&
               h->has_body;
        break;
    case MESSAGE_RESPONSE:
        good = parts_of(h->consumer) == 4 && names_service(h) && h->has_request_leaf && h->has_body;
        break;
    case MESSAGE_SUBJECT_KEY:
        good = parts_of(h->consumer) == 3 && names_no_service(h) && !h->has_request_leaf && !h->has_subject &&
               !h->has_agent && h->outcome == 0 && h->has_body;
        break;
    case MESSAGE_REFUSAL:
        good = parts_of(h->consumer) == 4 && may_name_service(h) && !h->has_request_leaf && h->outcome != 0 &&
               !h->has_body;
        break;
    default:
        return REFUSAL_UNSUPPORTED_VERSION;
    }
    return good ? REFUSAL_NONE : REFUSAL_MALFORMED;
}

static bool kind_has_rules(Wasl__V1__Kind kind)
{
    return kind == WASL__V1__KIND__REQUEST || kind == WASL__V1__KIND__RESPONSE ||
           kind == WASL__V1__KIND__SUBJECT_KEY || kind == WASL__V1__KIND__REFUSAL;
}

enum refusal header_decode(struct bytes context, struct bytes body, struct header *out)
{
    memset(out, 0, sizeof(*out));
    if (context.len > CONTEXT_MOST || body.len > BODY_MOST)
        return REFUSAL_MALFORMED;
    /* The version is the first field of every version, one byte of key and a varint: so a later one is told
     * from rubbish. */
    if (context.len >= 2 && context.data[0] == 0x08 && context.data[1] != 0 &&
        context.data[1] != HEADER_VERSION)
        return REFUSAL_UNSUPPORTED_VERSION;
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__context__descriptor, context, &hold))
        return REFUSAL_MALFORMED;
    const Wasl__V1__Context *c = hold.message;
    enum refusal refusal = REFUSAL_MALFORMED;
    if (c->version == HEADER_VERSION) {
        if (c->kind != WASL__V1__KIND__KIND_UNSPECIFIED && !kind_has_rules(c->kind))
            refusal = REFUSAL_UNSUPPORTED_VERSION;
        else if (take_context(c, out) && (body.len == 0 || take_body(body, out)))
            refusal = c->kind == WASL__V1__KIND__KIND_UNSPECIFIED ? REFUSAL_MALFORMED : check_by_kind(out);
    }
    strict_free(&hold);
    return refusal;
}

void header_service_id(const struct header *header, char *out)
{
    size_t len = strlen(header->provider);
    memcpy(out, header->provider, len + 1);
    if (header->service[0] == '\0')
        return;
    out[len] = '/';
    strcpy(out + len + 1, header->service);
}

enum refusal header_check_time(const struct header *header, uint64_t now, uint64_t skew)
{
    if (header->created > now && header->created - now > skew)
        return REFUSAL_CREATED_AHEAD;
    if (now > header->expires || header->expires < header->created)
        return REFUSAL_EXPIRED;
    if (header->expires - header->created > LIFETIME_MOST)
        return REFUSAL_LIFETIME_TOO_LONG;
    return REFUSAL_NONE;
}

void header_question(const struct header *header, uint64_t now, char *service_id, struct question *out)
{
    header_service_id(header, service_id);
    *out = (struct question){
        .consumer = bytes_of_string(header->consumer),
        .service = bytes_of_string(service_id),
        .operation = bytes_of_string(header->operation),
        .purpose = bytes_of_string(header->purpose),
        .legal_basis = bytes_of_string(header->legal_basis),
        .now = now,
    };
}

struct bytes header_signer(const struct header *header)
{
    bool answers = header->kind == MESSAGE_RESPONSE || header->kind == MESSAGE_DELIVERY;
    struct bytes id = bytes_of_string(answers ? header->provider : header->consumer);
    return bytes_make(id.data, identifier_prefix(id, 3));
}
