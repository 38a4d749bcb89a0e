#include "yamlcheck.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"

struct walk {
    yaml_document_t *document;
    const char *name;
    struct faults *faults;
    struct buffer path; /* text with its terminating zero */
    uint8_t *seen;      /* for each node: an alias leads to a node a second time */
};

static void check_value(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema);

__attribute__((format(printf, 3, 4))) static void fault(struct walk *w, const yaml_node_t *node,
                                                        const char *format, ...)
{
    va_list args;
    unsigned line = node->start_mark.line < UINT_MAX - 1 ? (unsigned)node->start_mark.line + 1 : UINT_MAX;
    va_start(args, format);
    faults_add(w->faults, w->name, line, (const char *)w->path.data, format, args);
    va_end(args);
}

/* Goes down one step in the path; what it returns takes it back with path_up. */
__attribute__((format(printf, 2, 3))) static size_t path_down(struct walk *w, const char *format, ...)
{
    size_t before = w->path.len;
    va_list args;
    va_start(args, format);
    w->path.len--;
    buffer_vprintf(&w->path, format, args);
    buffer_append(&w->path, "", 1);
    va_end(args);
    return before;
}

static void path_up(struct walk *w, size_t before)
{
    w->path.len = before;
    w->path.data[before - 1] = '\0';
}

static size_t key_down(struct walk *w, const char *key)
{
    return path_down(w, "%s%s", w->path.len > 1 ? "." : "", key);
}

/* A value as it is shown in a fault: short. */
#define SHOWN "%.40s"

static const char *text_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static bool has_flags(const cyaml_schema_value_t *schema, unsigned flags)
{
    return ((unsigned)schema->flags & flags) == flags;
}

