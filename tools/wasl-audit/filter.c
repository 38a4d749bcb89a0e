#include "filter.h"

#include "base/clock.h"
#include "text.h"

#include <string.h>

enum {
    OPTION_SINCE = 0x5000,
    OPTION_UNTIL,
    OPTION_CONSUMER,
    OPTION_PROVIDER,
    OPTION_SERVICE,
    OPTION_PURPOSE,
    OPTION_OUTCOME,
    OPTION_EXCHANGE,
};

static const struct argp_option options[] = {
    {"since", OPTION_SINCE, "TIME", 0,
     "From this time on: 2026-11-22T08:00:00+01:00, 2026-11-22 (midnight UTC), or how long ago: 90s, 15m, "
     "2h, 7d",
     1},
    {"until", OPTION_UNTIL, "TIME", 0, "Before this time", 1},
    {"consumer", OPTION_CONSUMER, "ID", 0,
     "Asked by this member or subsystem (TN/GOV/MEN, TN/GOV/MEN/enrolment)", 1},
    {"provider", OPTION_PROVIDER, "ID", 0, "Asked of this member or subsystem", 1},
    {"service", OPTION_SERVICE, "ID", 0, "This service (its code or whole identifier)", 1},
    {"purpose", OPTION_PURPOSE, "CODE", 0, "For this purpose", 1},
    {"outcome", OPTION_OUTCOME, "WORD", 0,
     "What became of it: answered, admitted, timed_out, interrupted, late, refused (for any reason), or the "
     "name of a "
     "refusal such as grant_expired",
     1},
    {"exchange", OPTION_EXCHANGE, "UUID", 0, "Of this exchange", 1},
    {0},
};

static uint64_t parse_time(const char *argument, struct argp_state *state)
{
    uint64_t time = 0;
    if (!text_parse_time(argument, clock_wall(), &time))
        argp_error(
            state,
            "%s is not a time: give it with its zone (2026-11-22T08:00:00+01:00), as a date, or as 15m",
            argument);
    return time;
}

static bool outcome_known(const char *word)
{
    static const char *const words[] = {"admitted", "answered", "refused"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    for (unsigned type = ENTRY_ADMITTED; type <= ENTRY_FILL; type++)
        if (strcmp(word, entry_type_name(type)) == 0)
            return true;
    return refusal_by_name(word) != REFUSAL_NONE;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct filter *filter = state->input;
    switch (key) {
    case OPTION_SINCE:
        filter->since = parse_time(argument, state);
        return 0;
    case OPTION_UNTIL:
        filter->until = parse_time(argument, state);
        return 0;
    case OPTION_CONSUMER:
        filter->consumer = argument;
        return 0;
    case OPTION_PROVIDER:
        filter->provider = argument;
        return 0;
    case OPTION_SERVICE:
        filter->service = argument;
        return 0;
    case OPTION_PURPOSE:
        filter->purpose = argument;
        return 0;
    case OPTION_OUTCOME:
        if (!outcome_known(argument))
            argp_error(state, "there is no outcome %s", argument);
        filter->outcome = argument;
        return 0;
    case OPTION_EXCHANGE:
        if (!uuid_parse(argument, filter->exchange))
            argp_error(state, "%s is not the id of an exchange (a UUID)", argument);
        filter->has_exchange = true;
        return 0;
    case ARGP_KEY_END:
        if (filter->since >= filter->until)
            argp_error(state, "no time is between --since and --until: the first must be the earlier one");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp filter_argp = {.options = options, .parser = parse};

/* Is `id` the wanted one, or below it? "TN/GOV/MI" has "TN/GOV/MI/civil" and not "TN/GOV/MIX". */
static bool below(const char *id, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncmp(id, wanted, len) == 0 && (id[len] == '\0' || id[len] == '/');
}

static bool filter_header(const struct filter *filter, const struct row *row)
{
    const struct header *header = row->header;
    if (filter->consumer == NULL && filter->provider == NULL && filter->service == NULL &&
        filter->purpose == NULL)
        return true;
    if (header == NULL)
        return filter->provider == NULL && filter->service == NULL && filter->purpose == NULL &&
               bytes_equal_string(row->record->entry.member, filter->consumer);
    if (filter->consumer != NULL && !below(header->consumer, filter->consumer) &&
        !bytes_equal_string(row->record->entry.member, filter->consumer))
        return false;
    if (filter->provider != NULL && !below(header->provider, filter->provider))
        return false;
    if (filter->service != NULL && strcmp(header->service, filter->service) != 0 &&
        strcmp(row->service, filter->service) != 0)
        return false;
    return filter->purpose == NULL || strcmp(header->purpose, filter->purpose) == 0;
}

bool filter_passes(const struct filter *filter, const struct row *row)
{
    const struct record *record = row->record;
    if (record->entry.time < filter->since || record->entry.time >= filter->until)
        return false;
    if (filter->has_exchange && (!record->has_exchange ||
                                 memcmp(record->exchange_id, filter->exchange, sizeof filter->exchange) != 0))
        return false;
    if (filter->type != NULL && strcmp(entry_type_name(record->entry.type), filter->type) != 0 &&
        (!record->has_header || strcmp(message_kind_name(record->header.kind), filter->type) != 0))
        return false;
    if (filter->outcome != NULL && strcmp(row->outcome, filter->outcome) != 0 &&
        (row->refusal == 0 || strcmp(filter->outcome, "refused") != 0))
        return false;
    return filter_header(filter, row);
}
