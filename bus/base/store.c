#include "store.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

struct store {
    MDB_env *env;
    char *folder;
    bool create;
    dev_t device;
    ino_t inode;
    struct store *next;
};

struct store_txn {
    MDB_txn *txn;
    struct store *store;
};

/* LMDB loses its file locks when one process opens an environment twice, so we keep count of what is open. */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *open_stores;

static int lost_page_exit_code;

static void on_lost_page(int signal)
{
    static const char words[] =
        "a page of a store in the state folder is not on the disk: a file was cut off, or the disk fails. "
        "Keep the folder as it is, check the disk, and restore the newest copy\n";
    (void)signal;
    if (write(STDERR_FILENO, words, sizeof words - 1) < 0) {
        /* Nobody listens; the exit code still says it. */
    }
    _exit(lost_page_exit_code);
}

void store_say_lost_pages(int exit_code)
{
    lost_page_exit_code = exit_code;
    struct sigaction action = {.sa_handler = on_lost_page};
    sigaction(SIGBUS, &action, NULL);
}

int store_error(struct error *e, int code, const char *what)
{
    switch (code) {
    case MDB_NOTFOUND:
    case ENOENT:
        return error_set(e, ERROR_NOT_FOUND, "%s: %s", what, mdb_strerror(code));
    case MDB_MAP_FULL:
        return error_set(e, ERROR_FULL,
                         "%s: the store has reached its configured size; raise it or drop old data", what);
    case ENOSPC:
    case EDQUOT:
        return error_set(e, ERROR_FULL, "%s: the disk is full; add space", what);
    case MDB_READERS_FULL:
    case MDB_DBS_FULL:
    case MDB_TXN_FULL:
        return error_set(e, ERROR_FULL, "%s: %s", what, mdb_strerror(code));
    case ENOMEM:
        return error_set(e, ERROR_MEMORY, "%s: %s", what, mdb_strerror(code));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return error_set(e, ERROR_INTEGRITY, "%s: the store is damaged or not one of ours: %s; keep the file",
                         what, mdb_strerror(code));
    default:
        return error_set(e, ERROR_IO, "%s: %s", what, mdb_strerror(code));
    }
}

/* Takes the folder for this process. */
static int claim(struct store *store, struct error *e)
{
    struct stat st;
    if (stat(store->folder, &st) != 0)
        return error_set(e, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open the store %s: %s",
                         store->folder, strerror(errno));
    int result = 0;
    store->device = st.st_dev;
    store->inode = st.st_ino;
    pthread_mutex_lock(&open_lock);
    for (struct store *s = open_stores; s != NULL; s = s->next)
        if (s->device == st.st_dev && s->inode == st.st_ino)
            result = error_set(e, ERROR_CONFIG,
                               "the store %s is open already in this process: give each its own folder",
                               store->folder);
    if (result == 0) {
        store->next = open_stores;
        open_stores = store;
    }
    pthread_mutex_unlock(&open_lock);
    return result;
}

static void release(struct store *store)
{
    pthread_mutex_lock(&open_lock);
    for (struct store **s = &open_stores; *s != NULL; s = &(*s)->next)
        if (*s == store) {
            *s = store->next;
            break;
        }
    pthread_mutex_unlock(&open_lock);
}

/* A fresh environment must still be there after a power cut: LMDB syncs the file, not the names that lead to
 * it. */
static int sync_names(const struct store *store, struct error *e)
{
    return folder_sync(store->folder, e) == 0 ? file_sync_name(store->folder, e) : -1;
}

struct store *store_open(const char *folder, const struct store_options *options, struct error *e)
{
    struct store *store = memory_zeroed(1, sizeof *store);
    store->folder = string_copy(folder);
    store->create = options->create;
    if (options->create && mkdir(folder, 0700) != 0 && errno != EEXIST) {
        error_set(e, errno == ENOSPC ? ERROR_FULL : ERROR_IO, "cannot make the store %s: %s", folder,
                  strerror(errno));
        goto failed;
    }
    if (claim(store, e) != 0)
        goto failed;

    struct buffer data = {0};
    buffer_printf(&data, "%s/data.mdb", folder);
    buffer_append(&data, "", 1);
    struct stat st;
    bool exists = stat((const char *)data.data, &st) == 0;
    buffer_free(&data);
    if (!exists && !options->create) {
        error_set(e, ERROR_NOT_FOUND, "there is no store in %s", folder);
        goto failed_claimed;
    }

    int code = mdb_env_create(&store->env);
    if (code != 0) {
        store_error(e, code, folder);
        goto failed_claimed;
    }
    if ((code = mdb_env_set_mapsize(store->env, options->map_size)) != 0 ||
        (code = mdb_env_set_maxdbs(store->env, options->most_tables)) != 0 ||
        (options->most_readers > 0 &&
         (code = mdb_env_set_maxreaders(store->env, options->most_readers)) != 0) ||
        (code = mdb_env_open(store->env, folder, MDB_NOTLS | (options->no_sync ? MDB_NOSYNC : 0u), 0600)) !=
            0) {
        store_error(e, code, folder);
        goto failed_env;
    }
    if (!exists && !options->no_sync && sync_names(store, e) != 0)
        goto failed_env;
    store_check_readers(store);
    return store;
failed_env:
    mdb_env_close(store->env); /* required even when mdb_env_open failed */
failed_claimed:
    release(store);
failed:
    free(store->folder);
    free(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    mdb_env_close(store->env);
    release(store);
    free(store->folder);
    free(store);
}

int store_table(struct store *store, const char *name, MDB_dbi *table, struct error *e)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, store->create ? 0u : (unsigned)MDB_RDONLY, &txn);
    if (code != 0)
        return store_error(e, code, store->folder);
    code = mdb_dbi_open(txn, name, store->create ? (unsigned)MDB_CREATE : 0u, table);
    if (code != 0)
        mdb_txn_abort(txn);
    else
        code = mdb_txn_commit(txn); /* a reader too: only a commit keeps the handle */
    if (code == 0)
        return 0;
    store_error(e, code, name);
    return error_prefix(e, "opening a table of %s: ", store->folder);
}

