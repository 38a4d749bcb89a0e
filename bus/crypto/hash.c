#include "crypto/hash.h"
#include "base/error.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>

/* Fetching an algorithm costs more than hashing a header with it, so it is done once a process; the contexts,
 * which carry state, are one set a thread. */
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;
static pthread_key_t hash_key;
static EVP_MD *hash_md;
static EVP_MAC *hash_mac;

struct hash_thread {
    EVP_MD_CTX *md;
    EVP_MAC_CTX *mac;
};

static void hash_thread_free(void *arg)
{
    struct hash_thread *t = arg;

    EVP_MD_CTX_free(t->md);
    EVP_MAC_CTX_free(t->mac);
    free(t);
}

static void hash_fetch(void)
{
    hash_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    hash_mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    BUG_ON(hash_md == NULL || hash_mac == NULL);
    BUG_ON(pthread_key_create(&hash_key, hash_thread_free) != 0);
}

static struct hash_thread *hash_thread(void)
{
    struct hash_thread *t;
    OSSL_PARAM params[2];
    char digest[] = "SHA256";

    BUG_ON(pthread_once(&hash_once, hash_fetch) != 0);
    t = pthread_getspecific(hash_key);
    if (t != NULL)
        return t;
    t = memory_zeroed(1, sizeof(*t));
    t->md = EVP_MD_CTX_new();
    t->mac = EVP_MAC_CTX_new(hash_mac);
    BUG_ON(t->md == NULL || t->mac == NULL);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
    params[1] = OSSL_PARAM_construct_end();
    BUG_ON(EVP_MAC_CTX_set_params(t->mac, params) != 1);
    BUG_ON(pthread_setspecific(hash_key, t) != 0);
    return t;
}

static void digest_add(EVP_MD_CTX *md, struct bytes data)
{
    BUG_ON(EVP_DigestUpdate(md, data.data, data.len) != 1);
}

static EVP_MD_CTX *digest_begin(void)
{
    EVP_MD_CTX *md = hash_thread()->md;

    BUG_ON(EVP_DigestInit_ex2(md, hash_md, NULL) != 1);
    return md;
}

static void digest_end(EVP_MD_CTX *md, uint8_t out[HASH_SIZE])
{
    BUG_ON(EVP_DigestFinal_ex(md, out, NULL) != 1);
}

void sha256(struct bytes data, uint8_t out[HASH_SIZE])
{
    sha256_parts(&data, 1, out);
}

void sha256_parts(const struct bytes *parts, size_t count, uint8_t out[HASH_SIZE])
{
    EVP_MD_CTX *md = digest_begin();

    for (size_t i = 0; i < count; i++)
        digest_add(md, parts[i]);
    digest_end(md, out);
}

void hmac_sha256(struct bytes key, const struct bytes *parts, size_t count, uint8_t out[HASH_SIZE])
{
    EVP_MAC_CTX *mac = hash_thread()->mac;
    static const uint8_t none[1] = {0};
    size_t len = 0;

    /* A NULL key means "the key of before" to OpenSSL, which is never what an empty key means to us. */
    BUG_ON(EVP_MAC_init(mac, key.len == 0 ? none : key.data, key.len, NULL) != 1);
    for (size_t i = 0; i < count; i++)
        BUG_ON(EVP_MAC_update(mac, parts[i].data, parts[i].len) != 1);
    BUG_ON(EVP_MAC_final(mac, out, &len, HASH_SIZE) != 1 || len != HASH_SIZE);
}

struct sha256_stream {
    EVP_MD_CTX *md;
};

struct sha256_stream *sha256_stream_new(void)
{
    struct sha256_stream *s = memory_zeroed(1, sizeof(*s));

    hash_thread();
    s->md = EVP_MD_CTX_new();
    BUG_ON(s->md == NULL || EVP_DigestInit_ex2(s->md, hash_md, NULL) != 1);
    return s;
}

void sha256_stream_add(struct sha256_stream *s, struct bytes data)
{
    digest_add(s->md, data);
}

