/* Templates, identifiers, subjects, and operations matched on the forwarded bytes, against a naive second
 * opinion. */
#include "fuzz.h"

#include "registry/identifier.h"
#include "registry/operation.h"
#include "registry/template.h"

void fuzz_setup(void)
{
}

static void seed(const char *a, const char *b, const char *path)
{
    struct buffer out = {0};
    fuzz_put_piece(&out, bytes_of_string(a));
    fuzz_put_piece(&out, bytes_of_string(b));
    buffer_append_string(&out, path);
    fuzz_seed(buffer_bytes(&out));
    buffer_free(&out);
}

void fuzz_seeds(void)
{
    seed("/persons/{iuc:IUC}", "/persons/search", "/persons/01234567890");
    seed("/persons/{name}", "/persons/{iuc:IUC}/guardians/{child:IUC}", "/persons/%C3%A9t%C3%A9");
    seed("/", "/taxpayers/{id:TAX}", "/taxpayers/1234567ABM000");
    seed("/a/{b}/c", "/a/{x:CIN}/{y}", "/a/12345678/c");
    seed("TN/GOV/MI/civil/person", "IUC:01234567890", "TAX:1234567/A/P/M/000");
}

static bool operations_equal(const struct operation_match *a, const struct operation_match *b)
{
    if (a->operation != b->operation || a->parameter_count != b->parameter_count)
        return false;
    for (size_t i = 0; i < a->parameter_count; i++)
        if (strcmp(a->parameters[i].value, b->parameters[i].value) != 0)
            return false;
    return true;
}

static void identifiers(struct bytes text)
{
    unsigned parts = identifier_parts(text);
    char canonical[32];
    enum subject_type type;
    FUZZ_CHECK(parts <= 5);
    for (unsigned n = 1; n <= parts; n++) {
        size_t len = identifier_prefix(text, n);
        FUZZ_CHECK(len > 0 && len <= text.len && identifier_parts(bytes_make(text.data, len)) == n);
    }
    if (parts > 0)
        FUZZ_CHECK(identifier_prefix(text, parts + 1) == 0 && memchr(text.data, 0, text.len) == NULL);
    if (code_valid(text))
        FUZZ_CHECK(text.len >= 1 && text.len <= 64);
    if (subject_parse(text, &type, canonical) == REFUSAL_NONE) {
        char again[32];
        FUZZ_CHECK(strlen(canonical) <= 31 && type != SUBJECT_NONE);
        FUZZ_CHECK(subject_check(type, bytes_of_string(canonical), again) == REFUSAL_NONE);
        FUZZ_CHECK(strcmp(canonical, again) == 0);
    }
}

/* Puts the parameters' values, encoded wherever they may be, back into the template: the same operation is
 * found. */
static void round_trip(const struct registry_service *s, const struct operation_match *m)
{
    struct buffer path = {0};
    struct template_segment segment;
    size_t at = 0, parameter = 0;
    while (template_next(m->operation->path, &at, &segment)) {
        buffer_append(&path, "/", 1);
        if (segment.kind == TEMPLATE_LITERAL) {
            buffer_append_bytes(&path, segment.text);
            continue;
        }
        if (segment.kind != TEMPLATE_PARAMETER) { /* what a glob has taken is not kept */
            buffer_free(&path);
            return;
        }
        for (const char *v = m->parameters[parameter++].value; *v != 0; v++) {
            if ((*v >= '0' && *v <= '9') || (*v >= 'A' && *v <= 'Z') || (*v >= 'a' && *v <= 'z') ||
                strchr("-._~", *v) != NULL)
                buffer_append(&path, v, 1);
            else
                buffer_printf(&path, "%%%02X", (unsigned)(uint8_t)*v);
        }
    }
    struct operation_match again;
    FUZZ_CHECK(parameter == m->parameter_count);
    FUZZ_CHECK(operation_match(s, bytes_of_string("GET"), buffer_bytes(&path), &again) == REFUSAL_NONE);
    FUZZ_CHECK(operations_equal(m, &again));
    buffer_free(&path);
}

void fuzz_target(struct fuzz_input *in)
{
    struct bytes first = fuzz_piece(in), second = fuzz_piece(in), path = fuzz_rest(in);
    char *templates[2] = {fuzz_text(first), fuzz_text(second)};
    struct registry_operation operations[2] = {
        {.code = "a", .method = "GET", .path = templates[0], .safe = true},
        {.code = "b", .method = "GET", .path = templates[1], .safe = true}};
    struct registry_service service = {.operations = operations, .operation_count = 2};
    struct operation_match match, alone;

    identifiers(first);
    identifiers(second);
    identifiers(path);
    bool a = template_fault(templates[0]) == NULL, b = template_fault(templates[1]) == NULL;
    if (a && b) {
        bool overlap = template_overlap(templates[0], templates[1]);
        FUZZ_CHECK(overlap == template_overlap(templates[1], templates[0]));
        FUZZ_CHECK(template_overlap(templates[0], templates[0]));
        if (operation_match(&service, bytes_of_string("GET"), path, &match) == REFUSAL_NONE) {
            round_trip(&service, &match);
            /* Templates that do not overlap never both take a path. */
            struct registry_service other = {.operations =
                                                 match.operation == operations ? operations + 1 : operations,
                                             .operation_count = 1};
            FUZZ_CHECK(overlap ||
                       operation_match(&other, bytes_of_string("GET"), path, &alone) != REFUSAL_NONE);
            FUZZ_CHECK(operation_match(&service, bytes_of_string("POST"), path, &alone) ==
                       REFUSAL_METHOD_NOT_SERVED);
        }
    }
    free(templates[0]);
    free(templates[1]);
}
