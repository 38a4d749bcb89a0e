/* The part of a configuration that says who may speak, and where. */
#include "base/error.h"
#include "daemon/config_judge.h"
#include "front/listener.h"
#include "front/tls.h"
#include "registry/identifier.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_MOST 128 /* of a place in the file, "listeners[3].tls.clients[12].certificate" */

static bool mode_parse(const char *text, unsigned *mode)
{
    char *end;
    unsigned long value = strtoul(text, &end, 8);

    *mode = (unsigned)value;
    /* A socket that its owner cannot use, or an execute bit, is a slip of the pen. */
    return *end == 0 && end != text && value <= 0777 && (value & 0600) == 0600 && (value & 0111) == 0;
}

/* place: of the list in the file. */
static const char *const *judge_subsystems(struct judge *j, char *const *codes, unsigned count,
                                           const char *place)
{
    const char **subsystems = keep_zeroed(j->config, count, sizeof *subsystems);
    char path[PATH_MOST];

    for (unsigned k = 0; k < count; k++) {
        if (!identifier_part_valid(bytes_of_string(codes[k]))) {
            snprintf(path, sizeof path, "%s[%u]", place, k);
            FAULT(j, path, "\"%s\" is not the code of a subsystem of %s", codes[k], j->config->member);
        }
        subsystems[k] = keep_printf(j->config, "%s/%s", j->config->member, codes[k]);
    }
    return subsystems;
}

/* A name of this machine or a number. */
static bool user_find(const char *text, uint32_t *user)
{
    uint64_t number;
    char memory[4096];
    struct passwd entry, *found = NULL;

    if (decimal_parse(bytes_of_string(text), &number)) {
        *user = (uint32_t)number;
        return number < UINT32_MAX;
    }
    if (getpwnam_r(text, &entry, memory, sizeof memory, &found) != 0 || found == NULL)
        return false;
    *user = entry.pw_uid;
    return true;
}

/* "sha256:" or nothing, then 64 hexadecimal digits, with or without the colons that openssl prints. */
static bool fingerprint_parse(const char *text, uint8_t pin[32])
{
    static const char *const prefix = "sha256:";
    char digits[64];
    size_t count = 0;

    if (strncasecmp(text, prefix, strlen(prefix)) == 0)
        text += strlen(prefix);
    for (; *text != 0; text++) {
        if (*text == ':')
            continue;
        if (count == sizeof digits)
            return false;
        digits[count++] = *text;
    }
    return count == sizeof digits && hex_decode(digits, count, pin, 32);
}

static void judge_certificate(struct judge *j, const char *text, const char *path, uint8_t pin[32])
{
    uint64_t until;
    struct error e;

    if (fingerprint_parse(text, pin))
        return;
    /* One that has run out is no fault: it is turned away, and the others at this listener go on. */
    if (tls_pin(file_path(j, text), pin, &until, &e) != 0)
        FAULT(j, path, "neither 64 hexadecimal digits of a SHA-256 nor a certificate's file: %s", e.text);
}

static bool same_caller(const struct front_caller *a, const struct front_caller *b, bool by_certificate)
{
    return by_certificate ? memcmp(a->certificate, b->certificate, sizeof a->certificate) == 0
                          : a->user == b->user;
}

/* list: "listeners[0].peers" or "listeners[0].tls.clients". */
static void judge_callers(struct judge *j, const struct form_caller *forms, unsigned count, const char *list,
                          bool by_certificate, struct front_listener *out)
{
    struct front_caller *callers = keep_zeroed(j->config, count, sizeof *callers);
    char place[PATH_MOST];

    for (unsigned i = 0; i < count; i++) {
        snprintf(place, sizeof place, "%s[%u].%s", list, i, by_certificate ? "certificate" : "user");
        if (by_certificate)
            judge_certificate(j, forms[i].certificate, place, callers[i].certificate);
        else if (!user_find(forms[i].user, &callers[i].user))
            FAULT(j, place, "\"%s\" is neither a user of this machine nor a number", forms[i].user);
        for (unsigned k = 0; k < i; k++)
            if (same_caller(&callers[k], &callers[i], by_certificate))
                FAULT(j, place, "the same %s twice: name all of its subsystems in one place",
                      by_certificate ? "certificate" : "user");
        snprintf(place, sizeof place, "%s[%u].subsystems", list, i);
        callers[i].subsystems = judge_subsystems(j, forms[i].subsystems, forms[i].subsystems_count, place);
        callers[i].subsystem_count = forms[i].subsystems_count;
    }
    out->callers = callers;
    out->caller_count = count;
}

