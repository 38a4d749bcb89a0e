/* The front's judgement of a request, without any socket. */
#include "front/fault.h"
#include "front/fields.h"
#include "front/request.h"
#include "front/requesthash.h"
#include "front/uri.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PERSON    "/r1/TN/GOV/MI/civil/person"
#define ENROLMENT "TN/GOV/MEN/enrolment"

static const char *const spoken_for[] = {ENROLMENT, "TN/GOV/MEN/exams"};
static const struct speaker speaker = {
    .member = "TN/GOV/MEN", .subsystems = spoken_for, .subsystem_count = 2};

/* --- request target --- */

static void target_is(const char *target, enum uri_status status, const char *service, const char *path,
                      const char *query)
{
    struct uri uri;

    assert_int_equal(uri_parse(bytes_of_string(target), &uri), status);
    if (status != URI_OK)
        return;
    assert_string_equal(uri.service, service);
    assert_true(bytes_equal_string(uri.path, path));
    assert_true(bytes_equal_string(uri.query, query));
}

static void path_and_query_keep_their_bytes(void **state)
{
    (void)state;
    target_is(PERSON, URI_OK, "TN/GOV/MI/civil/person", "", "");
    target_is(PERSON "/", URI_OK, "TN/GOV/MI/civil/person", "/", "");
    target_is(PERSON "/persons/%2e%2F//a%20b?x=%41&y=?/#", URI_MALFORMED, "", "", "");
    target_is(PERSON "/persons/%2e%2F//a%20b?x=%41&y=?/", URI_OK, "TN/GOV/MI/civil/person",
              "/persons/%2e%2F//a%20b", "x=%41&y=?/");
    target_is(PERSON "?", URI_OK, "TN/GOV/MI/civil/person", "", "");
}

static void identifier_parts_are_decoded_one_by_one(void **state)
{
    (void)state;
    target_is("/r1/T%4E/GOV/MI/%63ivil/pers%6fn/x", URI_OK, "TN/GOV/MI/civil/person", "/x", "");
    /* Legal escapes of what no identifier of ours contains. */
    target_is("/r1/TN/GOV/MI/civil/per%2Fson", URI_NO_SUCH, "", "", "");
    target_is("/r1/TN/GOV/MI/civil/%C3%A9tat", URI_NO_SUCH, "", "", "");
    target_is("/r1/TN/GOV/MI/civil/a:b", URI_NO_SUCH, "", "", "");
}

static void malformed_targets_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "r1/TN/GOV/MI/civil/person",
                                      "http://localhost" PERSON,
                                      "/r1/TN/GOV/MI/civil",
                                      "/r1/TN/GOV/MI/civil/",
                                      "/r1/TN//MI/civil/person",
                                      "/r1/TN/GOV/MI/civil/person%",
                                      "/r1/TN/GOV/MI/civil/%zz",
                                      "/r1/TN/GOV/MI/civil/a%00b",
                                      "/r1/TN/GOV/MI/civil/%ff",
                                      "/r1/TN/GOV/MI/civil/a{b",
                                      PERSON "/a b",
                                      PERSON "/a\x01"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        target_is(bad[i], URI_MALFORMED, "", "", "");
    target_is("/r2/TN/GOV/MI/civil/person", URI_ELSEWHERE, "", "", "");
    target_is("/", URI_ELSEWHERE, "", "", "");
}

/* --- asks --- */

struct made {
    struct request request;
    struct fault fault;
    const char *words;
    struct ask *ask;
};

static void add(struct made *m, const char *name, const char *value)
{
    http_headers_add(&m->request.headers, name, value);
}

static void begin(struct made *m, const char *method, const char *target, const char *client)
{
    memset(m, 0, sizeof *m);
    buffer_append_string(&m->request.method, method);
    buffer_append_string(&m->request.target, target);
    if (client != NULL)
        add(m, "X-Road-Client", client);
}

static struct ask *judge(struct made *m)
{
    m->ask = request_ask(&m->request, &speaker, &m->fault, &m->words);
    return m->ask;
}

static void end(struct made *m)
{
    ask_free(m->ask);
    request_clear(&m->request);
}

