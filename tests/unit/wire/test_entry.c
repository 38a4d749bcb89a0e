/* Entries and the receipts made of them. */
#include "wire/entry.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "wire/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct entry admitted(void)
{
    struct entry e = {
        .type = ENTRY_ADMITTED,
        .time = 123456789,
        .registry_version = 4,
        .context = bytes_of_string("signed context"),
        .body = bytes_of_string("signed body"),
        .signature = bytes_of_string("signature block"),
    };
    memset(e.registry_hash, 0xaa, HASH_SIZE);
    return e;
}

static void an_entry_comes_back_as_it_was(void **state)
{
    (void)state;
    struct entry in = admitted(), out;
    in.reason = 42;
    in.member = bytes_of_string("TN/GOV/MI");
    in.has_leaf = in.has_exchange_id = in.has_object = in.has_certificate = true;
    memset(in.leaf, 1, HASH_SIZE);
    memset(in.exchange_id, 2, 16);
    memset(in.object, 3, HASH_SIZE);
    memset(in.certificate, 4, HASH_SIZE);
    in.object_kind = 2;
    in.count = 77;
    in.note = bytes_of_string("bus started");
    struct buffer data = {0}, again = {0};
    entry_encode(&in, &data);
    struct entry_hold hold;
    assert_true(entry_decode(buffer_bytes(&data), &out, &hold));
    assert_int_equal(out.type, ENTRY_ADMITTED);
    assert_int_equal(out.count, 77);
    assert_true(bytes_equal_string(out.note, "bus started"));
    assert_true(bytes_equal_string(out.context, "signed context"));
    entry_encode(&out, &again);
    assert_true(bytes_equal(buffer_bytes(&data), buffer_bytes(&again)));
    entry_release(&hold);
    entry_release(&hold); /* harmless */
    buffer_free(&data);
    buffer_free(&again);
}

static void an_entry_of_a_later_type_is_shown(void **state)
{
    (void)state;
    struct entry in = admitted(), out;
    in.type = 99;
    struct buffer data = {0};
    entry_encode(&in, &data);
    struct entry_hold hold;
    assert_true(entry_decode(buffer_bytes(&data), &out, &hold));
    assert_int_equal(out.type, 99);
    assert_string_equal(entry_type_name(out.type), "unknown");
    assert_string_equal(entry_type_name(ENTRY_FILL), "fill");
    entry_release(&hold);
    data.data[1] = 2; /* version */
    assert_false(entry_decode(buffer_bytes(&data), &out, &hold));
    buffer_free(&data);
}

