#ifndef WASL_CONNECTORS_REST_SOCKET_H
#define WASL_CONNECTORS_REST_SOCKET_H
/* The sockets that libcurl has open for one connector, so that one of them can be looked at before a request
 * goes out on it. Belongs to one thread. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define REST_SOCKETS_MOST 1024 /* twice the most connections, and what is tried side by side */

struct rest_sockets {
    curl_socket_t open[REST_SOCKETS_MOST];
    size_t count;
};
/* libcurl opens and closes through these. The sockets outlive the multi handle; *opened (outlives the
 * transfer) is set when the transfer got a connection of its own. */
struct rest_socket_use {
    struct rest_sockets *sockets;
    bool opened;
};
void rest_socket_apply(struct rest_socket_use *use, CURL *easy);
/* Something has come on the connection with this local port that nobody has asked for, or nobody knows the
 * connection: what would be sent on it could be taken as answered by that. */
bool rest_socket_spoiled(const struct rest_sockets *sockets, int local_port);

#endif