static void a_good_request_becomes_an_ask(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "POST", PERSON "/persons/01234567890?x=%2F", ENROLMENT);
    add(&m, "Host", "localhost");
    add(&m, "Content-Type", "application/json");
    add(&m, "Content-Length", "7");
    add(&m, "Connection", "close");
    add(&m, "User-Agent", "test");
    add(&m, "X-Road-Id", "id-1");
    add(&m, "X-Road-UserId", "official-7");
    add(&m, "X-Road-Request-Id", "forged");
    add(&m, "X-Road-Request-Hash", "forged");
    add(&m, "traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01");
    add(&m, "Wasl-Purpose", "SCHOOL-ENROLMENT");
    add(&m, "Wasl-Subject", "IUC:01234567890");
    add(&m, "X-Custom", "é");
    buffer_append_string(&m.request.body, "{\"a\":1}");
    struct ask *ask = judge(&m);

    assert_non_null(ask);
    assert_int_equal(ask->front_refusal, REFUSAL_NONE);
    assert_string_equal(ask->consumer, ENROLMENT);
    assert_string_equal(ask->service, "TN/GOV/MI/civil/person");
    assert_string_equal(ask->purpose, "SCHOOL-ENROLMENT");
    assert_int_equal(ask->subject_type, SUBJECT_IUC);
    assert_string_equal(ask->subject, "01234567890");
    assert_true(bytes_equal_string(buffer_bytes(&ask->method), "POST"));
    assert_true(bytes_equal_string(buffer_bytes(&ask->path), "/persons/01234567890"));
    assert_true(bytes_equal_string(buffer_bytes(&ask->query), "x=%2F"));
    assert_true(bytes_equal_string(buffer_bytes(&ask->body), "{\"a\":1}"));
    assert_true(bytes_equal_string(buffer_bytes(&ask->agent), "official-7"));
    assert_true(bytes_equal_string(buffer_bytes(&ask->request_id), "id-1"));
    assert_null(http_headers_get(&ask->headers, "Host"));
    assert_null(http_headers_get(&ask->headers, "Content-Length"));
    assert_null(http_headers_get(&ask->headers, "Connection"));
    assert_null(http_headers_get(&ask->headers, "User-Agent"));
    assert_string_not_equal(http_headers_get(&ask->headers, "X-Road-Request-Id"), "forged");
    assert_null(http_headers_get(&ask->headers, "X-Road-Request-Hash"));
    assert_null(http_headers_get(&ask->headers, "traceparent"));
    assert_string_equal(http_headers_get(&ask->headers, "x-custom"), "é");
    assert_string_equal(http_headers_get(&ask->headers, "content-type"), "application/json");
    end(&m);
}

static void a_missing_request_id_is_made_and_forwarded(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "GET", PERSON, ENROLMENT);
    struct ask *ask = judge(&m);
    const char *id = http_headers_get(&ask->headers, "X-Road-Id");
    assert_non_null(id);
    assert_int_equal(strlen(id), 3 + 36);
    assert_memory_equal(id, "TN-", 3);
    assert_true(bytes_equal_string(buffer_bytes(&ask->request_id), id));
    end(&m);
}

static void the_exchanges_id_is_forwarded_where_x_road_puts_it(void **state)
{
    struct made m;
    char id[37];

    (void)state;
    begin(&m, "GET", PERSON, ENROLMENT);
    add(&m, "Accept", "*/*");
    struct ask *ask = judge(&m);
    uuid_format(ask->exchange_id, id);
    assert_int_equal(ask->headers.count, 4);
    assert_string_equal(ask->headers.items[1].name, "Accept");
    assert_string_equal(ask->headers.items[2].name, "x-road-request-id");
    assert_string_equal(ask->headers.items[2].value, id);
    assert_string_equal(ask->headers.items[3].name, "x-road-id");
    end(&m);
}

static void uxp_names_stand_for_ours(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "GET", PERSON, ENROLMENT);
    add(&m, "Uxp-Purpose-Ids", "SCHOOL-AID");
    add(&m, "Uxp-Subject-Id", "CIN:01234567");
    struct ask *ask = judge(&m);
    assert_int_equal(ask->front_refusal, REFUSAL_NONE);
    assert_string_equal(ask->purpose, "SCHOOL-AID");
    assert_int_equal(ask->subject_type, SUBJECT_CIN);
    end(&m);
}

/* One more header, and the refusal that is recorded for it. */
static void header_is_refused(const char *name, const char *value, enum refusal refusal)
{
    struct made m;

    begin(&m, "GET", PERSON, ENROLMENT);
    add(&m, "Wasl-Purpose", "SCHOOL-ENROLMENT");
    add(&m, name, value);
    struct ask *ask = judge(&m);
    assert_non_null(ask);
    assert_int_equal(ask->front_refusal, refusal);
    assert_string_equal(ask->consumer, ENROLMENT);
    end(&m);
}

