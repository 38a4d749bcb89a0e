#include "broker/audit.h"

#include "base/alarm.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/unix_socket.h"
#include "ledger/ledger.h"
#include "ledger/truststore.h"
#include "manners/readers.h"
#include "tlog/tile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* An entry bundle may have 16 MiB: what is being sent is bounded as a whole. */
#define UNDER_WAY_MOST   ((uint64_t)64 << 20)
#define CONNECTIONS_MOST 32U

struct audit {
    struct ledger *ledger;
    struct truststore *trust;
    struct audit_status_source source;
    struct readers *readers;
    char *path; /* of the socket: ours to remove */
};

/* Takes what is in `bytes`. */
static enum MHD_Result send_bytes(struct MHD_Connection *connection, struct buffer *bytes, const char *type,
                                  bool immutable)
{
    return readers_bytes(connection, bytes, type, immutable ? "max-age=31536000, immutable" : "no-store");
}

static enum MHD_Result send_not_found(struct MHD_Connection *connection)
{
    return readers_words(connection, MHD_HTTP_NOT_FOUND, "There is no such thing here.\n");
}

/* found: what a reading function returned. */
static enum MHD_Result send_found(struct MHD_Connection *connection, int found, struct buffer *bytes,
                                  const char *type, bool immutable, const struct error *e)
{
    if (found == 1)
        return send_bytes(connection, bytes, type, immutable);
    buffer_free(bytes);
    if (found == 0)
        return send_not_found(connection);
    log_error("audit_read_failed", "reason=%s", e->text);
    return readers_words(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "Reading failed: see the bus's log.\n");
}

static void put_json_string(struct buffer *out, const char *text)
{
    buffer_append_string(out, "\"");
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buffer_printf(out, "\\%c", *p);
        else if ((unsigned char)*p < 0x20)
            buffer_printf(out, "\\u%04x", (unsigned)(unsigned char)*p);
        else
            buffer_append(out, p, 1);
    }
    buffer_append_string(out, "\"");
}

static void put_json_time(struct buffer *out, const char *name, uint64_t time)
{
    char text[28];
    if (time == 0) {
        buffer_printf(out, "\"%s\":null,", name);
        return;
    }
    clock_format(time, text);
    buffer_printf(out, "\"%s\":\"%s\",", name, text);
}

/* Lines as an array of strings. */
static void put_json_lines(struct buffer *out, const char *name, struct bytes lines)
{
    buffer_printf(out, "\"%s\":[", name);
    for (bool first = true; lines.len > 0; first = false) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t len = end == NULL ? lines.len : (size_t)(end - lines.data);
        struct buffer line = {0};
        buffer_append(&line, lines.data, len);
        buffer_append(&line, "", 1);
        buffer_append_string(out, first ? "" : ",");
        put_json_string(out, (const char *)line.data);
        buffer_free(&line);
        len += end == NULL ? 0 : 1;
        lines = bytes_make(lines.data + len, lines.len - len);
    }
    buffer_append_string(out, "],");
}

static enum MHD_Result send_status(struct audit *audit, struct MHD_Connection *connection)
{
    struct audit_status status = {0};
    audit->source.fill(audit->source.arg, &status);
    struct buffer note = {0};
    struct checkpoint checkpoint = {0};
    ledger_checkpoint(audit->ledger, &note, &checkpoint);
    buffer_free(&note);
    char root[2 * HASH_SIZE + 1];
    hex_encode(checkpoint.root, HASH_SIZE, root);

    struct buffer out = {0};
    buffer_append_string(&out, "{");
    put_json_time(&out, "time", clock_wall());
    put_json_time(&out, "started", status.started);
    buffer_append_string(&out, "\"trouble\":");
    if (status.trouble != NULL)
        put_json_string(&out, status.trouble);
    else
        buffer_append_string(&out, "null");
    buffer_append_string(&out, ",\"origin\":");
    put_json_string(&out, checkpoint.origin);
    buffer_printf(&out, ",\"checkpoint_size\":%" PRIu64 ",\"checkpoint_root\":\"%s\",", checkpoint.size,
                  root);
    buffer_printf(&out, "\"members_connected\":%" PRIu64 ",\"exchanges_open\":%" PRIu64 ",",
                  status.members_connected, status.exchanges_open);
    buffer_printf(&out, "\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"timed_out\":%" PRIu64 ",",
                  status.admitted, status.refused, status.timed_out);
    buffer_printf(&out, "\"interrupted\":%" PRIu64 ",\"late\":%" PRIu64 ",\"unattributed\":%" PRIu64 ",",
                  status.interrupted, status.late, status.unattributed);
    put_json_lines(&out, "sessions", buffer_bytes(&status.sessions));
    buffer_free(&status.sessions);
    put_json_time(&out, "registry_valid_until", status.registry_valid_until);
    buffer_printf(&out, "\"registry_version\":%" PRIu64 ",\"disk_used\":%.4f,\"disk_days_left\":",
                  status.registry_version, status.disk_used);
    if (status.disk_days_left < 0)
        buffer_append_string(&out, "null");
    else
        buffer_printf(&out, "%.1f", status.disk_days_left);
    buffer_append_string(&out, ",\"alarms\":");
    alarms_json(&out);
    buffer_append_string(&out, "}\n");
    return send_bytes(connection, &out, "application/json", false);
}

