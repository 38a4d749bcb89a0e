#include "broker/config.h"

#include "base/error.h"
#include "base/log.h"
#include "manners/credential.h"
#include "manners/process.h"
#include "manners/scrape.h"
#include "registry/identifier.h"
#include "tlog/note.h"
#include "wire/link.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONFIG_MOST ((size_t)1 << 20)
#define TEXT        CYAML_FLAG_POINTER
#define PERHAPS     (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define MIB         ((uint64_t)1 << 20)

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 4096),
};

static const cyaml_schema_field_t authority_fields[] = {
    CYAML_FIELD_UINT("threshold", CYAML_FLAG_DEFAULT, struct config_authority, threshold),
    CYAML_FIELD_SEQUENCE("keys", CYAML_FLAG_POINTER, struct config_authority, keys, &text_entry, 1, 64),
    CYAML_FIELD_END,
};

#define LIMIT(name) CYAML_FIELD_UINT(#name, CYAML_FLAG_OPTIONAL, struct config_limits, name)
static const cyaml_schema_field_t limits_fields[] = {
    LIMIT(submit_messages), LIMIT(submit_bytes),   LIMIT(mailbox_messages), LIMIT(mailbox_bytes),
    LIMIT(exchanges),       LIMIT(body_bytes),     LIMIT(cache_bytes),      LIMIT(pipeline_messages),
    LIMIT(pipeline_bytes),  LIMIT(batch_messages), LIMIT(batch_ms),         LIMIT(refusals_per_second),
    LIMIT(ledger_bytes),    LIMIT(vault_bytes),    LIMIT(crl_grace_s),      LIMIT(probe_s),
    LIMIT(verifiers),       LIMIT(half_open),      LIMIT(pair_under_way),   LIMIT(half_open_of_address),
    LIMIT(waiting_bytes),   CYAML_FIELD_END,
};

static const cyaml_schema_field_t root_fields[] = {
    CYAML_FIELD_STRING_PTR("instance", TEXT, struct config, instance, 1, 64),
    CYAML_FIELD_STRING_PTR("listen", TEXT, struct config, listen, 1, 256),
    CYAML_FIELD_STRING_PTR("state", TEXT, struct config, state, 1, 4096),
    CYAML_FIELD_STRING_PTR("link_key", TEXT, struct config, link_key, 1, 4096),
    CYAML_FIELD_STRING_PTR("ledger_key", TEXT, struct config, ledger_key, 1, 4096),
    CYAML_FIELD_STRING_PTR("registry", TEXT, struct config, registry, 1, 4096),
    CYAML_FIELD_STRING_PTR("crls", PERHAPS, struct config, crls, 1, 4096),
    CYAML_FIELD_SEQUENCE("crl_files", PERHAPS, struct config, crl_files, &text_entry, 0, 64),
    CYAML_FIELD_STRING_PTR("descriptions", PERHAPS, struct config, descriptions, 1, 4096),
    CYAML_FIELD_STRING_PTR("audit_socket", PERHAPS, struct config, audit_socket, 1, 4096),
    CYAML_FIELD_STRING_PTR("metrics", PERHAPS, struct config, metrics, 1, SCRAPE_ADDRESS_MOST - 1),
    CYAML_FIELD_STRING_PTR("user", PERHAPS, struct config, user, 1, 32),
    CYAML_FIELD_STRING_PTR("log_level", PERHAPS, struct config, log_level, 1, 16),
    CYAML_FIELD_MAPPING("authority", CYAML_FLAG_DEFAULT, struct config, authority, authority_fields),
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_OPTIONAL, struct config, limits, limits_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, root_fields),
};

struct config_file {
    struct yamlfile *yaml;
    struct config config; /* the file's, with defaults where it says nothing */
    char **paths;         /* those that were relative, from the file's folder on */
    size_t path_count;
    char **crl_files;
    char *path;
};

struct limit_rule {
    const char *name;
    size_t offset;
    uint64_t standard, least, most;
};
#define RULE(name, standard, least, most)                                                                    \
    {                                                                                                        \
        "limits." #name, offsetof(struct config_limits, name), standard, least, most                         \
    }
