#include "crypto/crl_list.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define CRLS_MOST      ((size_t)256)
#define CRL_BYTES_MOST ((size_t)16 << 20)
#define ALL_BYTES_MOST ((size_t)48 << 20)
#define VERDICTS_MOST  16 /* of CAs with the issuer's name, for each list */

struct verdict {
    uint8_t issuer[HASH_SIZE]; /* of its certificate */
    bool good;
};

struct crl_proof {
    X509 *prover; /* NULL: not proven */
    struct verdict verdicts[VERDICTS_MOST];
    size_t verdict_count; /* all that ever came; the oldest make room */
};

struct crl_list {
    struct crl *items; /* with room for one that turns out to be too many */
    size_t count;
    size_t bytes;
    pthread_mutex_t lock; /* over the proofs */
};

struct crl_list *crl_list_new(void)
{
    struct crl_list *list = memory_zeroed(1, sizeof(*list));

    list->items = memory_zeroed(CRLS_MOST + 1, sizeof(*list->items));
    pthread_mutex_init(&list->lock, NULL);
    return list;
}

static void crl_clear(struct crl *crl)
{
    X509_CRL_free(crl->crl);
    ASN1_INTEGER_free(crl->number);
    buffer_free(&crl->der);
    if (crl->proof != NULL)
        X509_free(crl->proof->prover);
    free(crl->proof);
    memset(crl, 0, sizeof(*crl));
}

void crl_list_free(struct crl_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        crl_clear(&list->items[i]);
    pthread_mutex_destroy(&list->lock);
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

/* Whether both say that they are lists of one issuer: its name, and its key where the CRLs name it. */
static bool names_same_issuer(X509_CRL *a, X509_CRL *b)
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
    list->bytes -= list->items[index].der.len;
    crl_clear(&list->items[index]);
    list->count--;
    memmove(&list->items[index], &list->items[index + 1], (list->count - index) * sizeof(*list->items));
    memset(&list->items[list->count], 0, sizeof(*list->items));
}

static ssize_t crl_find(const struct crl_list *list, const uint8_t hash[HASH_SIZE])
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->items[i].hash, hash, HASH_SIZE) == 0)
            return (ssize_t)i;
    return -1;
}

/* Takes the list over, in its place by hash, also where it is one too many (is_too_much). */
static void crl_insert(struct crl_list *list, const struct crl *crl)
{
    size_t at = list->count;

    while (at > 0 && memcmp(list->items[at - 1].hash, crl->hash, HASH_SIZE) > 0)
        at--;
    memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof(*list->items));
    list->items[at] = *crl;
    list->count++;
    list->bytes += crl->der.len;
}

static bool is_too_much(const struct crl_list *list)
{
    return list->count > CRLS_MOST || list->bytes > ALL_BYTES_MOST;
}

static int crl_read(struct bytes pem_or_der, struct crl *fresh, struct error *e)
{
    uint8_t *der = NULL;
    int len;

    fresh->crl = crl_parse(pem_or_der, e);
    if (fresh->crl == NULL)
        return -1;
    fresh->number = X509_CRL_get_ext_d2i(fresh->crl, NID_crl_number, NULL, NULL);
    if (fresh->number == NULL || X509_CRL_get0_nextUpdate(fresh->crl) == NULL)
        return error_set(e, ERROR_CRYPTO,
                         "a CRL has no crlNumber or no nextUpdate: without both it cannot be told whether "
                         "it is the latest");
    /* Such a list is silent on certificates that are revoked; serving it as a full one would hide them. */
    if (X509_CRL_get_ext_by_NID(fresh->crl, NID_delta_crl, -1) >= 0 ||
        X509_CRL_get_ext_by_NID(fresh->crl, NID_issuing_distribution_point, -1) >= 0)
        return error_set(e, ERROR_CRYPTO, "a CRL is a delta or partial one: the full list is needed");
    len = i2d_X509_CRL(fresh->crl, &der);
    if (len <= 0) {
        crypto_error(e, "cannot encode a CRL");
        return -1;
    }
    buffer_append(&fresh->der, der, (size_t)len);
    OPENSSL_free(der);
    sha256(buffer_bytes(&fresh->der), fresh->hash);
    fresh->proof = memory_zeroed(1, sizeof(*fresh->proof));
    return 0;
}

