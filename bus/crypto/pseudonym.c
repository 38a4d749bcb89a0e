#include "crypto/pseudonym.h"
#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <string.h>

void pseudonym(const uint8_t day_key[32], const char *domain, struct bytes type, struct bytes value,
               uint8_t out[PSEUDONYM_SIZE])
{
    static const uint8_t zero = 0;
    uint8_t mac[HASH_SIZE];
    /* The zero bytes keep ("ab", "c") and ("a", "bc") apart: no domain, type or canonical value contains one.
     */
    const struct bytes parts[] = {
        bytes_of_string(domain), bytes_make(&zero, 1), type, bytes_make(&zero, 1), value,
    };

    hmac_sha256(bytes_make(day_key, 32), parts, sizeof(parts) / sizeof(parts[0]), mac);
    memcpy(out, mac, PSEUDONYM_SIZE);
    OPENSSL_cleanse(mac, sizeof(mac));
}
