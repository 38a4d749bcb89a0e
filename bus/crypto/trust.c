#include "crypto/trust.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/crl_list.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "crypto/signature.h"
#include "crypto/trust_cache.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define ANCHORS_MOST ((size_t)256)
#define ISSUERS_MOST (ANCHORS_MOST + CHAIN_MOST)
#define AUTH_LEVEL   2 /* of OpenSSL: at least 112 bits, so no RSA under 2048 and no SHA-1 */

struct anchor {
    char *name;
    X509 *certificate;
};

struct trust {
    atomic_uint references;
    atomic_bool in_use;
    atomic_uint_fast64_t judged;
    struct anchor *anchors;
    size_t anchor_count;
    struct crl_list *crls;
    uint64_t crl_grace;
    bool judges_only;
    struct trust_cache *cache;
};

struct trust *trust_new(void)
{
    struct trust *trust = memory_zeroed(1, sizeof(*trust));

    atomic_init(&trust->references, 1);
    trust->anchors = memory_zeroed(ANCHORS_MOST, sizeof(*trust->anchors));
    trust->crls = crl_list_new();
    trust->cache = trust_cache_new();
    return trust;
}

struct trust *trust_ref(struct trust *trust)
{
    atomic_fetch_add(&trust->references, 1);
    return trust;
}

void trust_free(struct trust *trust)
{
    if (trust == NULL || atomic_fetch_sub(&trust->references, 1) != 1)
        return;
    for (size_t i = 0; i < trust->anchor_count; i++) {
        free(trust->anchors[i].name);
        X509_free(trust->anchors[i].certificate);
    }
    crl_list_free(trust->crls);
    trust_cache_free(trust->cache);
    free(trust->anchors);
    free(trust);
}

int trust_add_anchor(struct trust *trust, const char *name, struct bytes pem_or_der, struct error *e)
{
    struct chain *chain;
    int result = -1;

    BUG_ON(atomic_load(&trust->in_use));
    chain = crypto_is_pem(pem_or_der) ? chain_parse_pem(pem_or_der, e) : chain_parse_der(pem_or_der, e);
    if (chain == NULL)
        return error_prefix(e, "anchor %s: ", name);
    for (size_t i = 0; i < chain_count(chain); i++) {
        X509 *certificate = chain_certificate(chain, i);

        /* Anything but a proper CA certificate as anchor would be a leaf that no CRL can revoke. */
        if (X509_check_ca(certificate) != 1) {
            error_set(e, ERROR_CRYPTO, "anchor %s is not the certificate of a CA", name);
            goto out;
        }
        if (trust->anchor_count == ANCHORS_MOST) {
            error_set(e, ERROR_CONFIG, "there are more than %zu trust anchors", ANCHORS_MOST);
            goto out;
        }
        BUG_ON(X509_up_ref(certificate) != 1);
        trust->anchors[trust->anchor_count++] = (struct anchor){string_copy(name), certificate};
    }
    result = 0;
out:
    ERR_clear_error();
    chain_free(chain);
    return result;
}

/* 0, or 1: it is superseded by one that was there. */
static int settle_crl(struct trust *trust, const uint8_t hash[HASH_SIZE])
{
    const struct crl *crl;

    for (size_t i = 0; (crl = crl_list_at(trust->crls, i)) != NULL; i++)
        for (size_t n = 0; n < trust->anchor_count && memcmp(crl->hash, hash, HASH_SIZE) == 0; n++)
            crl_list_prove(trust->crls, i, trust->anchors[n].certificate);
    crl_list_prune(trust->crls);
    return crl_list_has(trust->crls, hash) ? 0 : 1;
}

int trust_add_crl(struct trust *trust, struct bytes pem_or_der, struct error *e)
{
    uint8_t hash[HASH_SIZE];

    BUG_ON(atomic_load(&trust->in_use));
    if (crl_list_add(trust->crls, pem_or_der, hash, e) < 0)
        return -1;
    return settle_crl(trust, hash);
}

