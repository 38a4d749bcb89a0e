#ifndef WASL_AUDIT_FILTER_H
#define WASL_AUDIT_FILTER_H
/* Which entries: the options that commands share, and what they say of a row. */
#include "row.h"

#include <argp.h>

struct filter {
    uint64_t since, until;           /* entries with since <= time < until */
    const char *consumer, *provider; /* member, subsystem: whole parts from the front */
    const char *service;             /* code or whole id */
    const char *purpose;
    const char *outcome; /* record_outcome, or "refused": any refusal */
    const char *type;    /* entry_type_name, or message_kind_name */
    bool has_exchange;
    uint8_t exchange[16];
};
#define FILTER_ALL                                                                                           \
    {                                                                                                        \
        .until = UINT64_MAX                                                                                  \
    }
bool filter_passes(const struct filter *filter, const struct row *row);

extern const struct argp
    filter_argp; /* a child parser; its input is a struct filter that began as FILTER_ALL */

#endif
