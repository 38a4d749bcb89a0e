#ifndef WASL_TESTS_REST_CALL_H
#define WASL_TESTS_REST_CALL_H
/* Calls of the rest connector as the core makes them. */
#include "connectors/connectors.h"
#include <semaphore.h>

struct asked {
    struct call call;
    struct registry_operation operation;
    sem_t done;
};
struct asked *asked_new(const char *method, const char *path, bool safe);
void asked_body(struct asked *a, const char *body);
void asked_start(struct connector *connector, struct asked *a);
struct reply *asked_wait(struct asked *a);
struct reply *ask(struct connector *connector, struct asked *a); /* start and wait */
void asked_free(struct asked *a);
/* Starts, waits, frees. */
enum refusal refusal_of(struct connector *connector, const char *method, const char *path, bool safe);
/* "200 body", or the name of the refusal. Static memory. */
const char *answer_of(struct connector *connector, const char *method, const char *path, bool safe,
                      const char *body);
bool holds(const struct buffer *b, const char *text);

#endif
