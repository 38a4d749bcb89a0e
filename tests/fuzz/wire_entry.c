/* Ledger entries: what is read is written again to the same bytes. */
#include "fuzz.h"

#include "wire/entry.h"

void fuzz_setup(void)
{
}

void fuzz_seeds(void)
{
    for (unsigned type = ENTRY_ADMITTED; type <= ENTRY_FILL; type++) {
        struct entry e = {.type = type, .time = FUZZ_NOW * 1000000, .registry_version = 2};
        struct buffer out = {0};
        if (type == ENTRY_ADMITTED || type == ENTRY_LATE || type == ENTRY_SUBJECT_KEY) {
            e.context = bytes_of_string("context");
            e.body = bytes_of_string("body");
            e.signature = bytes_of_string("signature");
        }
        e.has_leaf = e.has_exchange_id = type == ENTRY_TIMED_OUT || type == ENTRY_INTERRUPTED;
        e.has_object = type == ENTRY_REGISTRY;
        e.object_kind = type == ENTRY_REGISTRY;
        if (type == ENTRY_REFUSED) {
            e.reason = REFUSAL_MALFORMED;
            e.member = bytes_of_string("TN/GOV/MI");
            e.has_leaf = true;
            e.count = 3;
        }
        if (type == ENTRY_ADMINISTRATION)
            e.note = bytes_of_string("bus started");
        entry_encode(&e, &out);
        fuzz_seed(buffer_bytes(&out));
        buffer_free(&out);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    struct bytes data = fuzz_rest(in);
    struct entry entry;
    struct entry_hold hold;
    struct buffer again = {0};

    if (!entry_decode(data, &entry, &hold))
        return;
    entry_encode(&entry, &again);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
    FUZZ_CHECK(entry_type_name(entry.type) != NULL);
    buffer_free(&again);
    entry_release(&hold);
}
