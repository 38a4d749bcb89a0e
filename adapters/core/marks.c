#include "core/marks.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* Long after its expiry a request cannot be delivered any more: bus and adapter both refuse it by the clock.
 * The margin is for a clock that is set back. */
#define MARGIN    (3600 * MICROSECONDS)
#define USED_MOST 0.8

/* marks: exchange id -> expires u64, leaf 32, response (empty: begun).  expiry: expires u64 || exchange id ->
 * "". */
#define FIXED (8 + HASH_SIZE)

struct marks {
    struct store *store;
    MDB_dbi marks, expiry;
};

struct marks *marks_open(struct store *store, struct error *e)
{
    struct marks *marks = memory_zeroed(1, sizeof(*marks));
    marks->store = store;
    if (store_table(store, "marks", &marks->marks, e) != 0 ||
        store_table(store, "marks-expiry", &marks->expiry, e) != 0) {
        marks_close(marks);
        return NULL;
    }
    return marks;
}

void marks_close(struct marks *marks)
{
    free(marks);
}

static void expiry_key(uint64_t expires, const uint8_t exchange_id[16], uint8_t key[24])
{
    put_u64be(key, expires);
    memcpy(key + 8, exchange_id, 16);
}

int marks_begin(struct marks *marks, const uint8_t exchange_id[16], const uint8_t leaf[HASH_SIZE],
                uint64_t expires, struct error *e)
{
    if (store_used(marks->store) > USED_MOST)
        return 2;
    uint8_t value[FIXED], key[24];
    put_u64be(value, expires);
    memcpy(value + 8, leaf, HASH_SIZE);
    expiry_key(expires, exchange_id, key);

    struct store_txn *txn = store_write(marks->store, e);
    if (txn == NULL)
        return -1;
    struct bytes old;
    int found = store_get(txn, marks->marks, bytes_make(exchange_id, 16), &old, e);
    if (found != 0) {
        store_abort(txn);
        return found;
    }
    if (store_put(txn, marks->marks, bytes_make(exchange_id, 16), bytes_make(value, sizeof(value)), e) != 0 ||
        store_put(txn, marks->expiry, bytes_make(key, sizeof(key)), bytes_make("", 0), e) != 0) {
        store_abort(txn);
        return -1;
    }
    return store_commit(txn, e);
}

int marks_keep(struct marks *marks, const uint8_t exchange_id[16], struct bytes response, struct error *e)
{
    struct store_txn *txn = store_write(marks->store, e);
    if (txn == NULL)
        return -1;
    struct buffer value = {0};
    struct bytes old;
    int result = store_get(txn, marks->marks, bytes_make(exchange_id, 16), &old, e);
    if (result == 0)
        result = error_set(e, ERROR_NOT_FOUND, "a response for an exchange that was never begun");
    else if (result == 1 && old.len != FIXED)
        result = error_set(e, ERROR_INTEGRITY, "a second response for one exchange, or a mark that is cut");
    if (result == 1) {
        buffer_append_bytes(&value, old);
        buffer_append_bytes(&value, response);
        result = store_put(txn, marks->marks, bytes_make(exchange_id, 16), buffer_bytes(&value), e);
    }
    buffer_free(&value);
    if (result != 0) {
        store_abort(txn);
        return -1;
    }
    return store_commit(txn, e);
}

int marks_find(struct marks *marks, const uint8_t exchange_id[16], const uint8_t leaf[HASH_SIZE],
               struct buffer *response, struct error *e)
{
    struct store_txn *txn = store_read(marks->store, e);
    if (txn == NULL)
        return -1;
    struct bytes value;
    int result = store_get(txn, marks->marks, bytes_make(exchange_id, 16), &value, e);
    if (result == 0) {
        result = MARK_NONE;
    } else if (result == 1) {
        if (value.len < FIXED)
            result = error_set(e, ERROR_INTEGRITY, "a mark in the state folder is cut");
        else if (memcmp(value.data + 8, leaf, HASH_SIZE) != 0)
            result = MARK_OTHER;
        else if (value.len == FIXED)
            result = MARK_BEGUN;
        else {
            buffer_append(response, value.data + FIXED, value.len - FIXED);
            result = MARK_KEPT;
        }
    }
    store_abort(txn);
    return result;
}

int marks_clean(struct marks *marks, uint64_t now, unsigned most, struct error *e)
{
    struct store_txn *txn = store_write(marks->store, e);
    if (txn == NULL)
        return -1;
    int deleted = 0;
    while ((unsigned)deleted < most) {
        struct bytes key, value;
        int found = store_seek(txn, marks->expiry, bytes_make("", 0), &key, &value, e);
        if (found < 0)
            goto failed;
        if (found == 0 || key.len != 24 || get_u64be(key.data) + MARGIN >= now)
            break;
        uint8_t copy[24]; /* the map's bytes move when the key is deleted */
        memcpy(copy, key.data, sizeof(copy));
        if (store_delete(txn, marks->marks, bytes_make(copy + 8, 16), e) < 0 ||
            store_delete(txn, marks->expiry, bytes_make(copy, sizeof(copy)), e) < 0)
            goto failed;
        deleted++;
    }
    if (deleted == 0) {
        store_abort(txn);
        return 0;
    }
    return store_commit(txn, e) == 0 ? deleted : -1;

failed:
    store_abort(txn);
    return -1;
}
