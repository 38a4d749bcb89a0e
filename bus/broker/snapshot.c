#include "broker/snapshot.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "broker/crls.h"
#include "broker/descriptions.h"
#include "ledger/truststore.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPTED_NAME "registry.accepted"

struct snapshot {
    atomic_uint references;
    struct registry *registry;
    struct trust *trust;
    uint8_t (*crls)[HASH_SIZE];
    size_t crl_count;
};

struct snapshot *snapshot_new(struct registry *registry, struct trust *trust)
{
    struct snapshot *s = memory_zeroed(1, sizeof(*s));
    atomic_init(&s->references, 1);
    s->registry = registry;
    s->trust = trust;
    s->crl_count = trust_crl_hashes(trust, NULL, 0);
    s->crls = memory_zeroed(s->crl_count + 1, HASH_SIZE);
    trust_crl_hashes(trust, s->crls, s->crl_count);
    return s;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot == NULL || atomic_fetch_sub(&snapshot->references, 1) > 1)
        return;
    registry_free(snapshot->registry);
    trust_free(snapshot->trust);
    free(snapshot->crls);
    free(snapshot);
}

const struct registry *snapshot_registry(const struct snapshot *snapshot)
{
    return snapshot->registry;
}

struct trust *snapshot_trust(const struct snapshot *snapshot)
{
    return snapshot->trust;
}

size_t snapshot_crl_count(const struct snapshot *snapshot)
{
    return snapshot->crl_count;
}

const uint8_t *snapshot_crl(const struct snapshot *snapshot, size_t i)
{
    return snapshot->crls[i];
}

/* --- registry --- */

static char *accepted_path(const struct config *config)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/" ACCEPTED_NAME, config->state);
    buffer_append(&path, "", 1);
    return (char *)path.data;
}

static struct registry *open_file(const char *path, const struct registry *previous,
                                  const struct registry_authority *authority, struct error *e)
{
    struct buffer file = {0};
    if (file_read_regular(path, TRUST_OBJECT_MOST, &file, e) < 0)
        return NULL;
    struct faults faults = {0};
    struct registry *registry = registry_open_signed(buffer_bytes(&file), previous, authority, &faults, e);
    if (registry == NULL)
        error_prefix(e, "registry %s: ", path);
    faults_free(&faults);
    buffer_free(&file);
    return registry;
}

/* The registry of the last run, so that an older file put in its place is noticed. *registry is NULL when
 * there is none. */
static int open_accepted(const struct config *config, const struct registry_authority *authority,
                         struct registry **registry, struct error *e)
{
    char *path = accepted_path(config);
    struct error why = {0};
    *registry = open_file(path, NULL, authority, &why);
    int result = 0;
    if (*registry == NULL && why.kind != ERROR_NOT_FOUND)
        result = error_set(e, why.kind,
                           "%s; if the authority has changed, name its present keys in the configuration",
                           why.text);
    free(path);
    return result;
}

/* A file that cannot be used is a problem, and the last good one stays: a country does not stop for a typing
 * error. Only where there is none to go on with is it an error. */
static struct registry *load_registry(const struct config *config, const struct snapshot *previous,
                                      struct buffer *problems, struct error *e)
{
    const struct registry_authority authority = {(const char *const *)config->authority.keys,
                                                 config->authority.keys_count, config->authority.threshold};
    struct registry *last;
    if (previous != NULL)
        last = registry_ref(previous->registry);
    else if (open_accepted(config, &authority, &last, e) < 0)
        return NULL;
    struct error why = {0};
    struct registry *registry = open_file(config->registry, last, &authority, &why);
    if (registry == NULL && last != NULL) {
        buffer_printf(problems, "%s; version %llu stays in force\n", why.text,
                      (unsigned long long)registry_version(last));
        return last;
    }
    if (registry == NULL)
        error_set(e, why.kind, "%s", why.text);
    registry_free(last);
    return registry;
}

