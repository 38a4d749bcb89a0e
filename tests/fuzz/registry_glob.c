/* Globs against the plainest matcher there is, and their overlap against texts that fit both. */
#include "fuzz.h"

#include "registry/glob.h"
#include "registry/operation.h"
#include "registry/template.h"

void fuzz_setup(void)
{
}

static void seed(const char *a, const char *b, const char *text)
{
    struct buffer out = {0};
    fuzz_put_piece(&out, bytes_of_string(a));
    fuzz_put_piece(&out, bytes_of_string(b));
    buffer_append_string(&out, text);
    fuzz_seed(buffer_bytes(&out));
    buffer_free(&out);
}

void fuzz_seeds(void)
{
    seed("/v1/*/x", "/v1/**", "/v1/abc/x");
    seed("/a\\*b", "/a*", "/a*b");
    seed("/**/end", "/*/*/end", "/a/b/end");
    seed("/req.*", "/*.json", "/req.json");
    seed("/persons/{iuc:IUC}/*", "/persons/0*/**", "/persons/01234567890/x");
}

static bool naive(const uint8_t *g, size_t gl, const uint8_t *t, size_t tl, unsigned *fuel)
{
    if (*fuel == 0)
        return false;
    (*fuel)--;
    if (gl == 0)
        return tl == 0;
    if (g[0] == '*') {
        size_t n = gl > 1 && g[1] == '*' ? 2 : 1;
        for (size_t i = 0; i <= tl; i++) {
            if (naive(g + n, gl - n, t + i, tl - i, fuel))
                return true;
            if (i < tl && n == 1 && t[i] == '/')
                return false;
        }
        return false;
    }
    if (g[0] == '\\' && gl > 1) {
        g++;
        gl--;
    }
    return tl > 0 && t[0] == g[0] && naive(g + 1, gl - 1, t + 1, tl - 1, fuel);
}

static void check(struct bytes glob, struct bytes text)
{
    unsigned fuel = 20000;
    bool second = naive(glob.data, glob.len, text.data, text.len, &fuel);
    if (fuel > 0)
        FUZZ_CHECK(glob_match(glob, text) == second);
}

/* A text that the glob must take: stars filled from the input. */
static void fill(struct bytes glob, struct bytes with, struct buffer *out)
{
    size_t at = 0;
    for (size_t i = 0; i < glob.len; i++) {
        if (glob.data[i] == '*') {
            bool twice = i + 1 < glob.len && glob.data[i + 1] == '*';
            for (size_t n = at < with.len ? with.data[at++] % 5 : 0; n > 0 && at < with.len; n--, at++)
                if (twice || with.data[at] != '/')
                    buffer_append(out, with.data + at, 1);
            i += twice;
            continue;
        }
        if (glob.data[i] == '\\' && i + 1 < glob.len)
            i++;
        buffer_append(out, glob.data + i, 1);
    }
}

static void templates(const char *a, const char *b, struct bytes path)
{
    struct buffer glob = {0};
    struct operation_match match;
    struct registry_operation operation = {.code = "a", .method = "GET", .path = a};
    struct registry_service service = {.operations = &operation, .operation_count = 1};
    if (template_fault(a) != NULL)
        return;
    template_to_glob(a, &glob);
    if (glob.len <= GLOB_MOST &&
        operation_match(&service, bytes_of_string("GET"), path, &match) == REFUSAL_NONE)
        FUZZ_CHECK(glob_match(buffer_bytes(&glob), path.len == 0 ? bytes_of_string("/") : path));
    if (template_fault(b) == NULL)
        FUZZ_CHECK(template_overlap(a, b) == template_overlap(b, a));
    buffer_free(&glob);
}

static void permitted(const char *glob, struct bytes path)
{
    const struct registry_endpoint endpoint = {"GET", glob};
    const struct registry_grant grant = {.endpoints = &endpoint, .endpoint_count = 1};
    const struct registry_endpoint *by = NULL;
    if (operation_permitted(&grant, bytes_of_string("GET"), path, &by) == REFUSAL_NONE) {
        check(bytes_of_string(glob), path.len == 0 ? bytes_of_string("/") : path);
        FUZZ_CHECK(by == &endpoint &&
                   glob_match(bytes_of_string(glob), path.len == 0 ? bytes_of_string("/") : path));
        FUZZ_CHECK(memmem(path.data, path.len, "//", 2) == NULL);
    }
    FUZZ_CHECK(operation_permitted(&grant, bytes_of_string("POST"), path, NULL) != REFUSAL_NONE);
}

void fuzz_target(struct fuzz_input *in)
{
    char *a = fuzz_text(fuzz_piece(in)), *b = fuzz_text(fuzz_piece(in));
    struct bytes ga = bytes_of_string(a), gb = bytes_of_string(b), text = fuzz_rest(in);
    bool fine_a = glob_path_fault(ga) == NULL || glob_segment_fault(ga) == NULL;
    bool fine_b = glob_path_fault(gb) == NULL || glob_segment_fault(gb) == NULL;
    templates(a, b, text);
    if (fine_a && ga.len <= GLOB_MOST) {
        struct buffer made = {0};
        check(ga, text);
        fill(ga, text, &made);
        FUZZ_CHECK(glob_match(ga, buffer_bytes(&made)));
        if (fine_b && gb.len <= GLOB_MOST) {
            bool overlap = glob_overlap(ga, gb);
            FUZZ_CHECK(overlap == glob_overlap(gb, ga) && glob_overlap(ga, ga));
            FUZZ_CHECK(overlap || !(glob_match(ga, text) && glob_match(gb, text)));
            FUZZ_CHECK(overlap || !glob_match(gb, buffer_bytes(&made)));
        }
        if (glob_path_fault(ga) == NULL)
            permitted(a, text);
        buffer_free(&made);
    }
    free(a);
    free(b);
}
