/*
 * wasl-bench ledger: what a ledger's folder on disk consists of. Reads the segment's LMDB environment itself,
 * which no other tool does: what is asked for here is how the store's pages are filled, not what they say.
 */
#include "wasl-bench/commands.h"

#include "base/bytes.h"
#include "envelope.pb-c.h"
#include "wire/entry.h"
#include "wire/header.h"

#include <argp.h>
#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <jansson.h>
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>

#define TABLES_MOST 32

static const struct argp_option option_list[] = {{0}};

/* Bytes of the messages' entries, by who they belong to. They add up to `all`. */
struct parts {
    uint64_t exchanges, messages, others; /* entries: requests admitted; admitted messages; the rest */
    uint64_t context, body;
    uint64_t signature, certificate, path, block; /* of the Signature: the fields, and its own framing */
    uint64_t own;                                 /* of the Entry: type, time, registry; and framing */
    uint64_t all, others_all;
};

static int lmdb_failed(struct error *e, const char *what, int code)
{
    return error_set(e, ERROR_IO, "%s: %s", what, mdb_strerror(code));
}

static int count_signature(struct parts *p, struct bytes bytes, struct error *e)
{
    Wasl__V1__Signature *s = wasl__v1__signature__unpack(NULL, bytes.len, bytes.data);
    size_t path = 0;

    if (s == NULL)
        return error_set(e, ERROR_INTEGRITY, "an entry's signature block is none");
    for (size_t i = 0; i < s->n_path; i++)
        path += s->path[i].len;
    p->signature += s->signature.len;
    p->certificate += s->certificate.len;
    p->path += path;
    p->block += bytes.len - s->signature.len - s->certificate.len - path;
    wasl__v1__signature__free_unpacked(s, NULL);
    return 0;
}

static int count_entry(struct parts *p, struct bytes bytes, struct error *e)
{
    struct entry entry;
    struct entry_hold hold;
    struct header header;
    int result = 0;

    if (!entry_decode(bytes, &entry, &hold))
        return error_set(e, ERROR_INTEGRITY, "an entry of the ledger cannot be read");
    bool message = entry.type == ENTRY_ADMITTED &&
                   header_decode(entry.context, entry.body, &header) == REFUSAL_NONE &&
                   (header.kind == MESSAGE_REQUEST || header.kind == MESSAGE_RESPONSE);
    if (message) {
        p->messages++;
        p->exchanges += header.kind == MESSAGE_REQUEST;
        p->all += bytes.len;
        p->context += entry.context.len;
        p->body += entry.body.len;
        p->own += bytes.len - entry.context.len - entry.body.len - entry.signature.len;
        result = count_signature(p, entry.signature, e);
    } else {
        p->others++;
        p->others_all += bytes.len;
    }
    entry_release(&hold);
    return result;
}

static int count_entries(MDB_txn *txn, MDB_dbi table, struct parts *p, struct error *e)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int result = 0, code = mdb_cursor_open(txn, table, &cursor);

    if (code != 0)
        return lmdb_failed(e, "entries", code);
    while (result == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        result = count_entry(p, bytes_make(value.mv_data, value.mv_size), e);
    mdb_cursor_close(cursor);
    if (result == 0 && code != MDB_NOTFOUND)
        result = lmdb_failed(e, "entries", code);
    return result;
}

static json_int_t pages(const MDB_stat *s)
{
    return (json_int_t)(s->ms_branch_pages + s->ms_leaf_pages + s->ms_overflow_pages);
}

/* One table into `tables`; the entries are read whole. */
static int add_table(MDB_txn *txn, const char *name, json_t *tables, struct parts *p, struct error *e)
{
    MDB_dbi table;
    MDB_stat stat;
    int code = mdb_dbi_open(txn, name, 0, &table);

    if (code == 0)
        code = mdb_stat(txn, table, &stat);
    if (code != 0)
        return lmdb_failed(e, name, code);
    json_object_set_new(tables, name,
                        json_pack("{s:I, s:I}", "rows", (json_int_t)stat.ms_entries, "bytes",
                                  pages(&stat) * (json_int_t)stat.ms_psize));
    return strcmp(name, "entries") == 0 ? count_entries(txn, table, p, e) : 0;
}

