#include "findings.h"

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void keep(struct kept_findings *kept, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void keep(struct kept_findings *kept, const char *format, va_list args)
{
    buffer_vprintf(&kept->lines, format, args);
    buffer_append(&kept->lines, "", 1);
}

void finding(struct findings *findings, const char *format, ...)
{
    va_list args;
    findings->count++;
    va_start(args, format);
    if (findings->kept != NULL) {
        keep(findings->kept, format, args);
        va_end(args);
        return;
    }
    if (findings->count > FINDINGS_SHOWN) {
        va_end(args);
        return;
    }
    progress_clear(findings->progress);
    fputs("WRONG  ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void finding_keep(struct kept_findings *kept, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    keep(kept, format, args);
    va_end(args);
}

void findings_take(struct findings *findings, struct kept_findings *kept)
{
    for (size_t at = 0; at < kept->lines.len;) {
        const char *line = (const char *)kept->lines.data + at;
        finding(findings, "%s", line);
        at += strlen(line) + 1;
    }
    buffer_clear(&kept->lines);
}

void kept_findings_free(struct kept_findings *kept)
{
    buffer_free(&kept->lines);
}
