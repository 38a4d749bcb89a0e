/* What waits for a peer: bounded, in order, and begun again on a new session. */
#include "broker/cache.h"
#include "broker/mailbox.h"
#include "broker/map.h"
#include "wire/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A socket that takes a number of messages and then no more. */
struct wire {
    unsigned room, count;
    unsigned verbs[64];
    size_t payloads[64];
};

static bool take(void *arg, unsigned verb, struct bytes message, struct bytes payload)
{
    struct wire *w = arg;
    (void)message;
    if (w->room == 0)
        return false;
    w->room--;
    w->verbs[w->count] = verb;
    w->payloads[w->count++] = payload.len;
    return true;
}

static struct delivery *make(uint8_t mark, size_t chunks, size_t chunk_len, uint64_t expires)
{
    uint8_t leaf[HASH_SIZE];
    memset(leaf, mark, sizeof(leaf));
    struct buffer message = {0};
    buffer_append_string(&message, "deliver");
    struct buffer *parts = memory_zeroed(chunks, sizeof(*parts));
    for (size_t i = 0; i < chunks; i++)
        memset(buffer_extend(&parts[i], chunk_len + i), mark, chunk_len + i);
    return delivery_new(leaf, expires, &message, parts, chunks);
}

static struct mailbox bounded(uint64_t most, uint64_t most_bytes)
{
    return (struct mailbox){.most = most, .most_bytes = most_bytes};
}

static void chunks_follow_their_message_in_order(void **state)
{
    (void)state;
    struct mailbox m = bounded(10, 1 << 20);
    struct wire w = {.room = 64};
    struct credit credit = {10, 1 << 20};
    struct delivery *a = make(1, 3, 100, 9), *b = make(2, 1, 50, 9);
    struct posting *held = NULL;
    assert_non_null(mailbox_post(&m, a, &held));
    assert_non_null(mailbox_post(&m, b, NULL));
    assert_non_null(held);
    mailbox_pump(&m, &credit, take, &w);
    const unsigned verbs[] = {VERB_DELIVER, VERB_CHUNK, VERB_CHUNK, VERB_DELIVER};
    assert_int_equal(w.count, 4);
    assert_memory_equal(w.verbs, verbs, sizeof(verbs));
    assert_int_equal(w.payloads[2], 102);
    assert_null(held);
    assert_int_equal(m.count, 0);
    assert_int_equal(m.bytes, 0);
    assert_int_equal(credit.messages, 8); /* chunks cost bytes only */
    delivery_free(a);
    delivery_free(b);
}

static void without_credit_nothing_is_sent(void **state)
{
    (void)state;
    struct mailbox m = bounded(10, 1 << 20);
    struct wire w = {.room = 64};
    struct credit credit = {0, 1 << 20};
    struct delivery *a = make(1, 2, 100, 9);
    mailbox_post(&m, a, NULL);
    mailbox_pump(&m, &credit, take, &w);
    assert_int_equal(w.count, 0);
    credit = (struct credit){5, 7 + 100}; /* the message and its first chunk, to the byte */
    mailbox_pump(&m, &credit, take, &w);
    assert_int_equal(w.count, 1);
    assert_int_equal(credit.bytes, 0);
    credit.bytes = 1000;
    mailbox_pump(&m, &credit, take, &w);
    assert_int_equal(w.count, 2);
    assert_int_equal(m.count, 0);
    delivery_free(a);
}

static void what_the_socket_does_not_take_costs_no_credit(void **state)
{
    (void)state;
    struct mailbox m = bounded(10, 1 << 20);
    struct wire w = {.room = 0};
    struct credit credit = {5, 1000};
    struct delivery *a = make(1, 1, 100, 9);
    mailbox_post(&m, a, NULL);
    mailbox_pump(&m, &credit, take, &w);
    assert_int_equal(credit.messages, 5);
    assert_int_equal(credit.bytes, 1000);
    mailbox_clear(&m);
    delivery_free(a);
}

