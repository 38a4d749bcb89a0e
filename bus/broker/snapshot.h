#ifndef WASL_BROKER_SNAPSHOT_H
#define WASL_BROKER_SNAPSHOT_H
/*
 * By what the bus judges: one version of the registry with the trust set made of it and of the CRLs.
 * Immutable, counted references. A change makes a new one (snapshot_load), the writer records its objects,
 * and then it is swapped in.
 */
#include "broker/config.h"
#include "crypto/trust.h"
#include "registry/registry.h"

struct chains;
struct error;
struct truststore;

struct snapshot;
/*
 * Reads registry and CRLs, demands that they follow on what `previous` holds (NULL at start: on the registry
 * and CRLs accepted last, kept in the state folder), and puts every object into the trust store. What cannot
 * be used is left out, with a line in *problems that says what and why: the last good one stays until a newer
 * one comes. NULL with e set when there is nothing good to go on with.
 */
struct snapshot *snapshot_load(const struct config *config, const struct snapshot *previous,
                               struct truststore *store, struct buffer *problems, struct error *e);
/* For tests: takes registry and trust over. */
struct snapshot *snapshot_new(struct registry *registry, struct trust *trust);
/* Keeps registry and CRLs as those accepted last: older ones are refused from now on, also after a restart.
 * 0; 1: some CRLs are not proven yet (crls.h), so it is worth doing again when chains (may be NULL) have
 * come. */
int snapshot_accept(const struct config *config, const struct snapshot *snapshot, struct chains *chains,
                    struct error *e);
/* The same registry and the same CRLs? */
bool snapshot_same(const struct snapshot *a, const struct snapshot *b);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot); /* drops one reference; NULL is harmless */

const struct registry *snapshot_registry(const struct snapshot *snapshot);
struct trust *snapshot_trust(const struct snapshot *snapshot);
size_t snapshot_crl_count(const struct snapshot *snapshot);
const uint8_t *snapshot_crl(const struct snapshot *snapshot, size_t i); /* its hash */

/* The one in force, for threads that do not get it with their work. */
struct snapshot_box;
struct snapshot_box *snapshot_box_new(struct snapshot *first); /* takes the reference */
void snapshot_box_free(struct snapshot_box *box);
struct snapshot *snapshot_box_get(struct snapshot_box *box);                /* a reference */
void snapshot_box_set(struct snapshot_box *box, struct snapshot *snapshot); /* takes the reference */

#endif
