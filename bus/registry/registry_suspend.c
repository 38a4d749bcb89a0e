#include "registry/registry_suspend.h"

#include "base/error.h"
#include "base/faults.h"
#include "registry/registry.h"

#include <inttypes.h>
#include <string.h>
#include <yaml.h>

/* The document as libyaml sees it, and the nodes that matter. */
struct seen {
    yaml_document_t yaml;
    yaml_node_t *version;
    yaml_node_t *member, *id_key, *id, *suspended_key, *suspended; /* the last two may be NULL */
};

/* A part of the text that is replaced. */
struct edit {
    size_t from, to;
    struct buffer text;
};

static bool is_scalar(const yaml_node_t *node, const char *text)
{
    return node != NULL && node->type == YAML_SCALAR_NODE && node->data.scalar.length == strlen(text) &&
           memcmp(node->data.scalar.value, text, strlen(text)) == 0;
}

/* The value of a key of a mapping; NULL. key: the key's own node. */
static yaml_node_t *value_of(yaml_document_t *yaml, const yaml_node_t *mapping, const char *name,
                             yaml_node_t **key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
    for (; pair < mapping->data.mapping.pairs.top; pair++) {
        yaml_node_t *found = yaml_document_get_node(yaml, pair->key);
        if (!is_scalar(found, name))
            continue;
        if (key != NULL)
            *key = found;
        return yaml_document_get_node(yaml, pair->value);
    }
    return NULL;
}

static int see(struct bytes document, const char *member, struct seen *out, struct error *e)
{
    yaml_parser_t parser;
    memset(out, 0, sizeof(*out));
    if (yaml_parser_initialize(&parser) != 1)
        return error_set(e, ERROR_MEMORY, "the YAML parser cannot be started");
    yaml_parser_set_input_string(&parser, document.data, document.len);
    int loaded = yaml_parser_load(&parser, &out->yaml);
    yaml_parser_delete(&parser);
    yaml_node_t *root = loaded == 1 ? yaml_document_get_root_node(&out->yaml) : NULL;
    yaml_node_t *members = value_of(&out->yaml, root, "members", NULL);
    out->version = value_of(&out->yaml, root, "version", NULL);
    if (out->version == NULL || members == NULL || members->type != YAML_SEQUENCE_NODE)
        return error_set(e, ERROR_CONFIG, "the document has no version or no list of members");
    const yaml_node_item_t *item = members->data.sequence.items.start;
    for (; item < members->data.sequence.items.top; item++) {
        yaml_node_t *node = yaml_document_get_node(&out->yaml, *item);
        yaml_node_t *key = NULL, *id = value_of(&out->yaml, node, "id", &key);
        if (!is_scalar(id, member))
            continue;
        out->member = node;
        out->id_key = key;
        out->id = id;
        out->suspended = value_of(&out->yaml, node, "suspended", &out->suspended_key);
        return 0;
    }
    return error_set(e, ERROR_NOT_FOUND, "the registry has no member %s", member);
}

static void seen_clear(struct seen *seen)
{
    yaml_document_delete(&seen->yaml);
}

/* libyaml counts characters, an edit bytes. */
static size_t byte_of(struct bytes document, size_t character)
{
    size_t at = 0;
    for (; at < document.len; at++)
        if ((document.data[at] & 0xc0) != 0x80 && character-- == 0)
            break;
    return at;
}

static struct edit edit_of_node(struct bytes document, const yaml_node_t *node)
{
    return (struct edit){.from = byte_of(document, node->start_mark.index),
                         .to = byte_of(document, node->end_mark.index)};
}

/* --- the two edits --- */

/* A line of its own behind that of the id, or an item of its own behind it between braces. */
static struct edit insert_suspended(struct bytes document, const struct seen *seen)
{
    struct edit edit = edit_of_node(document, seen->id);
    edit.from = edit.to;
    if (seen->member->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
        buffer_append_string(&edit.text, ", suspended: true");
        return edit;
    }
    while (edit.from < document.len && document.data[edit.from] != '\n')
        edit.from++;
    bool returns = edit.from > edit.to && document.data[edit.from - 1] == '\r';
    edit.from = edit.to = edit.from - (returns ? 1 : 0);
    buffer_append_string(&edit.text, returns ? "\r\n" : "\n");
    for (size_t i = 0; i < seen->id_key->start_mark.column; i++)
        buffer_append_string(&edit.text, " ");
    buffer_append_string(&edit.text, "suspended: true");
    return edit;
}

/* The whole line where the key stands alone on one, else the value. */
static struct edit remove_suspended(struct bytes document, const struct seen *seen)
{
    struct edit edit = edit_of_node(document, seen->suspended);
    size_t from = byte_of(document, seen->suspended_key->start_mark.index), to = edit.to;
    while (from > 0 && document.data[from - 1] == ' ')
        from--;
    bool alone = from > 0 && document.data[from - 1] == '\n';
    if (to < document.len && document.data[to] == '\r')
        to++;
    if (alone && to < document.len && document.data[to] == '\n') {
        edit.from = from;
        edit.to = to + 1;
    } else {
        buffer_append_string(&edit.text, "false");
    }
    return edit;
}