static void a_bad_subject_is_a_recorded_refusal(void **state)
{
    (void)state;
    header_is_refused("Wasl-Subject", "IUC:0123456789", REFUSAL_SUBJECT_LENGTH);
    header_is_refused("Wasl-Subject", "IUC:012345678901", REFUSAL_SUBJECT_LENGTH);
    header_is_refused("Wasl-Subject", "IUC:٠١٢٣٤٥٦٧٨٩٠", REFUSAL_SUBJECT_DIGITS);
    header_is_refused("Wasl-Subject", "NOPE:01234567890", REFUSAL_SUBJECT_TYPE);
    header_is_refused("Wasl-Subject", "IUC:01234567890", REFUSAL_NONE);
}

static void contradicting_and_repeated_headers_are_refused(void **state)
{
    (void)state;
    header_is_refused("Uxp-Purpose-Ids", "SCHOOL-AID", REFUSAL_INCONSISTENT_HEADERS);
    header_is_refused("Uxp-Purpose-Ids", "SCHOOL-ENROLMENT", REFUSAL_NONE);
    header_is_refused("wasl-purpose", "SCHOOL-ENROLMENT", REFUSAL_DUPLICATE_HEADER);
    header_is_refused("X-Road-Id", "", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Road-UserId", "a\x01", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Custom", "a\x7f", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Road-Id", "\xff", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Road-Client :", "a", REFUSAL_BAD_REQUEST);
    header_is_refused("", "a", REFUSAL_BAD_REQUEST);
}

static void a_list_of_purposes_is_no_purpose(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "GET", PERSON, ENROLMENT);
    add(&m, "Uxp-Purpose-Ids", "SCHOOL-AID,SCHOOL-ENROLMENT");
    assert_int_equal(judge(&m)->front_refusal, REFUSAL_WRONG_PURPOSE);
    end(&m);
}

static void length_and_chunking_together_are_refused(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "POST", PERSON, ENROLMENT);
    add(&m, "Content-Length", "3");
    add(&m, "Transfer-Encoding", "chunked");
    assert_int_equal(judge(&m)->front_refusal, REFUSAL_INCONSISTENT_HEADERS);
    end(&m);
}

static void a_listener_speaks_only_for_its_subsystems(void **state)
{
    struct made m;

    (void)state;
    /* A subsystem of this member: its member can sign the refusal, so it is recorded. */
    begin(&m, "GET", PERSON, "TN/GOV/MEN/other");
    struct ask *ask = judge(&m);
    assert_non_null(ask);
    assert_int_equal(ask->front_refusal, REFUSAL_CLIENT_NOT_ALLOWED);
    assert_string_equal(ask->consumer, "TN/GOV/MEN/other");
    end(&m);

    static const struct {
        const char *client;
        enum refusal refusal;
    } others[] = {{"TN/GOV/MI/civil", REFUSAL_CLIENT_NOT_ALLOWED},
                  {"TN/GOV/MENX/enrolment", REFUSAL_CLIENT_NOT_ALLOWED},
                  {"TN/GOV/MEN", REFUSAL_INVALID_CLIENT},
                  {"", REFUSAL_INVALID_CLIENT},
                  {"TN/GOV/MEN/enrolment/x", REFUSAL_INVALID_CLIENT},
                  {"TN/GOV/MEN/enrolment/", REFUSAL_INVALID_CLIENT},
                  {"TN/GOV/MEN%2Fenrolment", REFUSAL_INVALID_CLIENT},
                  {"TN/GOV/MEN/enrolment, TN/GOV/MEN/exams", REFUSAL_INVALID_CLIENT}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        begin(&m, "GET", PERSON, others[i].client);
        assert_null(judge(&m));
        assert_int_equal(m.fault.refusal, others[i].refusal);
        end(&m);
    }
    begin(&m, "GET", PERSON, "TN/GOV/MEN/%65xams");
    assert_int_equal(judge(&m)->front_refusal, REFUSAL_NONE);
    end(&m);
}

