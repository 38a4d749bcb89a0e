#include "wasl/openapi_document.h"

#include "base/error.h"
#include "registry/registry.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MOST 64

struct openapi {
    yaml_document_t tree;
    bool has_tree;
    const char *version;
    bool swagger;
};

/* libyaml's accessors take a document that is not const, but do not change it. */
static yaml_document_t *tree_of(const struct openapi *o)
{
    return (yaml_document_t *)(uintptr_t)&o->tree;
}

static unsigned line_of(const yaml_mark_t *mark)
{
    return mark->line < UINT_MAX - 1 ? (unsigned)mark->line + 1 : UINT_MAX;
}

__attribute__((format(printf, 4, 5))) static void fault(struct faults *faults, const char *name,
                                                        unsigned line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    faults_add(faults, name, line, "", format, args);
    va_end(args);
}

/* --- before there is a tree --- */

/* JSON writes characters beyond U+FFFF as two escapes, YAML as one, and libyaml knows YAML. Lines stay. */
static void join_surrogates(struct bytes text, struct buffer *out)
{
    uint8_t high[2], low[2];
    for (size_t i = 0; i < text.len; i++) {
        const char *at = (const char *)text.data + i;
        bool pair = text.len - i >= 12 && at[0] == '\\' && at[1] == 'u' && at[6] == '\\' && at[7] == 'u' &&
                    hex_decode(at + 2, 4, high, 2) && hex_decode(at + 8, 4, low, 2) &&
                    (high[0] & 0xfc) == 0xd8 && (low[0] & 0xfc) == 0xdc;
        if (pair) {
            buffer_printf(out, "\\U%08x",
                          0x10000u + ((get_u16be(high) & 0x3ffu) << 10) + (get_u16be(low) & 0x3ffu));
            i += 11;
            continue;
        }
        buffer_append(out, at, 1);
        if (*at == '\\' && i + 1 < text.len) /* an escaped backslash begins no escape */
            buffer_append(out, &text.data[++i], 1);
    }
}

static bool is_json(struct bytes text)
{
    size_t i = 0;
    while (i < text.len && text.data[i] != 0 && strchr(" \t\r\n", text.data[i]) != NULL)
        i++;
    return i < text.len && text.data[i] == '{';
}

static bool start(yaml_parser_t *parser, struct bytes text)
{
    if (yaml_parser_initialize(parser) == 0)
        return false;
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, text.data, text.len);
    return true;
}

/* What is wrong with an event; NULL: nothing. */
static const char *event_fault(const yaml_event_t *event, unsigned *depth, unsigned *documents)
{
    static const char anchored[] = "an anchor (&name): a description writes its values out or uses $ref";
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++*documents > 1 ? "a second document starts here: only one is read" : NULL;
    case YAML_ALIAS_EVENT:
        return "an alias (*name): a description writes its values out or uses $ref";
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL ? anchored : NULL;
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.anchor != NULL)
            return anchored;
        return ++*depth > DEPTH_MOST ? "nested deeper than 64 levels" : NULL;
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor != NULL)
            return anchored;
        return ++*depth > DEPTH_MOST ? "nested deeper than 64 levels" : NULL;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        --*depth;
        return NULL;
    default:
        return NULL;
    }
}

/* Reads it once without keeping anything: what would cost memory or stack is found before it does. */
static bool scan(struct bytes text, const char *name, struct faults *faults)
{
    yaml_parser_t parser;
    unsigned depth = 0, documents = 0;
    bool more = start(&parser, text), good = more;
    while (good && more) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            bool reader = parser.error == YAML_READER_ERROR;
            fault(faults, name, line_of(reader ? &parser.mark : &parser.problem_mark),
                  "this is neither YAML nor JSON: %s", parser.problem != NULL ? parser.problem : "no memory");
            good = false;
            break;
        }
        const char *wrong = event_fault(&event, &depth, &documents);
        if (wrong != NULL)
            fault(faults, name, line_of(&event.start_mark), "%s", wrong);
        good = wrong == NULL;
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (good && documents == 0)
        fault(faults, name, 1, "the file is empty");
    return good && documents > 0;
}

