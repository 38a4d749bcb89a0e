#include "core/daykey.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/keyfile.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD          3 /* yesterday's, today's, tomorrow's */
#define LIFETIME      (120 * MICROSECONDS)
#define REFUSED_PAUSE (2 * MICROSECONDS)

/* daykeys: day u32 -> slot u64, state u8, the stored SUBJECT_KEY message (while it is not escrowed). */
enum state { STATE_MADE = 1, STATE_ESCROWED = 2 };
#define FIXED 9

struct held {
    uint32_t day; /* 0: empty */
    enum state state;
    uint64_t slot;
    uint8_t key[32];
    struct parcel *parcel;
    uint64_t not_before; /* after a refusal: when the next message may be made */
};

struct daykey {
    struct store *store;
    MDB_dbi table;
    struct keyfile *file;
    struct daykey_options options;
    struct held held[HELD];
};

static void held_clear(struct held *held)
{
    parcel_free(held->parcel);
    explicit_bzero(held, sizeof(*held));
}

static struct held *find(struct daykey *dk, uint32_t day)
{
    for (size_t i = 0; i < HELD; i++)
        if (dk->held[i].day == day)
            return &dk->held[i];
    return NULL;
}

/* A free place, or the one of the oldest day: nobody asks for that any more. */
static struct held *place_for(struct daykey *dk)
{
    struct held *place = &dk->held[0];
    for (size_t i = 1; i < HELD; i++)
        if (dk->held[i].day < place->day)
            place = &dk->held[i];
    held_clear(place);
    return place;
}

static void tag_of(uint32_t day, uint8_t tag[KEYFILE_TAG])
{
    memset(tag, 0, KEYFILE_TAG);
    memcpy(tag, "daykey", 6);
    put_u32be(tag + KEYFILE_TAG - 4, day);
}

static int put_record(struct daykey *dk, const struct held *held, struct error *e)
{
    uint8_t day[4];
    struct buffer value = {0};
    put_u32be(day, held->day);
    buffer_put_u64be(&value, held->slot);
    uint8_t state = (uint8_t)held->state;
    buffer_append(&value, &state, 1);
    if (held->state == STATE_MADE && held->parcel != NULL)
        parcel_encode(held->parcel, &value);
    int result = -1;
    struct store_txn *txn = store_write(dk->store, e);
    if (txn == NULL)
        goto out;
    if (store_put(txn, dk->table, bytes_make(day, 4), buffer_bytes(&value), e) != 0) {
        store_abort(txn);
        goto out;
    }
    result = store_commit(txn, e);
out:
    buffer_free(&value);
    return result;
}

/* 1 loaded, 0 there is none, -1. */
static int load(struct daykey *dk, uint32_t day, struct held **out, struct error *e)
{
    uint8_t name[4], tag[KEYFILE_TAG], expected[KEYFILE_TAG];
    struct bytes value;
    struct buffer copy = {0};
    put_u32be(name, day);
    struct store_txn *txn = store_read(dk->store, e);
    if (txn == NULL)
        return -1;
    int result = store_get(txn, dk->table, bytes_make(name, 4), &value, e);
    if (result == 1)
        buffer_append_bytes(&copy, value);
    store_abort(txn);
    if (result != 1)
        goto out;
    struct held fresh = {.day = day};
    if (copy.len < FIXED || (copy.data[8] != STATE_MADE && copy.data[8] != STATE_ESCROWED)) {
        result = error_set(e, ERROR_INTEGRITY, "the record of day key %" PRIu32 " is cut", day);
        goto out;
    }
    fresh.slot = get_u64be(copy.data);
    fresh.state = copy.data[8] == STATE_ESCROWED ? STATE_ESCROWED : STATE_MADE;
    result = keyfile_get(dk->file, fresh.slot, tag, fresh.key, e);
    tag_of(day, expected);
    if (result == 1 && memcmp(tag, expected, KEYFILE_TAG) != 0)
        result = error_set(e, ERROR_INTEGRITY, "the key file's slot is not that of day key %" PRIu32, day);
    if (result == 1) {
        if (fresh.state == STATE_MADE && copy.len > FIXED)
            fresh.parcel = parcel_decode(bytes_make(copy.data + FIXED, copy.len - FIXED));
        *out = place_for(dk);
        **out = fresh;
    }
    explicit_bzero(&fresh, sizeof(fresh));
out:
    buffer_free(&copy);
    return result;
}