/* Pages that earlier transactions gave back, from LMDB's own list: each value starts with its count. */
static size_t free_pages(struct store *store)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    size_t pages = 0;
    if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != 0)
        return 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            size_t count = 0;
            if (value.mv_size >= sizeof count)
                memcpy(&count, value.mv_data, sizeof count);
            pages += count;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return pages;
}

double store_used(struct store *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0 || info.me_mapsize == 0)
        return 1.0; /* what cannot be asked is taken for full */
    size_t used = info.me_last_pgno + 1, total = info.me_mapsize / stat.ms_psize;
    /* The list of free pages is only worth its walk when the answer may matter. */
    if (used > total / 2) {
        size_t given_back = free_pages(store);
        used -= given_back < used ? given_back : used;
    }
    return (double)used / (double)total;
}

void store_check_readers(struct store *store)
{
    int dead;
    mdb_reader_check(store->env, &dead);
}

static struct store_txn *begin(struct store *store, unsigned flags, struct error *e)
{
    struct store_txn *txn = memory_zeroed(1, sizeof *txn);
    txn->store = store;
    int code = mdb_txn_begin(store->env, NULL, flags, &txn->txn);
    if (code == 0)
        return txn;
    store_error(e, code, store->folder);
    free(txn);
    return NULL;
}

struct store_txn *store_write(struct store *store, struct error *e)
{
    return begin(store, 0, e);
}

struct store_txn *store_read(struct store *store, struct error *e)
{
    return begin(store, MDB_RDONLY, e);
}

int store_commit(struct store_txn *txn, struct error *e)
{
    int code = mdb_txn_commit(txn->txn);
    int result = code == 0 ? 0 : store_error(e, code, txn->store->folder);
    free(txn);
    return result;
}

void store_abort(struct store_txn *txn)
{
    if (txn == NULL)
        return;
    mdb_txn_abort(txn->txn);
    free(txn);
}

MDB_txn *store_txn_raw(struct store_txn *txn)
{
    return txn->txn;
}

static MDB_val val(struct bytes b)
{
    return (MDB_val){b.len, (void *)(uintptr_t)b.data};
}

static struct bytes bytes_of_val(MDB_val v)
{
    return bytes_make(v.mv_data, v.mv_size);
}

static int fail(struct store_txn *txn, int code, struct error *e)
{
    return store_error(e, code, txn->store->folder);
}

int store_get(struct store_txn *txn, MDB_dbi table, struct bytes key, struct bytes *value, struct error *e)
{
    MDB_val k = val(key), v;
    int code = mdb_get(txn->txn, table, &k, &v);
    if (code == MDB_NOTFOUND)
        return 0;
    if (code != 0)
        return fail(txn, code, e);
    *value = bytes_of_val(v);
    return 1;
}

int store_put(struct store_txn *txn, MDB_dbi table, struct bytes key, struct bytes value, struct error *e)
{
    MDB_val k = val(key), v = val(value);
    int code = mdb_put(txn->txn, table, &k, &v, 0);
    return code == 0 ? 0 : fail(txn, code, e);
}

int store_append(struct store_txn *txn, MDB_dbi table, struct bytes key, struct bytes value, struct error *e)
{
    MDB_val k = val(key), v = val(value);
    int code = mdb_put(txn->txn, table, &k, &v, MDB_APPEND);
    if (code == MDB_KEYEXIST)
        return error_set(e, ERROR_INTEGRITY, "%s: a key that must be new is not behind all others",
                         txn->store->folder);
    return code == 0 ? 0 : fail(txn, code, e);
}

int store_delete(struct store_txn *txn, MDB_dbi table, struct bytes key, struct error *e)
{
    MDB_val k = val(key);
    int code = mdb_del(txn->txn, table, &k, NULL);
    if (code == MDB_NOTFOUND)
        return 0;
    return code == 0 ? 1 : fail(txn, code, e);
}

static int position(struct store_txn *txn, MDB_dbi table, MDB_val *k, MDB_cursor_op op, struct bytes *key,
                    struct bytes *value, struct error *e)
{
    MDB_cursor *cursor;
    MDB_val v;
    int code = mdb_cursor_open(txn->txn, table, &cursor);
    if (code != 0)
        return fail(txn, code, e);
    code = mdb_cursor_get(cursor, k, &v, op);
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND)
        return 0;
    if (code != 0)
        return fail(txn, code, e);
    *key = bytes_of_val(*k);
    *value = bytes_of_val(v);
    return 1;
}

int store_seek(struct store_txn *txn, MDB_dbi table, struct bytes from, struct bytes *key,
               struct bytes *value, struct error *e)
{
    MDB_val k = val(from);
    return position(txn, table, &k, from.len == 0 ? MDB_FIRST : MDB_SET_RANGE, key, value, e);
}

int store_last(struct store_txn *txn, MDB_dbi table, struct bytes *key, struct bytes *value, struct error *e)
{
    MDB_val k = {0, NULL};
    return position(txn, table, &k, MDB_LAST, key, value, e);
}
