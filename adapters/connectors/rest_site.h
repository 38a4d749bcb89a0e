#ifndef WASL_CONNECTORS_REST_SITE_H
#define WASL_CONNECTORS_REST_SITE_H
/* Where a service's calls go, and as whom: what is the same for all of them. Immutable; holds the files'
 * contents as they were when it was made. */
#include "connectors/connectors.h"
#include <curl/curl.h>

struct rest_site;

/* NULL with e set and *key the name of the option that is wrong. options must outlive it. */
struct rest_site *rest_site_new(const struct rest_options *options, const char **key, struct error *e);
void rest_site_free(struct rest_site *site); /* zeroes the key; NULL is harmless */
/* What stands in front of a call's path in the request line: "" or "/base", never with a slash at its end. */
const char *rest_site_base(const struct rest_site *site);
/* Sets up a fresh handle: address, identity, and all that libcurl must and must not do. The site outlives the
 * handle. */
void rest_site_apply(const struct rest_site *site, CURL *easy);

/* An option that this libcurl refuses is a bug of ours. */
#define REST_SET(easy, option, value) BUG_ON(curl_easy_setopt(easy, option, value) != CURLE_OK)

#endif
