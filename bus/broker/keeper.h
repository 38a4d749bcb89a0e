#ifndef WASL_BROKER_KEEPER_H
#define WASL_BROKER_KEEPER_H
/*
 * The helper thread, for what takes its time: taking up a new registry or CRL as soon as its file has come to
 * rest (watch.h) or when it is asked to, saying what is wrong with one that stays bad, watching their age,
 * and knocking at our own door with a stranger's key to see that ZAP refuses it. When the door proves open
 * the process ends at once with exit code 4: libzmq without a ZAP handler lets anybody in. A door that does
 * not answer is an alarm, and at the start an end too.
 */
#include "broker/pipeline.h"

struct error;
struct keeper;
struct truststore;

struct keeper_options {
    const struct config *config;
    struct pipeline *pipeline;
    struct truststore *truststore;
    struct snapshot *snapshot; /* in force; the keeper takes its own reference */
    struct snapshot_box *box;  /* where what it passes on comes into force; NULL: at once */
    struct chains *chains;     /* NULL: none */
    void *zmq_context;
    const char *endpoint;
    const uint8_t *server_public;
};
struct keeper *keeper_start(const struct keeper_options *options, struct error *e);
/* Reads registry and CRLs now; what comes of it goes to the writer as a JOB_CHANGE. Never waits. */
void keeper_reload(struct keeper *keeper);
void keeper_stop(struct keeper *keeper); /* NULL is harmless */

/* Knocks once, and again when nothing could be found out. 0 refused as it must be, -1. */
int keeper_probe(const struct keeper_options *options, struct error *e);

#endif
