#include "error.h"

#include <string.h>

int error_set(struct error *e, enum error_kind kind, const char *format, ...)
{
    if (e == NULL)
        return -1;
    va_list args;
    va_start(args, format);
    e->kind = kind;
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return -1;
}

int error_prefix(struct error *e, const char *format, ...)
{
    if (e == NULL)
        return -1;
    struct error old = *e;
    va_list args;
    va_start(args, format);
    int written = vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    if (written < 0) {
        *e = old;
        return -1;
    }
    size_t used = (size_t)written < sizeof e->text ? (size_t)written : sizeof e->text - 1;
    snprintf(e->text + used, sizeof e->text - used, "%s", old.text);
    return -1;
}
