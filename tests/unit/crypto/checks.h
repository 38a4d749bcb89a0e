#ifndef WASL_TESTS_UNIT_CRYPTO_CHECKS_H
#define WASL_TESTS_UNIT_CRYPTO_CHECKS_H
/* What the tests of this folder share. Include after the headers that cmocka wants before it. */
#include "base/bytes.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* Bytes of a hexadecimal constant; out has room. Returns the length. */
static inline size_t unhex(const char *text, uint8_t *out)
{
    size_t len = strlen(text) / 2;

    assert_true(hex_decode(text, strlen(text), out, len));
    return len;
}

#define assert_hex_equal(data, len, text)                                                                    \
    do {                                                                                                     \
        uint8_t expected_[512];                                                                              \
        assert_int_equal(unhex(text, expected_), len);                                                       \
        assert_memory_equal(data, expected_, len);                                                           \
    } while (0)

#endif
