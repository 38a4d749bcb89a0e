#include "daemon/config.h"
#include "base/clock.h"
#include "base/error.h"
#include "manners/process.h"
#include "manners/scrape.h"
#include "daemon/config_judge.h"
#include "registry/identifier.h"
#include "tlog/note.h"
#include "wire/link.h"
#include <stdlib.h>
#include <string.h>

#define CONFIG_MOST ((size_t)1 << 20)

static bool is_member(const char *id)
{
    return identifier_parts(bytes_of_string(id)) == 3;
}

static void judge_identity(struct judge *j)
{
    struct config *c = j->config;
    const struct form_config *f = j->form;

    c->instance = f->instance;
    c->member = f->member;
    if (!identifier_part_valid(bytes_of_string(f->instance)))
        FAULT(j, "instance", "\"%s\" is not an identifier", f->instance);
    if (!is_member(f->member))
        FAULT(j, "member", "\"%s\" is not instance/class/member", f->member);
    else if (strncmp(f->member, f->instance, strlen(f->instance)) != 0 ||
             f->member[strlen(f->instance)] != '/')
        FAULT(j, "member", "\"%s\" is not of the instance %s", f->member, f->instance);
    c->state = file_path(j, f->state);
    c->registry = f->registry != NULL ? file_path(j, f->registry) : NULL;
    c->signing_key = file_path(j, f->keys.signing);
    c->chain = file_path(j, f->keys.chain);
    c->link_key = file_path(j, f->keys.link);
    c->subject_keys = f->keys.subject != NULL ? file_path(j, f->keys.subject) : NULL;
    const char **sealing = keep_zeroed(c, f->keys.sealing_count, sizeof *sealing);
    for (unsigned i = 0; i < f->keys.sealing_count; i++)
        sealing[i] = file_path(j, f->keys.sealing[i]);
    c->sealing_keys = sealing;
    c->sealing_key_count = f->keys.sealing_count;
}

static void judge_manners(struct judge *j)
{
    struct config *c = j->config;
    struct error e;

    c->metrics = j->form->metrics;
    c->user = j->form->user;
    if (c->metrics != NULL &&
        (!scrape_address_valid(c->metrics) || strlen(c->metrics) >= SCRAPE_ADDRESS_MOST))
        FAULT(j, "metrics", "\"%s\": must be 127.0.0.1:PORT, \"[::1]:PORT\" or unix:/PATH", c->metrics);
    if (c->user != NULL && !process_user_valid(c->user, &e))
        FAULT(j, "user", "%s", e.text);
}

static void judge_bus(struct judge *j)
{
    const struct form_bus *bus = &j->form->bus;

    j->config->bus_endpoint = bus->endpoint;
    if (!link_endpoint_valid(bus->endpoint, false))
        FAULT(j, "bus.endpoint", "\"%s\" is not tcp://HOST:PORT", bus->endpoint);
    if (!hex_decode(bus->public_key, strlen(bus->public_key), j->config->bus_public_key, 32))
        FAULT(j, "bus.public_key", "not the 64 hexadecimal digits of a link key's public half");
}

static void judge_authority(struct judge *j)
{
    const struct form_authority *a = &j->form->authority;
    char path[64];

    for (unsigned i = 0; i < a->keys_count; i++) {
        struct note_verifier verifier;
        snprintf(path, sizeof path, "authority.keys[%u]", i);
        if (!note_verifier_parse(bytes_of_string(a->keys[i]), &verifier) || verifier.type != NOTE_ED25519)
            FAULT(j, path, "not a verifier key (name+id+base64)");
        for (unsigned k = 0; k < i; k++)
            if (strcmp(a->keys[i], a->keys[k]) == 0)
                FAULT(j, path, "the same key twice");
    }
    if (a->threshold == 0 || a->threshold > a->keys_count)
        FAULT(j, "authority.threshold", "%u of %u keys: must be at least 1 and at most the number of keys",
              a->threshold, a->keys_count);
    j->config->authority = (struct registry_authority){
        .keys = (const char *const *)a->keys, .count = a->keys_count, .threshold = a->threshold};
}

