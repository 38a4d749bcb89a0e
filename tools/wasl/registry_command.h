#ifndef WASL_TOOL_REGISTRY_COMMAND_H
#define WASL_TOOL_REGISTRY_COMMAND_H
/* The commands of `wasl registry`. */
int registry_check_command(int argc, char **argv);
int registry_sign_command(int argc, char **argv);
int registry_show_command(int argc, char **argv);
int registry_explain_command(int argc, char **argv);
int registry_revoke_command(int argc, char **argv);

#endif
