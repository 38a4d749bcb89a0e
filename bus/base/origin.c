#include "origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The IPv4 address of 4 bytes, or NULL: then `whole` is an IPv6 address. */
static const uint8_t *v4_of(const struct sockaddr *address, struct in6_addr *whole)
{
    if (address->sa_family == AF_INET) {
        memcpy(whole->s6_addr, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        return whole->s6_addr;
    }
    *whole = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(whole) ? whole->s6_addr + 12 : NULL;
}

bool origin_known(const struct sockaddr *address)
{
    return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

uint64_t origin_number(const struct sockaddr *address)
{
    struct in6_addr whole;
    uint64_t number = 0;
    const uint8_t *v4 = v4_of(address, &whole);
    memcpy(&number, v4 != NULL ? v4 : whole.s6_addr, v4 != NULL ? 4 : 8);
    return number;
}

void origin_text(const struct sockaddr *address, char out[ORIGIN_TEXT])
{
    struct in6_addr whole;
    const uint8_t *v4 = v4_of(address, &whole);
    if (v4 == NULL)
        memset(whole.s6_addr + 8, 0, 8);
    inet_ntop(v4 != NULL ? AF_INET : AF_INET6, v4 != NULL ? v4 : whole.s6_addr, out, ORIGIN_TEXT);
}

void origin_address_text(const struct sockaddr *address, char out[ORIGIN_TEXT])
{
    struct in6_addr whole;
    const uint8_t *v4 = v4_of(address, &whole);
    inet_ntop(v4 != NULL ? AF_INET : AF_INET6, v4 != NULL ? v4 : whole.s6_addr, out, ORIGIN_TEXT);
}
