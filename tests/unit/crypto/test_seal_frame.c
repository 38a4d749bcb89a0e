#include "crypto/seal.h"
#include "checks.h"

static void a_frame_gives_back_head_and_body(void **state)
{
    struct buffer framed = {0};
    struct bytes head;
    struct bytes body;

    (void)state;
    seal_frame(bytes_of_string("head"), bytes_of_string("the body"), false, &framed);
    assert_int_equal(framed.len, 12 + 4 + 8);
    assert_hex_equal(framed.data, 24, "0000000468656164000000000000000874686520626f6479");
    assert_true(seal_unframe(buffer_bytes(&framed), &head, &body));
    assert_true(bytes_equal_string(head, "head"));
    assert_true(bytes_equal_string(body, "the body"));
    buffer_clear(&framed);
    seal_frame(bytes_make(NULL, 0), bytes_make(NULL, 0), false, &framed);
    assert_true(seal_unframe(buffer_bytes(&framed), &head, &body));
    assert_int_equal(head.len + body.len, 0);
    buffer_free(&framed);
}

static void padding_hides_the_length_in_its_class(void **state)
{
    /* Lengths framed, and after Padme (of the formula, in another language). */
    static const struct {
        size_t body, padded;
    } cases[] = {{0, 256},          {244, 256},        {245, 272},          {1000 - 12, 1024},
                 {1025 - 12, 1088}, {9000 - 12, 9216}, {65536 - 12, 65536}, {65537 - 12, 67584}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *data = memory_zeroed(cases[i].body + 1, 1);
        struct buffer framed = {0};
        struct bytes head;
        struct bytes body;

        memset(data, 7, cases[i].body);
        seal_frame(bytes_make(NULL, 0), bytes_make(data, cases[i].body), true, &framed);
        assert_int_equal(framed.len, cases[i].padded);
        assert_true(seal_unframe(buffer_bytes(&framed), &head, &body));
        assert_true(bytes_equal(body, bytes_make(data, cases[i].body)));
        buffer_free(&framed);
        free(data);
    }
}

static void a_cut_frame_or_padding_that_is_not_zero_is_rejected(void **state)
{
    struct buffer framed = {0};
    struct bytes head;
    struct bytes body;

    (void)state;
    seal_frame(bytes_of_string("head"), bytes_of_string("body"), false, &framed);
    for (size_t len = 0; len < framed.len; len++) {
        uint8_t *cut = memory_copy(framed.data, len); /* so that a sanitizer sees a read behind the end */

        assert_false(seal_unframe(bytes_make(cut, len), &head, &body));
        free(cut);
    }
    buffer_clear(&framed);
    seal_frame(bytes_of_string("head"), bytes_of_string("body"), true, &framed);
    for (size_t i = 20; i < framed.len; i++) {
        framed.data[i] = 1;
        assert_false(seal_unframe(buffer_bytes(&framed), &head, &body));
        framed.data[i] = 0;
    }
    memset(framed.data, 0xff, 4); /* a head longer than everything */
    assert_false(seal_unframe(buffer_bytes(&framed), &head, &body));
    put_u32be(framed.data, 4);
    memset(framed.data + 8, 0xff, 8);
    assert_false(seal_unframe(buffer_bytes(&framed), &head, &body));
    buffer_free(&framed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_gives_back_head_and_body),
        cmocka_unit_test(padding_hides_the_length_in_its_class),
        cmocka_unit_test(a_cut_frame_or_padding_that_is_not_zero_is_rejected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
