#include "yamlfile.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "error.h"
#include "yamlcheck.h"

#define TEXT_MOST  ((size_t)16 << 20)
#define DEPTH_MOST 16

struct yamlfile {
    char *name;
    yaml_document_t document;
    bool has_document;
    const cyaml_schema_value_t *schema;
    cyaml_data_t *root;
    unsigned root_count; /* where the root is a list */
    /* The first words of libcyaml's log while it loads. */
    struct buffer said;
    cyaml_config_t config;
};

__attribute__((format(printf, 4, 5))) static void fault_at(struct faults *faults, const char *name,
                                                           unsigned line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    faults_add(faults, name, line, "", format, args);
    va_end(args);
}

static unsigned line_of(const yaml_mark_t *mark)
{
    return mark->line < UINT_MAX - 1 ? (unsigned)mark->line + 1 : UINT_MAX;
}

static void syntax_fault(const yaml_parser_t *parser, const char *name, struct faults *faults)
{
    bool reader = parser->error == YAML_READER_ERROR;
    fault_at(faults, name, reader ? line_of(&parser->mark) : line_of(&parser->problem_mark),
             "this is not YAML: %s%s%s", parser->problem != NULL ? parser->problem : "out of memory",
             parser->context != NULL ? ", " : "", parser->context != NULL ? parser->context : "");
}

static void start_parser(yaml_parser_t *parser, struct bytes text)
{
    BUG_ON(yaml_parser_initialize(parser) == 0);
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, text.data, text.len);
}

/* What must be known before a document is built: an alias leaves no mark in the tree, and depth costs stack.
 * Returns false when there is no point in going on. */
static bool scan_events(struct bytes text, const char *name, struct faults *faults)
{
    yaml_parser_t parser;
    unsigned depth = 0, documents = 0;
    bool good = true, more = true;
    start_parser(&parser, text);
    while (good && more) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            syntax_fault(&parser, name, faults);
            good = false;
            break;
        }
        unsigned line = line_of(&event.start_mark);
        switch (event.type) {
        case YAML_STREAM_END_EVENT:
            more = false;
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (++documents == 2)
                fault_at(faults, name, line, "a second document starts here: only one is read");
            break;
        case YAML_ALIAS_EVENT:
            fault_at(faults, name, line, "an alias (*%s): write the value out",
                     (const char *)event.data.alias.anchor);
            break;
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
            if (++depth > DEPTH_MOST) {
                fault_at(faults, name, line, "nested deeper than %d levels", DEPTH_MOST);
                good = false;
            }
            break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            depth--;
            break;
        default:
            break;
        }
        yaml_event_delete(&event);
    }
    if (good && documents == 0) {
        fault_at(faults, name, 1, "the file is empty");
        good = false;
    }
    yaml_parser_delete(&parser);
    return good;
}

static bool load_document(struct yamlfile *file, struct bytes text, struct faults *faults)
{
    yaml_parser_t parser;
    start_parser(&parser, text);
    file->has_document = yaml_parser_load(&parser, &file->document) != 0;
    if (!file->has_document)
        syntax_fault(&parser, file->name, faults);
    yaml_parser_delete(&parser);
    return file->has_document;
}

/* libcyaml says in its log, once for each level, where it stands: the first line says what is wrong. */
__attribute__((format(printf, 3, 0))) static void hear(cyaml_log_t level, void *context, const char *format,
                                                       va_list args)
{
    struct buffer *said = context;
    (void)level;
    if (said->len == 0)
        buffer_vprintf(said, format, args);
}

