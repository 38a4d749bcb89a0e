#include "core/knowledge.h"

#include "base/error.h"
#include "base/log.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRY_MOST ((size_t)16 << 20)
#define CRLS_MOST     ((size_t)64 << 20)
#define CRL_COUNT     256

struct knowledge {
    char *registry_path, *crls_path;
    const char *instance;
    struct registry_authority authority;
    uint64_t crl_grace;
    pthread_mutex_t lock; /* over the pointer `registry`, which other threads ask for */
    struct registry *registry;
    struct trust *trust;
    struct note_verifier ledger_keys[LEDGER_KEYS_MOST];
    size_t ledger_key_count;
    uint8_t refused_crls[CRL_COUNT][HASH_SIZE]; /* superseded by a higher number: not to be asked for again */
    size_t refused_count;
};

/* --- trust set --- */

static int add_anchors(struct trust *trust, const struct registry *registry, struct error *e)
{
    const char *name;
    struct bytes pem;
    for (size_t i = 0; registry_anchor(registry, i, &name, &pem); i++)
        if (trust_add_anchor(trust, name, pem, e) != 0)
            return -1;
    return 0;
}

/* False when there is no room. */
static bool add_crl(struct trust *trust, struct bytes der)
{
    struct error e = {0};
    int added = trust_add_crl(trust, der, &e);
    if (added < 0)
        log_warn("crl_not_taken", "why=%s", e.text);
    return added >= 0 || e.kind != ERROR_CONFIG;
}

static void take_crls(struct trust *trust, const struct trust *from, bool proven_only)
{
    size_t count = from == NULL ? 0 : trust_crl_hashes(from, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        struct error e = {0};
        struct trust_crl_info info;
        trust_crl_info(from, i, &info);
        if ((info.proven || !proven_only) && trust_take_crl(trust, from, i, &e) < 0)
            log_warn("crl_not_taken", "why=%s", e.text);
    }
}

static struct trust *build_trust_of(const struct knowledge *k, const struct registry *registry,
                                    struct bytes more, bool proven_only, bool *room, struct error *e)
{
    struct trust *trust = trust_new();
    trust_set_crl_grace(trust, k->crl_grace);
    if (add_anchors(trust, registry, e) != 0) {
        trust_free(trust);
        return NULL;
    }
    take_crls(trust, k->trust, proven_only);
    *room = more.len == 0 || add_crl(trust, more);
    return trust;
}

/* A fresh set of this registry's anchors, the CRLs in force, and perhaps one more. When there is no room for
 * that one, those that nobody has proven make some: the bus names such as still count, and they are asked for
 * again. */
static struct trust *build_trust(const struct knowledge *k, const struct registry *registry,
                                 struct bytes more, struct error *e)
{
    bool room;
    struct trust *trust = build_trust_of(k, registry, more, false, &room, e);
    if (trust == NULL || room)
        return trust;
    trust_free(trust);
    return build_trust_of(k, registry, more, true, &room, e);
}

static int store_crls(const struct knowledge *k, struct error *e)
{
    struct buffer all = {0};
    size_t count = trust_crl_hashes(k->trust, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        struct bytes der = trust_crl_der(k->trust, i);
        buffer_put_u32be(&all, (uint32_t)der.len);
        buffer_append_bytes(&all, der);
    }
    int result = file_write_atomically(k->crls_path, buffer_bytes(&all), 0600, e);
    buffer_free(&all);
    return result;
}

static int load_crls(struct knowledge *k, struct error *e)
{
    struct buffer all = {0};
    if (file_read(k->crls_path, CRLS_MOST, &all, e) != 0)
        return e->kind == ERROR_NOT_FOUND ? 0 : -1;
    struct bytes rest = buffer_bytes(&all);
    int result = 0;
    while (rest.len > 0) {
        uint32_t len = rest.len < 4 ? UINT32_MAX : get_u32be(rest.data);
        if (len > rest.len - 4) {
            result = error_set(e, ERROR_INTEGRITY, "%s is cut: remove it, the bus gives the CRLs again",
                               k->crls_path);
            break;
        }
        add_crl(k->trust, bytes_make(rest.data + 4, len));
        rest = bytes_make(rest.data + 4 + len, rest.len - 4 - len);
    }
    buffer_free(&all);
    return result;
}

