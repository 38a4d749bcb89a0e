/* X-Road's metadata services over a real registry: what is listed is JSON or XML that can be read, whatever
 * is asked. */
#include "fuzz_country.h"
#include "fuzz.h"

#include "front/metadata.h"
#include "registry/identifier.h"

#include <jansson.h>

static struct registry *registry;

void fuzz_setup(void)
{
    registry = fuzz_registry();
}

static void seed(uint8_t form, const char *first, const char *second)
{
    struct buffer b = {0};
    buffer_append(&b, &form, 1);
    fuzz_put_piece(&b, bytes_of_string(first));
    buffer_append_string(&b, second);
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

void fuzz_seeds(void)
{
    seed(0, "/listClients", "text/xml");
    seed(0, "/listClients?xRoadInstance=TN", "application/json");
    seed(1, "TN/GOV/MI/civil", "TN/GOV/MEN/enrolment");
    seed(1, "TN/GOV/MI/civil", "");
    seed(2, "", "serviceCode=person");
    seed(2, "", "a=b&serviceCode=per%73on&c");
}

static void clients(struct bytes target, struct bytes accept)
{
    struct request request = {0};
    struct buffer out = {0};
    const char *type = NULL, *words = NULL;
    char *value = fuzz_text(accept);
    buffer_append_bytes(&request.target, target);
    if (accept.len > 0)
        http_headers_add(&request.headers, "Accept", value);
    if (metadata_clients_asked(target) &&
        metadata_clients(registry, &request, &out, &type, &words) == REFUSAL_NONE) {
        FUZZ_CHECK(type != NULL && out.len > 0);
        if (out.data[0] == '{') {
            json_t *json = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
            FUZZ_CHECK(json != NULL);
            json_decref(json);
        } else {
            FUZZ_CHECK(out.data[0] == '<' && out.data[out.len - 1] != '<');
        }
    }
    free(value);
    request_clear(&request);
    buffer_free(&out);
}

static void methods(struct bytes subsystem, struct bytes client)
{
    struct buffer all = {0}, some = {0};
    char *name = fuzz_text(client);
    enum refusal refusal = metadata_methods(registry, subsystem, NULL, FUZZ_NOW * 1000000, &all);
    /* Callers give an identifier of four parts. */
    if (identifier_parts(subsystem) == 4)
        FUZZ_CHECK((refusal == REFUSAL_NONE) == (registry_subsystem(registry, subsystem) != NULL));
    enum refusal of_client = metadata_methods(registry, subsystem, name, FUZZ_NOW * 1000000, &some);
    FUZZ_CHECK(refusal == REFUSAL_NONE || of_client != REFUSAL_NONE);
    if (of_client == REFUSAL_NONE) {
        json_t *json = json_loadb((const char *)all.data, all.len, JSON_REJECT_DUPLICATES, NULL);
        json_t *part = json_loadb((const char *)some.data, some.len, JSON_REJECT_DUPLICATES, NULL);
        FUZZ_CHECK(json != NULL && part != NULL);
        /* What one client may is no more than what there is. */
        FUZZ_CHECK(json_array_size(json_object_get(part, "service")) <=
                   json_array_size(json_object_get(json, "service")));
        json_decref(json);
        json_decref(part);
    }
    free(name);
    buffer_free(&all);
    buffer_free(&some);
}

void fuzz_target(struct fuzz_input *in)
{
    char code[IDENTIFIER_MOST + 1];
    unsigned form = fuzz_u8(in) % 3;
    struct bytes first = fuzz_piece(in), second = fuzz_rest(in);
    if (form == 0)
        clients(first, second);
    else if (form == 1)
        methods(first, second);
    else if (metadata_service_code(second, code))
        FUZZ_CHECK(code_valid(bytes_of_string(code)) || identifier_part_valid(bytes_of_string(code)));
}
