#include "base/error.h"
#include "registry/registry.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/wasl-registry-XXXXXX";
static char paths[4][64];
static char *vkeys[4];

static int make_keys(void **state)
{
    (void)state;
    struct error e = {0};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 4; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%zu.key", folder, i);
        if (note_signer_save(paths[i], &sample_keys()->authority[i], &e) != 0)
            fail_msg("%s", e.text);
        struct buffer vkey = {0};
        note_verifier_format(&sample_keys()->authority[i].verifier, &vkey);
        buffer_append(&vkey, "", 1);
        vkeys[i] = string_copy((const char *)vkey.data);
        buffer_free(&vkey);
    }
    return 0;
}

static int remove_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        unlink(paths[i]);
        free(vkeys[i]);
    }
    rmdir(folder);
    return 0;
}

/* Signs the sample at a version, with the keys whose bits are set. */
static int try_sign(const struct buffer *document, const struct buffer *previous, unsigned keys,
                    struct buffer *out, struct error *e)
{
    const char *list[4];
    size_t count = 0;
    for (size_t i = 0; i < 4; i++)
        if ((keys >> i & 1) != 0)
            list[count++] = paths[i];
    struct bytes before = previous != NULL ? buffer_bytes(previous) : (struct bytes){0};
    struct faults faults = {0};
    int result = registry_sign(buffer_bytes(document), "sample.yaml", previous != NULL ? &before : NULL, list,
                               count, out, &faults, e);
    faults_free(&faults);
    return result;
}

static void sample_version(unsigned version, struct buffer *out)
{
    char line[32];
    snprintf(line, sizeof line, "version: %u", version);
    sample_document(out);
    sample_replace(out, "version: 3", line);
}

static struct buffer sign(unsigned version, const struct buffer *previous, unsigned keys)
{
    struct buffer document = {0}, out = {0};
    struct error e = {0};
    sample_version(version, &document);
    if (try_sign(&document, previous, keys, &out, &e) != 0)
        fail_msg("%s", e.text);
    buffer_free(&document);
    return out;
}

static struct registry *open_pinned(const struct buffer *file, unsigned keys, unsigned threshold,
                                    struct error *e)
{
    const char *list[4];
    size_t count = 0;
    for (size_t i = 0; i < 4; i++)
        if ((keys >> i & 1) != 0)
            list[count++] = vkeys[i];
    struct registry_authority pinned = {list, count, threshold};
    *e = (struct error){0};
    return registry_open_signed(buffer_bytes(file), NULL, &pinned, NULL, e);
}

static void refused_pinned(const struct buffer *file, unsigned keys, unsigned threshold, enum error_kind kind)
{
    struct error e;
    assert_null(open_pinned(file, keys, threshold, &e));
    assert_int_equal(e.kind, kind);
}

static void a_signed_registry_opens_under_its_authority(void **state)
{
    (void)state;
    struct buffer file = sign(3, NULL, 3);
    struct error e;
    struct registry *r = open_pinned(&file, 7, 2, &e);
    assert_non_null(r);
    assert_int_equal(registry_version(r), 3);
    assert_true(bytes_equal(registry_file(r), buffer_bytes(&file)));
    struct buffer document = {0};
    sample_document(&document);
    /* The document is there as it was reviewed, and ends the file. */
    assert_memory_equal(registry_document(r).data, "# A registry", 12);
    assert_ptr_equal(registry_document(r).data + registry_document(r).len, registry_file(r).data + file.len);
    registry_free(r);
    buffer_free(&document);
    buffer_free(&file);
}

static void too_few_or_strange_signatures_do_not_open(void **state)
{
    (void)state;
    struct buffer file = sign(3, NULL, 3);
    refused_pinned(&file, 7, 3, ERROR_INTEGRITY);
    refused_pinned(&file, 4, 1, ERROR_INTEGRITY);
    refused_pinned(&file, 8, 1, ERROR_INTEGRITY);
    refused_pinned(&file, 7, 4, ERROR_CONFIG);
    refused_pinned(&file, 7, 0, ERROR_CONFIG);
    struct error e = {0};
    const char *twice[] = {vkeys[0], vkeys[0]};
    struct registry_authority pinned = {twice, 2, 2};
    assert_null(registry_open_signed(buffer_bytes(&file), NULL, &pinned, NULL, &e));
    assert_int_equal(e.kind, ERROR_CONFIG);
    buffer_free(&file);
}

