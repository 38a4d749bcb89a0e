#include "front/fault.h"
#include "front/xml.h"
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fault_type(enum refusal refusal, enum fault_spelling spelling, char *out)
{
    const char *type = refusal_xroad_type(refusal);
    size_t n = 0;
    bool capital = spelling == FAULT_SPELLING_OLD;

    if (spelling == FAULT_SPELLING_7_8) {
        snprintf(out, FAULT_TYPE_MOST, "%s", type);
        return;
    }
    for (const char *p = type; *p != 0 && n + 2 < FAULT_TYPE_MOST; p++) {
        /* "clientproxy" and "serverproxy" have a second capital that no underscore tells of. */
        if (strncmp(p, "proxy", 5) == 0)
            capital = true;
        if (*p == '_') {
            capital = true;
            continue;
        }
        out[n++] = capital ? (char)toupper((unsigned char)*p) : *p;
        capital = *p == '.';
    }
    out[n] = 0;
}

unsigned fault_status(const char *type)
{
    return strncmp(type, "server", 6) == 0 || strncmp(type, "Server", 6) == 0 ? 500 : 400;
}

void fault_body(const struct fault *fault, enum fault_spelling spelling, bool xml, struct buffer *out)
{
    char type[FAULT_TYPE_MOST], detail[37];
    struct buffer message = {0};

    fault_type(fault->refusal, spelling, type);
    uuid_format(fault->id, detail);
    buffer_printf(&message, "%s %s", fault->words != NULL ? fault->words : refusal_words(fault->refusal),
                  refusal_remedy(fault->refusal));
    buffer_append(&message, "", 1);
    if (xml) {
        buffer_append_string(out, "<error>");
        xml_element(out, "type", type);
        xml_element(out, "message", (const char *)message.data);
        xml_element(out, "detail", detail);
        buffer_append_string(out, "</error>");
    } else {
        json_t *object = json_pack("{s:s, s:s, s:s}", "type", type, "message", (const char *)message.data,
                                   "detail", detail);
        char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
        if (text != NULL)
            buffer_append_string(out, text);
        free(text);
        json_decref(object);
    }
    buffer_free(&message);
}
