#ifndef WASL_MANNERS_READERS_H
#define WASL_MANNERS_READERS_H
/*
 * An HTTP server on a local socket that gives things to read and takes nothing: GET and HEAD, no body, on one
 * thread of its own. A reader waits for us or keeps us waiting, and for that it has a time: for a request
 * until its head is whole, however many bytes trickle in; for an answer by its length; between requests. When
 * all places are taken, the one makes room that keeps us waiting for longest of the user who holds most
 * places: those without a request first, then those between two, then those who read. So who is silent, or
 * slow, keeps nobody else out. Closing is shutdown(2) on the descriptor: libmicrohttpd, which owns it, sees
 * the end and cleans up.
 */
#include "base/bytes.h"
#include <microhttpd.h>

struct error;
struct readers;

#define READERS_HEAD_SECONDS   5U  /* from the first byte that could come until the head is whole */
#define READERS_ANSWER_SECONDS 10U /* and one more for every READERS_RATE bytes */
#define READERS_RATE           (64U * 1024)
/* For listen(2): who connects is let in and judged within moments, and a client that finds the queue of a
 * unix socket full is turned away at once, whoever has filled it. */
#define READERS_BACKLOG      4096
#define READERS_IDLE_SECONDS 15U /* from an answer until the head of the next request is whole */

struct readers_options {
    int socket;           /* that listens; taken over in any case */
    unsigned most;        /* connections at once */
    uint64_t answer_most; /* bytes of answers that wait to be read. Past it who has read for
                             READERS_HEAD_SECONDS makes room, and else an answer over 64 KiB is 503 */
    /* Answers a GET or HEAD by one of the functions below, on the server's thread; must not wait. url as it
     * came, with its escapes. */
    enum MHD_Result (*answer)(void *arg, struct MHD_Connection *connection, const char *url);
    void *arg;
};

/* NULL with e set. */
struct readers *readers_start(const struct readers_options *options, struct error *e);
/* Ends the thread and all connections, and closes the socket. NULL is harmless. */
void readers_stop(struct readers *readers);

/* Plain words, static. */
enum MHD_Result readers_words(struct MHD_Connection *connection, unsigned status, const char *words);
/* Takes what is in `bytes`. cache: the value of Cache-Control. */
enum MHD_Result readers_bytes(struct MHD_Connection *connection, struct buffer *bytes, const char *type,
                              const char *cache);

#endif
