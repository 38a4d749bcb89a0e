#ifndef WASL_BASE_LOG_H
#define WASL_BASE_LOG_H
/*
 * One line for each change of state, written where it is first known: time, level, event, then key=value
 * pairs. Values with spaces are quoted; control bytes are escaped. No personal data, ever: identifiers of
 * exchanges, members, services and codes only.
 *
 *   2026-11-22T05:55:56.123456Z info  session_opened member=TN/GOV/MI version=1
 */
#include <stdbool.h>

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

void log_open(const char *program, enum log_level least);    /* to standard error */
void log_set_level(enum log_level least);                    /* any thread, at any time */
bool log_level_parse(const char *word, enum log_level *out); /* debug, info, warn, error */
/* fields: "key=%s other=%u": each value is escaped as a whole. NULL for none. Thread safe. Known conversions:
 * s (also with a precision, .* too), c, d, i, u, x, f, with the lengths h, l, ll, z, j, a width and the flag
 * 0. */
void log_write(enum log_level level, const char *event, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_write(LOG_DEBUG_, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO_, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN_, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR_, __VA_ARGS__)

#endif