static void without_a_client_nothing_is_recorded(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "GET", PERSON, NULL);
    assert_null(judge(&m));
    assert_int_equal(m.fault.refusal, REFUSAL_MISSING_CLIENT);
    end(&m);
    begin(&m, "GET", PERSON, ENROLMENT);
    add(&m, "x-road-client", ENROLMENT);
    assert_null(judge(&m));
    assert_int_equal(m.fault.refusal, REFUSAL_DUPLICATE_HEADER);
    end(&m);
    begin(&m, "GET", "/r1/TN", ENROLMENT);
    assert_null(judge(&m));
    assert_int_equal(m.fault.refusal, REFUSAL_BAD_REQUEST);
    end(&m);
}

static void every_verb_of_the_protocol_is_served_and_only_three_have_a_body(void **state)
{
    static const char *const without[] = {"DELETE", "GET", "HEAD", "OPTIONS", "TRACE"};
    static const char *const with[] = {"PATCH", "POST", "PUT"};
    struct made m;

    (void)state;
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        begin(&m, without[i], PERSON, ENROLMENT);
        assert_int_equal(judge(&m)->front_refusal, REFUSAL_NONE);
        assert_true(bytes_equal_string(buffer_bytes(&m.ask->method), without[i]));
        end(&m);
        begin(&m, without[i], PERSON, ENROLMENT);
        buffer_append_string(&m.request.body, "x");
        assert_int_equal(judge(&m)->front_refusal, REFUSAL_UNEXPECTED_BODY);
        end(&m);
    }
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
        begin(&m, with[i], PERSON, ENROLMENT);
        buffer_append_string(&m.request.body, "x");
        assert_int_equal(judge(&m)->front_refusal, REFUSAL_NONE);
        assert_true(bytes_equal_string(buffer_bytes(&m.ask->body), "x"));
        end(&m);
    }
}

static void what_connection_lists_stays_with_the_connection(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "GET", PERSON, ENROLMENT);
    add(&m, "Connection", "close, X-Hop");
    add(&m, "connection", "x-HOP-2 ,");
    add(&m, "X-Hop", "1");
    add(&m, "X-Hop-2", "1");
    add(&m, "X-Hop-3", "1");
    struct ask *ask = judge(&m);
    assert_int_equal(ask->front_refusal, REFUSAL_NONE);
    assert_null(http_headers_get(&ask->headers, "X-Hop"));
    assert_null(http_headers_get(&ask->headers, "X-Hop-2"));
    assert_string_equal(http_headers_get(&ask->headers, "X-Hop-3"), "1");
    end(&m);
}

/* The work for it must not grow with it: every field would be looked up in all of it. */
static void a_connection_field_without_measure_names_every_field(void **state)
{
    char value[HTTP_NOMINATIONS_MOST + 2];
    struct http_headers headers = {0};

    (void)state;
    memset(value, ',', sizeof value);
    memcpy(value, "close", 5);
    value[HTTP_NOMINATIONS_MOST] = 0;
    http_headers_add(&headers, "Connection", value);
    assert_true(http_nominated(&headers, "Close"));
    assert_false(http_nominated(&headers, "X-Mine"));
    http_headers_add(&headers, "Connection", "x");
    assert_true(http_nominated(&headers, "X-Mine"));
    http_headers_free(&headers);
    value[HTTP_NOMINATIONS_MOST] = ',';
    value[HTTP_NOMINATIONS_MOST + 1] = 0;
    header_is_refused("Connection", value, REFUSAL_INCONSISTENT_HEADERS);
}

static void content_that_is_not_judged_as_it_is_read_is_refused(void **state)
{
    static const char *const bad[] = {"json",
                                      "",
                                      "a/b/c",
                                      "application/json; charset=utf-8; charset=utf-7",
                                      "application/json; charset=utf-8; CHARSET=utf-7",
                                      "application/json, text/plain",
                                      "text/plain; a=\"b\\\"c\"",
                                      "text/plain; a",
                                      "text/plain; a=\"b",
                                      "text/plain;"};
    static const char *const good[] = {"application/json", "application/json;charset=utf-8",
                                       "multipart/form-data; boundary=\"a b\"; x=1", "text/plain ; a=b"};

    (void)state;
    header_is_refused("Content-Encoding", "gzip", REFUSAL_INVALID_CONTENT_TYPE);
    header_is_refused("Content-Encoding", "identity, gzip", REFUSAL_INVALID_CONTENT_TYPE);
    header_is_refused("Content-Encoding", "identity", REFUSAL_NONE);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        header_is_refused("Content-Type", bad[i], REFUSAL_INVALID_CONTENT_TYPE);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        header_is_refused("Content-Type", good[i], REFUSAL_NONE);
}

