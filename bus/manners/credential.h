#ifndef WASL_MANNERS_CREDENTIAL_H
#define WASL_MANNERS_CREDENTIAL_H
/*
 * Where a file that a configuration names is: an absolute path is that; "credential:NAME" is the file NAME of
 * $CREDENTIALS_DIRECTORY, where systemd puts what LoadCredential= names (readable by this service alone, in
 * memory that is never swapped out); anything else begins at the folder of the configuration.
 */
#include <stddef.h>

/* folder: the first len bytes, with its last slash; may be empty. A string of the caller's to free. A
 * credential where there are none keeps its words, so that opening it names them. */
char *credential_path(const char *path, const char *folder, size_t len);

#endif
