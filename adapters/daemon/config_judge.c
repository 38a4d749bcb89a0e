#include "daemon/config_judge.h"

#include "base/error.h"
#include "manners/credential.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config_memory {
    struct config_memory *next;
    void *block;
};

void *keep(struct config *config, void *block)
{
    struct config_memory *m = memory_zeroed(1, sizeof *m);

    m->block = block;
    m->next = config->memory;
    config->memory = m;
    return block;
}

void *keep_zeroed(struct config *config, size_t count, size_t size)
{
    return keep(config, memory_zeroed(count + 1, size));
}

const char *keep_printf(struct config *config, const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    BUG_ON(vasprintf(&text, format, args) < 0);
    va_end(args);
    return keep(config, text);
}

void keep_nothing(struct config *config)
{
    while (config->memory != NULL) {
        struct config_memory *m = config->memory;
        config->memory = m->next;
        free(m->block);
        free(m);
    }
}

const char *file_path(struct judge *j, const char *path)
{
    return keep(j->config, credential_path(path, j->folder, strlen(j->folder)));
}
