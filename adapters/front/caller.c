#include "front/caller.h"
#include "base/origin.h"
#include <stdio.h>
#include <string.h>

static bool is_meant(const struct front_caller *caller, const struct evidence *evidence)
{
    if (evidence->kind == RULES_TLS)
        return evidence->has_certificate &&
               memcmp(caller->certificate, evidence->certificate, sizeof caller->certificate) == 0;
    return evidence->kind == RULES_UNIX && caller->user == evidence->user;
}

enum caller_verdict caller_judge(const struct rules *rules, const struct evidence *evidence, uint64_t now,
                                 struct speaker *speaker)
{
    const struct front_caller *found = NULL;

    for (size_t i = 0; i < rules->caller_count && found == NULL; i++)
        if (is_meant(&rules->callers[i], evidence))
            found = &rules->callers[i];
    /* Behind TLS nobody is "everybody". */
    if (rules->caller_count == 0 && rules->kind != RULES_TLS)
        found = &rules->everybody;
    if (found == NULL || rules->kind != evidence->kind)
        return CALLER_UNKNOWN_;
    if (evidence->kind == RULES_TLS && now < evidence->valid_from)
        return CALLER_NOT_YET;
    if (evidence->kind == RULES_TLS && now > evidence->valid_until)
        return CALLER_EXPIRED;
    speaker->member = rules->member;
    speaker->subsystems = found->subsystems;
    speaker->subsystem_count = found->subsystem_count;
    return CALLER_KNOWN;
}

const char *caller_words(enum caller_verdict verdict, enum rules_kind kind)
{
    switch (verdict) {
    case CALLER_NOT_YET:
        return "The client certificate is not valid yet.";
    case CALLER_EXPIRED:
        return "The client certificate has expired.";
    default:
        return kind == RULES_TLS ? "The client certificate is none that is entered at this listener."
                                 : "The calling process runs as a user who is not entered at this listener.";
    }
}

void caller_connection_key(const struct evidence *evidence, const struct sockaddr *address,
                           char key[CALLER_KEY_MOST])
{
    char text[ORIGIN_TEXT] = "unknown";

    if (evidence->kind == RULES_UNIX) {
        snprintf(key, CALLER_KEY_MOST, "user:%u", evidence->user);
        return;
    }
    if (address != NULL && origin_known(address))
        origin_text(address, text);
    snprintf(key, CALLER_KEY_MOST, "address:%s", text);
}

void caller_request_key(const struct evidence *evidence, const char *connection_key,
                        char key[CALLER_KEY_MOST])
{
    char hex[65];

    if (!evidence->has_certificate) {
        snprintf(key, CALLER_KEY_MOST, "%s", connection_key);
        return;
    }
    hex_encode(evidence->certificate, sizeof evidence->certificate, hex);
    snprintf(key, CALLER_KEY_MOST, "certificate:%s", hex);
}
