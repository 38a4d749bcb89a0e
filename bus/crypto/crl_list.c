#include "crypto/crl_list.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define CRLS_MOST      ((size_t)256)
#define CRL_BYTES_MOST ((size_t)16 << 20)

struct crl_list {
    struct crl *items;
    size_t count;
};

struct crl_list *crl_list_new(void)
{
    struct crl_list *list = memory_zeroed(1, sizeof(*list));

    list->items = memory_zeroed(CRLS_MOST, sizeof(*list->items));
    return list;
}

static void crl_clear(struct crl *crl)
{
    X509_CRL_free(crl->crl);
    ASN1_INTEGER_free(crl->number);
    buffer_free(&crl->der);
    memset(crl, 0, sizeof(*crl));
}

void crl_list_free(struct crl_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        crl_clear(&list->items[i]);
    free(list->items);
    free(list);
}

static X509_CRL *crl_parse(struct bytes text, struct error *e)
{
    X509_CRL *crl = NULL;

    if (text.len > CRL_BYTES_MOST) {
        error_set(e, ERROR_CRYPTO, "a CRL is larger than %zu bytes", CRL_BYTES_MOST);
        return NULL;
    }
    ERR_clear_error();
    if (crypto_is_pem(text)) {
        BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);

        BUG_ON(bio == NULL);
        crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        BIO_free(bio);
    } else {
        const uint8_t *at = text.data;

        crl = d2i_X509_CRL(NULL, &at, (long)text.len);
        if (crl != NULL && at != text.data + text.len) {
            X509_CRL_free(crl);
            crl = NULL;
        }
    }
    if (crl == NULL)
        crypto_error(e, "this is not a CRL");
    return crl;
}

/* Whether both are lists of one issuer: its name, and its key where the CRLs name it. */
static bool same_issuer(X509_CRL *a, X509_CRL *b)
{
    AUTHORITY_KEYID *x;
    AUTHORITY_KEYID *y;
    bool same;

    if (X509_NAME_cmp(X509_CRL_get_issuer(a), X509_CRL_get_issuer(b)) != 0)
        return false;
    x = X509_CRL_get_ext_d2i(a, NID_authority_key_identifier, NULL, NULL);
    y = X509_CRL_get_ext_d2i(b, NID_authority_key_identifier, NULL, NULL);
    if (x == NULL || y == NULL || x->keyid == NULL || y->keyid == NULL)
        same = (x == NULL || x->keyid == NULL) && (y == NULL || y->keyid == NULL);
    else
        same = ASN1_OCTET_STRING_cmp(x->keyid, y->keyid) == 0;
    AUTHORITY_KEYID_free(x);
    AUTHORITY_KEYID_free(y);
    return same;
}

static void crl_remove(struct crl_list *list, size_t index)
{
    crl_clear(&list->items[index]);
    list->count--;
    memmove(&list->items[index], &list->items[index + 1], (list->count - index) * sizeof(*list->items));
    memset(&list->items[list->count], 0, sizeof(*list->items));
}

static void crl_insert(struct crl_list *list, const struct crl *crl)
{
    size_t at = list->count;

    while (at > 0 && memcmp(list->items[at - 1].hash, crl->hash, HASH_SIZE) > 0)
        at--;
    memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof(*list->items));
    list->items[at] = *crl;
    list->count++;
}

int crl_list_add(struct crl_list *list, struct bytes pem_or_der, struct error *e)
{
    struct crl fresh = {0};
    uint8_t *der = NULL;
    int len;

    fresh.crl = crl_parse(pem_or_der, e);
    if (fresh.crl == NULL)
        return -1;
    fresh.number = X509_CRL_get_ext_d2i(fresh.crl, NID_crl_number, NULL, NULL);
    if (fresh.number == NULL || X509_CRL_get0_nextUpdate(fresh.crl) == NULL) {
        error_set(e, ERROR_CRYPTO,
                  "a CRL has no crlNumber or no nextUpdate: without both it cannot be told whether "
                  "it is the latest");
        goto fail;
    }
    /* Such a list is silent on certificates that are revoked; serving it as a full one would hide them. */
    if (X509_CRL_get_ext_by_NID(fresh.crl, NID_delta_crl, -1) >= 0 ||
        X509_CRL_get_ext_by_NID(fresh.crl, NID_issuing_distribution_point, -1) >= 0) {
        error_set(e, ERROR_CRYPTO, "a CRL is a delta or partial one: the full list is needed");
        goto fail;
    }
    len = i2d_X509_CRL(fresh.crl, &der);
    if (len <= 0) {
        crypto_error(e, "cannot encode a CRL");
        goto fail;
    }
    buffer_append(&fresh.der, der, (size_t)len);
    OPENSSL_free(der);
    sha256(buffer_bytes(&fresh.der), fresh.hash);
    ERR_clear_error();

    for (size_t i = 0; i < list->count; i++) {
        if (!same_issuer(list->items[i].crl, fresh.crl))
            continue;
        if (ASN1_INTEGER_cmp(list->items[i].number, fresh.number) >= 0) {
            bool same = memcmp(list->items[i].hash, fresh.hash, HASH_SIZE) == 0;

            crl_clear(&fresh);
            return same ? 0 : 1;
        }
        crl_remove(list, i);
        break;
    }
    if (list->count == CRLS_MOST) {
        error_set(e, ERROR_CONFIG, "there are more than %zu CRLs", CRLS_MOST);
        goto fail;
    }
    crl_insert(list, &fresh);
    return 0;
fail:
    ERR_clear_error();
    crl_clear(&fresh);
    return -1;
}

const struct crl *crl_list_at(const struct crl_list *list, size_t i)
{
    return i < list->count ? &list->items[i] : NULL;
}

bool crl_is_of(const struct crl *crl, X509 *issuer)
{
    bool good = X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(issuer)) == 0 &&
                X509_CRL_verify(crl->crl, X509_get0_pubkey(issuer)) == 1;

    ERR_clear_error();
    return good;
}

static void issuer_name(X509_CRL *crl, char *out, size_t room)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    BUG_ON(bio == NULL);
    X509_NAME_print_ex(bio, X509_CRL_get_issuer(crl), 0, XN_FLAG_RFC2253);
    len = BIO_get_mem_data(bio, &text);
    snprintf(out, room, "%.*s", len > 0 ? (int)len : 0, len > 0 ? text : "");
    BIO_free(bio);
}

void crl_describe(const struct crl *crl, uint8_t issuer[HASH_SIZE], char *name, size_t name_room,
                  char *number, size_t number_room)
{
    AUTHORITY_KEYID *key = X509_CRL_get_ext_d2i(crl->crl, NID_authority_key_identifier, NULL, NULL);
    const unsigned char *der = NULL;
    size_t der_len = 0;
    struct bytes parts[2] = {{0}};
    char *decimal = i2s_ASN1_INTEGER(NULL, crl->number);

    BUG_ON(X509_NAME_get0_der(X509_CRL_get_issuer(crl->crl), &der, &der_len) != 1);
    parts[0] = bytes_make(der, der_len);
    if (key != NULL && key->keyid != NULL)
        parts[1] = bytes_make(ASN1_STRING_get0_data(key->keyid), (size_t)ASN1_STRING_length(key->keyid));
    sha256_parts(parts, 2, issuer);
    issuer_name(crl->crl, name, name_room);
    snprintf(number, number_room, "%s", decimal != NULL ? decimal : "?");
    OPENSSL_free(decimal);
    AUTHORITY_KEYID_free(key);
    ERR_clear_error();
}
