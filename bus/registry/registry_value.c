#include "registry/registry_value.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

const char *value_size(const char *text, uint64_t *out)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    static const char *const words =
        "a size is a number of bytes, or one with KiB, MiB or GiB: 64KiB; at most 16GiB";
    size_t len = strlen(text);
    unsigned shift = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (len > 3 && strcmp(text + len - 3, units[i].suffix) == 0) {
            shift = units[i].shift;
            len -= 3;
            break;
        }
    const uint64_t most = UINT64_C(16) << 30;
    uint64_t number;
    if (!decimal_parse(bytes_make(text, len), &number) || number == 0 || number > most >> shift)
        return words;
    *out = number << shift;
    return NULL;
}

const char *value_time(const char *text, uint64_t *out)
{
    char copy[64];
    size_t len = strlen(text);
    /* YAML libraries write a time back with a space where it was read with a T; RFC 3339 allows both. */
    if (len > 10 && len < sizeof copy && text[10] == ' ') {
        memcpy(copy, text, len + 1);
        copy[10] = 'T';
        text = copy;
    }
    if (!clock_parse(text, out))
        return "a time is RFC 3339 (2027-01-31T23:00:00Z) or a date (2027-01-31: its first moment, UTC)";
    return NULL;
}

static bool all_zero(const uint8_t *key)
{
    uint8_t any = 0;
    for (size_t i = 0; i < 32; i++)
        any |= key[i];
    return any == 0;
}

const char *value_hex_key(const char *text, uint8_t out[32])
{
    if (!hex_decode(text, strlen(text), out, 32))
        return "a link key is 64 hexadecimal digits";
    return all_zero(out) ? "a key of zeros is nobody's" : NULL;
}

const char *value_base64_key(const char *text, uint8_t out[32])
{
    struct buffer raw = {0};
    const char *fault = "a sealing or oversight key is 32 bytes in base64";
    if (base64_decode(bytes_of_string(text), &raw) && raw.len == 32) {
        memcpy(out, raw.data, 32);
        fault = all_zero(out) ? "a key of zeros is nobody's" : NULL;
    }
    buffer_free(&raw);
    return fault;
}

const char *value_vkey(const char *text, enum note_key_type type, struct note_verifier *out)
{
    if (!note_verifier_parse(bytes_of_string(text), out))
        return "not a vkey (name+8 hexadecimal digits+base64), or its key id does not fit its key";
    if (out->type != (uint8_t)type)
        return type == NOTE_ED25519 ? "this vkey is not of type 1 (Ed25519 note key)"
                                    : "this vkey is not of type 4 (witness key)";
    return NULL;
}

static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++)
        if (*p < 0x20 || *p == 0x7f)
            return true;
    return false;
}

const char *value_name(const char *text)
{
    if (has_control(text))
        return "a name is one line without control characters";
    return strlen(text) > 200 ? "a name has at most 200 bytes" : NULL;
}

const char *value_subject_name(const char *text)
{
    if (has_control(text) || strlen(text) > 512 || strchr(text, '=') == NULL || text[0] == '/')
        return "a certificate's subject is written as RFC 2253 does: CN=...,O=...,C=TN (openssl x509 "
               "-nameopt RFC2253)";
    return NULL;
}

static bool is_space(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr(" \t\r\n", text[i]) == NULL)
            return false;
    return true;
}

const char *value_anchor(const char *pem)
{
    static const char head[] = "-----BEGIN CERTIFICATE-----", foot[] = "-----END CERTIFICATE-----";
    const char *begin = strstr(pem, head);
    const char *end = begin != NULL ? strstr(begin, foot) : NULL;
    if (end == NULL || !is_space(pem, (size_t)(begin - pem)) ||
        !is_space(end + strlen(foot), strlen(end + strlen(foot))))
        return "a trust anchor is one PEM certificate and nothing else";
    const char *fault = "this certificate cannot be read";
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (certificate != NULL)
        fault =
            X509_check_ca(certificate) >= 1 ? NULL : "this certificate is not a certification authority's";
    X509_free(certificate);
    BIO_free(bio);
    ERR_clear_error();
    return fault;
}

const char *value_method(const char *text)
{
    static const char *const methods[] = {"DELETE", "GET",  "HEAD", "OPTIONS",
                                          "PATCH",  "POST", "PUT",  "TRACE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(text, methods[i]) == 0)
            return NULL;
    return "a method is one of DELETE GET HEAD OPTIONS PATCH POST PUT TRACE";
}

bool value_method_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0 ||
           strcmp(method, "TRACE") == 0;
}
