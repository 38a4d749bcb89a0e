#ifndef WASL_TLOG_NOTE_H
#define WASL_TLOG_NOTE_H
/* C2SP signed-note and vkeys: a text that ends in LF, an empty line, signature lines. Pure. */
#include "base/bytes.h"
#include "crypto/keys.h"

#define NOTE_MOST            (256 * 1024) /* copes with 16 signature lines of 5 kB */
#define NOTE_SIGNATURES_MOST 64

struct error;

enum note_key_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

struct note_verifier {
    char name[128];
    uint8_t id[4];
    uint8_t type; /* enum note_key_type */
    uint8_t public_key[32];
};
struct note_signer {
    struct note_verifier verifier;
    struct ed25519_key key;
};
/* vkey text "name+8 hex+base64"; false when it is wrong in any way (id included). */
bool note_verifier_parse(struct bytes vkey, struct note_verifier *out);
void note_verifier_format(const struct note_verifier *verifier, struct buffer *out);
int note_signer_generate(const char *name, enum note_key_type type, struct note_signer *out, struct error *e);
int note_signer_load(const char *path, struct note_signer *out,
                     struct error *e); /* 0600 file, see crypto/keys.h */
int note_signer_save(const char *path, const struct note_signer *signer,
                     struct error *e); /* never overwrites */
void note_signer_clear(struct note_signer *signer);

/* text ends in LF. Appends the whole note with one signature line. time is for cosignatures (seconds). */
void note_sign(const struct note_signer *signer, struct bytes text, uint64_t time, struct buffer *out);
/* One signature line (with its LF) over text, without the text. */
void note_sign_line(const struct note_signer *signer, struct bytes text, uint64_t time, struct buffer *out);

struct note_checked {
    struct bytes text;                    /* view into the note, ends in LF */
    uint64_t good;                        /* bit i: verifiers[i] has signed */
    uint64_t times[NOTE_SIGNATURES_MOST]; /* of cosignatures, by verifier */
};
/*
 * Checks a note against at most 64 verifiers. A known key with a bad signature rejects the whole note; an
 * unknown key is ignored. False when malformed, or none of the verifiers has signed.
 */
bool note_open(struct bytes note, const struct note_verifier *verifiers, size_t count,
               struct note_checked *out);

#endif