static void no_byte_of_a_signed_registry_can_be_changed(void **state)
{
    (void)state;
    struct buffer file = sign(3, NULL, 3);
    struct error e;
    /* Every byte of the note; of the document every 97th and the first and last. */
    const char *separator = memmem(file.data, file.len, "\n---\n", 5);
    size_t note = (size_t)(separator - (const char *)file.data) + 5;
    for (size_t i = 0; i < file.len; i += i < note + 8 || i + 100 > file.len ? 1 : 97) {
        file.data[i] ^= 1;
        struct registry *r = open_pinned(&file, 3, 2, &e);
        if (r != NULL)
            fail_msg("byte %zu can be changed", i);
        if (e.kind != ERROR_INTEGRITY)
            fail_msg("byte %zu: %s", i, e.text);
        file.data[i] ^= 1;
    }
    for (size_t cut = 1; cut < file.len; cut += 61) {
        struct buffer part = {file.data, file.len - cut, 0};
        refused_pinned(&part, 3, 2, ERROR_INTEGRITY);
    }
    buffer_append(&file, "\n", 1);
    refused_pinned(&file, 3, 2, ERROR_INTEGRITY);
    struct buffer empty = {0};
    refused_pinned(&empty, 3, 2, ERROR_INTEGRITY);
    buffer_free(&file);
}

static struct registry *follow(const struct buffer *file, const struct registry *previous, struct error *e)
{
    *e = (struct error){0};
    return registry_open_signed(buffer_bytes(file), previous, NULL, NULL, e);
}

static void the_version_rises_and_never_falls_back(void **state)
{
    (void)state;
    struct buffer third = sign(3, NULL, 3), fourth = sign(4, &third, 3), sixth = sign(6, &fourth, 6);
    struct error e;
    struct registry *r3 = open_pinned(&third, 7, 2, &e);
    struct registry *r4 = follow(&fourth, r3, &e);
    assert_non_null(r4);
    /* A version that was missed does not stop it. */
    struct registry *r6 = follow(&sixth, r3, &e);
    assert_non_null(r6);
    assert_null(follow(&third, r4, &e));
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "roll-back"));
    struct registry *same = follow(&fourth, r4, &e);
    assert_ptr_equal(same, r4);
    registry_free(same);
    registry_free(r3);
    registry_free(r4);
    registry_free(r6);
    buffer_free(&third);
    buffer_free(&fourth);
    buffer_free(&sixth);
}

static void two_registries_of_one_version_are_found(void **state)
{
    (void)state;
    struct buffer third = sign(3, NULL, 3), document = {0}, other = {0};
    struct error e;
    sample_document(&document);
    buffer_append_string(&document, "# other\n");
    assert_int_equal(try_sign(&document, NULL, 3, &other, &e), 0);
    struct registry *r3 = open_pinned(&third, 7, 2, &e);
    assert_null(follow(&other, r3, &e));
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_non_null(strstr(e.text, "two registries"));
    /* One that follows the other does not follow ours. */
    struct buffer fourth = sign(4, &other, 3), first = sign(4, NULL, 3);
    assert_null(follow(&fourth, r3, &e));
    assert_non_null(strstr(e.text, "does not follow"));
    assert_null(follow(&first, r3, &e));
    assert_non_null(strstr(e.text, "does not follow"));
    registry_free(r3);
    buffer_free(&first);
    buffer_free(&fourth);
    buffer_free(&other);
    buffer_free(&document);
    buffer_free(&third);
}

static void a_new_authority_is_named_by_the_old_one(void **state)
{
    (void)state;
    struct buffer third = sign(3, NULL, 3), document = {0}, fourth = {0}, fifth = {0};
    struct error e;
    struct registry *r3 = open_pinned(&third, 7, 2, &e);
    /* Version 4 replaces the third key by the one that was nobody's; its own signers are still the old ones.
     */
    sample_version(4, &document);
    sample_replace(&document, vkeys[2], vkeys[3]);
    assert_int_equal(try_sign(&document, &third, 1 | 8, &fourth, &e), -1);
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_int_equal(try_sign(&document, &third, 1 | 4, &fourth, &e), 0);
    struct registry *r4 = follow(&fourth, r3, &e);
    assert_non_null(r4);
    /* Version 5 can be signed by the new one, and opens under version 4 but not under version 3. */
    buffer_clear(&document);
    sample_version(5, &document);
    assert_int_equal(try_sign(&document, &fourth, 2 | 8, &fifth, &e), 0);
    struct registry *r5 = follow(&fifth, r4, &e);
    assert_non_null(r5);
    assert_null(follow(&fifth, r3, &e));
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    registry_free(r3);
    registry_free(r4);
    registry_free(r5);
    buffer_free(&third);
    buffer_free(&document);
    buffer_free(&fourth);
    buffer_free(&fifth);
}

