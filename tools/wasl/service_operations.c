/* Paths, methods and path parameters of a description, as operations and templates of the registry. */
#include "wasl/service_import.h"

#include "registry/identifier.h"
#include "registry/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CODE_ROOM 65
#define NAME_ROOM 33

static const char *const methods[] = {"get", "put", "post", "delete", "options", "head", "patch", "trace"};
static const char *const names[] = {"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"};

/* --- what a parameter is --- */

/* "iuc" in "iuc", "citizenIuc", "citizen_iuc"; not in "iucundity". */
static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = text; *at != 0; at++) {
        if (strncasecmp(at, word, len) != 0)
            continue;
        bool begins = at == text || !isalnum((unsigned char)at[-1]) ||
                      (islower((unsigned char)at[-1]) && isupper((unsigned char)*at));
        bool ends = !isalpha((unsigned char)at[len]) ||
                    (islower((unsigned char)at[len - 1]) && isupper((unsigned char)at[len]));
        if (begins && ends)
            return true;
    }
    return false;
}

static enum subject_type type_of_words(const char *text)
{
    static const struct {
        const char *word;
        enum subject_type type;
    } words[] = {
        {"iuc", SUBJECT_IUC}, {"cin", SUBJECT_CIN}, {"social", SUBJECT_SOCIAL}, {"tax", SUBJECT_TAX}};
    for (size_t i = 0; text != NULL && i < sizeof words / sizeof words[0]; i++)
        if (has_word(text, words[i].word))
            return words[i].type;
    return SUBJECT_NONE;
}

/* ^[0-9]{11}$ and ^\d{11}$, with or without the anchors. */
static enum subject_type type_of_pattern(const char *pattern)
{
    unsigned digits = 0;
    char end = 0;
    if (pattern == NULL)
        return SUBJECT_NONE;
    if (*pattern == '^')
        pattern++;
    if (strncmp(pattern, "[0-9]", 5) == 0)
        pattern += 5;
    else if (strncmp(pattern, "\\d", 2) == 0)
        pattern += 2;
    else
        return SUBJECT_NONE;
    if (sscanf(pattern, "{%2u}%c", &digits, &end) < 1 || (end != 0 && end != '$'))
        return SUBJECT_NONE;
    return digits == 11   ? SUBJECT_IUC
           : digits == 10 ? SUBJECT_SOCIAL
           : digits == 8  ? SUBJECT_CIN
                          : SUBJECT_NONE;
}

/* The declaration of a path parameter: the operation's own before those of its path. */
static const yaml_node_t *find_parameter(struct import *im, const yaml_node_t *lists[2], const char *name)
{
    const yaml_node_t *item;
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; (item = openapi_item(im->document, lists[l], i)) != NULL; i++) {
            const char *reference = openapi_member_text(im->document, item, "$ref");
            if (reference != NULL)
                item = openapi_find(im->document, reference);
            const char *in = openapi_member_text(im->document, item, "in");
            const char *called = openapi_member_text(im->document, item, "name");
            if (in != NULL && called != NULL && strcmp(in, "path") == 0 && strcmp(called, name) == 0)
                return item;
        }
    return NULL;
}

