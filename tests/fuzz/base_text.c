/* Encodings of bases 16 and 64, percent, UTF-8, decimal, UUID and time: what decodes has one spelling. */
#include "fuzz.h"

#include "base/clock.h"
#include "base/percent.h"
#include "base/utf8.h"

void fuzz_setup(void)
{
}

void fuzz_seeds(void)
{
    fuzz_seed_text("AAEC/w==");
    fuzz_seed_text("0123456789");
    fuzz_seed_text("18446744073709551615");
    fuzz_seed_text("/a%20b%C3%A9%25");
    fuzz_seed_text("2026-11-22T05:55:56.123456Z");
    fuzz_seed_text("2026-02-28T23:59:59+01:00");
    fuzz_seed_text("2024-02-29");
    fuzz_seed_text("6f1c2f2e-0b7a-4c63-9d3e-0a1b2c3d4e5f");
    fuzz_seed_text("سلمى \xf0\x9f\x98\x80");
}

static void utf8(struct bytes text)
{
    size_t at = 0;
    bool good = true;
    while (at < text.len && good) {
        uint32_t point;
        size_t n = utf8_character(bytes_make(text.data + at, text.len - at), &point);
        good = n > 0;
        /* A code point has one form, so its length follows from it. */
        if (good) {
            FUZZ_CHECK(n == (point < 0x80 ? 1u : point < 0x800 ? 2u : point < 0x10000 ? 3u : 4u));
            FUZZ_CHECK(point <= 0x10ffff && (point < 0xd800 || point > 0xdfff));
            (void)utf8_harmless(point);
        }
        at += n;
    }
    FUZZ_CHECK(good == utf8_valid(text));
}

void fuzz_target(struct fuzz_input *in)
{
    struct bytes text = fuzz_rest(in);
    struct buffer decoded = {0}, again = {0};
    char *string = fuzz_text(text), form[64];
    uint64_t value;
    uint8_t id[16];

    if (base64_decode(text, &decoded)) {
        base64_encode(buffer_bytes(&decoded), &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&again), text));
    } else {
        FUZZ_CHECK(decoded.len == 0);
    }
    buffer_clear(&decoded);
    if (percent_decode(text, &decoded)) {
        FUZZ_CHECK(decoded.len <= text.len);
        FUZZ_CHECK(memchr(text.data != NULL ? text.data : (const uint8_t *)"x", '%', text.len) != NULL ||
                   bytes_equal(buffer_bytes(&decoded), text));
    } else {
        FUZZ_CHECK(decoded.len == 0);
    }
    if (decimal_parse(text, &value)) {
        snprintf(form, sizeof form, "%llu", (unsigned long long)value);
        FUZZ_CHECK(bytes_equal_string(text, form));
    }
    if (uuid_parse(string, id)) {
        uuid_format(id, form);
        FUZZ_CHECK(strcasecmp(form, string) == 0);
    }
    if (clock_parse(string, &value)) {
        uint64_t back = 0;
        clock_format(value, form);
        FUZZ_CHECK(clock_parse(form, &back) && back == value);
        (void)clock_day(value);
    }
    utf8(text);
    buffer_free(&decoded);
    buffer_free(&again);
    free(string);
}
