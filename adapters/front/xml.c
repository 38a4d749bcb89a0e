#include "front/xml.h"

static void put_character(struct buffer *out, char c)
{
    switch (c) {
    case '<':
        buffer_append_string(out, "&lt;");
        break;
    case '>':
        buffer_append_string(out, "&gt;");
        break;
    case '&':
        buffer_append_string(out, "&amp;");
        break;
    default:
        if ((unsigned char)c < 0x20 && c != '\t' && c != '\r' && c != '\n')
            c = '?';
        buffer_append(out, &c, 1);
    }
}

void xml_element(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "<%s>", name);
    for (; *text != 0; text++)
        put_character(out, *text);
    buffer_printf(out, "</%s>", name);
}
