/* The registry's document: whatever loads can be asked anything, and decide() gives the same answer twice. */
#include "fuzz_country.h"
#include "fuzz.h"

#include "registry/decide.h"
#include "registry/identifier.h"
#include "registry/operation.h"
#include "registry/template.h"

void fuzz_setup(void)
{
    fuzz_country();
}

void fuzz_seeds(void)
{
    struct registry *r = fuzz_registry();
    struct buffer seed = {0};
    buffer_append(&seed, "\0", 1); /* no edits */
    buffer_append_bytes(&seed, registry_document(r));
    fuzz_seed(buffer_bytes(&seed));
    fuzz_seed_text("\x01\x02\x00\x10\x00\x05x: y\n");
    fuzz_seed_text("\x01");
    fuzz_seed_text("\x03\x04\x04\x00\x40\x04\x06\x00\x40\x04\x05\x00\x40");
    buffer_free(&seed);
    registry_free(r);
}

static void ask(const struct registry *r, const struct registry_subsystem *consumer,
                const struct registry_service *service, const struct registry_operation *operation)
{
    struct question q = {.consumer = bytes_of_string(consumer->id),
                         .service = bytes_of_string(service->id),
                         .operation = bytes_of_string(operation == NULL ? "" : operation->code),
                         .now = FUZZ_NOW * 1000000};
    struct decision a, b;
    decide(r, &q, &a);
    memset(&b, 0x55, sizeof b);
    decide(r, &q, &b);
    FUZZ_CHECK(a.refusal == b.refusal && a.grant == b.grant && strcmp(a.words, b.words) == 0);
    FUZZ_CHECK((a.refusal == REFUSAL_NONE) == (a.grant != NULL) || a.refusal != REFUSAL_NONE);
    if (a.refusal == REFUSAL_NONE) {
        FUZZ_CHECK(a.grant->consumer == consumer && a.grant->service == service && a.grant->expires > q.now);
        q.purpose = bytes_of_string(a.grant->purpose->code);
        decide(r, &q, &b);
        FUZZ_CHECK(b.refusal == REFUSAL_NONE && b.grant->purpose == a.grant->purpose);
    }
}

static void walk(const struct registry *r)
{
    const struct registry_subsystem *consumer = registry_subsystem_at(r, 0);
    const struct registry_service *s;
    const struct registry_grant *g;
    const struct registry_member *m;
    for (size_t i = 0; (m = registry_member_at(r, i)) != NULL; i++) {
        FUZZ_CHECK(registry_member(r, bytes_of_string(m->id)) == m);
        FUZZ_CHECK(identifier_parts(bytes_of_string(m->id)) == 3);
        for (size_t k = 0; k < m->link_key_count; k++)
            FUZZ_CHECK(registry_member_by_link_key(r, m->link_keys[k]) == m);
        (void)registry_sealing_key(m, FUZZ_NOW * 1000000);
    }
    for (size_t i = 0; (s = registry_service_at(r, i)) != NULL; i++) {
        FUZZ_CHECK(registry_service(r, bytes_of_string(s->id)) == s);
        for (size_t o = 0; o < s->operation_count; o++) {
            FUZZ_CHECK(template_fault(s->operations[o].path) == NULL);
            FUZZ_CHECK(registry_operation(s, bytes_of_string(s->operations[o].code)) == &s->operations[o]);
            if (consumer != NULL)
                ask(r, consumer, s, &s->operations[o]);
        }
        if (consumer != NULL)
            ask(r, consumer, s, NULL);
    }
    for (size_t i = 0; (g = registry_grant_at(r, i)) != NULL; i++) {
        size_t count = 0;
        const struct registry_grant *const *of = registry_grants_of(r, g->consumer, g->service, &count);
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || of[k] == g;
        FUZZ_CHECK(found);
        ask(r, g->consumer, g->service, NULL);
    }
}

void fuzz_target(struct fuzz_input *in)
{
    struct faults faults = {0};
    struct buffer text = {0};
    struct registry *good = fuzz_registry();
    if (in->left > 0 && in->at[0] != 0) {
        buffer_append_bytes(&text, registry_document(good));
        fuzz_edit(in, &text);
    } else {
        (void)fuzz_u8(in);
        buffer_append_bytes(&text, fuzz_rest(in));
    }
    struct registry *r = registry_parse(buffer_bytes(&text), "fuzz.yaml", &faults);
    FUZZ_CHECK((r == NULL) == (faults.count > 0));
    if (r != NULL)
        walk(r);
    registry_free(r);
    registry_free(good);
    faults_free(&faults);
    buffer_free(&text);
}