struct daykey *daykey_open(struct store *store, const struct daykey_options *options, struct error *e)
{
    struct daykey *dk = memory_zeroed(1, sizeof(*dk));
    dk->store = store;
    dk->options = *options;
    dk->file = keyfile_open(options->path, true, e);
    if (dk->file == NULL || store_table(store, "daykeys", &dk->table, e) != 0) {
        daykey_close(dk);
        return NULL;
    }
    return dk;
}

void daykey_sign_with(struct daykey *dk, struct signer *signer)
{
    dk->options.signer = signer;
}

void daykey_close(struct daykey *dk)
{
    if (dk == NULL)
        return;
    for (size_t i = 0; i < HELD; i++)
        held_clear(&dk->held[i]);
    if (dk->file != NULL)
        keyfile_close(dk->file);
    free(dk);
}

static struct held *find_or_load(struct daykey *dk, uint32_t day)
{
    struct error e;
    struct held *held = find(dk, day);
    if (held == NULL && load(dk, day, &held, &e) < 0)
        log_error("day_key_not_read", "day=%" PRIu32 " why=%s", day, e.text);
    return held;
}

enum daykey_status daykey_get(struct daykey *dk, uint64_t at, uint8_t key[32])
{
    struct held *held = find_or_load(dk, clock_day(at));
    if (held == NULL || held->state != STATE_ESCROWED)
        return DAYKEY_WAITING;
    memcpy(key, held->key, 32);
    return DAYKEY_READY;
}

static struct held *make(struct daykey *dk, uint32_t day, struct error *e)
{
    struct held fresh = {.day = day, .state = STATE_MADE};
    uint8_t tag[KEYFILE_TAG];
    tag_of(day, tag);
    if (keyfile_create(dk->file, tag, &fresh.slot, fresh.key, e) != 0)
        return NULL;
    if (put_record(dk, &fresh, e) != 0) {
        struct error ignored;
        keyfile_destroy(dk->file, fresh.slot, &ignored);
        explicit_bzero(&fresh, sizeof(fresh));
        return NULL;
    }
    struct held *held = place_for(dk);
    *held = fresh;
    explicit_bzero(&fresh, sizeof(fresh));
    log_info("day_key_made", "day=%" PRIu32, day);
    return held;
}

static int seal_key(struct daykey *dk, struct held *held, uint64_t created, const uint8_t oversight[32],
                    const struct daykey_header *from, struct error *e)
{
    struct header header = {.kind = MESSAGE_SUBJECT_KEY, .created = created, .expires = created + LIFETIME};
    snprintf(header.instance, sizeof(header.instance), "%s", dk->options.instance);
    snprintf(header.consumer, sizeof(header.consumer), "%s", dk->options.member);
    snprintf(header.media_type, sizeof(header.media_type), "application/octet-stream");
    uuid_random(header.exchange_id);
    header.registry_version = from->registry_version;
    header.seen_size = from->seen_size;
    if (from->seen_size > 0)
        memcpy(header.seen_root, from->seen_root, HASH_SIZE);
    struct seal_receiver receiver = {.receiver = "oversight"};
    memcpy(receiver.public_key, oversight, 32);
    struct parcel *parcel = parcel_make(dk->options.signer, NULL, &header, bytes_make(NULL, 0),
                                        bytes_make(held->key, 32), false, &receiver, 1, e);
    if (parcel == NULL)
        return -1;
    parcel_free(held->parcel);
    held->parcel = parcel;
    /* Kept before it is sent: after a restart the same bytes are sent again, not a second message. */
    return put_record(dk, held, e);
}

