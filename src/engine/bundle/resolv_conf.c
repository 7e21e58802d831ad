/* SPDX-License-Identifier: MIT */
/* The file /etc/resolv.conf of a container. */

#include "engine/bundle/resolv_conf.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/bundle/host_names.h"
#include "engine/network/mode.h"
#include "net/address.h"
#include "os/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#define BYTES_MAX (64u << 10)

/* Where systemd-resolved, whose own address is one of the loopback, writes those that it asks. */
#define RESOLVED "/run/systemd/resolve/resolv.conf"

static bool is_loopback(const struct address *address)
{
	static const unsigned char six[16] = { [15] = 1 };

	return address->family == AF_INET ? address->bytes[0] == 127
					  : memcmp(address->bytes, six, sizeof(six)) == 0;
}

static bool has(const char *const *list)
{
	return list && list[0];
}

/* What a file of the host says. */
struct host_file {
	struct text servers;
	struct text search;
	struct text options;
};

static void host_file_finish(struct host_file *file)
{
	text_finish(&file->servers);
	text_finish(&file->search);
	text_finish(&file->options);
}

/* Takes one line, whose words are in @line. */
static void take_line(const char *line, struct host_file *file)
{
	size_t key = strcspn(line, " \t");
	const char *value = line + key + strspn(line + key, " \t");
	struct address address;

	if (text_has_control(value))
		return;
	if (key == 10 && strncmp(line, "nameserver", key) == 0) {
		autofree char *server = xstrndup(value, strcspn(value, " %"));

		if (address_parse(server, AF_UNSPEC, &address) == 0 && !is_loopback(&address))
			text_addf(&file->servers, "nameserver %s\n", server);
	} else if (key == 6 && strncmp(line, "search", key) == 0 && *value) {
		text_finish(&file->search);
		text_addf(&file->search, "search %s\n", value);
	} else if (key == 7 && strncmp(line, "options", key) == 0 && *value) {
		text_addf(&file->options, "options %s\n", value);
	}
}

static void read_host_file(const char *path, struct host_file *file)
{
	autofree char *text = NULL;
	size_t size;
	char *next;

	if (file_read(AT_FDCWD, path, BYTES_MAX, &text, &size) < 0)
		return;
	for (char *line = text; line; line = next) {
		size_t length = strcspn(line, "\n");

		next = line[length] ? line + length + 1 : NULL;
		while (length > 0 && isspace((unsigned char)line[length - 1]))
			length--;
		line[length] = '\0';
		for (char *c = line; *c; c++)
			*c = *c == '\t' ? ' ' : *c;
		take_line(line, file);
	}
}

static int add_servers(struct text *text, const char *const *servers, struct lxcri_error *err)
{
	for (size_t i = 0; servers[i]; i++) {
		struct address address;
		char plain[ADDRESS_TEXT_MAX];

		if (address_parse(servers[i], AF_UNSPEC, &address) < 0)
			return fail(err, LXCRI_E_DNS_CONFIGURATION_FAILED,
				    "name server \"%s\" is no address", servers[i]);
		text_addf(text, "nameserver %s\n", address_format(&address, plain));
	}
	return 0;
}

/* Adds a line with all of @words; a search for "." alone is none. */
static int add_words(struct text *text, const char *key, const char *const *words,
		     struct lxcri_error *err)
{
	bool is_search = strcmp(key, "search") == 0;

	if (is_search && strcmp(words[0], ".") == 0 && !words[1])
		return 0;
	text_add(text, key);
	for (size_t i = 0; words[i]; i++) {
		bool is_good = *words[i] && strlen(words[i]) <= 255;

		for (const char *c = words[i]; *c; c++)
			is_good &= isalnum((unsigned char)*c) || strchr("._-:", *c);
		if (!is_good)
			return fail(err, LXCRI_E_DNS_CONFIGURATION_FAILED,
				    is_search ? "search domain \"%s\" is no name"
					      : "\"%s\" is no option of a resolver",
				    words[i]);
		text_addf(text, " %s", words[i]);
	}
	text_add(text, "\n");
	return 0;
}

char *resolv_conf_format(const struct resolv_conf *wanted, struct lxcri_error *err)
{
	autorun(host_file_finish) struct host_file host = {};
	autorun(text_finish) struct text text = {};

	read_host_file("/etc/resolv.conf", &host);
	if (host.servers.length == 0)
		read_host_file(RESOLVED, &host);
	if (has(wanted->servers)) {
		if (add_servers(&text, wanted->servers, err) < 0)
			return NULL;
	} else if (host.servers.length > 0) {
		text_add(&text, host.servers.data);
	}
	if (has(wanted->search)) {
		if (add_words(&text, "search", wanted->search, err) < 0)
			return NULL;
	} else if (host.search.length > 0) {
		text_add(&text, host.search.data);
	}
	if (has(wanted->options)) {
		if (add_words(&text, "options", wanted->options, err) < 0)
			return NULL;
	} else if (host.options.length > 0) {
		text_add(&text, host.options.data);
	}
	return text_steal(&text);
}

char *resolv_conf_format_rest(const struct resolv_conf *wanted, struct lxcri_error *err)
{
	autorun(text_finish) struct text text = {};

	if ((has(wanted->servers) && add_servers(&text, wanted->servers, err) < 0) ||
	    (has(wanted->search) && add_words(&text, "search", wanted->search, err) < 0) ||
	    (has(wanted->options) && add_words(&text, "options", wanted->options, err) < 0))
		return NULL;
	return text_steal(&text);
}

int resolv_conf_make(struct bundle_request *request, const struct strings *taken,
		     struct lxcri_error *err)
{
	const struct lxcri_create_options *options = request->options;
	const struct resolv_conf wanted = { options->dns, options->dns_search,
					    options->dns_options };
	bool is_asked = has(wanted.servers) || has(wanted.search) || has(wanted.options);
	enum network_mode mode;

	if (network_mode_choose(options, &mode, err) < 0)
		return -1;
	if (strings_has(taken, "/etc/resolv.conf") || (mode != NETWORK_MODE_OWN && !is_asked))
		return 0;
	request->bundle->resolv_conf = resolv_conf_format(&wanted, err);
	return request->bundle->resolv_conf ? 0 : -1;
}
