#include "core/trail.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "tlog/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLAIMS_MOST 4096
#define OPEN_MOST                                                                                            \
    32 /* PROVEs under way: half of what the protocol permits, the rest is for FETCH and PING                \
        */
#define KNOWN         1024    /* remembered proven sizes, by size modulo this */
#define AGAIN         500000u /* microseconds before a proof that was not good is asked for again */
#define EVIDENCE_MOST 8192
#define SLOW          MICROSECONDS /* a claim that is older is kept on disk: a good bus proves in milliseconds */
#define KEPT_MOST     256          /* claims on disk: one is enough to stand still */
#define FILE_MOST     ((size_t)KEPT_MOST * 4 * EVIDENCE_MOST)

static const char evidence_file[] = "INCONSISTENT", unproven_file[] = "UNPROVEN";

struct claim {
    uint64_t size;
    uint8_t root[HASH_SIZE];
    uint64_t since;      /* monotonic */
    uint64_t not_before; /* when it may be asked (again) */
    bool asked;
    bool old;              /* of a run before this one: its time is over */
    uint64_t against_size; /* counterpart of the proof asked for */
    uint8_t against_root[HASH_SIZE];
    struct buffer note, evidence;
};

struct trail {
    struct store *store;
    MDB_dbi table;
    char *evidence_path, *unproven_path;
    struct buffer unproven; /* the text of that file; empty: there is none */
    uint64_t unproven_most;
    bool opened, has_accepted, dirty, disproved;
    struct checkpoint accepted;
    struct buffer note;
    struct claim *claims;
    size_t claim_count, open;
    struct {
        uint64_t size; /* 0: empty */
        uint8_t root[HASH_SIZE];
    } known[KNOWN];
};

/* --- on disk: size u64, root 32, note --- */

static const char accepted_key[] = "accepted";

static int read_accepted(struct trail *trail, struct error *e)
{
    struct store_txn *txn = store_read(trail->store, e);
    if (txn == NULL)
        return -1;
    struct bytes value;
    int found = store_get(txn, trail->table, bytes_of_string(accepted_key), &value, e);
    if (found == 1) {
        if (value.len <= 8 + HASH_SIZE) {
            found = error_set(e, ERROR_INTEGRITY, "the accepted checkpoint in the state folder is cut");
        } else {
            trail->accepted.size = get_u64be(value.data);
            memcpy(trail->accepted.root, value.data + 8, HASH_SIZE);
            buffer_append(&trail->note, value.data + 8 + HASH_SIZE, value.len - 8 - HASH_SIZE);
            trail->has_accepted = true;
        }
    }
    store_abort(txn);
    return found < 0 ? -1 : 0;
}

static int store_accepted(struct trail *trail, struct error *e)
{
    if (!trail->dirty)
        return 0;
    struct buffer value = {0};
    buffer_put_u64be(&value, trail->accepted.size);
    buffer_append(&value, trail->accepted.root, HASH_SIZE);
    buffer_append_bytes(&value, buffer_bytes(&trail->note));
    int result = -1;
    struct store_txn *txn = store_write(trail->store, e);
    if (txn == NULL)
        goto out;
    if (store_put(txn, trail->table, bytes_of_string(accepted_key), buffer_bytes(&value), e) != 0) {
        store_abort(txn);
        goto out;
    }
    result = store_commit(txn, e);
    if (result == 0)
        trail->dirty = false;
out:
    buffer_free(&value);
    return result;
}

/* --- on disk: what was not proven. A text, so that a person can look at it, and take it away --- */

static const char unproven_words[] = "wasl-unproven/1\n"
                                     "# Checkpoints and pairs that this adapter was shown and that the bus "
                                     "has not proven to be on one line with\n"
                                     "# what was accepted before: size, root, the signed note, the signed "
                                     "message (base64). They are proven, or\n"
                                     "# nothing is asked or answered. Keep this file: it is evidence. Show "
                                     "it to the authority and the auditors.\n";

static void put_claim(struct buffer *out, const struct claim *claim)
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(claim->root, HASH_SIZE, hex);
    buffer_printf(out, "%" PRIu64 " %s ", claim->size, hex);
    base64_encode(buffer_bytes(&claim->note), out);
    buffer_append_string(out, " ");
    base64_encode(buffer_bytes(&claim->evidence), out);
    buffer_append_string(out, "\n");
}

