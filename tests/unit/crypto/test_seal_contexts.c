#include "crypto/seal_contexts.h"
#include "crypto/hash.h"
#include "checks.h"

#include "envelope.pb-c.h"
#include <stdio.h>

#define SECOND ((uint64_t)1000000)

static struct sealing_key provider, newer;
static uint8_t context_hash[HASH_SIZE];

static int make_keys(void **state)
{
    (void)state;
    sha256(bytes_of_string("context"), context_hash);
    return sealing_key_generate(&provider, NULL) | sealing_key_generate(&newer, NULL);
}

struct two {
    struct seal_contexts *sender, *receiver;
};

static int setup(void **state)
{
    static struct two t;
    t = (struct two){seal_contexts_new(), seal_contexts_new()};
    seal_contexts_tick(t.sender, 10 * SECOND);
    seal_contexts_tick(t.receiver, 10 * SECOND);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct two *t = *state;
    seal_contexts_free(t->sender);
    seal_contexts_free(t->receiver);
    return 0;
}

struct slot_parts {
    uint8_t enc[32], label[32];
    size_t label_len;
};

static struct slot_parts parts_of(const struct sealed *sealed)
{
    Wasl__V1__Slot *slot = wasl__v1__slot__unpack(NULL, sealed->slots[0].len, sealed->slots[0].data);
    struct slot_parts parts = {.label_len = slot->label.len};

    assert_int_equal(slot->enc.len, 32);
    memcpy(parts.enc, slot->enc.data, 32);
    if (slot->label.len > 0)
        memcpy(parts.label, slot->label.data, 32);
    wasl__v1__slot__free_unpacked(slot, NULL);
    return parts;
}

static struct slot_parts seal_for(struct seal_contexts *contexts, const char *name,
                                  const struct sealing_key *key, struct sealed *out)
{
    struct seal_receiver receiver = {.receiver = name};

    memcpy(receiver.public_key, key->public_key, 32);
    assert_int_equal(
        seal_with(contexts, bytes_of_string("the answer"), context_hash, &receiver, 1, out, NULL), 0);
    return parts_of(out);
}

static bool opens_for(struct seal_contexts *contexts, const char *sender, const struct sealed *sealed,
                      const struct sealing_key *key, const uint8_t hash[HASH_SIZE])
{
    struct bytes chunk = buffer_bytes(&sealed->chunks[0]);
    struct buffer text = {0};
    const char *why;
    bool good = seal_open_with(contexts, bytes_of_string(sender), buffer_bytes(&sealed->slots[0]), &chunk, 1,
                               hash, sealed->commitment, key, 1, &text, &why);

    if (good)
        assert_true(bytes_equal_string(buffer_bytes(&text), "the answer"));
    buffer_free(&text);
    return good;
}

static bool opens(struct seal_contexts *contexts, const struct sealed *sealed)
{
    return opens_for(contexts, "TN/GOV/MEN", sealed, &provider, context_hash);
}

static void slots_of_one_context_share_enc_and_nothing_else(void **state)
{
    struct two *t = *state;
    struct sealed first, second;
    struct slot_parts a = seal_for(t->sender, "TN/GOV/MI", &provider, &first);
    struct slot_parts b = seal_for(t->sender, "TN/GOV/MI", &provider, &second);

    assert_int_equal(a.label_len, 32);
    assert_memory_equal(a.enc, b.enc, 32);
    assert_memory_not_equal(a.label, b.label, 32);
    assert_true(opens(t->receiver, &first));
    assert_true(opens(t->receiver, &second));
    assert_int_equal(seal_contexts_count(t->sender), 1);
    assert_int_equal(seal_contexts_count(t->receiver), 1);
    sealed_free(&first);
    sealed_free(&second);
}

static void a_slot_by_label_opens_without_any_state(void **state)
{
    struct two *t = *state;
    struct sealed first, second;

    seal_for(t->sender, "TN/GOV/MI", &provider, &first);
    seal_for(t->sender, "TN/GOV/MI", &provider, &second);
    assert_true(opens(NULL, &second));
    assert_true(opens(NULL, &first));
    /* And after a restart in between, in any order. */
    assert_true(opens(t->receiver, &second));
    seal_contexts_forget(t->receiver);
    assert_int_equal(seal_contexts_count(t->receiver), 0);
    assert_true(opens(t->receiver, &first));
    sealed_free(&first);
    sealed_free(&second);
}