static enum subject_type parameter_type(struct import *im, const yaml_node_t *lists[2], const yaml_node_t *at,
                                        const char *place, const char *name)
{
    const yaml_node_t *parameter = find_parameter(im, lists, name);
    if (parameter == NULL) {
        import_note(im, at, place, "the parameter {%.40s} is declared nowhere: taken as free text", name);
        return type_of_words(name);
    }
    const yaml_node_t *schema = openapi_member(im->document, parameter, "schema");
    schema = schema != NULL ? import_follow(im, schema, place) : parameter;
    enum subject_type format = type_of_words(openapi_member_text(im->document, schema, "format"));
    enum subject_type pattern = type_of_pattern(openapi_member_text(im->document, schema, "pattern"));
    enum subject_type type = format != SUBJECT_NONE ? format : type_of_words(name);
    if (type == SUBJECT_NONE && pattern != SUBJECT_NONE) {
        import_note(im, parameter, place,
                    "{%.40s} is taken for a %s by its pattern alone: see whether it is one", name,
                    subject_type_name(pattern));
        return pattern;
    }
    if (type != SUBJECT_NONE && type != SUBJECT_TAX && pattern != SUBJECT_NONE && pattern != type) {
        import_lose(im, parameter, place,
                    "{%.40s} is a %s by its name or format and a %s by its pattern: taken as free text", name,
                    subject_type_name(type), subject_type_name(pattern));
        return SUBJECT_NONE;
    }
    return type;
}

/* sourcedId becomes sourced_id, which templates allow. */
static void parameter_name(const char *name, char out[NAME_ROOM])
{
    size_t len = 0;
    for (const char *p = name; *p != 0 && len + 2 < NAME_ROOM; p++) {
        unsigned char c = (unsigned char)*p;
        if (isupper(c) && p > name && islower((unsigned char)p[-1]))
            out[len++] = '_';
        if (c < 0x80 && isalnum(c))
            out[len++] = (char)tolower(c);
        else if (len > 0 && out[len - 1] != '_')
            out[len++] = '_';
    }
    out[len] = 0;
    if (len == 0 || !(out[0] >= 'a' && out[0] <= 'z')) {
        memmove(out + 1, out, NAME_ROOM - 1);
        out[0] = 'p';
        out[NAME_ROOM - 1] = 0;
    }
}

/* --- templates --- */

/* A segment with a parameter and something else in it: what varies becomes a star. */
static void put_glob(const char *segment, size_t len, struct buffer *out)
{
    for (size_t i = 0; i < len; i++) {
        const char *close = segment[i] == '{' ? memchr(segment + i, '}', len - i) : NULL;
        if (close != NULL) {
            if (out->len == 0 || out->data[out->len - 1] != '*')
                buffer_append_string(out, "*");
            i = (size_t)(close - segment);
        } else if (segment[i] == '*') {
            buffer_append_string(out, "\\*");
        } else {
            buffer_append(out, segment + i, 1);
        }
    }
}

static bool seen_before(const struct buffer *template, const char *name)
{
    char wanted[NAME_ROOM + 2];
    size_t len = (size_t)snprintf(wanted, sizeof wanted, "{%s", name);
    for (size_t i = 0; i + len < template->len; i++)
        if (memcmp(template->data + i, wanted, len) == 0 &&
            (template->data[i + len] == '}' || template->data[i + len] == ':'))
            return true;
    return false;
}

static void put_parameter(struct import *im, const yaml_node_t *lists[2], struct import_operation *op,
                          const char *segment, size_t len, struct buffer *out)
{
    char called[128], name[NAME_ROOM];
    snprintf(called, sizeof called, "%.*s", (int)len - 2, segment + 1);
    parameter_name(called, name);
    for (unsigned i = 2; seen_before(out, name) && i < 10; i++) {
        size_t end = strlen(name);
        name[end < NAME_ROOM - 2 ? end : NAME_ROOM - 2] = (char)('0' + i);
        name[end < NAME_ROOM - 2 ? end + 1 : NAME_ROOM - 1] = 0;
    }
    enum subject_type type = parameter_type(im, lists, op->node, op->place, called);
    buffer_printf(out, "{%s%s%s}", name, type != SUBJECT_NONE ? ":" : "", subject_type_name(type));
    if (op->subject == SUBJECT_NONE)
        op->subject = type;
}

