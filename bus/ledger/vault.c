#include "ledger/vault.h"

#include "base/error.h"
#include "base/keyfile.h"
#include "base/store.h"
#include "crypto/aead.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/*
 * <folder>/keys      record keys (base/keyfile.h); a slot's tag is the first 24 bytes of the leaf
 * <folder>/records/  LMDB, table "records": leaf (32) -> version (1) || slot (u64be) || ciphertext || tag
 * (16)
 *
 * Each record has a key of its own that encrypts once, so the nonce is zero; the leaf is the additional data,
 * so a record cannot be passed off as another one.
 */
#define RECORD_VERSION 1
#define RECORD_HEAD    9

static const uint8_t nonce[AEAD_NONCE];

struct vault {
    struct keyfile *keys;
    struct store *store;
    MDB_dbi records;
};

static void tag_of(const uint8_t leaf[HASH_SIZE], uint8_t tag[KEYFILE_TAG])
{
    memcpy(tag, leaf, KEYFILE_TAG);
}

static struct bytes key_of(const uint8_t leaf[HASH_SIZE])
{
    return bytes_make(leaf, HASH_SIZE);
}

static int record_slot(struct bytes value, uint64_t *slot, struct error *e)
{
    if (value.len < RECORD_HEAD + AEAD_TAG || value.data[0] != RECORD_VERSION)
        return error_set(e, ERROR_INTEGRITY,
                         "a record of the vault has a form that this version does not know");
    *slot = get_u64be(value.data + 1);
    return 0;
}

/* Slot of a leaf's record: 1, 0 there is none, -1. */
static int find_slot(struct vault *vault, const uint8_t leaf[HASH_SIZE], uint64_t *slot, struct error *e)
{
    struct bytes value;
    struct store_txn *txn = store_read(vault->store, e);

    if (txn == NULL)
        return -1;
    int found = store_get(txn, vault->records, key_of(leaf), &value, e);
    if (found == 1 && record_slot(value, slot, e) != 0)
        found = -1;
    store_abort(txn);
    return found;
}

/* The key of slot belongs to leaf's record: 1; destroyed or another's: 0; -1. */
static int record_key(struct vault *vault, const uint8_t leaf[HASH_SIZE], uint64_t slot,
                      uint8_t key[KEYFILE_KEY], struct error *e)
{
    uint8_t tag[KEYFILE_TAG], wanted[KEYFILE_TAG];
    int result = keyfile_get(vault->keys, slot, tag, key, e);

    tag_of(leaf, wanted);
    if (result == 1 && memcmp(tag, wanted, KEYFILE_TAG) != 0)
        result = 0;
    return result;
}

static int delete_row(struct vault *vault, const uint8_t leaf[HASH_SIZE], struct error *e)
{
    struct store_txn *txn = store_write(vault->store, e);

    if (txn == NULL)
        return -1;
    if (store_delete(txn, vault->records, key_of(leaf), e) < 0) {
        store_abort(txn);
        return -1;
    }
    return store_commit(txn, e);
}

/* The next leaf with key >= from: 1, 0, -1. */
static int next_record(struct vault *vault, const uint8_t from[HASH_SIZE], uint8_t leaf[HASH_SIZE],
                       uint64_t *slot, struct error *e)
{
    struct bytes key, value;
    struct store_txn *txn = store_read(vault->store, e);

    if (txn == NULL)
        return -1;
    int found = store_seek(txn, vault->records, key_of(from), &key, &value, e);
    if (found == 1 && key.len != HASH_SIZE)
        found = error_set(e, ERROR_INTEGRITY, "the vault has a record under a key that is not a hash");
    if (found == 1) {
        memcpy(leaf, key.data, HASH_SIZE);
        found = record_slot(value, slot, e) == 0 ? 1 : -1;
    }
    store_abort(txn);
    return found;
}

/* The leaf after this one; false when there is none. */
static bool next_leaf(uint8_t leaf[HASH_SIZE])
{
    for (size_t i = HASH_SIZE; i > 0; i--)
        if (++leaf[i - 1] != 0)
            return true;
    return false;
}