int snapshot_accept(const struct config *config, const struct snapshot *snapshot, struct chains *chains,
                    struct error *e)
{
    char *path = accepted_path(config);
    int result = file_write_atomically(path, registry_file(snapshot->registry), 0600, e);
    free(path);
    return result < 0 ? -1 : crls_accept(config, snapshot->trust, chains, e);
}

bool snapshot_same(const struct snapshot *a, const struct snapshot *b)
{
    return memcmp(registry_hash(a->registry), registry_hash(b->registry), HASH_SIZE) == 0 &&
           a->crl_count == b->crl_count && memcmp(a->crls, b->crls, a->crl_count * HASH_SIZE) == 0;
}

/* --- certificates --- */

static int add_anchors(struct trust *trust, const struct registry *registry, struct error *e)
{
    const char *name;
    struct bytes pem;
    for (size_t i = 0; registry_anchor(registry, i, &name, &pem); i++)
        if (trust_add_anchor(trust, name, pem, e) < 0)
            return error_prefix(e, "trust anchor %s: ", name);
    return 0;
}

static struct trust *load_trust(const struct config *config, const struct registry *registry,
                                const struct snapshot *previous, struct truststore *store,
                                struct buffer *problems, struct error *e)
{
    struct trust *trust = trust_new();
    trust_set_crl_grace(trust, config->limits.crl_grace_s * MICROSECONDS);
    if (add_anchors(trust, registry, e) == 0 &&
        crls_gather(config, store, previous == NULL ? NULL : previous->trust, trust, problems, e) == 0)
        return trust;
    trust_free(trust);
    return NULL;
}

static int store_objects(const struct snapshot *snapshot, struct truststore *store, struct error *e)
{
    uint8_t hash[HASH_SIZE];
    if (truststore_put(store, registry_file(snapshot->registry), hash, e) < 0)
        return -1;
    for (size_t i = 0; i < snapshot->crl_count; i++)
        if (truststore_put(store, trust_crl_der(snapshot->trust, i), hash, e) < 0)
            return -1;
    return 0;
}

struct snapshot *snapshot_load(const struct config *config, const struct snapshot *previous,
                               struct truststore *store, struct buffer *problems, struct error *e)
{
    struct registry *registry = load_registry(config, previous, problems, e);
    if (registry == NULL)
        return NULL;
    if (strcmp(registry_instance(registry), config->instance) != 0) {
        error_set(e, ERROR_CONFIG, "the registry is of instance %s, the configuration says %s",
                  registry_instance(registry), config->instance);
        registry_free(registry);
        return NULL;
    }
    struct trust *trust = load_trust(config, registry, previous, store, problems, e);
    if (trust == NULL) {
        registry_free(registry);
        return NULL;
    }
    struct snapshot *snapshot = snapshot_new(registry, trust);
    if (store != NULL && (store_objects(snapshot, store, e) < 0 ||
                          descriptions_store(config->descriptions, registry, store, e) < 0)) {
        snapshot_free(snapshot);
        return NULL;
    }
    return snapshot;
}

/* --- box --- */

struct snapshot_box {
    pthread_mutex_t lock;
    struct snapshot *current;
};

struct snapshot_box *snapshot_box_new(struct snapshot *first)
{
    struct snapshot_box *box = memory_zeroed(1, sizeof(*box));
    pthread_mutex_init(&box->lock, NULL);
    box->current = first;
    return box;
}

void snapshot_box_free(struct snapshot_box *box)
{
    if (box == NULL)
        return;
    snapshot_free(box->current);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

struct snapshot *snapshot_box_get(struct snapshot_box *box)
{
    pthread_mutex_lock(&box->lock);
    struct snapshot *snapshot = snapshot_ref(box->current);
    pthread_mutex_unlock(&box->lock);
    return snapshot;
}

void snapshot_box_set(struct snapshot_box *box, struct snapshot *snapshot)
{
    pthread_mutex_lock(&box->lock);
    struct snapshot *before = box->current;
    box->current = snapshot;
    pthread_mutex_unlock(&box->lock);
    snapshot_free(before);
}