static void a_slot_made_afresh_opens_beside_kept_contexts_and_leaves_none(void **state)
{
    struct two *t = *state;
    struct sealed sealed;
    struct slot_parts parts = seal_for(NULL, "TN/GOV/MI", &provider, &sealed);

    assert_int_equal(parts.label_len, 0);
    assert_true(opens(t->receiver, &sealed));
    assert_int_equal(seal_contexts_count(t->receiver), 0);
    sealed_free(&sealed);
}

static void a_receiver_with_another_key_gets_another_context(void **state)
{
    struct two *t = *state;
    struct sealed old, fresh;
    struct slot_parts a = seal_for(t->sender, "TN/GOV/MI", &provider, &old);
    struct slot_parts b = seal_for(t->sender, "TN/GOV/MI", &newer, &fresh);

    assert_memory_not_equal(a.enc, b.enc, 32);
    assert_int_equal(seal_contexts_count(t->sender), 1); /* the one of the old key is gone */
    assert_true(opens_for(t->receiver, "TN/GOV/MEN", &fresh, &newer, context_hash));
    assert_false(opens_for(t->receiver, "TN/GOV/MEN", &fresh, &provider, context_hash));
    sealed_free(&old);
    sealed_free(&fresh);
}

static void receivers_do_not_share_a_context(void **state)
{
    struct two *t = *state;
    struct sealed first, second;
    struct slot_parts a = seal_for(t->sender, "TN/GOV/MI", &provider, &first);
    struct slot_parts b = seal_for(t->sender, "TN/GOV/MAS", &provider, &second);

    assert_memory_not_equal(a.enc, b.enc, 32);
    sealed_free(&first);
    sealed_free(&second);
}

static void a_sender_drops_its_context_after_a_minute_however_much_it_is_used(void **state)
{
    struct two *t = *state;
    struct sealed sealed;
    struct slot_parts a = seal_for(t->sender, "TN/GOV/MI", &provider, &sealed), b;

    sealed_free(&sealed);
    seal_contexts_tick(t->sender, 69 * SECOND);
    b = seal_for(t->sender, "TN/GOV/MI", &provider, &sealed);
    sealed_free(&sealed);
    assert_memory_equal(a.enc, b.enc, 32);
    seal_contexts_tick(t->sender, 70 * SECOND);
    assert_int_equal(seal_contexts_count(t->sender), 0);
    b = seal_for(t->sender, "TN/GOV/MI", &provider, &sealed);
    sealed_free(&sealed);
    assert_memory_not_equal(a.enc, b.enc, 32);
}

static void a_receiver_drops_what_was_not_used_for_a_minute(void **state)
{
    struct two *t = *state;
    struct sealed sealed;

    seal_for(t->sender, "TN/GOV/MI", &provider, &sealed);
    assert_true(opens(t->receiver, &sealed));
    seal_contexts_tick(t->receiver, 60 * SECOND);
    assert_true(opens(t->receiver, &sealed));
    seal_contexts_tick(t->receiver, 110 * SECOND);
    assert_int_equal(seal_contexts_count(t->receiver), 1);
    seal_contexts_tick(t->receiver, 121 * SECOND);
    assert_int_equal(seal_contexts_count(t->receiver), 0);
    assert_true(opens(t->receiver, &sealed));
    sealed_free(&sealed);
}

static void a_changed_label_or_enc_or_another_message_does_not_open(void **state)
{
    struct two *t = *state;
    struct sealed sealed, other;
    uint8_t other_hash[HASH_SIZE];
    struct slot_parts a = seal_for(t->sender, "TN/GOV/MI", &provider, &sealed);

    assert_true(opens(t->receiver, &sealed));
    uint8_t *enc = memmem(sealed.slots[0].data, sealed.slots[0].len, a.enc, 32);
    uint8_t *label = memmem(sealed.slots[0].data, sealed.slots[0].len, a.label, 32);
    assert_non_null(enc);
    assert_non_null(label);
    label[7] ^= 1;
    assert_false(opens(t->receiver, &sealed));
    label[7] ^= 1;
    enc[7] ^= 1;
    assert_false(opens(t->receiver, &sealed));
    enc[7] ^= 1;
    /* The slot of one message under the header of another: enc and label are known, the message is not. */
    sha256(bytes_of_string("another context"), other_hash);
    assert_false(opens_for(t->receiver, "TN/GOV/MEN", &sealed, &provider, other_hash));
    /* The label of one slot with the sealed keys of another. */
    struct slot_parts b = seal_for(t->sender, "TN/GOV/MI", &provider, &other);
    memcpy(label, b.label, 32);
    assert_false(opens(t->receiver, &sealed));
    memcpy(label, a.label, 32);
    assert_true(opens(t->receiver, &sealed));
    sealed_free(&sealed);
    sealed_free(&other);
}

