/* wasl call: a request from the shell, through an adapter's front, as an information system makes it. */
#include "wasl/command.h"

#include "base/bytes.h"
#include "base/refusal.h"
#include "common/http.h"
#include "registry/identifier.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define BODY_MOST   ((size_t)16 << 20) /* both ways; the adapter has limits of its own */
#define LINE_MOST   ((size_t)16384)
#define FIELDS_MOST 32
#define NAME_ROOM   128 /* for the name of a header, and its end */

struct call_options {
    const char *adapter, *client, *service, *purpose, *method;
    const char *path, *path_file;
    bool path_stdin, subject_stdin;
    const char *subject_file, *user_file, *body_file, *content_type;
    const char *headers[FIELDS_MOST - 8];
    size_t header_count;
    unsigned timeout;
    bool verbose;
};

enum {
    OPTION_PATH_STDIN = 0x1000,
    OPTION_PATH_FILE,
    OPTION_SUBJECT_STDIN,
    OPTION_SUBJECT_FILE,
    OPTION_USER_FILE,
    OPTION_BODY,
    OPTION_TYPE,
    OPTION_TIMEOUT,
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Who asks whom, and why:", 1},
    {"adapter", 'a', "WHERE", 0,
     "The adapter's listener: http://127.0.0.1:8080 or unix:/path (default: $WASL_ADAPTER)", 1},
    {"client", 'c', "ID", 0, "The subsystem that asks: TN/GOV/MEN/enrolment", 1},
    {"service", 's', "ID", 0, "The service asked: TN/GOV/MI/civil/person", 1},
    {"purpose", 'p', "CODE", 0, "The purpose; without it, the one of the only grant that fits", 1},
    {NULL, 0, NULL, 0, "About whom and what (identifiers of persons never belong on a command line):", 2},
    {"subject-stdin", OPTION_SUBJECT_STDIN, NULL, 0,
     "Read the person from standard input, one line: IUC:01234567890", 2},
    {"subject-file", OPTION_SUBJECT_FILE, "FILE", 0, "Read it from a file", 2},
    {"path-stdin", OPTION_PATH_STDIN, NULL, 0,
     "Read path and query from standard input, one line (behind the subject's): /persons/01234567890", 2},
    {"path-file", OPTION_PATH_FILE, "FILE", 0, "Read them from a file", 2},
    {"path", 'P', "PATH", 0, "Path and query, where they name no person", 2},
    {"user-file", OPTION_USER_FILE, "FILE", 0, "Read the official who asks (X-Road-UserId) from a file", 2},
    {NULL, 0, NULL, 0, "How:", 3},
    {"method", 'X', "VERB", 0, "GET (default; POST when there is a body), POST, ...", 3},
    {"body", OPTION_BODY, "FILE", 0, "Send this file; - for what is left of standard input", 3},
    {"type", OPTION_TYPE, "TYPE", 0, "Content type of the body (default application/json)", 3},
    {"header", 'H', "NAME: VALUE", 0, "One more header field (may be given again)", 3},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "How long to wait (default 60)", 3},
    {"verbose", 'v', NULL, 0, "Show the answer's head on standard error", 3},
    {0},
};

static void take_header(struct call_options *call, char *argument, struct argp_state *state)
{
    const char *colon = strchr(argument, ':');
    if (colon == NULL || colon == argument)
        argp_error(state, "a header is NAME: VALUE");
    if (colon != NULL && colon - argument >= NAME_ROOM)
        argp_error(state, "the name of a header has at most %d bytes", NAME_ROOM - 1);
    if (call->header_count == sizeof call->headers / sizeof call->headers[0])
        argp_error(state, "too many headers");
    call->headers[call->header_count++] = argument;
}

static void check_identifier(const char *id, unsigned parts, const char *what, struct argp_state *state)
{
    if (id == NULL)
        argp_error(state, "%s is missing", what);
    else if (identifier_parts(bytes_of_string(id)) != parts)
        argp_error(state, "%s has %u parts, separated by \"/\"", what, parts);
}

