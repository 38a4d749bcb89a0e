#include "daemon/descriptors.h"
#include "base/log.h"
#include <sys/resource.h>

#define OWN          256 /* libraries, keys, state, the bus, whoever scrapes */
#define EACH_SERVICE 64
#define DEFAULT_MOST 512 /* front_options.most_connections */

void descriptors_raise(const struct config *config)
{
    struct rlimit files;
    rlim_t each = config->front.most_connections != 0 ? config->front.most_connections : DEFAULT_MOST;
    rlim_t needed = OWN + config->service_count * EACH_SERVICE + config->listener_count * (each + 1);

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= needed)
        return;
    files.rlim_cur = needed < files.rlim_max ? needed : files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < needed)
        log_warn("few_descriptors", "needed=%llu permitted=%llu what_to_do=%s", (unsigned long long)needed,
                 (unsigned long long)files.rlim_max, "raise LimitNOFILE, or lower limits.connections");
}
