#include "daemon/identity.h"
#include "base/error.h"
#include <stdlib.h>

#define REGISTRY_MOST ((size_t)16 << 20)

struct identity *identity_load(const struct config *config, struct faults *faults)
{
    struct identity *id = memory_zeroed(1, sizeof *id);
    struct error e;
    unsigned before = faults->count;

    if (link_key_load(config->link_key, &id->link_key, &e) != 0)
        yamlfile_fault(config->file, faults, "keys.link", "%s", e.text);
    id->sealing_keys = memory_zeroed(config->sealing_key_count, sizeof *id->sealing_keys);
    id->sealing_key_count = config->sealing_key_count;
    for (size_t i = 0; i < config->sealing_key_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "keys.sealing[%zu]", i);
        if (sealing_key_load(config->sealing_keys[i], &id->sealing_keys[i], &e) != 0)
            yamlfile_fault(config->file, faults, path, "%s", e.text);
    }
    id->chain = chain_load_pem(config->chain, &e);
    if (id->chain == NULL) {
        yamlfile_fault(config->file, faults, "keys.chain", "%s", e.text);
    } else {
        id->signer = signer_open_file(config->signing_key, chain_leaf(id->chain), &e);
        if (id->signer == NULL)
            yamlfile_fault(config->file, faults, "keys.signing", "%s", e.text);
    }
    /* Whose signature it needs is judged by the core, which may know a later one. */
    struct buffer registry = {0};
    if (config->registry != NULL && file_read(config->registry, REGISTRY_MOST, &registry, &e) != 0)
        yamlfile_fault(config->file, faults, "registry", "%s", e.text);
    buffer_free(&registry);
    if (faults->count > before) {
        identity_free(id);
        return NULL;
    }
    return id;
}

void identity_free(struct identity *identity)
{
    if (identity == NULL)
        return;
    signer_free(identity->signer);
    chain_free(identity->chain);
    for (size_t i = 0; i < identity->sealing_key_count; i++)
        sealing_key_clear(&identity->sealing_keys[i]);
    free(identity->sealing_keys);
    link_key_clear(&identity->link_key);
    free(identity);
}
