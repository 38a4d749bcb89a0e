#ifndef WASL_TESTS_PROVIDER_H
#define WASL_TESTS_PROVIDER_H
/* A ministry's own HTTP system in a process of its own (tests/e2e/provider.py has its behaviours); it ends
 * with this process. */

void provider_start(void); /* aborts when it does not come up */
void provider_stop(void);
/* A port ("plain", "tls", "anyone", "wrong-host", "expired", "foreign", "old-tls"), or a path ("folder",
 * "unix").
 */
const char *provider_place(const char *name);
/* A file below its folder: "ca.pem", "client.key.pem". Static memory of a few recent ones. */
const char *provider_file(const char *name);

#endif
