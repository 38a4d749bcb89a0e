/* The request line: what is accepted names one service, path and query are the very bytes, and the line can
 * be put together again from them. */
#include "fuzz.h"

#include "front/uri.h"

void fuzz_setup(void)
{
}

void fuzz_seeds(void)
{
    fuzz_seed_text("/r1/TN/GOV/MI/civil/person/persons/01234567890?x=1&y=%20");
    fuzz_seed_text("/r1/TN/GOV/MI/%63ivil/person");
    fuzz_seed_text("/r1/TN/GOV/MI/civil%2Fx/person/a//b/../c;d=1");
    fuzz_seed_text("/r1/TN/GOV/MI/civil");
    fuzz_seed_text("TN/GOV/MEN/enrolment");
    fuzz_seed_text("http://x/r1/TN/GOV/MI/civil/person");
}

void fuzz_target(struct fuzz_input *in)
{
    struct bytes target = fuzz_rest(in);
    struct uri uri, again;
    char id[IDENTIFIER_MOST + 1], same[IDENTIFIER_MOST + 1];

    if (uri_parse(target, &uri) == URI_OK) {
        struct buffer line = {0};
        FUZZ_CHECK(identifier_parts(bytes_of_string(uri.service)) == 5);
        FUZZ_CHECK(uri.path.len == 0 || uri.path.data[0] == '/');
        FUZZ_CHECK(memchr(target.data, 0, target.len) == NULL);
        buffer_printf(&line, "/r1/%s", uri.service);
        buffer_append_bytes(&line, uri.path);
        if (uri.query.data != NULL) {
            FUZZ_CHECK(uri.query.data[-1] == '?');
            buffer_append_string(&line, "?");
            buffer_append_bytes(&line, uri.query);
        }
        FUZZ_CHECK(uri_parse(buffer_bytes(&line), &again) == URI_OK);
        FUZZ_CHECK(strcmp(uri.service, again.service) == 0 && bytes_equal(uri.path, again.path) &&
                   bytes_equal(uri.query, again.query));
        buffer_free(&line);
    }
    unsigned parts = uri_identifier(target, id);
    FUZZ_CHECK(parts == identifier_parts(bytes_of_string(id)) || parts == 0);
    if (parts > 0)
        FUZZ_CHECK(uri_identifier(bytes_of_string(id), same) == parts && strcmp(id, same) == 0);
}
