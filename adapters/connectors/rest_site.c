#include "connectors/rest_site.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/chain.h"
#include "crypto/keys.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define FILE_MOST        ((size_t)1 << 20)
#define CONNECTIONS_MOST 256
#define CONNECT_TIMEOUT  (3 * MICROSECONDS)
#define LIFETIME         600L /* seconds that a connection is used for: a moved system is found again */

struct rest_site {
    const struct rest_options *options;
    bool tls;
    char *origin; /* scheme://host:port/ */
    char *base;
    struct buffer ca, certificate, key;
};

/* --- the url --- */

/* Its bytes go into a request line as they are. */
static bool base_plain(const char *base)
{
    size_t len = strlen(base);

    for (const char *p = base; *p != 0; p++)
        if (*p <= 0x20 || *p == 0x7f || (*p & 0x80) != 0 || strchr("\"<>\\^`{|}", *p) != NULL)
            return false;
    return strstr(base, "//") == NULL && strstr(base, "/./") == NULL && strstr(base, "/../") == NULL &&
           (len < 2 || strcmp(base + len - 2, "/.") != 0) && (len < 3 || strcmp(base + len - 3, "/..") != 0);
}

static bool is_loopback(const char *host)
{
    unsigned b, c, d;
    int end = 0;

    /* libcurl itself resolves "localhost" to the loopback addresses, whatever the resolver says. */
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return sscanf(host, "127.%3u.%3u.%3u%n", &b, &c, &d, &end) == 3 && host[end] == 0 && (b | c | d) < 256;
}

static int take_base(struct rest_site *site, struct error *e)
{
    const char *url = site->options->url;
    const char *authority = strstr(url, "://") + 3;

    site->base = string_copy(authority + strcspn(authority, "/"));
    if (strcmp(site->base, "/") == 0)
        site->base[0] = 0;
    if (!base_plain(site->base))
        return error_set(e, ERROR_CONFIG,
                         "\"%s\": its path must be plain ASCII without dot segments or \"//\"", url);
    if (site->base[0] != 0 && site->base[strlen(site->base) - 1] == '/')
        return error_set(e, ERROR_CONFIG,
                         "\"%s\" ends with a slash: leave it away, the paths of calls begin with one", url);
    return 0;
}

/* libcurl's parser forgives more than that ("http:///host"), and would then see other parts than we do. */
static bool authority_plain(const char *url)
{
    const char *authority = strstr(url, "://");
    size_t len = authority != NULL ? strcspn(authority + 3, "/") : 0;

    return len > 0 && len == strspn(authority + 3,
                                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]");
}

/* The parts that are used, from libcurl's own parser: it shall not understand another host than we do. */
static int take_origin(struct rest_site *site, CURLU *url, struct error *e)
{
    const char *text = site->options->url;
    char *scheme = NULL, *host = NULL;
    int result = 0;

    /* Not shown: it may hold a password. */
    if (strpbrk(text, "?#@") != NULL)
        return error_set(e, ERROR_CONFIG, "the url may hold a host, a port and a path, and nothing else");
    if (!authority_plain(text) || curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        result = error_set(e, ERROR_CONFIG, "\"%s\" is not https://HOST[:PORT][/base]", text);
        goto done;
    }
    site->tls = strcmp(scheme, "https") == 0;
    if (!site->tls && site->options->unix_path == NULL && !is_loopback(host))
        result =
            error_set(e, ERROR_CONFIG,
                      "\"%s\": http would carry personal data in clear over a network: use https with ca, "
                      "or 127.0.0.1, or the key unix",
                      text);
    else if (curl_url_set(url, CURLUPART_PATH, "/", 0) != CURLUE_OK ||
             curl_url_get(url, CURLUPART_URL, &site->origin, 0) != CURLUE_OK)
        result = error_set(e, ERROR_CONFIG, "\"%s\" is not understood", text);
done:
    curl_free(scheme);
    curl_free(host);
    return result;
}

static int take_url(struct rest_site *site, struct error *e)
{
    CURLU *url = curl_url();
    BUG_ON(url == NULL);
    int result = take_origin(site, url, e);

    curl_url_cleanup(url);
    return result == 0 ? take_base(site, e) : -1;
}

static int take_unix(struct rest_site *site, struct error *e)
{
    const char *path = site->options->unix_path;

    if (path == NULL)
        return 0;
    if (site->tls)
        return error_set(e, ERROR_CONFIG, "a unix socket goes with an http:// url");
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return error_set(e, ERROR_CONFIG, "%s: too long for a unix socket", path);
    return 0;
}

/* --- files --- */

static int take_ca(struct rest_site *site, struct error *e)
{
    const char *path = site->options->ca;

    if (site->tls && path == NULL)
        return error_set(e, ERROR_CONFIG, "https needs ca: the file of who may certify the system");
    if (!site->tls && path != NULL)
        return error_set(e, ERROR_CONFIG, "goes with https only");
    if (path == NULL)
        return 0;
    struct chain *chain = chain_load_pem(path, e);
    if (chain == NULL)
        return -1;
    chain_free(chain);
    return file_read(path, FILE_MOST, &site->ca, e);
}

