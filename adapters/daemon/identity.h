#ifndef WASL_DAEMON_IDENTITY_H
#define WASL_DAEMON_IDENTITY_H
/* The member's keys, loaded from the files that the configuration names. */
#include "crypto/keys.h"
#include "crypto/signature.h"
#include "crypto/trust.h"
#include "daemon/config.h"

struct identity {
    struct link_key link_key;
    struct sealing_key *sealing_keys;
    size_t sealing_key_count;
    struct chain *chain;
    struct signer *signer;
};
/* Every file that cannot be used is a fault at its place in the configuration. NULL then. */
struct identity *identity_load(const struct config *config, struct faults *faults);
void identity_free(struct identity *identity); /* clears the keys; NULL is harmless */

#endif
