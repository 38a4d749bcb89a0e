#include "broker/evidence.h"

#include "ledger/ledger.h"
#include "ledger/vault.h"

#include <stdlib.h>
#include <string.h>

bool evidence_is_due(const struct job *job)
{
    return job->kind == JOB_MESSAGE && job->message.verdict == REFUSAL_NONE &&
           job->message.header.kind == MESSAGE_SUBJECT_KEY;
}

static void pack(const struct message *m, struct buffer *out)
{
    buffer_put_u32be(out, (uint32_t)m->slots[0].len);
    buffer_append_bytes(out, buffer_bytes(&m->slots[0]));
    for (size_t i = 0; i < m->chunk_count; i++)
        buffer_append_bytes(out, buffer_bytes(&m->chunks[i]));
}

static bool is_kept(const struct job *job)
{
    return job->kind == JOB_MESSAGE && job->message.kept;
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