/* --- the tree --- */

static int by_text(const void *a, const void *b)
{
    const yaml_node_t *x = *(const yaml_node_t *const *)a, *y = *(const yaml_node_t *const *)b;
    int order = strcmp(openapi_text(x), openapi_text(y));
    return order != 0
               ? order
               : (x->start_mark.index > y->start_mark.index) - (x->start_mark.index < y->start_mark.index);
}

static bool check_keys(struct openapi *o, const yaml_node_t *mapping, const char *name, struct faults *faults)
{
    size_t count = (size_t)(mapping->data.mapping.pairs.top - mapping->data.mapping.pairs.start);
    const yaml_node_t **keys = memory_zeroed(count + 1, sizeof *keys);
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        openapi_pair(o, mapping, i, &keys[i], NULL);
        good = openapi_text(keys[i]) != NULL;
        if (!good)
            fault(faults, name, openapi_line(keys[i]), "has a key that is not a text");
    }
    if (good && count > 1)
        qsort(keys, count, sizeof *keys, by_text);
    for (size_t i = 1; good && i < count; i++) {
        good = strcmp(openapi_text(keys[i - 1]), openapi_text(keys[i])) != 0;
        if (!good)
            fault(faults, name, openapi_line(keys[i]),
                  "the key \"%.40s\" stands here a second time; first on line %u", openapi_text(keys[i]),
                  openapi_line(keys[i - 1]));
    }
    free(keys);
    return good;
}

static bool check_nodes(struct openapi *o, const char *name, struct faults *faults)
{
    for (const yaml_node_t *node = o->tree.nodes.start; node < o->tree.nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE &&
            memchr(node->data.scalar.value, 0, node->data.scalar.length) != NULL) {
            fault(faults, name, openapi_line(node), "a NUL stands in this text");
            return false;
        }
        if (node->type == YAML_MAPPING_NODE && !check_keys(o, node, name, faults))
            return false;
    }
    return true;
}

static bool check_version(struct openapi *o, const char *name, struct faults *faults)
{
    const char *openapi = openapi_member_text(o, openapi_root(o), "openapi");
    const char *swagger = openapi_member_text(o, openapi_root(o), "swagger");
    o->swagger = openapi == NULL && swagger != NULL;
    o->version = o->swagger ? swagger : openapi;
    if (o->version != NULL &&
        (o->swagger ? strcmp(swagger, "2.0") == 0
                    : strncmp(openapi, "3.0", 3) == 0 || strncmp(openapi, "3.1", 3) == 0))
        return true;
    fault(faults, name, 1, "neither an OpenAPI document of version 3.0 or 3.1 nor a Swagger 2.0 one%s%.20s",
          o->version != NULL ? ": it says " : ": it does not say which",
          o->version != NULL ? o->version : "");
    return false;
}

static bool load_tree(struct openapi *o, struct bytes text, const char *name, struct faults *faults)
{
    yaml_parser_t parser;
    if (!start(&parser, text))
        return false;
    o->has_tree = yaml_parser_load(&parser, &o->tree) != 0;
    yaml_parser_delete(&parser);
    if (!o->has_tree)
        fault(faults, name, 1, "this cannot be read as one document");
    return o->has_tree && check_nodes(o, name, faults);
}

struct openapi *openapi_load(struct bytes text, const char *name, struct faults *faults)
{
    struct openapi *o = memory_zeroed(1, sizeof *o);
    struct buffer joined = {0};
    if (text.len == 0) { /* libyaml asserts that there is a text */
        fault(faults, name, 1, "the file is empty");
        goto failed;
    }
    if (is_json(text)) {
        join_surrogates(text, &joined);
        text = buffer_bytes(&joined);
    }
    if (!scan(text, name, faults) || !load_tree(o, text, name, faults) || !check_version(o, name, faults))
        goto failed;
    buffer_free(&joined);
    return o;
failed:
    buffer_free(&joined);
    openapi_free(o);
    return NULL;
}