/* Those that are older than `age`, and those of an earlier run. */
static int keep_unproven(struct trail *trail, uint64_t monotonic, uint64_t age, struct error *e)
{
    struct buffer text = {0};
    size_t count = 0;
    for (size_t i = 0; i < trail->claim_count && count < KEPT_MOST; i++) {
        const struct claim *claim = &trail->claims[i];
        if (!claim->old && monotonic - claim->since < age)
            continue;
        if (count++ == 0)
            buffer_append_string(&text, unproven_words);
        put_claim(&text, claim);
    }
    int result = 0;
    if (!bytes_equal(buffer_bytes(&text), buffer_bytes(&trail->unproven))) {
        if (text.len > 0)
            result = file_write_atomically(trail->unproven_path, buffer_bytes(&text), 0600, e);
        else if (unlink(trail->unproven_path) != 0 && errno != ENOENT)
            result = error_set(e, ERROR_IO, "cannot remove %s: %s", trail->unproven_path, strerror(errno));
        if (result == 0) {
            buffer_clear(&trail->unproven);
            buffer_append_bytes(&trail->unproven, buffer_bytes(&text));
        }
    }
    buffer_free(&text);
    return result;
}

/* Up to `end`, which is passed over. */
static bool take_word(struct bytes *rest, char end, struct bytes *word)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;
    if (at == NULL)
        return false;
    *word = bytes_make(rest->data, (size_t)(at - rest->data));
    *rest = bytes_make(at + 1, rest->len - word->len - 1);
    return true;
}

static bool take_claim(struct bytes line, struct claim *out)
{
    struct bytes size, root, note;
    *out = (struct claim){.old = true};
    return take_word(&line, ' ', &size) && take_word(&line, ' ', &root) && take_word(&line, ' ', &note) &&
           decimal_parse(size, &out->size) && out->size > 0 &&
           hex_decode((const char *)root.data, root.len, out->root, HASH_SIZE) &&
           base64_decode(note, &out->note) && base64_decode(line, &out->evidence);
}

static bool take_claims(struct trail *trail, struct bytes text)
{
    struct bytes line;
    if (!take_word(&text, '\n', &line) || !bytes_equal_string(line, "wasl-unproven/1"))
        return false;
    while (text.len > 0) {
        if (!take_word(&text, '\n', &line) || trail->claim_count == KEPT_MOST)
            return false;
        if (line.len > 0 && line.data[0] == '#')
            continue;
        if (!take_claim(line, &trail->claims[trail->claim_count++]))
            return false;
    }
    return true;
}

static int read_unproven(struct trail *trail, struct error *e)
{
    if (file_read(trail->unproven_path, FILE_MOST, &trail->unproven, e) != 0)
        return e->kind == ERROR_NOT_FOUND ? 0 : -1;
    if (!take_claims(trail, buffer_bytes(&trail->unproven)))
        return error_set(e, ERROR_INTEGRITY, "%s is damaged: a person must look at it", trail->unproven_path);
    log_error("ledger_unproven", "claims=%zu evidence=%s", trail->claim_count, trail->unproven_path);
    return 0;
}

int trail_flush(struct trail *trail, uint64_t monotonic, struct error *e)
{
    return keep_unproven(trail, monotonic, SLOW, e) != 0 ? -1 : store_accepted(trail, e);
}

struct trail *trail_open(struct store *store, const char *folder, uint64_t unproven_most, struct error *e)
{
    struct trail *trail = memory_zeroed(1, sizeof(*trail));
    trail->evidence_path = file_path_in(folder, evidence_file);
    trail->unproven_path = file_path_in(folder, unproven_file);
    trail->store = store;
    trail->unproven_most = unproven_most;
    trail->claims = memory_zeroed(CLAIMS_MOST, sizeof(*trail->claims));
    if (store_table(store, "trail", &trail->table, e) != 0 || read_accepted(trail, e) != 0 ||
        read_unproven(trail, e) != 0) {
        trail_close(trail);
        return NULL;
    }
    trail->opened = true;
    trail->disproved = access(trail->evidence_path, F_OK) == 0;
    if (trail->disproved)
        log_error("ledger_inconsistent", "evidence=%s", trail->evidence_path);
    return trail;
}

static void claim_free(struct claim *claim)
{
    buffer_free(&claim->note);
    buffer_free(&claim->evidence);
}

void trail_close(struct trail *trail)
{
    if (trail == NULL)
        return;
    struct error e;
    if (store_accepted(trail, &e) != 0 || (trail->opened && keep_unproven(trail, 0, 0, &e) != 0))
        log_error("checkpoint_not_stored", "why=%s", e.text);
    for (size_t i = 0; i < trail->claim_count; i++)
        claim_free(&trail->claims[i]);
    free(trail->claims);
    buffer_free(&trail->note);
    buffer_free(&trail->unproven);
    free(trail->evidence_path);
    free(trail->unproven_path);
    free(trail);
}