int trust_take_crl(struct trust *trust, const struct trust *from, size_t i, struct error *e)
{
    const struct crl *crl = crl_list_at(from->crls, i);

    BUG_ON(atomic_load(&trust->in_use) || crl == NULL);
    if (crl_list_take(trust->crls, from->crls, i, e) < 0)
        return -1;
    return settle_crl(trust, crl->hash);
}

void trust_set_crl_grace(struct trust *trust, uint64_t microseconds)
{
    BUG_ON(atomic_load(&trust->in_use));
    trust->crl_grace = microseconds;
}

void trust_judge_only(struct trust *trust)
{
    BUG_ON(atomic_load(&trust->in_use));
    trust->judges_only = true;
}

size_t trust_crl_hashes(const struct trust *trust, uint8_t (*out)[HASH_SIZE], size_t room)
{
    const struct crl *crl;
    size_t count = 0;

    for (; (crl = crl_list_at(trust->crls, count)) != NULL; count++)
        if (out != NULL && count < room)
            memcpy(out[count], crl->hash, HASH_SIZE);
    return count;
}

struct bytes trust_crl_der(const struct trust *trust, size_t i)
{
    const struct crl *crl = crl_list_at(trust->crls, i);

    BUG_ON(crl == NULL);
    return buffer_bytes(&crl->der);
}

/* Microseconds; false for a time before 1970 or one that cannot be read. */
static bool time_of(const ASN1_TIME *time, uint64_t *out)
{
    struct tm parts;
    time_t seconds;

    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    seconds = timegm(&parts);
    if (seconds < 0)
        return false;
    *out = (uint64_t)seconds * MICROSECONDS;
    return true;
}

void trust_crl_info(const struct trust *trust, size_t i, struct trust_crl_info *out)
{
    const struct crl *crl = crl_list_at(trust->crls, i);

    BUG_ON(crl == NULL);
    memset(out, 0, sizeof(*out));
    crl_describe(crl, out->issuer, out->name, sizeof(out->name), out->number, sizeof(out->number));
    /* A list without a time that can be read is refused when it is added. */
    time_of(X509_CRL_get0_nextUpdate(crl->crl), &out->next_update);
    time_of(X509_CRL_get0_lastUpdate(crl->crl), &out->this_update);
    out->proven = crl_list_proven(trust->crls, i);
    out->current = crl_list_current(trust->crls, i);
}

static ssize_t crl_of_issuer(const struct trust *trust, X509 *leaf, X509 *issuer)
{
    if (X509_NAME_cmp(X509_get_issuer_name(leaf), X509_get_subject_name(issuer)) != 0 ||
        X509_verify(leaf, X509_get0_pubkey(issuer)) != 1)
        return -1;
    return crl_list_newest_of(trust->crls, issuer);
}

ssize_t trust_crl_of(const struct trust *trust, const struct chain *chain)
{
    X509 *leaf = chain_leaf(chain);
    ssize_t found = chain_count(chain) > 1 ? crl_of_issuer(trust, leaf, chain_certificate(chain, 1)) : -1;

    for (size_t n = 0; n < trust->anchor_count && found < 0; n++)
        found = crl_of_issuer(trust, leaf, trust->anchors[n].certificate);
    ERR_clear_error();
    return found;
}

bool trust_prove_crl(const struct trust *trust, size_t i, const struct chain *chain)
{
    bool proven;

    BUG_ON(crl_list_at(trust->crls, i) == NULL);
    proven = crl_list_proven(trust->crls, i);
    for (size_t n = 0; n < trust->anchor_count && !proven; n++)
        proven = crl_list_prove(trust->crls, i, trust->anchors[n].certificate);
    for (size_t n = 1; chain != NULL && n < chain_count(chain) && !proven; n++)
        proven = crl_list_prove(trust->crls, i, chain_certificate(chain, n));
    return proven;
}

uint64_t trust_judged(const struct trust *trust)
{
    return atomic_load(&trust->judged);
}

/* One judgement, while it goes on. */
struct judgement {
    const struct trust *trust;
    uint64_t now;
    size_t used[ISSUERS_MOST]; /* CRLs: the newest that each candidate for an issuer has signed */
    X509 *issuer[ISSUERS_MOST];
    size_t used_count;
};

