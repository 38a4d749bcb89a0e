/* One canonical encoding, and none other. */
#include "wire/strict.h"

#include "content.pb-c.h"
#include "envelope.pb-c.h"
#include "session.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool accepts(const ProtobufCMessageDescriptor *d, const void *data, size_t len)
{
    struct strict_message m;
    /* An exact copy on the heap, so that reading past the end is seen by the sanitizer. */
    void *copy = memory_copy(data, len);
    bool ok = strict_unpack(d, bytes_make(copy, len), &m);
    if (ok) {
        struct buffer again = {0};
        strict_pack(m.message, &again);
        assert_true(bytes_equal(buffer_bytes(&again), bytes_make(data, len)));
        buffer_free(&again);
    } else {
        assert_null(m.message);
        assert_null(m.arena);
    }
    strict_free(&m);
    free(copy);
    return ok;
}
#define CHUNK(text)     accepts(&wasl__v1__chunk__descriptor, text, sizeof(text) - 1)
#define SIGNATURE(text) accepts(&wasl__v1__signature__descriptor, text, sizeof(text) - 1)
#define PING(text)      accepts(&wasl__v1__ping__descriptor, text, sizeof(text) - 1)
#define CREDIT(text)    accepts(&wasl__v1__credit__descriptor, text, sizeof(text) - 1)
#define WELCOME(text)   accepts(&wasl__v1__welcome__descriptor, text, sizeof(text) - 1)
#define HEAD(text)      accepts(&wasl__v1__request_head__descriptor, text, sizeof(text) - 1)

static void the_canonical_encoding_is_accepted(void **state)
{
    (void)state;
    assert_true(CHUNK(""));
    assert_true(CHUNK("\x0a\x02xy\x10\x05"));
    assert_true(CHUNK("\x10\xff\xff\xff\xff\x0f"));
    assert_true(PING("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert_true(WELCOME("\x08\x01\x2a\x01q\x2a\x01r\x30\x07"));
    assert_true(SIGNATURE("\x08\x03"));
}

static void fields_out_of_order_are_refused(void **state)
{
    (void)state;
    assert_false(CHUNK("\x10\x05\x0a\x02xy"));
    assert_false(WELCOME("\x2a\x01q\x30\x07\x2a\x01r")); /* a repeated field in two places */
}

static void a_field_given_twice_is_refused(void **state)
{
    (void)state;
    assert_false(CHUNK("\x0a\x02xy\x0a\x02xy"));
    assert_false(CHUNK("\x10\x05\x10\x06"));
}

static void an_unknown_field_is_refused(void **state)
{
    (void)state;
    assert_false(CHUNK("\x10\x05\x18\x01"));
    assert_false(CHUNK("\x10\x05\xfa\x01\x01x"));
    assert_false(CHUNK("\x00\x01")); /* number 0 */
}

static void a_default_value_is_refused(void **state)
{
    (void)state;
    assert_false(CHUNK("\x10\x00"));
    assert_false(CHUNK("\x0a\x00"));
    assert_false(SIGNATURE("\x08\x00"));
    assert_true(
        HEAD("\x22\x01n\x22\x00")); /* an element of a list keeps its place: a header without a value */
}

static void a_varint_longer_than_needed_is_refused(void **state)
{
    (void)state;
    assert_false(CHUNK("\x10\x85\x00"));                                    /* value */
    assert_false(CHUNK("\x90\x00\x05"));                                    /* key */
    assert_false(CHUNK("\x0a\x82\x00xy"));                                  /* length */
    assert_false(PING("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));     /* 65 bits */
    assert_false(PING("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")); /* 11 bytes */
    assert_false(PING("\x08\xff"));
}

static void a_number_beyond_its_type_is_refused(void **state)
{
    (void)state;
    assert_true(CREDIT("\x08\xff\xff\xff\xff\x0f"));
    assert_false(CREDIT("\x08\x80\x80\x80\x80\x10"));
}

static void an_enum_value_that_is_not_declared_is_refused(void **state)
{
    (void)state;
    assert_false(SIGNATURE("\x08\x04"));
    assert_false(SIGNATURE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")); /* -1 */
    struct strict_message m;
    assert_true(strict_unpack_any_enum(&wasl__v1__signature__descriptor, bytes_make("\x08\x04", 2), &m));
    assert_int_equal(((Wasl__V1__Signature *)m.message)->algorithm, 4);
    strict_free(&m);
}

static void a_wrong_wire_type_is_refused(void **state)
{
    (void)state;
    assert_false(CHUNK("\x08\x05"));             /* bytes as a varint */
    assert_false(CHUNK("\x12\x01\x05"));         /* number as bytes */
    assert_false(CHUNK("\x11\0\0\0\0\0\0\0\1")); /* fixed64 */
    assert_false(CHUNK("\x15\1\0\0\0"));         /* fixed32 */
    assert_false(CHUNK("\x13\x14"));             /* group */
}

static void bytes_that_are_cut_or_left_over_are_refused(void **state)
{
    (void)state;
    static const char whole[] = "\x0a\x02xy\x10\x05";
    for (size_t len = 1; len < sizeof(whole) - 1; len++)
        assert_int_equal(accepts(&wasl__v1__chunk__descriptor, whole, len), len == 4);
    assert_false(CHUNK("\x0a\x02xy\x10\x05\x00"));
    assert_false(CHUNK("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xy"));
}

static void whatever_is_accepted_packs_to_the_same_bytes(void **state)
{
    (void)state;
    /* Whatever is accepted packs to the same bytes: accepts() asserts it for each of these. */
    uint8_t whole[] =
        "\x08\x01\x12\x10ssssssssssssssss\x18\xff\x01\x2a\x01q\x2a\x01r\x30\x07\x42\x01z\x48\x80\x08";
    for (size_t bit = 0; bit < 8 * (sizeof(whole) - 1); bit++) {
        whole[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        accepts(&wasl__v1__welcome__descriptor, whole, sizeof(whole) - 1);
        whole[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
}

static void elements_are_bounded(void **state)
{
    (void)state;
    struct buffer many = {0};
    for (int i = 0; i < STRICT_ELEMENTS_MOST; i++)
        buffer_append(&many, "\x2a\x01q", 3);
    assert_true(accepts(&wasl__v1__welcome__descriptor, many.data, many.len));
    buffer_append(&many, "\x2a\x01q", 3);
    assert_false(accepts(&wasl__v1__welcome__descriptor, many.data, many.len));
    buffer_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_canonical_encoding_is_accepted),
        cmocka_unit_test(fields_out_of_order_are_refused),
        cmocka_unit_test(a_field_given_twice_is_refused),
        cmocka_unit_test(an_unknown_field_is_refused),
        cmocka_unit_test(a_default_value_is_refused),
        cmocka_unit_test(a_varint_longer_than_needed_is_refused),
        cmocka_unit_test(a_number_beyond_its_type_is_refused),
        cmocka_unit_test(an_enum_value_that_is_not_declared_is_refused),
        cmocka_unit_test(a_wrong_wire_type_is_refused),
        cmocka_unit_test(bytes_that_are_cut_or_left_over_are_refused),
        cmocka_unit_test(whatever_is_accepted_packs_to_the_same_bytes),
        cmocka_unit_test(elements_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