void openapi_free(struct openapi *o)
{
    if (o == NULL)
        return;
    if (o->has_tree)
        yaml_document_delete(&o->tree);
    free(o);
}

/* --- reading --- */

const char *openapi_version(const struct openapi *o)
{
    return o->version;
}

bool openapi_is_swagger(const struct openapi *o)
{
    return o->swagger;
}

const yaml_node_t *openapi_root(const struct openapi *o)
{
    return yaml_document_get_root_node(tree_of(o));
}

unsigned openapi_line(const yaml_node_t *node)
{
    return node != NULL ? line_of(&node->start_mark) : 0;
}

const char *openapi_text(const yaml_node_t *node)
{
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

bool openapi_pair(const struct openapi *o, const yaml_node_t *node, size_t i, const yaml_node_t **key,
                  const yaml_node_t **value)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE ||
        i >= (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start))
        return false;
    const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
    if (key != NULL)
        *key = yaml_document_get_node(tree_of(o), pair->key);
    if (value != NULL)
        *value = yaml_document_get_node(tree_of(o), pair->value);
    return true;
}

const yaml_node_t *openapi_item(const struct openapi *o, const yaml_node_t *node, size_t i)
{
    if (node == NULL || node->type != YAML_SEQUENCE_NODE ||
        i >= (size_t)(node->data.sequence.items.top - node->data.sequence.items.start))
        return NULL;
    return yaml_document_get_node(tree_of(o), node->data.sequence.items.start[i]);
}

const yaml_node_t *openapi_member(const struct openapi *o, const yaml_node_t *node, const char *key)
{
    const yaml_node_t *name, *value;
    for (size_t i = 0; openapi_pair(o, node, i, &name, &value); i++)
        if (strcmp(openapi_text(name), key) == 0)
            return value;
    return NULL;
}

const char *openapi_member_text(const struct openapi *o, const yaml_node_t *node, const char *key)
{
    return openapi_text(openapi_member(o, node, key));
}

/* One token of a JSON Pointer in a fragment: percent-encoding first, then ~1 and ~0. False: no such thing. */
static bool decode_token(const char *from, size_t len, struct buffer *out)
{
    buffer_clear(out);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)from[i];
        if (c == '%') {
            if (len - i < 3 || !hex_decode(from + i + 1, 2, &c, 1) || c == 0)
                return false;
            i += 2;
        }
        buffer_append(out, &c, 1);
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->len; i++) {
        uint8_t c = out->data[i];
        if (c == '~') {
            if (i + 1 == out->len || (out->data[i + 1] != '0' && out->data[i + 1] != '1'))
                return false;
            c = out->data[++i] == '0' ? '~' : '/';
        }
        out->data[kept++] = c;
    }
    out->len = kept;
    buffer_append(out, "", 1);
    return true;
}

const yaml_node_t *openapi_find(const struct openapi *o, const char *reference)
{
    const yaml_node_t *node = openapi_root(o);
    struct buffer token = {0};
    const char *at = reference;
    if (*at != '#')
        return NULL;
    for (at++; *at == '/' && node != NULL;) {
        size_t len = strcspn(at + 1, "/");
        uint64_t index;
        if (!decode_token(at + 1, len, &token))
            node = NULL;
        else if (node->type == YAML_SEQUENCE_NODE)
            node = decimal_parse(bytes_make(token.data, token.len - 1), &index) ? openapi_item(o, node, index)
                                                                                : NULL;
        else
            node = openapi_member(o, node, (const char *)token.data);
        at += 1 + len;
    }
    buffer_free(&token);
    return *at == 0 ? node : NULL;
}