void sha256_stream_end(struct sha256_stream *s, uint8_t out[HASH_SIZE])
{
    digest_end(s->md, out);
    EVP_MD_CTX_free(s->md);
    free(s);
}

void merkle_leaf(struct bytes data, uint8_t out[HASH_SIZE])
{
    merkle_leaf_parts(&data, 1, out);
}

void merkle_leaf_parts(const struct bytes *parts, size_t count, uint8_t out[HASH_SIZE])
{
    static const uint8_t prefix = 0;
    EVP_MD_CTX *md = digest_begin();

    digest_add(md, bytes_make(&prefix, 1));
    for (size_t i = 0; i < count; i++)
        digest_add(md, parts[i]);
    digest_end(md, out);
}

void merkle_node(const uint8_t left[HASH_SIZE], const uint8_t right[HASH_SIZE], uint8_t out[HASH_SIZE])
{
    static const uint8_t prefix = 1;
    EVP_MD_CTX *md = digest_begin();

    digest_add(md, bytes_make(&prefix, 1));
    digest_add(md, bytes_make(left, HASH_SIZE));
    digest_add(md, bytes_make(right, HASH_SIZE));
    digest_end(md, out);
}

void merkle_root(const uint8_t (*leaves)[HASH_SIZE], size_t count, uint8_t out[HASH_SIZE])
{
    uint8_t frontier[64][HASH_SIZE]; /* roots of the full subtrees so far, largest first */
    size_t depth = 0;

    if (count == 0) {
        sha256(bytes_make(NULL, 0), out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(frontier[depth++], leaves[i], HASH_SIZE);
        /* Each trailing one bit of the index is a full subtree of the same size waiting on the left. */
        for (size_t carry = i; carry & 1; carry >>= 1) {
            merkle_node(frontier[depth - 2], frontier[depth - 1], frontier[depth - 2]);
            depth--;
        }
    }
    while (depth > 1) {
        merkle_node(frontier[depth - 2], frontier[depth - 1], frontier[depth - 2]);
        depth--;
    }
    memcpy(out, frontier[0], HASH_SIZE);
}

size_t merkle_path(const uint8_t (*leaves)[HASH_SIZE], size_t count, size_t index, uint8_t (*path)[HASH_SIZE])
{
    size_t begin = 0;
    size_t end = count;
    size_t len = 0;

    BUG_ON(index >= count);
    /* From the root down, taking the sibling at each split; the caller wants them from the leaf up. */
    while (end - begin > 1) {
        size_t split = 1;

        while (split * 2 < end - begin)
            split *= 2;
        if (index < begin + split) {
            merkle_root(leaves + begin + split, end - begin - split, path[len++]);
            end = begin + split;
        } else {
            merkle_root(leaves + begin, split, path[len++]);
            begin += split;
        }
    }
    for (size_t i = 0; i < len / 2; i++) {
        uint8_t swap[HASH_SIZE];

        memcpy(swap, path[i], HASH_SIZE);
        memcpy(path[i], path[len - 1 - i], HASH_SIZE);
        memcpy(path[len - 1 - i], swap, HASH_SIZE);
    }
    return len;
}

/* RFC 9162 section 2.1.3.2. */
bool merkle_root_from_path(const uint8_t leaf[HASH_SIZE], uint64_t index, uint64_t size,
                           const uint8_t (*path)[HASH_SIZE], size_t path_len, uint8_t out[HASH_SIZE])
{
    uint8_t root[HASH_SIZE];
    uint64_t place = index;
    uint64_t last;

    if (index >= size)
        return false;
    last = size - 1;
    memcpy(root, leaf, HASH_SIZE);
    for (size_t i = 0; i < path_len; i++) {
        if (last == 0)
            return false;
        if ((place & 1) != 0 || place == last) {
            merkle_node(path[i], root, root);
            while ((place & 1) == 0 && place != 0) {
                place >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(root, path[i], root);
        }
        place >>= 1;
        last >>= 1;
    }
    if (last != 0)
        return false;
    memcpy(out, root, HASH_SIZE);
    return true;
}
