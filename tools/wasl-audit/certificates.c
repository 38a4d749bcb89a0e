#include "certificates.h"

#include "base/error.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct certificates {
    struct reader *reader;
    struct certificate **items;
    size_t count, capacity;
    size_t last; /* the one found last: entries of one member come together */
};

struct certificate *certificate_ref(struct certificate *certificate)
{
    atomic_fetch_add(&certificate->references, 1);
    return certificate;
}

void certificate_free(struct certificate *certificate)
{
    if (certificate == NULL || atomic_fetch_sub(&certificate->references, 1) != 1)
        return;
    chain_free(certificate->chain);
    free(certificate->fault);
    free(certificate);
}

struct certificates *certificates_new(struct reader *reader)
{
    struct certificates *certificates = memory_zeroed(1, sizeof *certificates);
    certificates->reader = reader;
    return certificates;
}

void certificates_free(struct certificates *certificates)
{
    if (certificates == NULL)
        return;
    for (size_t i = 0; i < certificates->count; i++)
        certificate_free(certificates->items[i]);
    free(certificates->items);
    free(certificates);
}

static struct certificate **find(struct certificates *certificates, const uint8_t hash[HASH_SIZE])
{
    for (size_t n = 0; n < certificates->count; n++) {
        size_t i = (certificates->last + n) % certificates->count;
        if (memcmp(certificates->items[i]->hash, hash, HASH_SIZE) == 0) {
            certificates->last = i;
            return &certificates->items[i];
        }
    }
    return NULL;
}

void certificates_note(struct certificates *certificates, const struct record *record)
{
    const struct entry *entry = &record->entry;
    if (entry->type != ENTRY_REGISTRY || !entry->has_object || !entry->has_certificate)
        return;
    struct certificate **place = find(certificates, entry->certificate);
    if (place != NULL && memcmp((*place)->object, entry->object, HASH_SIZE) == 0)
        return;
    if (place == NULL && certificates->count == certificates->capacity) {
        size_t capacity = certificates->capacity > 0 ? 2 * certificates->capacity : 16;
        struct certificate **items = memory_zeroed(capacity, sizeof(struct certificate *));
        if (certificates->count > 0)
            memcpy(items, certificates->items, certificates->count * sizeof(struct certificate *));
        free(certificates->items);
        certificates->items = items;
        certificates->capacity = capacity;
    }
    if (place == NULL)
        place = &certificates->items[certificates->count++];
    /* The same certificate with other intermediates: from here on this chain. */
    certificate_free(*place);
    *place = memory_zeroed(1, sizeof **place);
    atomic_init(&(*place)->references, 1);
    (*place)->entry = record->index;
    memcpy((*place)->hash, entry->certificate, HASH_SIZE);
    memcpy((*place)->object, entry->object, HASH_SIZE);
}

/* A fault is kept, so that it is found once and not fetched for every entry. */
static int load(struct reader *reader, struct certificate *certificate, struct error *e)
{
    struct buffer der = {0};
    int found = reader_object(reader, certificate->object, &der, e);
    if (found < 0 && e->kind != ERROR_INTEGRITY) {
        buffer_free(&der);
        return -1;
    }
    struct error fault = {0};
    if (found < 0) {
        fault = *e;
    } else if (found == 0) {
        char hex[2 * HASH_SIZE + 1];
        hex_encode(certificate->object, HASH_SIZE, hex);
        error_set(&fault, ERROR_INTEGRITY,
                  "the trust store has no object %s, the chain of its certificate (named by entry %" PRIu64
                  ")",
                  hex, certificate->entry);
    } else {
        certificate->chain = chain_parse_der(buffer_bytes(&der), &fault);
        if (certificate->chain != NULL &&
            memcmp(chain_leaf_hash(certificate->chain), certificate->hash, HASH_SIZE) != 0) {
            chain_free(certificate->chain);
            certificate->chain = NULL;
            error_set(&fault, ERROR_INTEGRITY, "the chain in the trust store belongs to another certificate");
        }
    }
    buffer_free(&der);
    if (certificate->chain != NULL) {
        certificate->key = X509_get0_pubkey(chain_leaf(certificate->chain));
        certificate->algorithm = certificate->key != NULL ? signature_algorithm_of(certificate->key) : 0;
        ERR_clear_error();
        if (certificate->algorithm == 0)
            error_set(&fault, ERROR_INTEGRITY, "its certificate has a key of a kind that is not used here");
    }
    if (fault.kind != ERROR_NONE)
        certificate->fault = string_copy(fault.text);
    return 0;
}

struct certificate *certificates_find(struct certificates *certificates, const uint8_t hash[HASH_SIZE],
                                      int *status, struct error *e)
{
    struct certificate **place = find(certificates, hash);
    *status = 0;
    if (place == NULL)
        return NULL;
    if ((*place)->chain == NULL && (*place)->fault == NULL)
        *status = load(certificates->reader, *place, e);
    return *place;
}

int certificates_for(struct certificates *certificates, const struct signature_block *block, char words[256],
                     struct certificate **used, struct error *e)
{
    int status;
    *used = NULL;
    struct certificate *certificate = certificates_find(certificates, block->certificate, &status, e);
    if (status != 0)
        return -1;
    *used = certificate;
    if (certificate == NULL) {
        char hex[2 * HASH_SIZE + 1];
        hex_encode(block->certificate, HASH_SIZE, hex);
        snprintf(words, 256, "no earlier entry names the certificate %.16s... that signed it", hex);
        return 0;
    }
    if (certificate->fault != NULL) {
        snprintf(words, 256, "%.250s", certificate->fault);
        return 0;
    }
    return 1;
}

bool certificate_signed(const struct certificate *certificate, const struct record *record,
                        const struct signature_block *block)
{
    uint8_t leaf[HASH_SIZE];
    envelope_leaf(record->entry.context, record->entry.body, leaf);
    return envelope_verify(block, record->header.instance, leaf, certificate->key, certificate->algorithm) ==
           REFUSAL_NONE;
}

int certificates_check(struct certificates *certificates, const struct record *record, char words[256],
                       const struct certificate **used, struct error *e)
{
    struct signature_block block;
    struct certificate *certificate;
    *used = NULL;
    if (signature_block_decode(record->entry.signature, &block) != REFUSAL_NONE) {
        snprintf(words, 256, SIGNATURE_UNREADABLE);
        return 0;
    }
    int found = certificates_for(certificates, &block, words, &certificate, e);
    *used = certificate;
    if (found != 1 || certificate_signed(certificate, record, &block))
        return found;
    snprintf(words, 256, SIGNATURE_WRONG);
    return 0;
}