static void check(struct call_options *call, struct argp_state *state)
{
    if (call->adapter == NULL)
        call->adapter = getenv("WASL_ADAPTER");
    if (call->adapter == NULL)
        argp_error(state, "--adapter is missing: which adapter is to be asked?");
    check_identifier(call->client, 4, "--client (TN/GOV/MEN/enrolment)", state);
    check_identifier(call->service, 5, "--service (TN/GOV/MI/civil/person)", state);
    if (call->path_stdin + (call->path_file != NULL) + (call->path != NULL) > 1)
        argp_error(state, "the path comes from one place");
    if (call->subject_stdin && call->subject_file != NULL)
        argp_error(state, "the subject comes from one place");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct call_options *call = state->input;
    uint64_t number;
    switch (key) {
    case 'a':
        call->adapter = argument;
        return 0;
    case 'c':
        call->client = argument;
        return 0;
    case 's':
        call->service = argument;
        return 0;
    case 'p':
        call->purpose = argument;
        return 0;
    case 'P':
        call->path = argument;
        return 0;
    case 'X':
        if (*argument == '\0' || argument[strspn(argument, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
            argp_error(state, "a method is a word in capital letters, such as GET or POST");
        call->method = argument;
        return 0;
    case 'H':
        take_header(call, argument, state);
        return 0;
    case 'v':
        call->verbose = true;
        return 0;
    case OPTION_SUBJECT_STDIN:
        call->subject_stdin = true;
        return 0;
    case OPTION_SUBJECT_FILE:
        call->subject_file = argument;
        return 0;
    case OPTION_PATH_STDIN:
        call->path_stdin = true;
        return 0;
    case OPTION_PATH_FILE:
        call->path_file = argument;
        return 0;
    case OPTION_USER_FILE:
        call->user_file = argument;
        return 0;
    case OPTION_BODY:
        call->body_file = argument;
        return 0;
    case OPTION_TYPE:
        call->content_type = argument;
        return 0;
    case OPTION_TIMEOUT:
        if (!decimal_parse(bytes_of_string(argument), &number) || number == 0 || number > 3600)
            argp_error(state, "--timeout takes seconds, 1 to 3600");
        call->timeout = (unsigned)number;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state,
                   "there is a word too many (words on a command line are seen by everybody on the machine: "
                   "give paths by --path-stdin)");
        return 0;
    case ARGP_KEY_END:
        check(call, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What is read becomes a terminated text: a zero byte in it would cut it short, and another person be asked
 * about. */
static int end_text(struct buffer *text, const char *where, struct error *e)
{
    if (text->len > 0 && memchr(text->data, '\0', text->len) != NULL)
        return error_set(e, ERROR_USAGE, "%s: a zero byte stands in the line", where);
    buffer_append(text, "", 1);
    return 0;
}

/* One line of standard input, without its LF, as a terminated text. Byte by byte: what follows is somebody
 * else's. */
static int read_line(struct buffer *out, const char *what, struct error *e)
{
    char c;
    ssize_t n;
    buffer_clear(out);
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
        if (out->len == LINE_MOST)
            return error_set(e, ERROR_USAGE, "standard input: the line with the %s is too long", what);
        buffer_append(out, &c, 1);
    }
    if (n < 0)
        return error_set(e, ERROR_IO, "standard input: %s", strerror(errno));
    if (out->len > 0 && out->data[out->len - 1] == '\r')
        out->len--;
    if (out->len == 0)
        return error_set(e, ERROR_USAGE, "standard input has no line with the %s", what);
    return end_text(out, "standard input", e);
}

static int read_file_line(const char *path, struct buffer *out, struct error *e)
{
    if (file_read(path, LINE_MOST, out, e) != 0)
        return -1;
    while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        out->len--;
    if (out->len == 0)
        return error_set(e, ERROR_USAGE, "%s is empty", path);
    return end_text(out, path, e);
}

static int read_rest(struct buffer *out, struct error *e)
{
    for (;;) {
        uint8_t part[65536];
        ssize_t n = read(STDIN_FILENO, part, sizeof part);
        if (n == 0)
            return 0;
        if (n < 0)
            return error_set(e, ERROR_IO, "standard input: %s", strerror(errno));
        if (out->len + (size_t)n > BODY_MOST)
            return error_set(e, ERROR_USAGE, "the body is larger than %zu bytes", BODY_MOST);
        buffer_append(out, part, (size_t)n);
    }
}

/* What is read before anything is sent. */
struct call_input {
    struct buffer subject, path, user, body;
};

static int read_input(const struct call_options *call, struct call_input *input, struct error *e)
{
    if (call->subject_stdin && read_line(&input->subject, "subject", e) != 0)
        return -1;
    if (call->subject_file != NULL && read_file_line(call->subject_file, &input->subject, e) != 0)
        return -1;
    if (call->path_stdin && read_line(&input->path, "path", e) != 0)
        return -1;
    if (call->path_file != NULL && read_file_line(call->path_file, &input->path, e) != 0)
        return -1;
    if (call->path != NULL) {
        buffer_append_string(&input->path, call->path);
        buffer_append(&input->path, "", 1);
    }
    if (call->user_file != NULL && read_file_line(call->user_file, &input->user, e) != 0)
        return -1;
    if (call->body_file == NULL)
        return 0;
    if (strcmp(call->body_file, "-") == 0)
        return read_rest(&input->body, e);
    return file_read(call->body_file, BODY_MOST, &input->body, e);
}

/* What a stranger wrote goes to a terminal without its control characters. */
static void print_clean(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static void print_refusal(const struct http_response *response)
{
    char name[64] = "", id[64] = "", type[128] = "";
    http_response_field(response, "wasl-refusal", name, sizeof name);
    http_response_field(response, "wasl-exchange", id, sizeof id);
    http_response_field(response, "x-road-error", type, sizeof type);
    json_t *body = json_loadb((const char *)response->body.data, response->body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(body, "message"));
    enum refusal refusal = refusal_by_name(name);
    fputs("refused: ", stderr);
    print_clean(stderr, message != NULL           ? message
                        : refusal != REFUSAL_NONE ? refusal_words(refusal)
                                                  : "no reason is given");
    fputs("\n  code:     ", stderr);
    print_clean(stderr, *name != '\0' ? name : type);
    /* The front's message mostly says it already. */
    if (refusal != REFUSAL_NONE && (message == NULL || strstr(message, refusal_remedy(refusal)) == NULL))
        fprintf(stderr, "\n  what now: %s", refusal_remedy(refusal));
    if (*id != '\0') {
        fputs("\n  exchange: ", stderr);
        print_clean(stderr, id);
    }
    fputc('\n', stderr);
    json_decref(body);
}

static int print_answer(const struct http_response *response, bool verbose)
{
    char type[128], id[64];
    if (verbose) {
        fprintf(stderr, "status: %u\n", response->status);
        if (response->head.len > 0)
            fwrite(response->head.data, 1, response->head.len, stderr);
    }
    if (http_response_field(response, "x-road-error", type, sizeof type)) {
        print_refusal(response);
        return WASL_REFUSED;
    }
    if (response->body.len > 0)
        fwrite(response->body.data, 1, response->body.len, stdout);
    if (response->body.len > 0 && response->body.data[response->body.len - 1] != '\n' &&
        isatty(STDOUT_FILENO))
        putchar('\n');
    if (http_response_field(response, "wasl-exchange", id, sizeof id) ||
        http_response_field(response, "x-road-request-id", id, sizeof id)) {
        fputs("exchange: ", stderr);
        print_clean(stderr, id);
        fputc('\n', stderr);
    }
    if (response->status < 400)
        return WASL_GOOD;
    fprintf(stderr, "the provider's own system answered with status %u\n", response->status);
    return WASL_REFUSED;
}

static int ask(const struct call_options *call, const struct call_input *input, struct error *e)
{
    /* Without its slash it would run on into the name of the service. */
    if (input->path.len > 0 && input->path.data[0] != '/' && input->path.data[0] != '?')
        return error_set(e, ERROR_USAGE,
                         "the path behind the service begins with \"/\" (or is a query, with \"?\")");
    struct http_field fields[FIELDS_MOST];
    size_t count = 0;
    char names[sizeof call->headers / sizeof call->headers[0]][NAME_ROOM];
    fields[count++] = (struct http_field){"X-Road-Client", call->client};
    if (call->purpose != NULL)
        fields[count++] = (struct http_field){"Wasl-Purpose", call->purpose};
    if (input->subject.len > 0)
        fields[count++] = (struct http_field){"Wasl-Subject", (const char *)input->subject.data};
    if (input->user.len > 0)
        fields[count++] = (struct http_field){"X-Road-UserId", (const char *)input->user.data};
    if (call->body_file != NULL)
        fields[count++] = (struct http_field){
            "Content-Type", call->content_type != NULL ? call->content_type : "application/json"};
    for (size_t i = 0; i < call->header_count; i++) {
        const char *colon = strchr(call->headers[i], ':');
        snprintf(names[i], sizeof names[i], "%.*s", (int)(colon - call->headers[i]), call->headers[i]);
        fields[count++] = (struct http_field){names[i], colon + 1 + strspn(colon + 1, " ")};
    }

    struct buffer target = {0};
    buffer_printf(&target, "/r1/%s%s", call->service,
                  input->path.len > 0 ? (const char *)input->path.data : "");
    buffer_append(&target, "", 1);
    struct bytes body = buffer_bytes(&input->body);
    struct http_request request = {
        .method = call->method != NULL      ? call->method
                  : call->body_file != NULL ? "POST"
                                            : "GET",
        .target = (const char *)target.data,
        .fields = fields,
        .field_count = count,
        .body = call->body_file != NULL ? &body : NULL,
        .limit = BODY_MOST,
        .timeout = call->timeout,
    };
    struct http_response response = {0};
    int result = -1;
    struct http_client *client = http_client_new(call->adapter, e);
    if (client != NULL && http_client_ask(client, &request, &response, e) == 0)
        result = print_answer(&response, call->verbose);
    http_client_free(client);
    http_response_free(&response);
    buffer_free(&target);
    return result;
}

int command_call(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Asks a service of another member through this member's adapter and prints the answer; a "
               "refusal is told in "
               "words, with what to do.\v"
               "Example:\n"
               "  printf 'IUC:%s\\n/persons/%s\\n' \"$iuc\" \"$iuc\" |\n"
               "    wasl call --adapter unix:/run/wasl-adapter/front.sock \\\n"
               "      --client TN/GOV/MEN/enrolment --service TN/GOV/MI/civil/person \\\n"
               "      --purpose SCHOOL-ENROLMENT --subject-stdin --path-stdin\n\n"
               "Exit status: 0 answered, 1 refused or answered with an error status, 2 usage, 6 the adapter "
               "cannot "
               "be reached.",
    };
    struct call_options call = {.timeout = 60};
    struct call_input input = {0};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &call);
    int result = read_input(&call, &input, &e);
    if (result == 0)
        result = ask(&call, &input, &e);
    buffer_free(&input.subject);
    buffer_free(&input.path);
    buffer_free(&input.user);
    buffer_free(&input.body);
    return result < 0 ? command_failed(&e) : result;
}
