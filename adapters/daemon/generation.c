#include "daemon/generation.h"
#include "base/error.h"
#include <stdlib.h>
#include <string.h>

struct generation *generation_load(const char *path, struct faults *faults)
{
    struct generation *g = memory_zeroed(1, sizeof *g);

    g->config = config_load(path, faults);
    if (g->config != NULL)
        g->identity = identity_load(g->config, faults);
    if (g->identity == NULL) {
        generation_free(g);
        return NULL;
    }
    return g;
}

static struct connector *open_connector(const struct config_service *service, struct error *e)
{
    if (strcmp(service->connector, "sql") == 0)
        return connector_sql_new(&service->sql, e);
    if (strcmp(service->connector, "rest") == 0)
        return connector_rest_new(&service->rest, e);
    return connector_echo_new();
}

int generation_open(struct generation *g, struct error *e)
{
    const struct config *c = g->config;

    g->connectors = memory_zeroed(c->service_count + 1, sizeof(struct connector *));
    g->services = memory_zeroed(c->service_count + 1, sizeof *g->services);
    for (size_t i = 0; i < c->service_count; i++) {
        struct connector *connector = open_connector(&c->services[i], e);
        if (connector == NULL)
            return error_prefix(e, "service %s: ", c->services[i].service);
        g->connectors[g->connector_count++] = connector;
        g->services[i] = (struct core_service){.service = c->services[i].service, .connector = connector};
    }
    return 0;
}

void generation_close(struct generation *g)
{
    for (size_t i = 0; i < g->connector_count; i++)
        g->connectors[i]->operations->free(g->connectors[i]);
    g->connector_count = 0;
}

void generation_free(struct generation *g)
{
    if (g == NULL)
        return;
    generation_close(g);
    free(g->connectors);
    free(g->services);
    identity_free(g->identity);
    config_free(g->config);
    free(g);
}

void generation_core_options(const struct generation *g, struct core_options *out)
{
    const struct config *c = g->config;

    *out = (struct core_options){
        .instance = c->instance,
        .member = c->member,
        .state = c->state,
        .bus_endpoint = c->bus_endpoint,
        .link_key = g->identity->link_key,
        .subject_keys = c->subject_keys,
        .sealing_keys = g->identity->sealing_keys,
        .sealing_key_count = g->identity->sealing_key_count,
        .signer = g->identity->signer,
        .chain = g->identity->chain,
        .authority = c->authority,
        .registry_file = c->registry,
        .services = g->services,
        .service_count = c->service_count,
        .most_asks = c->most_asks,
        .most_ask_bytes = c->most_ask_bytes,
        .request_timeout = c->request_timeout,
        .unproven_most = c->unproven_most,
        .clock_skew = c->clock_skew,
        .crl_grace = c->crl_grace,
        .registry_alarm = c->registry_alarm,
    };
    memcpy(out->bus_public_key, c->bus_public_key, sizeof out->bus_public_key);
}