static void signing_refuses_what_nobody_could_open(void **state)
{
    (void)state;
    struct buffer third = sign(3, NULL, 3), document = {0}, out = {0};
    struct error e = {0};
    sample_version(3, &document);
    assert_int_equal(try_sign(&document, &third, 3, &out, &e), -1); /* does not rise */
    assert_non_null(strstr(e.text, "does not rise"));
    buffer_clear(&document);
    sample_version(2, &document);
    assert_int_equal(try_sign(&document, &third, 3, &out, &e), -1);
    buffer_clear(&document);
    sample_version(4, &document);
    assert_int_equal(try_sign(&document, &third, 1, &out, &e), -1); /* one signature of two */
    assert_int_equal(e.kind, ERROR_USAGE);
    assert_int_equal(try_sign(&document, &third, 9, &out, &e), -1); /* nobody's key */
    assert_int_equal(try_sign(&document, NULL, 9, &out, &e), -1);
    sample_replace(&document, "purpose: transfer", "purpose: curiosity");
    assert_int_equal(try_sign(&document, &third, 3, &out, &e), -1); /* a fault */
    assert_int_equal(e.kind, ERROR_CONFIG);
    third.data[third.len - 2] ^= 1;
    buffer_clear(&document);
    sample_version(4, &document);
    assert_int_equal(try_sign(&document, &third, 3, &out, &e), -1); /* a previous file that is not whole */
    assert_int_equal(e.kind, ERROR_INTEGRITY);
    assert_int_equal(out.len, 0);
    struct bytes bytes = buffer_bytes(&document);
    const char *twice[] = {paths[0], paths[0]};
    struct faults faults = {0};
    assert_int_equal(registry_sign(bytes, "sample.yaml", NULL, twice, 2, &out, &faults, &e), -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    faults_free(&faults);
    buffer_free(&third);
    buffer_free(&document);
    buffer_free(&out);
}

/* What the authority signed by other means than ours: the note and the document disagree. */
static void forge(const struct buffer *good, const char *from, const char *to, struct buffer *out)
{
    const struct sample_keys *keys = sample_keys();
    const char *blank = memmem(good->data, good->len, "\n\n", 2);
    const char *separator = memmem(good->data, good->len, "---\n", 4);
    struct buffer text = {0};
    buffer_append(&text, good->data, (size_t)(blank - (const char *)good->data) + 1);
    sample_replace(&text, from, to);
    note_sign(&keys->authority[0], buffer_bytes(&text), 0, out);
    note_sign_line(&keys->authority[1], buffer_bytes(&text), 0, out);
    buffer_append(out, separator, good->len - (size_t)(separator - (const char *)good->data));
    buffer_free(&text);
}

static void the_note_must_say_what_the_document_says(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"version 3", "version 4"},
        {"\nTN\n", "\nFR\n"},
        {"valid-until 2027", "valid-until 2028"},
        {"version 3", "version 03"},
        {"previous -", "previous x"},
        {"wasl-registry/1", "wasl-registry/2"},
        {"previous -\n", ""},
        {"previous -\n", "previous -\nmore\n"},
    };
    struct buffer file = sign(3, NULL, 3), forged = {0};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        forge(&file, changes[i][0], changes[i][1], &forged);
        refused_pinned(&forged, 7, 2, ERROR_INTEGRITY);
        buffer_clear(&forged);
    }
    forge(&file, "version 3", "version 3", &forged); /* the control: forging itself works */
    struct error e;
    struct registry *r = open_pinned(&forged, 7, 2, &e);
    assert_non_null(r);
    registry_free(r);
    buffer_free(&forged);
    buffer_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_registry_opens_under_its_authority),
        cmocka_unit_test(too_few_or_strange_signatures_do_not_open),
        cmocka_unit_test(no_byte_of_a_signed_registry_can_be_changed),
        cmocka_unit_test(the_version_rises_and_never_falls_back),
        cmocka_unit_test(two_registries_of_one_version_are_found),
        cmocka_unit_test(a_new_authority_is_named_by_the_old_one),
        cmocka_unit_test(signing_refuses_what_nobody_could_open),
        cmocka_unit_test(the_note_must_say_what_the_document_says),
    };
    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
