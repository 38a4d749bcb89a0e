#ifndef WASL_AUDIT_POLICY_H
#define WASL_AUDIT_POLICY_H
/*
 * What another registry would have decided. It is asked the same question at the time of then, by decide()
 * and by nothing else: quotas are not counted again, paths and fields are sealed and not judged, nor are
 * certificates.
 */
#include "registry/decide.h"
#include "registry/registry.h"

struct error;
struct story;
struct policy;

/* A registry document, or a signed registry: whether the authority has signed it is said, and not asked for.
 * NULL with e set: ERROR_IO, ERROR_CONFIG. */
struct policy *policy_open(const char *path, const struct registry_authority *authority, struct error *e);
void policy_free(struct policy *policy); /* NULL is harmless */
const struct registry *policy_registry(const struct policy *policy);
const char *
policy_words(const struct policy *policy); /* what it is: "a registry document, not signed, ..." */

enum policy_result {
    POLICY_NOT_JUDGED, /* nobody is proven to have asked, or the reason lies in what a registry does not say
                        */
    POLICY_SAME,
    POLICY_REFUSED,  /* admitted then; would have been refused */
    POLICY_ADMITTED, /* refused then; would have been admitted, as far as a registry goes */
    POLICY_OTHER,    /* refused then and by it, for another reason */
};
struct policy_verdict {
    enum policy_result result;
    enum refusal refusal; /* by the policy */
    char words[256];
};
const char *policy_result_name(enum policy_result result); /* "same", "would_be_refused", ... */
/* Of a story that is closed. */
void policy_judge(const struct story *story, struct policy_verdict *out);

/* Counts by consumer, service, result and reason. */
struct policy_counts;
struct policy_counts *policy_counts_new(void);
void policy_counts_free(struct policy_counts *counts); /* NULL is harmless */
void policy_counts_add(struct policy_counts *counts, const struct story *story);
/* Calls for each, in the order of result, consumer, service, reason. consumer NULL: what did not fit any
 * more, all together. */
void policy_counts_each(struct policy_counts *counts,
                        void (*visit)(void *arg, enum policy_result result, const char *consumer,
                                      const char *service, enum refusal refusal, uint64_t count),
                        void *arg);

#endif
