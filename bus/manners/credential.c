#include "manners/credential.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "credential:"

char *credential_path(const char *path, const char *folder, size_t len)
{
    struct buffer whole = {0};
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    bool is_credential = strncmp(path, PREFIX, strlen(PREFIX)) == 0;

    if (is_credential && credentials != NULL && strchr(path, '/') == NULL)
        buffer_printf(&whole, "%s/%s", credentials, path + strlen(PREFIX));
    else if (is_credential || path[0] == '/')
        buffer_append_string(&whole, path);
    else
        buffer_printf(&whole, "%.*s%s", (int)len, folder, path);
    buffer_append(&whole, "", 1);
    return (char *)whole.data;
}
