#include "forge.h"

#include "base/error.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "tlog/checkpoint.h"
#include "tlog/tile.h"
#include "tlog/tree.h"
#include "wire/envelope.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

struct buffer run_output;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void remove_folder(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void write_text(const char *path, const void *data, size_t len)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *p = strchr(folder + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(folder, 0755);
        *p = '/';
    }
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fwrite(data, 1, len, f) == len && fclose(f) == 0);
}

void forge_object(struct forge *forge, struct bytes object, uint8_t hash[HASH_SIZE])
{
    char path[256], hex[2 * HASH_SIZE + 1];
    sha256(object, hash);
    hex_encode(hash, HASH_SIZE, hex);
    snprintf(path, sizeof path, "%s/trust/%s", forge->ledger, hex);
    write_text(path, object.data, object.len);
}

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * 365);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"TN/GOV/MEN", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

/* A member's key and certificate; the files stay in the scratch folder. */
static void make_member(struct forge *forge)
{
    char key_path[128], chain_path[128];
    struct error e = {0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = self_signed(key);
    snprintf(key_path, sizeof key_path, "%s/keys/signing.key.pem", forge->folder);
    snprintf(chain_path, sizeof chain_path, "%s/keys/chain.pem", forge->folder);
    write_text(key_path, "", 0);
    CHECK(chmod(key_path, 0600) == 0);
    FILE *f = fopen(key_path, "w");
    CHECK(f != NULL && PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
    f = fopen(chain_path, "w");
    CHECK(f != NULL && PEM_write_X509(f, certificate) == 1 && fclose(f) == 0);
    forge->member = signer_open_file(key_path, certificate, &e);
    CHECK(forge->member != NULL);
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    CHECK(len > 0);
    sha256(bytes_make(der, (size_t)len), forge->certificate);
    forge_object(forge, bytes_make(der, (size_t)len), forge->chain);
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void forge_bare(struct forge *forge)
{
    struct error e = {0};
    struct buffer vkey = {0};
    memset(forge, 0, sizeof *forge);
    strcpy(forge->folder, "/tmp/wasl-forge-XXXXXX");
    CHECK(mkdtemp(forge->folder) != NULL);
    snprintf(forge->ledger, sizeof forge->ledger, "%s/ledger", forge->folder);
    CHECK(setenv("XDG_STATE_HOME", forge->folder, 1) ==
          0); /* what a tool remembers by default stays in here */
    CHECK(note_signer_generate("bus.example.tn/ledger", NOTE_ED25519, &forge->key, &e) == 0);
    note_verifier_format(&forge->key.verifier, &vkey);
    CHECK(vkey.len < sizeof forge->vkey);
    memcpy(forge->vkey, vkey.data, vkey.len);
    buffer_free(&vkey);
    forge->entries = memory_zeroed(FORGE_MOST, sizeof *forge->entries);
    forge->time = FORGE_START;
    forge->version = 1;
}

void forge_new(struct forge *forge)
{
    forge_bare(forge);
    make_member(forge);
    forge_object(forge, bytes_of_string("a registry"), forge->registry);
    forge_takes_effect(forge, 1, forge->registry, NULL);
    forge_takes_effect(forge, 2, forge->chain, forge->certificate);
    struct entry start = {.type = ENTRY_ADMINISTRATION, .note = bytes_of_string("bus started")};
    forge_entry(forge, &start);
}

void forge_free(struct forge *forge)
{
    for (size_t i = 0; i < forge->count; i++)
        buffer_free(&forge->entries[i]);
    free(forge->entries);
    signer_free(forge->member);
    remove_folder(forge->folder);
    buffer_free(&run_output);
}

uint64_t forge_takes_effect(struct forge *forge, unsigned kind, const uint8_t object[HASH_SIZE],
                            const uint8_t *certificate)
{
    struct entry entry = {.type = ENTRY_REGISTRY, .object_kind = kind, .has_object = true};
    memcpy(entry.object, object, HASH_SIZE);
    entry.has_certificate = certificate != NULL;
    if (certificate != NULL)
        memcpy(entry.certificate, certificate, HASH_SIZE);
    return forge_entry(forge, &entry);
}

uint64_t forge_entry(struct forge *forge, struct entry *entry)
{
    CHECK(forge->count < FORGE_MOST);
    forge->time += 1000;
    if (entry->time == 0)
        entry->time = forge->time;
    if (entry->registry_version == 0) {
        entry->registry_version = forge->version;
        memcpy(entry->registry_hash, forge->registry, HASH_SIZE);
    }
    entry_encode(entry, &forge->entries[forge->count]);
    return forge->count++;
}

struct header forge_request(struct forge *forge, unsigned n)
{
    struct header header = {
        .kind = MESSAGE_REQUEST, .registry_version = 1, .has_body = true, .sealed_length = 300};
    put_u32be(header.exchange_id, n + 1);
    header.exchange_id[6] = 0x40;
    header.exchange_id[8] = 0x80;
    strcpy(header.instance, "TN");
    strcpy(header.consumer, "TN/GOV/MEN/enrolment");
    strcpy(header.provider, "TN/GOV/MI/civil");
    strcpy(header.service, "person");
    strcpy(header.operation, "identity");
    strcpy(header.purpose, "SCHOOL-ENROLMENT");
    strcpy(header.legal_basis, "LAW-1");
    strcpy(header.media_type, "json");
    header.created = forge->time;
    header.expires = forge->time + 60 * 1000000ULL;
    memset(header.sealed_root, 1, HASH_SIZE);
    memset(header.slots_hash, 2, HASH_SIZE);
    memset(header.commitment, 3, HASH_SIZE);
    return header;
}

static void encode(const struct header *header, struct envelope *envelope)
{
    header_encode_context(header, &envelope->context);
    header_encode_body(header, &envelope->body);
}

struct header forge_response(struct forge *forge, const struct header *request)
{
    struct header response = *request;
    struct envelope envelope = {0};
    encode(request, &envelope);
    response.kind = MESSAGE_RESPONSE;
    response.created = forge->time;
    response.has_request_leaf = true;
    envelope_leaf(buffer_bytes(&envelope.context), buffer_bytes(&envelope.body), response.request_leaf);
    envelope_free(&envelope);
    return response;
}

static uint64_t message(struct forge *forge, unsigned type, const struct header *header, uint32_t reason,
                        struct bytes member)
{
    struct envelope envelope = {0};
    struct error e = {0};
    encode(header, &envelope);
    CHECK(envelope_sign(forge->member, "TN", &envelope, 1, &e) == 0);
    struct entry entry = {.type = type,
                          .reason = reason,
                          .member = member,
                          .context = buffer_bytes(&envelope.context),
                          .body = buffer_bytes(&envelope.body),
                          .signature = buffer_bytes(&envelope.signature)};
    uint64_t index = forge_entry(forge, &entry);
    envelope_free(&envelope);
    return index;
}

uint64_t forge_message(struct forge *forge, unsigned type, const struct header *header, uint32_t reason)
{
    return message(forge, type, header, reason, (struct bytes){0});
}

uint64_t forge_message_over(struct forge *forge, const struct header *header, uint32_t reason,
                            const char *member)
{
    return message(forge, ENTRY_REFUSED, header, reason, bytes_of_string(member));
}

uint64_t forge_end(struct forge *forge, unsigned type, const struct header *request, uint32_t reason)
{
    struct entry entry = {.type = type, .reason = reason, .has_leaf = true, .has_exchange_id = true};
    struct header response = forge_response(forge, request);
    memcpy(entry.leaf, response.request_leaf, HASH_SIZE);
    memcpy(entry.exchange_id, request->exchange_id, 16);
    return forge_entry(forge, &entry);
}

void forge_exchanges(struct forge *forge, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct header request = forge_request(forge, first + i);
        forge_message(forge, ENTRY_ADMITTED, &request, 0);
        struct header response = forge_response(forge, &request);
        forge_message(forge, ENTRY_ADMITTED, &response, 0);
    }
}

/* Every tile is dirty in a tree that has just been grown: none is ever asked for again. */
static int no_tile(void *arg, unsigned level, uint64_t number, unsigned width, uint8_t *out, struct error *e)
{
    (void)arg;
    (void)level;
    (void)number;
    (void)width;
    (void)out;
    return error_set(e, ERROR_NOT_FOUND, "no tile");
}

static int write_tile(void *arg, unsigned level, uint64_t number, unsigned width, const uint8_t *hashes,
                      struct error *e)
{
    struct forge *forge = arg;
    char name[96], path[256];
    (void)e;
    tile_path_format(
        &(struct tile_path){.kind = TILE_HASHES, .level = level, .number = number, .width = width}, name);
    snprintf(path, sizeof path, "%s/%s", forge->ledger, name);
    write_text(path, hashes, (size_t)width * HASH_SIZE);
    return 0;
}

static void write_bundles(struct forge *forge, size_t size)
{
    for (size_t first = 0; first < size; first += TREE_TILE) {
        unsigned width = tile_width(size, 0, first / TREE_TILE);
        struct buffer bundle = {0};
        char name[96], path[256];
        for (size_t i = first; i < first + width; i++) {
            buffer_put_u16be(&bundle, (uint16_t)forge->entries[i].len);
            buffer_append_bytes(&bundle, buffer_bytes(&forge->entries[i]));
        }
        tile_path_format(
            &(struct tile_path){.kind = TILE_ENTRIES, .number = first / TREE_TILE, .width = width}, name);
        snprintf(path, sizeof path, "%s/%s", forge->ledger, name);
        write_text(path, bundle.data, bundle.len);
        buffer_free(&bundle);
    }
}

void forge_write(struct forge *forge, size_t size)
{
    struct tree_reader reader = {.read_tile = no_tile};
    struct error e = {0};
    char path[256];
    if (size == 0)
        size = forge->count;
    snprintf(path, sizeof path, "%s/tile", forge->ledger);
    remove_folder(path);
    struct tree *tree = tree_new(&reader);
    for (size_t i = 0; i < size; i++) {
        uint8_t leaf[HASH_SIZE];
        merkle_leaf(buffer_bytes(&forge->entries[i]), leaf);
        tree_append(tree, leaf);
    }
    CHECK(tree_dirty(tree, write_tile, forge, &e) == 0);
    struct checkpoint checkpoint = {.size = size};
    strcpy(checkpoint.origin, "bus.example.tn/ledger");
    CHECK(tree_root(tree, size, checkpoint.root, &e) == 0);
    tree_free(tree);
    struct buffer note = {0};
    checkpoint_sign(&checkpoint, &forge->key, &note);
    snprintf(path, sizeof path, "%s/checkpoint", forge->ledger);
    write_text(path, note.data, note.len);
    buffer_free(&note);
    write_bundles(forge, size);
}

static void run_child(const char *program, char **words, int in, int out)
{
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(program, words);
    _exit(127);
}

int run_tool(const char *variable, const char *input, ...)
{
    char *words[64] = {(char *)(uintptr_t)variable};
    size_t count = 1;
    va_list args;
    va_start(args, input);
    for (char *word; (word = va_arg(args, char *)) != NULL;)
        words[count++] = word;
    va_end(args);
    const char *program = getenv(variable);
    int in[2], out[2];
    CHECK(program != NULL && pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        /* Under the sanitizers a finding is an exit code that no test takes for a good one. */
        setenv("UBSAN_OPTIONS", "halt_on_error=1:exitcode=99", 0);
        setenv("ASAN_OPTIONS", "exitcode=99", 0);
    }
    if (child == 0)
        run_child(program, words, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    if (input != NULL)
        CHECK(write(in[1], input, strlen(input)) == (ssize_t)strlen(input));
    close(in[1]);
    buffer_clear(&run_output);
    for (;;) {
        char part[4096];
        ssize_t n = read(out[0], part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buffer_append(&run_output, part, (size_t)n);
    }
    close(out[0]);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool output_has(const char *text)
{
    return run_output.len > 0 && memmem(run_output.data, run_output.len, text, strlen(text)) != NULL;
}