const struct checkpoint *trail_accepted(const struct trail *trail)
{
    return trail->has_accepted ? &trail->accepted : NULL;
}

struct bytes trail_note(const struct trail *trail)
{
    return buffer_bytes(&trail->note);
}

/* --- contradiction --- */

static void put_side(struct buffer *out, const char *title, uint64_t size, const uint8_t root[HASH_SIZE],
                     struct bytes evidence)
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(root, HASH_SIZE, hex);
    buffer_printf(out, "%s: tree size %" PRIu64 ", root %s\n", title, size, hex);
    buffer_append_bytes(out, evidence);
    buffer_append_string(out, "\n");
}

/* Both sides go to disk before anything else is done: whoever shows two roots must not be able to take one
 * back. */
static void disprove(struct trail *trail, const char *words, uint64_t size, const uint8_t root[HASH_SIZE],
                     struct bytes evidence)
{
    struct buffer text = {0};
    struct error e;
    buffer_printf(
        &text,
        "%s\nKeep this file: it is evidence. Show it to the authority and to the auditors. The adapter "
        "neither asks nor answers while it is here.\n\n",
        words);
    if (trail->has_accepted)
        put_side(&text, "accepted before", trail->accepted.size, trail->accepted.root,
                 buffer_bytes(&trail->note));
    put_side(&text, "shown now", size, root, evidence);
    if (!trail->disproved && file_write_atomically(trail->evidence_path, buffer_bytes(&text), 0600, &e) != 0)
        log_error("evidence_not_stored", "why=%s", e.text);
    buffer_free(&text);
    trail->disproved = true;
    log_error("ledger_inconsistent", "why=%s accepted=%" PRIu64 " shown=%" PRIu64 " evidence=%s", words,
              trail->has_accepted ? trail->accepted.size : 0, size, trail->evidence_path);
}

/* --- what is known --- */

static void know(struct trail *trail, uint64_t size, const uint8_t root[HASH_SIZE])
{
    if (size == 0)
        return;
    trail->known[size % KNOWN].size = size;
    memcpy(trail->known[size % KNOWN].root, root, HASH_SIZE);
}

static const uint8_t *known_root(const struct trail *trail, uint64_t size)
{
    if (trail->has_accepted && trail->accepted.size == size)
        return trail->accepted.root;
    return size > 0 && trail->known[size % KNOWN].size == size ? trail->known[size % KNOWN].root : NULL;
}

static void accept_checkpoint(struct trail *trail, uint64_t size, const uint8_t root[HASH_SIZE],
                              struct bytes note)
{
    know(trail, size, root);
    if (note.len == 0 || (trail->has_accepted && size <= trail->accepted.size))
        return;
    trail->accepted.size = size;
    memcpy(trail->accepted.root, root, HASH_SIZE);
    buffer_clear(&trail->note);
    buffer_append_bytes(&trail->note, note);
    trail->has_accepted = true;
    trail->dirty = true;
}

int trail_welcome(struct trail *trail, struct bytes note, const struct checkpoint *checkpoint,
                  const uint8_t (*proof)[HASH_SIZE], size_t count, struct error *e)
{
    if (trail->has_accepted && !tree_check_consistency(trail->accepted.size, trail->accepted.root,
                                                       checkpoint->size, checkpoint->root, proof, count)) {
        disprove(trail,
                 "The bus's ledger does not continue the one accepted before: a roll-back or a split view.",
                 checkpoint->size, checkpoint->root, note);
        return 1;
    }
    accept_checkpoint(trail, checkpoint->size, checkpoint->root, note);
    return store_accepted(trail, e);
}

/* --- claims --- */

static void drop_claim(struct trail *trail, size_t i)
{
    if (trail->claims[i].asked)
        trail->open--;
    claim_free(&trail->claims[i]);
    trail->claims[i] = trail->claims[--trail->claim_count];
}

static struct claim *find_claim(struct trail *trail, uint64_t size)
{
    for (size_t i = 0; i < trail->claim_count; i++)
        if (trail->claims[i].size == size)
            return &trail->claims[i];
    return NULL;
}

static const char two_roots[] = "Two different roots of one size were shown: a split view.";

