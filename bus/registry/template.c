#include "registry/template.h"

#include <string.h>

bool template_next(const char *template, size_t *at, struct template_segment *out)
{
    if (template[*at] != '/' || template[*at + 1] == 0)
        return false;
    const char *start = template + *at + 1;
    size_t len = strcspn(start, "/");
    *at += 1 + len;
    *out = (struct template_segment){0};
    if (start[0] != '{') {
        out->literal = bytes_make(start, len);
        return true;
    }
    const char *colon = memchr(start, ':', len);
    size_t name = colon != NULL ? (size_t)(colon - start) - 1 : len - 2;
    out->parameter = bytes_make(start + 1, name);
    if (colon != NULL)
        out->type = subject_type_by_name(bytes_make(colon + 1, len - name - 3));
    return true;
}

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
            if (!literal_valid(start, len))
                return "a literal segment has letters, digits, '-', '.', '_' and '~' only, and is not '.' or "
                       "'..'";
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

static bool segments_overlap(const struct template_segment *a, const struct template_segment *b)
{
    if (a->literal.len > 0 && b->literal.len > 0)
        return bytes_equal(a->literal, b->literal);
    /* Two parameters always do: even where no value is of both types, a wrong one could not be said to be
     * meant for either. */
    if (a->literal.len == 0 && b->literal.len == 0)
        return true;
    const struct template_segment *literal = a->literal.len > 0 ? a : b;
    enum subject_type type = a->literal.len > 0 ? b->type : a->type;
    char canonical[32];
    return type == SUBJECT_NONE || subject_check(type, literal->literal, canonical) == REFUSAL_NONE;
}

bool template_overlap(const char *a, const char *b)
{
    size_t at_a = 0, at_b = 0;
    for (;;) {
        struct template_segment sa, sb;
        bool more_a = template_next(a, &at_a, &sa);
        bool more_b = template_next(b, &at_b, &sb);
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
        if (segment.literal.len == 0 && segment.type == type)
            return true;
    return false;
}