/* Mends what a crash has left: a row whose key is destroyed goes, a key without row is destroyed. */
static int reconcile(struct vault *vault, struct error *e)
{
    const uint64_t slots = keyfile_slots(vault->keys);
    uint8_t *named = memory_zeroed((size_t)(slots / 8 + 1), 1); /* bit: a row names the slot */
    uint8_t at[HASH_SIZE] = {0}, leaf[HASH_SIZE], key[KEYFILE_KEY], tag[KEYFILE_TAG];
    uint64_t slot;
    int found, result = -1;

    do {
        found = next_record(vault, at, leaf, &slot, e);
        if (found < 0)
            goto out;
        if (found == 0)
            break;
        int alive = record_key(vault, leaf, slot, key, e);
        if (alive < 0 || (alive == 0 && delete_row(vault, leaf, e) != 0))
            goto out;
        if (alive == 1)
            named[slot / 8] |= (uint8_t)(1u << (slot % 8));
        memcpy(at, leaf, HASH_SIZE);
    } while (next_leaf(at));

    for (slot = 0; slot < slots; slot++) {
        if ((named[slot / 8] >> (slot % 8) & 1) != 0)
            continue;
        found = keyfile_get(vault->keys, slot, tag, key, e);
        if (found < 0 || (found == 1 && keyfile_destroy(vault->keys, slot, e) != 0))
            goto out;
    }
    result = 0;
out:
    explicit_bzero(key, sizeof(key));
    free(named);
    return result;
}

struct vault *vault_open(const char *folder, size_t map_size, struct error *e)
{
    const struct store_options options = {.map_size = map_size, .most_tables = 4, .create = true};
    struct vault *vault = memory_zeroed(1, sizeof(*vault));
    struct buffer path = {0};

    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        error_set(e, ERROR_IO, "cannot make the vault %s: %s", folder, strerror(errno));
        goto failed;
    }
    buffer_printf(&path, "%s/keys", folder);
    buffer_append(&path, "", 1);
    vault->keys = keyfile_open((const char *)path.data, true, e);
    if (vault->keys == NULL)
        goto failed;
    buffer_clear(&path);
    buffer_printf(&path, "%s/records", folder);
    buffer_append(&path, "", 1);
    vault->store = store_open((const char *)path.data, &options, e);
    if (vault->store == NULL || store_table(vault->store, "records", &vault->records, e) != 0 ||
        file_sync_name(folder, e) != 0 || reconcile(vault, e) != 0)
        goto failed;
    buffer_free(&path);
    return vault;
failed:
    buffer_free(&path);
    error_prefix(e, "vault: ");
    vault_close(vault);
    return NULL;
}

void vault_close(struct vault *vault)
{
    if (vault == NULL)
        return;
    store_close(vault->store);
    keyfile_close(vault->keys);
    free(vault);
}

/* Encrypts and puts one record under its key. */
static int put_record(struct vault *vault, struct store_txn *txn, const struct vault_record *record,
                      uint64_t slot, const uint8_t key[KEYFILE_KEY], struct error *e)
{
    const size_t len = RECORD_HEAD + record->data.len + AEAD_TAG;
    uint8_t *value = memory_zeroed(len, 1);
    int result = -1;

    value[0] = RECORD_VERSION;
    put_u64be(value + 1, slot);
    if (!aead_seal(key, nonce, key_of(record->leaf), record->data, value + RECORD_HEAD))
        error_set(e, ERROR_CRYPTO, "a record of the vault could not be encrypted");
    else
        result = store_put(txn, vault->records, key_of(record->leaf), bytes_make(value, len), e);
    free(value);
    return result;
}

/* Which records are new: not in the vault, and not twice in the call. */
static int pick_new(struct vault *vault, const struct vault_record *records, size_t count, size_t *fresh,
                    size_t *n, struct error *e)
{
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t slot;
        bool twice = false;

        if (records[i].data.len > VAULT_RECORD_MOST)
            return error_set(e, ERROR_USAGE, "a record of %zu bytes does not fit the vault (at most %zu)",
                             records[i].data.len, VAULT_RECORD_MOST);
        for (size_t j = 0; j < *n && !twice; j++)
            twice = memcmp(records[fresh[j]].leaf, records[i].leaf, HASH_SIZE) == 0;
        int there = twice ? 1 : find_slot(vault, records[i].leaf, &slot, e);
        if (there < 0)
            return -1;
        if (there == 0)
            fresh[(*n)++] = i;
    }
    return 0;
}

