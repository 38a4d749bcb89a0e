#include "ledger/ledger_internal.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_DIGITS 20

static const char *const table_names[TABLES] = {
    [TABLE_META] = "meta",           [TABLE_ENTRIES] = "entries",
    [TABLE_TILES] = "tiles",         [TABLE_CHECKPOINTS] = "checkpoints",
    [TABLE_EXCHANGES] = "exchanges", [TABLE_OPEN] = "open",
    [TABLE_EXPIRY] = "expiry",       [TABLE_SUBJECT_KEYS] = "subject_keys",
    [TABLE_QUOTA] = "quota",         [TABLE_OBJECTS] = "objects",
    [TABLE_KEPT] = "kept",
};

static int make_folder(const char *path, struct error *e)
{
    if (mkdir(path, 0700) == 0)
        return file_sync_name(path, e);
    if (errno == EEXIST)
        return 0;
    return error_set(e, errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_IO,
                     "cannot make the folder %s: %s", path, strerror(errno));
}

/* First index of the newest segment: 1, 0 there is none, -1. */
static int newest_segment(const char *folder, uint64_t *first, struct error *e)
{
    DIR *dir = opendir(folder);
    int found = 0;

    if (dir == NULL)
        return errno == ENOENT
                   ? 0
                   : error_set(e, ERROR_IO, "cannot read the folder %s: %s", folder, strerror(errno));
    for (struct dirent *item; (item = readdir(dir)) != NULL;) {
        const char *digits = item->d_name;
        uint64_t v;

        if (strlen(digits) != NAME_DIGITS)
            continue;
        while (digits[0] == '0' && digits[1] != '\0')
            digits++;
        if (!decimal_parse(bytes_of_string(digits), &v))
            continue;
        if (found == 0 || v > *first)
            *first = v;
        found = 1;
    }
    closedir(dir);
    return found;
}

/* A fresh segment says what it is in the transaction that makes it; an old one is asked. */
static int check_meta(struct ledger *ledger, struct error *e)
{
    const struct bytes origin = bytes_of_string(ledger->signer->verifier.name);
    const struct bytes format_key = bytes_of_string("format"), origin_key = bytes_of_string("origin");
    struct bytes value, key;
    uint8_t format[4];
    struct store_txn *txn = store_write(ledger->store, e);

    if (txn == NULL)
        return -1;
    int found = store_get(txn, ledger->tables[TABLE_META], format_key, &value, e);
    if (found < 0)
        goto failed;
    if (found == 0) {
        if (store_last(txn, ledger->tables[TABLE_ENTRIES], &key, &value, e) != 0) {
            error_set(e, ERROR_INTEGRITY, "the ledger in %s has entries but no format version",
                      ledger->folder);
            goto failed;
        }
        put_u32be(format, LEDGER_FORMAT);
        if (store_put(txn, ledger->tables[TABLE_META], format_key, bytes_make(format, 4), e) != 0 ||
            store_put(txn, ledger->tables[TABLE_META], origin_key, origin, e) != 0)
            goto failed;
        return store_commit(txn, e);
    }
    if (value.len != 4 || get_u32be(value.data) != LEDGER_FORMAT) {
        error_set(e, ERROR_CONFIG, "the ledger in %s has a format that this version (format %d) cannot write",
                  ledger->folder, LEDGER_FORMAT);
        goto failed;
    }
    found = store_get(txn, ledger->tables[TABLE_META], origin_key, &value, e);
    if (found < 0)
        goto failed;
    if (found == 0 || !bytes_equal(value, origin)) {
        error_set(e, ERROR_CONFIG, "the ledger in %s is not that of the key %s: use its own ledger key",
                  ledger->folder, ledger->signer->verifier.name);
        goto failed;
    }
    store_abort(txn);
    return 0;
failed:
    store_abort(txn);
    return -1;
}

int segment_open(struct ledger *ledger, const struct ledger_options *options, struct error *e)
{
    const struct store_options store = {
        .map_size = options->map_size, .most_tables = TABLES + 6, .create = options->create};
    struct buffer path = {0};
    int result = -1;

    if (options->create && make_folder(ledger->folder, e) != 0)
        return -1;
    buffer_printf(&path, "%s/segments", ledger->folder);
    buffer_append(&path, "", 1);
    if (options->create && make_folder((const char *)path.data, e) != 0)
        goto out;
    int found = newest_segment((const char *)path.data, &ledger->first, e);
    if (found < 0)
        goto out;
    if (found == 0 && !options->create) {
        error_set(e, ERROR_NOT_FOUND, "there is no ledger in %s", ledger->folder);
        goto out;
    }
    path.len--;
    buffer_printf(&path, "/%0*" PRIu64, NAME_DIGITS, ledger->first);
    buffer_append(&path, "", 1);
    ledger->store = store_open((const char *)path.data, &store, e);
    if (ledger->store == NULL)
        goto out;
    for (int i = 0; i < TABLES; i++)
        if (store_table(ledger->store, table_names[i], &ledger->tables[i], e) != 0)
            goto out;
    result = check_meta(ledger, e);
out:
    buffer_free(&path);
    return result;
}

int segment_entry(struct ledger *ledger, struct store_txn *txn, uint64_t index, struct bytes *entry,
                  struct error *e)
{
    uint8_t key[8];

    put_u64be(key, index);
    return store_get(txn, ledger->tables[TABLE_ENTRIES], bytes_make(key, 8), entry, e);
}

void segment_tile_key(unsigned level, uint64_t number, uint8_t key[9])
{
    key[0] = (uint8_t)level;
    put_u64be(key + 1, number);
}

int segment_tile(struct ledger *ledger, struct store_txn *txn, unsigned level, uint64_t number,
                 unsigned width, struct bytes *hashes, struct error *e)
{
    uint8_t key[9];

    segment_tile_key(level, number, key);
    int found = store_get(txn, ledger->tables[TABLE_TILES], bytes_make(key, 9), hashes, e);
    if (found != 1)
        return found;
    if (hashes->len % HASH_SIZE != 0 || hashes->len / HASH_SIZE < width)
        return error_set(e, ERROR_INTEGRITY, "tile %u/%" PRIu64 " of the ledger is cut off", level, number);
    hashes->len = (size_t)width * HASH_SIZE;
    return 1;
}

int segment_read_tile(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out,
                      struct error *e)
{
    struct ledger *ledger = arg;
    struct bytes hashes;
    struct store_txn *txn = store_read(ledger->store, e);

    if (txn == NULL)
        return -1;
    int found = segment_tile(ledger, txn, level, number, width, &hashes, e);
    if (found == 1)
        memcpy(out, hashes.data, hashes.len);
    else if (found == 0)
        error_set(e, ERROR_INTEGRITY, "tile %u/%" PRIu64 " of the ledger is missing", level, number);
    store_abort(txn);
    return found == 1 ? 0 : -1;
}

int segment_checkpoint(struct ledger *ledger, struct store_txn *txn, uint64_t size, struct buffer *note,
                       struct error *e)
{
    struct bytes value;
    uint8_t key[8];

    put_u64be(key, size);
    int found = store_get(txn, ledger->tables[TABLE_CHECKPOINTS], bytes_make(key, 8), &value, e);
    if (found == 1)
        buffer_append_bytes(note, value);
    return found;
}
