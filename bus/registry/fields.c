/*
 * jansson judges the text (strict JSON, UTF-8, no duplicate key, no number that it cannot hold) and its tree
 * is thrown away: what is kept is then copied from the text itself, byte for byte, so that neither 12.500 nor
 * "\u00e9" is written anew.
 */
#include "registry/fields.h"

#include "base/error.h"

#include <jansson.h>
#include <string.h>

#define POINTER_MOST        512
#define POINTER_TOKENS_MOST 16
#define DEPTH_MOST          64

bool fields_pointer_valid(const char *pointer)
{
    size_t tokens = 0, len = strlen(pointer);
    if (pointer[0] != '/' || len > POINTER_MOST)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)pointer[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == '~' && pointer[i + 1] != '0' && pointer[i + 1] != '1')
            return false;
        if (c == '/' && (++tokens > POINTER_TOKENS_MOST || pointer[i + 1] == '/' || pointer[i + 1] == 0))
            return false;
    }
    return true;
}

/* --- reading text that jansson has found to be JSON --- */

struct walk {
    const char *p; /* where we read */
    const char *
        *pointers; /* stack: the rests of the pointers that still lead on, one level after the other */
    size_t pointer_top;
    struct buffer *out;
};

static void skip_space(struct walk *w)
{
    while (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r')
        w->p++;
}

/* From the opening quote to after the closing one. */
static const char *string_end(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

/* Goes over one value; copies it without white space when out is not NULL. Not recursive: depth is only
 * counted. */
static void pass_value(struct walk *w, struct buffer *out)
{
    size_t depth = 0;
    skip_space(w);
    do {
        const char *from = w->p;
        if (*from == '"') {
            w->p = string_end(from);
        } else if (*from == '{' || *from == '[') {
            depth++;
            w->p++;
        } else if (*from == '}' || *from == ']') {
            depth--;
            w->p++;
        } else if (*from == ',' || *from == ':') {
            w->p++;
        } else {
            w->p += strcspn(from, ",:]} \t\n\r");
        }
        if (out != NULL)
            buffer_append(out, from, (size_t)(w->p - from));
        if (depth > 0)
            skip_space(w);
    } while (depth > 0);
}

/* --- matching --- */

/* Length of a pointer's first token, which begins after its '/'. */
static size_t token_len(const char *pointer)
{
    return strcspn(pointer + 1, "/");
}

static bool token_is(const char *pointer, const char *name, size_t len)
{
    size_t n = token_len(pointer), at = 0;
    for (size_t i = 1; i <= n; i++, at++) {
        char c = pointer[i];
        if (c == '~')
            c = pointer[++i] == '0' ? '~' : '/';
        if (at >= len || name[at] != c)
            return false;
    }
    return at == len;
}

static bool token_is_star(const char *pointer)
{
    return pointer[1] == '*' && token_len(pointer) == 1;
}

static bool keep(struct walk *w, size_t first, size_t count);

/* Puts the rests of those pointers of a level that lead to this name on the stack; returns how many. */
static size_t descend(struct walk *w, size_t first, size_t count, const char *name, size_t len, bool element)
{
    size_t before = w->pointer_top;
    for (size_t i = first; i < first + count; i++) {
        const char *pointer = w->pointers[i];
        if ((element && token_is_star(pointer)) ||
            (token_is(pointer, name, len) && (element || !token_is_star(pointer))))
            w->pointers[w->pointer_top++] = pointer + 1 + token_len(pointer);
    }
    return w->pointer_top - before;
}

/* A member's name as jansson would read it; raw stands between quotes. */
static void decode_name(const char *raw, size_t len, struct buffer *name)
{
    buffer_clear(name);
    if (memchr(raw, '\\', len) == NULL) {
        buffer_append(name, raw + 1, len - 2);
        return;
    }
    json_t *text = json_loadb(raw, len, JSON_DECODE_ANY, NULL);
    BUG_ON(text == NULL); /* it was read once as part of the whole */
    buffer_append(name, json_string_value(text), json_string_length(text));
    json_decref(text);
}

/* An object is worth keeping when something in it is. */
static bool keep_object(struct walk *w, size_t first, size_t count)
{
    struct buffer name = {0};
    bool any = false;
    buffer_append(w->out, "{", 1);
    w->p++;
    for (skip_space(w); *w->p != '}'; skip_space(w)) {
        if (*w->p == ',') {
            w->p++;
            skip_space(w);
        }
        const char *raw = w->p;
        w->p = string_end(raw);
        size_t raw_len = (size_t)(w->p - raw);
        decode_name(raw, raw_len, &name);
        skip_space(w);
        w->p++; /* ':' */
        size_t base = w->pointer_top, mark = w->out->len;
        size_t leading = descend(w, first, count, (const char *)name.data, name.len, false);
        if (leading == 0) {
            pass_value(w, NULL);
        } else {
            if (any)
                buffer_append(w->out, ",", 1);
            buffer_append(w->out, raw, raw_len);
            buffer_append(w->out, ":", 1);
            if (keep(w, base, leading))
                any = true;
            else
                w->out->len = mark;
        }
        w->pointer_top = base;
    }
    w->p++;
    buffer_append(w->out, "}", 1);
    buffer_free(&name);
    return any;
}

/*
 * An array that "*" goes through is kept even when empty, and so is each object or array in it: who may see
 * every element may see how many there are, and elements stay in step with each other.
 */
static bool keep_array(struct walk *w, size_t first, size_t count)
{
    bool star = false, any = false;
    for (size_t i = first; i < first + count; i++)
        star = star || token_is_star(w->pointers[i]);
    buffer_append(w->out, "[", 1);
    w->p++;
    size_t index = 0;
    for (skip_space(w); *w->p != ']'; skip_space(w), index++) {
        if (*w->p == ',') {
            w->p++;
            skip_space(w);
        }
        char number[24];
        int digits = snprintf(number, sizeof number, "%zu", index);
        size_t base = w->pointer_top, mark = w->out->len;
        size_t leading = descend(w, first, count, number, (size_t)digits, true);
        if (leading == 0) {
            pass_value(w, NULL);
        } else {
            bool container = *w->p == '{' || *w->p == '[';
            if (any)
                buffer_append(w->out, ",", 1);
            if (keep(w, base, leading) || (star && container))
                any = true;
            else
                w->out->len = mark;
        }
        w->pointer_top = base;
    }
    w->p++;
    buffer_append(w->out, "]", 1);
    return any || star;
}

/* Writes what the pointers [first, first + count) keep of the value at w->p. False: nothing, and what was
 * written of an object or array is empty. Recursion is as deep as a pointer has tokens. */
static bool keep(struct walk *w, size_t first, size_t count)
{
    skip_space(w);
    for (size_t i = first; i < first + count; i++)
        if (w->pointers[i][0] == 0) {
            pass_value(w, w->out);
            return true;
        }
    if (*w->p == '{')
        return keep_object(w, first, count);
    if (*w->p == '[')
        return keep_array(w, first, count);
    pass_value(w, NULL);
    return false;
}

/* --- judging the text --- */

/* jansson reads recursively; a bound of our own comes first. Counts brackets outside strings, in any text. */
static bool too_deep(struct bytes body)
{
    size_t depth = 0;
    bool inside = false;
    for (size_t i = 0; i < body.len; i++) {
        uint8_t c = body.data[i];
        if (inside && c == '\\')
            i++;
        else if (c == '"')
            inside = !inside;
        else if (!inside && (c == '{' || c == '[') && ++depth > DEPTH_MOST)
            return true;
        else if (!inside && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return false;
}

int fields_reduce(const struct registry_grant *grant, struct bytes body, struct buffer *out, struct error *e)
{
    if (grant->whole || body.len == 0) {
        buffer_append_bytes(out, body);
        return 0;
    }
    /* jansson steps over a NUL that follows a number or a word, and the walk would end there. */
    if (memchr(body.data, 0, body.len) != NULL)
        return error_set(e, ERROR_INTEGRITY, "the body holds a NUL byte: it is not JSON");
    if (too_deep(body))
        return error_set(e, ERROR_INTEGRITY, "the body is nested deeper than %d levels", DEPTH_MOST);
    json_error_t where;
    json_t *tree = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &where);
    if (tree == NULL) /* jansson's own words quote the text: only the place is passed on */
        return error_set(
            e, ERROR_INTEGRITY,
            "the body is not a JSON object or array that can be reduced (line %d, column %d): malformed, not "
            "UTF-8, a name twice, or a number out of range",
            where.line, where.column);
    json_decref(tree);

    struct buffer text = {0};
    buffer_append_bytes(&text, body);
    buffer_append(&text, "", 1); /* a sentinel: the walk never looks past the end */
    /* One level for each token and the first; a pointer stands at most once in each. */
    const char **pointers =
        memory_zeroed(grant->field_count * (POINTER_TOKENS_MOST + 1) + 1, sizeof *pointers);
    for (size_t i = 0; i < grant->field_count; i++)
        pointers[i] = grant->fields[i];
    struct walk w = {
        .p = (const char *)text.data, .pointers = pointers, .pointer_top = grant->field_count, .out = out};
    keep(&w, 0, grant->field_count);
    free(pointers);
    buffer_free(&text);
    return 0;
}
