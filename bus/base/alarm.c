#include "alarm.h"

#include "error.h"
#include "log.h"

#include <stdatomic.h>

static const struct {
    const char *words, *remedy;
} rows[] = {
#define ALARM(NAME, words, remedy) {words, remedy},
#include "alarm.def"
#undef ALARM
};
static char names[ALARM_COUNT][32];
static atomic_bool raised_now[ALARM_COUNT];

/* The table's names become enumerators, so they are upper case there. Before main, so that readers on any
 * thread need no lock. */
__attribute__((constructor)) static void name_the_alarms(void)
{
    static const char *const upper[] = {
#define ALARM(NAME, words, remedy) #NAME,
#include "alarm.def"
#undef ALARM
    };
    for (size_t i = 0; i < ALARM_COUNT; i++) {
        for (size_t j = 0; j + 1 < sizeof(names[i]) && upper[i][j] != '\0'; j++)
            names[i][j] =
                (char)(upper[i][j] >= 'A' && upper[i][j] <= 'Z' ? upper[i][j] - 'A' + 'a' : upper[i][j]);
    }
}

void alarm_set(enum alarm alarm, bool raised, const char *detail)
{
    if (atomic_exchange(&raised_now[alarm], raised) == raised)
        return;
    if (raised)
        log_error("alarm", "name=%s detail=%s what=%s remedy=%s", names[alarm], detail != NULL ? detail : "-",
                  rows[alarm].words, rows[alarm].remedy);
    else
        log_info("alarm_over", "name=%s", names[alarm]);
}

bool alarm_raised(enum alarm alarm)
{
    return atomic_load(&raised_now[alarm]);
}

const char *alarm_name(unsigned alarm)
{
    return alarm < ALARM_COUNT ? names[alarm] : NULL;
}

const char *alarm_words(enum alarm alarm)
{
    return rows[alarm].words;
}

const char *alarm_remedy(enum alarm alarm)
{
    return rows[alarm].remedy;
}

void alarms_json(struct buffer *out)
{
    const char *comma = "";
    buffer_append_string(out, "[");
    for (unsigned i = 0; i < ALARM_COUNT; i++) {
        if (!alarm_raised((enum alarm)i))
            continue;
        buffer_printf(out, "%s\"%s\"", comma, names[i]);
        comma = ",";
    }
    buffer_append_string(out, "]");
}
