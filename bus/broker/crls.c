#include "broker/crls.h"

#include "base/error.h"
#include "base/log.h"
#include "ledger/truststore.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CRL_MOST      ((size_t)4 << 20)
#define CRLS_MOST     64 /* files; WELCOME names each that is in force */
#define ACCEPTED_NAME "crls.accepted"
#define ACCEPTED_MOST ((size_t)1 << 20)
#define HEX           (2 * HASH_SIZE)

static void problem(struct buffer *problems, const char *what, const char *reason)
{
    buffer_printf(problems, "%s: %s\n", what, reason);
}

/* --- what was accepted --- */

struct accepted {
    uint8_t hash[HASH_SIZE], issuer[HASH_SIZE];
    struct bytes rest; /* " <number> <name>": kept as it is */
};

static char *accepted_path(const struct config *config)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/" ACCEPTED_NAME, config->state);
    buffer_append(&path, "", 1);
    return (char *)path.data;
}

/* Takes a line; false for one that is not of the file's form. */
static bool take_line(struct bytes *text, struct accepted *out)
{
    const uint8_t *end = memchr(text->data, '\n', text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    struct bytes line = bytes_make(text->data, len);
    len += end == NULL ? 0 : 1;
    *text = bytes_make(text->data + len, text->len - len);
    if (end == NULL || line.len < 2 * HEX + 2 || line.data[HEX] != ' ' || line.data[2 * HEX + 1] != ' ' ||
        !hex_decode((const char *)line.data, HEX, out->hash, HASH_SIZE) ||
        !hex_decode((const char *)line.data + HEX + 1, HEX, out->issuer, HASH_SIZE))
        return false;
    out->rest = bytes_make(line.data + 2 * HEX + 1, line.len - 2 * HEX - 1);
    return true;
}

/* 0 also when there is no such file yet. */
static int read_accepted(const struct config *config, struct buffer *out, struct error *e)
{
    char *path = accepted_path(config);
    struct error why = {0};
    int result = 0;
    if (file_read(path, ACCEPTED_MOST, out, &why) < 0 && why.kind != ERROR_NOT_FOUND)
        result = error_set(e, why.kind, "%s", why.text);
    free(path);
    return result;
}

static void add_accepted(struct trust *trust, struct truststore *store, const struct accepted *a,
                         struct buffer *problems)
{
    struct buffer der = {0};
    struct error e = {0};
    char words[96 + HEX], hex[HEX + 1];
    hex_encode(a->hash, HASH_SIZE, hex);
    snprintf(words, sizeof(words), "the revocation list accepted last, %s in the trust store", hex);
    int found = truststore_get(store, a->hash, &der, &e);
    if (found == 0)
        problem(problems, words, "it is not there: restore it");
    else if (found < 0 || trust_add_crl(trust, buffer_bytes(&der), &e) < 0)
        problem(problems, words, e.text);
    buffer_free(&der);
}

static int add_all_accepted(const struct config *config, struct truststore *store, struct trust *trust,
                            struct buffer *problems, struct error *e)
{
    struct buffer file = {0};
    struct accepted a;
    if (read_accepted(config, &file, e) < 0)
        return -1;
    struct bytes text = buffer_bytes(&file);
    while (text.len > 0)
        if (take_line(&text, &a))
            add_accepted(trust, store, &a, problems);
        else
            problem(problems, "STATE/" ACCEPTED_NAME, "a line has another form than this bus writes");
    buffer_free(&file);
    return 0;
}

static bool is_accepted(struct bytes text, const uint8_t hash[HASH_SIZE])
{
    struct accepted a;
    while (text.len > 0)
        if (take_line(&text, &a) && memcmp(a.hash, hash, HASH_SIZE) == 0)
            return true;
    return false;
}

/* Those that are proven, should the trust store have lost one, and what is known about who has signed them.
 * What was never proven serves as long as its file is there. */
static int add_all_in_force(const struct config *config, const struct trust *previous, struct trust *trust,
                            struct buffer *problems, struct error *e)
{
    size_t count = trust_crl_hashes(previous, NULL, 0);
    uint8_t(*hashes)[HASH_SIZE] = memory_zeroed(count + 1, HASH_SIZE);
    struct buffer accepted = {0};
    int result = read_accepted(config, &accepted, e);
    trust_crl_hashes(previous, hashes, count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct error why = {0};
        if (is_accepted(buffer_bytes(&accepted), hashes[i]) && trust_take_crl(trust, previous, i, &why) < 0)
            problem(problems, "a revocation list in force", why.text);
    }
    buffer_free(&accepted);
    free(hashes);
    return result;
}

/* --- files --- */

static void add_file(struct trust *trust, const char *path, struct buffer *problems)
{
    struct buffer file = {0};
    struct error e = {0};
    int added = file_read_regular(path, CRL_MOST, &file, &e);
    if (added == 0)
        added = trust_add_crl(trust, buffer_bytes(&file), &e);
    if (added < 0)
        problem(problems, path, e.text);
    if (added == 1)
        log_warn("crl_older", "file=%s effect=%s", path,
                 "left out: a list of its issuer with this number or a higher one was accepted before");
    buffer_free(&file);
}

static int is_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    /* What file_write_atomically and its like put there for a moment is no list. */
    return entry->d_name[0] != '.' && (len < 4 || strcmp(entry->d_name + len - 4, ".tmp") != 0);
}

