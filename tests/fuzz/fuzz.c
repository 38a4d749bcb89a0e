/* libFuzzer's entry, the fixed world (random numbers, clock, no log), and the reading of inputs. */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method has no other name for this */
#include "fuzz.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the fixed world: the linker sends every call here (meson.build, --wrap) --- */

static pthread_mutex_t random_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t random_state = 1;
static _Atomic uint64_t clock_now = FUZZ_NOW * MICROSECONDS;

static void random_fill(uint8_t *out, size_t len)
{
    pthread_mutex_lock(&random_lock);
    for (size_t i = 0; i < len; i++) { /* splitmix64, a byte at a time */
        uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        out[i] = (uint8_t)(z >> 56);
    }
    pthread_mutex_unlock(&random_lock);
}

static int openssl_random(unsigned char *out, int len)
{
    random_fill(out, (size_t)len);
    return 1;
}

static int openssl_status(void)
{
    return 1;
}

void __wrap_bytes_random(void *out, size_t len);
void __wrap_bytes_random(void *out, size_t len)
{
    random_fill(out, len);
}

void __wrap_uuid_random(uint8_t id[16]);
void __wrap_uuid_random(uint8_t id[16])
{
    random_fill(id, 16);
    id[6] = (uint8_t)(0x40 | (id[6] & 0x0f));
    id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
}

uint64_t __wrap_clock_wall(void);
uint64_t __wrap_clock_wall(void)
{
    return clock_now;
}

/* OpenSSL asks the C library. */
time_t time(time_t *out)
{
    time_t now = (time_t)(clock_now / MICROSECONDS);
    if (out != NULL)
        *out = now;
    return now;
}

/* Log lines would be most of the time and all of the output; their arguments are still read. */
void __wrap_log_write(enum log_level level, const char *event, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));
void __wrap_log_write(enum log_level level, const char *event, const char *fields, ...)
{
    char line[512];
    va_list args;
    (void)level;
    (void)event;
    if (fields == NULL)
        return;
    va_start(args, fields);
    vsnprintf(line, sizeof line, fields, args);
    va_end(args);
}

void fuzz_advance(uint64_t microseconds)
{
    clock_now += microseconds;
}

/* --- folder and seeds --- */

static char folder[128];
static const char *seed_folder;
static unsigned seed_number;

static void folder_remove(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (folder[0] != 0 && system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", folder);
}

const char *fuzz_folder(void)
{
    const char *above = getenv("WASL_FUZZ_SCRATCH");
    if (folder[0] != 0)
        return folder;
    snprintf(folder, sizeof folder, "%s/wasl-fuzz-XXXXXX", above != NULL ? above : "/dev/shm");
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        exit(1);
    }
    atexit(folder_remove);
    return folder;
}

static void write_file(const char *path, struct bytes data)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data.data, data.len) != (ssize_t)data.len || close(fd) != 0) {
        perror(path);
        exit(1);
    }
}

const char *fuzz_file(const char *name, struct bytes data)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    write_file(path, data);
    return path;
}

void fuzz_seed(struct bytes data)
{
    char path[512];
    snprintf(path, sizeof path, "%s/seed-%03u", seed_folder, seed_number++);
    write_file(path, data);
}

void fuzz_seed_text(const char *text)
{
    fuzz_seed(bytes_of_string(text));
}

void fuzz_seed_with(uint8_t first, struct bytes data)
{
    struct buffer b = {0};
    buffer_append(&b, &first, 1);
    buffer_append_bytes(&b, data);
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

void fuzz_put_piece(struct buffer *out, struct bytes data)
{
    buffer_put_u16be(out, (uint16_t)data.len);
    buffer_append_bytes(out, data);
}

/* --- inputs --- */

uint8_t fuzz_u8(struct fuzz_input *in)
{
    struct bytes one = fuzz_take(in, 1);
    return one.len == 1 ? one.data[0] : 0;
}

uint16_t fuzz_u16(struct fuzz_input *in)
{
    uint16_t high = fuzz_u8(in);
    return (uint16_t)(high << 8 | fuzz_u8(in));
}

uint64_t fuzz_u64(struct fuzz_input *in)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | fuzz_u8(in);
    return value;
}

struct bytes fuzz_take(struct fuzz_input *in, size_t len)
{
    struct bytes taken = bytes_make(in->at, len < in->left ? len : in->left);
    in->at += taken.len;
    in->left -= taken.len;
    return taken;
}

struct bytes fuzz_piece(struct fuzz_input *in)
{
    size_t len = fuzz_u16(in);
    return fuzz_take(in, len);
}

struct bytes fuzz_rest(struct fuzz_input *in)
{
    return fuzz_take(in, in->left);
}

char *fuzz_text(struct bytes data)
{
    char *text = malloc(data.len + 1);
    FUZZ_CHECK(text != NULL);
    if (data.len > 0)
        memcpy(text, data.data, data.len);
    text[data.len] = 0;
    return text;
}

static void replace(struct buffer *data, size_t at, size_t len, struct bytes with)
{
    struct buffer out = {0};
    if (data->len > 0)
        buffer_append(&out, data->data, at);
    buffer_append_bytes(&out, with);
    if (data->len > at + len)
        buffer_append(&out, data->data + at + len, data->len - at - len);
    buffer_free(data);
    *data = out;
}

void fuzz_edit(struct fuzz_input *in, struct buffer *data)
{
    unsigned count = fuzz_u8(in) % 8;
    while (count-- > 0 && in->left > 0 && data->len < 1 << 20) {
        unsigned what = fuzz_u8(in) % 6;
        size_t at = data->len == 0 ? 0 : fuzz_u16(in) % data->len;
        size_t room = data->len - at, len = fuzz_u8(in);
        len = len < room ? len : room;
        if (data->len == 0)
            what = 2;
        if (what == 0) {
            data->data[at] ^= (uint8_t)(len == 0 ? 1 : fuzz_u8(in));
        } else if (what == 1) { /* cut out */
            replace(data, at, len, bytes_make("", 0));
        } else if (what == 2) { /* insert */
            replace(data, at, 0, fuzz_take(in, fuzz_u8(in) % 32));
        } else if (what == 3) { /* overwrite */
            struct bytes with = fuzz_take(in, len % 16);
            memcpy(data->data + at, with.data, with.len);
        } else if (what == 4) { /* double */
            struct buffer copy = {0};
            buffer_append(&copy, data->data + at, len);
            replace(data, at, 0, buffer_bytes(&copy));
            buffer_free(&copy);
        } else { /* end here */
            data->len = at;
        }
    }
}

bool fuzz_readable(int fd, int milliseconds)
{
    struct pollfd p = {fd, POLLIN, 0};
    int ready;
    do
        ready = poll(&p, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* --- libFuzzer --- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const RAND_METHOD method = {
        .bytes = openssl_random, .pseudorand = openssl_random, .status = openssl_status};
    (void)argc;
    (void)argv;
    RAND_set_rand_method(&method);
    fuzz_setup();
    seed_folder = getenv("WASL_FUZZ_SEEDS");
    if (seed_folder != NULL) {
        fuzz_seeds();
        exit(0);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    random_state = 42;
    clock_now = FUZZ_NOW * MICROSECONDS;
    fuzz_target(&in);
    return 0;
}