static void no_flip_or_cut_of_an_entry_upsets_the_decoder(void **state)
{
    (void)state;
    struct entry in = admitted(), out;
    in.has_leaf = true;
    struct buffer data = {0};
    entry_encode(&in, &data);
    struct entry_hold hold;
    for (size_t len = 0; len < data.len; len++) {
        uint8_t *cut = memory_copy(data.data, len);
        if (entry_decode(bytes_make(cut, len), &out, &hold))
            entry_release(&hold);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * data.len; bit++) {
        data.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        if (entry_decode(buffer_bytes(&data), &out, &hold)) {
            struct buffer again = {0};
            entry_encode(&out, &again);
            assert_true(bytes_equal(buffer_bytes(&data), buffer_bytes(&again)));
            buffer_free(&again);
            entry_release(&hold);
        }
        data.data[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    buffer_free(&data);
}

/* A ledger of two entries, of which the second is ours. */
struct receipt {
    struct note_signer signer;
    struct buffer entry, proof;
    uint8_t leaf[HASH_SIZE];
};

static void receipt_make(const struct entry *entry, struct receipt *r)
{
    memset(r, 0, sizeof(*r));
    assert_int_equal(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &r->signer, NULL), 0);
    entry_encode(entry, &r->entry);
    uint8_t leaves[2][HASH_SIZE], path[64][HASH_SIZE];
    merkle_leaf(bytes_of_string("another"), leaves[0]);
    merkle_leaf(buffer_bytes(&r->entry), leaves[1]);
    struct checkpoint checkpoint = {.origin = "bus.example.tn/ledger", .size = 2};
    merkle_root(leaves, 2, checkpoint.root);
    struct buffer note = {0};
    checkpoint_sign(&checkpoint, &r->signer, &note);
    size_t path_len = merkle_path(leaves, 2, 1, path);
    tlog_proof_format(1, path, path_len, buffer_bytes(&note), &r->proof);
    buffer_free(&note);
    envelope_leaf(entry->context, entry->body, r->leaf);
}

static void receipt_done(struct receipt *r)
{
    buffer_free(&r->entry);
    buffer_free(&r->proof);
    note_signer_clear(&r->signer);
}

static enum refusal check(const struct receipt *r, unsigned type, const uint8_t *leaf)
{
    struct entry entry;
    struct entry_hold hold;
    struct checkpoint checkpoint;
    enum refusal refusal = receipt_check(buffer_bytes(&r->entry), buffer_bytes(&r->proof), type, leaf,
                                         &r->signer.verifier, 1, &entry, &hold, &checkpoint);
    if (refusal == REFUSAL_NONE) {
        assert_int_equal(checkpoint.size, 2);
        entry_release(&hold);
    }
    assert_null(hold.arena);
    return refusal;
}

static void a_receipt_holds_for_its_message_only(void **state)
{
    (void)state;
    struct entry entry = admitted();
    struct receipt r;
    receipt_make(&entry, &r);
    assert_int_equal(check(&r, ENTRY_ADMITTED, r.leaf), REFUSAL_NONE);
    assert_int_equal(check(&r, ENTRY_ADMITTED, NULL), REFUSAL_NONE);
    assert_int_equal(check(&r, 0, r.leaf), REFUSAL_NONE);
    uint8_t other[HASH_SIZE];
    memcpy(other, r.leaf, HASH_SIZE);
    other[31] ^= 1;
    assert_int_equal(check(&r, ENTRY_ADMITTED, other), REFUSAL_NO_RECEIPT);
    receipt_done(&r);
}

static void a_receipt_of_a_refusal_is_no_admission(void **state)
{
    (void)state;
    struct entry entry = admitted();
    entry.type = ENTRY_REFUSED;
    struct receipt r;
    receipt_make(&entry, &r);
    assert_int_equal(check(&r, ENTRY_ADMITTED, r.leaf), REFUSAL_NO_RECEIPT);
    assert_int_equal(check(&r, ENTRY_REFUSED, r.leaf), REFUSAL_NONE);
    receipt_done(&r);
}

static void a_receipt_of_another_ledger_key_is_none(void **state)
{
    (void)state;
    struct entry entry = admitted();
    struct receipt r;
    receipt_make(&entry, &r);
    note_signer_clear(&r.signer);
    assert_int_equal(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &r.signer, NULL), 0);
    assert_int_equal(check(&r, ENTRY_ADMITTED, r.leaf), REFUSAL_NO_RECEIPT);
    receipt_done(&r);
}

static void a_flipped_bit_in_the_entry_is_found(void **state)
{
    (void)state;
    struct entry entry = admitted();
    struct receipt r;
    receipt_make(&entry, &r);
    for (size_t i = 0; i < r.entry.len; i++) {
        r.entry.data[i] ^= 4;
        assert_int_equal(check(&r, ENTRY_ADMITTED, NULL), REFUSAL_NO_RECEIPT);
        r.entry.data[i] ^= 4;
    }
    receipt_done(&r);
}

static void only_an_entry_without_header_is_matched_by_its_leaf(void **state)
{
    (void)state;
    struct entry entry = {.type = ENTRY_TIMED_OUT, .time = 5, .has_leaf = true};
    memset(entry.leaf, 9, HASH_SIZE);
    struct receipt r;
    receipt_make(&entry, &r);
    assert_int_equal(check(&r, ENTRY_TIMED_OUT, entry.leaf), REFUSAL_NONE);
    assert_int_equal(check(&r, ENTRY_TIMED_OUT, r.leaf), REFUSAL_NO_RECEIPT);
    receipt_done(&r);

    entry.type = ENTRY_ADMITTED; /* an admission without its header is none */
    receipt_make(&entry, &r);
    assert_int_equal(check(&r, ENTRY_ADMITTED, entry.leaf), REFUSAL_NO_RECEIPT);
    receipt_done(&r);

    entry.type = ENTRY_REFUSED; /* many refusals are nobody's */
    entry.count = 2;
    receipt_make(&entry, &r);
    assert_int_equal(check(&r, ENTRY_REFUSED, entry.leaf), REFUSAL_NO_RECEIPT);
    receipt_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_back_as_it_was),
        cmocka_unit_test(an_entry_of_a_later_type_is_shown),
        cmocka_unit_test(no_flip_or_cut_of_an_entry_upsets_the_decoder),
        cmocka_unit_test(a_receipt_holds_for_its_message_only),
        cmocka_unit_test(a_receipt_of_a_refusal_is_no_admission),
        cmocka_unit_test(a_receipt_of_another_ledger_key_is_none),
        cmocka_unit_test(a_flipped_bit_in_the_entry_is_found),
        cmocka_unit_test(only_an_entry_without_header_is_matched_by_its_leaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
