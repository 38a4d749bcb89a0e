#ifndef WASL_CONNECTORS_REST_REQUEST_H
#define WASL_CONNECTORS_REST_REQUEST_H
/* From a call to an HTTP request, byte for byte what was judged. */
#include "core/connector.h"
#include <curl/curl.h>

struct rest_request {
    char method[8];
    char *target; /* of the request line: base, path, "?" and query as they came */
    struct curl_slist *fields;
};
/*
 * NONE, METHOD_NOT_SERVED, or BAD_PARAMETER where a byte would end the request line or a field would have the
 * system see another method or path. base: rest_site_base; service: five-part id. Free it in either case.
 */
enum refusal rest_request_make(const struct call *call, const char *base, const char *service,
                               struct rest_request *out);
/* The call and the request outlive the handle's transfer: its body is not copied. */
void rest_request_apply(const struct rest_request *request, const struct call *call, CURL *easy);
void rest_request_free(struct rest_request *request);

#endif