int vault_put(struct vault *vault, const struct vault_record *records, size_t count, struct error *e)
{
    size_t *fresh = memory_zeroed(count + 1, sizeof(*fresh));
    uint8_t(*tags)[KEYFILE_TAG] = memory_zeroed(count + 1, KEYFILE_TAG);
    uint8_t(*keys)[KEYFILE_KEY] = memory_zeroed(count + 1, KEYFILE_KEY);
    uint64_t *slots = memory_zeroed(count + 1, sizeof(*slots));
    struct store_txn *txn = NULL;
    size_t n, made = 0;
    int result = -1;

    if (pick_new(vault, records, count, fresh, &n, e) != 0)
        goto out;
    if (n == 0) {
        result = 0;
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        tag_of(records[fresh[i]].leaf, tags[i]);
    if (keyfile_create_many(vault->keys, n, (const uint8_t(*)[KEYFILE_TAG])tags, slots, keys, e) != 0)
        goto out;
    made = n;
    txn = store_write(vault->store, e);
    if (txn == NULL)
        goto out;
    for (size_t i = 0; i < n; i++)
        if (put_record(vault, txn, &records[fresh[i]], slots[i], keys[i], e) != 0)
            goto out;
    result = store_commit(txn, e);
    txn = NULL;
out:
    store_abort(txn);
    /* Keys whose records did not come in serve nobody. After a failed commit the rows may be there or not:
     * either way the caller has been told that nothing is kept, and the next start clears away rows without
     * key. */
    if (result != 0)
        for (size_t i = 0; i < made; i++)
            keyfile_destroy(vault->keys, slots[i], NULL);
    explicit_bzero(keys, (count + 1) * KEYFILE_KEY);
    free(keys);
    free(tags);
    free(slots);
    free(fresh);
    return result;
}

int vault_get(struct vault *vault, const uint8_t leaf[HASH_SIZE], struct buffer *out, struct error *e)
{
    uint8_t key[KEYFILE_KEY] = {0};
    struct bytes value;
    uint64_t slot;
    struct store_txn *txn = store_read(vault->store, e);

    if (txn == NULL)
        return -1;
    int result = store_get(txn, vault->records, key_of(leaf), &value, e);
    if (result == 1 && record_slot(value, &slot, e) != 0)
        result = -1;
    if (result == 1)
        result = record_key(vault, leaf, slot, key, e);
    if (result == 1) {
        struct bytes sealed = bytes_make(value.data + RECORD_HEAD, value.len - RECORD_HEAD);
        const size_t before = out->len;
        uint8_t *plain = buffer_extend(out, sealed.len - AEAD_TAG);

        if (!aead_open(key, nonce, key_of(leaf), sealed, plain)) {
            out->len = before;
            result = error_set(e, ERROR_INTEGRITY,
                               "a record of the vault does not open under its key: it is damaged");
        }
    }
    explicit_bzero(key, sizeof(key));
    store_abort(txn);
    return result;
}

int vault_destroy(struct vault *vault, const uint8_t leaf[HASH_SIZE], struct error *e)
{
    uint8_t key[KEYFILE_KEY] = {0};
    uint64_t slot;
    int result = find_slot(vault, leaf, &slot, e);

    if (result != 1)
        return result;
    /* Only this record's own key: a slot number that was tampered with must not destroy another's. */
    int alive = record_key(vault, leaf, slot, key, e);
    explicit_bzero(key, sizeof(key));
    if (alive < 0 || (alive == 1 && keyfile_destroy(vault->keys, slot, e) != 0))
        return -1;
    return delete_row(vault, leaf, e) == 0 ? 1 : -1;
}

int vault_collect(struct vault *vault, int (*known)(void *arg, const uint8_t leaf[HASH_SIZE]), void *arg,
                  struct error *e)
{
    uint8_t at[HASH_SIZE] = {0}, leaf[HASH_SIZE];
    uint64_t slot;

    do {
        int found = next_record(vault, at, leaf, &slot, e);
        if (found <= 0)
            return found;
        int wanted = known(arg, leaf);
        if (wanted < 0)
            return error_set(e, ERROR_IO, "vault: whether a record is still wanted could not be found out");
        if (wanted == 0 && vault_destroy(vault, leaf, e) < 0)
            return -1;
        memcpy(at, leaf, HASH_SIZE);
    } while (next_leaf(at));
    return 0;
}
