#include "story.h"

#include "base/clock.h"
#include "base/error.h"
#include "rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct story *story_new(const struct record *first, uint64_t order)
{
    struct story *story = memory_zeroed(1, sizeof *story);
    story->order = order;
    story->end = STORY_FRAGMENT;
    memcpy(story->id, first->exchange_id, sizeof story->id);
    return story;
}

void story_free(struct story *story)
{
    if (story == NULL)
        return;
    for (size_t i = 0; i < story->count; i++)
        step_free(story->steps[i]);
    free(story->steps);
    kept_findings_free(&story->findings);
    free(story);
}

void story_wrong(struct story *story, const char *format, ...)
{
    char words[640];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    finding_keep(&story->findings, "%s", words);
    story->finding_count++;
}

static unsigned lines_of(const struct kept_findings *findings)
{
    unsigned count = 0;
    for (size_t i = 0; i < findings->lines.len; i++)
        count += findings->lines.data[i] == '\0';
    return count;
}

/* What the entry is found guilty of by itself. */
static void judge_step(struct story *story, const struct step *step)
{
    if (!step->covered)
        story_wrong(story, "entry %" PRIu64 ": %s", step->index, step->cover_words);
    if (step->signature == STEP_WRONG || step->signature == STEP_UNREADABLE)
        story_wrong(story, "entry %" PRIu64 ": %s", step->index, step->signature_words);
    if (step->judged && step->type != ENTRY_REFUSED && (!step->judgement.allowed || !step->judgement.known))
        story_wrong(story, "entry %" PRIu64 ": %s%s", step->index,
                    step->judgement.allowed ? "it cannot be judged: " : "", step->judgement.words);
    if (step->type == ENTRY_REFUSED && !step->reported && step->agreement == STEP_DISAGREES)
        story_wrong(story, "entry %" PRIu64 ": refused (%s), although by what was in force then: %s",
                    step->index, refusal_name(step->refusal), step->agreement_words);
    bool lost =
        step->moment != NULL && (step->moment->registry_lost != NULL || step->moment->crl_lost != NULL);
    if (step->type == ENTRY_REFUSED && step->agreement == STEP_UNKNOWN && lost)
        story_wrong(story, "entry %" PRIu64 ": it cannot be judged: %s", step->index, step->agreement_words);
}

static bool ends(const struct step *step)
{
    if (step->type == ENTRY_TIMED_OUT || step->type == ENTRY_INTERRUPTED)
        return true;
    if (step->type == ENTRY_REFUSED)
        return step->kind == 0;
    return step->type == ENTRY_ADMITTED && step->kind == MESSAGE_RESPONSE;
}

static void take_part(struct story *story, const struct step *step)
{
    if (step->type == ENTRY_ADMITTED && step->kind == MESSAGE_REQUEST && story->request == NULL &&
        !story->continues) {
        story->request = step;
        story->expires = story->header.expires;
        story->end = STORY_OPEN;
    } else if (story->request == NULL && story->count == 1 && step->type == ENTRY_REFUSED &&
               step->kind != 0 && step->kind != MESSAGE_RESPONSE) {
        story->terminal = step;
        story->end = STORY_REFUSED;
    } else if (story->request != NULL && story->terminal == NULL && ends(step)) {
        story->terminal = step;
        story->end = step->kind == MESSAGE_RESPONSE ? STORY_ANSWERED : STORY_ENDED;
    }
}

void story_add(struct story *story, struct step *step, const struct record *record,
               struct kept_findings *findings)
{
    if (!story->has_header && record->has_header) {
        story->header = record->header;
        story->has_header = true;
    }
    story->steps = realloc(story->steps, (story->count + 1) * sizeof(struct step *));
    BUG_ON(story->steps == NULL);
    story->steps[story->count++] = step;
    take_part(story, step);
    judge_step(story, step);
    story->finding_count += lines_of(findings);
    buffer_append_bytes(&story->findings.lines, buffer_bytes(&findings->lines));
    buffer_clear(&findings->lines);
}

void story_close(struct story *story, uint64_t last_time, const struct policy *policy)
{
    if (story->end == STORY_OPEN && story->expires + RULES_END_GRACE < last_time) {
        story->end = STORY_UNFINISHED;
        story_wrong(story, "entry %" PRIu64 ": its exchange has neither ended nor is it within its time",
                    story->request->index);
    }
    if (policy != NULL)
        policy_judge(story, &story->policy);
}

const char *story_end_name(const struct story *story)
{
    static const char *const names[] = {"answered", "refused", "ended", "open", "unfinished", "fragment"};
    if (story->end == STORY_ENDED)
        return entry_type_name(story->terminal->type);
    return names[story->end];
}

bool story_has_outcome(const struct story *story, const char *outcome)
{
    for (size_t i = 0; i < story->count; i++)
        if (strcmp(story->steps[i]->outcome, outcome) == 0 ||
            (strcmp(outcome, "refused") == 0 && story->steps[i]->refusal != 0))
            return true;
    return false;
}
