#ifndef WASL_AUDIT_COMMANDS_H
#define WASL_AUDIT_COMMANDS_H
/* One function for each command: takes the arguments from its own name on, returns the exit code. */

int command_log(int argc, char **argv);
int command_show(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_tiles(int argc, char **argv);

#endif
