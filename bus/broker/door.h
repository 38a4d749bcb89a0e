#ifndef WASL_BROKER_DOOR_H
#define WASL_BROKER_DOOR_H
/* What comes in: frames of known link keys, made into jobs. Decides who may speak now, how much, and what is
 * not even a message; everything else is judged behind it. */
#include "broker/io.h"
#include "wire/link.h"

#define DOOR_FAULTS_MOST 10 /* malformed frames in a minute; then BYE */

/* One message that came with a link key. Frees nothing of it. */
void door_take(struct io *io, const struct frame_message *frame);
/* What was not even three frames. peer_known: frame->peer is set. */
void door_bad(struct io *io, const struct frame_message *frame);
/* Without a link key: hostile, or ZAP is gone. */
void door_anonymous(struct io *io);
/* Ends assemblies whose time is over. */
void door_tick(struct io *io);

#endif