static void x_roads_optional_headers_have_their_form(void **state)
{
    (void)state;
    header_is_refused("X-Road-Represented-Party", "COM/Acme%2FSfax", REFUSAL_NONE);
    header_is_refused("X-Road-Represented-Party", "%D8%B4", REFUSAL_NONE);
    header_is_refused("X-Road-Represented-Party", "a/b/c", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Road-Represented-Party", "a/%ff", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Road-Represented-Party", "%0D%0A", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Road-Security-Server", "TN/GOV/MI/ss1", REFUSAL_NONE);
    header_is_refused("X-Road-Security-Server", "TN/GOV/MI", REFUSAL_BAD_REQUEST);
    header_is_refused("X-Road-Issue", "case 12/2026", REFUSAL_NONE);
    header_is_refused("X-Road-Issue", "\xff", REFUSAL_BAD_REQUEST);
}

static void what_the_front_does_not_serve_is_recorded(void **state)
{
    static const char *const unknown[] = {"PROPFIND", "CONNECT", "get", "PATCH ", ""};
    struct made m;

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        begin(&m, unknown[i], PERSON, ENROLMENT);
        assert_int_equal(judge(&m)->front_refusal, REFUSAL_METHOD_NOT_SERVED);
        end(&m);
    }
    begin(&m, "POST", PERSON, ENROLMENT);
    m.request.body_too_large = true;
    assert_int_equal(judge(&m)->front_refusal, REFUSAL_TOO_LARGE);
    end(&m);
    begin(&m, "GET", "/r1/TN/GOV/MI/civil/%C3%A9tat", ENROLMENT);
    assert_int_equal(judge(&m)->front_refusal, REFUSAL_UNKNOWN_SERVICE);
    assert_string_equal(m.ask->service, "");
    end(&m);
}

/* --- hash: expected values were computed with Python's hashlib --- */

static void request_hash_is_x_roads(void **state)
{
    struct http_headers headers = {0};
    struct buffer out = {0};

    (void)state;
    http_headers_add(&headers, "X-Road-Client", ENROLMENT);
    http_headers_add(&headers, "X-Road-Id", "abc");
    request_hash(bytes_of_string("GET"), bytes_of_string(PERSON "/persons/1?x=%2F"), &headers,
                 bytes_of_string(""), &out);
    assert_true(bytes_equal_string(buffer_bytes(&out),
                                   "CjZt9hJlUM5PIHJiftAsZTZgK7GZnk/WaCHPBU9R/a/J3EzmKSMzg5kzRFRP3v3"
                                   "+XOH4/H3yxtyijtjwNo4iWg=="));
    buffer_clear(&out);
    request_hash(bytes_of_string("POST"), bytes_of_string(PERSON), &headers, bytes_of_string("{\"a\":1}"),
                 &out);
    assert_true(bytes_equal_string(buffer_bytes(&out),
                                   "5QkG8hIp9C4HKRuRusrP4Z522Nds983uKc0mFKHfcLwKaZiJcO9nnz232UUYZdHi"
                                   "ZpZ3wHMaZMpsOiA6Hy7qgg=="));
    buffer_free(&out);
    http_headers_free(&headers);
}

/* --- faults --- */

static void fault_types_have_both_spellings(void **state)
{
    char type[FAULT_TYPE_MOST];

    (void)state;
    fault_type(REFUSAL_NO_GRANT, FAULT_SPELLING_7_8, type);
    assert_string_equal(type, "server.serverproxy.access_denied");
    fault_type(REFUSAL_NO_GRANT, FAULT_SPELLING_OLD, type);
    assert_string_equal(type, "Server.ServerProxy.AccessDenied");
    fault_type(REFUSAL_MISSING_CLIENT, FAULT_SPELLING_OLD, type);
    assert_string_equal(type, "Client.MissingHeader");
    assert_int_equal(fault_status(type), 400);
    fault_type(REFUSAL_BUS_UNAVAILABLE, FAULT_SPELLING_OLD, type);
    assert_string_equal(type, "Server.ClientProxy.NetworkError");
    assert_int_equal(fault_status("server.serverproxy.access_denied"), 500);
    assert_int_equal(fault_status("Server.ServerProxy.AccessDenied"), 500);
    assert_int_equal(fault_status("client.bad"), 400);
}

