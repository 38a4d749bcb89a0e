#include "broker/receipts.h"

#include "base/error.h"
#include "tlog/tree.h"
#include "wire/entry.h"

static enum refusal end_as_refusal(const struct entry *entry)
{
    switch (entry->type) {
    case ENTRY_REFUSED:
    case ENTRY_INTERRUPTED:
        return (enum refusal)entry->reason;
    case ENTRY_TIMED_OUT:
        return REFUSAL_PROVIDER_TIMEOUT;
    default:
        /* An admitted response whose body is gone, unless dispatch still holds it. */
        return REFUSAL_INTERRUPTED;
    }
}

/* What the entry found for a message that had been here before means to its sender. */
static int answer_old(struct message *m, const struct ledger_result *result, struct error *e)
{
    struct entry entry;
    struct entry_hold hold;
    if (!entry_decode(buffer_bytes(&m->entry), &entry, &hold)) {
        error_set(e, ERROR_INTEGRITY, "entry %" PRIu64 " of the ledger cannot be read", result->index);
        return -1;
    }
    m->entry_type = entry.type;
    bool request = m->header.kind == MESSAGE_REQUEST;
    m->ended = request && result->terminal != UINT64_MAX;
    m->open = request && !m->ended;
    if (m->ended)
        m->answer = end_as_refusal(&entry);
    else if (entry.type == ENTRY_REFUSED && m->header.kind != MESSAGE_REFUSAL)
        m->answer = (enum refusal)entry.reason;
    entry_release(&hold);
    return 0;
}

static int give_message(const struct receipts_source *source, struct message *m,
                        const struct ledger_result *result, struct error *e)
{
    if (result->index == UINT64_MAX)
        return 0; /* nothing was written: the answer says why */
    m->old = result->old;
    uint64_t shown = result->old && result->terminal != UINT64_MAX ? result->terminal : result->index;
    if (ledger_receipt(source->ledger, shown, &m->entry, &m->proof, e) < 0)
        return -1;
    if (result->old)
        return answer_old(m, result, e);
    m->entry_type = result->type;
    if (result->request != UINT64_MAX &&
        ledger_proof(source->ledger, result->request, &m->request_proof, e) < 0)
        return -1;
    /* A refusal that the member itself reports is recorded as one; to its sender that is a receipt. */
    bool reported = m->verdict == REFUSAL_NONE && m->header.kind == MESSAGE_REFUSAL &&
                    (uint32_t)result->reason == m->header.outcome;
    if (result->type == ENTRY_REFUSED && !reported)
        m->answer = result->reason;
    status_entry(source->status, result->type, (unsigned)result->reason);
    return 0;
}

/* new_size 0: up to now. */
static int consistency(const struct receipts_source *source, uint64_t old_size, uint64_t new_size,
                       uint8_t (**proof)[HASH_SIZE], size_t *proof_count, struct buffer *note,
                       struct error *e)
{
    struct checkpoint to;
    *proof = memory_zeroed(TREE_PROOF_MOST, HASH_SIZE);
    return ledger_consistency(source->ledger, old_size, new_size, *proof, proof_count, &to, note, e);
}

static int give_hello(const struct receipts_source *source, struct hello *h, struct error *e)
{
    if (h->verdict != REFUSAL_NONE)
        return 0;
    if (source->stopped) {
        h->verdict = REFUSAL_STOPPED;
        return 0;
    }
    if (h->has_seen && h->seen.size > 0 && h->seen.size < ledger_size(source->ledger))
        return consistency(source, h->seen.size, 0, &h->proof, &h->proof_count, &h->latest, e);
    ledger_checkpoint(source->ledger, &h->latest, NULL);
    return 0;
}

/* Sizes that this ledger does not have are answered with no proof at all: the adapter knows what that means.
 */
static int give_prove(const struct receipts_source *source, struct prove *p, struct error *e)
{
    uint64_t size = ledger_size(source->ledger);
    uint64_t new_size = p->new_size == 0 ? size : p->new_size;
    if (source->stopped || new_size > size || p->old_size > new_size)
        return 0;
    p->new_size = new_size;
    return consistency(source, p->old_size, new_size, &p->proof, &p->proof_count, &p->note, e);
}

static int give_end(const struct receipts_source *source, struct end *end, const struct ledger_result *result,
                    struct error *e)
{
    end->old = result->old;
    if (result->old)
        return 0;
    if (ledger_receipt(source->ledger, result->index, &end->entry, &end->proof, e) < 0)
        return -1;
    status_entry(source->status, result->type, (unsigned)result->reason);
    return 0;
}

int receipts_give(const struct receipts_source *source, struct job *job, const struct ledger_result *result,
                  struct error *e)
{
    switch (job->kind) {
    case JOB_MESSAGE:
        return give_message(source, &job->message, result, e);
    case JOB_HELLO:
        return give_hello(source, &job->hello, e);
    case JOB_PROVE:
        return give_prove(source, &job->prove, e);
    case JOB_END:
        return give_end(source, &job->end, result, e);
    case JOB_CHANGE:
    case JOB_CLOSE:
    case JOB_FETCH:
        break;
    }
    return 0;
}
