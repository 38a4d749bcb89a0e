#ifndef WASL_MANNERS_NOTIFY_H
#define WASL_MANNERS_NOTIFY_H
/*
 * What the service manager is told (sd_notify(3)); nothing happens where no NOTIFY_SOCKET is set. Each call
 * is one datagram to it, from whatever thread.
 */
#include <stdbool.h>
#include <stdint.h>

void notify_ready(void);     /* everything is open; also ends a reload */
void notify_reloading(void); /* until notify_ready */
void notify_stopping(void);
/* One line that people read in `systemctl status`. No personal data. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* How often the manager wants to hear notify_alive, in microseconds; 0: never. */
uint64_t notify_watchdog_period(void);
void notify_alive(void);

#endif