static const struct limit_rule rules[] = {
    RULE(submit_messages, 256, 1, 65536),
    RULE(submit_bytes, 16 * MIB, 1 * MIB, 1024 * MIB),
    RULE(mailbox_messages, 1024, 1, 1 << 20),
    RULE(mailbox_bytes, 64 * MIB, 1 * MIB, 16384 * MIB),
    RULE(pair_under_way, 32, 1, 65536),
    RULE(exchanges, 65536, 1, 1 << 22),
    RULE(body_bytes, 4 * MIB, 64 * 1024, 512 * MIB),
    RULE(cache_bytes, 16 * MIB, 1, 16384 * MIB),
    RULE(pipeline_messages, 4096, 16, 1 << 20),
    RULE(pipeline_bytes, 256 * MIB, 1 * MIB, 16384 * MIB),
    RULE(batch_messages, 256, 1, 4096),
    RULE(batch_ms, 5, 1, 1000),
    RULE(refusals_per_second, 50, 1, 100000),
    RULE(ledger_bytes, 4096 * MIB, 1 * MIB, (uint64_t)1 << 44),
    RULE(vault_bytes, 1024 * MIB, 1 * MIB, (uint64_t)1 << 44),
    RULE(crl_grace_s, 86400, 1, 30 * 86400),
    RULE(half_open, 1024, 16, 1 << 20),
    RULE(half_open_of_address, 256, 16, 1 << 16),
    RULE(waiting_bytes, 128 * MIB, 1 * MIB, 16384 * MIB),
    RULE(probe_s, 60, 1, 86400),
    RULE(verifiers, 0, 0, 1024),
};

/* A limit that the file does not give reads as 0, which none may be, so 0 is where the default goes. */
static void check_limits(struct config_file *file, struct faults *faults)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        uint64_t *value = (uint64_t *)(void *)((uint8_t *)&file->config.limits + rules[i].offset);
        if (*value == 0)
            *value = rules[i].standard;
        else if (*value < rules[i].least || *value > rules[i].most)
            yamlfile_fault(file->yaml, faults, rules[i].name, "must be between %llu and %llu",
                           (unsigned long long)rules[i].least, (unsigned long long)rules[i].most);
    }
    const struct config_limits *l = &file->config.limits;
    /* A body whose last chunk could never be sent for want of credit would wait for ever. */
    if (l->submit_bytes < l->body_bytes + 2 * LINK_MESSAGE_MOST)
        yamlfile_fault(file->yaml, faults, "limits.submit_bytes", "must exceed body_bytes by 128 KiB");
    if (l->waiting_bytes < l->submit_bytes + 2 * MIB)
        yamlfile_fault(file->yaml, faults, "limits.waiting_bytes", "must exceed submit_bytes by 2 MiB");
    if (l->mailbox_bytes < 2 * l->body_bytes)
        yamlfile_fault(file->yaml, faults, "limits.mailbox_bytes", "must be at least twice body_bytes");
}

/* --- paths --- */

static char *from_folder(struct config_file *file, const char *folder, int folder_len, char *path)
{
    if (path == NULL)
        return NULL;
    char *placed = credential_path(path, folder, (size_t)folder_len);
    file->paths[file->path_count++] = placed;
    return placed;
}

/* A relative path begins at the folder of the configuration, wherever the daemon was started. */
static void place_paths(struct config_file *file, const char *config_path)
{
    struct config *c = &file->config;
    const char *slash = strrchr(config_path, '/');
    int len = slash != NULL ? (int)(slash - config_path) + 1 : 0;
    char **const single[] = {&c->state, &c->link_key,     &c->ledger_key,  &c->registry,
                             &c->crls,  &c->audit_socket, &c->descriptions};
    const size_t count = sizeof(single) / sizeof(single[0]);
    file->paths = memory_zeroed(count + c->crl_files_count, sizeof(*file->paths));
    for (size_t i = 0; i < count; i++)
        *single[i] = from_folder(file, config_path, len, *single[i]);
    /* The list in the file stays as libcyaml made it, and will free it. */
    file->crl_files = memory_zeroed(c->crl_files_count + 1, sizeof(*file->crl_files));
    for (unsigned i = 0; i < c->crl_files_count; i++)
        file->crl_files[i] = from_folder(file, config_path, len, c->crl_files[i]);
    c->crl_files = file->crl_files;
}

/* --- checks --- */

static void check_file(const struct config_file *file, const char *name, const char *path,
                       struct faults *faults)
{
    if (path != NULL && access(path, R_OK) != 0)
        yamlfile_fault(file->yaml, faults, name, "%s cannot be read: %s", path, strerror(errno));
}

