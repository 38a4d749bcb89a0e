#include "base/yamlfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <stdio.h>

/* A form with one field of each type. */
enum colour { RED, GREEN };

struct part {
    char *code;
    uint8_t size;
};

struct whole {
    char *name;
    enum colour colour;
    bool open;
    int32_t height;
    uint16_t width;
    uint64_t large;
    double ratio;
    char *note;
    struct part *parts;
    unsigned parts_count;
    char **words;
    unsigned words_count;
    unsigned marks;
};

static const cyaml_strval_t colours[] = {{"red", RED}, {"green", GREEN}};
static const cyaml_strval_t marks[] = {{"new", 1}, {"old", 2}};

static const cyaml_schema_field_t part_fields[] = {
    CYAML_FIELD_STRING_PTR("code", CYAML_FLAG_POINTER, struct part, code, 1, 8),
    CYAML_FIELD_UINT("size", CYAML_FLAG_OPTIONAL, struct part, size),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t part_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct part, part_fields)};
static const cyaml_schema_value_t word_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t whole_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct whole, name, 1, 100),
    CYAML_FIELD_ENUM("colour", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct whole, colour, colours, 2),
    CYAML_FIELD_BOOL("open", CYAML_FLAG_OPTIONAL, struct whole, open),
    CYAML_FIELD_INT("height", CYAML_FLAG_OPTIONAL, struct whole, height),
    CYAML_FIELD_UINT("width", CYAML_FLAG_OPTIONAL, struct whole, width),
    CYAML_FIELD_UINT("large", CYAML_FLAG_OPTIONAL, struct whole, large),
    CYAML_FIELD_FLOAT("ratio", CYAML_FLAG_OPTIONAL, struct whole, ratio),
    CYAML_FIELD_STRING_PTR("note", CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, struct whole, note, 0, 100),
    CYAML_FIELD_SEQUENCE("parts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct whole, parts, &part_schema,
                         1, 3),
    CYAML_FIELD_SEQUENCE("words", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct whole, words, &word_schema,
                         0, 3),
    CYAML_FIELD_FLAGS("marks", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct whole, marks, marks, 2),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct whole, whole_fields)};

static struct yamlfile *good(const char *text)
{
    struct faults faults = {0};
    struct yamlfile *file = yamlfile_parse(bytes_of_string(text), "f.yaml", &schema, &faults);
    if (file == NULL)
        fail_msg("%.*s", (int)faults.text.len, (const char *)faults.text.data);
    assert_int_equal(faults.count, 0);
    faults_free(&faults);
    return file;
}

/* Exactly these faults, LF after each. */
static void expect_faults(struct bytes text, const char *expected)
{
    struct faults faults = {0};
    struct yamlfile *file = yamlfile_parse(text, "f.yaml", &schema, &faults);
    assert_null(file);
    assert_true(faults.count > 0);
    buffer_append(&faults.text, "", 1);
    assert_string_equal((const char *)faults.text.data, expected);
    faults_free(&faults);
}

#define bad(text, expected) expect_faults(bytes_make(text, sizeof(text) - 1), expected)

/* One fault whose words are the library's: only its place is ours. */
static void expect_fault_on_line(const char *text, size_t len, const char *start)
{
    struct faults faults = {0};
    assert_null(yamlfile_parse(bytes_make(text, len), "f.yaml", &schema, &faults));
    assert_int_equal(faults.count, 1);
    buffer_append(&faults.text, "", 1);
    if (strncmp((const char *)faults.text.data, start, strlen(start)) != 0)
        fail_msg("%s", (const char *)faults.text.data);
    faults_free(&faults);
}

static void a_good_file_is_loaded_into_structs(void **state)
{
    (void)state;
    struct yamlfile *file =
        good("name: وزارة\n"
             "colour: green\nopen: true\nheight: -5\nwidth: 65535\nlarge: 18446744073709551615\n"
             "ratio: 1.5\nnote:\nparts:\n- code: a\n  size: 255\n- {code: b}\nwords: [x, '']\n"
             "marks: [new, old]\n");
    const struct whole *w = yamlfile_root(file);
    assert_string_equal(w->name, "وزارة");
    assert_int_equal(w->colour, GREEN);
    assert_true(w->open);
    assert_int_equal(w->height, -5);
    assert_int_equal(w->width, 65535);
    assert_true(w->large == UINT64_MAX);
    assert_true(w->ratio > 1.4 && w->ratio < 1.6);
    assert_null(w->note);
    assert_int_equal(w->parts_count, 2);
    assert_string_equal(w->parts[1].code, "b");
    assert_int_equal(w->parts[0].size, 255);
    assert_int_equal(w->parts[1].size, 0);
    assert_int_equal(w->words_count, 2);
    assert_string_equal(w->words[1], "");
    assert_int_equal(w->marks, 3);
    yamlfile_free(file);
}

