#ifndef WASL_AUDIT_RECEIPT_H
#define WASL_AUDIT_RECEIPT_H
/* The receipt of an entry: the entry as it is, and the tlog-proof that it is in the ledger. */
#include "reader.h"
#include "record.h"

/* Appends the proof under the checkpoint (note: its bytes), checked. 1 it leads to the root; 0 it does not;
 * -1 reading failed. */
int receipt_proof(struct reader *reader, const struct checkpoint *checkpoint, struct bytes note,
                  const struct record *record, struct buffer *out, struct error *e);
/* Into NAME.entry and NAME.proof. 0, -1. */
int receipt_write(const char *name, struct bytes entry, struct bytes proof, struct error *e);

#endif
