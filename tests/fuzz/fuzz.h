#ifndef WASL_TESTS_FUZZ_FUZZ_H
#define WASL_TESTS_FUZZ_FUZZ_H
/*
 * What every fuzz target stands on. A target is one file with three functions: fuzz_setup (once, may make
 * keys), fuzz_seeds (calls fuzz_seed with real messages) and fuzz_target (judges one input and aborts where a
 * property does not hold). Randomness and clock are fixed: the same input does the same in every process.
 */
#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_NOW ((uint64_t)1800000000) /* seconds; the time that every target lives at */

/* What is left of an input. Reading past its end gives zeros and empty pieces. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* The target's. */
void fuzz_setup(void);
void fuzz_seeds(void);
void fuzz_target(struct fuzz_input *in);

uint8_t fuzz_u8(struct fuzz_input *in);
uint16_t fuzz_u16(struct fuzz_input *in);
uint64_t fuzz_u64(struct fuzz_input *in);
struct bytes fuzz_take(struct fuzz_input *in, size_t len); /* less where less is left */
/* u16 length, then that many bytes, or what is left. */
struct bytes fuzz_piece(struct fuzz_input *in);
struct bytes fuzz_rest(struct fuzz_input *in);
/* Text with a terminating zero, in memory of its own that the caller frees; ends at the first NUL. */
char *fuzz_text(struct bytes data);
/* Up to seven edits (change, cut, insert, double, move) of what a target has made right: how an input gets
 * behind a signature or a hash. None when the input is used up. */
void fuzz_edit(struct fuzz_input *in, struct buffer *data);

/* Writes a seed, from fuzz_seeds. */
void fuzz_seed(struct bytes data);
void fuzz_seed_text(const char *text);
/* Seeds that begin with one byte that chooses. */
void fuzz_seed_with(uint8_t first, struct bytes data);
/* Puts a piece (u16 length and bytes) into a seed. */
void fuzz_put_piece(struct buffer *out, struct bytes data);

/* The wall clock goes on; back at FUZZ_NOW before the next input. */
void fuzz_advance(uint64_t microseconds);

/* A folder of this process in memory, removed when it ends well. */
const char *fuzz_folder(void);
/* Writes a file in it, and returns its path until the next call. */
const char *fuzz_file(const char *name, struct bytes data);

/* Whether a descriptor can be read within so many milliseconds; libFuzzer's own alarm does not cut it short.
 */
bool fuzz_readable(int fd, int milliseconds);

/* A property that must hold for every input. */
#define FUZZ_CHECK(condition)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "property broken: %s at %s:%d\n", #condition, __FILE__, __LINE__);               \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
