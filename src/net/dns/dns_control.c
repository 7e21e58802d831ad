/* SPDX-License-Identifier: MIT */
/* How the name server is told what to do. */

#include "net/dns/dns_control.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"
#include "os/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS_MAX 16

/* A message that was taken apart. */
struct order {
	char bytes[DNS_CONTROL_MAX + 1];
	char *words[WORDS_MAX];
	size_t n_words;
	int fds[SOCKET_FDS_MAX];
	size_t n_fds;
};

static void close_fds(struct order *order)
{
	for (size_t i = 0; i < order->n_fds; i++)
		(void)close(order->fds[i]);
	order->n_fds = 0;
}

static int obey_network(struct dns_server *server, struct order *order, struct lxcri_error *err)
{
	struct dns_subnet subnets[DNS_SUBNETS_MAX];
	struct dns_network_options options = {
		.name = order->words[1],
		.subnets = subnets,
		.fds = order->fds,
		.n_fds = order->n_fds,
	};

	for (size_t i = 2; i < order->n_words; i++) {
		if (options.n_subnets == DNS_SUBNETS_MAX ||
		    dns_subnet_parse(order->words[i], &subnets[options.n_subnets++]) < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "subnet \"%.60s\"",
				    order->words[i]);
	}
	order->n_fds = 0;
	return dns_server_put_network_consume(server, &options, err);
}

/* Reads the file that came with @order. */
static int read_file(const struct order *order, char **ret_text, size_t *ret_size,
		     struct lxcri_error *err)
{
	int r = order->n_fds == 1 ? 0 : -EINVAL;

	if (r == 0 && lseek(order->fds[0], 0, SEEK_SET) < 0)
		r = -errno;
	if (r == 0)
		r = file_read_fd(order->fds[0], DNS_ZONE_BYTES_MAX, ret_text, ret_size);
	return r < 0 ? fail_errno(err, r, "read the %s of %s", order->words[0], order->words[1])
		     : 0;
}

static int obey_zone(struct dns_server *server, struct order *order, struct lxcri_error *err)
{
	struct dns_zone *zone = NULL;
	autofree char *text = NULL;
	size_t size = 0;

	if (read_file(order, &text, &size, err) < 0 || dns_zone_parse(text, size, &zone, err) < 0)
		return -1;
	return dns_server_set_zone_consume(server, order->words[1], zone, err);
}

static int obey_guests(struct dns_server *server, struct order *order, struct lxcri_error *err)
{
	struct dns_guests *guests = NULL;
	autofree char *text = NULL;
	size_t size = 0;

	if (read_file(order, &text, &size, err) < 0 ||
	    dns_guests_parse(text, size, &guests, err) < 0)
		return -1;
	return dns_server_set_guests_consume(server, order->words[1], guests, err);
}

static int obey_drop(struct dns_server *server, struct order *order, struct lxcri_error *err)
{
	dns_server_drop_network(server, order->words[1]);
	return 0;
}

static int obey_resolvers(struct dns_server *server, struct order *order, struct lxcri_error *err)
{
	union dns_address addresses[DNS_RESOLVERS_MAX];
	size_t count = 0;

	for (size_t i = 1; i < order->n_words && count < DNS_RESOLVERS_MAX; i++)
		if (dns_address_parse(order->words[i], &addresses[count++]) < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "resolver \"%.60s\"",
				    order->words[i]);
	dns_server_set_resolvers(server, addresses, count);
	return 0;
}

static const struct order_kind {
	const char *word;
	size_t n_words; /* at least */
	int (*obey)(struct dns_server *server, struct order *order, struct lxcri_error *err);
} order_kinds[] = {
	{ "network", 2, obey_network },     { "zone", 2, obey_zone },
	{ "guests", 2, obey_guests },       { "drop", 2, obey_drop },
	{ "resolvers", 1, obey_resolvers },
};

static int obey(struct dns_server *server, struct order *order, struct lxcri_error *err)
{
	char *place = NULL;

	for (char *word = strtok_r(order->bytes, " ", &place); word && order->n_words < WORDS_MAX;
	     word = strtok_r(NULL, " ", &place))
		order->words[order->n_words++] = word;
	for (size_t i = 0; i < ARRAY_LEN(order_kinds) && order->n_words > 0; i++)
		if (strcmp(order_kinds[i].word, order->words[0]) == 0 &&
		    order->n_words >= order_kinds[i].n_words)
			return order_kinds[i].obey(server, order, err);
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "no such order");
}

int dns_control_obey(struct dns_server *server, int fd)
{
	struct order order = {};
	struct lxcri_error err = {};
	ssize_t size = socket_receive(fd, order.bytes, DNS_CONTROL_MAX, order.fds, &order.n_fds, 0);

	if (size <= 0)
		return 0;
	order.bytes[size] = '\0';
	if (obey(server, &order, &err) < 0)
		log_error("name server: %s", err.text);
	close_fds(&order);
	return 1;
}

static int send_text(int fd, const struct text *text, const int *fds, size_t n_fds)
{
	return text->length > DNS_CONTROL_MAX
		       ? -EMSGSIZE
		       : socket_send(fd, text->data, text->length, fds, n_fds);
}

static void add_words(struct text *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		text_addf(text, " %s", words[i]);
}

int dns_control_send_network(int fd, const char *name, const char *const *subnets, size_t n_subnets,
			     const int *fds, size_t n_fds)
{
	autorun(text_finish) struct text text = {};

	text_addf(&text, "network %s", name);
	add_words(&text, subnets, n_subnets);
	return send_text(fd, &text, fds, n_fds);
}

static int send_file(int fd, const char *word, const char *name, const char *bytes, size_t size)
{
	autorun(text_finish) struct text text = {};
	autoclose int file = memfd_create(word, MFD_CLOEXEC);
	int r = file < 0 ? -errno : file_write_all(file, bytes, size);

	if (r < 0)
		return r;
	text_addf(&text, "%s %s", word, name);
	return send_text(fd, &text, &file, 1);
}

int dns_control_send_zone(int fd, const char *name, const char *bytes, size_t size)
{
	return send_file(fd, "zone", name, bytes, size);
}

int dns_control_send_guests(int fd, const char *name, const char *bytes, size_t size)
{
	return send_file(fd, "guests", name, bytes, size);
}

int dns_control_send_drop(int fd, const char *name)
{
	autorun(text_finish) struct text text = {};

	text_addf(&text, "drop %s", name);
	return send_text(fd, &text, NULL, 0);
}

int dns_control_send_resolvers(int fd, const char *const *addresses, size_t count)
{
	autorun(text_finish) struct text text = {};

	text_add(&text, "resolvers");
	add_words(&text, addresses, count);
	return send_text(fd, &text, NULL, 0);
}
