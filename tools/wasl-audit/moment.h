#ifndef WASL_AUDIT_MOMENT_H
#define WASL_AUDIT_MOMENT_H
/*
 * What was in force at one place of the ledger, and what it says of an entry there. Immutable: any thread may
 * ask. Nothing is guessed: where a registry or a revocation list of then cannot be read, the moment says so.
 */
#include "certificates.h"
#include "registry/decide.h"

#include <stdatomic.h>

struct view {
    struct registry *registry; /* NULL: none */
    struct trust *trust;
};

struct moment {
    atomic_uint references;
    struct view now;
    char *registry_lost; /* why the registry of then cannot be read, in words: `now` is empty; NULL */
    char *crl_lost;      /* likewise a revocation list that took effect before; NULL */
};
struct moment *moment_new(void); /* of nothing */
struct moment *moment_ref(struct moment *moment);
void moment_free(struct moment *moment); /* drops one reference; NULL is harmless */

/* What an entry may have been judged by. The bus writes nothing behind a change that was judged by what was
 * before it (it judges again), so this is the state where the entry stands; but it judges a moment before it
 * writes, so there are two times. The first is that of the entry. */
#define CANDIDATES_MOST 2
struct candidate {
    const struct view *view; /* the moment's */
    uint64_t time;
};
size_t moment_candidates(const struct moment *moment, const struct record *record,
                         struct candidate out[CANDIDATES_MOST]);

/* May that certificate sign for the message's signer? REFUSAL_NONE; or why not, with words. */
enum refusal candidate_trusts(const struct candidate *candidate, const struct record *record,
                              const struct certificate *certificate, char words[256]);
/* decide() about the question in a header. */
void candidate_decides(const struct candidate *candidate, const struct header *header, struct decision *out);

/* What is said of a message that was admitted, came late, or escrowed a key: was its certificate trusted, and
 * had its request a grant? */
struct judgement {
    struct candidate by;   /* that allows it, or the first; view NULL: none can be read */
    bool allowed;          /* also where there is nothing to judge by: see known */
    bool known;            /* false: a registry or revocation list of then is missing, words says which */
    enum refusal trusted;  /* REFUSAL_NONE, or why the certificate is not */
    bool asked;            /* it is a request, and trusted: */
    struct decision grant; /* what decide() says; points into the view's registry */
    char words[256];       /* of what is not allowed or not known */
};
void moment_judge(const struct moment *moment, const struct record *record,
                  const struct certificate *certificate, struct judgement *out);
/* False with words. True where the registry could not be read, which review_note has reported. */
bool moment_allows(const struct moment *moment, const struct record *record,
                   const struct certificate *certificate, char words[256]);

#endif
