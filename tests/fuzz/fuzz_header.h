#ifndef WASL_TESTS_FUZZ_FUZZ_HEADER_H
#define WASL_TESTS_FUZZ_FUZZ_HEADER_H
/* The header that targets begin with: MEN asks MI for a person, in its time. */
#include "base/clock.h"
#include "fuzz.h"
#include "wire/header.h"

static inline struct header fuzz_header(enum message_kind kind)
{
    return (struct header){.instance = "TN",
                           .kind = kind,
                           .consumer = "TN/GOV/MEN/enrolment",
                           .provider = "TN/GOV/MI/civil",
                           .service = "person",
                           .operation = "identity",
                           .purpose = "enrolment",
                           .legal_basis = "law-2004-63",
                           .registry_version = 1,
                           .created = FUZZ_NOW * MICROSECONDS,
                           .expires = (FUZZ_NOW + 30) * MICROSECONDS,
                           .media_type = "application/json"};
}

#endif
