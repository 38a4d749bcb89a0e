/* wasl service: its list of commands, and import, which prints a fragment of a registry. */
#include "base/utf8.h"
#include "crypto/hash.h"
#include "registry/identifier.h"
#include "registry/registry.h"
#include "wasl/command.h"
#include "wasl/service_import.h"

#include <argp.h>
#include <ctype.h>
#include <string.h>

struct import_words {
    const char *file, *code, *retention;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct import_words *words = state->input;
    switch (key) {
    case 'c':
        if (!identifier_part_valid(bytes_of_string(arg)))
            argp_error(state, "a service's code has letters, digits, '.', '_' and '-', at most 64");
        words->code = arg;
        return 0;
    case 'r':
        if (!code_valid(bytes_of_string(arg)))
            argp_error(state, "a retention is a code, such as P5Y");
        words->retention = arg;
        return 0;
    default:
        return command_one_file(key, arg, state, &words->file);
    }
}

/* In double quotes, as YAML and JSON read them. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

/* The title as a name of the registry: one line, no controls, whole characters, at most 200 bytes. */
static void make_name(const char *title, char out[201])
{
    size_t len = 0;
    uint32_t c;
    for (size_t i = 0, n; title != NULL && title[i] != 0; i += n) {
        n = utf8_character(bytes_of_string(title + i), &c);
        if (n == 0 || len + n > 200)
            break;
        bool harmless = utf8_harmless(c);
        if (!harmless)
            out[len++] = ' ';
        else
            memcpy(out + len, title + i, n);
        len += harmless ? n : 0;
    }
    out[len] = 0;
    if (len == 0)
        strcpy(out, "to be named");
}

static void make_code(const char *name, char out[65])
{
    size_t len = 0;
    for (const char *p = name; *p != 0 && len < 48; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x80 && isalnum(c))
            out[len++] = (char)tolower(c);
        else if (len > 0 && out[len - 1] != '-')
            out[len++] = '-';
    }
    while (len > 0 && out[len - 1] == '-')
        len--;
    out[len] = 0;
    if (len == 0)
        strcpy(out, "service");
}

/* What every operation is about; NONE when they differ. */
static enum subject_type common_subject(const struct import *im)
{
    for (size_t i = 1; i < im->operation_count; i++)
        if (im->operations[i].subject != im->operations[0].subject)
            return SUBJECT_NONE;
    return im->operations[0].subject;
}

static void print_fragment(const struct import *im, const struct import_words *words,
                           const uint8_t hash[HASH_SIZE])
{
    char name[201], code[65], hex[2 * HASH_SIZE + 1];
    make_name(openapi_member_text(im->document,
                                  openapi_member(im->document, openapi_root(im->document), "info"), "title"),
              name);
    make_code(name, code);
    hex_encode(hash, HASH_SIZE, hex);
    printf("# Made from a description by wasl service import, to stand under services: of a subsystem. "
           "Before the authority signs it,\n"
           "# a person translates the name, names the retention, and looks at sizes, at each safe, and at "
           "which fields may ever be granted.\n"
           "- code: %s\n  kind: request\n  name:\n",
           words->code != NULL ? words->code : code);
    static const char *const languages[] = {"ar", "fr", "en"};
    for (size_t i = 0; i < 3; i++) {
        printf("    %s: ", languages[i]);
        print_quoted(name);
        printf("\n");
    }
    printf("  media_type: \"%s\"\n", im->media_type);
    enum subject_type subject = common_subject(im);
    if (subject != SUBJECT_NONE)
        printf("  subject: %s\n", subject_type_name(subject));
    printf("  max_request: 64KiB\n  max_response: 1MiB\n  timeout_ms: 10000\n  retention: %s\n  description: "
           "%s\n",
           words->retention != NULL ? words->retention : "TO-BE-NAMED", hex);
    if (im->field_count > 0)
        printf("  fields:\n");
    for (size_t i = 0; i < im->field_count; i++) {
        printf("    - ");
        print_quoted(im->fields[i]);
        printf("\n");
    }
    printf("  operations:\n");
    for (size_t i = 0; i < im->operation_count; i++) {
        const struct import_operation *op = &im->operations[i];
        printf("    - {code: \"%s\", method: %s, path: ", op->code, op->method);
        print_quoted(op->path);
        printf(", safe: %s}\n", op->safe ? "true" : "false");
    }
}

/* What of a document is about how it is reached, and so is the connector's. */
static void note_addresses(struct import *im)
{
    const yaml_node_t *root = openapi_root(im->document);
    const yaml_node_t *base =
        openapi_member(im->document, root, openapi_is_swagger(im->document) ? "basePath" : "servers");
    const yaml_node_t *security =
        openapi_is_swagger(im->document)
            ? openapi_member(im->document, root, "securityDefinitions")
            : openapi_member(im->document, openapi_member(im->document, root, "components"),
                             "securitySchemes");
    if (base != NULL)
        import_note(
            im, base, "",
            "servers and base paths belong to the provider's connector: paths here begin behind them");
    if (security != NULL)
        import_note(im, security, "",
                    "how clients prove who they are is between the provider's connector and its system");
}

static int import_file(const struct import_words *words, struct faults *said, struct error *e)
{
    struct buffer text = {0};
    struct import im = {.name = words->file, .said = said};
    uint8_t hash[HASH_SIZE];
    struct openapi *document = NULL;
    int result = WASL_REFUSED;
    if (file_read(words->file, DESCRIPTION_MOST, &text, e) != 0) {
        if (e->kind == ERROR_FULL) /* no description of that size could be handed out */
            e->kind = ERROR_CONFIG;
        result = command_failed(e);
        goto out;
    }
    sha256(buffer_bytes(&text), hash);
    im.document = document = openapi_load(buffer_bytes(&text), words->file, said);
    if (document == NULL)
        goto out;
    import_operations(&im);
    if (im.operation_count == 0) {
        import_lose(&im, openapi_root(document), "paths",
                    "nothing here could be an operation of the registry");
        goto out;
    }
    import_fields(&im);
    note_addresses(&im);
    print_fragment(&im, words, hash);
    result = im.losses > 0 ? WASL_PARTIAL : WASL_GOOD;
out:
    import_free(&im);
    openapi_free(document);
    buffer_free(&text);
    return result;
}

static int import_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"code", 'c', "CODE", 0, "The service's code (default: made from the title)", 0},
        {"retention", 'r', "CODE", 0, "How long what is kept is kept, such as P5Y (default: to be named)", 0},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    static const struct argp argp = {options,
                                     parse,
                                     "FILE",
                                     "Prints what the registry would say of a service that an OpenAPI (3.0, "
                                     "3.1) or Swagger 2.0 document describes.\v"
                                     "The fragment goes to standard output; on standard error stands, with "
                                     "path and line, what it could not take over and what a "
                                     "person should look at (note:). Exit code 0: everything is in it; 4: "
                                     "something is not; 1: the file is refused.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct import_words words = {0};
    struct faults said = {0};
    struct error e = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &words);
    int result = import_file(&words, &said, &e);
    fwrite(said.text.data, 1, said.text.len, stderr);
    faults_free(&said);
    return result;
}

int command_service(int argc, char **argv)
{
    static const struct subcommand commands[] = {
        {"import", "print the registry's view of an OpenAPI document", import_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch(commands, "Services, as their providers describe them.", argc, argv);
}
