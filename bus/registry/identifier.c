#include "registry/identifier.h"

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_part_byte(uint8_t c)
{
    return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
}

bool identifier_part_valid(struct bytes part)
{
    if (part.len < 1 || part.len > 64 || !is_alphanumeric(part.data[0]))
        return false;
    for (size_t i = 1; i < part.len; i++)
        if (!is_part_byte(part.data[i]))
            return false;
    return true;
}

unsigned identifier_parts(struct bytes id)
{
    if (id.len < 1 || id.len > IDENTIFIER_MOST)
        return 0;
    unsigned parts = 0;
    size_t start = 0;
    for (size_t i = 0; i <= id.len; i++) {
        if (i < id.len && id.data[i] != '/')
            continue;
        if (++parts > 5 || !identifier_part_valid(bytes_make(id.data + start, i - start)))
            return 0;
        start = i + 1;
    }
    return parts;
}

size_t identifier_prefix(struct bytes id, unsigned n)
{
    if (n == 0)
        return 0;
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] == '/' && --n == 0)
            return i;
    return n == 1 ? id.len : 0;
}

bool code_valid(struct bytes code)
{
    if (code.len < 1 || code.len > 64 || !is_alphanumeric(code.data[0]))
        return false;
    for (size_t i = 1; i < code.len; i++)
        if (!is_part_byte(code.data[i]) && code.data[i] != '/' && code.data[i] != '+')
            return false;
    return true;
}
