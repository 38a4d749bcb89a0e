#include "registry/registry_path.h"

#include <stdarg.h>
#include <stdio.h>

void registry_path_begin(struct registry_path *at, const struct yamlfile *yaml, struct faults *faults)
{
    *at = (struct registry_path){.yaml = yaml, .faults = faults};
}

size_t registry_path_enter(struct registry_path *at, const char *format, ...)
{
    size_t before = at->len;
    if (at->len > 0 && at->len + 1 < sizeof at->text)
        at->text[at->len++] = '.';
    va_list list;
    va_start(list, format);
    int n = vsnprintf(at->text + at->len, sizeof at->text - at->len, format, list);
    va_end(list);
    if (n > 0)
        at->len += (size_t)n < sizeof at->text - at->len ? (size_t)n : sizeof at->text - at->len - 1;
    return before;
}

void registry_path_leave(struct registry_path *at, size_t where)
{
    at->len = where;
    at->text[where] = 0;
}

void registry_path_fault(struct registry_path *at, const char *key, const char *format, ...)
{
    char words[512];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    size_t here = at->len;
    if (key != NULL)
        here = registry_path_enter(at, "%s", key);
    yamlfile_fault(at->yaml, at->faults, at->text, "%s", words);
    registry_path_leave(at, here);
}
