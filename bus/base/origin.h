#ifndef WASL_BASE_ORIGIN_H
#define WASL_BASE_ORIGIN_H
/*
 * Where a connection comes from, as those count who share something out: an IPv4 address, also in the
 * disguise that IPv6 sockets show it in, or the /64 network of an IPv6 address, which one host owns whole.
 * AF_INET and AF_INET6 only.
 */
#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

#define ORIGIN_TEXT 46 /* with its zero */

bool origin_known(const struct sockaddr *address); /* is it of these two families? */
uint64_t origin_number(const struct sockaddr *address);
/* As text, for counting. */
void origin_text(const struct sockaddr *address, char out[ORIGIN_TEXT]);
/* The whole address, for people. */
void origin_address_text(const struct sockaddr *address, char out[ORIGIN_TEXT]);

#endif
