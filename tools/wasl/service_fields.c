/* Answers of a description: the media type, and the JSON Pointers to what they hold. */
#include "wasl/service_import.h"

#include "registry/fields.h"
#include "registry/identifier.h"

#include <stdlib.h>
#include <string.h>

#define VISITED_MOST 20000
#define DEPTH_MOST   64

/* Where a walk stands. */
struct spot {
    struct import *im;
    const char *place;                    /* of the operation */
    struct buffer pointer;                /* JSON Pointer to here, without a terminating zero */
    const yaml_node_t *above[DEPTH_MOST]; /* schemas that we are inside of */
    size_t depth;
};

/* --- fields --- */

/* True when it is new. */
static bool add_field(struct spot *s, const yaml_node_t *node)
{
    struct import *im = s->im;
    struct buffer text = {0};
    buffer_append_bytes(&text, buffer_bytes(&s->pointer));
    buffer_append(&text, "", 1);
    char *pointer = (char *)text.data;
    bool known = false;
    for (size_t i = 0; i < im->field_count; i++)
        known = known || strcmp(im->fields[i], pointer) == 0;
    if (known) {
        /* nothing to add */
    } else if (pointer[0] == 0) {
        import_lose(im, node, s->place,
                    "the answer as a whole has no fields to name: only a grant with whole: true can give it");
    } else if (!fields_pointer_valid(pointer)) {
        import_lose(im, node, s->place,
                    "%.80s...: no field that a grant could name (16 steps, 512 bytes): left out", pointer);
    } else if (im->field_count < IMPORT_FIELDS_MOST) {
        im->fields[im->field_count++] = pointer;
        return true;
    } else if (!im->fields_full) {
        import_lose(im, node, s->place, "%s and what follows: left out, a service has at most %d fields",
                    pointer, IMPORT_FIELDS_MOST);
        im->fields_full = true;
    }
    free(pointer);
    return false;
}

/* Text of the pointer for a remark. */
#define HERE(s)                                                                                              \
    (int)((s)->pointer.len < 120 ? (s)->pointer.len : 120),                                                  \
        (const char *)((s)->pointer.len > 0 ? (const char *)(s)->pointer.data : "")

static void walk(struct spot *s, const yaml_node_t *schema);

/* Everything that this schema says of the value here; true when it said what is inside of it. */
static bool walk_properties(struct spot *s, const yaml_node_t *schema)
{
    const yaml_node_t *properties = openapi_member(s->im->document, schema, "properties"), *key, *value;
    size_t i = 0;
    for (; openapi_pair(s->im->document, properties, i, &key, &value); i++) {
        const char *name = openapi_text(key);
        size_t before = s->pointer.len;
        if (name[0] == 0 || strcmp(name, "*") == 0) {
            import_lose(s->im, key, s->place, "%.*s/%s: a field cannot be named so: left out", HERE(s), name);
            continue;
        }
        buffer_append_string(&s->pointer, "/");
        for (const char *p = name; *p != 0; p++)
            buffer_append(&s->pointer,
                          *p == '~'   ? "~0"
                          : *p == '/' ? "~1"
                                      : p,
                          *p == '~' || *p == '/' ? 2 : 1);
        walk(s, value);
        s->pointer.len = before;
    }
    return i > 0;
}

static bool walk_items(struct spot *s, const yaml_node_t *schema)
{
    static const char *const lists[] = {"items", "prefixItems"};
    bool any = false;
    for (size_t l = 0; l < 2; l++) {
        const yaml_node_t *items = openapi_member(s->im->document, schema, lists[l]);
        size_t before = s->pointer.len;
        if (items == NULL)
            continue;
        any = true;
        buffer_append_string(&s->pointer, "/*");
        if (items->type != YAML_SEQUENCE_NODE)
            walk(s, items);
        for (size_t i = 0; openapi_item(s->im->document, items, i) != NULL; i++)
            walk(s, openapi_item(s->im->document, items, i));
        s->pointer.len = before;
    }
    return any;
}

static bool walk_branches(struct spot *s, const yaml_node_t *schema)
{
    static const char *const kinds[] = {"allOf", "oneOf", "anyOf"};
    const yaml_node_t *branch;
    bool any = false;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        const yaml_node_t *list = openapi_member(s->im->document, schema, kinds[k]);
        for (size_t i = 0; (branch = openapi_item(s->im->document, list, i)) != NULL; i++) {
            const char *type = openapi_member_text(s->im->document, branch, "type");
            any = true;
            if (type == NULL || strcmp(type, "null") != 0)
                walk(s, branch);
        }
    }
    return any;
}

