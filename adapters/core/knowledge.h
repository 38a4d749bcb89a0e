#ifndef WASL_ADAPTERS_CORE_KNOWLEDGE_H
#define WASL_ADAPTERS_CORE_KNOWLEDGE_H
/*
 * By what this adapter judges: the registry in force, the ledger keys that it names, and the trust set of its
 * anchors and the CRLs. What comes from the bus is taken only when it verifies, replaces what was there as a
 * whole, and is stored in the state folder, so that the next start has the last good one. A registry or CRL
 * never goes back.
 *
 *   <state>/registry      the signed registry file         <state>/crls     "u32 length || DER" for each CRL
 * in force
 */
#include "crypto/trust.h"
#include "registry/registry.h"
#include "tlog/note.h"

struct error;
struct knowledge;

#define LEDGER_KEYS_MOST 16

/* registry_file may be NULL. Takes the newer of it and the stored one. NULL with e set when what is there is
 * not good. */
struct knowledge *knowledge_open(const char *folder, const char *instance,
                                 const struct registry_authority *authority, const char *registry_file,
                                 uint64_t crl_grace, struct error *e);
void knowledge_close(struct knowledge *knowledge); /* NULL is harmless */

/* Borrowed, for the core's thread; NULL while there is none. */
struct registry *knowledge_registry(const struct knowledge *knowledge);
/* A reference. Any thread. */
struct registry *knowledge_registry_ref(struct knowledge *knowledge);
struct trust *
knowledge_trust(const struct knowledge *knowledge); /* borrowed; NULL while there is no registry */
const struct note_verifier *knowledge_ledger_keys(const struct knowledge *knowledge, size_t *count);

/* A registry file from the bus. 0 taken (or the same as before), -1 with e set. */
int knowledge_take_registry(struct knowledge *knowledge, struct bytes file, struct error *e);
/* True when a registry file's text names a version before it that we lack: hash is set. For fetching the ones
 * between. */
bool knowledge_lacks_previous(const struct knowledge *knowledge, struct bytes file, uint8_t hash[HASH_SIZE]);
bool knowledge_has_crl(const struct knowledge *knowledge, const uint8_t hash[HASH_SIZE]);
/* A CRL from the bus: makes a new trust set. When it is full, lists that nobody has proven make room. 0; -1
 * with e set: not taken, because it supersedes none or there is no room. */
int knowledge_take_crl(struct knowledge *knowledge, struct bytes der, struct error *e);

#endif
