/* Writes wasl-refusals(7) at build time, from the table that the daemons are built from. */
#include "base/refusal.h"

#include <stdio.h>
#include <string.h>

/* mdoc takes a dot or a quote at the front of a line for a macro, and a backslash for an escape. */
static void text(const char *words)
{
    if (*words == '.' || *words == '\'')
        fputs("\\&", stdout);
    for (; *words != '\0'; words++) {
        if (*words == '\\')
            fputs("\\e", stdout);
        else
            putchar(*words);
    }
    putchar('\n');
}

static void write_row(enum refusal code)
{
    printf(".It Sy %s Pq %d\n", refusal_name(code), (int)code);
    text(refusal_words(code));
    puts(".br");
    text(refusal_remedy(code));
    printf(".br\nX-Road: %s\n", refusal_xroad_type(code));
}

int main(void)
{
    enum refusal code;
    puts(".Dd November 22, 2026\n.Dt WASL-REFUSALS 7\n.Os\n.Sh NAME\n.Nm wasl-refusals\n"
         ".Nd why an exchange is refused, and what to do about it\n.Sh DESCRIPTION\n"
         "Every refusal of a bus or an adapter has a name and a number.\n"
         "The ledger holds the number, logs, metrics and answers the name; the numbers never change.\n"
         "An information system gets an X-Road fault of the type that stands here, and the name in the "
         "header\n"
         ".Li Wasl-Refusal .\n"
         "For each: its cause, then what to do.\n"
         ".Nm wasl Cm refusals Ar name\ntells the same.\n.Bl -tag -width Ds");
    for (unsigned i = 0; (code = refusal_at(i)) != REFUSAL_NONE; i++)
        write_row(code);
    puts(".El\n.Sh SEE ALSO\n.Xr wasl 1 ,\n.Xr wasl-adapter 8 ,\n.Xr wasl-bus 8");
    return ferror(stdout) || fflush(stdout) != 0;
}
