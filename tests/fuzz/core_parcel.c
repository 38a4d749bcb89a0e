/* Kept responses: what is read from the adapter's own store is exactly what was written there. */
#include "fuzz_country.h"
#include "fuzz.h"
#include "fuzz_header.h"

#include "base/error.h"
#include "core/parcel.h"

void fuzz_setup(void)
{
    fuzz_country();
}

void fuzz_seeds(void)
{
    struct header h = fuzz_header(MESSAGE_REQUEST);
    struct seal_receiver to = {.receiver = "TN/GOV/MI"};
    struct buffer out = {0};
    struct error e = {0};
    memcpy(to.public_key, country()->sealing[MI].public_key, 32);
    struct parcel *p = parcel_make(country()->signer[MEN], NULL, &h, bytes_of_string("head"),
                                   bytes_of_string("body"), true, &to, 1, &e);
    FUZZ_CHECK(p != NULL);
    parcel_encode(p, &out);
    fuzz_seed(buffer_bytes(&out));
    parcel_free(p);
    buffer_free(&out);
}

void fuzz_target(struct fuzz_input *in)
{
    struct bytes data = fuzz_rest(in);
    struct buffer again = {0}, submit = {0};
    struct parcel *p = parcel_decode(data);
    if (p == NULL)
        return;
    parcel_encode(p, &again);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&again), data));
    FUZZ_CHECK(parcel_size(p) <= data.len);
    parcel_submit(p, &submit);
    (void)parcel_chunk(p, 0);
    (void)parcel_chunk(p, p->chunk_count);
    parcel_free(p);
    buffer_free(&again);
    buffer_free(&submit);
}