static void load_structs(struct yamlfile *file, struct bytes text, struct faults *faults)
{
    file->config = (cyaml_config_t){
        .log_fn = hear,
        .log_ctx = &file->said,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
    bool list = file->schema->type == CYAML_SEQUENCE; /* only then may a place for its count be given */
    cyaml_err_t code = cyaml_load_data(text.data, text.len, &file->config, file->schema, &file->root,
                                       list ? &file->root_count : NULL);
    if (code == CYAML_OK)
        return;
    /* Our walk let pass what libcyaml does not take; its words are all that is known. */
    struct bytes words = buffer_bytes(&file->said);
    while (words.len > 0 && words.data[words.len - 1] == '\n')
        words.len--;
    fault_at(faults, file->name, 1, "%s: %.*s", cyaml_strerror(code), (int)words.len,
             words.len > 0 ? (const char *)words.data : "");
}

struct yamlfile *yamlfile_parse(struct bytes text, const char *name, const cyaml_schema_value_t *schema,
                                struct faults *faults)
{
    unsigned before = faults->count;
    struct yamlfile *file = memory_zeroed(1, sizeof *file);
    file->name = string_copy(name);
    file->schema = schema;
    if (text.len > TEXT_MOST) {
        fault_at(faults, name, 1, "the file is larger than 16 MiB");
        goto failed;
    }
    if (text.len == 0) { /* libyaml asserts that there is a text */
        fault_at(faults, name, 1, "the file is empty");
        goto failed;
    }
    if (!scan_events(text, name, faults) || !load_document(file, text, faults))
        goto failed;
    yamlcheck(&file->document, schema, name, faults);
    if (faults->count == before)
        load_structs(file, text, faults);
    if (faults->count != before)
        goto failed;
    return file;
failed:
    yamlfile_free(file);
    return NULL;
}

void yamlfile_free(struct yamlfile *file)
{
    if (file == NULL)
        return;
    if (file->root != NULL)
        cyaml_free(&file->config, file->schema, file->root, file->root_count);
    if (file->has_document)
        yaml_document_delete(&file->document);
    buffer_free(&file->said);
    free(file->name);
    free(file);
}

const void *yamlfile_root(const struct yamlfile *file)
{
    return file->root;
}

/* libyaml's accessors take a document that is not const, but do not change it. */
static yaml_document_t *document_of(const struct yamlfile *file)
{
    return (yaml_document_t *)(uintptr_t)&file->document;
}

/* One step down: "[3]" of a sequence, or "key" of a mapping with or without a dot before it. NULL: there is
 * none. *line is that of the key where there is one: a value may start lines below it. */
static yaml_node_t *step(yaml_document_t *document, yaml_node_t *node, const char **path, unsigned *line)
{
    const char *p = *path;
    if (*p == '[') {
        char *end;
        unsigned long index = strtoul(p + 1, &end, 10);
        if (node->type != YAML_SEQUENCE_NODE || end == p + 1 || *end != ']')
            return NULL;
        yaml_node_item_t *first = node->data.sequence.items.start;
        if (index >= (unsigned long)(node->data.sequence.items.top - first))
            return NULL;
        node = yaml_document_get_node(document, first[index]);
        *line = line_of(&node->start_mark);
        *path = end + 1;
        return node;
    }
    if (*p == '.')
        p++;
    size_t len = strcspn(p, ".[");
    if (node->type != YAML_MAPPING_NODE || len == 0)
        return NULL;
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == len &&
            memcmp(key->data.scalar.value, p, len) == 0) {
            *line = line_of(&key->start_mark);
            *path = p + len;
            return yaml_document_get_node(document, pair->value);
        }
    }
    return NULL;
}

/* The line of the path; *whole says whether it or only a parent was found. */
static unsigned find_line(const struct yamlfile *file, const char *path, bool *whole)
{
    yaml_document_t *document = document_of(file);
    yaml_node_t *node = yaml_document_get_root_node(document);
    unsigned line = line_of(&node->start_mark);
    while (*path != '\0') {
        node = step(document, node, &path, &line);
        if (node == NULL)
            break;
    }
    *whole = node != NULL;
    return line;
}

unsigned yamlfile_line(const struct yamlfile *file, const char *path)
{
    bool whole;
    unsigned line = find_line(file, path, &whole);
    return whole ? line : 0;
}

void yamlfile_fault(const struct yamlfile *file, struct faults *faults, const char *path, const char *format,
                    ...)
{
    bool whole;
    va_list args;
    va_start(args, format);
    faults_add(faults, file->name, find_line(file, path, &whole), path, format, args);
    va_end(args);
}
