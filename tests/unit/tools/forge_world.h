#ifndef WASL_TEST_FORGE_WORLD_H
#define WASL_TEST_FORGE_WORLD_H
/* A forged ledger of a country with keys, certificates, revocation lists and a signed registry: two members,
 * MEN asks and MI answers. */
#include "forge.h"

enum { MEN, MI };

struct forge_world {
    struct forge forge;
    struct signer *members[2];
    uint8_t chains[2][HASH_SIZE]; /* objects */
    uint8_t crl[HASH_SIZE];       /* object: the list that took effect last */
    char pki[64];
    char registry[128], authority[128]; /* paths: the version signed last; the authority's vkey */
    struct buffer file;                 /* of that version */
    /* What the next version has; set before world_sign_registry. */
    unsigned version;
    const char *purpose; /* that the one grant is for */
    const char *grant;   /* more lines of the grant: "  per_day: 3\n" */
    const char *suspended;
};
extern struct forge_world world;

/* Set-up and tear-down of cmocka. Entries 0 to 4: the registry, two revocation lists, the members' chains. */
int world_begin(void **state);
int world_finish(void **state);
void world_make_pki(const char *words); /* certs/make-pki with these words, in the same folder */
/* The next version into the trust store; what is written from then on names it. */
void world_sign_registry(void);
void world_document(struct buffer *out); /* of the version that would be signed next */
void world_take_crl(const char *name);   /* "root", "issuing": as it is now takes effect */
struct signer *world_take_member(const char *folder, uint8_t object[HASH_SIZE]); /* its chain takes effect */
/* An answered exchange. Returns the index of the request. */
uint64_t world_exchange(unsigned n, const char *purpose, int responder);
/* Path of an object in the ledger's trust store. */
void world_object_path(const uint8_t hash[HASH_SIZE], char path[256]);

#endif