static void judge_sql(struct judge *j, unsigned service, const struct form_sql *f, struct sql_options *out)
{
    struct sql_statement *statements = keep_zeroed(j->config, f->statements_count, sizeof *statements);
    char path[96];
    struct error e;

    if (f->threads > 64) {
        snprintf(path, sizeof path, "services[%u].sql.threads", service);
        FAULT(j, path, "at most 64");
    }
    for (unsigned i = 0; i < f->statements_count; i++) {
        const struct form_statement *s = &f->statements[i];
        statements[i] = (struct sql_statement){.operation = s->operation,
                                               .text = s->text,
                                               .parameters = (const char *const *)s->parameters,
                                               .parameter_count = s->parameters_count,
                                               .one = s->one,
                                               .writes = s->writes};
        snprintf(path, sizeof path, "services[%u].sql.statements[%u]", service, i);
        if (connector_sql_check(&statements[i], &e) != 0)
            FAULT(j, path, "%s", e.text);
        for (unsigned k = 0; k < i; k++)
            if (strcmp(statements[k].operation, s->operation) == 0)
                FAULT(j, path, "a second statement for the operation %s", s->operation);
    }
    *out = (struct sql_options){.name = j->form->services[service].service,
                                .connection = f->connection,
                                .threads = f->threads,
                                .timeout = f->timeout_ms * 1000,
                                .most_rows = f->most_rows,
                                .statements = statements,
                                .statement_count = f->statements_count};
    if (connector_sql_check_connection(f->connection, &e) != 0) {
        snprintf(path, sizeof path, "services[%u].sql.connection", service);
        FAULT(j, path, "%s", e.text);
    }
}

static const char *perhaps_file(struct judge *j, const char *path)
{
    return path != NULL ? file_path(j, path) : NULL;
}

/* The form's numbers are wide; what they become is not. */
static void judge_rest_numbers(struct judge *j, unsigned service, const struct form_rest *f)
{
    const struct {
        const char *key;
        uint64_t value, most;
    } numbers[] = {{"connect_timeout_ms", f->connect_timeout_ms, 60000},
                   {"timeout_ms", f->timeout_ms, 120000},
                   {"least_speed", f->least_speed, 1000000000},
                   {"slow_seconds", f->slow_seconds, 3600}};
    char path[96];

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(path, sizeof path, "services[%u].rest.%s", service, numbers[i].key);
        if (numbers[i].value > numbers[i].most)
            FAULT(j, path, "at most %llu", (unsigned long long)numbers[i].most);
    }
}

static void judge_rest(struct judge *j, unsigned service, const struct form_rest *f, struct rest_options *out)
{
    char path[96];
    const char *key;
    struct error e;

    *out = (struct rest_options){.name = j->form->services[service].service,
                                 .url = f->url,
                                 .unix_path = perhaps_file(j, f->unix_path),
                                 .ca = perhaps_file(j, f->ca),
                                 .certificate = perhaps_file(j, f->certificate),
                                 .key = perhaps_file(j, f->key),
                                 .connections = f->connections,
                                 .connect_timeout = f->connect_timeout_ms * 1000,
                                 .timeout = f->timeout_ms * 1000,
                                 .least_speed = f->least_speed,
                                 .slow_seconds = f->slow_seconds};
    judge_rest_numbers(j, service, f);
    if (connector_rest_check(out, &key, &e) != 0) {
        snprintf(path, sizeof path, "services[%u].rest.%s", service, key);
        FAULT(j, path, "%s", e.text);
    }
}

static void judge_service(struct judge *j, unsigned i, struct config_service *out)
{
    const struct form_service *f = &j->form->services[i];
    size_t len = strlen(j->config->member);
    char path[96];

    out->service = f->service;
    out->connector = f->connector;
    snprintf(path, sizeof path, "services[%u].service", i);
    if (identifier_parts(bytes_of_string(f->service)) != 5 ||
        strncmp(f->service, j->config->member, len) != 0 || f->service[len] != '/')
        FAULT(j, path, "\"%s\" is not %s/subsystem/service", f->service, j->config->member);
    for (unsigned k = 0; k < i; k++)
        if (strcmp(j->form->services[k].service, f->service) == 0)
            FAULT(j, path, "the same service twice");

    bool sql = strcmp(f->connector, "sql") == 0, rest = strcmp(f->connector, "rest") == 0;
    snprintf(path, sizeof path, "services[%u].connector", i);
    if (!sql && !rest && strcmp(f->connector, "echo") != 0)
        FAULT(j, path, "\"%s\" is none of echo, sql, rest", f->connector);
    else if (sql != (f->sql != NULL))
        FAULT(j, path, sql ? "needs the key sql beside it" : "does not go with the key sql");
    else if (rest != (f->rest != NULL))
        FAULT(j, path, rest ? "needs the key rest beside it" : "does not go with the key rest");
    if (sql && f->sql != NULL)
        judge_sql(j, i, f->sql, &out->sql);
    if (rest && f->rest != NULL)
        judge_rest(j, i, f->rest, &out->rest);
}

