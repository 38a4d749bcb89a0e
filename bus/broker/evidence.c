#include "broker/evidence.h"

#include "base/clock.h"
#include "ledger/ledger.h"
#include "ledger/vault.h"

#include <stdlib.h>
#include <string.h>

static bool is_day_key(const struct job *job)
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

int evidence_keep(struct vault *vault, struct ledger *ledger, struct job *const *jobs, size_t count,
                  struct error *e)
{
    struct vault_record *records = NULL;
    struct buffer *packed = NULL;
    size_t kept = 0;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (!is_day_key(jobs[i]))
            continue;
        const struct message *m = &jobs[i]->message;
        int there =
            ledger_has_subject_key(ledger, header_signer(&m->header), clock_day(m->header.created), e);
        if (there != 0) {
            result = there < 0 ? -1 : 0;
            continue;
        }
        if (records == NULL) {
            records = memory_zeroed(count, sizeof(*records));
            packed = memory_zeroed(count, sizeof(*packed));
        }
        pack(m, &packed[kept]);
        memcpy(records[kept].leaf, m->leaf, HASH_SIZE);
        records[kept].data = buffer_bytes(&packed[kept]);
        kept++;
    }
    if (result == 0 && kept > 0)
        result = vault_put(vault, records, kept, e);
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