static void judge_tls(struct judge *j, const struct form_tls *f, const char *listener,
                      struct front_listener *out)
{
    char place[PATH_MOST];
    struct error e;

    out->tls_certificate = file_path(j, f->certificate);
    out->tls_key = file_path(j, f->key);
    struct tls *tls = tls_load(out->tls_certificate, out->tls_key, &e);
    if (tls == NULL) {
        snprintf(place, sizeof place, "%s.tls", listener);
        FAULT(j, place, "%s", e.text);
    }
    tls_release(tls);
    snprintf(place, sizeof place, "%s.tls.clients", listener);
    if (f->clients_count == 0)
        FAULT(j, place, "nobody could speak here");
    judge_callers(j, f->clients, f->clients_count, place, true, out);
}

/* Which of the three kinds it is, and that nothing of another kind stands there. */
static void judge_kind(struct judge *j, const struct form_listener *f, const char *listener)
{
    char place[PATH_MOST];
    bool named = f->tls != NULL || f->peers_count > 0;

    if ((f->address != NULL) == (f->unix_path != NULL))
        FAULT(j, listener, "needs either address or unix");
    if (f->address != NULL && !listener_address_valid(f->address, f->tls != NULL)) {
        snprintf(place, sizeof place, "%s.address", listener);
        FAULT(j, place,
              f->tls != NULL
                  ? "\"%s\" is not ADDRESS:PORT or \"[ADDRESS]:PORT\", in digits"
                  : "\"%s\": without the key tls only 127.0.0.1:PORT and \"[::1]:PORT\" are served",
              f->address);
    }
    if (f->tls != NULL && f->address == NULL) {
        snprintf(place, sizeof place, "%s.tls", listener);
        FAULT(j, place, "goes with address, not with unix");
    }
    if (f->peers_count > 0 && f->unix_path == NULL) {
        snprintf(place, sizeof place, "%s.peers", listener);
        FAULT(j, place, "goes with unix: only there the system says who connects");
    }
    if (named && f->subsystems_count > 0) {
        snprintf(place, sizeof place, "%s.subsystems", listener);
        FAULT(j, place, "stands beside each of the %s here, not for all of them",
              f->tls != NULL ? "clients" : "peers");
    }
    if (!named && f->subsystems_count == 0)
        FAULT(j, listener, "needs subsystems: nobody could speak here");
}

static void judge_listener(struct judge *j, unsigned i, struct front_listener *out)
{
    const struct form_listener *f = &j->form->listeners[i];
    char listener[32], place[PATH_MOST];

    snprintf(listener, sizeof listener, "listeners[%u]", i);
    judge_kind(j, f, listener);
    if (f->mode != NULL && (f->unix_path == NULL || !mode_parse(f->mode, &out->mode))) {
        snprintf(place, sizeof place, "%s.mode", listener);
        FAULT(j, place, "\"%s\": the octal mode of a unix socket, such as \"0660\"", f->mode);
    }
    out->address = f->address;
    out->unix_path = f->unix_path != NULL ? file_path(j, f->unix_path) : NULL;
    snprintf(place, sizeof place, "%s.subsystems", listener);
    out->subsystems = judge_subsystems(j, f->subsystems, f->subsystems_count, place);
    out->subsystem_count = f->subsystems_count;
    snprintf(place, sizeof place, "%s.peers", listener);
    if (f->tls != NULL)
        judge_tls(j, f->tls, listener, out);
    else if (f->peers_count > 0)
        judge_callers(j, f->peers, f->peers_count, place, false, out);
}

void judge_listeners(struct judge *j)
{
    unsigned count = j->form->listeners_count;
    struct front_listener *listeners = keep_zeroed(j->config, count, sizeof *listeners);

    for (unsigned i = 0; i < count; i++)
        judge_listener(j, i, &listeners[i]);
    j->config->listeners = listeners;
    j->config->listener_count = count;
}