/* --- registry --- */

static int parse_ledger_keys(const struct registry *registry, struct note_verifier *keys, size_t *count,
                             struct error *e)
{
    *count = registry_ledger_key_count(registry);
    if (*count > LEDGER_KEYS_MOST)
        return error_set(e, ERROR_CONFIG, "the registry names more than %d ledger keys", LEDGER_KEYS_MOST);
    for (size_t i = 0; i < *count; i++) {
        uint64_t from;
        if (!note_verifier_parse(bytes_of_string(registry_ledger_key(registry, i, &from)), &keys[i]))
            return error_set(e, ERROR_CONFIG, "ledger key %zu of the registry is not a vkey", i);
    }
    return 0;
}

/* Takes the reference. Everything that depends on the registry is built first: a fault leaves the old one in
 * force. */
static int put_in_force(struct knowledge *k, struct registry *registry, struct error *e)
{
    struct note_verifier keys[LEDGER_KEYS_MOST];
    size_t key_count;
    struct trust *trust = NULL;
    if (strcmp(registry_instance(registry), k->instance) != 0) {
        error_set(e, ERROR_CONFIG, "the registry is of instance %s, not %s", registry_instance(registry),
                  k->instance);
        goto failed;
    }
    if (parse_ledger_keys(registry, keys, &key_count, e) != 0)
        goto failed;
    trust = build_trust(k, registry, bytes_make(NULL, 0), e);
    if (trust == NULL)
        goto failed;
    trust_free(k->trust);
    k->trust = trust;
    memcpy(k->ledger_keys, keys, sizeof(keys));
    k->ledger_key_count = key_count;
    pthread_mutex_lock(&k->lock);
    struct registry *old = k->registry;
    k->registry = registry;
    pthread_mutex_unlock(&k->lock);
    registry_free(old);
    log_info("registry_in_force", "version=%" PRIu64, registry_version(registry));
    return 0;

failed:
    registry_free(registry);
    return -1;
}

static struct registry *open_file(const struct knowledge *k, const char *path,
                                  const struct registry *previous, struct error *e)
{
    struct buffer file = {0};
    struct registry *registry = NULL;
    if (file_read(path, REGISTRY_MOST, &file, e) == 0)
        registry = registry_open_signed(buffer_bytes(&file), previous, &k->authority, NULL, e);
    buffer_free(&file);
    return registry;
}

static int load_registry(struct knowledge *k, const char *configured, struct error *e)
{
    struct registry *stored = open_file(k, k->registry_path, NULL, e);
    if (stored == NULL && e->kind != ERROR_NOT_FOUND)
        return error_prefix(e, "the registry in the state folder (%s): ", k->registry_path);
    if (stored != NULL && put_in_force(k, stored, e) != 0)
        return -1;
    if (configured == NULL)
        return 0;
    struct registry *given = open_file(k, configured, NULL, e);
    if (given == NULL)
        return error_prefix(e, "%s: ", configured);
    if (k->registry != NULL && registry_version(given) <= registry_version(k->registry)) {
        registry_free(given); /* what was taken from the bus since is newer */
        return 0;
    }
    return put_in_force(k, given, e);
}

struct knowledge *knowledge_open(const char *folder, const char *instance,
                                 const struct registry_authority *authority, const char *registry_file,
                                 uint64_t crl_grace, struct error *e)
{
    struct error own = {0};
    if (e == NULL)
        e = &own;
    struct knowledge *k = memory_zeroed(1, sizeof(*k));
    pthread_mutex_init(&k->lock, NULL);
    k->registry_path = file_path_in(folder, "registry");
    k->crls_path = file_path_in(folder, "crls");
    k->instance = instance;
    k->authority = *authority;
    k->crl_grace = crl_grace;
    if (load_registry(k, registry_file, e) != 0 || (k->trust != NULL && load_crls(k, e) != 0)) {
        knowledge_close(k);
        return NULL;
    }
    return k;
}