static bool has_type(const struct spot *s, const yaml_node_t *schema, const char *wanted)
{
    const yaml_node_t *type = openapi_member(s->im->document, schema, "type"), *item;
    bool has = openapi_text(type) != NULL && strcmp(openapi_text(type), wanted) == 0;
    for (size_t i = 0; (item = openapi_item(s->im->document, type, i)) != NULL; i++)
        has = has || (openapi_text(item) != NULL && strcmp(openapi_text(item), wanted) == 0);
    return has;
}

static void walk_inside(struct spot *s, const yaml_node_t *schema)
{
    struct import *im = s->im;
    bool said = walk_properties(s, schema);
    said = walk_items(s, schema) || said;
    said = walk_branches(s, schema) || said;
    const yaml_node_t *more = openapi_member(im->document, schema, "additionalProperties");
    bool keyed = (more != NULL && more->type == YAML_MAPPING_NODE) ||
                 openapi_member(im->document, schema, "patternProperties") != NULL;
    bool whole = keyed || (!said && has_type(s, schema, "object"));
    if ((keyed || !said) && add_field(s, schema) && whole)
        import_note(im, schema, s->place, "%.*s: %s: it can be granted as a whole only", HERE(s),
                    keyed ? "its keys are data, which no field names"
                          : "an object that is not described further");
}

static void walk(struct spot *s, const yaml_node_t *schema)
{
    struct import *im = s->im;
    if (im->visited == VISITED_MOST + 1)
        return;
    if (++im->visited > VISITED_MOST) {
        import_lose(im, schema, s->place,
                    "the schemas unfold into more than %d: the rest of the fields is left out", VISITED_MOST);
        return;
    }
    schema = import_follow(im, schema, s->place);
    if (schema == NULL)
        return;
    for (size_t i = 0; i < s->depth; i++)
        if (s->above[i] == schema) {
            if (s->pointer.len > 0 && add_field(s, schema))
                import_note(
                    im, schema, s->place,
                    "%.*s: the schema contains itself: from here on it can be granted as a whole only",
                    HERE(s));
            return;
        }
    if (s->depth == DEPTH_MOST) {
        import_lose(im, schema, s->place, "%.*s: nested deeper than %d levels: left out", HERE(s),
                    DEPTH_MOST);
        return;
    }
    s->above[s->depth++] = schema;
    walk_inside(s, schema);
    s->depth--;
}

/* --- answers --- */

static bool is_json(const char *media_type)
{
    size_t len = strlen(media_type);
    return strcmp(media_type, "application/json") == 0 ||
           (len > 5 && strcmp(media_type + len - 5, "+json") == 0);
}

/* Without its parameters. False: not a type that the registry could hold. */
static bool plain_type(const char *text, char out[65])
{
    size_t len = strcspn(text, "; \t");
    if (len > 64)
        return false;
    memcpy(out, text, len);
    out[len] = 0;
    return code_valid(bytes_of_string(out));
}

/* Media types of an answer by position: keys of content, or texts of produces. NULL past the end. */
static const yaml_node_t *type_node(const struct import *im, const yaml_node_t *op, const yaml_node_t *answer,
                                    size_t i)
{
    const yaml_node_t *key = NULL;
    if (!openapi_is_swagger(im->document)) {
        openapi_pair(im->document, openapi_member(im->document, answer, "content"), i, &key, NULL);
        return key;
    }
    const yaml_node_t *list = openapi_member(im->document, op, "produces");
    if (openapi_member(im->document, answer, "schema") == NULL)
        return NULL;
    return openapi_item(
        im->document,
        list != NULL ? list : openapi_member(im->document, openapi_root(im->document), "produces"), i);
}

static const yaml_node_t *schema_of(const struct import *im, const yaml_node_t *answer)
{
    const yaml_node_t *key, *value, *content = openapi_member(im->document, answer, "content");
    if (openapi_is_swagger(im->document))
        return openapi_member(im->document, answer, "schema");
    for (size_t i = 0; openapi_pair(im->document, content, i, &key, &value); i++) {
        char type[65];
        if (plain_type(openapi_text(key), type) && strcmp(type, im->media_type) == 0)
            return openapi_member(im->document, value, "schema");
    }
    return NULL;
}

