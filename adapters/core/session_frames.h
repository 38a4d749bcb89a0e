#ifndef WASL_ADAPTERS_CORE_SESSION_FRAMES_H
#define WASL_ADAPTERS_CORE_SESSION_FRAMES_H
/* Between the generated protobuf structs of a session's messages and the core's own views. */
#include "core/session.h"
#include "session.pb-c.h"

#define TREE_HASHES_MOST 128

/* Copies hashes of 32 bytes each; false when one has another length. *out is to be freed in either case where
 * true. */
bool hashes_take(size_t count, const ProtobufCBinaryData *fields, uint8_t (**out)[HASH_SIZE]);

struct notice_view {
    struct session_holdings holdings;
    struct bytes *crls;
};
bool notice_view_make(const Wasl__V1__Notice *m, struct notice_view *out);
void notice_view_clear(struct notice_view *view);

struct welcome_view {
    struct session_welcome welcome;
    uint8_t (*consistency)[HASH_SIZE];
    struct bytes *crls;
};
bool welcome_view_make(const Wasl__V1__Welcome *m, struct welcome_view *out);
void welcome_view_clear(struct welcome_view *view);

/* What HELLO repeats: our chain, certificate by certificate, and our subsystems. */
struct hello_view {
    ProtobufCBinaryData certificates[6], subsystems[256];
    size_t certificate_count, subsystem_count;
    struct buffer ders[6];
};
void hello_view_make(struct hello_view *out, const struct chain *chain, const char *const *subsystems,
                     size_t count);
void hello_view_clear(struct hello_view *view);

#endif
