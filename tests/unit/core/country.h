#ifndef WASL_TESTS_UNIT_CORE_COUNTRY_H
#define WASL_TESTS_UNIT_CORE_COUNTRY_H
/* A small country for tests of the core: real keys, certificates, CRL and a signed registry, made once for a
 * run. Everything fails the test when it cannot be made. */
#include "base/bytes.h"
#include "crypto/keys.h"
#include "crypto/signature.h"
#include "crypto/trust.h"
#include "registry/registry.h"
#include "tlog/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* MI answers (civil/person), MEN asks (enrolment), MAS is a third one that asks too (social). */
enum { MI, MEN, MAS, MEMBERS };

struct country {
    char folder[64];
    struct note_signer authority, ledger, other_ledger;
    char *authority_vkey;
    struct link_key bus_link, link[MEMBERS];
    struct sealing_key sealing[MEMBERS], oversight;
    EVP_PKEY *ca_key, *key[MEMBERS];
    X509 *ca, *certificate[MEMBERS];
    struct signer *signer[MEMBERS];
    struct chain *chain[MEMBERS];
    struct buffer crl;      /* DER, number 1, nobody revoked */
    struct buffer registry; /* signed, version 1 */
};
extern const char *const country_member[MEMBERS];    /* "TN/GOV/MI" */
extern const char *const country_subsystem[MEMBERS]; /* "TN/GOV/MI/civil" */

struct country *country(void);
void country_end(void);
int country_teardown(void **state); /* the same, of a group of tests */
/* A registry of that version over `previous` (NULL: the first). extra: a line to put into the first grant,
 * such as "whole: true". */
void country_sign_registry(unsigned version, const struct buffer *previous, const char *fields,
                           struct buffer *out);
/* What registries signed from now on say of the service's subject: "IUC" at first, NULL for none. */
extern const char *country_subject_type;
/* Likewise, the hash of its description: NULL at first, for none. */
extern const char *country_description;
/* Likewise, until when MEN's sealing key may be used: "2099-01-01" at first. */
extern const char *country_sealed_until;
/* Likewise, which member is suspended in them; MEMBERS: none. */
extern int country_suspended;
/* A CRL of that number that revokes a member's certificate (MEMBERS: nobody's). */
void country_crl(long number, int revoked, struct buffer *out);
/* A fresh folder below the country's. */
void country_state(char out[96]);

#endif
