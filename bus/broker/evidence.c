#include "broker/evidence.h"

#include "base/error.h"
#include "base/log.h"
#include "ledger/ledger.h"
#include "ledger/vault.h"

#include <stdlib.h>
#include <string.h>

/* A SUBJECT_KEY against which nothing was found. */
static bool is_due(const struct job *job)
{
    return job->kind == JOB_MESSAGE && job->message.verdict == REFUSAL_NONE &&
           job->message.header.kind == MESSAGE_SUBJECT_KEY;
}

static bool is_kept(const struct job *job)
{
    return job->kind == JOB_MESSAGE && job->message.kept;
}

/* Is there an earlier key with the same exchange id, which is not the same message? */
static bool has_rival(const struct message *m, struct job *const *jobs, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (is_kept(jobs[i]) && memcmp(jobs[i]->message.header.exchange_id, m->header.exchange_id, 16) == 0 &&
            memcmp(jobs[i]->message.leaf, m->leaf, HASH_SIZE) != 0)
            return true;
    return false;
}

int evidence_mark(struct ledger *ledger, const struct snapshot *snapshot, struct job *const *jobs,
                  size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        struct message *m = &jobs[i]->message;
        if (!is_due(jobs[i]) || jobs[i]->snapshot != snapshot)
            continue;
        if (has_rival(m, jobs, i)) {
            m->verdict = REFUSAL_REPLAYED_ID;
            continue;
        }
        const struct ledger_message record = {.header = &m->header, .leaf = m->leaf};
        int wanted = ledger_wants_key(ledger, &record, e);
        if (wanted < 0)
            return -1;
        m->kept = wanted == 1;
    }
    return 0;
}

static void pack(const struct message *m, struct buffer *out)
{
    buffer_put_u32be(out, (uint32_t)m->slots[0].len);
    buffer_append_bytes(out, buffer_bytes(&m->slots[0]));
    for (size_t i = 0; i < m->chunk_count; i++)
        buffer_append_bytes(out, buffer_bytes(&m->chunks[i]));
}

/* A day key that cannot be kept is not promised; everything else goes on. */
static void refuse_kept(struct job *const *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_kept(jobs[i]))
            jobs[i]->message.verdict = REFUSAL_DISK_FULL;
}

int evidence_keep(struct vault *vault, struct job *const *jobs, size_t count, struct error *e)
{
    size_t keys = 0, kept = 0;
    for (size_t i = 0; i < count; i++)
        keys += is_kept(jobs[i]);
    if (keys == 0)
        return 0;
    struct vault_record *records = memory_zeroed(keys, sizeof(*records));
    struct buffer *packed = memory_zeroed(keys, sizeof(*packed));
    for (size_t i = 0; i < count; i++) {
        if (!is_kept(jobs[i]))
            continue;
        const struct message *m = &jobs[i]->message;
        pack(m, &packed[kept]);
        memcpy(records[kept].leaf, m->leaf, HASH_SIZE);
        records[kept].data = buffer_bytes(&packed[kept]);
        kept++;
    }
    int result = vault_put(vault, records, kept, e);
    for (size_t i = 0; i < kept; i++)
        buffer_free(&packed[i]);
    free(packed);
    free(records);
    if (result < 0 && e->kind == ERROR_FULL) {
        log_error("vault_full", "reason=%s", e->text);
        refuse_kept(jobs, count);
        return 0;
    }
    return result;
}

struct asked {
    struct ledger *ledger;
    struct error *e;
};

static int has_entry(void *arg, const uint8_t leaf[HASH_SIZE])
{
    struct asked *a = arg;
    return ledger_keeps(a->ledger, leaf, a->e);
}

int evidence_collect(struct vault *vault, struct ledger *ledger, struct error *e)
{
    struct asked asked = {ledger, e};
    return vault_collect(vault, has_entry, &asked, e);
}
