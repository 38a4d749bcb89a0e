#ifndef WASL_BROKER_CONFIG_H
#define WASL_BROKER_CONFIG_H
/* The bus's configuration file: YAML, checked whole against one schema. bus/broker/README.md has an example
 * and what each limit bounds. */
#include "base/yamlfile.h"
#include "registry/registry.h"

struct config_limits {
    uint64_t submit_messages,
        submit_bytes; /* first credit of a session: what one adapter may have under way to us */
    uint64_t mailbox_messages,
        mailbox_bytes;       /* waiting for or under way to one adapter, and open of one consumer */
    uint64_t pair_under_way; /* requests of one consumer that one provider is given at once */
    uint64_t exchanges;      /* open at once */
    uint64_t body_bytes;     /* sealed body of one message */
    uint64_t cache_bytes;    /* responses kept for who asks again */
    uint64_t pipeline_messages, pipeline_bytes; /* between the door and dispatch */
    uint64_t batch_messages, batch_ms;          /* of one commit */
    uint64_t refusals_per_second;               /* entries for refusals of one member */
    uint64_t ledger_bytes;                      /* map of a segment: the quota of the disk */
    uint64_t vault_bytes;
    uint64_t crl_grace_s;          /* how long past nextUpdate a CRL still serves */
    uint64_t half_open;            /* connections that have not said anything yet */
    uint64_t half_open_of_address; /* the same of one address */
    uint64_t waiting_bytes;        /* received and not yet taken from libzmq, of all connections together */
    uint64_t probe_s;              /* how often a stranger knocks to see that ZAP refuses him */
    uint64_t verifiers;            /* threads; 0: one per core */
};

struct config {
    char *instance, *listen, *state, *link_key, *ledger_key, *registry, *crls, *audit_socket, *metrics, *user,
        *log_level, *descriptions;
    const char *path; /* of the file itself */
    char **crl_files;
    unsigned crl_files_count;
    struct config_authority {
        unsigned threshold;
        char **keys;
        unsigned keys_count;
    } authority;
    struct config_limits limits;
};
struct config_file;

/* NULL with every fault in *faults, or e set when the file cannot be read. What is not in the file has its
 * default; relative paths begin at the file's folder. */
struct config_file *config_load(const char *path, struct faults *faults, struct error *e);
const struct config *config_get(const struct config_file *file);
void config_free(struct config_file *file); /* NULL is harmless */

#endif