static int add_tables(MDB_txn *txn, json_t *tables, struct parts *p, struct error *e)
{
    MDB_dbi names;
    MDB_cursor *cursor;
    MDB_val key, value;
    int result = 0, code = mdb_dbi_open(txn, NULL, 0, &names);

    if (code != 0 || (code = mdb_cursor_open(txn, names, &cursor)) != 0)
        return lmdb_failed(e, "the list of tables", code);
    while (result == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)key.mv_size, (const char *)key.mv_data);
        result = add_table(txn, name, tables, p, e);
    }
    mdb_cursor_close(cursor);
    return result;
}

static int read_segment(const char *path, json_t *tables, struct parts *p, struct error *e)
{
    MDB_env *env;
    MDB_txn *txn = NULL;
    int result = -1, code = mdb_env_create(&env);

    BUG_ON(code != 0);
    code = mdb_env_set_maxdbs(env, TABLES_MOST);
    if (code == 0)
        code = mdb_env_open(env, path, MDB_RDONLY, 0);
    if (code == 0)
        code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        lmdb_failed(e, path, code);
    else
        result = add_tables(txn, tables, p, e);
    if (txn != NULL)
        mdb_txn_abort(txn);
    mdb_env_close(env);
    return result;
}

/* Blocks that the files below a folder take, in bytes; 0 where there is no such folder. */
static uint64_t bytes_on_disk(const char *state, const char *name)
{
    char *path = NULL;
    uint64_t sum = 0;

    BUG_ON(asprintf(&path, "%s/%s", state, name) < 0);
    char *roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    BUG_ON(walk == NULL);
    for (const FTSENT *at; (at = fts_read(walk)) != NULL;)
        if (at->fts_info == FTS_F)
            sum += (uint64_t)at->fts_statp->st_blocks * 512;
    fts_close(walk);
    free(path);
    return sum;
}

static json_t *entries_of(const struct parts *p)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "messages",
                     (json_int_t)p->messages, "bytes", (json_int_t)p->all, "others", (json_int_t)p->others,
                     "others_bytes", (json_int_t)p->others_all, "parts", "context", (json_int_t)p->context,
                     "body", (json_int_t)p->body, "signature", (json_int_t)p->signature, "certificate",
                     (json_int_t)p->certificate, "path", (json_int_t)p->path, "signature_block",
                     (json_int_t)p->block, "entry", (json_int_t)p->own);
}

static int measure(const char *state, struct error *e)
{
    struct parts parts = {0};
    json_t *tables = json_object();
    char *segment = NULL;

    BUG_ON(asprintf(&segment, "%s/ledger/segments/%020d", state, 0) < 0);
    int result = read_segment(segment, tables, &parts, e);
    free(segment);
    if (result != 0) {
        json_decref(tables);
        return -1;
    }
    json_t *object = json_pack("{s:s, s:I, s:o, s:o, s:{s:I, s:I, s:I}}", "command", "ledger", "exchanges",
                               (json_int_t)parts.exchanges, "entries", entries_of(&parts), "tables", tables,
                               "disk", "ledger", (json_int_t)bytes_on_disk(state, "ledger"), "trust",
                               (json_int_t)bytes_on_disk(state, "trust"), "vault",
                               (json_int_t)bytes_on_disk(state, "vault"));
    BUG_ON(object == NULL);
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    const char **folder = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (*folder != NULL)
            argp_error(state, "one folder at a time");
        *folder = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_ledger(int argc, char **argv)
{
    static const struct argp argp = {
        .options = option_list,
        .parser = parse,
        .args_doc = "STATE",
        .doc = "Says what the state folder of a bus that has stopped takes on disk, and what its entries "
               "consist of.\vPrints one JSON object; all figures are bytes or counts."};
    const char *state = NULL;
    struct error e = {0};

    argp_parse(&argp, argc, argv, 0, NULL, &state);
    return measure(state, &e) == 0 ? BENCH_GOOD : bench_failed(&e);
}
