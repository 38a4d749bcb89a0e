#ifndef WASL_AUDIT_STORY_H
#define WASL_AUDIT_STORY_H
/* One exchange as its entries tell it, from the first to the last, and what is wrong with it. */
#include "credential.h"
#include "findings.h"
#include "policy.h"
#include "step.h"

enum story_end {
    STORY_ANSWERED, /* by the provider, or by its adapter's refusal */
    STORY_REFUSED,
    STORY_ENDED,      /* by the bus: timed out, interrupted, refused after it had been admitted */
    STORY_OPEN,       /* within its time where the ledger ends */
    STORY_UNFINISHED, /* past its time, without an end: a finding */
    STORY_FRAGMENT,   /* entries that belong to no request told here */
};

struct story {
    uint64_t order; /* index of its first entry */
    uint8_t id[16];
    bool has_header;
    struct header header; /* of the first entry that has one */
    uint64_t expires;     /* of its request; 0 */
    bool continues;       /* the time line of this id has been told above: this came behind its end */
    struct step **steps;
    size_t count;
    const struct step *request, *terminal; /* among the steps; NULL */
    enum story_end end;
    struct kept_findings findings;
    unsigned finding_count;
    struct policy_verdict policy;
    struct story *next;           /* stories.h: of its bucket */
    struct story *before, *after; /* by age */
};

struct story *story_new(const struct record *first, uint64_t order);
void story_free(struct story *story); /* NULL is harmless */
/* Takes the step over, with what is wrong with it. findings: what the rules between entries have to say. */
void story_add(struct story *story, struct step *step, const struct record *record,
               struct kept_findings *findings);
/* No entry comes any more that could belong to it, or the ledger ends. last_time: of the ledger's last entry
 * read. */
void story_close(struct story *story, uint64_t last_time, const struct policy *policy);
const char *story_end_name(const struct story *story); /* "answered", "refused", ... */
/* Does the outcome of any of its entries have that name, or is it "refused" and one of them was? */
bool story_has_outcome(const struct story *story, const char *outcome);
void story_wrong(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What all stories of a run are told with. */
struct telling {
    bool utc;
    uint64_t size; /* of the checkpoint */
    struct credentials *credentials;
    const struct policy *policy; /* NULL: none was given */
};
/* Appends a time line in words. */
void story_text(const struct story *story, const struct telling *telling, struct buffer *out);
/* Appends one JSON object and an LF. */
void story_json(const struct story *story, const struct telling *telling, struct buffer *out);

#endif
