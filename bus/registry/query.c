#include "registry/query.h"

#include "base/percent.h"
#include "base/utf8.h"

#include <string.h>

static bool is_query_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && c < 0x80 && strchr("-._~!$&'()*+,;=:@/?%[]", c) != NULL);
}

bool query_unambiguous(struct bytes query)
{
    struct buffer decoded = {0};
    for (size_t i = 0; i < query.len; i++)
        if (!is_query_byte(query.data[i]))
            return false;
    bool good = percent_decode(query, &decoded) && utf8_valid(buffer_bytes(&decoded));
    if (decoded.data != NULL)
        explicit_bzero(decoded.data, decoded.len); /* it may be about a person */
    buffer_free(&decoded);
    return good;
}