bool trail_claim(struct trail *trail, uint64_t size, const uint8_t root[HASH_SIZE], struct bytes note,
                 struct bytes evidence, uint64_t monotonic)
{
    if (size == 0)
        return true;
    const uint8_t *known = known_root(trail, size);
    struct claim *claim = known == NULL ? find_claim(trail, size) : NULL;
    if (known != NULL || claim != NULL) {
        if (memcmp(known != NULL ? known : claim->root, root, HASH_SIZE) != 0) {
            struct buffer both = {0};
            buffer_append_bytes(&both, note.len > 0 ? note : evidence);
            if (claim != NULL)
                put_side(&both, "and shown shortly before", size, claim->root,
                         buffer_bytes(claim->note.len > 0 ? &claim->note : &claim->evidence));
            disprove(trail, two_roots, size, root, buffer_bytes(&both));
            buffer_free(&both);
        } else if (claim != NULL && claim->note.len == 0) {
            buffer_append_bytes(&claim->note, note);
        }
        return true;
    }
    if (!trail->has_accepted && note.len > 0) {
        /* The ledger was empty at WELCOME: the first signed checkpoint is where the trail begins. */
        accept_checkpoint(trail, size, root, note);
        return true;
    }
    if (trail->claim_count == CLAIMS_MOST)
        return false;
    claim = &trail->claims[trail->claim_count++];
    *claim = (struct claim){.size = size, .since = monotonic};
    memcpy(claim->root, root, HASH_SIZE);
    buffer_append_bytes(&claim->note, note);
    if (note.len == 0)
        buffer_append(&claim->evidence, evidence.data,
                      evidence.len < EVIDENCE_MOST ? evidence.len : (size_t)EVIDENCE_MOST);
    return true;
}

bool trail_next(struct trail *trail, uint64_t monotonic, uint64_t *old_size, uint64_t *new_size)
{
    if (!trail->has_accepted || trail->disproved || trail->open >= OPEN_MOST)
        return false;
    for (size_t i = 0; i < trail->claim_count;) {
        struct claim *claim = &trail->claims[i];
        const uint8_t *known = known_root(trail, claim->size);
        if (known != NULL) {
            /* Meanwhile that very size was accepted by another way. */
            if (memcmp(known, claim->root, HASH_SIZE) != 0)
                disprove(trail, two_roots, claim->size, claim->root,
                         buffer_bytes(claim->note.len > 0 ? &claim->note : &claim->evidence));
            drop_claim(trail, i);
            continue;
        }
        if (claim->asked || claim->not_before > monotonic) {
            i++;
            continue;
        }
        claim->asked = true;
        claim->against_size = trail->accepted.size;
        memcpy(claim->against_root, trail->accepted.root, HASH_SIZE);
        trail->open++;
        bool older = claim->size < claim->against_size;
        *old_size = older ? claim->size : claim->against_size;
        *new_size = older ? claim->against_size : claim->size;
        return true;
    }
    return false;
}

void trail_proof(struct trail *trail, uint64_t old_size, uint64_t new_size, const uint8_t (*proof)[HASH_SIZE],
                 size_t count, uint64_t monotonic)
{
    for (size_t i = 0; i < trail->claim_count; i++) {
        struct claim *claim = &trail->claims[i];
        bool older = claim->size < claim->against_size;
        if (!claim->asked || (older ? claim->size : claim->against_size) != old_size ||
            (older ? claim->against_size : claim->size) != new_size)
            continue;
        if (tree_check_consistency(old_size, older ? claim->root : claim->against_root, new_size,
                                   older ? claim->against_root : claim->root, proof, count)) {
            accept_checkpoint(trail, claim->size, claim->root, buffer_bytes(&claim->note));
            drop_claim(trail, i);
        } else {
            /* No proof is not yet a contradiction: it is asked for again until the claim's time is over. */
            claim->asked = false;
            claim->not_before = monotonic + AGAIN;
            trail->open--;
        }
        return;
    }
}

void trail_restart(struct trail *trail)
{
    for (size_t i = 0; i < trail->claim_count; i++) {
        trail->claims[i].asked = false;
        trail->claims[i].not_before = 0;
    }
    trail->open = 0;
}

enum trail_verdict trail_judge(const struct trail *trail, uint64_t monotonic)
{
    if (trail->disproved)
        return TRAIL_DISPROVED;
    for (size_t i = 0; i < trail->claim_count; i++)
        if (trail->claims[i].old || monotonic - trail->claims[i].since > trail->unproven_most)
            return TRAIL_UNPROVEN;
    return TRAIL_GOOD;
}

size_t trail_pending(const struct trail *trail)
{
    return trail->claim_count;
}
