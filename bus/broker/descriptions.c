#include "broker/descriptions.h"

#include "base/alarm.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "ledger/truststore.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MOST 4096

static bool is_named(const struct registry *registry, const uint8_t hash[HASH_SIZE])
{
    const struct registry_service *service;
    for (size_t i = 0; (service = registry_service_at(registry, i)) != NULL; i++)
        if (service->described && memcmp(service->description, hash, HASH_SIZE) == 0)
            return true;
    return false;
}

static int take_file(const char *path, const struct registry *registry, struct truststore *store,
                     struct error *e)
{
    struct buffer file = {0};
    struct error why = {0};
    uint8_t hash[HASH_SIZE];
    int result = 0;
    if (file_read_regular(path, DESCRIPTION_MOST, &file, &why) < 0) {
        log_warn("description_unusable", "file=%s why=%s", path, why.text);
        goto out;
    }
    sha256(buffer_bytes(&file), hash);
    if (is_named(registry, hash)) {
        result = truststore_put(store, buffer_bytes(&file), hash, e);
    } else {
        char hex[2 * HASH_SIZE + 1];
        hex_encode(hash, HASH_SIZE, hex);
        log_warn("description_of_nobody", "file=%s sha256=%s why=%s", path, hex,
                 "no service of the registry names these bytes: they are not handed out");
    }
out:
    buffer_free(&file);
    return result;
}

static int take_folder(const char *folder, const struct registry *registry, struct truststore *store,
                       struct error *e)
{
    DIR *open = opendir(folder);
    int result = 0;
    unsigned files = 0;
    if (open == NULL) {
        log_error("descriptions_unreadable", "folder=%s why=%s", folder, strerror(errno));
        return 0;
    }
    for (struct dirent *entry; result == 0 && (entry = readdir(open)) != NULL;) {
        struct buffer path = {0};
        if (entry->d_name[0] == '.')
            continue;
        if (++files > FILES_MOST) {
            log_error("descriptions_too_many", "folder=%s most=%d", folder, FILES_MOST);
            break;
        }
        buffer_printf(&path, "%s/%s", folder, entry->d_name);
        buffer_append(&path, "", 1);
        result = take_file((const char *)path.data, registry, store, e);
        buffer_free(&path);
    }
    closedir(open);
    return result;
}

/* What the registry promises and nobody can fetch. */
static void look_for_missing(const struct registry *registry, struct truststore *store)
{
    const struct registry_service *service;
    const char *missing = NULL;
    for (size_t i = 0; (service = registry_service_at(registry, i)) != NULL; i++) {
        struct buffer object = {0};
        struct error why = {0};
        if (service->described && truststore_get(store, service->description, &object, &why) != 1) {
            char hex[2 * HASH_SIZE + 1];
            hex_encode(service->description, HASH_SIZE, hex);
            log_warn("description_missing", "service=%s sha256=%s", service->id, hex);
            missing = service->id;
        }
        buffer_free(&object);
    }
    alarm_set(ALARM_DESCRIPTION_MISSING, missing != NULL, missing);
}

int descriptions_store(const char *folder, const struct registry *registry, struct truststore *store,
                       struct error *e)
{
    if (folder != NULL && take_folder(folder, registry, store, e) < 0)
        return -1;
    look_for_missing(registry, store);
    return 0;
}
