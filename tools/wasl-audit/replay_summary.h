#ifndef WASL_AUDIT_REPLAY_SUMMARY_H
#define WASL_AUDIT_REPLAY_SUMMARY_H
/* What a replay says besides its time lines: what it believed at the beginning, what is wrong and belongs to
 * no exchange, the sums in the end. */
#include "story.h"

struct summary {
    uint64_t exchanges;
    uint64_t ends[STORY_FRAGMENT + 1]; /* by enum story_end */
    uint64_t findings;
    struct policy_counts *policy; /* NULL: no other registry */
};
void summary_add(struct summary *summary, const struct story *story);
/* On standard output. policy may be NULL. */
void summary_heading(const struct checkpoint *checkpoint, const struct policy *policy);
void summary_print(const struct summary *summary, const struct checkpoint *checkpoint,
                   const struct policy *policy, bool jsonl);
/* Appends findings of no exchange, as long as not too many have been said; counts them. */
void summary_findings(uint64_t *count, const struct kept_findings *findings, bool jsonl, struct buffer *out);

#endif