static void a_false_flag_and_an_empty_list_are_values(void **state)
{
    (void)state;
    struct yamlfile *file = good("name: x\nopen: false\nwords: []\n");
    const struct whole *w = yamlfile_root(file);
    assert_false(w->open);
    assert_int_equal(w->words_count, 0);
    yamlfile_free(file);
}

static void every_fault_is_reported_with_path_and_line(void **state)
{
    (void)state;
    bad("colour: blue\n"
        "open: maybe\n"
        "height: 12abc\n"
        "width: 65536\n"
        "colur: red\n"
        "parts:\n"
        "- code: \"\"\n"
        "- size: -1\n"
        "- code: x\n"
        "  size: [1]\n"
        "  size: 2\n"
        "words:\n"
        "  a: b\n",
        "f.yaml:1: colour: must be one of red, green; it is \"blue\"\n"
        "f.yaml:1: name: is missing\n"
        "f.yaml:2: open: must be true or false\n"
        "f.yaml:3: height: must be a whole number in decimal digits\n"
        "f.yaml:4: width: must be a number from 0 to 65535\n"
        "f.yaml:5: unknown key \"colur\"; known are name, colour, open, height, width, large, ratio, note, "
        "parts, words, "
        "marks\n"
        "f.yaml:7: parts[0].code: must have at least 1 byte\n"
        "f.yaml:8: parts[1].size: must be a number from 0 to 255\n"
        "f.yaml:8: parts[1].code: is missing\n"
        "f.yaml:10: parts[2].size: must be a single value, not a list\n"
        "f.yaml:11: parts[2]: the key \"size\" stands here a second time; first on line 10\n"
        "f.yaml:13: words: must be a list, not a mapping\n");
}

static void a_number_has_no_second_reading(void **state)
{
    (void)state;
    bad("name: x\nwidth: 010\n", "f.yaml:2: width: must be a whole number in decimal digits\n");
    bad("name: x\nwidth: 0x10\n", "f.yaml:2: width: must be a whole number in decimal digits\n");
    bad("name: x\nwidth: -0\n", "f.yaml:2: width: must be a number from 0 to 65535\n");
    bad("name: x\nwidth: 1_000\n", "f.yaml:2: width: must be a whole number in decimal digits\n");
    bad("name: x\nlarge: 18446744073709551616\n",
        "f.yaml:2: large: must be a number from 0 to 18446744073709551615\n");
    bad("name: x\nratio: nan\n", "f.yaml:2: ratio: must be a number\n");
    bad("name: x\nratio: 1,5\n", "f.yaml:2: ratio: must be a number\n");
    bad("name: x\nopen: yes\n", "f.yaml:2: open: must be true or false\n");
}

static void every_number_that_passes_the_check_is_loaded_as_it_stands(void **state)
{
    (void)state;
    static const long long values[] = {-1073741824, -1073741823, -1, 0, 1, 1073741822, 1073741823};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "name: x\nheight: %lld\n", values[i]);
        struct yamlfile *file = good(text);
        assert_true(((const struct whole *)yamlfile_root(file))->height == values[i]);
        yamlfile_free(file);
    }
    bad("name: x\nheight: 2147483648\n",
        "f.yaml:2: height: must be a number from -1073741824 to 1073741823\n");
}

static void bounds_of_texts_and_lists_hold(void **state)
{
    (void)state;
    bad("name: x\nparts: []\n", "f.yaml:2: parts: must have at least 1 entries; it has 0\n");
    bad("name: x\nparts: [{code: a}, {code: a}, {code: a}, {code: a}]\n",
        "f.yaml:2: parts: must have at most 3 entries; it has 4\n");
    bad("name: x\nparts: [{code: abcdefghi}]\n",
        "f.yaml:2: parts[0].code: must have at most 8 bytes; it has 9\n");
    bad("name:\n", "f.yaml:1: name: has no value\n");
    bad("name: x\nparts:\n", "f.yaml:2: parts: has no value\n");
    bad("name: x\nparts: none\n", "f.yaml:2: parts: must be a list\n");
    bad("name: x\nmarks: [new, odd, [old]]\n", "f.yaml:2: marks[1]: must be one of new, old; it is \"odd\"\n"
                                               "f.yaml:2: marks[2]: must be a word\n");
    bad("name: \"a\\0b\"\n", "f.yaml:1: name: must not contain a NUL\n");
    bad("- name\n", "f.yaml:1: must be a mapping, not a list\n");
    bad("name\n", "f.yaml:1: must be a mapping\n");
}