static int edit_member(struct bytes document, const struct seen *seen, const char *member, bool suspended,
                       struct edit *out, struct error *e)
{
    bool is = is_scalar(seen->suspended, "true");
    if (is == suspended)
        return error_set(e, ERROR_USAGE, "%s is %s", member,
                         suspended ? "suspended already" : "not suspended");
    if (!suspended) {
        *out = remove_suspended(document, seen);
    } else if (seen->suspended != NULL) {
        *out = edit_of_node(document, seen->suspended);
        buffer_append_string(&out->text, "true");
    } else {
        *out = insert_suspended(document, seen);
    }
    return 0;
}

static void apply(struct bytes document, const struct edit *a, const struct edit *b, struct buffer *out)
{
    const struct edit *first = a->from <= b->from ? a : b, *second = first == a ? b : a;
    buffer_append(out, document.data, first->from);
    buffer_append_bytes(out, buffer_bytes(&first->text));
    buffer_append(out, document.data + first->to, second->from - first->to);
    buffer_append_bytes(out, buffer_bytes(&second->text));
    buffer_append(out, document.data + second->to, document.len - second->to);
}

/* --- nothing else has changed --- */

static bool same(struct seen *a, const yaml_node_t *x, struct seen *b, const yaml_node_t *y);

/* The next pair that counts: all do, but the member's own `suspended`. */
static const yaml_node_pair_t *next_pair(struct seen *seen, const yaml_node_t *mapping,
                                         const yaml_node_pair_t *pair)
{
    while (pair < mapping->data.mapping.pairs.top && mapping == seen->member &&
           yaml_document_get_node(&seen->yaml, pair->key) == seen->suspended_key)
        pair++;
    return pair;
}

static bool same_mapping(struct seen *a, const yaml_node_t *x, struct seen *b, const yaml_node_t *y)
{
    const yaml_node_pair_t *p = next_pair(a, x, x->data.mapping.pairs.start);
    const yaml_node_pair_t *q = next_pair(b, y, y->data.mapping.pairs.start);
    while (p < x->data.mapping.pairs.top && q < y->data.mapping.pairs.top) {
        if (!same(a, yaml_document_get_node(&a->yaml, p->key), b, yaml_document_get_node(&b->yaml, q->key)) ||
            !same(a, yaml_document_get_node(&a->yaml, p->value), b,
                  yaml_document_get_node(&b->yaml, q->value)))
            return false;
        p = next_pair(a, x, p + 1);
        q = next_pair(b, y, q + 1);
    }
    return p >= x->data.mapping.pairs.top && q >= y->data.mapping.pairs.top;
}

static bool same(struct seen *a, const yaml_node_t *x, struct seen *b, const yaml_node_t *y)
{
    if (x->type != y->type)
        return false;
    if (x == a->version && y == b->version)
        return true;
    if (x->type == YAML_MAPPING_NODE)
        return same_mapping(a, x, b, y);
    if (x->type == YAML_SCALAR_NODE)
        return bytes_equal(bytes_make(x->data.scalar.value, x->data.scalar.length),
                           bytes_make(y->data.scalar.value, y->data.scalar.length));
    const yaml_node_item_t *p = x->data.sequence.items.start, *q = y->data.sequence.items.start;
    for (; p < x->data.sequence.items.top && q < y->data.sequence.items.top; p++, q++)
        if (!same(a, yaml_document_get_node(&a->yaml, *p), b, yaml_document_get_node(&b->yaml, *q)))
            return false;
    return p >= x->data.sequence.items.top && q >= y->data.sequence.items.top;
}

static int check_edited(struct seen *before, struct bytes edited, const char *member, bool suspended,
                        uint64_t version, struct error *e)
{
    struct seen after;
    struct faults faults = {0};
    int result = -1;
    struct registry *r = registry_parse(edited, "the amended document", &faults);
    const struct registry_member *m = r == NULL ? NULL : registry_member(r, bytes_of_string(member));
    if (m == NULL || m->suspended != suspended || registry_version(r) != version ||
        see(edited, member, &after, NULL) != 0)
        error_set(
            e, ERROR_CONFIG,
            "the document is of a form that cannot be amended safely: add \"suspended: true\" to %s and one "
            "to version by hand, and sign it",
            member);
    else {
        bool good = same(before, yaml_document_get_root_node(&before->yaml), &after,
                         yaml_document_get_root_node(&after.yaml));
        result = good ? 0
                      : error_set(e, ERROR_CONFIG,
                                  "amending would change more than %s: do it by hand and sign it", member);
        seen_clear(&after);
    }
    registry_free(r);
    faults_free(&faults);
    return result;
}

int registry_suspend(struct bytes document, const char *member, bool suspended, struct buffer *out,
                     uint64_t *version, struct error *e)
{
    struct seen seen;
    struct edit number = {0}, line = {0};
    struct buffer edited = {0};
    int result = -1;
    if (see(document, member, &seen, e) != 0 ||
        edit_member(document, &seen, member, suspended, &line, e) != 0)
        goto out;
    number = edit_of_node(document, seen.version);
    if (!decimal_parse(bytes_make(document.data + number.from, number.to - number.from), version)) {
        error_set(e, ERROR_CONFIG, "the document's version is not a plain number");
        goto out;
    }
    buffer_printf(&number.text, "%" PRIu64, ++*version);
    apply(document, &number, &line, &edited);
    result = check_edited(&seen, buffer_bytes(&edited), member, suspended, *version, e);
    if (result == 0)
        buffer_append_bytes(out, buffer_bytes(&edited));
out:
    buffer_free(&edited);
    buffer_free(&number.text);
    buffer_free(&line.text);
    seen_clear(&seen);
    return result;
}