static void an_enc_that_was_seen_before_serves_whoever_sends_it_now(void **state)
{
    struct two *t = *state;
    struct sealed sealed;

    seal_for(t->sender, "TN/GOV/MI", &provider, &sealed);
    assert_true(opens_for(t->receiver, "TN/GOV/MEN", &sealed, &provider, context_hash));
    assert_true(opens_for(t->receiver, "TN/GOV/MAS", &sealed, &provider, context_hash));
    assert_int_equal(seal_contexts_count(t->receiver), 2); /* each peer has places of its own */
    sealed_free(&sealed);
}

static void a_peer_with_endless_contexts_drives_out_only_its_own(void **state)
{
    struct two *t = *state;
    struct sealed honest, sealed;

    seal_for(t->sender, "TN/GOV/MI", &provider, &honest);
    assert_true(opens_for(t->receiver, "TN/GOV/MAS", &honest, &provider, context_hash));
    for (int i = 0; i < 50; i++) {
        seal_contexts_forget(t->sender);
        seal_for(t->sender, "TN/GOV/MI", &provider, &sealed);
        assert_true(opens_for(t->receiver, "TN/GOV/MEN", &sealed, &provider, context_hash));
        sealed_free(&sealed);
    }
    assert_int_equal(seal_contexts_count(t->receiver), 1 + 4);
    sealed_free(&honest);
}

static void what_is_kept_is_bounded_in_both_directions(void **state)
{
    struct two *t = *state;
    struct sealed sealed;
    char name[32];

    for (int i = 0; i < 1500; i++) {
        snprintf(name, sizeof(name), "TN/GOV/M%d", i);
        seal_for(t->sender, name, &provider, &sealed);
        assert_true(opens_for(t->receiver, name, &sealed, &provider, context_hash));
        sealed_free(&sealed);
    }
    assert_in_range(seal_contexts_count(t->sender), 256, SEAL_CONTEXTS_MOST);
    assert_in_range(seal_contexts_count(t->receiver), 256, SEAL_CONTEXTS_MOST);
    /* The newest is there. */
    struct slot_parts a = seal_for(t->sender, name, &provider, &sealed), b;
    sealed_free(&sealed);
    b = seal_for(t->sender, name, &provider, &sealed);
    sealed_free(&sealed);
    assert_memory_equal(a.enc, b.enc, 32);
}

static void a_key_that_cannot_be_agreed_with_leaves_nothing(void **state)
{
    struct two *t = *state;
    struct seal_receiver nobody = {.receiver = "TN/GOV/MI"};
    uint8_t enc[32] = {0}, label[32] = {0}, key[32];
    struct error e = {0};

    assert_int_equal(seal_contexts_send(t->sender, &nobody, enc, label, key, &e), -1);
    assert_int_equal(e.kind, ERROR_CRYPTO);
    memset(enc, 0, sizeof(enc));
    assert_false(seal_contexts_receive(t->receiver, bytes_of_string("x"), &provider, enc, label, key));
    assert_int_equal(seal_contexts_count(t->sender) + seal_contexts_count(t->receiver), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(slots_of_one_context_share_enc_and_nothing_else),
        TEST(a_slot_by_label_opens_without_any_state),
        TEST(a_slot_made_afresh_opens_beside_kept_contexts_and_leaves_none),
        TEST(a_receiver_with_another_key_gets_another_context),
        TEST(receivers_do_not_share_a_context),
        TEST(a_sender_drops_its_context_after_a_minute_however_much_it_is_used),
        TEST(a_receiver_drops_what_was_not_used_for_a_minute),
        TEST(a_changed_label_or_enc_or_another_message_does_not_open),
        TEST(an_enc_that_was_seen_before_serves_whoever_sends_it_now),
        TEST(a_peer_with_endless_contexts_drives_out_only_its_own),
        TEST(what_is_kept_is_bounded_in_both_directions),
        TEST(a_key_that_cannot_be_agreed_with_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, make_keys, NULL);
}
