#include "connectors/percent.h"
#include <string.h>

bool percent_decode(struct bytes text, struct buffer *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            if (text.len - i < 3 || !hex_decode((const char *)text.data + i + 1, 2, &c, 1) || c == 0) {
                out->len = before;
                return false;
            }
            i += 2;
        }
        buffer_append(out, &c, 1);
    }
    return true;
}

bool utf8_valid(struct bytes text)
{
    size_t i = 0;

    while (i < text.len) {
        uint8_t c = text.data[i++];
        unsigned more;
        uint32_t point, least;
        if (c < 0x80)
            continue;
        if (c >= 0xc2 && c < 0xe0) {
            more = 1;
            point = c & 0x1fU;
            least = 0x80;
        } else if (c >= 0xe0 && c < 0xf0) {
            more = 2;
            point = c & 0x0fU;
            least = 0x800;
        } else if (c >= 0xf0 && c < 0xf5) {
            more = 3;
            point = c & 0x07U;
            least = 0x10000;
        } else {
            return false;
        }
        if (text.len - i < more)
            return false;
        for (; more > 0; more--, i++) {
            if ((text.data[i] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (text.data[i] & 0x3fU);
        }
        if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
            return false;
    }
    return true;
}