static void aliases_second_documents_and_merges_are_faults(void **state)
{
    (void)state;
    bad("name: &n x\nnote: *n\n", "f.yaml:2: an alias (*n): write the value out\n");
    bad("name: x\nwords: &w [a, *w]\n", "f.yaml:2: an alias (*w): write the value out\n");
    bad("name: x\n---\nname: y\n", "f.yaml:2: a second document starts here: only one is read\n");
    bad("name: x\n<<: {open: true}\n", "f.yaml:2: unknown key \"<<\"; known are name, colour, open, height, "
                                       "width, large, ratio, note, parts, words, marks\n");
    bad("name: x\n? [a]\n: b\n", "f.yaml:2: has a key that is not a text\n");
}

static void what_is_not_yaml_is_named_with_its_line(void **state)
{
    (void)state;
    static const char unclosed[] = "name: x\nparts: [a\n", tab[] = "name: x\n\tcolour: red\n",
                      utf8[] = "name: x\nnote: \xff\n";
    expect_fault_on_line(unclosed, sizeof unclosed - 1, "f.yaml:3: this is not YAML: ");
    expect_fault_on_line(tab, sizeof tab - 1, "f.yaml:2: this is not YAML: ");
    expect_fault_on_line(utf8, sizeof utf8 - 1, "f.yaml:");
    bad("", "f.yaml:1: the file is empty\n");
    expect_faults((struct bytes){0}, "f.yaml:1: the file is empty\n"); /* as an empty file is read */
    bad("# nothing\n", "f.yaml:1: the file is empty\n");
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 100000; i++)
        buffer_append_string(&text, "[");
    expect_faults(buffer_bytes(&text), "f.yaml:1: nested deeper than 16 levels\n");
    memset(buffer_extend(&text, (size_t)16 << 20), ' ', (size_t)16 << 20);
    expect_faults(buffer_bytes(&text), "f.yaml:1: the file is larger than 16 MiB\n");
    buffer_free(&text);
}

static void a_file_of_nothing_but_faults_is_counted_and_its_text_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct faults faults = {0};
    for (int i = 0; i < 5000; i++)
        buffer_printf(&text, "k%d: 1\n", i);
    assert_null(yamlfile_parse(buffer_bytes(&text), "f.yaml", &schema, &faults));
    assert_int_equal(faults.count, 5001);
    assert_true(faults.text.len < 200000);
    buffer_free(&text);
    faults_free(&faults);
}

static void a_fault_of_meaning_finds_its_line(void **state)
{
    (void)state;
    struct faults faults = {0};
    struct yamlfile *file = good("name: x\n"
                                 "parts:\n"
                                 "- code: a\n"
                                 "- size: 1\n"
                                 "  code:\n"
                                 "    b\n"
                                 "words: [p,\n"
                                 "  q]\n");
    assert_int_equal(yamlfile_line(file, ""), 1);
    assert_int_equal(yamlfile_line(file, "parts"), 2);
    assert_int_equal(yamlfile_line(file, "parts[0].code"), 3);
    assert_int_equal(yamlfile_line(file, "parts[1]"), 4);
    assert_int_equal(yamlfile_line(file, "parts[1].code"), 5);
    assert_int_equal(yamlfile_line(file, "words[1]"), 8);
    assert_int_equal(yamlfile_line(file, "words[2]"), 0);
    assert_int_equal(yamlfile_line(file, "parts.code"), 0);
    assert_int_equal(yamlfile_line(file, "parts[x]"), 0);
    assert_int_equal(yamlfile_line(file, "nam"), 0);

    yamlfile_fault(file, &faults, "words[1]", "is no %s", "word");
    yamlfile_fault(file, &faults, "parts[1].size.unit", "is needed\nhere");
    yamlfile_fault(file, &faults, "parts[1]", "second of the line");
    assert_int_equal(faults.count, 3);
    buffer_append(&faults.text, "", 1);
    assert_string_equal((const char *)faults.text.data, "f.yaml:4: parts[1].size.unit: is needed\\x0ahere\n"
                                                        "f.yaml:4: parts[1]: second of the line\n"
                                                        "f.yaml:8: words[1]: is no word\n");
    faults_free(&faults);
    yamlfile_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_loaded_into_structs),
        cmocka_unit_test(a_false_flag_and_an_empty_list_are_values),
        cmocka_unit_test(every_fault_is_reported_with_path_and_line),
        cmocka_unit_test(a_number_has_no_second_reading),
        cmocka_unit_test(every_number_that_passes_the_check_is_loaded_as_it_stands),
        cmocka_unit_test(bounds_of_texts_and_lists_hold),
        cmocka_unit_test(aliases_second_documents_and_merges_are_faults),
        cmocka_unit_test(what_is_not_yaml_is_named_with_its_line),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(a_file_of_nothing_but_faults_is_counted_and_its_text_bounded),
        cmocka_unit_test(a_fault_of_meaning_finds_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
