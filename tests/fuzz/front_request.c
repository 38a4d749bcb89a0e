/* A whole HTTP request through the front's judgement, and the fault that it may end in. */
#include "fuzz.h"

#include "front/fields.h"
#include "front/request.h"

#include <jansson.h>
#include <strings.h>

static const char *const subsystems[] = {"TN/GOV/MEN/enrolment"};
static const struct speaker speaker = {"TN/GOV/MEN", subsystems, 1};

void fuzz_setup(void)
{
}

static void seed(const char *method, const char *target, const char *headers, const char *body)
{
    struct buffer b = {0};
    fuzz_put_piece(&b, bytes_of_string(method));
    fuzz_put_piece(&b, bytes_of_string(target));
    fuzz_put_piece(&b, bytes_of_string(headers));
    buffer_append_string(&b, body);
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

void fuzz_seeds(void)
{
    seed("GET", "/r1/TN/GOV/MI/civil/person/persons/01234567890",
         "X-Road-Client:TN/GOV/MEN/"
         "enrolment\nWasl-Purpose:enrolment\nWasl-Subject:IUC:01234567890\nAccept:text/xml",
         "");
    seed("POST", "/r1/TN/GOV/MI/civil/person/x?y=z",
         "X-Road-Client:TN/GOV/MEN/enrolment\nX-Road-Id:a1\nX-Road-UserId:u\nContent-Type:application/json\n"
         "Uxp-Purpose-Ids:enrolment\nUxp-Subject-Id:CIN:12345678",
         "{\"a\":1}");
    seed("GET", "/r1/TN/GOV/MI/civil/person",
         "X-Road-Client:TN/GOV/MEN/other\nX-Road-Issue:1\nConnection:close", "");
    seed("DELETE", "/r1/TN/GOV/MI/civil/person",
         "X-Road-Client:TN/GOV/MEN/enrolment\nX-Road-Id:a\nX-Road-Id:b", "");
    seed("GET", "/elsewhere", "", "");
}

static void fault(const struct fault *fault)
{
    struct buffer out = {0};
    char type[FAULT_TYPE_MOST];
    for (int spelling = FAULT_SPELLING_7_8; spelling <= FAULT_SPELLING_OLD; spelling++) {
        fault_type(fault->refusal, (enum fault_spelling)spelling, type);
        FUZZ_CHECK(fault_status(type) == 400 || fault_status(type) == 500);
        fault_body(fault, (enum fault_spelling)spelling, false, &out);
        json_t *json = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
        FUZZ_CHECK(json != NULL && json_object_size(json) == 3);
        json_decref(json);
        buffer_clear(&out);
        fault_body(fault, (enum fault_spelling)spelling, true, &out);
        FUZZ_CHECK(out.len > 0 && out.data[0] == '<');
        buffer_clear(&out);
    }
    buffer_free(&out);
}

static void accepted(const struct ask *ask)
{
    unsigned ids = 0;
    FUZZ_CHECK(identifier_parts(bytes_of_string(ask->consumer)) == 4);
    FUZZ_CHECK(strncmp(ask->consumer, "TN/GOV/MEN/", 11) == 0);
    FUZZ_CHECK(ask->request_hash.len == 88);
    if (ask->front_refusal != REFUSAL_NONE)
        return;
    FUZZ_CHECK(identifier_parts(bytes_of_string(ask->service)) == 5);
    FUZZ_CHECK(strcmp(ask->consumer, subsystems[0]) == 0);
    FUZZ_CHECK(ask->path.len == 0 || ask->path.data[0] == '/');
    for (size_t i = 0; i < ask->headers.count; i++) {
        const char *name = ask->headers.items[i].name, *value = ask->headers.items[i].value;
        FUZZ_CHECK(http_field_valid(bytes_of_string(name), bytes_of_string(value)));
        /* The exchange's id is the front's own, where X-Road puts it: among the last. */
        FUZZ_CHECK(!http_field_of_connection(name) &&
                   (!field_stripped_from_request(name) || i + 2 >= ask->headers.count));
        FUZZ_CHECK(strpbrk(value, "\r\n") == NULL && strpbrk(name, ": \t\r\n") == NULL);
        ids += strcasecmp(name, "X-Road-Id") == 0;
    }
    FUZZ_CHECK(ids == 1);
}

void fuzz_target(struct fuzz_input *in)
{
    struct request request = {0};
    struct fault why = {0};
    const char *words = NULL;
    buffer_append_bytes(&request.method, fuzz_piece(in));
    buffer_append_bytes(&request.target, fuzz_piece(in));
    char *headers = fuzz_text(fuzz_piece(in));
    buffer_append_bytes(&request.body, fuzz_rest(in));
    char *save = NULL;
    for (char *line = strtok_r(headers, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char *colon = strchr(line, ':');
        if (colon == NULL)
            continue;
        *colon = 0;
        http_headers_add(&request.headers, line, colon + 1);
        (void)field_value_plain(colon + 1, 255);
        (void)field_media_type_plain(colon + 1);
    }
    (void)fields_accepted_xml(&request.headers);
    struct ask *ask = request_ask(&request, &speaker, &why, &words);
    if (ask == NULL) {
        FUZZ_CHECK(why.refusal != REFUSAL_NONE);
        fault(&why);
    } else {
        accepted(ask);
        why.refusal = ask->front_refusal != REFUSAL_NONE ? ask->front_refusal : REFUSAL_NO_GRANT;
        why.words = words;
        fault(&why);
        ask_free(ask);
    }
    request_clear(&request);
    free(headers);
}
