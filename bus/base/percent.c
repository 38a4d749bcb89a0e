#include "percent.h"

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
