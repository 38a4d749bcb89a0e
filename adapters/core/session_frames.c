#include "core/session_frames.h"

#include "wire/strict.h"

#include <stdlib.h>
#include <string.h>

#define CRLS_MOST 256

bool hashes_take(size_t count, const ProtobufCBinaryData *fields, uint8_t (**out)[HASH_SIZE])
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].len != HASH_SIZE)
            return false;
    *out = memory_zeroed(count + 1, HASH_SIZE);
    for (size_t i = 0; i < count; i++)
        memcpy((*out)[i], fields[i].data, HASH_SIZE);
    return true;
}

static bool take_holdings(uint64_t version, ProtobufCBinaryData hash, size_t count,
                          const ProtobufCBinaryData *crls, struct session_holdings *out, struct bytes **hold)
{
    if ((hash.len != 0 && hash.len != HASH_SIZE) || count > CRLS_MOST)
        return false;
    for (size_t i = 0; i < count; i++)
        if (crls[i].len != HASH_SIZE)
            return false;
    *hold = memory_zeroed(count + 1, sizeof(**hold));
    for (size_t i = 0; i < count; i++)
        (*hold)[i] = strict_bytes(crls[i]);
    *out = (struct session_holdings){version, strict_bytes(hash), *hold, count};
    return true;
}

bool notice_view_make(const Wasl__V1__Notice *m, struct notice_view *out)
{
    *out = (struct notice_view){0};
    return take_holdings(m->registry_version, m->registry_hash, m->n_crl, m->crl, &out->holdings, &out->crls);
}

void notice_view_clear(struct notice_view *view)
{
    free(view->crls);
}

bool welcome_view_make(const Wasl__V1__Welcome *m, struct welcome_view *out)
{
    *out = (struct welcome_view){0};
    if (m->n_consistency > TREE_HASHES_MOST ||
        !hashes_take(m->n_consistency, m->consistency, &out->consistency))
        return false;
    if (!take_holdings(m->registry_version, m->registry_hash, m->n_crl, m->crl, &out->welcome.holdings,
                       &out->crls)) {
        free(out->consistency);
        return false;
    }
    out->welcome.time = m->time;
    out->welcome.checkpoint = strict_bytes(m->checkpoint);
    out->welcome.consistency = (const uint8_t(*)[HASH_SIZE])out->consistency;
    out->welcome.consistency_count = m->n_consistency;
    return true;
}

void welcome_view_clear(struct welcome_view *view)
{
    free(view->consistency);
    free(view->crls);
}

void hello_view_make(struct hello_view *out, const struct chain *chain, const char *const *subsystems,
                     size_t count)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < chain_count(chain) && i < 6; i++) {
        chain_certificate_der(chain, i, &out->ders[i]);
        out->certificates[i] = strict_field(buffer_bytes(&out->ders[i]));
        out->certificate_count++;
    }
    for (size_t i = 0; i < count && i < 256; i++) {
        out->subsystems[i] = strict_field(bytes_of_string(subsystems[i]));
        out->subsystem_count++;
    }
}

void hello_view_clear(struct hello_view *view)
{
    for (size_t i = 0; i < view->certificate_count; i++)
        buffer_free(&view->ders[i]);
}
