/* The audit socket: whatever is sent, the answers are HTTP of the kinds that it has, and bytes of the ledger
 * come only by the paths that name them. */
#include "fuzz_country.h"
#include "fuzz.h"

#include "base/error.h"
#include "broker/audit.h"
#include "ledger/ledger.h"
#include "ledger/truststore.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct buffer object;

static void fill(void *arg, struct audit_status *out)
{
    (void)arg;
    *out = (struct audit_status){.started = 1, .trouble = "a \"trouble\""};
}

void fuzz_setup(void)
{
    struct error e = {0};
    char path[200];
    uint8_t hash[HASH_SIZE];
    struct ledger_result result;
    const struct audit_status_source source = {.fill = fill};
    snprintf(path, sizeof path, "%s/ledger", fuzz_folder());
    const struct ledger_options options = {path, 4 << 20, &fuzz_country()->ledger, true};
    struct ledger *ledger = ledger_open(&options, &e);
    FUZZ_CHECK(ledger != NULL && ledger_begin(ledger, FUZZ_NOW, &e) == 0);
    for (int i = 0; i < 300; i++)
        FUZZ_CHECK(ledger_put_administration(ledger, "note", &result, &e) == 0);
    FUZZ_CHECK(ledger_commit(ledger, &e) == 0);
    snprintf(path, sizeof path, "%s/trust", fuzz_folder());
    struct truststore *trust = truststore_open(path, &e);
    FUZZ_CHECK(trust != NULL && truststore_put(trust, bytes_of_string("an object"), hash, &e) == 0);
    char hex[65];
    hex_encode(hash, HASH_SIZE, hex);
    buffer_printf(&object, "GET /trust/%s HTTP/1.1\r\nHost: a\r\n\r\n", hex);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/a", fuzz_folder());
    if (audit_start(address.sun_path, ledger, trust, &source, &e) ==
        NULL) { /* lives as long as the process */
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
}

void fuzz_seeds(void)
{
    static const char *const paths[] = {"/checkpoint",       "/tile/0/000",        "/tile/0/001.p/44",
                                        "/tile/entries/000", "/tile/entries/x000", "/tile/entries/001.p/2",
                                        "/status",           "/metrics",           "/tile/1/000.p/1",
                                        "/trust/../status",  "/%63heckpoint"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct buffer b = {0};
        buffer_printf(&b, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        fuzz_seed(buffer_bytes(&b));
        buffer_free(&b);
    }
    fuzz_seed(buffer_bytes(&object));
    fuzz_seed_text("POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    fuzz_seed_text("HEAD /checkpoint HTTP/1.0\r\n\r\n");
}

/* "GET target HTTP/1.1", fields without any surprise, and no body. */
static bool whole_head(struct bytes data)
{
    const uint8_t *end = memmem(data.data, data.len, "\r\n\r\n", 4);
    if (end == NULL || data.len < 5 || memcmp(data.data, "GET /", 5) != 0)
        return false;
    char *head = fuzz_text(bytes_make(data.data, (size_t)(end - data.data)));
    const char *version = strstr(head, " HTTP/1.1\r\n");
    bool good = version != NULL && version == strchr(head + 4, ' ') &&
                strcasestr(head, "content-length") == NULL && strcasestr(head, "transfer-encoding") == NULL &&
                strcasestr(head, "\r\nHost: ") != NULL;
    for (const char *p = head; good && *p != 0; p++)
        good = ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f) || (p[0] == '\r' && p[1] == '\n') ||
               (p > head && p[-1] == '\r' && p[0] == '\n' && p[1] > ' ');
    good = good && strlen(head) == (size_t)(end - data.data);
    free(head);
    return good;
}

void fuzz_target(struct fuzz_input *in)
{
    struct bytes data = fuzz_rest(in);
    struct buffer answer = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(fd >= 0);
    while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        usleep(1000);
    if (data.len > 0)
        (void)!send(fd, data.data, data.len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    for (ssize_t n = 1; n > 0;) {
        /* A head that is whole gets an answer; for the rest of one the server may wait until its time is
         * over. */
        bool whole = answer.len == 0 && whole_head(data);
        bool ready = fuzz_readable(fd, whole ? 9000 : 10);
        FUZZ_CHECK(ready || !whole);
        if (!ready)
            break;
        uint8_t *room = buffer_extend(&answer, 65536);
        n = read(fd, room, 65536);
        answer.len -= 65536 - (n > 0 ? (size_t)n : 0);
    }
    close(fd);
    if (answer.len > 0) {
        unsigned status = 0;
        buffer_append(&answer, "", 1);
        FUZZ_CHECK(sscanf((const char *)answer.data, "HTTP/1.%*1[01] %3u", &status) == 1);
        FUZZ_CHECK(status == 200 || (status >= 400 && status <= 505));
        FUZZ_CHECK(status != 200 || (data.len > 4 && memchr(data.data, '/', data.len) != NULL));
    }
    buffer_free(&answer);
}