/* Takes fresh over. */
static int crl_join(struct crl_list *list, struct crl *fresh, struct error *e)
{
    uint8_t hash[HASH_SIZE];

    if (crl_find(list, fresh->hash) >= 0) {
        crl_clear(fresh);
        return 0;
    }
    memcpy(hash, fresh->hash, HASH_SIZE);
    crl_insert(list, fresh);
    if (!is_too_much(list))
        return 0;
    crl_list_prune(list);
    if (!is_too_much(list))
        return 0;
    if (crl_find(list, hash) >= 0)
        crl_remove(list, (size_t)crl_find(list, hash));
    return error_set(e, ERROR_CONFIG, "there are more than %zu CRLs, or more than %zu bytes of them",
                     CRLS_MOST, ALL_BYTES_MOST);
}

int crl_list_add(struct crl_list *list, struct bytes pem_or_der, uint8_t hash[HASH_SIZE], struct error *e)
{
    struct crl fresh = {0};
    int result = crl_read(pem_or_der, &fresh, e);

    ERR_clear_error();
    if (result != 0) {
        crl_clear(&fresh);
        return -1;
    }
    memcpy(hash, fresh.hash, HASH_SIZE);
    return crl_join(list, &fresh, e);
}

int crl_list_take(struct crl_list *list, struct crl_list *from, size_t i, struct error *e)
{
    const struct crl *there = crl_list_at(from, i);
    struct crl fresh = {.proof = memory_zeroed(1, sizeof(*fresh.proof))};
    ssize_t here;

    BUG_ON(there == NULL || list == from || X509_CRL_up_ref(there->crl) != 1);
    fresh.crl = there->crl;
    fresh.number = ASN1_STRING_dup(there->number);
    BUG_ON(fresh.number == NULL);
    buffer_append_bytes(&fresh.der, buffer_bytes(&there->der));
    memcpy(fresh.hash, there->hash, HASH_SIZE);
    pthread_mutex_lock(&from->lock);
    *fresh.proof = *there->proof;
    if (fresh.proof->prover != NULL)
        BUG_ON(X509_up_ref(fresh.proof->prover) != 1);
    pthread_mutex_unlock(&from->lock);

    here = crl_find(list, fresh.hash);
    if (here >= 0 && !crl_list_proven(list, (size_t)here)) /* what is known of it comes along all the same */
        crl_remove(list, (size_t)here);
    return crl_join(list, &fresh, e);
}

const struct crl *crl_list_at(const struct crl_list *list, size_t i)
{
    return i < list->count ? &list->items[i] : NULL;
}

bool crl_list_has(const struct crl_list *list, const uint8_t hash[HASH_SIZE])
{
    return crl_find(list, hash) >= 0;
}

/* --- who has signed it --- */

static bool recall(struct crl_list *list, const struct crl_proof *proof, const uint8_t issuer[HASH_SIZE],
                   bool *good)
{
    bool known = false;

    pthread_mutex_lock(&list->lock);
    for (size_t i = 0; i < VERDICTS_MOST && i < proof->verdict_count && !known; i++)
        if (memcmp(proof->verdicts[i].issuer, issuer, HASH_SIZE) == 0) {
            known = true;
            *good = proof->verdicts[i].good;
        }
    pthread_mutex_unlock(&list->lock);
    return known;
}

static void remember(struct crl_list *list, struct crl_proof *proof, const uint8_t issuer[HASH_SIZE],
                     bool good)
{
    struct verdict *place;

    pthread_mutex_lock(&list->lock);
    place = &proof->verdicts[proof->verdict_count++ % VERDICTS_MOST];
    memcpy(place->issuer, issuer, HASH_SIZE);
    place->good = good;
    pthread_mutex_unlock(&list->lock);
}