static enum MHD_Result send_metrics(struct audit *audit, struct MHD_Connection *connection)
{
    struct buffer out = {0};
    if (audit->source.refresh != NULL)
        audit->source.refresh(audit->source.refresh_arg);
    metrics_write(METRIC_SIDE_BUS, &out);
    return send_bytes(connection, &out, "text/plain; version=0.0.4; charset=utf-8", false);
}

static enum MHD_Result send_checkpoint(struct audit *audit, struct MHD_Connection *connection)
{
    struct buffer note = {0};
    struct checkpoint checkpoint = {0};
    ledger_checkpoint(audit->ledger, &note, &checkpoint);
    if (checkpoint.size == 0 || note.len == 0) {
        buffer_free(&note);
        return readers_words(connection, MHD_HTTP_NOT_FOUND,
                             "The ledger is empty: there is no checkpoint yet.\n");
    }
    return send_bytes(connection, &note, "text/plain; charset=utf-8", false);
}

static enum MHD_Result send_tile(struct audit *audit, struct MHD_Connection *connection, struct bytes path)
{
    struct tile_path tile;
    if (!tile_path_parse(path, &tile))
        return send_not_found(connection);
    struct buffer bytes = {0};
    struct error e = {0};
    int found = tile.kind == TILE_ENTRIES
                    ? ledger_read_bundle(audit->ledger, tile.number, tile.width, &bytes, &e)
                    : ledger_read_tile(audit->ledger, tile.level, tile.number, tile.width, &bytes, &e);
    return send_found(connection, found, &bytes, "application/octet-stream", true, &e);
}

static enum MHD_Result send_object(struct audit *audit, struct MHD_Connection *connection, const char *name)
{
    uint8_t hash[HASH_SIZE];
    if (!hex_decode(name, strlen(name), hash, sizeof hash))
        return send_not_found(connection);
    struct buffer bytes = {0};
    struct error e = {0};
    int found = truststore_get(audit->trust, hash, &bytes, &e);
    return send_found(connection, found, &bytes, "application/octet-stream", true, &e);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url)
{
    struct audit *audit = arg;
    if (MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) != 0)
        return send_not_found(connection);
    if (strcmp(url, "/checkpoint") == 0)
        return send_checkpoint(audit, connection);
    if (strcmp(url, "/status") == 0)
        return send_status(audit, connection);
    if (strcmp(url, "/metrics") == 0)
        return send_metrics(audit, connection);
    if (strncmp(url, "/tile/", 6) == 0)
        return send_tile(audit, connection, bytes_of_string(url + 1));
    if (strncmp(url, "/trust/", 7) == 0)
        return send_object(audit, connection, url + 7);
    return send_not_found(connection);
}

struct audit *audit_start(const char *socket_path, struct ledger *ledger, struct truststore *trust,
                          const struct audit_status_source *source, struct error *e)
{
    int fd = unix_socket_listen(socket_path, 0660, READERS_BACKLOG, e);
    if (fd < 0) {
        if (errno == EADDRINUSE && e != NULL)
            e->kind = ERROR_CONFIG; /* two buses with one path: trying again does not help */
        return NULL;
    }
    struct audit *audit = memory_zeroed(1, sizeof *audit);
    audit->ledger = ledger;
    audit->trust = trust;
    audit->source = *source;
    audit->path = string_copy(socket_path);
    audit->readers = readers_start(&(struct readers_options){.socket = fd,
                                                             .most = CONNECTIONS_MOST,
                                                             .answer_most = UNDER_WAY_MOST,
                                                             .answer = answer,
                                                             .arg = audit},
                                   e);
    if (audit->readers == NULL) {
        error_prefix(e, "the audit socket %s: ", socket_path);
        unlink(socket_path);
        free(audit->path);
        free(audit);
        return NULL;
    }
    return audit;
}

void audit_stop(struct audit *audit)
{
    if (audit == NULL)
        return;
    readers_stop(audit->readers);
    unlink(audit->path);
    free(audit->path);
    free(audit);
}
