#include "crypto/keys.h"
#include "crypto/hash.h"
#include "checks.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/wasl-keys-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"key", "other"};
    char path[80];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static const char *key_path(void)
{
    static char path[80];

    snprintf(path, sizeof(path), "%s/key", folder);
    return path;
}

static void write_key(const char *text, mode_t mode)
{
    int fd;

    unlink(key_path());
    fd = open(key_path(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* Bob's keys of RFC 7748 section 6.1. */
#define BOB_HEX    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
#define BOB_BASE64 "XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os="
#define BOB_PUBLIC "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"

static void a_sealing_key_survives_the_file(void **state)
{
    struct sealing_key made;
    struct sealing_key loaded;
    struct stat status;
    uint8_t id[HASH_SIZE];

    (void)state;
    assert_int_equal(sealing_key_generate(&made, NULL), 0);
    assert_int_equal(sealing_key_save(key_path(), &made, NULL), 0);
    assert_int_equal(stat(key_path(), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(sealing_key_load(key_path(), &loaded, NULL), 0);
    assert_memory_equal(&made, &loaded, sizeof(made));
    sha256(bytes_make(made.public_key, 32), id);
    assert_memory_equal(made.id, id, HASH_SIZE);
    unlink(key_path());
}

static void a_link_key_survives_the_file(void **state)
{
    struct link_key made;
    struct link_key loaded;

    (void)state;
    assert_int_equal(link_key_generate(&made, NULL), 0);
    assert_int_equal(link_key_save(key_path(), &made, NULL), 0);
    assert_int_equal(link_key_load(key_path(), &loaded, NULL), 0);
    assert_memory_equal(&made, &loaded, sizeof(made));
    unlink(key_path());
}

static void public_halves_are_those_of_rfc_7748(void **state)
{
    struct link_key link;
    struct sealing_key sealing;

    (void)state;
    write_key("wasl-link-key/1 " BOB_HEX "\n", 0600);
    assert_int_equal(link_key_load(key_path(), &link, NULL), 0);
    assert_hex_equal(link.secret_key, 32, BOB_HEX);
    assert_hex_equal(link.public_key, 32, BOB_PUBLIC);
    write_key("wasl-sealing-key/1 " BOB_BASE64 "\n", 0600);
    assert_int_equal(sealing_key_load(key_path(), &sealing, NULL), 0);
    assert_hex_equal(sealing.public_key, 32, BOB_PUBLIC);
    unlink(key_path());
}

static void a_link_key_file_of_another_form_is_refused(void **state)
{
    static const char *const bad[] = {
        "wasl-link-key/1 " BOB_HEX,
        "wasl-link-key/1 " BOB_HEX "0\n",
        "wasl-link-key/1 g" BOB_HEX "\n",
        "wasl-link-key/1 " BOB_BASE64 "\n",
        BOB_HEX "\n",
    };
    struct link_key key;
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_key(bad[i], 0600);
        assert_int_equal(link_key_load(key_path(), &key, &e), -1);
        assert_int_equal(e.kind, ERROR_CRYPTO);
        assert_null(strstr(e.text, "5dab")); /* no key material in words */
    }
    unlink(key_path());
}

static void a_private_file_that_others_can_read_or_write_is_refused(void **state)
{
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0660, 0666, 0644};
    struct sealing_key made;
    struct sealing_key loaded;
    struct error e = {0};

    (void)state;
    assert_int_equal(sealing_key_generate(&made, NULL), 0);
    assert_int_equal(sealing_key_save(key_path(), &made, NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(chmod(key_path(), bad[i]), 0);
        assert_int_equal(sealing_key_load(key_path(), &loaded, &e), -1);
        assert_int_equal(e.kind, ERROR_CRYPTO);
        assert_non_null(strstr(e.text, "chmod 600"));
    }
    assert_int_equal(chmod(key_path(), 0400), 0);
    assert_int_equal(sealing_key_load(key_path(), &loaded, &e), 0);
    unlink(key_path());
}

/* Sets an ACL of owner rw, this user r, this group's and others' permissions, mask r. False where there are
 * none. */
static bool set_acl(uint32_t user, uint16_t group)
{
    const struct {
        uint16_t tag, permissions;
        uint32_t id;
    } entries[] = {
        {0x01, 6, UINT32_MAX}, {0x02, 4, user},       {0x04, group, UINT32_MAX},
        {0x10, 4, UINT32_MAX}, {0x20, 0, UINT32_MAX},
    };
    uint8_t acl[4 + sizeof(entries)] = {2, 0, 0, 0};

    memcpy(acl + 4, entries, sizeof(entries));
    return setxattr(key_path(), "system.posix_acl_access", acl, sizeof(acl), 0) == 0;
}

/* As systemd hands a credential to a service that runs as another user. */
static void a_private_file_that_an_acl_opens_to_ourselves_alone_is_read(void **state)
{
    struct sealing_key made;
    struct stat status;

    (void)state;
    assert_int_equal(sealing_key_generate(&made, NULL), 0);
    assert_int_equal(sealing_key_save(key_path(), &made, NULL), 0);
    if (!set_acl(geteuid(), 0)) {
        unlink(key_path());
        skip(); /* this file system has no ACLs */
    }
    assert_int_equal(stat(key_path(), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640); /* the mask shows as the group's permission */
    assert_int_equal(sealing_key_load(key_path(), &made, NULL), 0);
    assert_true(set_acl(geteuid() + 1, 0));
    assert_int_equal(sealing_key_load(key_path(), &made, NULL), -1);
    assert_true(set_acl(geteuid(), 4));
    assert_int_equal(sealing_key_load(key_path(), &made, NULL), -1);
    unlink(key_path());
}

static void a_key_file_is_never_overwritten(void **state)
{
    struct sealing_key first;
    struct sealing_key second;
    struct error e = {0};

    (void)state;
    assert_int_equal(sealing_key_generate(&first, NULL), 0);
    assert_int_equal(sealing_key_generate(&second, NULL), 0);
    assert_int_equal(sealing_key_save(key_path(), &first, NULL), 0);
    assert_int_equal(sealing_key_save(key_path(), &second, &e), -1);
    assert_int_equal(e.kind, ERROR_USAGE);
    assert_int_equal(sealing_key_load(key_path(), &second, NULL), 0);
    assert_memory_equal(&first, &second, sizeof(first));
    unlink(key_path());
}

static void a_key_file_with_a_byte_too_many_or_too_few_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "wasl-sealing-key/1 " BOB_BASE64,
        "wasl-sealing-key/1 " BOB_BASE64 "\n\n",
        "wasl-sealing-key/1  " BOB_BASE64 "\n",
        "wasl-sealing-key/2 " BOB_BASE64 "\n",
        "wasl-sealing-key/1 " BOB_HEX "\n",
        "wasl-sealing-key/1 XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Ot=\n",
        "wasl-link-key/1 " BOB_HEX "\n",
    };
    struct sealing_key key;
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_key(bad[i], 0600);
        assert_int_equal(sealing_key_load(key_path(), &key, &e), -1);
        assert_int_equal(e.kind, ERROR_CRYPTO);
        assert_null(strstr(e.text, "XasI")); /* no key material in words */
    }
    write_key("wasl-sealing-key/1 " BOB_BASE64 "\n", 0600);
    assert_int_equal(sealing_key_load(key_path(), &key, &e), 0);
    unlink(key_path());
}

static void a_missing_file_a_folder_and_a_long_file_are_told_apart(void **state)
{
    struct buffer out = {0};
    struct error e = {0};

    (void)state;
    assert_int_equal(private_file_read("/nonexistent/key", 100, &out, &e), -1);
    assert_int_equal(e.kind, ERROR_NOT_FOUND);
    assert_int_equal(private_file_read(folder, 1 << 20, &out, &e), -1);
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_non_null(strstr(e.text, "not a regular file"));
    write_key("0123456789", 0600);
    assert_int_equal(private_file_read(key_path(), 9, &out, &e), -1);
    assert_int_equal(e.kind, ERROR_CONFIG);
    assert_int_equal(private_file_read(key_path(), 10, &out, &e), 0);
    assert_true(bytes_equal_string(buffer_bytes(&out), "0123456789"));
    buffer_free(&out);
    unlink(key_path());
}

/* RFC 8032 section 7.1, tests 1 and 2. */
static void ed25519_gives_the_signatures_of_rfc_8032(void **state)
{
    struct ed25519_key key;
    uint8_t seed[32];
    uint8_t signature[64];
    static const uint8_t message = 0x72;

    (void)state;
    unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed);
    assert_int_equal(ed25519_from_seed(seed, &key, NULL), 0);
    assert_hex_equal(key.public_key, 32, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    ed25519_sign(&key, bytes_make(NULL, 0), signature);
    assert_hex_equal(
        signature, 64,
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b");
    unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed);
    assert_int_equal(ed25519_from_seed(seed, &key, NULL), 0);
    ed25519_sign(&key, bytes_make(&message, 1), signature);
    assert_hex_equal(
        signature, 64,
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(ed25519_verify(key.public_key, bytes_make(&message, 1), signature));
}

static void a_changed_ed25519_message_or_signature_is_rejected(void **state)
{
    struct ed25519_key key;
    struct ed25519_key other;
    uint8_t signature[64];

    (void)state;
    assert_int_equal(ed25519_generate(&key, NULL), 0);
    assert_int_equal(ed25519_generate(&other, NULL), 0);
    ed25519_sign(&key, bytes_of_string("text"), signature);
    assert_true(ed25519_verify(key.public_key, bytes_of_string("text"), signature));
    assert_false(ed25519_verify(key.public_key, bytes_of_string("texT"), signature));
    assert_false(ed25519_verify(other.public_key, bytes_of_string("text"), signature));
    for (size_t i = 0; i < 64; i++) {
        signature[i] ^= 1;
        assert_false(ed25519_verify(key.public_key, bytes_of_string("text"), signature));
        signature[i] ^= 1;
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_pem_key_with_a_pass_phrase_is_refused_without_asking(void **state)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    char path[80];
    BIO *bio;
    struct error e = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/other", folder);
    bio = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL), 1);
    BIO_free(bio);
    assert_int_equal(chmod(path, 0600), 0);
    assert_null(private_key_load(path, &e));
    assert_int_equal(e.kind, ERROR_CRYPTO);
    assert_int_equal(ERR_peek_error(), 0);
    bio = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    BIO_free(bio);
    EVP_PKEY_free(key);
    key = private_key_load(path, &e);
    assert_non_null(key);
    EVP_PKEY_free(key);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealing_key_survives_the_file),
        cmocka_unit_test(a_link_key_survives_the_file),
        cmocka_unit_test(public_halves_are_those_of_rfc_7748),
        cmocka_unit_test(a_link_key_file_of_another_form_is_refused),
        cmocka_unit_test(a_private_file_that_others_can_read_or_write_is_refused),
        cmocka_unit_test(a_private_file_that_an_acl_opens_to_ourselves_alone_is_read),
        cmocka_unit_test(a_key_file_is_never_overwritten),
        cmocka_unit_test(a_key_file_with_a_byte_too_many_or_too_few_is_refused),
        cmocka_unit_test(a_missing_file_a_folder_and_a_long_file_are_told_apart),
        cmocka_unit_test(ed25519_gives_the_signatures_of_rfc_8032),
        cmocka_unit_test(a_changed_ed25519_message_or_signature_is_rejected),
        cmocka_unit_test(a_pem_key_with_a_pass_phrase_is_refused_without_asking),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