/* Calls for each good answer of each operation. */
static void each_answer(struct import *im,
                        void (*call)(struct import *, const struct import_operation *, const yaml_node_t *))
{
    for (size_t i = 0; i < im->operation_count; i++) {
        const struct import_operation *op = &im->operations[i];
        const yaml_node_t *list = openapi_member(im->document, op->node, "responses"), *key, *value;
        for (size_t k = 0; openapi_pair(im->document, list, k, &key, &value); k++) {
            const char *status = openapi_text(key);
            const yaml_node_t *answer =
                strlen(status) == 3 && status[0] == '2' ? import_follow(im, value, op->place) : NULL;
            if (answer != NULL)
                call(im, op, answer);
        }
    }
}

/* The first JSON type of all, else the first. */
static void choose_type(struct import *im, const struct import_operation *op, const yaml_node_t *answer)
{
    const yaml_node_t *node;
    char type[65];
    for (size_t i = 0; (node = type_node(im, op->node, answer, i)) != NULL; i++) {
        if (openapi_text(node) == NULL || !plain_type(openapi_text(node), type))
            continue;
        if (im->media_type[0] == 0 || (is_json(type) && !is_json(im->media_type)))
            strcpy(im->media_type, type);
    }
}

static void name_other_types(struct import *im, const struct import_operation *op, const yaml_node_t *answer)
{
    const yaml_node_t *node;
    char type[65];
    for (size_t i = 0; (node = type_node(im, op->node, answer, i)) != NULL; i++) {
        const char *text = openapi_text(node);
        if (text == NULL || !plain_type(text, type) || strcmp(type, im->media_type) != 0)
            import_lose(im, node, op->place,
                        "answers as %.64s too: a service has one media type, and it became %s",
                        text != NULL ? text : "something that is no text", im->media_type);
    }
}

static void name_body_type(struct import *im, const struct import_operation *op, const yaml_node_t *node)
{
    const char *text = openapi_text(node);
    char type[65];
    if (text == NULL || !plain_type(text, type) || strcmp(type, im->media_type) != 0)
        import_lose(im, node, op->place, "takes bodies of %.64s: the registry names one media type, %s",
                    text != NULL ? text : "something that is no text", im->media_type);
}

/* Bodies of requests pass as they are; what the registry says of them is the same media type. */
static void name_body_types(struct import *im, const struct import_operation *op)
{
    const yaml_node_t *key, *root = openapi_root(im->document);
    bool takes =
        strcmp(op->method, "POST") == 0 || strcmp(op->method, "PUT") == 0 || strcmp(op->method, "PATCH") == 0;
    if (openapi_is_swagger(im->document)) {
        const yaml_node_t *list = openapi_member(im->document, op->node, "consumes");
        if (list == NULL)
            list = openapi_member(im->document, root, "consumes");
        for (size_t i = 0; takes && (key = openapi_item(im->document, list, i)) != NULL; i++)
            name_body_type(im, op, key);
        return;
    }
    const yaml_node_t *body = openapi_member(im->document, op->node, "requestBody");
    const yaml_node_t *content =
        body != NULL ? openapi_member(im->document, import_follow(im, body, op->place), "content") : NULL;
    for (size_t i = 0; openapi_pair(im->document, content, i, &key, NULL); i++)
        name_body_type(im, op, key);
}

static void read_fields(struct import *im, const struct import_operation *op, const yaml_node_t *answer)
{
    struct spot spot = {.im = im, .place = op->place};
    const yaml_node_t *schema = schema_of(im, answer);
    if (schema != NULL)
        walk(&spot, schema);
    buffer_free(&spot.pointer);
}

void import_fields(struct import *im)
{
    im->fields = memory_zeroed(IMPORT_FIELDS_MOST, sizeof *im->fields);
    each_answer(im, choose_type);
    if (im->media_type[0] == 0) {
        strcpy(im->media_type, "application/json");
        import_note(im, openapi_root(im->document), "", "no answer says its media type: %s was taken",
                    im->media_type);
    }
    each_answer(im, name_other_types);
    for (size_t i = 0; i < im->operation_count; i++)
        name_body_types(im, &im->operations[i]);
    if (is_json(im->media_type))
        each_answer(im, read_fields);
    else
        import_note(im, openapi_root(im->document), "",
                    "%s cannot be reduced to fields: grants need whole: true", im->media_type);
}