static bool crl_within_grace(const struct judgement *j, const X509_CRL *crl)
{
    uint64_t next;

    return crl != NULL && time_of(X509_CRL_get0_nextUpdate(crl), &next) &&
           j->now < next + j->trust->crl_grace;
}

static int on_fault(int good, X509_STORE_CTX *ctx)
{
    const struct judgement *j = X509_STORE_CTX_get_app_data(ctx);
    bool anchor = X509_STORE_CTX_get_error_depth(ctx) == sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

    if (good)
        return 1;
    switch (X509_STORE_CTX_get_error(ctx)) {
    case X509_V_ERR_CRL_HAS_EXPIRED:
        return crl_within_grace(j, X509_STORE_CTX_get0_current_crl(ctx)) ? 1 : 0;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        /* The registry is what trusts the anchor, and what ends that: nobody's CRL is needed for it. */
        return anchor ? 1 : 0;
    default:
        return 0;
    }
}

static enum refusal refusal_of(int code)
{
    switch (code) {
    case X509_V_ERR_CERT_REVOKED:
        return REFUSAL_CERTIFICATE_REVOKED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return REFUSAL_CERTIFICATE_EXPIRED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        return REFUSAL_REVOCATION_UNKNOWN;
    default:
        return REFUSAL_CERTIFICATE_UNTRUSTED;
    }
}

/* The newest CRL that this issuer has signed joins the judgement: a list of the same name under another key
 * does not, whatever its number. */
static void gather_crl(struct judgement *j, X509 *issuer)
{
    ssize_t newest = crl_list_newest_of(j->trust->crls, issuer);

    if (j->used_count == ISSUERS_MOST || newest < 0)
        return;
    j->used[j->used_count] = (size_t)newest;
    j->issuer[j->used_count++] = issuer;
}

static X509_CRL *used_crl(const struct judgement *j, size_t n)
{
    return crl_list_at(j->trust->crls, j->used[n])->crl;
}

/* A path that leads to the anchor proves the lists of the CAs on it. */
static void prove_crls(const struct judgement *j, STACK_OF(X509) * path)
{
    for (size_t n = 0; n < j->used_count; n++)
        for (int i = 1; i < sk_X509_num(path); i++)
            if (X509_cmp(j->issuer[n], sk_X509_value(path, i)) == 0)
                crl_list_prove(j->trust->crls, j->used[n], j->issuer[n]);
}

/* Our extended key usage or none; digitalSignature; and no CA, whose key has another trade. */
static bool may_sign_messages(X509 *leaf)
{
    EXTENDED_KEY_USAGE *usages;
    int critical = 0;
    bool good = false;

    if (X509_check_ca(leaf) != 0 || (X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) == 0 ||
        (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
        return false;
    usages = X509_get_ext_d2i(leaf, NID_ext_key_usage, &critical, NULL);
    if (usages == NULL)
        return critical == -1; /* there is none; -2 would be several */
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        char oid[80];

        good = good || (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usages, i), 1) > 0 &&
                        strcmp(oid, TRUST_SIGNING_OID) == 0);
    }
    EXTENDED_KEY_USAGE_free(usages);
    return good;
}

/* From when and until when this verdict holds, from the chain that was built and the CRLs of its issuers. */
static bool window_of(const struct judgement *j, STACK_OF(X509) * path, struct trust_verdict *verdict)
{
    uint64_t at;

    verdict->from = 0;
    verdict->until = UINT64_MAX;
    for (int i = 0; i < sk_X509_num(path); i++) {
        X509 *certificate = sk_X509_value(path, i);

        if (!time_of(X509_get0_notBefore(certificate), &at))
            return false;
        verdict->from = at > verdict->from ? at : verdict->from;
        if (!time_of(X509_get0_notAfter(certificate), &at))
            return false;
        verdict->until = at < verdict->until ? at : verdict->until;

        for (size_t n = 0; n < j->used_count; n++) {
            if (X509_cmp(j->issuer[n], certificate) != 0)
                continue;
            if (!time_of(X509_CRL_get0_lastUpdate(used_crl(j, n)), &at))
                return false;
            verdict->from = at > verdict->from ? at : verdict->from;
            if (!time_of(X509_CRL_get0_nextUpdate(used_crl(j, n)), &at))
                return false;
            if (j->now >= at) {
                verdict->crl_stale = true;
                verdict->from = at > verdict->from ? at : verdict->from;
                at += j->trust->crl_grace;
            }
            verdict->until = at < verdict->until ? at : verdict->until;
        }
    }
    return true;
}

