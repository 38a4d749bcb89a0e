#include "wasl-bench/limits_parts.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK        4096
#define MESSAGE      1024
#define SYNCS_MOST   65536 /* times kept for the median: 256 MiB of file */
#define BETWEEN_LOOK 16    /* operations between two readings of the clock */

/* --- disk --- */

static int compare_times(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* Appends and syncs until time is up; the number done, 0 with e set. */
static size_t append_and_sync(int fd, const char *path, uint64_t microseconds, uint32_t *times,
                              uint64_t *taken, struct error *e)
{
    uint8_t block[BLOCK];
    uint64_t begin = clock_monotonic();
    uint64_t before = begin;
    size_t n = 0;

    memset(block, 0x5a, sizeof block);
    while (n < SYNCS_MOST && (n == 0 || before - begin < microseconds)) {
        if (pwrite(fd, block, sizeof block, (off_t)(n * sizeof block)) != (ssize_t)sizeof block ||
            fdatasync(fd) != 0) {
            error_set(e, ERROR_IO, "%s: %s; --state must name a folder with room for 256 MiB", path,
                      strerror(errno));
            return 0;
        }
        uint64_t now = clock_monotonic();
        times[n++] = (uint32_t)(now - before);
        before = now;
    }
    *taken = before - begin;
    return n;
}

int limits_fdatasync(const struct limits_options *options, struct error *e)
{
    uint32_t *times = memory_zeroed(SYNCS_MOST, sizeof *times);
    char path[4096];
    uint64_t taken = 0;
    size_t n = 0;

    int len = snprintf(path, sizeof path, "%s/fdatasync.XXXXXX", options->folder);
    int fd = len < (int)sizeof path ? mkstemp(path) : -1;
    if (fd < 0) {
        error_set(e, ERROR_IO, "%s: %s; --state must name a folder that can be written", options->folder,
                  strerror(len < (int)sizeof path ? errno : ENAMETOOLONG));
        goto out;
    }
    n = append_and_sync(fd, path, options->microseconds, times, &taken, e);
    close(fd);
    unlink(path);
    if (n == 0)
        goto out;
    qsort(times, n, sizeof *times, compare_times);
    limits_print("fdatasync_rate", (double)n * 1e6 / (double)taken, "1/s", NULL, n);
    limits_print("fdatasync_p50", times[n / 2], "µs", NULL, n);
out:
    free(times);
    return n > 0 ? 0 : -1;
}

/* --- cryptography --- */

struct signing {
    EVP_PKEY *key;
    uint8_t message[MESSAGE];
    uint8_t signature[128];
    size_t signature_len;
};

static bool sign_once(struct signing *s)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    s->signature_len = sizeof s->signature;
    bool good = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, s->key, NULL) == 1 &&
                EVP_DigestSign(ctx, s->signature, &s->signature_len, s->message, sizeof s->message) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool verify_once(struct signing *s)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    bool good = ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, s->key, NULL) == 1 &&
                EVP_DigestVerify(ctx, s->signature, s->signature_len, s->message, sizeof s->message) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static int openssl_failed(const char *what, struct error *e)
{
    char words[256];
    ERR_error_string_n(ERR_get_error(), words, sizeof words);
    ERR_clear_error();
    return error_set(e, ERROR_CRYPTO, "cannot %s: %s", what, words);
}

/* Does `once` until time is up; 0 when it ever fails. */
static uint64_t repeat(bool (*once)(struct signing *), struct signing *s, uint64_t microseconds,
                       uint64_t *taken)
{
    uint64_t begin = clock_monotonic();
    uint64_t n = 0;

    do {
        for (int i = 0; i < BETWEEN_LOOK; i++)
            if (!once(s))
                return 0;
        n += BETWEEN_LOOK;
        *taken = clock_monotonic() - begin;
    } while (*taken < microseconds);
    return n;
}

static int measure_signing(const char *name, bool (*once)(struct signing *),
                           const struct limits_options *options, struct error *e)
{
    struct signing s = {.key = EVP_EC_gen("P-256")};
    uint64_t taken = 0;
    uint64_t n = 0;

    if (s.key != NULL && RAND_bytes(s.message, sizeof s.message) == 1 && sign_once(&s))
        n = repeat(once, &s, options->microseconds, &taken);
    EVP_PKEY_free(s.key);
    if (n == 0)
        return openssl_failed("sign or verify with P-256", e);
    limits_print(name, (double)n * 1e6 / (double)taken, "1/s", NULL, n);
    return 0;
}

int limits_sign(const struct limits_options *options, struct error *e)
{
    return measure_signing("sign_rate", sign_once, options, e);
}

int limits_verify(const struct limits_options *options, struct error *e)
{
    return measure_signing("verify_rate", verify_once, options, e);
}

static bool hash_many(EVP_MD_CTX *ctx, const EVP_MD *md, const uint8_t *data, size_t len)
{
    uint8_t out[EVP_MAX_MD_SIZE];

    for (int i = 0; i < BETWEEN_LOOK; i++)
        if (EVP_DigestInit_ex2(ctx, md, NULL) != 1 || EVP_DigestUpdate(ctx, data, len) != 1 ||
            EVP_DigestFinal_ex(ctx, out, NULL) != 1)
            return false;
    return true;
}

int limits_hash(const struct limits_options *options, struct error *e)
{
    static const size_t sizes[] = {512, 65536};
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t *data = memory_zeroed(sizes[1], 1);
    uint64_t done[2] = {0};
    uint64_t taken[2] = {0};
    bool good = md != NULL && ctx != NULL;

    for (size_t s = 0; good && s < 2; s++) {
        uint64_t begin = clock_monotonic();
        do {
            good = hash_many(ctx, md, data, sizes[s]);
            done[s] += BETWEEN_LOOK;
            taken[s] = clock_monotonic() - begin;
        } while (good && taken[s] < options->microseconds / 2);
    }
    free(data);
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    if (!good)
        return openssl_failed("hash with SHA-256", e);
    for (size_t s = 0; s < 2; s++) {
        char at[32];
        snprintf(at, sizeof at, "\"bytes\":%zu", sizes[s]);
        limits_print("hash_rate", (double)done[s] * 1e6 / (double)taken[s], "1/s", at, done[s]);
    }
    return 0;
}