/* The keys themselves, so that --check says what a start would. */
static void check_keys(const struct config_file *file, struct faults *faults)
{
    struct link_key link = {0};
    struct note_signer ledger = {0};
    struct error e = {0};
    if (link_key_load(file->config.link_key, &link, &e) != 0)
        yamlfile_fault(file->yaml, faults, "link_key", "%s", e.text);
    if (note_signer_load(file->config.ledger_key, &ledger, &e) != 0)
        yamlfile_fault(file->yaml, faults, "ledger_key", "%s", e.text);
    else if (ledger.verifier.type != NOTE_ED25519)
        yamlfile_fault(file->yaml, faults, "ledger_key", "%s is a witness's key, not one that signs notes",
                       file->config.ledger_key);
    link_key_clear(&link);
    note_signer_clear(&ledger);
}

static void check(struct config_file *file, struct faults *faults)
{
    const struct config *c = &file->config;
    if (!identifier_part_valid(bytes_of_string(c->instance)))
        yamlfile_fault(file->yaml, faults, "instance", "is not one part of an identifier");
    if (!link_endpoint_valid(c->listen, true))
        yamlfile_fault(file->yaml, faults, "listen", "must be tcp://ADDRESS:PORT, with * for any free port");
    if (c->audit_socket != NULL && strlen(c->audit_socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        yamlfile_fault(file->yaml, faults, "audit_socket", "%s is too long for a socket: at most %zu bytes",
                       c->audit_socket, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    if (c->authority.threshold == 0 || c->authority.threshold > c->authority.keys_count)
        yamlfile_fault(file->yaml, faults, "authority.threshold", "must be between 1 and the number of keys");
    for (unsigned i = 0; i < c->authority.keys_count; i++) {
        struct note_verifier verifier;
        char path[48];
        snprintf(path, sizeof(path), "authority.keys[%u]", i);
        if (!note_verifier_parse(bytes_of_string(c->authority.keys[i]), &verifier) ||
            verifier.type != NOTE_ED25519)
            yamlfile_fault(file->yaml, faults, path, "is not a vkey of an Ed25519 note key");
    }
    if (c->metrics != NULL && !scrape_address_valid(c->metrics))
        yamlfile_fault(file->yaml, faults, "metrics", "must be 127.0.0.1:PORT, \"[::1]:PORT\" or unix:/PATH");
    enum log_level level;
    if (c->log_level != NULL && !log_level_parse(c->log_level, &level))
        yamlfile_fault(file->yaml, faults, "log_level", "\"%s\" is none of debug, info, warn, error",
                       c->log_level);
    struct error e = {0};
    if (c->user != NULL && !process_user_valid(c->user, &e))
        yamlfile_fault(file->yaml, faults, "user", "%s", e.text);
    check_keys(file, faults);
    check_file(file, "registry", c->registry, faults);
    check_file(file, "crls", c->crls, faults);
    check_file(file, "descriptions", c->descriptions, faults);
    check_limits(file, faults);
}

struct config_file *config_load(const char *path, struct faults *faults, struct error *e)
{
    struct buffer text = {0};
    if (file_read(path, CONFIG_MOST, &text, e) < 0)
        return NULL;
    struct yamlfile *yaml = yamlfile_parse(buffer_bytes(&text), path, &schema, faults);
    buffer_free(&text);
    if (yaml == NULL) {
        error_set(e, ERROR_CONFIG, "%s has faults", path);
        return NULL;
    }
    struct config_file *file = memory_zeroed(1, sizeof(*file));
    file->yaml = yaml;
    memcpy(&file->config, yamlfile_root(yaml), sizeof(file->config));
    file->path = string_copy(path);
    file->config.path = file->path;
    place_paths(file, path);
    unsigned before = faults->count;
    check(file, faults);
    if (faults->count > before) {
        config_free(file);
        error_set(e, ERROR_CONFIG, "%s has faults", path);
        return NULL;
    }
    return file;
}

const struct config *config_get(const struct config_file *file)
{
    return &file->config;
}

void config_free(struct config_file *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->path_count; i++)
        free(file->paths[i]);
    free(file->paths);
    free(file->crl_files);
    free(file->path);
    yamlfile_free(file->yaml);
    free(file);
}
