#ifndef WASL_TEST_FORGE_H
#define WASL_TEST_FORGE_H
/* Makes ledgers as static folders, good ones and such as no bus would write, and runs the tools on them. */
#include "base/bytes.h"
#include "crypto/signature.h"
#include "tlog/note.h"
#include "wire/entry.h"
#include "wire/header.h"

#define FORGE_MOST  1200
#define FORGE_START (1795000000ULL * 1000000ULL)

struct forge {
    char folder[64]; /* scratch, removed by forge_free */
    char ledger[96]; /* the static folder */
    char vkey[256];
    struct note_signer key;
    struct signer *member;          /* signs messages */
    uint8_t certificate[HASH_SIZE]; /* of that member */
    uint8_t chain[HASH_SIZE];       /* object */
    uint8_t registry[HASH_SIZE];    /* object */
    uint64_t version;               /* of it */
    struct buffer *entries;
    size_t count;
    uint64_t time;
};

/* With the first entries: registry, certificate chain, a start. */
void forge_new(struct forge *forge);
/* Without entries, member and registry: the caller makes them. */
void forge_bare(struct forge *forge);
void forge_free(struct forge *forge);
/* Into the trust store. */
void forge_object(struct forge *forge, struct bytes object, uint8_t hash[HASH_SIZE]);
uint64_t forge_takes_effect(struct forge *forge, unsigned kind, const uint8_t object[HASH_SIZE],
                            const uint8_t *certificate);
/* Adds an entry; time and registry are set when they are 0. Returns its index. */
uint64_t forge_entry(struct forge *forge, struct entry *entry);
/* A good header of a request, its exchange id made from n. */
struct header forge_request(struct forge *forge, unsigned n);
struct header forge_response(struct forge *forge, const struct header *request);
/* Signs header as a message and adds it as an entry of that type. */
uint64_t forge_message(struct forge *forge, unsigned type, const struct header *header, uint32_t reason);
/* Refused, with the member over whose link it came. */
uint64_t forge_message_over(struct forge *forge, const struct header *header, uint32_t reason,
                            const char *member);
uint64_t forge_end(struct forge *forge, unsigned type, const struct header *request, uint32_t reason);
/* count answered exchanges. */
void forge_exchanges(struct forge *forge, unsigned first, unsigned count);
/* Writes the static folder over the first `size` entries (0: all) as it should be. */
void forge_write(struct forge *forge, size_t size);

/* Runs a tool (path by environment variable) with words until NULL; input may be NULL. Output and errors
 * together are left in run_output. Returns the exit code, -1 when it was killed. */
extern struct buffer run_output;
int run_tool(const char *variable, const char *input, ...);
bool output_has(const char *text);

void remove_folder(const char *folder);
void write_text(const char *path, const void *data, size_t len);

#endif
