#include "ledger/truststore.h"

#include "base/error.h"
#include "crypto/hash.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

struct truststore {
    char *folder;
    pthread_mutex_t writing; /* two writers of one object would share its temporary name */
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

struct truststore *truststore_open(const char *folder, struct error *e)
{
    if (make_folder(folder, e) != 0)
        return NULL;
    struct truststore *store = memory_zeroed(1, sizeof(*store));
    store->folder = string_copy(folder);
    pthread_mutex_init(&store->writing, NULL);
    return store;
}

void truststore_close(struct truststore *store)
{
    if (store == NULL)
        return;
    pthread_mutex_destroy(&store->writing);
    free(store->folder);
    free(store);
}

/* <folder>/<2 hex>, and with whole <folder>/<2 hex>/<64 hex>; a string in a buffer. */
static const char *path_of(const struct truststore *store, const uint8_t hash[HASH_SIZE], bool whole,
                           struct buffer *path)
{
    char hex[2 * HASH_SIZE + 1];

    hex_encode(hash, HASH_SIZE, hex);
    buffer_clear(path);
    buffer_printf(path, "%s/%.2s", store->folder, hex);
    if (whole)
        buffer_printf(path, "/%s", hex);
    buffer_append(path, "", 1);
    return (const char *)path->data;
}

/* 1 the object is there and good, 0 it is not there, -1 with e set (ERROR_INTEGRITY: there, but other bytes).
 */
static int read_object(const struct truststore *store, const uint8_t hash[HASH_SIZE], struct buffer *object,
                       struct error *e)
{
    struct error why = {0};
    struct buffer path = {0};
    uint8_t got[HASH_SIZE];
    int result = -1;

    if (file_read(path_of(store, hash, true, &path), TRUST_OBJECT_MOST, object, &why) != 0) {
        if (why.kind == ERROR_NOT_FOUND)
            result = 0;
        else
            error_set(e, why.kind, "%s", why.text);
        goto out;
    }
    sha256(buffer_bytes(object), got);
    if (memcmp(got, hash, HASH_SIZE) == 0)
        result = 1;
    else
        error_set(e, ERROR_INTEGRITY, "%s does not hold the bytes that its name is the hash of; restore it",
                  (const char *)path.data);
out:
    buffer_free(&path);
    return result;
}

int truststore_put(struct truststore *store, struct bytes object, uint8_t hash[HASH_SIZE], struct error *e)
{
    struct buffer path = {0}, there = {0};
    struct error why = {0};
    int result = 0;

    if (object.len == 0 || object.len > TRUST_OBJECT_MOST)
        return error_set(e, ERROR_USAGE, "an object of %zu bytes cannot be kept (1 to %zu)", object.len,
                         TRUST_OBJECT_MOST);
    sha256(object, hash);
    pthread_mutex_lock(&store->writing);
    /* A damaged one is mended: these are the bytes that it should have held. */
    if (read_object(store, hash, &there, &why) != 1) {
        result = make_folder(path_of(store, hash, false, &path), e);
        if (result == 0)
            result = file_write_atomically(path_of(store, hash, true, &path), object, 0600, e);
    }
    pthread_mutex_unlock(&store->writing);
    buffer_free(&path);
    buffer_free(&there);
    return result;
}

int truststore_get(struct truststore *store, const uint8_t hash[HASH_SIZE], struct buffer *out,
                   struct error *e)
{
    struct buffer object = {0};
    int result = read_object(store, hash, &object, e);

    if (result == 1)
        buffer_append_bytes(out, buffer_bytes(&object));
    buffer_free(&object);
    return result;
}
