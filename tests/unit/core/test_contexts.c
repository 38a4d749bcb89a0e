/* Whole exchanges whose key agreements are kept. */
#include "world.h"

#include "envelope.pb-c.h"
#include "wire/strict.h"

#include <string.h>

static int setup(void **state)
{
    static struct world w;
    world_open(&w);
    *state = &w;
    world_start(&w, MI);
    world_start(&w, MEN);
    world_link(&w, MI);
    world_link(&w, MEN);
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

struct slot_parts {
    uint8_t enc[32], label[32];
};

/* Of the newest message of that kind. */
static struct slot_parts parts_of(struct world *w, int member, enum message_kind kind)
{
    struct slot_parts parts;
    struct strict_message hold;
    const struct hand_message *m = hand_bus_find(&w->bus, member, kind);
    assert_non_null(m);
    assert_true(strict_unpack(&wasl__v1__slot__descriptor, buffer_bytes(&m->slots[0]), &hold));
    const Wasl__V1__Slot *slot = hold.message;
    assert_int_equal(slot->enc.len, 32);
    assert_int_equal(slot->label.len, 32);
    memcpy(parts.enc, slot->enc.data, 32);
    memcpy(parts.label, slot->label.data, 32);
    strict_free(&hold);
    return parts;
}

static void ask_and_wait(struct world *w)
{
    world_ask(w, MEN, world_ask_new(w, "01234567890"));
    world_run(w, world_answered);
    assert_int_equal(w->refusal, REFUSAL_NONE);
    assert_string_equal(w->answer_body, "{\"name\":{\"fr\":\"Amel\"},\"birth_date\":\"2012-04-01\"}");
}

static void exchanges_of_two_members_share_a_key_agreement_each_way(void **state)
{
    struct world *w = *state;
    ask_and_wait(w);
    struct slot_parts request = parts_of(w, MEN, MESSAGE_REQUEST), next;
    struct slot_parts response = parts_of(w, MI, MESSAGE_RESPONSE);
    ask_and_wait(w);
    next = parts_of(w, MEN, MESSAGE_REQUEST);
    assert_memory_equal(request.enc, next.enc, 32);
    assert_memory_not_equal(request.label, next.label, 32);
    next = parts_of(w, MI, MESSAGE_RESPONSE);
    assert_memory_equal(response.enc, next.enc, 32);
    assert_memory_not_equal(response.label, next.label, 32);
    assert_memory_not_equal(request.enc, response.enc, 32);
}

static void after_a_restart_of_either_side_what_the_other_kept_still_serves(void **state)
{
    struct world *w = *state;
    ask_and_wait(w);
    struct slot_parts request = parts_of(w, MEN, MESSAGE_REQUEST), next;
    world_settle(w);
    world_stop(w, MI);
    world_start(w, MI);
    world_link(w, MI);
    ask_and_wait(w);
    next = parts_of(w, MEN, MESSAGE_REQUEST);
    assert_memory_equal(request.enc, next.enc, 32);
    world_settle(w); /* with nothing unproven, which would be asked for first */
    world_stop(w, MEN);
    world_start(w, MEN);
    world_link(w, MEN);
    ask_and_wait(w);
    next = parts_of(w, MEN, MESSAGE_REQUEST);
    assert_memory_not_equal(request.enc, next.enc, 32);
}

static void nothing_is_kept_over_a_change_of_our_own_keys(void **state)
{
    struct world *w = *state;
    ask_and_wait(w);
    struct slot_parts request = parts_of(w, MEN, MESSAGE_REQUEST), next;
    world_change(w, MEN);
    ask_and_wait(w);
    next = parts_of(w, MEN, MESSAGE_REQUEST);
    assert_memory_not_equal(request.enc, next.enc, 32);
}

static bool second_registry(struct world *w)
{
    struct core_status ours, theirs;
    core_status(w->core[MI], &ours);
    core_status(w->core[MEN], &theirs);
    return ours.registry_version == 2 && theirs.registry_version == 2;
}

static void a_member_with_another_sealing_key_is_agreed_with_anew(void **state)
{
    struct world *w = *state;
    struct sealing_key before = country()->sealing[MI];
    struct buffer second = {0};
    ask_and_wait(w);
    struct slot_parts request = parts_of(w, MEN, MESSAGE_REQUEST), next;
    assert_int_equal(sealing_key_generate(&country()->sealing[MI], NULL), 0);
    country_sign_registry(2, &country()->registry, NULL, &second);
    w->bus.registry = &second;
    hand_bus_notice(&w->bus, MI);
    hand_bus_notice(&w->bus, MEN);
    world_run(w, second_registry);
    ask_and_wait(w);
    next = parts_of(w, MEN, MESSAGE_REQUEST);
    assert_memory_not_equal(request.enc, next.enc, 32);
    country()->sealing[MI] = before;
    w->bus.registry = &country()->registry;
    buffer_free(&second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exchanges_of_two_members_share_a_key_agreement_each_way),
        TEST(after_a_restart_of_either_side_what_the_other_kept_still_serves),
        TEST(nothing_is_kept_over_a_change_of_our_own_keys),
        TEST(a_member_with_another_sealing_key_is_agreed_with_anew),
    };
    int result = cmocka_run_group_tests_name("core-contexts", tests, NULL, NULL);
    country_end();
    return result;
}
