#ifndef WASL_FRONT_EXCHANGE_H
#define WASL_FRONT_EXCHANGE_H
/*
 * One HTTP request on its way: gathered on MHD's thread, suspended while the core asks, answered on the
 * core's thread, sent on MHD's thread again.
 */
#include "front/door.h"
#include <microhttpd.h>

/* The memory of one connection: the heads of a request and of its answer stand in it together, and what
 * libmicrohttpd notes of each field of the request. */
#define EXCHANGE_HEADS_MOST ((size_t)64 * 1024)

/* The callbacks of a listener's MHD daemon; arg is its struct front_door. */
void *exchange_begin(void *arg, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_step(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload, size_t *upload_len,
                              void **exchange);
void exchange_end(void *arg, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code);

#endif
