#ifndef WASL_AUDIT_EXCHANGES_H
#define WASL_AUDIT_EXCHANGES_H
/* What has been seen of each exchange on the way through a ledger. */
#include "record.h"

#define NO_ENTRY UINT64_MAX

struct exchange {
    uint8_t id[16];
    uint64_t request;  /* index of the admitted request; NO_ENTRY */
    uint64_t terminal; /* index of the entry that ended it; NO_ENTRY while it is open */
    uint64_t expires;
    uint8_t leaf[HASH_SIZE];
    struct header *header; /* of the request, while it is open */
};

struct exchanges;
struct exchanges *exchanges_new(void);
void exchanges_free(struct exchanges *exchanges);                                   /* NULL is harmless */
struct exchange *exchanges_find(struct exchanges *exchanges, const uint8_t id[16]); /* NULL when unknown */
/* A new one; pointers got before are not valid any longer. */
struct exchange *exchanges_add(struct exchanges *exchanges, const uint8_t id[16]);
size_t exchanges_count(const struct exchanges *exchanges);
/* Keeps only the open ones: for who does not ask whether an exchange ends twice. */
void exchanges_forget_ended(struct exchanges *exchanges);
void exchange_end(struct exchange *exchange, uint64_t terminal);
/* Calls for each; stops when it returns false. */
void exchanges_each(struct exchanges *exchanges, bool (*visit)(void *arg, const struct exchange *exchange),
                    void *arg);

#endif
