#include "core/describing.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/queue.h"
#include "core/common.h"
#include "crypto/hash.h"
#include "registry/identifier.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING_MOST  64
#define FETCHING_MOST 4 /* of the session's fetches: registries, CRLs and chains need theirs */
#define WAIT_MOST     (10 * MICROSECONDS)
#define FILES_MOST    256
#define TURN_MOST     4 /* read and hashed in one turn of the loop: up to 1 MiB each */

/* Somebody who wants a description. */
struct wish {
    char *service;
    core_described done;
    void *done_arg;
    uint8_t hash[HASH_SIZE];
    bool asked;        /* the session has been told */
    uint64_t deadline; /* monotonic */
    struct wish *next;
};

struct describing {
    struct common *common;
    char *folder;
    struct queue *queue; /* from other threads */
    struct loop_source *source;
    atomic_uint open; /* in the queue and waiting */
    struct wish *waiting;
};

/* --- ends --- */

static void end(struct describing *d, struct wish *wish, enum refusal refusal, struct bytes document)
{
    /* YAML is all that is no JSON here: what begins with a brace is read as JSON by readers of both. */
    size_t at = 0;
    while (at < document.len && strchr(" \t\r\n", document.data[at]) != NULL && document.data[at] != 0)
        at++;
    bool json = at < document.len && document.data[at] == '{';
    wish->done(wish->done_arg, refusal, document,
               refusal != REFUSAL_NONE ? NULL
               : json                  ? "application/json"
                                       : "application/yaml");
    free(wish->service);
    free(wish);
    atomic_fetch_sub(&d->open, 1);
}

static void refuse(struct describing *d, struct wish *wish, enum refusal refusal)
{
    end(d, wish, refusal, bytes_make(NULL, 0));
}

/* --- the cache --- */

static bool hash_fits(struct bytes document, const uint8_t hash[HASH_SIZE])
{
    uint8_t own[HASH_SIZE];
    sha256(document, own);
    return document.len > 0 && document.len <= DESCRIPTION_MOST && memcmp(own, hash, HASH_SIZE) == 0;
}

static bool find_kept(const struct describing *d, const uint8_t hash[HASH_SIZE], struct buffer *out)
{
    char name[2 * HASH_SIZE + 1];
    struct error e = {0};
    hex_encode(hash, HASH_SIZE, name);
    char *path = file_path_in(d->folder, name);
    bool good = file_read(path, DESCRIPTION_MOST, out, &e) == 0 && hash_fits(buffer_bytes(out), hash);
    if (!good && e.kind != ERROR_NOT_FOUND) {
        log_warn("description_not_kept", "file=%s why=%s", path,
                 "cannot be read, or is not what its name says");
        unlink(path);
    }
    if (!good)
        buffer_clear(out);
    free(path);
    return good;
}

static bool is_described(const struct registry *registry, const uint8_t hash[HASH_SIZE])
{
    const struct registry_service *service;
    for (size_t i = 0; (service = registry_service_at(registry, i)) != NULL; i++)
        if (service->described && memcmp(service->description, hash, HASH_SIZE) == 0)
            return true;
    return false;
}

/* Removes what the registry in force does not name any more; returns how many are left. */
static size_t clean(const struct describing *d)
{
    const struct registry *registry = knowledge_registry(d->common->knowledge);
    size_t left = 0;
    DIR *folder = opendir(d->folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        uint8_t hash[HASH_SIZE];
        if (entry->d_name[0] == '.')
            continue;
        bool named = hex_decode(entry->d_name, strlen(entry->d_name), hash, HASH_SIZE);
        if (named && is_described(registry, hash)) {
            left++;
            continue;
        }
        char *path = file_path_in(d->folder, entry->d_name);
        unlink(path);
        free(path);
    }
    if (folder != NULL)
        closedir(folder);
    return left;
}

/* Without it the next one fetches it again: no failure but a slower answer. */
static void keep(const struct describing *d, const uint8_t hash[HASH_SIZE], struct bytes document)
{
    char name[2 * HASH_SIZE + 1];
    struct error e = {0};
    if (mkdir(d->folder, 0700) != 0 && errno != EEXIST)
        log_warn("description_not_kept", "folder=%s why=%s", d->folder, strerror(errno));
    if (clean(d) >= FILES_MOST)
        return;
    hex_encode(hash, HASH_SIZE, name);
    char *path = file_path_in(d->folder, name);
    if (file_write_atomically(path, document, 0600, &e) != 0)
        log_warn("description_not_kept", "why=%s", e.text);
    free(path);
}

/* --- asking the bus --- */

/* Asks for what nobody has asked for, as far as there is room. */
static void fetch_missing(struct describing *d)
{
    size_t fetching = 0;
    for (struct wish *w = d->waiting; w != NULL; w = w->next) {
        bool first = true;
        for (struct wish *before = d->waiting; before != w; before = before->next)
            if (before->asked && memcmp(before->hash, w->hash, HASH_SIZE) == 0) {
                w->asked = true;
                first = false;
            }
        if (!w->asked && fetching < FETCHING_MOST)
            w->asked = session_fetch(d->common->session, OBJECT_BY_HASH, w->hash);
        if (w->asked && first)
            fetching++;
    }
}

