/* SPDX-License-Identifier: MIT */
/* Whom to ask for the names of others. */

#include "serve/resolvers.h"

#include "base/mem.h"
#include "config/config.h"
#include "net/dns/dns_asker.h"
#include "net/dns/dns_forward.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>

#define HOST_FILE      "/etc/resolv.conf"
#define HOST_BYTES_MAX (64u << 10)

struct resolvers {
	const struct serve_part *part;
	void (*changed)(void *userdata);
	void *userdata;
	int inotify;
	sd_event_source *source;
};

void resolvers_free(struct resolvers *resolvers)
{
	if (!resolvers)
		return;
	(void)sd_event_source_disable_unref(resolvers->source);
	closep(&resolvers->inotify);
	free(resolvers);
}

/* Watches the directories that the file is in, by its name and by where that leads. */
static void watch_host_file(const struct resolvers *resolvers)
{
	autofree char *target = realpath(HOST_FILE, NULL);
	char *slash = target ? strrchr(target, '/') : NULL;
	const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR;

	(void)inotify_add_watch(resolvers->inotify, "/etc", mask);
	if (!slash || slash == target)
		return;
	*slash = '\0';
	(void)inotify_add_watch(resolvers->inotify, target, mask);
}

static int on_change(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct resolvers *resolvers = userdata;
	char bytes[4096] __attribute__((aligned(8)));
	bool is_it = false;
	ssize_t size;

	while ((size = read(fd, bytes, sizeof(bytes))) > 0) {
		const struct inotify_event *event;

		for (char *at = bytes; at < bytes + size; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)at;
			is_it = is_it || event->mask & IN_Q_OVERFLOW ||
				(event->len > 0 && strstr(event->name, "resolv"));
		}
	}
	if (!is_it)
		return 0;
	watch_host_file(resolvers); /* it may lead elsewhere */
	resolvers->changed(resolvers->userdata);
	return 0;
}

int resolvers_create(const struct serve_part *part, void (*changed)(void *userdata), void *userdata,
		     struct resolvers **ret, struct lxcri_error *err)
{
	autoptr(resolvers) resolvers = xnew(struct resolvers);
	int r;

	*resolvers = (struct resolvers){ .part = part,
					 .changed = changed,
					 .userdata = userdata,
					 .inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	r = resolvers->inotify < 0 ? -errno : 0;
	if (r == 0) {
		watch_host_file(resolvers);
		r = sd_event_add_io(part->event, &resolvers->source, resolvers->inotify, EPOLLIN,
				    on_change, resolvers);
	}
	if (r < 0)
		return fail_errno(err, r, "watch " HOST_FILE);
	*ret = steal(resolvers);
	return 0;
}

static void add(struct strings *ret, const char *text)
{
	union dns_address ignored;

	if (ret->count < DNS_RESOLVERS_MAX && dns_address_parse(text, &ignored) == 0)
		strings_add(ret, text);
}

static void read_host_file(struct strings *ret)
{
	autofree char *text = NULL;
	char *place = NULL;
	size_t size;

	if (file_read(AT_FDCWD, HOST_FILE, HOST_BYTES_MAX, &text, &size) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
		char *words = NULL;
		const char *key = strtok_r(line, " \t\r", &words);
		const char *value = key ? strtok_r(NULL, " \t\r", &words) : NULL;

		if (value && strcmp(key, "nameserver") == 0)
			add(ret, value);
	}
}

void resolvers_read(const struct resolvers *resolvers, struct strings *ret)
{
	struct json_object *configured =
		config_json(resolvers->part->engine->config, CONFIG_NETWORK_DNS_SERVERS);

	for (size_t i = 0; i < json_count(configured); i++)
		add(ret, json_object_get_string(json_object_array_get_idx(configured, i)));
	if (ret->count == 0)
		read_host_file(ret);
}
