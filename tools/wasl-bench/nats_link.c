#include "wasl-bench/nats_link.h"

#include "base/error.h"

#include <nats/nats.h>
#include <string.h>

static const struct {
    const char *stream, *subject;
} names[] = {
    [NATS_REQUESTS] = {"requests", "wasl.request"}, [NATS_RESPONSES] = {"responses", "wasl.response"}};

/* Acknowledgements come to BASE.a.TAG, messages to BASE.m: two subscriptions, because the server takes nobody
 * for present at a deliver subject who has subscribed to it by a wildcard. */
struct nats_link {
    natsConnection *connection;
    jsCtx *js;
    natsSubscription *acknowledgements, *messages;
    natsMsg *last;
    char base[64];
    size_t base_len;
};

static int failed(natsStatus status, const char *what, struct error *e)
{
    return error_set(e, ERROR_IO, "NATS: %s: %s", what, natsStatus_GetText(status));
}

static natsStatus connect_tls(struct nats_link *link, const struct nats_account *account, const char *name)
{
    natsOptions *options = NULL;
    natsStatus s = natsOptions_Create(&options);
    if (s == NATS_OK)
        s = natsOptions_SetURL(options, account->url);
    if (s == NATS_OK)
        s = natsOptions_SetName(options, name);
    if (s == NATS_OK)
        s = natsOptions_SetSecure(options, true);
    if (s == NATS_OK)
        s = natsOptions_LoadCATrustedCertificates(options, account->authorities);
    if (s == NATS_OK)
        s = natsOptions_LoadCertificatesChain(options, account->certificate, account->key);
    if (s == NATS_OK)
        s = natsOptions_SetExpectedHostname(options, "localhost");
    if (s == NATS_OK)
        s = natsOptions_SetSendAsap(options, account->at_once);
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(options, false); /* a lost connection is no result */
    if (s == NATS_OK)
        s = natsConnection_Connect(&link->connection, options);
    natsOptions_Destroy(options);
    return s;
}

static natsStatus open_inbox(struct nats_link *link)
{
    natsInbox *inbox = NULL;
    natsStatus s = natsInbox_Create(&inbox);
    if (s != NATS_OK)
        return s;
    int len = snprintf(link->base, sizeof link->base, "%s", inbox);
    natsInbox_Destroy(inbox);
    BUG_ON(len < 0 || (size_t)len >= sizeof link->base);
    link->base_len = (size_t)len;
    char subject[80];
    snprintf(subject, sizeof subject, "%s.a.*", link->base);
    s = natsConnection_SubscribeSync(&link->acknowledgements, link->connection, subject);
    if (s != NATS_OK)
        return s;
    snprintf(subject, sizeof subject, "%s.m", link->base);
    return natsConnection_SubscribeSync(&link->messages, link->connection, subject);
}

struct nats_link *nats_link_new(const struct nats_account *account, const char *name, struct error *e)
{
    struct nats_link *link = memory_zeroed(1, sizeof *link);
    const char *what = "connecting with TLS both ways";
    natsStatus s = connect_tls(link, account, name);
    if (s == NATS_OK) {
        what = "opening an inbox";
        s = open_inbox(link);
    }
    if (s == NATS_OK) {
        what = "using JetStream";
        s = natsConnection_JetStream(&link->js, link->connection, NULL);
    }
    if (s == NATS_OK)
        return link;
    failed(s, what, e);
    nats_link_free(link);
    return NULL;
}

void nats_link_free(struct nats_link *link)
{
    if (link == NULL)
        return;
    natsMsg_Destroy(link->last);
    natsSubscription_Destroy(link->acknowledgements);
    natsSubscription_Destroy(link->messages);
    jsCtx_Destroy(link->js);
    natsConnection_Destroy(link->connection);
    free(link);
}

int nats_link_make_streams(struct nats_link *link, struct error *e)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        jsStreamConfig config;
        jsStreamConfig_Init(&config);
        config.Name = names[i].stream;
        config.Subjects = (const char *[]){names[i].subject};
        config.SubjectsLen = 1;
        config.Storage = js_FileStorage;
        natsStatus s = js_AddStream(NULL, link->js, &config, NULL, NULL);
        if (s != NATS_OK)
            return failed(s, "making a stream", e);
    }
    return 0;
}

int nats_link_take(struct nats_link *link, enum nats_stream stream, struct error *e)
{
    char subject[80];
    snprintf(subject, sizeof subject, "%s.m", link->base);
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.DeliverPolicy = js_DeliverNew;
    config.AckPolicy = js_AckNone;
    config.DeliverSubject = subject;
    natsStatus s = js_AddConsumer(NULL, link->js, names[stream].stream, &config, NULL, NULL);
    return s == NATS_OK ? 0 : failed(s, "becoming a consumer of a stream", e);
}

int nats_link_publish(struct nats_link *link, enum nats_stream stream, unsigned tag, struct bytes body,
                      struct error *e)
{
    char reply[96];
    snprintf(reply, sizeof reply, "%s.a.%u", link->base, tag);
    natsStatus s = natsConnection_PublishRequest(link->connection, names[stream].subject, reply, body.data,
                                                 (int)body.len);
    return s == NATS_OK ? 0 : failed(s, "publishing", e);
}

/* {"stream":"requests", "seq":17}; {"error":{...},...} when the server did not store it, nothing when no
 * stream listens. */
static bool stored(const char *data, size_t len)
{
    return memmem(data, len, "\"seq\":", 6) != NULL && memmem(data, len, "\"error\"", 7) == NULL;
}

static void take_acknowledgement(struct nats_link *link, struct nats_arrival *out)
{
    const char *tag = natsMsg_GetSubject(link->last) + link->base_len + strlen(".a.");
    out->kind = stored(natsMsg_GetData(link->last), (size_t)natsMsg_GetDataLength(link->last))
                    ? NATS_ACKNOWLEDGED
                    : NATS_REFUSED;
    out->tag = (unsigned)strtoul(tag, NULL, 10);
}

/* Acknowledgements that have come go first: the server sends that of a request before the answer can be
 * there, so that nobody waits for one while it waits for messages. */
int nats_link_next(struct nats_link *link, int milliseconds, struct nats_arrival *out, struct error *e)
{
    natsMsg_Destroy(link->last);
    link->last = NULL;
    *out = (struct nats_arrival){.kind = NATS_NOTHING};
    natsStatus s = natsSubscription_NextMsg(&link->last, link->acknowledgements, 0);
    if (s == NATS_OK) {
        take_acknowledgement(link, out);
        return 0;
    }
    if (s == NATS_TIMEOUT)
        s = natsSubscription_NextMsg(&link->last, link->messages, milliseconds);
    if (s == NATS_OK) {
        out->kind = NATS_MESSAGE;
        out->body = bytes_make(natsMsg_GetData(link->last), (size_t)natsMsg_GetDataLength(link->last));
    }
    return s == NATS_OK || s == NATS_TIMEOUT ? 0 : failed(s, "waiting for messages", e);
}

int nats_link_records(struct nats_link *link, enum nats_stream stream, uint64_t *out, struct error *e)
{
    jsStreamInfo *info = NULL;
    natsStatus s = js_GetStreamInfo(&info, link->js, names[stream].stream, NULL, NULL);
    if (s != NATS_OK)
        return failed(s, "counting a stream's records", e);
    *out = info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return 0;
}
