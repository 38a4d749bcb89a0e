#ifndef WASL_BROKER_SHARES_H
#define WASL_BROKER_SHARES_H
/*
 * Who has how much of a peer's room. As a consumer it has a plain bound (struct room). As a provider its room
 * is divided among the members that ask it: one may hold as much as is still free, so a member alone may have
 * half, two a third each, and some is always left for the next. And only so many requests of one member are
 * under way to a provider at once; its others wait here, behind nobody else. The I/O thread's.
 */
#include "broker/config.h"
#include "registry/identifier.h"

#include <stdbool.h>
#include <stddef.h>

struct exchange;

struct room {
    uint64_t messages, bytes;
};
/* Counted while an exchange is open; false: no room. */
bool room_take(struct room *room, uint64_t bytes, const struct config_limits *limits);
void room_give(struct room *room, uint64_t bytes);

struct share;
/* A member that has asked, and when last. */
struct asker {
    char member[IDENTIFIER_MOST + 1];
    uint64_t at;
};
struct shares {
    struct room all;
    struct asker askers[2]; /* the last two, the latest first */
    struct share *items;    /* of members that have something open */
    size_t count, capacity;
};
bool shares_take(struct shares *shares, const char *member, uint64_t bytes,
                 const struct config_limits *limits);
void shares_give(struct shares *shares, const char *member, uint64_t bytes);
/* May this exchange's request be sent now? If not, it waits until shares_done brings it back. most: under way
 * of one member that is alone; an eighth of it while another has asked within SHARES_MEMORY; 0: no bound.
 * now: monotonic. Between shares_take and shares_give of the same member. */
#define SHARES_MEMORY (10 * 1000000ULL)
bool shares_send(struct shares *shares, const char *member, struct exchange *exchange, uint64_t most,
                 uint64_t now);
/* This exchange no longer counts, whether it was sent or waits. What may be sent instead; NULL. */
struct exchange *shares_done(struct shares *shares, const char *member, struct exchange *exchange);
void shares_free(struct shares *shares);

#endif
