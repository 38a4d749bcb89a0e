#include "log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "utf8.h"

#define LINE_MOST  4096
#define VALUE_MOST 1024

static struct {
    pthread_mutex_t lock;
    char program[32];
    _Atomic(enum log_level) least;
} state = {PTHREAD_MUTEX_INITIALIZER, "", LOG_INFO_};

/* A line that is being made. What does not fit is cut: a log line never fails. */
struct line {
    char text[LINE_MOST];
    size_t len;
};

static void put(struct line *line, const char *text, size_t len)
{
    size_t room = sizeof line->text - 1 - line->len; /* one for the LF */
    if (len > room)
        len = room;
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

/* Length of the character at the front that may stand in a value as it is, or 0: it is escaped. */
static size_t harmless(const char *text, size_t len)
{
    uint32_t point;
    size_t n = utf8_character(bytes_make(text, len), &point);
    return n > 0 && utf8_harmless(point) && point != '"' && point != '\\' ? n : 0;
}

static void put_value(struct line *line, const char *value, size_t len)
{
    bool quote = len == 0;
    for (size_t i = 0, n; i < len && !quote; i += n) {
        n = harmless(value + i, len - i);
        quote = n == 0 || value[i] == ' ' || value[i] == '=';
    }
    if (quote)
        put(line, "\"", 1);
    for (size_t i = 0; i < len;) {
        size_t n = harmless(value + i, len - i);
        if (n > 0) {
            put(line, value + i, n);
            i += n;
            continue;
        }
        char escaped[5];
        int m;
        if (value[i] == '"' || value[i] == '\\')
            m = snprintf(escaped, sizeof escaped, "\\%c", value[i]);
        else if (value[i] == '\n')
            m = snprintf(escaped, sizeof escaped, "\\n");
        else
            m = snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)(uint8_t)value[i]);
        put(line, escaped, (size_t)m);
        i++;
    }
    if (quote)
        put(line, "\"", 1);
}

/* A value that is being formatted, before it is escaped. */
struct value {
    char text[VALUE_MOST];
    size_t len;
};

static void put_int(struct value *v, int written)
{
    BUG_ON(written < 0);
    size_t room = sizeof v->text - 1 - v->len;
    v->len += (size_t)written < room ? (size_t)written : room;
}

#define FORMATTED(v, ...) put_int(v, snprintf((v)->text + (v)->len, sizeof(v)->text - (v)->len, __VA_ARGS__))

/* An argument list inside a structure, because va_list may be an array, whose address cannot be passed
 * portably. */
struct arguments {
    va_list list;
};

static unsigned long long unsigned_argument(struct arguments *args, const char *length)
{
    if (strcmp(length, "ll") == 0)
        return va_arg(args->list, unsigned long long);
    if (strcmp(length, "l") == 0)
        return va_arg(args->list, unsigned long);
    if (strcmp(length, "z") == 0)
        return va_arg(args->list, size_t);
    if (strcmp(length, "j") == 0)
        return va_arg(args->list, uintmax_t);
    return va_arg(args->list, unsigned);
}

static long long signed_argument(struct arguments *args, const char *length)
{
    if (strcmp(length, "ll") == 0)
        return va_arg(args->list, long long);
    if (strcmp(length, "l") == 0)
        return va_arg(args->list, long);
    if (strcmp(length, "z") == 0)
        return va_arg(args->list, ssize_t);
    if (strcmp(length, "j") == 0)
        return va_arg(args->list, intmax_t);
    return va_arg(args->list, int);
}

/* One conversion, *p just behind its percent sign. Flags other than 0 have no use in a log line: the compiler
 * checks types, and what is not supported here is our own bug. */
