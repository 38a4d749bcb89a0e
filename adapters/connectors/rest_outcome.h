#ifndef WASL_CONNECTORS_REST_OUTCOME_H
#define WASL_CONNECTORS_REST_OUTCOME_H
/* What a call that brought no answer means for who asked. libcurl's codes become ours here and nowhere else.
 */
#include "base/refusal.h"
#include <curl/curl.h>
#include <stdbool.h>

/* sent: some of the request may have left. answer: why the answer was broken off; NONE: it was not. */
enum refusal rest_outcome(CURLcode code, bool sent, bool safe, enum refusal answer);
/* Words for the log: nothing of the request and nothing that the system said. */
const char *rest_outcome_words(CURLcode code, bool sent, CURL *easy);

#endif
