/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/link/peer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct address {
	bool v6;
	char text[48]; /* as /proc/net/tcp writes it: words in host order, then the port */
};

static bool address_format(const struct sockaddr_storage *from, struct address *out)
{
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)from;
		out->v6 = false;
		snprintf(out->text, sizeof out->text, "%08X:%04X", in->sin_addr.s_addr, ntohs(in->sin_port));
		return true;
	}
	if (from->ss_family != AF_INET6)
		return false;
	const struct sockaddr_in6 *in = (const void *)from;
	uint32_t word[4];
	memcpy(word, &in->sin6_addr, sizeof word);
	/* An IPv4 client of an IPv6 socket stands in the table of IPv4. */
	out->v6 = !IN6_IS_ADDR_V4MAPPED(&in->sin6_addr);
	if (out->v6)
		snprintf(out->text, sizeof out->text, "%08X%08X%08X%08X:%04X", word[0], word[1], word[2], word[3],
		         ntohs(in->sin6_port));
	else
		snprintf(out->text, sizeof out->text, "%08X:%04X", word[3], ntohs(in->sin6_port));
	return true;
}

/* The socket at the other end: its inode and the uid that it belongs to. */
static bool find_socket(const struct address *theirs, const struct address *ours, unsigned long *inode, uid_t *uid)
{
	char pair[104], line[512];
	snprintf(pair, sizeof pair, ": %s %s ", theirs->text, ours->text);
	FILE *table = fopen(theirs->v6 ? "/proc/net/tcp6" : "/proc/net/tcp", "re");
	bool found = false;
	while (table && !found && fgets(line, sizeof line, table)) {
		const char *at = strstr(line, pair);
		unsigned owner;
		if (at && sscanf(at + strlen(pair), "%*x %*x:%*x %*x:%*x %*x %u %*d %lu", &owner, inode) == 2) {
			*uid = owner;
			found = *inode != 0;
		}
	}
	if (table)
		fclose(table);
	return found;
}

static bool process_holds(pid_t pid, const char *socket_name)
{
	char path[300], target[64];
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *folder = opendir(path);
	bool holds = false;
	for (struct dirent *entry; folder && !holds && (entry = readdir(folder)) != NULL;) {
		ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
		if (len > 0) {
			target[len] = '\0';
			holds = !strcmp(target, socket_name);
		}
	}
	if (folder)
		closedir(folder);
	return holds;
}

static bool session_holds(pid_t session, unsigned long inode)
{
	char socket_name[64];
	snprintf(socket_name, sizeof socket_name, "socket:[%lu]", inode);
	if (process_holds(session, socket_name))
		return true;
	DIR *folder = opendir("/proc");
	bool holds = false;
	for (struct dirent *entry; folder && !holds && (entry = readdir(folder)) != NULL;) {
		pid_t pid = atoi(entry->d_name);
		holds = pid > 0 && pid != session && getsid(pid) == session && process_holds(pid, socket_name);
	}
	if (folder)
		closedir(folder);
	return holds;
}

/* Both ends of a TCP connection; false if one is unknown. */
static bool both_ends(int fd, struct address *theirs, struct address *ours)
{
	struct sockaddr_storage there = {0}, here = {0};
	socklen_t there_bytes = sizeof there, here_bytes = sizeof here;
	return !getpeername(fd, (struct sockaddr *)&there, &there_bytes) &&
	       !getsockname(fd, (struct sockaddr *)&here, &here_bytes) && address_format(&there, theirs) &&
	       address_format(&here, ours);
}

bool peer_is_trusted(int fd, const char **why)
{
	struct address theirs, ours;
	struct ucred cred;
	socklen_t bytes = sizeof cred;
	unsigned long inode;
	uid_t uid;
	int family = 0;
	socklen_t family_bytes = sizeof family;
	*why = NULL;
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_bytes);
	if (family == AF_UNIX && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes))
		uid = cred.uid;
	else if (family == AF_UNIX || !both_ends(fd, &theirs, &ours))
		*why = "its address is unknown";
	else if (!find_socket(&theirs, &ours, &inode, &uid))
		*why = "its socket is not on this host or closed already";
	if (!*why && uid != 0 && uid != geteuid())
		*why = "it belongs to another user of this host";
	return *why == NULL;
}

bool peer_is_in_session(int fd, pid_t session, const char **why)
{
	struct address their_address, our_address;
	unsigned long inode;
	uid_t uid;
	*why = NULL;
	if (!both_ends(fd, &their_address, &our_address))
		*why = "its address is unknown";
	else if (!find_socket(&their_address, &our_address, &inode, &uid))
		*why = "its socket is not on this host or closed already";
	else if (uid != geteuid())
		*why = "it belongs to another user of this host";
	else if (!session_holds(session, inode))
		*why = "it belongs to a process that was not started as a backend";
	return *why == NULL;
}
