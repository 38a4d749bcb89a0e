#include "broker/growth.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_MOST ((size_t)64 * 1024)
#define DAY       86400.0

static void drop_oldest(struct growth *growth, size_t count)
{
    growth->count -= count;
    memmove(growth->samples, growth->samples + count, growth->count * sizeof(growth->samples[0]));
}

static void put(struct growth *growth, uint64_t time, uint64_t bytes)
{
    if (growth->count == GROWTH_SAMPLES)
        drop_oldest(growth, 1);
    growth->samples[growth->count++] = (struct growth_sample){time, bytes};
}

static bool line_parse(const char *line, size_t len, struct growth_sample *out)
{
    const char *space = memchr(line, ' ', len);
    return space != NULL && decimal_parse(bytes_make(line, (size_t)(space - line)), &out->time) &&
           decimal_parse(bytes_make(space + 1, len - (size_t)(space - line) - 1), &out->bytes);
}

void growth_load(struct growth *growth, const char *path)
{
    struct buffer text = {0};
    struct error e;
    growth->count = 0;
    if (file_read(path, FILE_MOST, &text, &e) != 0)
        goto done;
    for (size_t at = 0; at < text.len;) {
        const char *line = (const char *)text.data + at;
        const char *end = memchr(line, '\n', text.len - at);
        struct growth_sample sample;
        if (end == NULL || !line_parse(line, (size_t)(end - line), &sample) ||
            (growth->count > 0 && sample.time <= growth->samples[growth->count - 1].time)) {
            growth->count = 0;
            break;
        }
        put(growth, sample.time, sample.bytes);
        at += (size_t)(end - line) + 1;
    }
done:
    buffer_free(&text);
}

int growth_save(const struct growth *growth, const char *path, struct error *e)
{
    struct buffer text = {0};
    for (size_t i = 0; i < growth->count; i++)
        buffer_printf(&text, "%" PRIu64 " %" PRIu64 "\n", growth->samples[i].time, growth->samples[i].bytes);
    int result = file_write_atomically(path, buffer_bytes(&text), 0600, e);
    buffer_free(&text);
    return result;
}

bool growth_note(struct growth *growth, uint64_t now, uint64_t bytes)
{
    while (growth->count > 0 && growth->samples[growth->count - 1].time > now)
        growth->count--;
    for (size_t i = growth->count; i-- > 0;)
        if (growth->samples[i].bytes > bytes) {
            drop_oldest(growth, i + 1);
            break;
        }
    while (growth->count > 0 && now - growth->samples[0].time > (uint64_t)GROWTH_SAMPLES * GROWTH_EVERY)
        drop_oldest(growth, 1);
    if (growth->count > 0 && now - growth->samples[growth->count - 1].time < GROWTH_EVERY)
        return false;
    put(growth, now, bytes);
    return true;
}

bool growth_days_left(const struct growth *growth, uint64_t now, uint64_t bytes, uint64_t room, double *days)
{
    if (growth->count == 0)
        return false;
    const struct growth_sample *from = &growth->samples[0];
    if (now < from->time + GROWTH_EVERY || bytes <= from->bytes)
        return false;
    double a_day = (double)(bytes - from->bytes) / ((double)(now - from->time) / DAY);
    *days = (double)room / a_day;
    return true;
}