static enum refusal judge_path(const struct judgement *j, STACK_OF(X509) * path,
                               struct trust_verdict *verdict)
{
    X509 *leaf = sk_X509_value(path, 0);

    if (!may_sign_messages(leaf))
        return REFUSAL_CERTIFICATE_UNTRUSTED;
    /* A CA says so in its basic constraints, whatever else this version of OpenSSL takes for one. */
    for (int i = 1; i < sk_X509_num(path); i++)
        if (X509_check_ca(sk_X509_value(path, i)) != 1)
            return REFUSAL_CERTIFICATE_UNTRUSTED;
    verdict->key = X509_get0_pubkey(leaf);
    verdict->algorithm = verdict->key == NULL ? 0 : signature_algorithm_of(verdict->key);
    if (verdict->algorithm == 0 || !window_of(j, path, verdict))
        return REFUSAL_CERTIFICATE_UNTRUSTED;
    return REFUSAL_NONE;
}

static enum refusal judge_chain(struct trust *trust, const struct chain *chain, const char *anchor,
                                uint64_t now, struct trust_verdict *verdict)
{
    struct judgement j = {.trust = trust, .now = now};
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
    enum refusal refusal = REFUSAL_CERTIFICATE_UNTRUSTED;
    X509_VERIFY_PARAM *param;

    BUG_ON(store == NULL || ctx == NULL || untrusted == NULL || crls == NULL);
    /* Only the anchor that was asked for is in the store: no other member's CA can serve, whatever the chain
     * brings. */
    for (size_t i = 0; i < trust->anchor_count; i++) {
        if (strcmp(trust->anchors[i].name, anchor) != 0)
            continue;
        BUG_ON(X509_STORE_add_cert(store, trust->anchors[i].certificate) != 1);
        gather_crl(&j, trust->anchors[i].certificate);
    }
    for (size_t i = 1; i < chain_count(chain); i++) {
        BUG_ON(sk_X509_push(untrusted, chain_certificate(chain, i)) <= 0);
        gather_crl(&j, chain_certificate(chain, i));
    }
    for (size_t i = 0; i < j.used_count; i++)
        BUG_ON(sk_X509_CRL_push(crls, used_crl(&j, i)) <= 0);
    BUG_ON(X509_STORE_CTX_init(ctx, store, chain_leaf(chain), untrusted) != 1);
    X509_STORE_CTX_set0_crls(ctx, crls);
    BUG_ON(X509_STORE_CTX_set_app_data(ctx, &j) != 1);
    X509_STORE_CTX_set_verify_cb(ctx, on_fault);
    param = X509_STORE_CTX_get0_param(ctx);
    /* CRL_CHECK_ALL does nothing without CRL_CHECK; PARTIAL_CHAIN lets an anchor be an issuing CA. */
    BUG_ON(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                                                  X509_V_FLAG_PARTIAL_CHAIN |
                                                  X509_V_FLAG_CHECK_SS_SIGNATURE) != 1);
    X509_VERIFY_PARAM_set_time(param, (time_t)(now / MICROSECONDS));
    X509_VERIFY_PARAM_set_depth(param, CHAIN_MOST);
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);

    if (X509_verify_cert(ctx) == 1)
        refusal = judge_path(&j, X509_STORE_CTX_get0_chain(ctx), verdict);
    else
        refusal = refusal_of(X509_STORE_CTX_get_error(ctx));
    BUG_ON(refusal == REFUSAL_NONE && verdict->key == NULL);
    if (refusal == REFUSAL_NONE && !trust->judges_only)
        prove_crls(&j, X509_STORE_CTX_get0_chain(ctx));

    X509_STORE_CTX_free(ctx);
    sk_X509_CRL_free(crls);
    sk_X509_free(untrusted);
    X509_STORE_free(store);
    ERR_clear_error();
    return refusal;
}

