#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H
/* A ledger in a folder of its own, and messages to put in it. Signatures are made up: the ledger does not
 * judge them. */
#include "base/clock.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "ledger/ledger.h"
#include "wire/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW (UINT64_C(1795327556) * MICROSECONDS) /* 2026-11-22T06:05:56Z */

struct fixture {
    char folder[64];
    struct note_signer signer;
    size_t map_size;
    struct ledger *ledger;
    uint64_t now;
};
struct message {
    struct header header;
    struct buffer context, body;
    uint8_t leaf[HASH_SIZE];
    struct ledger_message put;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_open(struct fixture *f);
/* Opens and expects it to fail; returns the error. */
struct error fixture_open_fails(struct fixture *f);
void fixture_close(struct fixture *f);

/* id: fills the exchange id. Good in every way: expires a minute after now. */
void message_request(const struct fixture *f, uint32_t id, struct message *m);
void message_response(const struct fixture *f, const struct message *request, struct message *m);
void message_subject_key(const struct fixture *f, uint32_t id, const char *member, struct message *m);
/* Encodes the header anew after a test has changed it. */
void message_encode(struct message *m);
void message_free(struct message *m);

void begin(struct fixture *f);
void commit(struct fixture *f);
/* In the batch that is open. */
struct ledger_result put(struct fixture *f, struct message *m);
/* A batch of one. */
struct ledger_result put_alone(struct fixture *f, struct message *m);
/* `count` requests, `batch` at a time; ids from `from`. */
void fill(struct fixture *f, uint32_t from, uint32_t count, uint32_t batch);
/* Reads and decodes; entry_release the hold. */
struct entry entry_at(struct fixture *f, uint64_t index, struct entry_hold *hold);
void assert_entry(struct fixture *f, uint64_t index, unsigned type, enum refusal reason);

#endif
