#include "base/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const struct sockaddr *address(const char *text)
{
    static struct sockaddr_storage storage;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    memset(&storage, 0, sizeof(storage));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        storage.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        storage.ss_family = AF_INET6;
    }
    return (struct sockaddr *)&storage;
}

static void assert_one(const char *a, const char *b, bool one)
{
    char first[ORIGIN_TEXT], second[ORIGIN_TEXT];
    uint64_t number = origin_number(address(a));
    origin_text(address(a), first);
    origin_text(address(b), second);
    assert_int_equal(number == origin_number(address(b)), one);
    assert_int_equal(strcmp(first, second) == 0, one);
}

static void a_network_of_ipv6_and_an_address_of_ipv4_are_one_origin(void **state)
{
    (void)state;
    assert_one("192.0.2.7", "192.0.2.7", true);
    assert_one("192.0.2.7", "::ffff:192.0.2.7", true);
    assert_one("192.0.2.7", "192.0.2.8", false);
    assert_one("::ffff:192.0.2.7", "::ffff:192.0.2.8", false);
    assert_one("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
    assert_one("2001:db8:1:2::1", "2001:db8:1:3::1", false);
}

static void people_are_shown_the_whole_address(void **state)
{
    char text[ORIGIN_TEXT];
    (void)state;
    origin_address_text(address("2001:db8:1:2::9"), text);
    assert_string_equal(text, "2001:db8:1:2::9");
    origin_address_text(address("::ffff:192.0.2.7"), text);
    assert_string_equal(text, "192.0.2.7");
    origin_text(address("2001:db8:1:2::9"), text);
    assert_string_equal(text, "2001:db8:1:2::");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_of_ipv6_and_an_address_of_ipv4_are_one_origin),
        cmocka_unit_test(people_are_shown_the_whole_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
