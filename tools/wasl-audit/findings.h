#ifndef WASL_AUDIT_FINDINGS_H
#define WASL_AUDIT_FINDINGS_H
/* What is wrong with a ledger: printed as it is found, counted, and no longer printed past a bound. */
#include <stdbool.h>
#include <stdint.h>

#define FINDINGS_SHOWN 100

struct findings {
    uint64_t count;
};
void finding(struct findings *findings, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
