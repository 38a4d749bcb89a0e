#include "findings.h"

#include <stdarg.h>
#include <stdio.h>

void finding(struct findings *findings, const char *format, ...)
{
    if (findings->count++ >= FINDINGS_SHOWN)
        return;
    va_list args;
    va_start(args, format);
    fputs("WRONG  ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}