static int add_folder(struct trust *trust, const char *folder, struct buffer *problems, struct error *e)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_file, alphasort);
    if (count < 0) {
        struct error why = {0};
        error_set(&why, ERROR_IO, "the folder of CRLs cannot be read: %s", strerror(errno));
        problem(problems, folder, why.text);
        if (trust_crl_hashes(trust, NULL, 0) == 0)
            return error_set(e, ERROR_IO, "%s: %s", folder, why.text);
        return 0;
    }
    if (count > CRLS_MOST)
        problem(problems, folder, "it has more files than are read: remove the lists that are superseded");
    for (int i = 0; i < count; i++) {
        struct buffer path = {0};
        buffer_printf(&path, "%s/%s", folder, entries[i]->d_name);
        buffer_append(&path, "", 1);
        if (i < CRLS_MOST)
            add_file(trust, (const char *)path.data, problems);
        buffer_free(&path);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

int crls_gather(const struct config *config, struct truststore *store, const struct trust *previous,
                struct trust *trust, struct buffer *problems, struct error *e)
{
    /* First, so that whatever comes has to be newer. */
    if (store != NULL && add_all_accepted(config, store, trust, problems, e) < 0)
        return -1;
    if (previous != NULL && add_all_in_force(config, previous, trust, problems, e) < 0)
        return -1;
    if (config->crls != NULL && add_folder(trust, config->crls, problems, e) < 0)
        return -1;
    for (unsigned i = 0; i < config->crl_files_count; i++)
        add_file(trust, config->crl_files[i], problems);
    return 0;
}

/* --- accepting --- */

static void put_line(struct buffer *out, const uint8_t hash[HASH_SIZE], const struct trust_crl_info *info)
{
    char hex[HEX + 1], issuer[HEX + 1];
    hex_encode(hash, HASH_SIZE, hex);
    hex_encode(info->issuer, HASH_SIZE, issuer);
    buffer_printf(out, "%s %s %s ", hex, issuer, info->number);
    for (const char *p = info->name; *p != '\0'; p++) /* an issuer chooses its name, not our lines */
        buffer_append(out, (unsigned char)*p < 0x20 ? "?" : p, 1);
    buffer_append_string(out, "\n");
}

/* A list that is here has a line by itself or none; one that is not here, because the trust store has lost
 * it, has its line until a list of that issuer is proven. */
static bool is_replaced(const struct accepted *a, uint8_t (*hashes)[HASH_SIZE],
                        const struct trust_crl_info *infos, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(hashes[i], a->hash, HASH_SIZE) == 0 ||
            (infos[i].proven && memcmp(infos[i].issuer, a->issuer, HASH_SIZE) == 0))
            return true;
    return false;
}

/* What the file must hold now. Returns whether some lists are not proven yet. */
static bool compose(const struct trust *trust, struct chains *chains, struct bytes before, struct buffer *out)
{
    size_t count = trust_crl_hashes(trust, NULL, 0);
    uint8_t(*hashes)[HASH_SIZE] = memory_zeroed(count + 1, HASH_SIZE);
    struct trust_crl_info *infos = memory_zeroed(count + 1, sizeof(*infos));
    bool some_are_not = false;
    struct accepted a;
    trust_crl_hashes(trust, hashes, count);
    for (size_t i = 0; i < count; i++)
        if (!trust_prove_crl(trust, i, NULL) && (chains == NULL || !chains_prove_crl(chains, trust, i)))
            some_are_not = true;
    for (size_t i = 0; i < count; i++) {
        /* Which one stands in another's place is known when all has been tried. What was proven in an earlier
         * process stays, though its issuer has not shown itself in this one. */
        trust_crl_info(trust, i, &infos[i]);
        if (infos[i].proven ? infos[i].current : is_accepted(before, hashes[i]))
            put_line(out, hashes[i], &infos[i]);
    }
    for (struct bytes text = before; text.len > 0;) {
        struct bytes line = text;
        if (!take_line(&text, &a) || is_replaced(&a, hashes, infos, count))
            continue;
        buffer_append_bytes(out, bytes_make(line.data, line.len - text.len));
    }
    free(hashes);
    free(infos);
    return some_are_not;
}

int crls_accept(const struct config *config, const struct trust *trust, struct chains *chains,
                struct error *e)
{
    struct buffer before = {0}, now = {0};
    int result = -1;
    if (read_accepted(config, &before, e) == 0) {
        bool some_are_not = compose(trust, chains, buffer_bytes(&before), &now);
        char *path = accepted_path(config);
        if (bytes_equal(buffer_bytes(&before), buffer_bytes(&now)) ||
            file_write_atomically(path, buffer_bytes(&now), 0600, e) == 0)
            result = some_are_not ? 1 : 0;
        free(path);
    }
    buffer_free(&before);
    buffer_free(&now);
    return result;
}
