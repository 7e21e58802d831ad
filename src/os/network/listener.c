/* SPDX-License-Identifier: MIT */
/* Who waits at a port of this host, from /proc. */

#include "os/network/listener.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a table of sockets; a longer one is not looked at. */
#define TABLE_BYTES_MAX (64u << 20)
#define COMM_BYTES_MAX  64
#define WORD_BYTES      4

/* As the kernel numbers states. */
#define STATE_UNBOUND   7
#define STATE_LISTENING 10

/* What is looked for: the address as the tables have it, in words of the host's order. */
struct place {
	char text[4 * 2 * WORD_BYTES + 1];
	unsigned int port;
};

static void add(struct listener *listener, uint64_t inode)
{
	if (inode > 0 && listener->count < LISTENER_SOCKETS_MAX)
		listener->inodes[listener->count++] = inode;
}

/* Reads the table at @path. */
static void search(const char *path, unsigned int state, const struct place *place,
		   struct listener *ret)
{
	autofree char *text = NULL;
	char *at = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, TABLE_BYTES_MAX, &text, &size) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
		char address[sizeof(place->text)];
		unsigned int port, line_state;
		uint64_t inode;

		if (sscanf(line,
			   " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %" SCNu64,
			   address, &port, &line_state, &inode) == 4 &&
		    port == place->port && line_state == state &&
		    (strcmp(address, place->text) == 0 || strspn(address, "0") == strlen(address)))
			add(ret, inode);
	}
}

int listener_find(int family, const void *address, uint16_t port, struct listener *ret)
{
	const size_t words = family == AF_INET ? 1 : 4;
	struct place place = { .port = port };

	*ret = (struct listener){};
	for (size_t i = 0; i < words; i++) {
		uint32_t word;

		memcpy(&word, (const char *)address + i * WORD_BYTES, sizeof(word));
		(void)snprintf(place.text + i * 2 * WORD_BYTES, 2 * WORD_BYTES + 1, "%08" PRIX32,
			       word);
	}
	if (family == AF_INET) {
		search("/proc/net/udp", STATE_UNBOUND, &place, ret);
		search("/proc/net/tcp", STATE_LISTENING, &place, ret);
	}
	/* What waits at any address of IPv6 may do so for IPv4 as well. */
	search("/proc/net/udp6", STATE_UNBOUND, &place, ret);
	search("/proc/net/tcp6", STATE_LISTENING, &place, ret);
	return ret->count > 0;
}

static bool has_socket(const struct listener *listener, const char *link)
{
	uint64_t inode;

	if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
		return false;
	for (unsigned int i = 0; i < listener->count; i++)
		if (listener->inodes[i] == inode)
			return true;
	return false;
}

bool listener_is_of(const struct listener *listener, pid_t pid)
{
	autofree char *path = xformat("/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	bool found = false;
	struct dirent *entry;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		char link[64];
		ssize_t size = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		link[size > 0 ? size : 0] = '\0';
		found = has_socket(listener, link);
	}
	(void)closedir(dir);
	return found;
}

static void read_name(pid_t pid, char name[static LISTENER_NAME_MAX])
{
	autofree char *path = xformat("/proc/%d/comm", (int)pid);
	autofree char *text = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, COMM_BYTES_MAX, &text, &size) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	/* Anybody may choose it, and it goes to a log. */
	for (char *c = text; *c; c++)
		*c = *c > ' ' && *c <= '~' ? *c : '?';
	(void)snprintf(name, LISTENER_NAME_MAX, "%s", text);
}

pid_t listener_name(const struct listener *listener, char name[static LISTENER_NAME_MAX])
{
	DIR *dir = opendir("/proc");
	pid_t found = 0;
	struct dirent *entry;

	(void)snprintf(name, LISTENER_NAME_MAX, "another program");
	while (dir && found == 0 && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && listener_is_of(listener, pid))
			found = pid;
	}
	if (dir)
		(void)closedir(dir);
	if (found > 0)
		read_name(found, name);
	return found;
}