static void faults_are_json_or_xml(void **state)
{
    struct fault fault = {.refusal = REFUSAL_NO_GRANT, .words = "a < b & \"c\"", .id = {1, 2, 3}};
    struct buffer out = {0};

    (void)state;
    fault_body(&fault, FAULT_SPELLING_7_8, false, &out);
    json_t *json = json_loadb((const char *)out.data, out.len, 0, NULL);
    assert_int_equal(json_object_size(json), 3);
    assert_string_equal(json_string_value(json_object_get(json, "type")), "server.serverproxy.access_denied");
    assert_string_equal(json_string_value(json_object_get(json, "detail")),
                        "01020300-0000-0000-0000-000000000000");
    assert_non_null(strstr(json_string_value(json_object_get(json, "message")), "a < b & \"c\""));
    json_decref(json);
    buffer_clear(&out);
    fault_body(&fault, FAULT_SPELLING_7_8, true, &out);
    buffer_append(&out, "", 1);
    assert_non_null(strstr((char *)out.data,
                           "<error><type>server.serverproxy.access_denied</type><message>a &lt; b &amp; "
                           "\"c\" "));
    assert_non_null(
        strstr((char *)out.data, "<detail>01020300-0000-0000-0000-000000000000</detail></error>"));
    buffer_free(&out);
}

static const char *xml_for(const char *first, const char *second)
{
    struct http_headers headers = {0};

    if (first != NULL)
        http_headers_add(&headers, "accept", first);
    if (second != NULL)
        http_headers_add(&headers, "Accept", second);
    const char *type = fields_accepted_xml(&headers);
    http_headers_free(&headers);
    return type != NULL ? type : "";
}

static void the_first_accepted_type_that_matches_decides(void **state)
{
    (void)state;
    assert_string_equal(xml_for("application/xml", NULL), "application/xml;charset=utf-8");
    assert_string_equal(xml_for("TEXT/XML;q=0.1, application/json", NULL), "text/xml;charset=utf-8");
    assert_string_equal(xml_for("text/html, text/*", NULL), "text/xml;charset=utf-8");
    assert_string_equal(xml_for("image/png,,application/xml", NULL), "application/xml;charset=utf-8");
    assert_string_equal(xml_for("image/png", "text/xml"), "text/xml;charset=utf-8");
    assert_string_equal(xml_for("application/json, application/xml", NULL), "");
    assert_string_equal(xml_for("*/*, text/xml", NULL), "");
    assert_string_equal(xml_for("text/html", NULL), "");
    assert_string_equal(xml_for("", NULL), "");
    assert_string_equal(xml_for(NULL, NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_and_query_keep_their_bytes),
        cmocka_unit_test(identifier_parts_are_decoded_one_by_one),
        cmocka_unit_test(malformed_targets_are_refused),
        cmocka_unit_test(a_good_request_becomes_an_ask),
        cmocka_unit_test(a_missing_request_id_is_made_and_forwarded),
        cmocka_unit_test(uxp_names_stand_for_ours),
        cmocka_unit_test(a_bad_subject_is_a_recorded_refusal),
        cmocka_unit_test(contradicting_and_repeated_headers_are_refused),
        cmocka_unit_test(a_list_of_purposes_is_no_purpose),
        cmocka_unit_test(length_and_chunking_together_are_refused),
        cmocka_unit_test(a_listener_speaks_only_for_its_subsystems),
        cmocka_unit_test(without_a_client_nothing_is_recorded),
        cmocka_unit_test(what_the_front_does_not_serve_is_recorded),
        cmocka_unit_test(every_verb_of_the_protocol_is_served_and_only_three_have_a_body),
        cmocka_unit_test(what_connection_lists_stays_with_the_connection),
        cmocka_unit_test(a_connection_field_without_measure_names_every_field),
        cmocka_unit_test(content_that_is_not_judged_as_it_is_read_is_refused),
        cmocka_unit_test(x_roads_optional_headers_have_their_form),
        cmocka_unit_test(the_exchanges_id_is_forwarded_where_x_road_puts_it),
        cmocka_unit_test(request_hash_is_x_roads),
        cmocka_unit_test(fault_types_have_both_spellings),
        cmocka_unit_test(faults_are_json_or_xml),
        cmocka_unit_test(the_first_accepted_type_that_matches_decides),
    };
    return cmocka_run_group_tests_name("front requests", tests, NULL, NULL);
}
