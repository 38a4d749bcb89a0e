#ifndef WASL_CRYPTO_PSEUDONYM_H
#define WASL_CRYPTO_PSEUDONYM_H
/* First 16 bytes of HMAC-SHA256(day key, domain 00 type 00 value), value in canonical ASCII. */
#include "base/bytes.h"

#define PSEUDONYM_SIZE    16
#define PSEUDONYM_SUBJECT "wasl/subject/v1"
#define PSEUDONYM_AGENT   "wasl/agent/v1"

void pseudonym(const uint8_t day_key[32], const char *domain, struct bytes type, struct bytes value,
               uint8_t out[PSEUDONYM_SIZE]);

#endif
