#ifndef WASL_TOOL_SERVICE_IMPORT_H
#define WASL_TOOL_SERVICE_IMPORT_H
/*
 * From an OpenAPI document to what the registry says of a service: operations and candidate fields. What the
 * registry cannot express is said with path and line; nothing is dropped in silence.
 *
 * service_import.c holds what the two readers share, service_operations.c reads paths and parameters,
 * service_fields.c the schemas of answers.
 */
#include "wasl/openapi_document.h"

#include "registry/subject.h"

#define IMPORT_FIELDS_MOST     1024 /* = what the registry takes of one service */
#define IMPORT_OPERATIONS_MOST 256
#define IMPORT_TRIED_MOST      2048
#define IMPORT_REFERENCES_MOST 32 /* that lead on to each other */

struct import_operation {
    char *code, *path; /* path: a template of the registry */
    const char *method;
    bool safe;
    enum subject_type subject; /* of the first parameter that has a type */
    const yaml_node_t *node;   /* of the document: the operation, */
    char *place;               /* and its name in remarks: paths./persons/{id}.get */
};
struct import {
    const struct openapi *document;
    const char *name;    /* of the file, in remarks */
    struct faults *said; /* losses and notes */
    unsigned losses;     /* what the fragment lacks or says more broadly than the document */
    struct import_operation *operations;
    size_t operation_count;
    unsigned tried; /* operations of the document, against those without end */
    char media_type[65];
    char **fields;
    size_t field_count;
    bool fields_full; /* said already */
    unsigned visited; /* schemas, against those that unfold without end */
};

void import_free(struct import *import);

/* A thing that is not in the fragment as it is in the document. */
void import_lose(struct import *import, const yaml_node_t *node, const char *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A thing that a person should know or look at; the fragment is whole. */
void import_note(struct import *import, const yaml_node_t *node, const char *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Goes where $ref leads, as often as there is one. NULL after saying why it leads nowhere. */
const yaml_node_t *import_follow(struct import *import, const yaml_node_t *node, const char *place);

/* Fills operations. */
void import_operations(struct import *import);
/* Fills media_type and fields from the answers of the operations. */
void import_fields(struct import *import);

#endif
