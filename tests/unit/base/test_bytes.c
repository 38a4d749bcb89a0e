#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/error.h"

static void a_buffer_grows_and_keeps_what_it_holds(void **state)
{
    (void)state;
    struct buffer b = {0};
    for (uint32_t i = 0; i < 10000; i++)
        buffer_put_u32be(&b, i);
    assert_int_equal(b.len, 40000);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(get_u32be(b.data + 4 * i), i);
    buffer_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    buffer_append(&b, NULL, 0);
    buffer_append_string(&b, "again");
    assert_true(bytes_equal_string(buffer_bytes(&b), "again"));
    buffer_free(&b);
}

static void an_extension_of_nothing_still_gives_a_pointer(void **state)
{
    (void)state;
    struct buffer b = {0};
    assert_non_null(buffer_extend(&b, 0));
    assert_int_equal(b.len, 0);
    buffer_free(&b);
}

static void numbers_are_written_big_endian(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_put_u16be(&b, 0x0102);
    buffer_put_u32be(&b, 0x03040506);
    buffer_put_u64be(&b, 0x0708090a0b0c0d0e);
    buffer_printf(&b, "%s-%d", "x", 7);
    assert_int_equal(b.len, 17);
    assert_memory_equal(b.data, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0ex-7", 17);
    assert_int_equal(get_u16be(b.data), 0x0102);
    assert_true(get_u64be(b.data + 6) == 0x0708090a0b0c0d0e);
    buffer_free(&b);
}

static void comparisons_see_length_and_content(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_make(NULL, 0), bytes_make("x", 0)));
    assert_false(bytes_equal(bytes_make("ab", 2), bytes_make("abc", 3)));
    assert_false(bytes_equal(bytes_make("abd", 3), bytes_make("abc", 3)));
    assert_true(bytes_equal_constant_time("abc", "abc", 3));
    assert_false(bytes_equal_constant_time("abc", "bbc", 3));
    assert_false(bytes_equal_constant_time("abc", "abb", 3));
    assert_true(bytes_equal_constant_time("a", "b", 0));
}

static void hexadecimal_is_lower_case_out_and_either_case_in(void **state)
{
    (void)state;
    char text[9];
    uint8_t raw[4];
    hex_encode("\x00\xff\x1a\xB2", 4, text);
    assert_string_equal(text, "00ff1ab2");
    assert_true(hex_decode("00Ff1Ab2", 8, raw, 4));
    assert_memory_equal(raw, "\x00\xff\x1a\xb2", 4);
    assert_false(hex_decode("00ff1ab", 7, raw, 4));
    assert_false(hex_decode("00ff1ab2", 8, raw, 3));
    assert_false(hex_decode("00ff1ab2", 8, raw, 5));
    assert_false(hex_decode("00ff1abg", 8, raw, 4));
    assert_false(hex_decode(" 0ff1ab2", 8, raw, 4));
}

static void base64_gives_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"},
                                             {"\xfb\xff\xbf", "+/+/"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct buffer out = {0}, back = {0};
        base64_encode(bytes_of_string(vectors[i][0]), &out);
        assert_true(bytes_equal_string(buffer_bytes(&out), vectors[i][1]));
        assert_true(base64_decode(buffer_bytes(&out), &back));
        assert_true(bytes_equal_string(buffer_bytes(&back), vectors[i][0]));
        buffer_free(&out);
        buffer_free(&back);
    }
}

static void base64_that_is_not_canonical_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Z",     "Zg",       "Zg=",  "Zg===", "Zh==",     "Zm9=",
                                        "Zm8",   "Zg==Zg==", "Z===", "====",  "Zm 9",     "Zm9v\n",
                                        "Zm9v=", "Zm-_",     "=m9v", "Z=9v",  "Zm9vZg=a", "Zm=v"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buffer out = {0};
        buffer_append_string(&out, "kept");
        if (base64_decode(bytes_of_string(wrong[i]), &out))
            fail_msg("accepted: %s", wrong[i]);
        assert_true(bytes_equal_string(buffer_bytes(&out), "kept"));
        buffer_free(&out);
    }
}

