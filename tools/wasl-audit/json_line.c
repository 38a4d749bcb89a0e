#include "json_line.h"

#include "text.h"

#include <stdlib.h>

json_t *json_safe(struct bytes text)
{
    struct buffer safe = {0};
    text_put(text, &safe);
    json_t *string = json_stringn(safe.len > 0 ? (const char *)safe.data : "", safe.len);
    buffer_free(&safe);
    return string;
}

void json_line(json_t *object, struct buffer *out)
{
    char *line = json_dumps(object, JSON_COMPACT);
    if (line != NULL)
        buffer_append_string(out, line);
    buffer_append_string(out, "\n");
    free(line);
    json_decref(object);
}
