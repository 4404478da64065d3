/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/needs.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEM_BUS "/run/dbus/system_bus_socket"
#define HOST_MANAGER_PORT 2104 /* zephyr-hm in /etc/services */

/* The plugin for SMS asserts that there is a system bus. Addresses other than Unix sockets are believed. */
static bool has_system_bus(void)
{
	static const char unix_path[] = "unix:path=";
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = SYSTEM_BUS};
	if (address && strncmp(address, unix_path, strlen(unix_path)) != 0)
		return true;
	if (address) {
		address += strlen(unix_path);
		size_t len = strcspn(address, ",;");
		if (len >= sizeof name.sun_path)
			return true;
		memset(name.sun_path, 0, sizeof name.sun_path);
		memcpy(name.sun_path, address, len);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool there = fd >= 0 && !connect(fd, (struct sockaddr *)&name, sizeof name);
	if (fd >= 0)
		close(fd);
	return there;
}

/* libzephyr waits for its host manager for twenty seconds, and everything else with it. On loopback the system knows at
 * once that nobody listens, and tells it to whoever writes a second time. */
static bool has_host_manager(void)
{
	struct sockaddr_in name = {
	    .sin_family = AF_INET, .sin_port = htons(HOST_MANAGER_PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool there = fd >= 0 && !connect(fd, (struct sockaddr *)&name, sizeof name) && send(fd, "", 0, 0) == 0 &&
	             send(fd, "", 0, 0) == 0;
	if (fd >= 0)
		close(fd);
	return there;
}

static const struct {
	const char *protocol;
	bool (*there)(void);
	const char *text;
} needs[] = {
    {"prpl-mm-sms", has_system_bus,
     "The gateway's machine has no system bus (D-Bus), which the modem is spoken to by. Please tell the "
     "administrator."},
    {"prpl-zephyr", has_host_manager,
     "No Zephyr host manager (zhm) runs on the gateway's machine. Please tell the administrator."},
};

const char *needs_missing(const char *protocol)
{
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (!strcmp(needs[i].protocol, protocol) && !needs[i].there())
			return needs[i].text;
	return NULL;
}
