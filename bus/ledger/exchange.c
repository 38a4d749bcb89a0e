#include "ledger/ledger_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"

#include <string.h>

#define ID            16
#define EXCHANGE_SIZE (1 + 5 * 8 + 2 * HASH_SIZE)
#define EXPIRY_SIZE   (8 + ID)
#define QUOTA_KEY     (4 + 32)

void exchange_terms(const struct header *header, uint8_t terms[HASH_SIZE])
{
    /* With their terminating zeros, which no identifier contains, so that no two lists look the same. */
    const char *const texts[] = {header->consumer, header->provider, header->service, header->operation,
                                 header->purpose};
    struct bytes parts[5];

    for (int i = 0; i < 5; i++)
        parts[i] = bytes_make(texts[i], strlen(texts[i]) + 1);
    sha256_parts(parts, 5, terms);
}

static void encode(const struct exchange *x, uint8_t out[EXCHANGE_SIZE])
{
    out[0] = (uint8_t)x->state;
    put_u64be(out + 1, x->request);
    put_u64be(out + 9, x->terminal);
    put_u64be(out + 17, x->late);
    put_u64be(out + 25, x->deadline);
    put_u64be(out + 33, x->expires);
    memcpy(out + 41, x->leaf, HASH_SIZE);
    memcpy(out + 73, x->terms, HASH_SIZE);
}

int exchange_find(struct ledger *ledger, const uint8_t id[ID], struct exchange *out, struct error *e)
{
    struct bytes v;
    int found = store_get(ledger->txn, ledger->tables[TABLE_EXCHANGES], bytes_make(id, ID), &v, e);

    if (found != 1)
        return found;
    if (v.len != EXCHANGE_SIZE || v.data[0] < EXCHANGE_OPEN || v.data[0] > EXCHANGE_SETTLED)
        return error_set(e, ERROR_INTEGRITY, "a row of the ledger's table exchanges has no valid form");
    out->state = (enum exchange_state)v.data[0];
    out->request = get_u64be(v.data + 1);
    out->terminal = get_u64be(v.data + 9);
    out->late = get_u64be(v.data + 17);
    out->deadline = get_u64be(v.data + 25);
    out->expires = get_u64be(v.data + 33);
    memcpy(out->leaf, v.data + 41, HASH_SIZE);
    memcpy(out->terms, v.data + 73, HASH_SIZE);
    return 1;
}

int exchange_change(struct ledger *ledger, const uint8_t id[ID], const struct exchange *exchange,
                    struct error *e)
{
    uint8_t value[EXCHANGE_SIZE];

    encode(exchange, value);
    return store_put(ledger->txn, ledger->tables[TABLE_EXCHANGES], bytes_make(id, ID),
                     bytes_make(value, sizeof(value)), e);
}

static int put_expiry(struct ledger *ledger, uint64_t at, const uint8_t id[ID], struct error *e)
{
    uint8_t key[EXPIRY_SIZE];

    put_u64be(key, at);
    memcpy(key + 8, id, ID);
    return store_put(ledger->txn, ledger->tables[TABLE_EXPIRY], bytes_make(key, sizeof(key)),
                     bytes_make("", 0), e);
}

int exchange_add(struct ledger *ledger, const uint8_t id[ID], const struct exchange *exchange,
                 struct error *e)
{
    uint8_t key[8];

    if (exchange_change(ledger, id, exchange, e) != 0 ||
        put_expiry(ledger, exchange->expires + REMEMBERED_PAST_EXPIRY, id, e) != 0)
        return -1;
    if (exchange->state != EXCHANGE_OPEN)
        return 0;
    put_u64be(key, exchange->request);
    return store_append(ledger->txn, ledger->tables[TABLE_OPEN], bytes_make(key, 8), bytes_make(id, ID), e);
}

int exchange_end(struct ledger *ledger, const uint8_t id[ID], struct exchange *exchange, uint64_t terminal,
                 struct error *e)
{
    uint8_t key[8];

    BUG_ON(exchange->state != EXCHANGE_OPEN);
    exchange->state = EXCHANGE_ENDED;
    exchange->terminal = terminal;
    put_u64be(key, exchange->request);
    if (store_delete(ledger->txn, ledger->tables[TABLE_OPEN], bytes_make(key, 8), e) < 0)
        return -1;
    return exchange_change(ledger, id, exchange, e);
}

int exchange_first_open(struct ledger *ledger, uint8_t id[ID], struct error *e)
{
    struct bytes key, value;
    int found = store_seek(ledger->txn, ledger->tables[TABLE_OPEN], bytes_make(NULL, 0), &key, &value, e);

    if (found != 1)
        return found;
    if (value.len != ID)
        return error_set(e, ERROR_INTEGRITY, "a row of the ledger's table open has no valid form");
    memcpy(id, value.data, ID);
    return 1;
}

/* One row of expiry that is due: the exchange goes, unless it is still open. */
static int clean_exchange(struct ledger *ledger, const uint8_t row[EXPIRY_SIZE], uint64_t time,
                          struct error *e)
{
    const uint8_t *id = row + 8;
    struct exchange exchange;
    int found = exchange_find(ledger, id, &exchange, e);

