#include "broker/statefolder.h"

#include "base/bytes.h"
#include "base/error.h"
#include "broker/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *statefolder_path(const struct config *config, const char *name)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/%s", config->state, name);
    buffer_append(&path, "", 1);
    return (char *)path.data;
}

int statefolder_lock(const struct config *config, struct error *e)
{
    if (mkdir(config->state, 0700) != 0 && errno != EEXIST)
        return error_set(e, ERROR_IO, "the state folder %s cannot be made: %s", config->state,
                         strerror(errno));
    char *path = statefolder_path(config, "lock");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
        error_set(e, ERROR_IO, "%s cannot be opened: %s", path, strerror(errno));
    } else if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        error_set(e, ERROR_CONFIG, "another bus runs on the state folder %s", config->state);
        close(lock); /* the folder is the other one's: nothing in it is ours to remove */
        lock = -1;
    }
    free(path);
    return lock;
}

void statefolder_forget_endpoint(const struct config *config)
{
    char *path = statefolder_path(config, "endpoint");
    unlink(path);
    free(path);
}

int statefolder_tell_endpoint(const struct config *config, const char *endpoint, struct error *e)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s\n", endpoint);
    char *path = statefolder_path(config, "endpoint");
    int result = file_write_atomically(path, buffer_bytes(&text), 0644, e);
    free(path);
    buffer_free(&text);
    return result;
}

int statefolder_check_begun(const struct config *config, uint64_t ledger_size, struct error *e)
{
    char *path = statefolder_path(config, "ledger.begun");
    int result = 0;
    if (ledger_size == 0 && access(path, F_OK) == 0)
        result = error_set(
            e, ERROR_INTEGRITY,
            "the ledger in %s is empty, and it was not (%s): its file was removed or emptied. Put back "
            "the newest copy; a new ledger needs a new key and a state folder of its own",
            config->state, path);
    free(path);
    return result;
}

int statefolder_remember_begun(const struct config *config, const char *ledger_name, struct error *e)
{
    char *path = statefolder_path(config, "ledger.begun");
    int result = 0;
    if (access(path, F_OK) != 0)
        result = file_write_atomically(path, bytes_of_string(ledger_name), 0600, e);
    free(path);
    return result;
}