void knowledge_close(struct knowledge *k)
{
    if (k == NULL)
        return;
    registry_free(k->registry);
    trust_free(k->trust);
    pthread_mutex_destroy(&k->lock);
    free(k->registry_path);
    free(k->crls_path);
    free(k);
}

struct registry *knowledge_registry(const struct knowledge *k)
{
    return k->registry;
}

struct registry *knowledge_registry_ref(struct knowledge *k)
{
    pthread_mutex_lock(&k->lock);
    struct registry *registry = k->registry == NULL ? NULL : registry_ref(k->registry);
    pthread_mutex_unlock(&k->lock);
    return registry;
}

struct trust *knowledge_trust(const struct knowledge *k)
{
    return k->trust;
}

const struct note_verifier *knowledge_ledger_keys(const struct knowledge *k, size_t *count)
{
    *count = k->ledger_key_count;
    return k->ledger_keys;
}

int knowledge_take_registry(struct knowledge *k, struct bytes file, struct error *e)
{
    struct registry *registry = registry_open_signed(file, k->registry, &k->authority, NULL, e);
    if (registry == NULL)
        return -1;
    if (k->registry != NULL && registry_version(registry) == registry_version(k->registry)) {
        registry_free(registry);
        return 0;
    }
    if (put_in_force(k, registry, e) != 0)
        return -1;
    struct error stored;
    if (file_write_atomically(k->registry_path, file, 0600, &stored) != 0)
        log_error("registry_not_stored", "why=%s", stored.text);
    return 0;
}

bool knowledge_lacks_previous(const struct knowledge *k, struct bytes file, uint8_t hash[HASH_SIZE])
{
    static const char label[] = "\nprevious ";
    const uint8_t *line = memmem(file.data, file.len < 4096 ? file.len : 4096, label, sizeof(label) - 1);
    if (k->registry == NULL || line == NULL)
        return false;
    line += sizeof(label) - 1;
    size_t left = (size_t)(file.data + file.len - line);
    if (left < 2 * HASH_SIZE || !hex_decode((const char *)line, 2 * HASH_SIZE, hash, HASH_SIZE))
        return false;
    return memcmp(hash, registry_hash(k->registry), HASH_SIZE) != 0;
}

static bool crl_in_force(const struct knowledge *k, const uint8_t hash[HASH_SIZE])
{
    size_t count = k->trust == NULL ? 0 : trust_crl_hashes(k->trust, NULL, 0);
    uint8_t(*hashes)[HASH_SIZE] = memory_zeroed(count + 1, HASH_SIZE);
    bool found = false;
    if (count > 0)
        trust_crl_hashes(k->trust, hashes, count);
    for (size_t i = 0; i < count; i++)
        found = found || memcmp(hashes[i], hash, HASH_SIZE) == 0;
    free(hashes);
    return found;
}

bool knowledge_has_crl(const struct knowledge *k, const uint8_t hash[HASH_SIZE])
{
    for (size_t i = 0; i < k->refused_count; i++)
        if (memcmp(k->refused_crls[i], hash, HASH_SIZE) == 0)
            return true;
    return crl_in_force(k, hash);
}

int knowledge_take_crl(struct knowledge *k, struct bytes der, struct error *e)
{
    if (k->registry == NULL)
        return error_set(e, ERROR_CONFIG, "a CRL came before any registry");
    struct trust *trust = build_trust(k, k->registry, der, e);
    if (trust == NULL)
        return -1;
    trust_free(k->trust);
    k->trust = trust;
    uint8_t hash[HASH_SIZE];
    sha256(der, hash);
    if (!crl_in_force(k, hash)) {
        if (k->refused_count < CRL_COUNT)
            memcpy(k->refused_crls[k->refused_count++], hash, HASH_SIZE);
        return error_set(e, ERROR_CRYPTO, "a CRL that is older than the one in force, or of nobody we trust");
    }
    return store_crls(k, e);
}