/* DER of the presented certificates that stand on the path. */
static void path_der(const struct chain *chain, STACK_OF(X509) * path, struct buffer *der)
{
    for (int n = 0; n < sk_X509_num(path); n++)
        for (size_t i = 0; i < chain_count(chain); i++)
            if (X509_cmp(sk_X509_value(path, n), chain_certificate(chain, i)) == 0) {
                chain_certificate_der(chain, i, der);
                break;
            }
}

static bool has_subject(const struct chain *chain, const char *subject)
{
    char *actual = chain_subject(chain);
    bool same = strcmp(actual, subject) == 0;

    free(actual);
    return same;
}

struct chain *trust_path(const struct trust *trust, const struct chain *chain, const char *anchor,
                         const char *subject)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    struct chain *path = NULL;
    struct buffer der = {0};

    BUG_ON(store == NULL || ctx == NULL || untrusted == NULL);
    for (size_t i = 0; i < trust->anchor_count; i++)
        if (strcmp(trust->anchors[i].name, anchor) == 0)
            BUG_ON(X509_STORE_add_cert(store, trust->anchors[i].certificate) != 1);
    for (size_t i = 1; i < chain_count(chain); i++)
        BUG_ON(sk_X509_push(untrusted, chain_certificate(chain, i)) <= 0);
    BUG_ON(X509_STORE_CTX_init(ctx, store, chain_leaf(chain), untrusted) != 1);
    /* Without these two an error of time or of CRLs could come before a signature has been looked at. */
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_depth(X509_STORE_CTX_get0_param(ctx), CHAIN_MOST);
    if (has_subject(chain, subject) && X509_verify_cert(ctx) == 1) {
        path_der(chain, X509_STORE_CTX_get0_chain(ctx), &der);
        path = chain_parse_der(buffer_bytes(&der), NULL);
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_free(untrusted);
    X509_STORE_free(store);
    buffer_free(&der);
    ERR_clear_error();
    return path;
}

/* What was asked, as one hash: of the whole chain, so that the answer does not depend on what other way from
 * this leaf was asked about before. The lengths keep anchor and subject apart. */
static void question_id(const struct chain *chain, const char *anchor, const char *subject,
                        uint8_t id[HASH_SIZE])
{
    uint8_t anchor_len[8];
    const struct bytes parts[] = {
        bytes_make(chain_hash(chain), HASH_SIZE),
        bytes_make(anchor_len, sizeof(anchor_len)),
        bytes_of_string(anchor),
        bytes_of_string(subject),
    };

    put_u64be(anchor_len, strlen(anchor));
    sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), id);
}

enum refusal trust_verify(struct trust *trust, const struct chain *chain, const char *anchor,
                          const char *subject, uint64_t now, struct verified_key *out)
{
    struct trust_verdict verdict = {0};
    uint8_t id[HASH_SIZE];

    memset(out, 0, sizeof(*out));
    atomic_store(&trust->in_use, true);
    question_id(chain, anchor, subject, id);
    if (!trust_cache_get(trust->cache, id, now, &verdict)) {
        enum refusal refusal;

        atomic_fetch_add(&trust->judged, 1);
        if (!has_subject(chain, subject))
            return REFUSAL_CERTIFICATE_UNTRUSTED;
        refusal = judge_chain(trust, chain, anchor, now, &verdict);
        if (refusal != REFUSAL_NONE)
            return refusal;
        trust_cache_put(trust->cache, id, &verdict);
    }
    out->key = verdict.key;
    out->algorithm = verdict.algorithm;
    out->crl_stale = verdict.crl_stale;
    return REFUSAL_NONE;
}