static int take_certificate(struct rest_site *site, struct error *e)
{
    const char *path = site->options->certificate;

    if (!site->tls && path != NULL)
        return error_set(e, ERROR_CONFIG, "goes with https only");
    if ((path == NULL) != (site->options->key == NULL))
        return error_set(e, ERROR_CONFIG, "certificate and key go together");
    return path != NULL ? file_read(path, FILE_MOST, &site->certificate, e) : 0;
}

static int take_key(struct rest_site *site, struct error *e)
{
    const char *path = site->options->key;
    struct chain *chain = NULL;
    EVP_PKEY *key = NULL;
    int result = -1;

    if (path == NULL)
        return 0;
    key = private_key_load(path, e);
    chain = key != NULL ? chain_load_pem(site->options->certificate, e) : NULL;
    if (chain == NULL)
        goto done;
    if (X509_check_private_key(chain_leaf(chain), key) != 1) {
        ERR_clear_error();
        error_set(e, ERROR_CONFIG, "%s is not the key of the certificate in %s", path,
                  site->options->certificate);
        goto done;
    }
    result = private_file_read(path, FILE_MOST, &site->key, e);
done:
    chain_free(chain);
    EVP_PKEY_free(key);
    return result;
}

/* --- making --- */

struct rest_site *rest_site_new(const struct rest_options *options, const char **key, struct error *e)
{
    static const struct {
        const char *key;
        int (*take)(struct rest_site *site, struct error *e);
    } steps[] = {
        {"url", take_url}, {"unix", take_unix}, {"ca", take_ca}, {"certificate", take_certificate},
        {"key", take_key},
    };
    struct rest_site *site = memory_zeroed(1, sizeof *site);

    site->options = options;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        *key = steps[i].key;
        if (steps[i].take(site, e) != 0)
            goto failed;
    }
    *key = "connections";
    if (options->connections > CONNECTIONS_MOST) {
        error_set(e, ERROR_CONFIG, "at most %d", CONNECTIONS_MOST);
        goto failed;
    }
    return site;

failed:
    rest_site_free(site);
    return NULL;
}

void rest_site_free(struct rest_site *site)
{
    if (site == NULL)
        return;
    curl_free(site->origin);
    free(site->base);
    buffer_free(&site->ca);
    buffer_free(&site->certificate);
    buffer_free(&site->key);
    free(site);
}

const char *rest_site_base(const struct rest_site *site)
{
    return site->base;
}

int connector_rest_check(const struct rest_options *options, const char **key, struct error *e)
{
    struct rest_site *site = rest_site_new(options, key, e);

    if (site == NULL)
        return -1;
    rest_site_free(site);
    return 0;
}

/* --- applying --- */

static void set_blob(CURL *easy, CURLoption option, const struct buffer *file)
{
    struct curl_blob blob = {.data = file->data, .len = file->len, .flags = CURL_BLOB_NOCOPY};

    if (file->len > 0)
        REST_SET(easy, option, &blob);
}

static void apply_identity(const struct rest_site *site, CURL *easy)
{
    REST_SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    REST_SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    REST_SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    /* Debian's libcurl would also believe every authority of /etc/ssl/certs. */
    REST_SET(easy, CURLOPT_CAPATH, NULL);
    REST_SET(easy, CURLOPT_CAINFO, NULL);
    set_blob(easy, CURLOPT_CAINFO_BLOB, &site->ca);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, &site->certificate);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, &site->key);
    REST_SET(easy, CURLOPT_KEYPASSWD, ""); /* never asks at a terminal */
}

/* What would let an answer, or the adapter's environment, send the call elsewhere. */
static void apply_refusals(CURL *easy)
{
    REST_SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    REST_SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    REST_SET(easy, CURLOPT_PROXY, "");
    REST_SET(easy, CURLOPT_NOPROXY, "*");
    REST_SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    REST_SET(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    REST_SET(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    REST_SET(easy, CURLOPT_ACCEPT_ENCODING, NULL);
}

void rest_site_apply(const struct rest_site *site, CURL *easy)
{
    const struct rest_options *o = site->options;
    uint64_t connect = o->connect_timeout != 0 ? o->connect_timeout : CONNECT_TIMEOUT;

    REST_SET(easy, CURLOPT_NOSIGNAL, 1L);
    REST_SET(easy, CURLOPT_URL, site->origin);
    /* One exchange at a time on a connection: an answer belongs to the request before it. */
    REST_SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    REST_SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect / 1000 + 1));
    REST_SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    REST_SET(easy, CURLOPT_MAXLIFETIME_CONN, LIFETIME);
    /* A name server that does not answer would otherwise be waited for when the call's time is over. */
    REST_SET(easy, CURLOPT_QUICK_EXIT, 1L);
    if (o->unix_path != NULL) {
        REST_SET(easy, CURLOPT_UNIX_SOCKET_PATH, o->unix_path);
        REST_SET(easy, CURLOPT_FORBID_REUSE,
                 1L); /* a new one costs little, and rest_socket.h knows ports only */
    }
    if (site->tls)
        apply_identity(site, easy);
    apply_refusals(easy);
}
