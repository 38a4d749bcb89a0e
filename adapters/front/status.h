#ifndef WASL_FRONT_STATUS_H
#define WASL_FRONT_STATUS_H
/* GET /wasl/status: how the adapter is doing. Counts and versions only, nothing about any person. */
#include "base/bytes.h"
#include "core/core.h"

void status_json(const char *member, const struct core_status *status, struct buffer *out);

#endif
