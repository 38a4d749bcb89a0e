/* `wasl service import`: an OpenAPI document of a stranger. What comes out is what the registry takes. */
#include "fuzz.h"

#include "registry/fields.h"
#include "registry/template.h"
#include "registry/identifier.h"
#include "wasl/service_import.h"

#define DOCUMENT                                                                                             \
    "openapi: 3.0.3\ninfo: {title: Person, version: '1'}\npaths:\n  /persons/{iuc}:\n    parameters:\n"      \
    "    - {name: iuc, in: path, required: true, schema: {type: string, pattern: '^[0-9]{11}$'}}\n"          \
    "    get:\n      operationId: identity\n      responses:\n        '200':\n          content:\n"          \
    "            application/json: {schema: {$ref: '#/components/schemas/Person'}}\n"                        \
    "    post: {operationId: attest, responses: {'201': {description: x}}}\ncomponents:\n  schemas:\n"       \
    "    Person:\n      type: object\n      properties:\n        name: {type: string}\n"                     \
    "        children: {type: array, items: {$ref: '#/components/schemas/Person'}}\n"                        \
    "        a/b~c: {allOf: [{type: object, properties: {x: {type: string}}}]}\n"

void fuzz_setup(void)
{
}

void fuzz_seeds(void)
{
    fuzz_seed_with(0, bytes_of_string(DOCUMENT));
    fuzz_seed_with(
        0,
        bytes_of_string("{\"swagger\":\"2.0\",\"basePath\":\"/v1\",\"paths\":{\"/a\":{\"get\":{\"responses\":"
                        "{\"200\":{\"schema\":{\"type\":\"object\",\"properties\":{\"x\":{}}}}}}}}}"));
    fuzz_seed_with(1, bytes_make("\x01\x02\x00\x40\x05x: y\n", 9));
    fuzz_seed_with(1, bytes_make("\x02\x04\x01\x40\x40\x01\x00\x90\x20", 9));
}

void fuzz_target(struct fuzz_input *in)
{
    struct buffer text = {0};
    struct faults said = {0};
    if ((fuzz_u8(in) & 1) != 0) {
        buffer_append_string(&text, DOCUMENT);
        fuzz_edit(in, &text);
    } else {
        buffer_append_bytes(&text, fuzz_rest(in));
    }
    struct import im = {.name = "a.yaml", .said = &said};
    struct openapi *document = openapi_load(buffer_bytes(&text), "a.yaml", &said);
    FUZZ_CHECK(document != NULL || said.count > 0);
    if (document != NULL) {
        im.document = document;
        import_operations(&im);
        import_fields(&im);
        FUZZ_CHECK(im.operation_count <= IMPORT_OPERATIONS_MOST && im.field_count <= IMPORT_FIELDS_MOST);
        for (size_t i = 0; i < im.operation_count; i++) {
            FUZZ_CHECK(template_fault(im.operations[i].path) == NULL);
            FUZZ_CHECK(code_valid(bytes_of_string(im.operations[i].code)));
        }
        for (size_t i = 0; i < im.field_count; i++)
            FUZZ_CHECK(fields_pointer_valid(im.fields[i]));
    }
    import_free(&im);
    openapi_free(document);
    faults_free(&said);
    buffer_free(&text);
}