static void a_new_session_gets_the_whole_message(void **state)
{
    (void)state;
    struct mailbox m = bounded(10, 1 << 20);
    struct wire w = {.room = 2};
    struct credit credit = {5, 100000};
    struct delivery *a = make(1, 3, 100, 9);
    mailbox_post(&m, a, NULL);
    mailbox_pump(&m, &credit, take, &w);
    assert_int_equal(w.count, 2);
    mailbox_restart(&m);
    w = (struct wire){.room = 64};
    mailbox_pump(&m, &credit, take, &w);
    assert_int_equal(w.count, 3);
    assert_int_equal(w.verbs[0], VERB_DELIVER);
    delivery_free(a);
}

static void a_mailbox_is_bounded_in_count_and_bytes(void **state)
{
    (void)state;
    struct mailbox m = bounded(2, 1 << 20);
    struct delivery *a = make(1, 1, 100, 9);
    assert_non_null(mailbox_post(&m, a, NULL));
    assert_non_null(mailbox_post(&m, a, NULL));
    assert_null(mailbox_post(&m, a, NULL));
    mailbox_clear(&m);
    m = bounded(100, 2 * a->bytes);
    assert_non_null(mailbox_post(&m, a, NULL));
    assert_non_null(mailbox_post(&m, a, NULL));
    assert_null(mailbox_post(&m, a, NULL));
    mailbox_clear(&m);
    assert_int_equal(a->references, 1);
    delivery_free(a);
}

static void what_has_expired_is_not_delivered(void **state)
{
    (void)state;
    struct mailbox m = bounded(10, 1 << 20);
    struct delivery *a = make(1, 1, 100, 50), *b = make(2, 1, 100, 100);
    struct posting *held = NULL;
    mailbox_post(&m, a, &held);
    mailbox_post(&m, b, NULL);
    mailbox_expire(&m, 51);
    assert_null(held);
    assert_int_equal(m.count, 1);
    mailbox_clear(&m);
    delivery_free(a);
    delivery_free(b);
}

static void the_cache_forgets_the_oldest_first(void **state)
{
    (void)state;
    struct delivery *a = make(1, 1, 100, 50);
    struct cache *cache = cache_new(3 * (a->bytes + CACHE_OVERHEAD));
    uint8_t id[5][16];
    for (int i = 0; i < 5; i++) {
        memset(id[i], i + 1, 16);
        cache_put(cache, id[i], a);
    }
    assert_null(cache_get(cache, id[0]));
    assert_null(cache_get(cache, id[1]));
    for (int i = 2; i < 5; i++)
        assert_ptr_equal(cache_get(cache, id[i]), a);
    cache_expire(cache, 51);
    assert_null(cache_get(cache, id[4]));
    struct delivery *large = make(2, 1, 4000, 50);
    cache_put(cache, id[0], large); /* larger than the whole cache */
    assert_null(cache_get(cache, id[0]));
    cache_put(cache, id[1], a);
    cache_free(cache);
    assert_int_equal(a->references, 1);
    delivery_free(a);
    delivery_free(large);
}

static void a_map_holds_what_was_put_through_growth_and_removal(void **state)
{
    (void)state;
    struct map *map = map_new(16);
    static uint8_t keys[5000][16];
    for (size_t i = 0; i < 5000; i++) {
        memcpy(keys[i], &i, sizeof(i));
        assert_null(map_put(map, keys[i], keys[i]));
    }
    assert_int_equal(map_count(map), 5000);
    for (size_t i = 0; i < 5000; i += 3)
        assert_ptr_equal(map_remove(map, keys[i]), keys[i]);
    for (size_t i = 0; i < 5000; i++)
        assert_ptr_equal(map_get(map, keys[i]), i % 3 == 0 ? NULL : keys[i]);
    assert_ptr_equal(map_put(map, keys[1], keys[2]), keys[1]);
    assert_ptr_equal(map_get(map, keys[1]), keys[2]);
    assert_null(map_remove(map, keys[0]));
    map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_follow_their_message_in_order),
        cmocka_unit_test(without_credit_nothing_is_sent),
        cmocka_unit_test(what_the_socket_does_not_take_costs_no_credit),
        cmocka_unit_test(a_new_session_gets_the_whole_message),
        cmocka_unit_test(a_mailbox_is_bounded_in_count_and_bytes),
        cmocka_unit_test(what_has_expired_is_not_delivered),
        cmocka_unit_test(the_cache_forgets_the_oldest_first),
        cmocka_unit_test(a_map_holds_what_was_put_through_growth_and_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
