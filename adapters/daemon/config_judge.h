#ifndef WASL_DAEMON_CONFIG_JUDGE_H
#define WASL_DAEMON_CONFIG_JUDGE_H
/* What the files that make sense of a configuration (config.c and those beside it) have in common. Nobody
 * else includes it. */
#include "daemon/config.h"
#include "daemon/config_form.h"

struct judge {
    struct config *config;
    const struct form_config *form;
    struct faults *faults;
    char *folder; /* of the file, with its slash; empty: the current one */
};

#define FAULT(j, path, ...) yamlfile_fault((j)->config->file, (j)->faults, path, __VA_ARGS__)

/* Memory that the configuration owns, freed together by keep_nothing. keep_zeroed: of one more than count, so
 * never of none. */
void *keep(struct config *config, void *block);
void *keep_zeroed(struct config *config, size_t count, size_t size);
const char *keep_printf(struct config *config, const char *format, ...) __attribute__((format(printf, 2, 3)));
void keep_nothing(struct config *config);
/* As the file means it: relative to its own folder. */
const char *file_path(struct judge *j, const char *path);

/* config_listeners.c: all of `listeners`, into the configuration. */
void judge_listeners(struct judge *j);

#endif