/* Which of these words it is; a fault, and 0, when it is none of them. */
static unsigned judge_word(struct judge *j, const char *key, const char *word, const char *const *words,
                           unsigned otherwise)
{
    if (word == NULL)
        return otherwise;
    for (unsigned i = 0; words[i] != NULL; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    struct buffer known = {0};
    for (unsigned i = 0; words[i] != NULL; i++)
        buffer_printf(&known, "%s%s", i > 0 ? ", " : "", words[i]);
    FAULT(j, key, "\"%s\" is none of %.*s", word, (int)known.len, (const char *)known.data);
    buffer_free(&known);
    return otherwise;
}

static void judge_limits(struct judge *j)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const spellings[] = {"7.8", "old", NULL};
    const struct form_limits none = {0}, *f = j->form->limits != NULL ? j->form->limits : &none;
    struct config *c = j->config;

    c->log_level = (enum log_level)judge_word(j, "log_level", j->form->log_level, levels, LOG_INFO_);
    c->fault_spelling = (enum fault_spelling)judge_word(j, "fault_spelling", j->form->fault_spelling,
                                                        spellings, FAULT_SPELLING_7_8);
    if (f->request_timeout_ms > 110000)
        FAULT(j, "limits.request_timeout_ms", "at most 110000: a message may live for 120 s");
    c->most_asks = f->most_asks;
    if (f->connections > FRONT_MOST_CONNECTIONS)
        FAULT(j, "limits.connections", "at most %u", FRONT_MOST_CONNECTIONS);
    c->front = (struct front_options){
        .member = c->member,
        .listeners = c->listeners,
        .listener_count = c->listener_count,
        .spelling = c->fault_spelling,
        .most_connections = f->connections,
        .most_client_connections = f->connections_per_client,
        .most_client_requests = f->requests_per_client,
        .most_subsystem_requests = f->requests_per_subsystem,
        .most_body_bytes = f->most_body_bytes,
        .most_answer_bytes = f->most_answer_bytes,
        .idle_seconds = f->idle_seconds,
        .head_seconds = f->head_seconds,
        .body_seconds = f->body_seconds,
        .answer_seconds = f->answer_seconds,
    };
    c->most_ask_bytes = f->most_ask_bytes;
    c->request_timeout = f->request_timeout_ms * 1000;
    c->unproven_most = f->unproven_ms * 1000;
    c->clock_skew = f->clock_skew_ms * 1000;
    c->crl_grace = f->crl_grace_hours * 3600 * MICROSECONDS;
    c->registry_alarm = f->registry_alarm_hours * 3600 * MICROSECONDS;
}

static void judge_all(struct judge *j)
{
    struct config *c = j->config;
    struct config_service *services = keep_zeroed(c, j->form->services_count, sizeof *services);

    judge_identity(j);
    judge_manners(j);
    judge_bus(j);
    judge_authority(j);
    judge_listeners(j);
    for (unsigned i = 0; i < j->form->services_count; i++)
        judge_service(j, i, &services[i]);
    judge_limits(j);
    c->services = services;
    c->service_count = j->form->services_count;
    if (c->listener_count == 0 && c->service_count == 0)
        FAULT(j, "", "neither listeners nor services: this adapter would have nothing to do");
}

struct config *config_load(const char *path, struct faults *faults)
{
    struct config *config = memory_zeroed(1, sizeof *config);
    struct buffer text = {0};
    struct error e;
    const char *slash = strrchr(path, '/');

    if (file_read(path, CONFIG_MOST, &text, &e) != 0) {
        buffer_printf(&faults->text, "%s: %s\n", path, e.text);
        faults->count++;
        goto failed;
    }
    config->file = yamlfile_parse(buffer_bytes(&text), path, &config_schema, faults);
    if (config->file == NULL)
        goto failed;
    struct judge judge = {.config = config, .form = yamlfile_root(config->file), .faults = faults};
    judge.folder = keep(config, slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : string_copy(""));
    judge_all(&judge);
    if (faults->count > 0)
        goto failed;
    buffer_free(&text);
    return config;

failed:
    buffer_free(&text);
    config_free(config);
    return NULL;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    keep_nothing(config);
    yamlfile_free(config->file);
    free(config);
}
