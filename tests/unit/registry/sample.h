#ifndef WASL_TEST_REGISTRY_SAMPLE_H
#define WASL_TEST_REGISTRY_SAMPLE_H
/* sample.yaml with keys made for this run. */
#include "base/bytes.h"
#include "registry/registry.h"
#include "tlog/note.h"

struct sample_keys {
    struct note_signer authority[4]; /* the fourth is nobody's */
    struct note_signer ledger[2], witness;
    uint8_t link_mi[2][32], link_men[32];
    uint8_t sealing_mi[2][32], sealing_men[32], oversight[2][32];
};
const struct sample_keys *sample_keys(void);

/* The document. Appends. */
void sample_document(struct buffer *out);
/* Replaces the only occurrence of `from`; the test fails when there is none or another. */
void sample_replace(struct buffer *text, const char *from, const char *to);
/* The sample, loaded; the test fails on any fault. */
struct registry *sample_registry(void);
/* Loads text that must be good. */
struct registry *sample_load(const struct buffer *text);
uint64_t sample_time(const char *text);
/* A self-signed certificate in PEM; ca: may sign others. Appends. */
void sample_certificate(bool ca, struct buffer *out);

#endif