static void convert(const char **p, struct arguments *args, struct value *v)
{
    bool zero = **p == '0';
    int width = 0, precision = -1;
    for (; **p >= '0' && **p <= '9'; (*p)++)
        width = width * 10 + (**p - '0');
    if (**p == '.') {
        (*p)++;
        precision = 0;
        if (**p == '*') {
            precision = va_arg(args->list, int);
            (*p)++;
        }
        for (; **p >= '0' && **p <= '9'; (*p)++)
            precision = precision * 10 + (**p - '0');
    }
    char length[3] = "";
    for (size_t i = 0; i < 2 && strchr("hlzj", **p) != NULL && **p != '\0'; i++)
        length[i] = *(*p)++;
    char conversion = *(*p)++;
    switch (conversion) {
    case '%':
        FORMATTED(v, "%%");
        break;
    case 'c':
        FORMATTED(v, "%c", va_arg(args->list, int));
        break;
    case 's': {
        const char *text = va_arg(args->list, const char *);
        if (text == NULL)
            text = "(null)";
        FORMATTED(v, "%.*s", precision >= 0 ? precision : VALUE_MOST, text);
        break;
    }
    case 'd':
    case 'i':
        FORMATTED(v, "%*lld", width, signed_argument(args, length));
        break;
    case 'u': {
        unsigned long long n = unsigned_argument(args, length);
        if (zero)
            FORMATTED(v, "%0*llu", width, n);
        else
            FORMATTED(v, "%*llu", width, n);
        break;
    }
    case 'x': {
        unsigned long long n = unsigned_argument(args, length);
        if (zero)
            FORMATTED(v, "%0*llx", width, n);
        else
            FORMATTED(v, "%*llx", width, n);
        break;
    }
    case 'f':
    case 'g':
        FORMATTED(v, "%.*f", precision >= 0 ? precision : 6, va_arg(args->list, double));
        break;
    default:
        BUG_ON("a conversion that log_write does not know" != NULL);
    }
}

static void put_fields(struct line *line, const char *fields, struct arguments *args)
{
    const char *p = fields;
    while (*p != '\0') {
        const char *key = p;
        while (*p != '\0' && *p != '=' && *p != ' ')
            p++;
        put(line, key, (size_t)(p - key));
        if (*p == '=') {
            put(line, "=", 1);
            p++;
            struct value v = {.len = 0};
            while (*p != '\0' && *p != ' ') {
                if (*p == '%') {
                    p++;
                    convert(&p, args, &v);
                } else {
                    FORMATTED(&v, "%c", *p++);
                }
            }
            put_value(line, v.text, v.len);
        }
        while (*p == ' ')
            p++;
        if (*p != '\0')
            put(line, " ", 1);
    }
}

void log_open(const char *program, enum log_level least)
{
    pthread_mutex_lock(&state.lock);
    snprintf(state.program, sizeof state.program, "%s", program);
    atomic_store(&state.least, least);
    pthread_mutex_unlock(&state.lock);
}

void log_set_level(enum log_level least)
{
    atomic_store(&state.least, least);
}

bool log_level_parse(const char *word, enum log_level *out)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_write(enum log_level level, const char *event, const char *fields, ...)
{
    static const char *const names[] = {"debug", "info ", "warn ", "error"};
    pthread_mutex_lock(&state.lock);
    if (level < atomic_load_explicit(&state.least, memory_order_relaxed)) {
        pthread_mutex_unlock(&state.lock);
        return;
    }
    struct line line = {.len = 0};
    char time[28];
    clock_format(clock_wall(), time);
    put(&line, time, strlen(time));
    put(&line, " ", 1);
    put(&line, names[level], 5);
    put(&line, " ", 1);
    put(&line, event, strlen(event));
    if (fields != NULL) {
        struct arguments args;
        va_start(args.list, fields);
        put(&line, " ", 1);
        put_fields(&line, fields, &args);
        va_end(args.list);
    }
    line.text[line.len++] = '\n';
    /* One write a line keeps lines of threads and processes that share the descriptor apart. When nobody
     * reads the log the daemon goes on. */
    ssize_t ignored = write(STDERR_FILENO, line.text, line.len);
    (void)ignored;
    pthread_mutex_unlock(&state.lock);
}
