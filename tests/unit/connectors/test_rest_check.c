/* What can be said of the rest connector's options without a network. */
#include "provider.h"
#include "base/error.h"
#include "connectors/connectors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

static void refused(struct rest_options options, const char *key, const char *words)
{
    struct error e = {0};
    const char *found = "";

    options.name = "TN/GOV/MI/civil/person";
    if (connector_rest_check(&options, &found, &e) == 0)
        fail_msg("%s is taken", options.url);
    assert_string_equal(found, key);
    assert_int_equal(e.kind == ERROR_NONE, false);
    if (strstr(e.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    assert_null(strstr(e.text, "user:secret"));
    assert_null(connector_rest_new(&options, &e));
}

static void taken(struct rest_options options)
{
    struct error e = {0};
    const char *key;

    options.name = "TN/GOV/MI/civil/person";
    if (connector_rest_check(&options, &key, &e) != 0)
        fail_msg("%s: %s: %s", options.url, key, e.text);
}

static void http_stays_on_this_machine(void **state)
{
    static const char *const fine[] = {"http://127.0.0.1:8080",    "http://127.0.0.1:8080/",
                                       "http://127.9.8.7/base/v1", "http://[::1]:80/x",
                                       "http://localhost:81",      "HTTP://localhost"};
    static const char *const far[] = {"http://10.0.0.5/base",
                                      "http://system.example",
                                      "http://127.0.0.1.example",
                                      "http://127.0.0.1.nip.io/",
                                      "http://[::2]/",
                                      "http://localhost.example/",
                                      "http://0.0.0.0/",
                                      "http://[::ffff:10.0.0.5]/"};

    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        taken((struct rest_options){.url = fine[i]});
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++)
        refused((struct rest_options){.url = far[i]}, "url", "in clear");
    taken((struct rest_options){.url = "http://system.example", .unix_path = "/run/system.sock"});
    refused((struct rest_options){.url = "https://system.example", .unix_path = "/run/system.sock"}, "unix",
            "http://");
}

static void a_url_has_a_host_a_port_and_a_path(void **state)
{
    static const char *const wrong[][2] = {
        {"10.0.0.5/base", "not https://"},
        {"ftp://127.0.0.1/", "not https://"},
        {"file:///etc/passwd", "not https://"},
        {"https://", "not https://"},
        {"http:///127.0.0.1/a", "not https://"},
        {"http:////127.0.0.1/a", "not https://"},
        {"http:/127.0.0.1/a", "not https://"},
        {"http://127.0.0.1:99999/", "not https://"},
        {"http://user:secret@127.0.0.1/", "nothing else"},
        {"http://127.0.0.1/?a=b", "nothing else"},
        {"http://127.0.0.1/#f", "nothing else"},
        {"http://127.0.0.1?", "nothing else"},
        {"http://127.0.0.1/base/", "ends with a slash"},
        {"http://127.0.0.1/a//b", "plain ASCII"},
        {"http://127.0.0.1/a/../b", "plain ASCII"},
        {"http://127.0.0.1/..", "plain ASCII"},
        {"http://127.0.0.1/.", "plain ASCII"},
        {"http://127.0.0.1/a b", ""},
        {"http://127.0.0.1/\xc3\xa9", "plain ASCII"},
        {"http://127.0.0.1\r\nX: y/", ""},
        {"http://127.0.0.1\\@10.0.0.5/", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refused((struct rest_options){.url = wrong[i][0]}, "url", wrong[i][1]);
}

static struct rest_options secure(const char *ca, const char *certificate, const char *key)
{
    return (struct rest_options){.url = "https://127.0.0.1:1",
                                 .ca = ca != NULL ? provider_file(ca) : NULL,
                                 .certificate = certificate != NULL ? provider_file(certificate) : NULL,
                                 .key = key != NULL ? provider_file(key) : NULL};
}

static void files_are_read_and_fit_together(void **state)
{
    struct rest_options clear = {.url = "http://127.0.0.1", .ca = "/x"};

    (void)state;
    taken(secure("ca.pem", NULL, NULL));
    taken(secure("ca.pem", "client.pem", "client.key.pem"));
    refused(secure(NULL, NULL, NULL), "ca", "https needs ca");
    refused(secure("absent.pem", NULL, NULL), "ca", "absent.pem");
    refused(secure("client.key.pem", NULL, NULL), "ca", "certificate");
    refused(secure("ca.pem", "client.pem", NULL), "certificate", "go together");
    refused(secure("ca.pem", NULL, "client.key.pem"), "certificate", "go together");
    refused(secure("ca.pem", "client.pem", "server.key.pem"), "key", "is not the key of the certificate");
    refused(secure("ca.pem", "client.pem", "client.pem"), "key", "client.pem");
    refused(secure("ca.pem", "client.key.pem", "client.key.pem"), "key", "certificate");
    refused(clear, "ca", "with https only");
    assert_int_equal(chmod(provider_file("client.key.pem"), 0644), 0);
    refused(secure("ca.pem", "client.pem", "client.key.pem"), "key", "client.key.pem");
    assert_int_equal(chmod(provider_file("client.key.pem"), 0600), 0);
    struct rest_options many = {.url = "http://127.0.0.1", .connections = 257};
    refused(many, "connections", "at most 256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_stays_on_this_machine),
        cmocka_unit_test(a_url_has_a_host_a_port_and_a_path),
        cmocka_unit_test(files_are_read_and_fit_together),
    };
    provider_start();
    int failed = cmocka_run_group_tests_name("rest: options", tests, NULL, NULL);
    provider_stop();
    return failed;
}
