#include "wasl/service_import.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 5))) static void add(struct import *im, const yaml_node_t *node,
                                                      const char *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    faults_add(im->said, im->name, openapi_line(node), place, format, args);
    va_end(args);
}

void import_lose(struct import *im, const yaml_node_t *node, const char *place, const char *format, ...)
{
    struct buffer words = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&words, format, args);
    va_end(args);
    add(im, node, place, "%.*s", (int)words.len, (const char *)words.data);
    buffer_free(&words);
    im->losses++;
}

void import_note(struct import *im, const yaml_node_t *node, const char *place, const char *format, ...)
{
    struct buffer words = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&words, format, args);
    va_end(args);
    add(im, node, place, "note: %.*s", (int)words.len, (const char *)words.data);
    buffer_free(&words);
}

const yaml_node_t *import_follow(struct import *im, const yaml_node_t *node, const char *place)
{
    for (unsigned i = 0; i < IMPORT_REFERENCES_MOST; i++) {
        const char *reference = openapi_member_text(im->document, node, "$ref");
        if (reference == NULL)
            return node;
        const yaml_node_t *target = openapi_find(im->document, reference);
        if (target == NULL) {
            import_lose(im, node, place, "$ref leads to nothing in this document (%.80s): left out",
                        reference);
            return NULL;
        }
        node = target;
    }
    import_lose(im, node, place, "$ref leads from one to the next without end: left out");
    return NULL;
}

void import_free(struct import *im)
{
    for (size_t i = 0; i < im->operation_count; i++) {
        free(im->operations[i].code);
        free(im->operations[i].path);
        free(im->operations[i].place);
    }
    for (size_t i = 0; i < im->field_count; i++)
        free(im->fields[i]);
    free(im->operations);
    free(im->fields);
}