    if (found < 0 ||
        store_delete(ledger->txn, ledger->tables[TABLE_EXPIRY], bytes_make(row, EXPIRY_SIZE), e) < 0)
        return -1;
    if (found == 0)
        return 0;
    /* Its terminal entry is still to come; it must neither be forgotten nor stand in the way of those behind
     * it. */
    if (exchange.state == EXCHANGE_OPEN)
        return put_expiry(ledger, time + OPEN_PAST_EXPIRY, id, e);
    return store_delete(ledger->txn, ledger->tables[TABLE_EXCHANGES], bytes_make(id, ID), e) < 0 ? -1 : 0;
}

static int clean_quota(struct ledger *ledger, uint64_t time, struct error *e)
{
    const uint32_t today = clock_day(time + QUOTA_ZONE);
    struct bytes key, value;
    uint8_t row[QUOTA_KEY];

    for (int i = 0; i < QUOTAS_AT_ONCE; i++) {
        int found =
            store_seek(ledger->txn, ledger->tables[TABLE_QUOTA], bytes_make(NULL, 0), &key, &value, e);
        if (found <= 0)
            return found;
        if (key.len != QUOTA_KEY || get_u32be(key.data) >= today)
            return 0;
        memcpy(row, key.data, QUOTA_KEY);
        if (store_delete(ledger->txn, ledger->tables[TABLE_QUOTA], bytes_make(row, QUOTA_KEY), e) < 0)
            return -1;
    }
    return 0;
}

int exchange_clean(struct ledger *ledger, uint64_t time, struct error *e)
{
    struct bytes key, value;
    uint8_t row[EXPIRY_SIZE];

    for (int i = 0; i < CLEANED_AT_ONCE; i++) {
        int found =
            store_seek(ledger->txn, ledger->tables[TABLE_EXPIRY], bytes_make(NULL, 0), &key, &value, e);
        if (found < 0)
            return -1;
        if (found == 0)
            break;
        if (key.len != EXPIRY_SIZE)
            return error_set(e, ERROR_INTEGRITY, "a row of the ledger's table expiry has no valid form");
        if (get_u64be(key.data) >= time)
            break;
        memcpy(row, key.data, EXPIRY_SIZE); /* the map's page may move with the first change */
        if (clean_exchange(ledger, row, time, e) != 0)
            return -1;
    }
    return clean_quota(ledger, time, e);
}

/* member 00 day, without the index that makes it unique. */
static void subject_key(struct bytes member, uint32_t day, struct buffer *key)
{
    buffer_append_bytes(key, member);
    buffer_append(key, "", 1);
    buffer_put_u32be(key, day);
}

int subject_key_add(struct ledger *ledger, struct bytes member, uint32_t day, const uint8_t leaf[HASH_SIZE],
                    uint64_t index, struct error *e)
{
    struct buffer key = {0};
    uint8_t place[8];

    subject_key(member, day, &key);
    buffer_put_u64be(&key, index);
    put_u64be(place, index);
    int result =
        store_put(ledger->txn, ledger->tables[TABLE_SUBJECT_KEYS], buffer_bytes(&key), bytes_make("", 0), e);
    if (result == 0)
        result = store_put(ledger->txn, ledger->tables[TABLE_KEPT], bytes_make(leaf, HASH_SIZE),
                           bytes_make(place, 8), e);
    buffer_free(&key);
    return result;
}

int subject_key_find(struct ledger *ledger, struct store_txn *txn, struct bytes member, uint32_t day,
                     struct error *e)
{
    struct buffer prefix = {0};
    struct bytes key, value;

    subject_key(member, day, &prefix);
    int found = store_seek(txn, ledger->tables[TABLE_SUBJECT_KEYS], buffer_bytes(&prefix), &key, &value, e);
    if (found == 1 && (key.len != prefix.len + 8 || memcmp(key.data, prefix.data, prefix.len) != 0))
        found = 0;
    buffer_free(&prefix);
    return found;
}

int subject_key_count(struct ledger *ledger, struct bytes member, uint32_t day, struct error *e)
{
    struct buffer from = {0};
    struct bytes key, value;
    int count = 0, found = 1;

    subject_key(member, day, &from);
    const size_t prefix = from.len;
    while (count < DAY_KEYS_MOST) {
        found =
            store_seek(ledger->txn, ledger->tables[TABLE_SUBJECT_KEYS], buffer_bytes(&from), &key, &value, e);
        if (found != 1 || key.len != prefix + 8 || memcmp(key.data, from.data, prefix) != 0)
            break;
        const uint64_t index = get_u64be(key.data + prefix);
        from.len = prefix;
        buffer_put_u64be(&from, index + 1);
        count++;
    }
    buffer_free(&from);
    return found < 0 ? -1 : count;
}

int quota_take(struct ledger *ledger, const uint8_t grant[32], uint64_t time, uint64_t most, struct error *e)
{
    struct bytes value;
    uint8_t key[QUOTA_KEY], count[8];
    uint64_t used = 0;

    put_u32be(key, clock_day(time + QUOTA_ZONE));
    memcpy(key + 4, grant, 32);
    int found = store_get(ledger->txn, ledger->tables[TABLE_QUOTA], bytes_make(key, QUOTA_KEY), &value, e);
    if (found < 0)
        return -1;
    if (found == 1) {
        if (value.len != 8)
            return error_set(e, ERROR_INTEGRITY, "a row of the ledger's table quota has no valid form");
        used = get_u64be(value.data);
    }
    if (used >= most)
        return 0;
    put_u64be(count, used + 1);
    return store_put(ledger->txn, ledger->tables[TABLE_QUOTA], bytes_make(key, QUOTA_KEY),
                     bytes_make(count, 8), e) == 0
               ? 1
               : -1;
}