bool crl_list_signed(struct crl_list *list, size_t i, X509 *issuer)
{
    struct crl *crl = &list->items[i];
    uint8_t id[HASH_SIZE];
    unsigned int len = 0;
    bool good = false;

    BUG_ON(i >= list->count);
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(issuer)) != 0)
        return false;
    BUG_ON(X509_digest(issuer, EVP_sha256(), id, &len) != 1 || len != HASH_SIZE);
    if (recall(list, crl->proof, id, &good))
        return good;
    good = X509_CRL_verify(crl->crl, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    remember(list, crl->proof, id, good);
    return good;
}

bool crl_list_prove(struct crl_list *list, size_t i, X509 *issuer)
{
    bool good = crl_list_signed(list, i, issuer);
    struct crl_proof *proof = list->items[i].proof;

    pthread_mutex_lock(&list->lock);
    if (good && proof->prover == NULL) {
        BUG_ON(X509_up_ref(issuer) != 1);
        proof->prover = issuer;
    }
    pthread_mutex_unlock(&list->lock);
    return good;
}

/* Once there, a prover stays as long as the list. */
static X509 *prover_of(struct crl_list *list, size_t i)
{
    X509 *prover;

    pthread_mutex_lock(&list->lock);
    prover = list->items[i].proof->prover;
    pthread_mutex_unlock(&list->lock);
    return prover;
}

bool crl_list_proven(struct crl_list *list, size_t i)
{
    return prover_of(list, i) != NULL;
}

/* --- which one counts --- */

/* A rank without ties: of two lists with one number, which no CA should make, the one of the later second. */
static bool is_newer(const struct crl *a, const struct crl *b)
{
    int order = ASN1_INTEGER_cmp(a->number, b->number);

    if (order == 0)
        order = ASN1_TIME_compare(X509_CRL_get0_lastUpdate(a->crl), X509_CRL_get0_lastUpdate(b->crl));
    ERR_clear_error();
    return order != 0 ? order > 0 : memcmp(a->hash, b->hash, HASH_SIZE) > 0;
}

ssize_t crl_list_newest_of(struct crl_list *list, X509 *issuer)
{
    const struct crl *above = NULL;

    /* From the highest number down: what the issuer has signed ends the search. */
    for (;;) {
        ssize_t next = -1;

        for (size_t i = 0; i < list->count; i++) {
            const struct crl *crl = &list->items[i];

            if ((above == NULL || is_newer(above, crl)) && (next < 0 || is_newer(crl, &list->items[next])) &&
                X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(issuer)) == 0)
                next = (ssize_t)i;
        }
        if (next < 0 || crl_list_signed(list, (size_t)next, issuer))
            return next;
        above = &list->items[next];
    }
}

/* Does proven list n put list i out? */
static bool supersedes(struct crl_list *list, size_t n, size_t i)
{
    X509 *prover = prover_of(list, n);

    return n != i && prover != NULL && is_newer(&list->items[n], &list->items[i]) &&
           crl_list_prove(list, i, prover);
}

static void prove_by_each_other(struct crl_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t n = 0; n < list->count && !crl_list_proven(list, i); n++)
            if (prover_of(list, n) != NULL)
                crl_list_prove(list, i, prover_of(list, n));
}

void crl_list_prune(struct crl_list *list)
{
    prove_by_each_other(list);
    for (size_t i = 0; i < list->count;) {
        bool out = false;

        for (size_t n = 0; n < list->count && !out; n++)
            out = supersedes(list, n, i);
        if (out)
            crl_remove(list, i);
        else
            i++;
    }
}

bool crl_list_current(struct crl_list *list, size_t i)
{
    const struct crl *crl = crl_list_at(list, i);
    bool current = true, proven;

    BUG_ON(crl == NULL);
    for (size_t n = 0; n < list->count && current; n++)
        current = !supersedes(list, n, i);
    proven = crl_list_proven(list, i);
    for (size_t n = 0; n < list->count && current && !proven; n++)
        current = n == i || !names_same_issuer(list->items[n].crl, crl->crl) ||
                  !(crl_list_proven(list, n) || is_newer(&list->items[n], crl));
    return current;
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
