#include "front/metadata.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/percent.h"
#include "front/fields.h"
#include "front/xml.h"
#include "registry/decide.h"
#include "registry/registry.h"
#include "registry/template.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_TYPE       "application/json;charset=utf-8"
#define IDENTIFIERS_XSD "http://x-road.eu/xsd/identifiers"
#define XROAD_XSD       "http://x-road.eu/xsd/xroad.xsd"

enum metadata_kind { NOT_METADATA, LIST_METHODS, ALLOWED_METHODS, GET_OPENAPI };

/* --- JSON --- */

static void put_json(json_t *object, struct buffer *out)
{
    char *text = json_dumps(object, JSON_COMPACT);

    BUG_ON(text == NULL); /* all strings come from a registry, which is UTF-8 */
    buffer_append_string(out, text);
    free(text);
    json_decref(object);
}

/* An identifier of 3 to 5 parts in X-Road's names. */
static json_t *json_identifier(const char *object_type, const char *id)
{
    static const char *const names[] = {"xroad_instance", "member_class", "member_code", "subsystem_code",
                                        "service_code"};
    json_t *object = json_pack("{s:s}", "object_type", object_type);

    for (size_t i = 0; i < sizeof names / sizeof names[0] && id != NULL; i++) {
        size_t len = strcspn(id, "/");
        json_object_set_new(object, names[i], json_stringn(id, len));
        id = id[len] == '/' ? id + len + 1 : NULL;
    }
    return object;
}

/* --- listClients --- */

/* X-Road has one name for a member; here it is the French one, the language of the administration's papers.
 */
static const char *name_of(const struct names *names)
{
    return names->fr;
}

static void clients_json(const struct registry *registry, struct buffer *out)
{
    json_t *list = json_array();
    const struct registry_member *member;
    const struct registry_subsystem *subsystem;

    for (size_t i = 0; (member = registry_member_at(registry, i)) != NULL; i++)
        json_array_append_new(list, json_pack("{s:o, s:s}", "id", json_identifier("MEMBER", member->id),
                                              "name", name_of(&member->names)));
    for (size_t i = 0; (subsystem = registry_subsystem_at(registry, i)) != NULL; i++)
        json_array_append_new(list,
                              json_pack("{s:o, s:s, s:s}", "id", json_identifier("SUBSYSTEM", subsystem->id),
                                        "name", name_of(&subsystem->member->names), "subsystem_name",
                                        name_of(&subsystem->names)));
    put_json(json_pack("{s:o}", "member", list), out);
}

static void put_xml_client(struct buffer *out, const char *object_type, const char *id, const char *name,
                           const char *subsystem_name)
{
    static const char *const names[] = {"ns1:xRoadInstance", "ns1:memberClass", "ns1:memberCode",
                                        "ns1:subsystemCode"};
    char part[IDENTIFIER_MOST + 1];

    buffer_printf(out, "<ns2:member><ns2:id ns1:objectType=\"%s\">", object_type);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && id != NULL; i++) {
        size_t len = strcspn(id, "/");
        memcpy(part, id, len);
        part[len] = 0;
        xml_element(out, names[i], part);
        id = id[len] == '/' ? id + len + 1 : NULL;
    }
    buffer_append_string(out, "</ns2:id>");
    xml_element(out, "ns2:name", name);
    if (subsystem_name != NULL)
        xml_element(out, "ns2:subsystemName", subsystem_name);
    buffer_append_string(out, "</ns2:member>");
}

static void clients_xml(const struct registry *registry, struct buffer *out)
{
    const struct registry_member *member;
    const struct registry_subsystem *subsystem;

    buffer_append_string(out,
                         "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>"
                         "<ns2:clientList xmlns:ns1=\"" IDENTIFIERS_XSD "\" xmlns:ns2=\"" XROAD_XSD "\">");
    for (size_t i = 0; (member = registry_member_at(registry, i)) != NULL; i++)
        put_xml_client(out, "MEMBER", member->id, name_of(&member->names), NULL);
    for (size_t i = 0; (subsystem = registry_subsystem_at(registry, i)) != NULL; i++)
        put_xml_client(out, "SUBSYSTEM", subsystem->id, name_of(&subsystem->member->names),
                       name_of(&subsystem->names));
    buffer_append_string(out, "</ns2:clientList>");
}

#define CLIENTS "/listClients"

bool metadata_clients_asked(struct bytes target)
{
    size_t len = strlen(CLIENTS);

    return target.len >= len && memcmp(target.data, CLIENTS, len) == 0 &&
           (target.len == len || target.data[len] == '?');
}

/* There is one instance here, so that a query may only name that one. */
static bool names_instance(struct bytes target, const struct registry *registry)
{
    struct buffer here = {0};

    buffer_printf(&here, CLIENTS "?xRoadInstance=%s", registry_instance(registry));
    bool same = target.len == strlen(CLIENTS) || bytes_equal(target, buffer_bytes(&here));
    buffer_free(&here);
    return same;
}

