#include "wasl/distinguished_name.h"

#include "base/error.h"
#include "crypto/keys.h"

#include <openssl/bio.h>
#include <string.h>

/* The value of one part up to a ',' or the end, unescaped. Returns where it ends, NULL when an escape is
 * wrong. */
static const char *value_end(const char *p, struct buffer *value)
{
    for (; *p != 0 && *p != ','; p++) {
        if (*p != '\\') {
            buffer_append(value, p, 1);
            continue;
        }
        uint8_t byte;
        if (p[1] != 0 && strchr(",+\"\\<>;= #", p[1]) != NULL) {
            buffer_append(value, ++p, 1);
        } else if (p[1] != 0 && p[2] != 0 && hex_decode(p + 1, 2, &byte, 1) && byte != 0) {
            buffer_append(value, &byte, 1);
            p += 2;
        } else {
            return NULL;
        }
    }
    return p;
}

X509_NAME *distinguished_name_parse(const char *text, struct error *e)
{
    X509_NAME *name = X509_NAME_new();
    struct buffer value = {0};
    bool good = name != NULL && *text != 0;
    for (const char *p = text; good && *p != 0;) {
        char type[32];
        size_t len = strcspn(p, "=,");
        good = len > 0 && len < sizeof type && p[len] == '=';
        if (!good)
            break;
        memcpy(type, p, len);
        type[len] = 0;
        buffer_clear(&value);
        p = value_end(p + len + 1, &value);
        good = p != NULL && value.len > 0 && value.len <= 200 && (p[0] == 0 || p[1] != 0) &&
               /* Written last part first: each goes in front of those before it. */
               X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, value.data, (int)value.len, 0, 0) == 1;
        if (good && *p == ',')
            p++;
    }
    buffer_free(&value);
    if (good)
        return name;
    X509_NAME_free(name);
    crypto_error(NULL, "");
    error_set(e, ERROR_USAGE, "the subject is not a name as RFC 2253 writes it: CN=TN/GOV/MI,O=Wasl,C=TN");
    return NULL;
}

int distinguished_name_format(const X509_NAME *name, struct buffer *out, struct error *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    int result = -1;
    if (bio == NULL || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0) {
        crypto_error(e, "cannot write the subject");
    } else {
        long len = BIO_get_mem_data(bio, &data);
        buffer_append(out, data, (size_t)len);
        result = 0;
    }
    BIO_free(bio);
    return result;
}
