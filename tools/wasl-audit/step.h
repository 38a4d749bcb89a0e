#ifndef WASL_AUDIT_STEP_H
#define WASL_AUDIT_STEP_H
/*
 * One entry of an exchange, judged by what was in force when it was written: signature, certificate, grant,
 * and where it was refused whether the registry of then says the same. Filled in three stages (walk.h):
 * order, check, finish.
 */
#include "moment.h"
#include "record.h"

enum step_signature {
    STEP_UNSIGNED, /* the bus's own words: how an exchange ended */
    STEP_GOOD,
    STEP_WRONG,      /* a finding */
    STEP_UNREADABLE, /* a finding: the chain that it needs is missing or damaged */
    STEP_UNPROVEN,   /* refused because its signer was not proven */
};

enum step_agreement {
    STEP_NOT_ASKED, /* the reason is none that a registry could give */
    STEP_AGREES,
    STEP_DISAGREES,
    STEP_UNKNOWN, /* what would be needed for the answer is not in the ledger */
};

struct step {
    uint64_t index, time;
    unsigned type; /* enum entry_type */
    unsigned kind; /* enum message_kind of its header; 0: it has none */
    const char *outcome;
    unsigned refusal;
    bool reported; /* not the bus has refused, but the adapter that signed it */
    uint64_t registry_version, sealed_length;
    uint8_t registry_hash[HASH_SIZE];
    char *signer; /* member that it names as its signer; NULL */
    char *link;   /* member whose link it came over, where the signer is not proven; NULL */

    enum step_signature signature;
    char *signature_words; /* NULL where it is good */
    struct signature_block block;
    struct certificate *certificate; /* a reference; NULL: none that an earlier entry names */
    struct moment *moment;           /* a reference; NULL: nobody signed */
    bool judged;                     /* its signature is good: */
    struct judgement judgement;      /* of one that was refused only what it says of the certificate counts */
    bool has_decision;               /* a question: what decide() says by the registry of then */
    struct decision decision;
    enum step_agreement agreement;
    char agreement_words[320];
    bool has_policy; /* a question: what decide() says by the other registry */
    struct decision policy;

    bool covered; /* it is in the ledger under the checkpoint */
    char *cover_words;
};

/* May it be part of an exchange that replay tells? */
bool step_is_of_exchange(const struct record *record);
struct step *step_new(const struct record *record);
void step_free(struct step *step); /* NULL is harmless */
/* In order: finds the certificate and takes the moment. 0, -1 reading failed. */
int step_order(struct step *step, const struct record *record, struct certificates *certificates,
               struct moment *moment, struct error *e);
/* Anywhere. policy may be NULL. */
void step_check(struct step *step, const struct record *record, const struct registry *policy);
/* The view that its certificate was judged by, or would be; NULL when nothing was in force. */
const struct view *step_view(const struct step *step);

#endif
