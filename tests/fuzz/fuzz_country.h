#ifndef WASL_TESTS_FUZZ_FUZZ_COUNTRY_H
#define WASL_TESTS_FUZZ_FUZZ_COUNTRY_H
/* The small country of the core's unit tests (real keys, certificates, a signed registry), the same in every
 * process. */
#include "../unit/core/country.h"

/* Made, and nothing of it left in the file system. */
struct country *fuzz_country(void);
/* A reference to its registry. */
struct registry *fuzz_registry(void);

#endif
