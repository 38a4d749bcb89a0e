#include "registry/template.h"

#include "registry/glob.h"

#include <string.h>

/* Segments of other bytes are globs, also those without a star. */
static bool literal_valid(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    (c != 0 && strchr("-._~", c) != NULL);
        if (!good)
            return false;
    }
    return !(len == 1 && text[0] == '.') && !(len == 2 && text[0] == '.' && text[1] == '.');
}

bool template_next(const char *template, size_t *at, struct template_segment *out)
{
    if (template[*at] != '/' || template[*at + 1] == 0)
        return false;
    const char *start = template + *at + 1;
    size_t len = strcspn(start, "/");
    *at += 1 + len;
    *out = (struct template_segment){0};
    out->text = bytes_make(start, len);
    if (start[0] != '{') {
        out->kind = literal_valid(start, len)             ? TEMPLATE_LITERAL
                    : bytes_equal_string(out->text, "**") ? TEMPLATE_REST
                                                          : TEMPLATE_GLOB;
        return true;
    }
    out->kind = TEMPLATE_PARAMETER;
    const char *colon = memchr(start, ':', len);
    size_t name = colon != NULL ? (size_t)(colon - start) - 1 : len - 2;
    out->text = bytes_make(start + 1, name);
    if (colon != NULL)
        out->type = subject_type_by_name(bytes_make(colon + 1, len - name - 3));
    return true;
}

static bool parameter_name_valid(const char *text, size_t len)
{
    if (len < 1 || len > 32 || text[0] < 'a' || text[0] > 'z')
        return false;
    for (size_t i = 1; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

/* Between the braces. */
static const char *parameter_fault(const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    size_t name = colon != NULL ? (size_t)(colon - text) : len;
    if (!parameter_name_valid(text, name))
        return "a parameter is {name} or {name:TYPE}, its name of lower-case letters, digits and '_', at "
               "most 32";
    if (colon != NULL && subject_type_by_name(bytes_make(colon + 1, len - name - 1)) == SUBJECT_NONE)
        return "a parameter's type is one of IUC, CIN, SOCIAL, TAX";
    return NULL;
}

static bool name_seen(const struct bytes *names, size_t count, struct bytes name)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(names[i], name))
            return true;
    return false;
}

/* Of a segment that is no parameter. */
static const char *segment_fault(const char *start, size_t len, bool last)
{
    if (literal_valid(start, len))
        return NULL;
    if (len == 2 && start[0] == '*' && start[1] == '*')
        return last ? NULL : "'**' is the last segment of a path";
    return glob_segment_fault(bytes_make(start, len));
}

const char *template_fault(const char *template)
{
    if (template[0] != '/')
        return "a path begins with '/'";
    if (strlen(template) > TEMPLATE_MOST)
        return "a path has at most 512 bytes";
    if (template[1] == 0)
        return NULL;
    struct bytes names[TEMPLATE_PARAMETERS_MOST];
    size_t count = 0;
    for (const char *p = template; *p != 0;) {
        const char *start = p + 1;
        size_t len = strcspn(start, "/");
        p = start + len;
        if (len == 0)
            return "a path has no empty segment and no '/' at its end";
        if (start[0] != '{') {
            const char *fault = segment_fault(start, len, *p == 0);
            if (fault != NULL)
                return fault;
            continue;
        }
        if (len < 3 || start[len - 1] != '}')
            return "a parameter takes a whole segment: {name} or {name:TYPE}";
        const char *fault = parameter_fault(start + 1, len - 2);
        if (fault != NULL)
            return fault;
        const char *colon = memchr(start, ':', len);
        struct bytes name = bytes_make(start + 1, colon != NULL ? (size_t)(colon - start) - 1 : len - 2);
        if (count == TEMPLATE_PARAMETERS_MOST)
            return "a path has at most 8 parameters";
        if (name_seen(names, count, name))
            return "two parameters have the same name";
        names[count++] = name;
    }
    return NULL;
}

/* May a value of the type fit the glob? Identifiers are made of digits, tax numbers of letters and digits
 * with separators. Where it is not plain that none does, one may. */
static bool type_may_fit(enum subject_type type, struct bytes glob)
{
    if (type == SUBJECT_NONE || type == SUBJECT_TAX)
        return true;
    for (size_t i = 0; i < glob.len; i++)
        if (glob.data[i] != '*' && !(glob.data[i] >= '0' && glob.data[i] <= '9'))
            return false;
    return true;
}

static bool segments_overlap(const struct template_segment *a, const struct template_segment *b)
{
    /* Two parameters always do: even where no value is of both types, a wrong one could not be said to be
     * meant for either. */
    if (a->kind == b->kind)
        return a->kind == TEMPLATE_PARAMETER ||
               (a->kind == TEMPLATE_LITERAL ? bytes_equal(a->text, b->text) : glob_overlap(a->text, b->text));
    if (a->kind > b->kind) {
        const struct template_segment *swap = a;
        a = b;
        b = swap;
    }
    if (a->kind == TEMPLATE_LITERAL && b->kind == TEMPLATE_GLOB)
        return glob_match(b->text, a->text);
    if (a->kind == TEMPLATE_PARAMETER)
        return type_may_fit(a->type, b->text);
    char canonical[32];
    return b->type == SUBJECT_NONE || subject_check(b->type, a->text, canonical) == REFUSAL_NONE;
}

bool template_overlap(const char *a, const char *b)
{
    size_t at_a = 0, at_b = 0;
    for (;;) {
        struct template_segment sa = {0}, sb = {0};
        bool first = at_a == 0;
        bool more_a = template_next(a, &at_a, &sa);
        bool more_b = template_next(b, &at_b, &sb);
        bool rest = sa.kind == TEMPLATE_REST || sb.kind == TEMPLATE_REST;
        /* The rest takes what follows its '/': there is one before each segment, and the one of "/" alone. */
        if (rest && (first || (more_a && more_b)))
            return true;
        if (more_a != more_b)
            return false;
        if (!more_a)
            return true;
        if (!segments_overlap(&sa, &sb))
            return false;
    }
}

bool template_has_type(const char *template, enum subject_type type)
{
    struct template_segment segment;
    for (size_t at = 0; template_next(template, &at, &segment);)
        if (segment.kind == TEMPLATE_PARAMETER && segment.type == type)
            return true;
    return false;
}

void template_to_glob(const char *template, struct buffer *out)
{
    struct template_segment segment;
    size_t at = 0;
    while (template_next(template, &at, &segment)) {
        buffer_append_string(out, "/");
        if (segment.kind == TEMPLATE_PARAMETER)
            buffer_append_string(out, "*");
        else
            buffer_append_bytes(out, segment.text);
    }
    if (at == 0)
        buffer_append_string(out, "/");
}