static bool same_word(const cyaml_schema_value_t *schema, const char *a, const char *b)
{
    return has_flags(schema, CYAML_FLAG_CASE_INSENSITIVE) ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

static bool means_null(const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    const char *text = text_of(node);
    if (has_flags(schema, CYAML_FLAG_POINTER_NULL) && text[0] == '\0')
        return true;
    return has_flags(schema, CYAML_FLAG_POINTER_NULL_STR) &&
           (strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
            strcmp(text, "NULL") == 0);
}

/* Nothing stands behind the key. Two quotes are an empty text, which is something. */
static bool is_nothing(const yaml_node_t *node)
{
    return node->data.scalar.length == 0 && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Plain decimal: libcyaml would read a leading zero as octal and stop at the first character that is no
 * digit. */
static bool is_decimal(const char *text)
{
    if (*text == '-')
        text++;
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && text[digits] == '\0' && (digits == 1 || text[0] != '0');
}

static void check_int(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    /* libcyaml 1.3.1 takes one bit less than the type has. */
    int64_t most = (INT64_MAX >> ((8 - schema->data_size) * 8)) / 2, least = -most - 1;
    if (!is_decimal(text_of(node))) {
        fault(w, node, "must be a whole number in decimal digits");
        return;
    }
    errno = 0;
    long long v = strtoll(text_of(node), NULL, 10);
    if (errno == ERANGE || v < least || v > most)
        fault(w, node, "must be a number from %lld to %lld", (long long)least, (long long)most);
}

static void check_unsigned(struct walk *w, const yaml_node_t *node, uint64_t most)
{
    if (!is_decimal(text_of(node))) {
        fault(w, node, "must be a whole number in decimal digits");
        return;
    }
    errno = 0;
    unsigned long long v = strtoull(text_of(node), NULL, 10);
    if (errno == ERANGE || v > most || text_of(node)[0] == '-')
        fault(w, node, "must be a number from 0 to %llu", (unsigned long long)most);
}

static void check_bool(struct walk *w, const yaml_node_t *node)
{
    if (strcmp(text_of(node), "true") != 0 && strcmp(text_of(node), "false") != 0)
        fault(w, node, "must be true or false");
}

static void check_float(struct walk *w, const yaml_node_t *node)
{
    char *end;
    const char *text = text_of(node);
    errno = 0;
    strtod(text, &end);
    if (strspn(text, "+-.0123456789eE") != strlen(text) || end == text || *end != '\0' || errno == ERANGE)
        fault(w, node, "must be a number");
}

static void check_string(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    size_t len = node->data.scalar.length;
    if (len < schema->string.min)
        fault(w, node, "must have at least %u %s", schema->string.min,
              schema->string.min == 1 ? "byte" : "bytes");
    if (len > schema->string.max)
        fault(w, node, "must have at most %u bytes; it has %zu", schema->string.max, len);
}

static void check_word(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    struct buffer words = {0};
    for (uint32_t i = 0; i < schema->enumeration.count; i++)
        if (same_word(schema, text_of(node), schema->enumeration.strings[i].str))
            return;
    if (!has_flags(schema, CYAML_FLAG_STRICT) && is_decimal(text_of(node)))
        return;
    for (uint32_t i = 0; i < schema->enumeration.count; i++)
        buffer_printf(&words, "%s%s", i > 0 ? ", " : "", schema->enumeration.strings[i].str);
    fault(w, node, "must be one of %.*s; it is \"" SHOWN "\"", (int)words.len, (const char *)words.data,
          text_of(node));
    buffer_free(&words);
}

static void check_scalar(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    if (memchr(text_of(node), '\0', node->data.scalar.length) != NULL) {
        fault(w, node, "must not contain a NUL");
        return;
    }
    if (means_null(node, schema))
        return;
    if (is_nothing(node) && (schema->type != CYAML_STRING || schema->string.min > 0)) {
        fault(w, node, "has no value");
        return;
    }
    switch (schema->type) {
    case CYAML_INT:
        check_int(w, node, schema);
        break;
    case CYAML_UINT:
        check_unsigned(w, node, UINT64_MAX >> ((8 - schema->data_size) * 8));
        break;
    case CYAML_BOOL:
        check_bool(w, node);
        break;
    case CYAML_ENUM:
        check_word(w, node, schema);
        break;
    case CYAML_FLOAT:
        check_float(w, node);
        break;
    case CYAML_STRING:
        check_string(w, node, schema);
        break;
    default:
        fault(w, node, "must be a %s",
              schema->type == CYAML_MAPPING || schema->type == CYAML_BITFIELD ? "mapping" : "list");
    }
}

static size_t item_count(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

static void check_sequence(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    size_t count = item_count(node);
    if (count < schema->sequence.min)
        fault(w, node, "must have at least %u entries; it has %zu", schema->sequence.min, count);
    if (count > schema->sequence.max)
        fault(w, node, "must have at most %u entries; it has %zu", schema->sequence.max, count);
    for (size_t i = 0; i < count; i++) {
        size_t up = path_down(w, "[%zu]", i);
        check_value(w, yaml_document_get_node(w->document, node->data.sequence.items.start[i]),
                    schema->sequence.entry);
        path_up(w, up);
    }
}

static void check_flags(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    for (size_t i = 0; i < item_count(node); i++) {
        const yaml_node_t *item = yaml_document_get_node(w->document, node->data.sequence.items.start[i]);
        size_t up = path_down(w, "[%zu]", i);
        if (item->type != YAML_SCALAR_NODE)
            fault(w, item, "must be a word");
        else
            check_word(w, item, schema);
        path_up(w, up);
    }
}

/* False, with a fault, when the key of a pair is no text or has stood in this mapping before. */
static bool check_key(struct walk *w, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
                      const yaml_node_t *key)
{
    if (key->type != YAML_SCALAR_NODE || memchr(text_of(key), '\0', key->data.scalar.length) != NULL) {
        fault(w, key, "has a key that is not a text");
        return false;
    }
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *earlier = yaml_document_get_node(w->document, p->key);
        if (earlier->type == YAML_SCALAR_NODE && strcmp(text_of(earlier), text_of(key)) == 0) {
            fault(w, key, "the key \"" SHOWN "\" stands here a second time; first on line %zu", text_of(key),
                  earlier->start_mark.line + 1);
            return false;
        }
    }
    return true;
}

static void unknown_key(struct walk *w, const yaml_node_t *key, const cyaml_schema_value_t *schema)
{
    struct buffer known = {0};
    for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key != NULL; f++)
        buffer_printf(&known, "%s%s", known.len > 0 ? ", " : "", f->key);
    fault(w, key, "unknown key \"" SHOWN "\"; known are %.*s", text_of(key), (int)known.len,
          (const char *)known.data);
    buffer_free(&known);
}

static void check_mapping(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    const cyaml_schema_field_t *fields = schema->mapping.fields;
    size_t field_count = 0;
    while (fields[field_count].key != NULL)
        field_count++;
    bool *present = memory_zeroed(field_count, sizeof *present);

    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(w->document, pair->key);
        size_t i = 0;
        if (!check_key(w, node, pair, key))
            continue;
        while (i < field_count && !same_word(schema, text_of(key), fields[i].key))
            i++;
        if (i == field_count) {
            unknown_key(w, key, schema);
            continue;
        }
        present[i] = true;
        size_t up = key_down(w, fields[i].key);
        check_value(w, yaml_document_get_node(w->document, pair->value), &fields[i].value);
        path_up(w, up);
    }
    for (size_t i = 0; i < field_count; i++) {
        if (present[i] || has_flags(&fields[i].value, CYAML_FLAG_OPTIONAL))
            continue;
        size_t up = key_down(w, fields[i].key);
        fault(w, node, "is missing");
        path_up(w, up);
    }
    free(present);
}