void describing_object(struct describing *d, const uint8_t hash[HASH_SIZE], struct bytes object)
{
    bool good = object.data != NULL && hash_fits(object, hash), kept = false;
    for (struct wish **at = &d->waiting; *at != NULL;) {
        struct wish *w = *at;
        if (memcmp(w->hash, hash, HASH_SIZE) != 0) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        if (!good)
            log_warn("description_not_given", "service=%s why=%s", w->service,
                     object.data == NULL ? "the bus has none of the registered hash"
                                         : "too large, or not of the registered hash");
        else if (!kept)
            keep(d, hash, object);
        kept = true;
        if (good)
            end(d, w, REFUSAL_NONE, object);
        else
            refuse(d, w, REFUSAL_UNKNOWN_OBJECT);
    }
    fetch_missing(d);
}

void describing_lost(struct describing *d)
{
    for (struct wish *w = d->waiting; w != NULL; w = w->next)
        w->asked = false;
}

/* What nobody waits for any more takes no place among the session's fetches, and is asked for anew. */
static void give_up(struct describing *d, const uint8_t hash[HASH_SIZE])
{
    for (const struct wish *w = d->waiting; w != NULL; w = w->next)
        if (memcmp(w->hash, hash, HASH_SIZE) == 0)
            return;
    session_forget(d->common->session, OBJECT_BY_HASH, hash);
}

void describing_tick(struct describing *d)
{
    uint64_t now = common_monotonic(d->common);
    for (struct wish **at = &d->waiting; *at != NULL;) {
        struct wish *w = *at;
        if (now < w->deadline) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        if (w->asked)
            give_up(d, w->hash);
        refuse(d, w, REFUSAL_BUS_UNAVAILABLE);
    }
    fetch_missing(d);
}

/* --- coming in --- */

static void take(struct describing *d, struct wish *wish)
{
    const struct registry *registry = knowledge_registry(d->common->knowledge);
    struct bytes id = bytes_of_string(wish->service);
    const struct registry_service *service =
        registry != NULL && identifier_parts(id) == 5 ? registry_service(registry, id) : NULL;
    struct buffer kept = {0};
    enum session_state state = session_state(d->common->session);
    if (registry == NULL) {
        refuse(d, wish, REFUSAL_BUS_UNAVAILABLE);
    } else if (service == NULL) {
        refuse(d, wish, REFUSAL_UNKNOWN_SERVICE);
    } else if (!service->described) {
        refuse(d, wish, REFUSAL_NO_DESCRIPTION);
    } else if (find_kept(d, service->description, &kept)) {
        end(d, wish, REFUSAL_NONE, buffer_bytes(&kept));
    } else if (state != SESSION_WELCOMED && state != SESSION_LINKED) {
        refuse(d, wish, REFUSAL_BUS_UNAVAILABLE);
    } else {
        memcpy(wish->hash, service->description, HASH_SIZE);
        uint64_t most = d->common->options.request_timeout;
        wish->deadline = common_monotonic(d->common) + (most < WAIT_MOST ? most : WAIT_MOST);
        wish->next = d->waiting;
        d->waiting = wish;
        fetch_missing(d);
    }
    buffer_free(&kept);
}

static void wishes_came(void *arg)
{
    struct describing *d = arg;
    struct wish *wish;
    for (unsigned i = 0; i < TURN_MOST && (wish = queue_take(d->queue)) != NULL; i++)
        take(d, wish);
}

bool describing_put(struct describing *d, const char *service, core_described done, void *done_arg)
{
    if (atomic_fetch_add(&d->open, 1) >= WAITING_MOST) {
        atomic_fetch_sub(&d->open, 1);
        return false;
    }
    struct wish *wish = memory_zeroed(1, sizeof(*wish));
    wish->service = string_copy(service);
    wish->done = done;
    wish->done_arg = done_arg;
    if (queue_put(d->queue, wish))
        return true;
    free(wish->service);
    free(wish);
    atomic_fetch_sub(&d->open, 1);
    return false;
}

/* --- life --- */

struct describing *describing_new(struct common *common)
{
    struct describing *d = memory_zeroed(1, sizeof(*d));
    struct buffer folder = {0};
    d->common = common;
    buffer_printf(&folder, "%s/descriptions", common->options.state);
    buffer_append(&folder, "", 1);
    d->folder = (char *)folder.data;
    d->queue = queue_new(WAITING_MOST);
    d->source = loop_add_fd(common->loop, queue_event_fd(d->queue), wishes_came, d);
    return d;
}

void describing_free(struct describing *d)
{
    if (d == NULL)
        return;
    struct wish *wish;
    queue_close(d->queue);
    while ((wish = queue_take(d->queue)) != NULL)
        refuse(d, wish, REFUSAL_STOPPED);
    while ((wish = d->waiting) != NULL) {
        d->waiting = wish->next;
        refuse(d, wish, REFUSAL_STOPPED);
    }
    loop_remove(d->common->loop, d->source);
    queue_free(d->queue);
    free(d->folder);
    free(d);
}
