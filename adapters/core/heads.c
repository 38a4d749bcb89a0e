#include "core/heads.h"

#include "content.pb-c.h"
#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

/* Flat: name, value, name, value, ... The caller frees it. */
static ProtobufCBinaryData *fields_make(const struct http_headers *headers)
{
    ProtobufCBinaryData *fields = memory_zeroed(2 * headers->count, sizeof(*fields));
    for (size_t i = 0; i < headers->count; i++) {
        fields[2 * i] = strict_field(bytes_of_string(headers->items[i].name));
        fields[2 * i + 1] = strict_field(bytes_of_string(headers->items[i].value));
    }
    return fields;
}

static bool clean(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] == '\0' || b.data[i] == '\r' || b.data[i] == '\n')
            return false;
    return true;
}

/* They go into HTTP messages again. */
static bool take_headers(size_t count, const ProtobufCBinaryData *fields, struct http_headers *out)
{
    if (count % 2 != 0)
        return false;
    for (size_t i = 0; i < count; i += 2) {
        struct bytes name = strict_bytes(fields[i]), value = strict_bytes(fields[i + 1]);
        if (!http_field_valid(name, value))
            return false;
        http_headers_add_bytes(out, name, value);
    }
    return true;
}

void request_head_encode(const struct ask *ask, struct buffer *out)
{
    ProtobufCBinaryData *fields = fields_make(&ask->headers);
    Wasl__V1__RequestHead m = WASL__V1__REQUEST_HEAD__INIT;
    m.method = strict_field(buffer_bytes(&ask->method));
    m.path = strict_field(buffer_bytes(&ask->path));
    m.query = strict_field(buffer_bytes(&ask->query));
    m.n_header = 2 * ask->headers.count;
    m.header = fields;
    if (ask->subject_type != SUBJECT_NONE) {
        m.subject_type = strict_field(bytes_of_string(subject_type_name(ask->subject_type)));
        m.subject_value = strict_field(bytes_of_string(ask->subject));
    }
    m.request_id = strict_field(buffer_bytes(&ask->request_id));
    m.request_hash = strict_field(buffer_bytes(&ask->request_hash));
    strict_pack(&m.base, out);
    free(fields);
}

static bool take_request(const Wasl__V1__RequestHead *m, struct call *call, enum subject_type *type,
                         char *subject)
{
    buffer_append_bytes(&call->method, strict_bytes(m->method));
    buffer_append_bytes(&call->path, strict_bytes(m->path));
    buffer_append_bytes(&call->query, strict_bytes(m->query));
    *type = SUBJECT_NONE;
    subject[0] = '\0';
    if (m->subject_type.len > 0) {
        *type = subject_type_by_name(strict_bytes(m->subject_type));
        if (*type == SUBJECT_NONE || m->subject_value.len >= 64 || !clean(strict_bytes(m->subject_value)))
            return false;
    }
    if (m->subject_value.len > 0) {
        if (*type == SUBJECT_NONE)
            return false;
        memcpy(subject, m->subject_value.data, m->subject_value.len);
        subject[m->subject_value.len] = '\0';
    }
    return take_headers(m->n_header, m->header, &call->headers);
}

bool request_head_decode(struct bytes head, struct call *call, enum subject_type *type, char *subject)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__request_head__descriptor, head, &hold))
        return false;
    bool good = take_request(hold.message, call, type, subject);
    strict_free(&hold);
    return good;
}

void response_head_encode(const struct reply *reply, enum refusal refusal, struct buffer *out)
{
    ProtobufCBinaryData *fields = fields_make(&reply->headers);
    Wasl__V1__ResponseHead m = WASL__V1__RESPONSE_HEAD__INIT;
    if (refusal == REFUSAL_NONE) {
        m.status = reply->status;
        m.n_header = 2 * reply->headers.count;
        m.header = fields;
    } else {
        m.error_type = strict_field(bytes_of_string(refusal_xroad_type(refusal)));
        m.error_message = strict_field(bytes_of_string(refusal_words(refusal)));
    }
    strict_pack(&m.base, out);
    free(fields);
}

bool response_head_decode(struct bytes head, unsigned *status, struct http_headers *headers)
{
    struct strict_message hold;
    if (!strict_unpack(&wasl__v1__response_head__descriptor, head, &hold))
        return false;
    const Wasl__V1__ResponseHead *m = hold.message;
    *status = m->status;
    bool good = take_headers(m->n_header, m->header, headers);
    strict_free(&hold);
    return good;
}
