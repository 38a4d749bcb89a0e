/* In the place of nats.c where libnats was not there when this was built. */
#include "wasl-bench/commands.h"

#include <stdio.h>

int command_nats(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("wasl-bench: built without libnats: install libnats-dev, then meson setup --wipe and ninja\n",
          stderr);
    return BENCH_IO;
}