/* The registry's template of a path; NULL after saying why there is none. */
static char *make_template(struct import *im, const yaml_node_t *lists[2], struct import_operation *op,
                           const char *path)
{
    struct buffer out = {0};
    const char *fault = path[0] == '/' ? NULL : "a path begins with '/'";
    if (strcmp(path, "/") == 0)
        buffer_append_string(&out, "/");
    for (const char *at = path; fault == NULL && at[0] == '/' && strcmp(path, "/") != 0;) {
        const char *segment = at + 1;
        size_t len = strcspn(segment, "/"), from = out.len;
        buffer_append_string(&out, "/");
        at = segment + len;
        const char *close = memchr(segment, '}', len);
        if (len > 2 && segment[0] == '{' && close == segment + len - 1) {
            put_parameter(im, lists, op, segment, len, &out);
            continue;
        }
        put_glob(segment, len, &out);
        if (memchr(out.data + from, '*', out.len - from) != NULL)
            import_lose(im, op->node, op->place,
                        "\"%.*s\" varies inside a segment: any text there fits, and no parameter is checked",
                        (int)len, segment);
    }
    buffer_append(&out, "", 1);
    if (fault == NULL)
        fault = template_fault((const char *)out.data);
    if (fault == NULL)
        return (char *)out.data;
    import_lose(im, op->node, op->place, "left out: the registry has no such path (%s)", fault);
    buffer_free(&out);
    return NULL;
}

/* --- codes --- */

static void code_from(const char *text, const char *also, char out[CODE_ROOM])
{
    size_t len = 0;
    for (const char *p = text; *p != 0 && len + 1 < CODE_ROOM; p++) {
        unsigned char c = (unsigned char)*p;
        bool fits = c < 0x80 && (isalnum(c) || (len > 0 && strchr(also, c) != NULL));
        if (fits)
            out[len++] = (char)c;
        else if (len > 0 && out[len - 1] != '-')
            out[len++] = '-';
    }
    while (len > 0 && out[len - 1] == '-')
        len--;
    out[len] = 0;
}

/* get-classes-id, from method and path; the front of a long path goes first. */
static void code_from_path(const char *method, const char *path, char out[CODE_ROOM])
{
    char words[CODE_ROOM], whole[2 * CODE_ROOM];
    while (strlen(path) > 44 && strchr(path + 1, '/') != NULL)
        path = strchr(path + 1, '/');
    code_from(path, "_", words);
    snprintf(whole, sizeof whole, "%s%s%s", method, words[0] != 0 ? "-" : "", words);
    code_from(whole, "_-", out);
}

static bool code_taken(const struct import *im, const char *code)
{
    for (size_t i = 0; i < im->operation_count; i++)
        if (strcmp(im->operations[i].code, code) == 0)
            return true;
    return false;
}

static char *make_code(struct import *im, const struct import_operation *op, const char *method,
                       const char *path)
{
    const char *id = openapi_member_text(im->document, op->node, "operationId");
    char code[CODE_ROOM] = "", base[CODE_ROOM];
    if (id != NULL)
        code_from(id, "._-", code);
    if (code[0] == 0)
        code_from_path(method, path, code);
    if (id != NULL && strcmp(id, code) != 0)
        import_note(im, op->node, op->place, "operationId \"%.80s\" is no code: it became %s", id, code);
    strcpy(base, code);
    for (unsigned i = 2; code_taken(im, code); i++)
        snprintf(code, sizeof code, "%.58s-%u", base, i);
    if (id != NULL && strcmp(base, code) != 0)
        import_note(im, op->node, op->place, "another operation has this code already: it became %s", code);
    return string_copy(code);
}

/* --- operations --- */

static bool overlaps(struct import *im, const struct import_operation *op)
{
    for (size_t i = 0; i < im->operation_count; i++) {
        const struct import_operation *before = &im->operations[i];
        if (strcmp(before->method, op->method) != 0 || !template_overlap(before->path, op->path))
            continue;
        import_lose(im, op->node, op->place,
                    "left out: some path would be this and %s (%s) too, and the registry gives each path one "
                    "operation",
                    before->code, before->path);
        return true;
    }
    return false;
}

