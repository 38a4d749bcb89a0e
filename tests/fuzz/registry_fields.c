/* What a grant lets through: the reduced body is JSON, holds nothing that the body did not hold at that
 * place, nothing that no pointer names, and reducing it again changes nothing. */
#include "fuzz.h"

#include "base/error.h"
#include "registry/fields.h"

#include <jansson.h>

#define POINTERS 4

void fuzz_setup(void)
{
}

static void seed(const char *pointers, const char *body)
{
    struct buffer b = {0};
    fuzz_put_piece(&b, bytes_of_string(pointers));
    buffer_append_string(&b, body);
    fuzz_seed(buffer_bytes(&b));
    buffer_free(&b);
}

void fuzz_seeds(void)
{
    seed("/name/ar\n/birth_date",
         "{\"iuc\":\"01\",\"name\":{\"ar\":\"x\",\"fr\":\"y\"},\"birth_date\":\"2019\"}");
    seed("/*/a\n/*/b~1c", "[{\"a\":1,\"b/c\":[1,2,{}]},{\"x\":12.500},[],\"s\"]");
    seed("/a/0/b", "{\"a\":[{\"b\":\"\\u00e9\\\"\",\"c\":null},2],\"d\":-1e3}");
    seed("/a\n/a/b", " { \"a\" : { \"b\" : [ true , false ] } , \"\\u0061x\" : {} } ");
    seed("/m/*/*", "{\"m\":[[1,2],[],[3]]}");
}

/* Whether `part` came from `whole` by leaving things out. Arrays may lose elements that no pointer names, in
 * order. */
static bool subset(const json_t *part, const json_t *whole)
{
    const char *key;
    json_t *value;
    if (json_typeof(part) != json_typeof(whole))
        return false;
    if (json_is_object(part)) {
        json_object_foreach((json_t *)(uintptr_t)part, key, value)
        {
            const json_t *other = json_object_get(whole, key);
            if (other == NULL || !subset(value, other))
                return false;
        }
        return true;
    }
    if (json_is_array(part)) {
        size_t at = 0;
        for (size_t i = 0; i < json_array_size(part); i++, at++) {
            while (at < json_array_size(whole) && !subset(json_array_get(part, i), json_array_get(whole, at)))
                at++;
            if (at >= json_array_size(whole))
                return false;
        }
        return true;
    }
    return json_equal(part, whole);
}

/* Does a value at this place (tokens joined by LF) stand on, above or below a pointer? */
static bool permitted(const json_t *value, struct bytes *pointers, size_t count)
{
    const char *key;
    json_t *inner;
    for (size_t i = 0; i < count; i++)
        if (pointers[i].len == 0)
            return true;
    if (!json_is_object(value))
        return json_is_array(value); /* indices shift: arrays are judged by subset alone */
    json_object_foreach((json_t *)(uintptr_t)value, key, inner)
    {
        struct bytes below[POINTERS];
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            struct bytes p = pointers[i];
            struct buffer token = {0};
            size_t at = 1;
            for (; at < p.len && p.data[at] != '/'; at++) {
                if (p.data[at] == '~')
                    buffer_append(&token, p.data[++at] == '0' ? "~" : "/", 1);
                else
                    buffer_append(&token, p.data + at, 1);
            }
            if (bytes_equal_string(buffer_bytes(&token), key))
                below[n++] = bytes_make(p.data + at, p.len - at);
            buffer_free(&token);
        }
        if (n == 0 || !permitted(inner, below, n))
            return false;
    }
    return true;
}

void fuzz_target(struct fuzz_input *in)
{
    char *list = fuzz_text(fuzz_piece(in)), *fields[POINTERS];
    struct bytes body = fuzz_rest(in), rests[POINTERS];
    struct buffer out = {0}, again = {0};
    struct error e = {0};
    size_t count = 0;

    for (char *p = strtok(list, "\n"); p != NULL && count < POINTERS; p = strtok(NULL, "\n"))
        if (fields_pointer_valid(p)) {
            rests[count] = bytes_of_string(p);
            fields[count++] = p;
        }
    const struct registry_grant grant = {.fields = (const char *const *)fields, .field_count = count};
    if (fields_reduce(&grant, body, &out, &e) != 0) {
        FUZZ_CHECK(out.len == 0);
    } else if (body.len > 0) {
        json_t *whole = json_loadb((const char *)body.data, body.len, 0, NULL);
        json_t *part = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
        FUZZ_CHECK(out.len <= body.len && whole != NULL && part != NULL);
        FUZZ_CHECK(subset(part, whole));
        FUZZ_CHECK(permitted(part, rests, count));
        bool indices = false;
        for (size_t i = 0; i < count; i++)
            indices = indices || strpbrk(fields[i], "0123456789") != NULL;
        /* Elements left out shift the others' indices; without indices reducing is idempotent. */
        FUZZ_CHECK(fields_reduce(&grant, buffer_bytes(&out), &again, &e) == 0);
        FUZZ_CHECK(indices || bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
        json_decref(whole);
        json_decref(part);
    }
    buffer_free(&out);
    buffer_free(&again);
    free(list);
}
