#include "policy.h"

#include "base/error.h"
#include "story.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_MOST ((size_t)16 << 20)
/* Kinds of exchanges that are counted apart: what is refused without a grant may name anything. */
#define GROUPS_MOST 4096

struct policy {
    struct registry *registry;
    char words[256];
};

static bool is_signed(struct bytes file)
{
    static const char begin[] = "wasl-registry/";
    return file.len >= sizeof begin - 1 && memcmp(file.data, begin, sizeof begin - 1) == 0;
}

static void describe(struct policy *policy, const char *what)
{
    snprintf(policy->words, sizeof policy->words, "version %" PRIu64 " of %s, %s",
             registry_version(policy->registry), registry_instance(policy->registry), what);
}

static int open_signed(struct policy *policy, struct bytes file, const struct registry_authority *authority,
                       struct error *e)
{
    struct error fault = {0};
    policy->registry = registry_open_signed(file, NULL, authority, NULL, &fault);
    if (policy->registry != NULL) {
        describe(policy, "signed by the authority given");
        return 0;
    }
    policy->registry = registry_open_unjudged(file, NULL, e);
    if (policy->registry == NULL)
        return -1;
    describe(policy, "a signed registry, but NOT signed by the authority given");
    return 0;
}

static int open_document(struct policy *policy, struct bytes file, const char *path, struct error *e)
{
    struct faults faults = {0};
    policy->registry = registry_parse(file, path, &faults);
    if (policy->registry == NULL)
        error_set(e, ERROR_CONFIG, "%.*s", (int)(faults.text.len < 400 ? faults.text.len : 400),
                  (const char *)faults.text.data);
    else
        describe(policy, "a registry document, not signed");
    faults_free(&faults);
    return policy->registry != NULL ? 0 : -1;
}

struct policy *policy_open(const char *path, const struct registry_authority *authority, struct error *e)
{
    struct buffer file = {0};
    struct policy *policy = memory_zeroed(1, sizeof *policy);
    int result = file_read(path, POLICY_MOST, &file, e);
    if (result != 0) {
        e->kind = ERROR_IO;
    } else {
        result = is_signed(buffer_bytes(&file)) ? open_signed(policy, buffer_bytes(&file), authority, e)
                                                : open_document(policy, buffer_bytes(&file), path, e);
        if (result != 0)
            e->kind = ERROR_CONFIG;
    }
    buffer_free(&file);
    if (result == 0)
        return policy;
    error_prefix(e, "--policy %s: ", path);
    policy_free(policy);
    return NULL;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    registry_free(policy->registry);
    free(policy);
}

const struct registry *policy_registry(const struct policy *policy)
{
    return policy->registry;
}

const char *policy_words(const struct policy *policy)
{
    return policy->words;
}

const char *policy_result_name(enum policy_result result)
{
    static const char *const names[] = {"not_judged", "same", "would_be_refused", "would_be_admitted",
                                        "other_reason"};
    return names[result];
}

/* Why it was refused then, by whomever; 0: it was not refused. */
static unsigned refused_then(const struct story *story)
{
    if (story->request == NULL)
        return story->count > 0 ? story->steps[0]->refusal : 0;
    unsigned refusal = story->terminal != NULL ? story->terminal->refusal : 0;
    return decide_may_refuse(refusal) || refusal == REFUSAL_ENDPOINT_NOT_PERMITTED ? refusal : 0;
}

void policy_judge(const struct story *story, struct policy_verdict *out)
{
    const struct step *asked = story->count > 0 ? story->steps[0] : NULL;
    *out = (struct policy_verdict){.result = POLICY_NOT_JUDGED};
    if (asked == NULL || !asked->has_policy) {
        snprintf(out->words, sizeof out->words, "there is no question in it that a registry could be asked");
        return;
    }
    if (asked->signature != STEP_GOOD) {
        snprintf(out->words, sizeof out->words, "nobody is proven to have asked this");
        return;
    }
    unsigned then = refused_then(story);
    out->refusal = asked->policy.refusal;
    memcpy(out->words, asked->policy.words, sizeof out->words);
    if (then == REFUSAL_NONE)
        out->result = out->refusal == REFUSAL_NONE ? POLICY_SAME : POLICY_REFUSED;
    else if (out->refusal != REFUSAL_NONE)
        out->result = out->refusal == then ? POLICY_SAME : POLICY_OTHER;
    else if (!decide_may_refuse(then))
        snprintf(out->words, sizeof out->words,
                 "it permits the operation; %s, for which it was refused, is not for a registry to say",
                 refusal_name(then));
    else if (asked->decision.refusal == REFUSAL_NONE && asked->has_decision)
        /* An adapter judged the path, or by a registry of its own: what changed is not this registry. */
        snprintf(out->words, sizeof out->words,
                 "it permits this, as the registry of then did; an adapter refused it by what is sealed or "
                 "by a registry of its own");
    else
        out->result = POLICY_ADMITTED;
}

/* --- counts --- */

struct group {
    enum policy_result result;
    enum refusal refusal;
    char consumer[IDENTIFIER_MOST + 1];
    char service[IDENTIFIER_MOST + CODE_MOST + 2];
    uint64_t count;
};

struct policy_counts {
    struct group *groups; /* sorted */
    size_t count;
    uint64_t others[POLICY_OTHER + 1];
};

struct policy_counts *policy_counts_new(void)
{
    struct policy_counts *counts = memory_zeroed(1, sizeof *counts);
    counts->groups = memory_zeroed(GROUPS_MOST, sizeof *counts->groups);
    return counts;
}

void policy_counts_free(struct policy_counts *counts)
{
    if (counts == NULL)
        return;
    free(counts->groups);
    free(counts);
}

static int compare(const struct group *a, const struct group *b)
{
    if (a->result != b->result)
        return a->result < b->result ? -1 : 1;
    int order = strcmp(a->consumer, b->consumer);
    if (order == 0)
        order = strcmp(a->service, b->service);
    if (order == 0 && a->refusal != b->refusal)
        order = a->refusal < b->refusal ? -1 : 1;
    return order;
}

void policy_counts_add(struct policy_counts *counts, const struct story *story)
{
    struct group group = {.result = story->policy.result, .refusal = story->policy.refusal, .count = 1};
    /* Who is not proven may have named anybody. */
    if (story->has_header && group.result != POLICY_NOT_JUDGED) {
        strcpy(group.consumer, story->header.consumer);
        header_service_id(&story->header, group.service);
    }
    size_t low = 0, high = counts->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&group, &counts->groups[middle]);
        if (order == 0) {
            counts->groups[middle].count++;
            return;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (counts->count == GROUPS_MOST) {
        counts->others[group.result]++;
        return;
    }
    memmove(&counts->groups[low + 1], &counts->groups[low], (counts->count - low) * sizeof group);
    counts->groups[low] = group;
    counts->count++;
}

void policy_counts_each(struct policy_counts *counts,
                        void (*visit)(void *arg, enum policy_result result, const char *consumer,
                                      const char *service, enum refusal refusal, uint64_t count),
                        void *arg)
{
    for (size_t i = 0; i < counts->count; i++) {
        const struct group *group = &counts->groups[i];
        visit(arg, group->result, group->consumer, group->service, group->refusal, group->count);
    }
    for (unsigned result = 0; result <= POLICY_OTHER; result++)
        if (counts->others[result] > 0)
            visit(arg, (enum policy_result)result, NULL, NULL, REFUSAL_NONE, counts->others[result]);
}
