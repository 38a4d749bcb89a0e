#include "registry/subject.h"

#include <string.h>

static const char *const type_names[] = {
    [SUBJECT_NONE] = "",         [SUBJECT_IUC] = "IUC", [SUBJECT_CIN] = "CIN",
    [SUBJECT_SOCIAL] = "SOCIAL", [SUBJECT_TAX] = "TAX",
};
#define TYPE_COUNT (sizeof type_names / sizeof type_names[0])

static const size_t digits_of[] = {
    [SUBJECT_IUC] = 11,
    [SUBJECT_CIN] = 8,
    [SUBJECT_SOCIAL] = 10,
};

const char *subject_type_name(enum subject_type type)
{
    return (size_t)type < TYPE_COUNT ? type_names[type] : "";
}

enum subject_type subject_type_by_name(struct bytes name)
{
    for (size_t i = 1; i < TYPE_COUNT; i++)
        if (bytes_equal_string(name, type_names[i]))
            return (enum subject_type)i;
    return SUBJECT_NONE;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* What is not a digit is said before the length is: Arabic-Indic digits are two bytes each, so their length
 * says nothing. */
static enum refusal check_digits(struct bytes value, size_t digits, char *out)
{
    for (size_t i = 0; i < value.len; i++)
        if (!is_digit(value.data[i]))
            return REFUSAL_SUBJECT_DIGITS;
    if (value.len != digits)
        return REFUSAL_SUBJECT_LENGTH;
    memcpy(out, value.data, digits);
    out[digits] = 0;
    return REFUSAL_NONE;
}

static bool one_of(char c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

/* "1234567/A/B/M/000", "1234567 ABM 000", "1234567ABM000": the separators that forms print are left out. */
static enum refusal check_tax(struct bytes value, char *out)
{
    char text[14];
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (c >= 0x80)
            return REFUSAL_SUBJECT_DIGITS;
        if (c == '/' || c == ' ' || c == '.' || c == '-') {
            if (len == 0 || i + 1 == value.len)
                return REFUSAL_BAD_PARAMETER;
            continue;
        }
        if (len == 13)
            return REFUSAL_SUBJECT_LENGTH;
        text[len++] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    if (len != 13)
        return REFUSAL_SUBJECT_LENGTH;
    text[13] = 0;
    for (size_t i = 0; i < 13; i++)
        if ((i < 7 || i >= 10) && !is_digit((uint8_t)text[i]))
            return REFUSAL_BAD_PARAMETER;
    if (!one_of(text[7], "ABCDEFGHJKLMNPQRSTVWXYZ") || !one_of(text[8], "APBDN") || !one_of(text[9], "MPCNE"))
        return REFUSAL_BAD_PARAMETER;
    if (strcmp(text + 10, "000") != 0 && text[9] != 'E')
        return REFUSAL_BAD_PARAMETER;
    memcpy(out, text, sizeof text);
    return REFUSAL_NONE;
}

enum refusal subject_check(enum subject_type type, struct bytes value, char *out)
{
    switch (type) {
    case SUBJECT_IUC:
    case SUBJECT_CIN:
    case SUBJECT_SOCIAL:
        return check_digits(value, digits_of[type], out);
    case SUBJECT_TAX:
        return check_tax(value, out);
    case SUBJECT_NONE:
        break;
    }
    return REFUSAL_SUBJECT_TYPE;
}

enum refusal subject_parse(struct bytes text, enum subject_type *type, char *out)
{
    const uint8_t *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    if (colon == NULL)
        return REFUSAL_SUBJECT_TYPE;
    size_t name = (size_t)(colon - text.data);
    *type = subject_type_by_name(bytes_make(text.data, name));
    if (*type == SUBJECT_NONE)
        return REFUSAL_SUBJECT_TYPE;
    return subject_check(*type, bytes_make(colon + 1, text.len - name - 1), out);
}