static void a_decimal_has_one_form_and_fits(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "00", "01", "-1", "+1", " 1", "1 ", "1a", "18446744073709551616", "99999999999999999999"};
    uint64_t v = 5;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(decimal_parse(bytes_of_string(wrong[i]), &v));
    assert_int_equal(v, 5);
    assert_true(decimal_parse(bytes_of_string("0"), &v) && v == 0);
    assert_true(decimal_parse(bytes_of_string("18446744073709551615"), &v) && v == UINT64_MAX);
}

/* RFC 9562, appendix A.6: its time is 0x017F22E279B0 milliseconds. */
static void ordered_ids_begin_with_their_time_and_differ(void **state)
{
    (void)state;
    uint8_t a[16], b[16], later[16];
    uuid_ordered(a, 0x017F22E279B0ULL * 1000 + 999);
    uuid_ordered(b, 0x017F22E279B0ULL * 1000);
    uuid_ordered(later, 0x017F22E279B1ULL * 1000);
    assert_memory_equal(a, "\x01\x7f\x22\xe2\x79\xb0", 6);
    assert_memory_equal(a, b, 6);
    assert_memory_not_equal(a, b, 16);
    assert_true(memcmp(a, later, 16) < 0 && memcmp(b, later, 16) < 0);
    assert_int_equal(a[6] >> 4, 7);
    assert_int_equal(a[8] >> 6, 2);
}

static void an_exchange_id_is_read_in_its_one_form(void **state)
{
    (void)state;
    uint8_t id[16], again[16];
    char text[37];
    uuid_random(id);
    assert_int_equal(id[6] >> 4, 4);
    assert_int_equal(id[8] >> 6, 2);
    uuid_format(id, text);
    assert_int_equal(strlen(text), 36);
    assert_true(uuid_parse(text, again));
    assert_memory_equal(id, again, 16);
    assert_true(uuid_parse("00112233-4455-6677-8899-AAbbccddeeff", id));
    assert_memory_equal(id, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
    assert_false(uuid_parse("00112233-4455-6677-8899-aabbccddeef", id));
    assert_false(uuid_parse("00112233-4455-6677-8899-aabbccddeeff0", id));
    assert_false(uuid_parse("0011223304455-6677-8899-aabbccddeeff", id));
    assert_false(uuid_parse("0011223-34455-6677-8899-aabbccddeeff", id));
}

static void an_error_is_prefixed_and_cut_to_its_room(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(error_set(&e, ERROR_IO, "disk %d", 3), -1);
    assert_int_equal(error_prefix(&e, "while opening %s: ", "x"), -1);
    assert_int_equal(e.kind, ERROR_IO);
    assert_string_equal(e.text, "while opening x: disk 3");
    char longer[2 * sizeof e.text];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    error_prefix(&e, "%s", longer);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_int_equal(error_set(NULL, ERROR_IO, "nobody asks"), -1);
    assert_int_equal(error_prefix(NULL, "nobody asks"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_keeps_what_it_holds),
        cmocka_unit_test(an_extension_of_nothing_still_gives_a_pointer),
        cmocka_unit_test(numbers_are_written_big_endian),
        cmocka_unit_test(comparisons_see_length_and_content),
        cmocka_unit_test(hexadecimal_is_lower_case_out_and_either_case_in),
        cmocka_unit_test(base64_gives_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_that_is_not_canonical_is_refused_and_leaves_the_output),
        cmocka_unit_test(a_decimal_has_one_form_and_fits),
        cmocka_unit_test(ordered_ids_begin_with_their_time_and_differ),
        cmocka_unit_test(an_exchange_id_is_read_in_its_one_form),
        cmocka_unit_test(an_error_is_prefixed_and_cut_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
