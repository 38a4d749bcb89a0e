#include "front/requesthash.h"
#include "base/error.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define SHA512_SIZE 64

/* Fetched once: each use of EVP_sha512() would look it up again. It lives as long as the process. */
static EVP_MD *algorithm;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA512", NULL);
    BUG_ON(algorithm == NULL);
}

static void sha512(struct bytes data, uint8_t *out)
{
    unsigned len = 0;
    pthread_once(&fetched, fetch);
    BUG_ON(EVP_Digest(data.data, data.len, out, &len, algorithm, NULL) != 1 || len != SHA512_SIZE);
}

void request_hash(struct bytes method, struct bytes target, const struct http_headers *headers,
                  struct bytes body, struct buffer *out)
{
    struct buffer text = {0};
    uint8_t digests[2 * SHA512_SIZE];

    buffer_append_bytes(&text, method);
    buffer_append_string(&text, "\r\n");
    buffer_append_bytes(&text, target);
    buffer_append_string(&text, "\r\n");
    for (size_t i = 0; i < headers->count; i++) {
        buffer_append_string(&text, headers->items[i].name);
        buffer_append_string(&text, ":");
        buffer_append_string(&text, headers->items[i].value);
        buffer_append_string(&text, "\r\n");
    }
    sha512(buffer_bytes(&text), digests);
    if (body.len > 0) {
        sha512(body, digests + SHA512_SIZE);
        sha512(bytes_make(digests, sizeof digests), digests);
    }
    base64_encode(bytes_make(digests, SHA512_SIZE), out);
    buffer_free(&text);
}
