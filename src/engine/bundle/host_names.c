/* SPDX-License-Identifier: MIT */
/* The files /etc/hosts and /etc/hostname of a container. */

#include "engine/bundle/host_names.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/network/mode.h"
#include "os/file.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#define HOSTS_BYTES_MAX ((size_t)1 << 20)

static const char own_hosts[] = "127.0.0.1\tlocalhost\n"
				"::1\tlocalhost ip6-localhost ip6-loopback\n"
				"fe00::0\tip6-localnet\n"
				"ff00::0\tip6-mcastprefix\n"
				"ff02::1\tip6-allnodes\n"
				"ff02::2\tip6-allrouters\n";

bool host_names_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > 64)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool first = i == 0 || name[i - 1] == '.';
		bool last = i + 1 == length || name[i + 1] == '.';

		if (!isalnum((unsigned char)name[i]) &&
		    (first || last || (name[i] != '-' && name[i] != '.')))
			return false;
	}
	return true;
}

/* Appends the address that @text is, in its plain form. */
static int add_address(struct text *hosts, const char *text)
{
	static const int families[] = { AF_INET, AF_INET6 };
	size_t length = strlen(text);
	bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
	autofree char *plain = bracketed ? xstrndup(text + 1, length - 2) : xstrdup(text);
	unsigned char address[sizeof(struct in6_addr)];
	char formatted[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		if (inet_pton(families[i], plain, address) != 1 ||
		    !inet_ntop(families[i], address, formatted, sizeof(formatted)))
			continue;
		text_add(hosts, formatted);
		return 0;
	}
	return -1;
}

/* Appends the line of "NAME:ADDRESS" or "NAME=ADDRESS". */
static int add_host(struct text *hosts, const char *value, struct lxcri_error *err)
{
	size_t length = strcspn(value, ":=");
	autofree char *name = xstrndup(value, length);

	if (!value[length] || !host_names_is_valid(name) ||
	    add_address(hosts, value + length + 1) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "host \"%s\": expected NAME:ADDRESS with the address of IPv4 or IPv6",
			    value);
	text_addf(hosts, "\t%s\n", name);
	return 0;
}

static void add_own(struct text *hosts, const char *hostname)
{
	text_add(hosts, own_hosts);
	if (strcmp(hostname, "localhost") != 0)
		text_addf(hosts, "127.0.1.1\t%s\n", hostname);
}

/* On the host's network its names are right, and what is asked for comes besides. */
static void add_hosts_of_host(struct text *hosts)
{
	autofree char *theirs = NULL;
	size_t size;

	if (file_read(AT_FDCWD, "/etc/hosts", HOSTS_BYTES_MAX, &theirs, &size) < 0)
		text_add(hosts, own_hosts);
	else
		text_addf(hosts, "%s%s", theirs, text_ends_with(theirs, "\n") ? "" : "\n");
}

int host_names_make(struct bundle_request *request, const struct strings *taken,
		    struct lxcri_error *err)
{
	const struct lxcri_create_options *options = request->options;
	const char *const *extra = options->add_hosts;
	autorun(text_finish) struct text hosts = {};
	bool of_host = network_mode_is_host(options);

	if (of_host)
		add_hosts_of_host(&hosts);
	else
		add_own(&hosts, request->hostname);
	for (size_t i = 0; extra && extra[i]; i++)
		if (add_host(&hosts, extra[i], err) < 0)
			return -1;
	if (!strings_has(taken, "/etc/hosts") && (!of_host || (extra && extra[0])))
		request->bundle->hosts = text_steal(&hosts);
	if (!strings_has(taken, "/etc/hostname"))
		request->bundle->hostname = xformat("%s\n", request->hostname);
	return 0;
}
