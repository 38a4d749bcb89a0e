#include "common/http.h"

#include "base/error.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define HEAD_MOST ((size_t)64 * 1024)

struct http_client {
    CURL *curl;
    char *peer; /* as the user wrote it, for messages */
    char *base; /* "http://localhost", what the request's target is put behind */
};

/* What the callbacks need of one request. */
struct transfer {
    struct http_response *response;
    size_t limit;
    bool too_large;
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t len = size * count;
    if (len > transfer->limit - transfer->response->body.len) {
        transfer->too_large = true;
        return 0;
    }
    buffer_append(&transfer->response->body, data, len);
    return len;
}

static size_t on_head(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct buffer *head = &transfer->response->head;
    size_t len = size * count;
    if (len > HEAD_MOST - head->len) {
        transfer->too_large = true;
        return 0;
    }
    /* A new status line (after "100 Continue") begins a new head. */
    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buffer_clear(head);
        return len;
    }
    size_t end = len;
    while (end > 0 && (data[end - 1] == '\n' || data[end - 1] == '\r'))
        end--;
    if (end > 0 && memchr(data, '\0', end) == NULL) {
        buffer_append(head, data, end);
        buffer_append_string(head, "\n");
    }
    return len;
}

struct http_client *http_client_new(const char *target, struct error *e)
{
    const char *socket_path = NULL;
    if (strncmp(target, "unix:", 5) == 0)
        socket_path = target + 5;
    else if (strncmp(target, "http://", 7) != 0 || target[7] == '\0') {
        error_set(e, ERROR_USAGE, "%s: give http://HOST:PORT or unix:PATH", target);
        return NULL;
    }
    if (socket_path != NULL && *socket_path == '\0') {
        error_set(e, ERROR_USAGE, "unix: needs the path of a socket behind it");
        return NULL;
    }
    struct http_client *client = memory_zeroed(1, sizeof *client);
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        error_set(e, ERROR_IO, "the HTTP library cannot be used");
        free(client);
        return NULL;
    }
    client->peer = string_copy(target);
    client->base = string_copy(socket_path != NULL ? "http://localhost" : target);
    size_t len = strlen(client->base);
    while (len > 0 && client->base[len - 1] == '/')
        client->base[--len] = '\0';
    if (socket_path != NULL)
        curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    free(client->peer);
    free(client->base);
    free(client);
}

/* A target with a blank or a control byte would be another request than the one meant. */
static bool target_valid(const char *target)
{
    if (*target != '/')
        return false;
    for (const unsigned char *p = (const unsigned char *)target; *p != '\0'; p++)
        if (*p <= 0x20 || *p == 0x7f || *p == '#')
            return false;
    return true;
}

static bool field_valid(const struct http_field *field)
{
    return *field->name != '\0' && strpbrk(field->name, "\r\n\t: ") == NULL &&
           strpbrk(field->value, "\r\n") == NULL;
}

static int make_fields(const struct http_request *request, struct curl_slist **list, struct error *e)
{
    for (size_t i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        if (!field_valid(field))
            return error_set(e, ERROR_USAGE,
                             "the header %s cannot be sent: its name has a blank, or its value a line break",
                             field->name);
        struct buffer line = {0};
        /* "Name;" is how the library is told to send an empty value. */
        buffer_printf(&line, *field->value != '\0' ? "%s: %s" : "%s;", field->name, field->value);
        buffer_append(&line, "", 1);
        struct curl_slist *longer = curl_slist_append(*list, (const char *)line.data);
        buffer_free(&line);
        if (longer == NULL)
            return error_set(e, ERROR_MEMORY, "out of memory");
        *list = longer;
    }
    return 0;
}

static void set_request(CURL *curl, const struct http_request *request, struct transfer *transfer)
{
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* a proxy of the environment must not see what is asked */
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, request->timeout != 0 ? (long)request->timeout : 30L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "wasl");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    if (request->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body->len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                         request->body->len > 0 ? (const char *)request->body->data : "");
    } else if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST,
                     strcmp(request->method, "HEAD") == 0 ? NULL : request->method);
}

int http_client_ask(struct http_client *client, const struct http_request *request,
                    struct http_response *response, struct error *e)
{
    buffer_clear(&response->head);
    buffer_clear(&response->body);
    response->status = 0;
    if (!target_valid(request->target))
        return error_set(e, ERROR_USAGE, "a path begins with \"/\" and has no blanks (escape them as %%20)");

    int result = -1;
    struct transfer transfer = {.response = response, .limit = request->limit};
    struct curl_slist *fields = NULL;
    struct buffer url = {0};
    buffer_printf(&url, "%s%s", client->base, request->target);
    buffer_append(&url, "", 1);
    if (make_fields(request, &fields, e) != 0)
        goto done;
    set_request(client->curl, request, &transfer);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(client->curl, CURLOPT_URL, (const char *)url.data);

    CURLcode code = curl_easy_perform(client->curl);
    if (transfer.too_large) {
        error_set(e, ERROR_FULL, "%s: the answer is larger than the %zu bytes allowed", client->peer,
                  request->limit);
    } else if (code != CURLE_OK) {
        long os = 0; /* the system's own reason, where connecting failed */
        curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &os);
        if (code == CURLE_COULDNT_CONNECT)
            error_set(e, ERROR_IO, "%s: cannot connect%s%s; is it running, and may you use it?", client->peer,
                      os != 0 ? ": " : "", os != 0 ? strerror((int)os) : "");
        else
            error_set(e, ERROR_IO, "%s: %s", client->peer, curl_easy_strerror(code));
    } else {
        long status = 0;
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
        response->status = (unsigned)status;
        result = 0;
    }
    /* The library keeps pointers to these; the next request sets its own. */
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, NULL);
done:
    curl_slist_free_all(fields);
    buffer_free(&url);
    return result;
}

bool http_response_field(const struct http_response *response, const char *name, char *out, size_t room)
{
    size_t name_len = strlen(name);
    if (response->head.len == 0)
        return false;
    const char *p = (const char *)response->head.data;
    const char *end = p + response->head.len;
    while (p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)(line_end - p); /* every line has its LF */
        if (len > name_len && p[name_len] == ':' && strncasecmp(p, name, name_len) == 0) {
            const char *value = p + name_len + 1;
            while (value < line_end && (*value == ' ' || *value == '\t'))
                value++;
            size_t value_len = (size_t)(line_end - value);
            if (value_len >= room)
                value_len = room - 1;
            memcpy(out, value, value_len);
            out[value_len] = '\0';
            return true;
        }
        p = line_end + 1;
    }
    return false;
}

void http_response_free(struct http_response *response)
{
    buffer_free(&response->head);
    buffer_free(&response->body);
}
