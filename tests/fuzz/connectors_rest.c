/* The rest connector without a network: an answer as libcurl hands it over, line by line and piece by piece;
 * a request out of what a consumer's adapter sent; a url out of a configuration. */
#include "fuzz.h"

#include "base/error.h"
#include "connectors/connectors.h"
#include "connectors/rest_answer.h"
#include "connectors/rest_field.h"
#include "connectors/rest_request.h"

#include <arpa/inet.h>
#include <strings.h>

#define MOST 5000

void fuzz_setup(void)
{
}

void fuzz_seeds(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nSet-Cookie: a\r\n\r\n{}",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 404 No\r\nTransfer-Encoding: chunked\r\n\r\nab",
        "HTTP/1.1 302 Found\nLocation: /a\nConnection: X-Hop\nX-Hop: b\nX-Road-Error: c\n\n",
        "HTTP/1.1 200\r\nContent-Length: 5001\r\n\r\n",
    };
    static const char *const requests[][3] = {
        {"GET", "/persons/1", "a=b"}, {"POST", "", ""}, {"HEAD", "/", "?"}};
    static const char *const urls[] = {"https://10.0.0.5/base", "http://127.0.0.1:80", "http://[::1]/a",
                                       "http://user@localhost/?a#b"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        fuzz_seed_with(0, bytes_of_string(answers[i]));
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct buffer b = {0};
        for (size_t k = 0; k < 3; k++)
            fuzz_put_piece(&b, bytes_of_string(requests[i][k]));
        fuzz_put_piece(&b, bytes_of_string("Connection"));
        fuzz_put_piece(&b, bytes_of_string("X-A"));
        fuzz_put_piece(&b, bytes_of_string("X-A"));
        fuzz_put_piece(&b, bytes_of_string("value"));
        fuzz_seed_with(1, buffer_bytes(&b));
        buffer_free(&b);
    }
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        fuzz_seed_with(2, bytes_of_string(urls[i]));
}

/* --- an answer --- */

static void check_reply(const struct reply *reply)
{
    FUZZ_CHECK(reply->status >= 200 && reply->status <= 599 && reply->body.len <= MOST);
    FUZZ_CHECK(reply->headers.count <= REST_FIELDS_MOST);
    for (size_t i = 0; i < reply->headers.count; i++) {
        const struct http_header *h = &reply->headers.items[i];
        FUZZ_CHECK(http_field_valid(bytes_of_string(h->name), bytes_of_string(h->value)));
        FUZZ_CHECK(strcasecmp(h->name, "connection") != 0 && strcasecmp(h->name, "content-length") != 0 &&
                   strcasecmp(h->name, "transfer-encoding") != 0 && strcasecmp(h->name, "x-road-error") != 0);
    }
}

static void answer(struct fuzz_input *in)
{
    struct bytes data = fuzz_rest(in);
    struct reply reply = {0};
    struct rest_answer a;
    bool good = true;

    rest_answer_init(&a, &reply, MOST, data.len % 8 == 7);
    while (good && data.len > 0 && a.state != REST_BODY) {
        const uint8_t *end = memchr(data.data, '\n', data.len);
        size_t len = end != NULL ? (size_t)(end - data.data) + 1 : data.len;
        good = rest_answer_line(&a, bytes_make(data.data, len));
        data = bytes_make(data.data + len, data.len - len);
    }
    if (good)
        good = rest_answer_body(&a, data);
    FUZZ_CHECK(good == (a.refusal == REFUSAL_NONE) && good == (a.why == NULL));
    if (rest_answer_finish(&a) == REFUSAL_NONE)
        check_reply(&reply);
    else
        FUZZ_CHECK(a.why != NULL && reply.status == 0 && reply.headers.count == 0);
    rest_answer_free(&a);
    http_headers_free(&reply.headers);
    buffer_free(&reply.body);
}

/* --- a request --- */

static void check_request(const struct rest_request *request)
{
    FUZZ_CHECK(request->target[0] == '/');
    for (const char *p = request->target; *p != 0; p++)
        FUZZ_CHECK((unsigned char)*p > 0x20 && *p != 0x7f && *p != '#');
    for (const struct curl_slist *f = request->fields; f != NULL; f = f->next) {
        FUZZ_CHECK(strpbrk(f->data, "\r\n") == NULL);
        FUZZ_CHECK(strncasecmp(f->data, "host:", 5) != 0 &&
                   strncasecmp(f->data, "content-length:", 15) != 0 &&
                   strncasecmp(f->data, "transfer-encoding:", 18) != 0);
    }
}

static void request(struct fuzz_input *in)
{
    struct registry_operation operation = {.code = "a", .safe = in->left % 2 == 0};
    struct call call = {.consumer = "TN/GOV/MEN/enrolment", .match.operation = &operation};
    struct rest_request request;

    buffer_append_bytes(&call.method, fuzz_piece(in));
    buffer_append_bytes(&call.path, fuzz_piece(in));
    buffer_append_bytes(&call.query, fuzz_piece(in));
    while (in->left > 0 && call.headers.count < 20) {
        struct bytes name = fuzz_piece(in);
        http_headers_add_bytes(&call.headers, name, fuzz_piece(in));
    }
    if (rest_request_make(&call, "/base", "TN/GOV/MI/civil/person", &request) == REFUSAL_NONE)
        check_request(&request);
    rest_request_free(&request);
    buffer_free(&call.method);
    buffer_free(&call.path);
    buffer_free(&call.query);
    http_headers_free(&call.headers);
}

/* --- a url --- */

/* "[::1]", however it is written. */
static bool is_loopback6(const char *host)
{
    char text[64] = "";
    struct in6_addr address;
    size_t len = strcspn(host, "]");

    if (host[0] != '[' || len > sizeof text)
        return false;
    memcpy(text, host + 1, len - 1);
    return inet_pton(AF_INET6, text, &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
}

static void url(struct fuzz_input *in)
{
    char *text = fuzz_text(fuzz_rest(in));
    struct rest_options options = {.name = "a", .url = text};
    struct error e = {0};
    const char *key;

    if (connector_rest_check(&options, &key, &e) == 0) /* without ca: http to this machine */
        FUZZ_CHECK(strncasecmp(text, "http://", 7) == 0 && strpbrk(text, "?#@ \r\n\t") == NULL &&
                   (strncmp(text + 7, "127.", 4) == 0 || strncmp(text + 7, "localhost", 9) == 0 ||
                    is_loopback6(text + 7)));
    else
        FUZZ_CHECK(e.text[0] != 0 && key != NULL);
    free(text);
}

void fuzz_target(struct fuzz_input *in)
{
    switch (fuzz_u8(in) % 3) {
    case 0:
        answer(in);
        break;
    case 1:
        request(in);
        break;
    default:
        url(in);
    }
}
