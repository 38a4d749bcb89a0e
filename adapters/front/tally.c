#include "front/tally.h"
#include "base/bytes.h"
#include "base/error.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024U

struct entry {
    struct entry *next;
    unsigned count;
    char key[];
};
struct tally {
    pthread_mutex_t mutex;
    struct entry *buckets[BUCKETS];
};

struct tally *tally_new(void)
{
    struct tally *tally = memory_zeroed(1, sizeof *tally);

    pthread_mutex_init(&tally->mutex, NULL);
    return tally;
}

void tally_free(struct tally *tally)
{
    if (tally == NULL)
        return;
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (tally->buckets[i] != NULL) {
            struct entry *entry = tally->buckets[i];
            tally->buckets[i] = entry->next;
            free(entry);
        }
    }
    pthread_mutex_destroy(&tally->mutex);
    free(tally);
}

/* Where the entry of this key hangs, or would. */
static struct entry **find(struct tally *tally, const char *key)
{
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (const char *p = key; *p != 0; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619U;
    struct entry **at = &tally->buckets[hash % BUCKETS];
    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

bool tally_take(struct tally *tally, const char *key, unsigned most)
{
    bool taken = false;

    pthread_mutex_lock(&tally->mutex);
    struct entry **at = find(tally, key);
    if (most == 0 || (*at != NULL ? (*at)->count : 0) < most) {
        if (*at == NULL) {
            size_t len = strlen(key) + 1;
            *at = memory_zeroed(1, sizeof **at + len);
            memcpy((*at)->key, key, len);
        }
        (*at)->count++;
        taken = true;
    }
    pthread_mutex_unlock(&tally->mutex);
    return taken;
}

void tally_give(struct tally *tally, const char *key)
{
    pthread_mutex_lock(&tally->mutex);
    struct entry **at = find(tally, key);
    BUG_ON(*at == NULL);
    if (--(*at)->count == 0) {
        struct entry *gone = *at;
        *at = gone->next;
        free(gone);
    }
    pthread_mutex_unlock(&tally->mutex);
}

unsigned tally_count(struct tally *tally, const char *key)
{
    pthread_mutex_lock(&tally->mutex);
    struct entry *entry = *find(tally, key);
    unsigned count = entry != NULL ? entry->count : 0;
    pthread_mutex_unlock(&tally->mutex);
    return count;
}
