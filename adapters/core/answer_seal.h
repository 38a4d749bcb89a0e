#ifndef WASL_ADAPTERS_CORE_ANSWER_SEAL_H
#define WASL_ADAPTERS_CORE_ANSWER_SEAL_H
/* What becomes a RESPONSE on the wire: the header of the request that it answers, and the reply sealed to its
 * consumer. */
#include "base/clock.h"
#include "core/connector.h"
#include "core/parcel.h"
#include "registry/registry.h"

struct common;

#define ANSWER_AFTER_REQUEST (30 * MICROSECONDS) /* how much longer than its request a response lives */

struct answer_about {
    struct header request;
    uint8_t leaf[HASH_SIZE];                /* of the request */
    struct registry *registry;              /* by which the request was judged */
    const struct registry_service *service; /* NULL: it was refused before that was looked up */
    enum subject_type subject_type;         /* of the subject actually queried; SUBJECT_NONE: none */
    char subject[128];
};

/* Is there a key to seal an answer to that consumer with? */
bool answer_sealable(const struct common *common, const struct registry *registry, const char *consumer);
/* refusal: NONE, or an answer without the reply's body. key: the day key of now, NULL: no pseudonym. NULL
 * with e set: ERROR_CONFIG when it cannot be sealed. */
struct parcel *answer_seal(struct common *common, const struct answer_about *about, enum refusal refusal,
                           const struct reply *reply, const uint8_t *key, struct error *e);

#endif