static bool reads(struct bytes method)
{
    return bytes_equal_string(method, "GET") || bytes_equal_string(method, "HEAD");
}

enum refusal metadata_clients(const struct registry *registry, const struct request *request,
                              struct buffer *out, const char **media_type, const char **words)
{
    bool given;
    bool json = fields_accept(&request->headers, "application/json", &given) || !given;

    *words = NULL;
    if (!reads(buffer_bytes(&request->method)))
        return REFUSAL_METHOD_NOT_SERVED;
    if (request->body.len > 0 || request->body_too_large)
        return REFUSAL_UNEXPECTED_BODY;
    if (registry == NULL) {
        *words = "The adapter has no registry yet.";
        return REFUSAL_BUS_UNAVAILABLE;
    }
    if (!names_instance(buffer_bytes(&request->target), registry)) {
        *words = "The query is not xRoadInstance= and this instance.";
        return REFUSAL_BAD_REQUEST;
    }
    (json ? clients_json : clients_xml)(registry, out);
    *media_type = json ? JSON_TYPE : "text/xml;charset=utf-8";
    return REFUSAL_NONE;
}

/* --- listMethods, allowedMethods --- */

/* Once, however many grants or operations name it. */
static void add_endpoint(json_t *list, const char *method, const char *path)
{
    json_t *endpoint = json_pack("{s:s, s:s}", "method", method, "path", path);

    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), endpoint)) {
            json_decref(endpoint);
            return;
        }
    json_array_append_new(list, endpoint);
}

/* As X-Road writes a path: a parameter is any one segment. */
static void add_operation(json_t *list, const struct registry_operation *operation)
{
    struct buffer path = {0};

    template_to_glob(operation->path, &path);
    buffer_append(&path, "", 1);
    add_endpoint(list, operation->method, (const char *)path.data);
    buffer_free(&path);
}

/* What one grant allows now: its operations, or the endpoint rights that narrow them. */
static void add_granted(json_t *list, const struct registry *registry, const struct registry_grant *grant,
                        uint64_t now)
{
    for (size_t i = 0; i < grant->service->operation_count; i++) {
        const struct registry_operation *operation = &grant->service->operations[i];
        struct decision decision;
        const struct question question = {.consumer = bytes_of_string(grant->consumer->id),
                                          .service = bytes_of_string(grant->service->id),
                                          .operation = bytes_of_string(operation->code),
                                          .purpose = bytes_of_string(grant->purpose->code),
                                          .now = now};
        decide(registry, &question, &decision);
        if (decision.refusal != REFUSAL_NONE)
            continue;
        if (grant->endpoint_count == 0)
            add_operation(list, operation);
        for (size_t k = 0; k < grant->endpoint_count; k++)
            add_endpoint(list, grant->endpoints[k].method, grant->endpoints[k].path);
    }
}

static json_t *json_endpoints(const struct registry *registry, const struct registry_service *service,
                              const struct registry_subsystem *client, uint64_t now)
{
    json_t *list = json_array();
    size_t count = 0;

    if (client == NULL) {
        for (size_t i = 0; i < service->operation_count; i++)
            add_operation(list, &service->operations[i]);
        return list;
    }
    const struct registry_grant *const *grants = registry_grants_of(registry, client, service, &count);
    for (size_t i = 0; i < count; i++)
        add_granted(list, registry, grants[i], now);
    return list;
}

enum refusal metadata_methods(const struct registry *registry, struct bytes subsystem, const char *client,
                              uint64_t now, struct buffer *out)
{
    const struct registry_subsystem *provider = registry_subsystem(registry, subsystem);
    const struct registry_subsystem *consumer =
        client != NULL ? registry_subsystem(registry, bytes_of_string(client)) : NULL;
    const struct registry_service *service;

    if (provider == NULL || (client != NULL && consumer == NULL))
        return REFUSAL_UNKNOWN_MEMBER;
    json_t *list = json_array();
    for (size_t i = 0; (service = registry_service_at(registry, i)) != NULL; i++) {
        if (service->subsystem != provider || service->kind != SERVICE_REQUEST)
            continue;
        json_t *endpoints = json_endpoints(registry, service, consumer, now);
        if (client != NULL && json_array_size(endpoints) == 0) {
            json_decref(endpoints);
            continue;
        }
        json_t *object = json_identifier("SERVICE", service->id);
        json_object_set_new(object, "service_type", json_string(service->described ? "OPENAPI" : "REST"));
        json_object_set_new(object, "endpoint_list", endpoints);
        json_array_append_new(list, object);
    }
    put_json(json_pack("{s:o}", "service", list), out);
    return REFUSAL_NONE;
}

/* --- the asks --- */

static enum metadata_kind kind_of(const struct ask *ask)
{
    static const struct {
        const char *code;
        enum metadata_kind kind;
    } kinds[] = {
        {"listMethods", LIST_METHODS}, {"allowedMethods", ALLOWED_METHODS}, {"getOpenAPI", GET_OPENAPI}};
    const char *code = strrchr(ask->service, '/');

