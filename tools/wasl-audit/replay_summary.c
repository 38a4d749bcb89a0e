#include "replay_summary.h"

#include "json_line.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const end_names[] = {"answered", "refused",    "ended without an answer",
                                        "open",     "unfinished", "fragments"};
static const char *const end_keys[] = {"answered", "refused", "ended", "open", "unfinished", "fragment"};

void summary_add(struct summary *summary, const struct story *story)
{
    summary->exchanges++;
    summary->ends[story->end]++;
    summary->findings += story->finding_count;
    if (summary->policy != NULL)
        policy_counts_add(summary->policy, story);
}

void summary_heading(const struct checkpoint *checkpoint, const struct policy *policy)
{
    printf("ledger          %s\ncheckpoint      %" PRIu64 " entries, its signature is good\n",
           checkpoint->origin, checkpoint->size);
    if (policy != NULL)
        printf("other registry  %s\n", policy_words(policy));
    putchar('\n');
}

static json_t *safe_text(const char *words)
{
    return json_safe(bytes_of_string(words));
}

void summary_findings(uint64_t *count, const struct kept_findings *findings, bool jsonl, struct buffer *out)
{
    json_t *array = json_array();
    for (size_t at = 0; at < findings->lines.len;) {
        const char *words = (const char *)findings->lines.data + at;
        at += strlen(words) + 1;
        if ((*count)++ >= FINDINGS_SHOWN)
            continue;
        json_array_append_new(array, safe_text(words));
        if (jsonl)
            continue;
        buffer_append_string(out, "WRONG  ");
        text_put(bytes_of_string(words), out);
        buffer_append_string(out, "\n\n");
    }
    if (!jsonl || json_array_size(array) == 0) {
        json_decref(array);
        return;
    }
    json_t *object = json_object();
    json_object_set_new(object, "exchange", json_null());
    json_object_set_new(object, "findings", array);
    json_line(object, out);
}

/* --- the end --- */

static void print_group(void *arg, enum policy_result result, const char *consumer, const char *service,
                        enum refusal refusal, uint64_t count)
{
    struct buffer line = {0};
    (void)arg;
    buffer_printf(&line, "  %10" PRIu64 "  %-18s ", count, policy_result_name(result));
    if (consumer == NULL) {
        buffer_append_string(&line, "others");
    } else if (*consumer != '\0') {
        text_put(bytes_of_string(consumer), &line);
        buffer_append_string(&line, " -> ");
        text_put(bytes_of_string(service), &line);
    }
    if (refusal != REFUSAL_NONE)
        buffer_printf(&line, "  %s", refusal_name(refusal));
    printf("%.*s\n", (int)line.len, (const char *)line.data);
    buffer_free(&line);
}

static void print_text(const struct summary *summary, const struct policy *policy)
{
    const char *between = ": ";
    printf("%" PRIu64 " exchange%s", summary->exchanges, summary->exchanges == 1 ? "" : "s");
    for (unsigned end = 0; end <= STORY_FRAGMENT; end++) {
        if (summary->ends[end] == 0)
            continue;
        printf("%s%" PRIu64 " %s", between, summary->ends[end], end_names[end]);
        between = ", ";
    }
    putchar('\n');
    if (policy != NULL) {
        printf("by the other registry (%s):\n", policy_words(policy));
        policy_counts_each(summary->policy, print_group, NULL);
    }
    if (summary->findings > 0)
        printf("NOT GOOD: %" PRIu64 " thing%s wrong or cannot be judged.\n", summary->findings,
               summary->findings == 1 ? " is" : "s are");
    else if (summary->exchanges > 0)
        puts("GOOD");
    else
        puts("There is no such exchange.");
}

static void add_group(void *arg, enum policy_result result, const char *consumer, const char *service,
                      enum refusal refusal, uint64_t count)
{
    json_t *group = json_object();
    json_object_set_new(group, "result", json_string(policy_result_name(result)));
    json_object_set_new(group, "consumer",
                        consumer != NULL && *consumer != '\0' ? safe_text(consumer) : json_null());
    json_object_set_new(group, "service",
                        service != NULL && *service != '\0' ? safe_text(service) : json_null());
    json_object_set_new(group, "refusal",
                        refusal != REFUSAL_NONE ? json_string(refusal_name(refusal)) : json_null());
    json_object_set_new(group, "count", json_integer((json_int_t)count));
    json_array_append_new(arg, group);
}

static void print_json(const struct summary *summary, const struct checkpoint *checkpoint,
                       const struct policy *policy)
{
    json_t *object = json_object(), *sums = json_object(), *ends = json_object(), *groups = json_array();
    for (unsigned end = 0; end <= STORY_FRAGMENT; end++)
        json_object_set_new(ends, end_keys[end], json_integer((json_int_t)summary->ends[end]));
    json_object_set_new(sums, "ledger", safe_text(checkpoint->origin));
    json_object_set_new(sums, "checkpoint", json_integer((json_int_t)checkpoint->size));
    json_object_set_new(sums, "exchanges", json_integer((json_int_t)summary->exchanges));
    json_object_set_new(sums, "ends", ends);
    json_object_set_new(sums, "findings", json_integer((json_int_t)summary->findings));
    json_object_set_new(sums, "good", json_boolean(summary->findings == 0));
    json_object_set_new(sums, "policy", policy != NULL ? safe_text(policy_words(policy)) : json_null());
    if (summary->policy != NULL)
        policy_counts_each(summary->policy, add_group, groups);
    json_object_set_new(sums, "policy_counts", groups);
    json_object_set_new(object, "summary", sums);
    struct buffer line = {0};
    json_line(object, &line);
    fwrite(line.data, 1, line.len, stdout);
    buffer_free(&line);
}

void summary_print(const struct summary *summary, const struct checkpoint *checkpoint,
                   const struct policy *policy, bool jsonl)
{
    if (jsonl)
        print_json(summary, checkpoint, policy);
    else
        print_text(summary, policy);
}
