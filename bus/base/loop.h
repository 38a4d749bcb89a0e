#ifndef WASL_BASE_LOOP_H
#define WASL_BASE_LOOP_H
/*
 * One thread's event loop over ZeroMQ sockets, file descriptors and timers (zmq_poll). The clock is read once
 * a turn. Callbacks run on the loop's thread and must not wait. Removing a source or timer inside a callback
 * is allowed.
 */
#include <stdbool.h>
#include <stdint.h>

struct error;
struct loop;
struct loop_source;
struct loop_timer;

typedef void (*loop_callback)(void *arg);

struct loop *loop_new(void);
void loop_free(
    struct loop *loop); /* after its timers were stopped or freed; frees its sources; NULL is harmless */

/* Called while the socket or descriptor is readable (level triggered: called again next turn if something is
 * left, so a callback may process a bounded number of messages). socket is a ZeroMQ socket owned by this
 * thread. */
struct loop_source *loop_add_socket(struct loop *loop, void *socket, loop_callback readable, void *arg);
struct loop_source *loop_add_fd(struct loop *loop, int fd, loop_callback readable, void *arg);
void loop_remove(struct loop *loop, struct loop_source *source);
/* Pause or resume asking whether it is readable: how a full queue stops reading. */
void loop_set_reading(struct loop_source *source, bool reading);
/* Also call `writable` while the socket can be written; NULL to stop asking. */
void loop_set_writable(struct loop_source *source, loop_callback writable);

/* Fires once at a monotonic time (clock_monotonic() microseconds). The timer object lives until
 * loop_timer_free. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_callback fire, void *arg);
void loop_timer_set(struct loop_timer *timer, uint64_t monotonic); /* re-arms if armed */
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is harmless */

uint64_t loop_now(const struct loop *loop); /* wall clock of this turn, microseconds */
uint64_t loop_now_monotonic(const struct loop *loop);

/* SIGINT and SIGTERM end the loop, SIGHUP calls `hangup` (may be NULL), SIGPIPE is ignored. Blocks those
 * signals: call before any thread starts and before zmq_ctx_new. */
int loop_handle_signals(struct loop *loop, loop_callback hangup, void *arg, struct error *e);
void loop_stop(struct loop *loop); /* from a callback */
/* Runs until stopped. Returns 0, or -1 with e set when polling fails. */
int loop_run(struct loop *loop, struct error *e);

#endif