struct parcel *daykey_submission(struct daykey *dk, uint64_t at, uint64_t now, const uint8_t oversight[32],
                                 const struct daykey_header *header, struct error *e)
{
    e->kind = ERROR_NONE;
    uint32_t day = clock_day(at);
    struct held *held = find(dk, day);
    if (held == NULL) {
        int found = load(dk, day, &held, e);
        if (found < 0)
            return NULL;
        if (found == 0)
            held = make(dk, day, e);
        if (held == NULL)
            return NULL;
    }
    if (held->state == STATE_ESCROWED)
        return NULL;
    /* The ledger files the key under the UTC day of `created`: for tomorrow's that is midnight, shortly
     * before. */
    uint64_t created = clock_day(now) == day ? now : at;
    if (held->parcel == NULL || held->parcel->expires < now) {
        if (now < held->not_before || seal_key(dk, held, created, oversight, header, e) != 0)
            return NULL;
    }
    return held->parcel;
}

static struct held *find_leaf(struct daykey *dk, const uint8_t leaf[HASH_SIZE])
{
    for (size_t i = 0; i < HELD; i++)
        if (dk->held[i].parcel != NULL && memcmp(dk->held[i].parcel->leaf, leaf, HASH_SIZE) == 0)
            return &dk->held[i];
    return NULL;
}

bool daykey_escrowed(struct daykey *dk, const uint8_t leaf[HASH_SIZE])
{
    struct held *held = find_leaf(dk, leaf);
    if (held == NULL)
        return false;
    struct error e;
    held->state = STATE_ESCROWED;
    parcel_free(held->parcel);
    held->parcel = NULL;
    /* If this record is lost the key is escrowed once more after a restart: harmless. */
    if (put_record(dk, held, &e) != 0)
        log_error("day_key_not_stored", "why=%s", e.text);
    log_info("day_key_escrowed", "day=%" PRIu32, held->day);
    return true;
}

void daykey_refused(struct daykey *dk, const uint8_t leaf[HASH_SIZE])
{
    struct held *held = find_leaf(dk, leaf);
    if (held == NULL)
        return;
    held->not_before = held->parcel->created + REFUSED_PAUSE;
    parcel_free(held->parcel);
    held->parcel = NULL;
}

/* The first day in the table before `day`: 1, 0, -1. */
static int oldest_before(struct daykey *dk, uint32_t day, uint32_t *out, uint64_t *slot, struct error *e)
{
    struct bytes key, value;
    struct store_txn *txn = store_read(dk->store, e);
    if (txn == NULL)
        return -1;
    int found = store_seek(txn, dk->table, bytes_make("", 0), &key, &value, e);
    if (found == 1 && (key.len != 4 || value.len < FIXED))
        found = error_set(e, ERROR_INTEGRITY, "the table of day keys is damaged");
    if (found == 1 && get_u32be(key.data) >= day)
        found = 0;
    if (found == 1) {
        *out = get_u32be(key.data);
        *slot = get_u64be(value.data);
    }
    store_abort(txn);
    return found;
}

int daykey_destroy_before(struct daykey *dk, uint32_t day, struct error *e)
{
    int count = 0;
    for (;; count++) {
        uint32_t old = 0;
        uint64_t slot = 0;
        int found = oldest_before(dk, day, &old, &slot, e);
        if (found <= 0)
            return found < 0 ? -1 : count;
        /* The key first: a record without a key is harmless, a key without a record would stay for ever. */
        if (keyfile_destroy(dk->file, slot, e) != 0)
            return -1;
        struct held *held = find(dk, old);
        if (held != NULL)
            held_clear(held);
        uint8_t name[4];
        put_u32be(name, old);
        struct store_txn *txn = store_write(dk->store, e);
        if (txn == NULL)
            return -1;
        if (store_delete(txn, dk->table, bytes_make(name, 4), e) < 0) {
            store_abort(txn);
            return -1;
        }
        if (store_commit(txn, e) != 0)
            return -1;
        log_info("day_key_destroyed", "day=%" PRIu32, old);
    }
}