static void check_bitfield(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(w->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(w->document, pair->value);
        uint32_t i = 0;
        if (!check_key(w, node, pair, key))
            continue;
        while (i < schema->bitfield.count &&
               !same_word(schema, text_of(key), schema->bitfield.bitdefs[i].name))
            i++;
        size_t up = key_down(w, text_of(key));
        if (i == schema->bitfield.count)
            fault(w, key, "is no name of these bits");
        else if (value->type != YAML_SCALAR_NODE)
            fault(w, value, "must be a whole number in decimal digits");
        else
            check_unsigned(w, value, UINT64_MAX >> (64 - schema->bitfield.bitdefs[i].bits));
        path_up(w, up);
    }
}

static void check_value(struct walk *w, const yaml_node_t *node, const cyaml_schema_value_t *schema)
{
    size_t index = (size_t)(node - w->document->nodes.start);
    if (w->seen[index]) /* an alias, which has its fault already; following it again could go on for ever */
        return;
    w->seen[index] = 1;
    if (schema->type == CYAML_IGNORE)
        return;
    bool list =
        schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED || schema->type == CYAML_FLAGS;
    bool mapping = schema->type == CYAML_MAPPING || schema->type == CYAML_BITFIELD;
    if (node->type == YAML_SCALAR_NODE)
        check_scalar(w, node, schema);
    else if (node->type == YAML_SEQUENCE_NODE && !list)
        fault(w, node, "must be a %s, not a list", mapping ? "mapping" : "single value");
    else if (node->type == YAML_MAPPING_NODE && !mapping)
        fault(w, node, "must be a %s, not a mapping", list ? "list" : "single value");
    else if (schema->type == CYAML_FLAGS)
        check_flags(w, node, schema);
    else if (list)
        check_sequence(w, node, schema);
    else if (schema->type == CYAML_MAPPING)
        check_mapping(w, node, schema);
    else
        check_bitfield(w, node, schema);
}

void yamlcheck(yaml_document_t *document, const cyaml_schema_value_t *schema, const char *name,
               struct faults *faults)
{
    struct walk w = {.document = document, .name = name, .faults = faults};
    w.seen = memory_zeroed((size_t)(document->nodes.top - document->nodes.start), 1);
    buffer_append(&w.path, "", 1);
    check_value(&w, yaml_document_get_root_node(document), schema);
    buffer_free(&w.path);
    free(w.seen);
}