static void name_what_is_beside(struct import *im, const struct import_operation *op)
{
    const yaml_node_t *callbacks = openapi_member(im->document, op->node, "callbacks");
    const yaml_node_t *servers = openapi_member(im->document, op->node, "servers");
    if (callbacks != NULL)
        import_lose(im, callbacks, op->place, "callbacks are not exchanged: left out");
    if (servers != NULL)
        import_lose(im, servers, op->place,
                    "a server of its own: the provider's adapter has one base address for a service");
}

static void add_operation(struct import *im, const yaml_node_t *item, const char *path, size_t method,
                          const yaml_node_t *node)
{
    struct import_operation op = {.method = names[method],
                                  .node = node,
                                  .safe = method == 0 || method == 4 || method == 5 || method == 7};
    const yaml_node_t *lists[2] = {openapi_member(im->document, node, "parameters"),
                                   openapi_member(im->document, item, "parameters")};
    struct buffer place = {0};
    buffer_printf(&place, "paths.%.200s.%s", path, methods[method]);
    buffer_append(&place, "", 1);
    op.place = (char *)place.data;
    if (im->operation_count == IMPORT_OPERATIONS_MOST || im->tried++ == IMPORT_TRIED_MOST) {
        import_lose(im, node, op.place, "left out, and what follows too: a service has at most %d operations",
                    IMPORT_OPERATIONS_MOST);
        im->tried = IMPORT_TRIED_MOST + 1;
        goto dropped;
    }
    op.path = make_template(im, lists, &op, path);
    if (op.path == NULL || overlaps(im, &op))
        goto dropped;
    op.code = make_code(im, &op, methods[method], path);
    name_what_is_beside(im, &op);
    im->operations[im->operation_count++] = op;
    return;

dropped:
    free(op.path);
    free(op.place);
}

static void read_path(struct import *im, const char *path, const yaml_node_t *item)
{
    static const char *const others[] = {"summary", "description", "parameters", "$ref", "servers"};
    const yaml_node_t *key, *value;
    struct buffer place = {0};
    buffer_printf(&place, "paths.%.200s", path);
    buffer_append(&place, "", 1);
    item = import_follow(im, item, (const char *)place.data);
    for (size_t i = 0; openapi_pair(im->document, item, i, &key, &value); i++) {
        const char *name = openapi_text(key);
        size_t method = 0;
        while (method < sizeof methods / sizeof methods[0] && strcmp(methods[method], name) != 0)
            method++;
        if (method < sizeof methods / sizeof methods[0]) {
            if (im->tried <= IMPORT_TRIED_MOST)
                add_operation(im, item, path, method, value);
            continue;
        }
        bool known = strncmp(name, "x-", 2) == 0;
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            known = known || strcmp(others[k], name) == 0;
        if (!known)
            import_lose(im, key, (const char *)place.data,
                        "\"%.40s\" is no method that a front serves: left out", name);
        if (strcmp(name, "servers") == 0)
            import_lose(im, key, (const char *)place.data,
                        "a server of its own: the provider's adapter has one base address for a service");
    }
    buffer_free(&place);
}

void import_operations(struct import *im)
{
    const yaml_node_t *paths = openapi_member(im->document, openapi_root(im->document), "paths"), *key,
                      *value;
    const yaml_node_t *hooks = openapi_member(im->document, openapi_root(im->document), "webhooks");
    if (hooks != NULL)
        import_lose(im, hooks, "webhooks", "webhooks are not exchanged: left out");
    im->operations = memory_zeroed(IMPORT_OPERATIONS_MOST, sizeof *im->operations);
    for (size_t i = 0; im->tried <= IMPORT_TRIED_MOST && openapi_pair(im->document, paths, i, &key, &value);
         i++)
        if (strncmp(openapi_text(key), "x-", 2) != 0)
            read_path(im, openapi_text(key), value);
}
