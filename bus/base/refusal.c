#include "refusal.h"

#include <stddef.h>
#include <string.h>

struct row {
    unsigned code;
    const char *name, *xroad, *words, *remedy;
};

/* The identifiers of the table are upper case because they become enumerators; names are lower case. */
static const struct row rows[] = {
#define REFUSAL(number, name, xroad, words, remedy) {number, #name, xroad, words, remedy},
#include "refusal.def"
#undef REFUSAL
};
#define ROWS      (sizeof rows / sizeof rows[0])
#define NAME_MOST 32

static char names[ROWS][NAME_MOST];

/* Before main, so that readers on any thread need no lock. */
__attribute__((constructor)) static void lower_the_names(void)
{
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j + 1 < NAME_MOST && rows[i].name[j] != '\0'; j++) {
            char c = rows[i].name[j];
            names[i][j] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
}

static const struct row *find(unsigned code)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

const char *refusal_name(unsigned code)
{
    const struct row *row = find(code);
    if (row != NULL)
        return names[row - rows];
    return code == REFUSAL_NONE ? "none" : "unknown_refusal";
}

const char *refusal_xroad_type(unsigned code)
{
    const struct row *row = find(code);
    return row != NULL ? row->xroad : "server.serverproxy.internal_error";
}

const char *refusal_words(unsigned code)
{
    const struct row *row = find(code);
    if (row != NULL)
        return row->words;
    return code == REFUSAL_NONE ? "It was not refused."
                                : "It was refused for a reason that this version does not know.";
}

const char *refusal_remedy(unsigned code)
{
    const struct row *row = find(code);
    if (row != NULL)
        return row->remedy;
    return code == REFUSAL_NONE ? "There is nothing to do."
                                : "Update this side, then look at the code again.";
}

bool refusal_signer_unproven(unsigned code)
{
    switch (code) {
    case REFUSAL_MALFORMED:
    case REFUSAL_UNSUPPORTED_VERSION:
    case REFUSAL_WRONG_INSTANCE:
    case REFUSAL_UNKNOWN_MEMBER:
    case REFUSAL_WRONG_SIGNER:
    case REFUSAL_BAD_SIGNATURE:
    case REFUSAL_UNKNOWN_CERTIFICATE:
    case REFUSAL_CERTIFICATE_UNTRUSTED:
    case REFUSAL_CERTIFICATE_EXPIRED:
    case REFUSAL_CERTIFICATE_REVOKED:
    case REFUSAL_REVOCATION_UNKNOWN:
        return true;
    default:
        return false;
    }
}

enum refusal refusal_by_name(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(names[i], name) == 0)
            return (enum refusal)rows[i].code;
    return REFUSAL_NONE;
}

enum refusal refusal_at(unsigned i)
{
    return i < ROWS ? (enum refusal)rows[i].code : REFUSAL_NONE;
}
