#include "front/status.h"
#include "base/alarm.h"
#include <jansson.h>
#include <stdlib.h>

void status_json(const char *member, const struct core_status *status, struct buffer *out)
{
    json_t *object =
        json_pack("{s:s, s:b, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "member", member, "linked",
                  (int)status->linked, "trouble", status->trouble, "checkpoint_size",
                  (json_int_t)status->checkpoint_size, "registry_version",
                  (json_int_t)status->registry_version, "asks_open", (json_int_t)status->asks_open,
                  "calls_open", (json_int_t)status->calls_open, "asked", (json_int_t)status->asked,
                  "answered", (json_int_t)status->answered, "refused", (json_int_t)status->refused);
    struct buffer alarms = {0};
    alarms_json(&alarms);
    if (object != NULL)
        json_object_set_new(object, "alarms", json_loadb((const char *)alarms.data, alarms.len, 0, NULL));
    buffer_free(&alarms);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    if (text != NULL)
        buffer_append_string(out, text);
    free(text);
    json_decref(object);
}