    for (size_t i = 0; code != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(code + 1, kinds[i].code) == 0)
            return kinds[i].kind;
    return NOT_METADATA;
}

bool metadata_asked(const struct ask *ask)
{
    return ask->front_refusal == REFUSAL_NONE && kind_of(ask) != NOT_METADATA;
}

bool metadata_service_code(struct bytes query, char *out)
{
    static const char *const name = "serviceCode";
    size_t len = strlen(name);
    bool found = false;

    out[0] = 0;
    for (size_t at = 0, end; at < query.len; at = end + 1) {
        const uint8_t *amp = memchr(query.data + at, '&', query.len - at);
        end = amp != NULL ? (size_t)(amp - query.data) : query.len;
        if (end - at <= len || memcmp(query.data + at, name, len) != 0 || query.data[at + len] != '=')
            continue;
        struct buffer code = {0};
        bool good = !found &&
                    percent_decode(bytes_make(query.data + at + len + 1, end - at - len - 1), &code) &&
                    identifier_part_valid(buffer_bytes(&code));
        if (good)
            snprintf(out, IDENTIFIER_MOST + 1, "%.*s", (int)code.len, (const char *)code.data);
        buffer_free(&code);
        if (!good)
            return false;
        found = true;
    }
    return found;
}

static void give(struct ask *ask, const struct answer *answer)
{
    ask->done(ask, answer);
    ask_free(ask);
}

static void give_refusal(struct ask *ask, enum refusal refusal, const char *words)
{
    static const struct http_headers none = {0};
    const struct answer answer = {.refusal = refusal, .words = words, .headers = &none};
    char id[37];

    uuid_format(ask->exchange_id, id);
    log_info("metadata_refused", "refusal=%s exchange=%s", refusal_name(refusal), id);
    give(ask, &answer);
}

static void give_document(struct ask *ask, struct bytes document, const char *media_type)
{
    struct http_headers headers = {0};

    http_headers_add(&headers, "Content-Type", media_type);
    const struct answer answer = {.status = 200, .headers = &headers, .body = document};
    give(ask, &answer);
    http_headers_free(&headers);
}

static void described(void *arg, enum refusal refusal, struct bytes document, const char *media_type)
{
    struct ask *ask = arg;

    if (refusal != REFUSAL_NONE)
        give_refusal(ask, refusal, refusal_words(refusal));
    else
        give_document(ask, document, media_type);
}

static bool describe(const struct front_core *core, const struct registry *registry, struct ask *ask)
{
    char code[IDENTIFIER_MOST + 1], service[2 * IDENTIFIER_MOST + 2];
    size_t subsystem = identifier_prefix(bytes_of_string(ask->service), 4);

    if (!metadata_service_code(buffer_bytes(&ask->query), code)) {
        give_refusal(ask, REFUSAL_BAD_REQUEST, "The query has not one serviceCode=CODE.");
        return true;
    }
    snprintf(service, sizeof service, "%.*s/%s", (int)subsystem, ask->service, code);
    if (registry_service(registry, bytes_of_string(service)) == NULL)
        give_refusal(ask, REFUSAL_UNKNOWN_SERVICE, refusal_words(REFUSAL_UNKNOWN_SERVICE));
    else if (core->describe == NULL)
        give_refusal(ask, REFUSAL_NO_DESCRIPTION, refusal_words(REFUSAL_NO_DESCRIPTION));
    else
        return core->describe(core->arg, service, described, ask);
    return true;
}

static void list_methods(const struct registry *registry, struct ask *ask, const char *client)
{
    struct buffer out = {0};
    size_t subsystem = identifier_prefix(bytes_of_string(ask->service), 4);
    enum refusal refusal =
        metadata_methods(registry, bytes_make(ask->service, subsystem), client, clock_wall(), &out);

    if (refusal != REFUSAL_NONE)
        give_refusal(ask, refusal, refusal_words(refusal));
    else
        give_document(ask, buffer_bytes(&out), JSON_TYPE);
    buffer_free(&out);
}

/* What is asked for is one thing, and it is only read. NONE, or why not. */
static enum refusal judge(const struct ask *ask)
{
    if (ask->path.len > 0)
        return REFUSAL_UNKNOWN_OPERATION;
    return reads(buffer_bytes(&ask->method)) ? REFUSAL_NONE : REFUSAL_METHOD_NOT_SERVED;
}

bool metadata_ask(const struct front_core *core, struct ask *ask)
{
    enum metadata_kind kind = kind_of(ask);
    enum refusal refusal = judge(ask);
    bool taken = true;

    if (refusal != REFUSAL_NONE) {
        give_refusal(ask, refusal, refusal_words(refusal));
        return true;
    }
    struct registry *registry = core->registry(core->arg);
    if (registry == NULL)
        give_refusal(ask, REFUSAL_BUS_UNAVAILABLE, "The adapter has no registry yet.");
    else if (kind == GET_OPENAPI)
        taken = describe(core, registry, ask);
    else
        list_methods(registry, ask, kind == ALLOWED_METHODS ? ask->consumer : NULL);
    registry_free(registry);
    return taken;
}
