#ifndef WASL_BENCH_COMMANDS_H
#define WASL_BENCH_COMMANDS_H
/* One function for each command, one file for each: takes the arguments from its own name on, prints its
 * result on standard output as one JSON object on a line (limits: one for each figure), returns the exit
 * code. */
#include "base/error.h"

/* tools/benchmark relies on these. */
enum bench_exit {
    BENCH_GOOD = 0,
    BENCH_NO_RESULT = 1, /* what was measured is no result: something was refused, lost or wrong */
    BENCH_USAGE = 2,     /* the words on the command line are off */
    BENCH_IO = 6,        /* file, socket, disk */
};

/* Prints "wasl-bench: ..." on standard error; the exit code of that kind of failure. */
int bench_failed(const struct error *e);

int command_limits(int argc, char **argv);
int command_load(int argc, char **argv);
int command_ledger(int argc, char **argv);
int command_nats(int argc, char **argv);
int command_http(int argc, char **argv);

#endif
