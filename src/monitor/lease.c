/* SPDX-License-Identifier: MIT */
/* The leases of the container's interfaces. */

#include "monitor/lease.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What a flood of messages may take of one turn. */
#define MESSAGES_A_TURN 16

/* poll() does not see that the machine slept: looked at the clock so often. */
#define NAP_MS (60 * 60 * 1000)

/* For want of memory, say. */
#define RETRY_MS 10000

/* Leases go on while the machine sleeps. */
static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Ends @lease without giving it back. */
static void finish(struct lease *lease)
{
	if (!lease->is_used)
		return;
	dhcp_socket_close(&lease->socket);
	closep(&lease->resolv);
	freep(&lease->resolv_rest);
	lease->is_used = false;
}

/* Answers who waits, if he still does. */
static void answer(struct lease *lease, const struct lxcri_error *err)
{
	struct client *waiter = steal(lease->waiter);

	if (!waiter || waiter->fd < 0 || waiter->serial != lease->serial)
		return;
	if (err)
		client_send_error(waiter, err);
	else
		client_send(waiter, WIRE_OK, NULL, 0);
}

/* Returns the lease of @interface, or NULL. */
static struct lease *find(struct leases *leases, const char *interface)
{
	for (size_t i = 0; i < LEASES_MAX; i++)
		if (leases->items[i].is_used && strcmp(leases->items[i].interface, interface) == 0)
			return &leases->items[i];
	return NULL;
}

/* Returns what a lease of @interface may take the place of, or NULL. */
static struct lease *find_slot(struct leases *leases, const char *interface)
{
	struct lease *found = find(leases, interface);

	for (size_t i = 0; i < LEASES_MAX && !found; i++)
		if (!leases->items[i].is_used)
			found = &leases->items[i];
	return found;
}

/* Opens what @lease works with. */
static int open_all(struct lease *lease, pid_t pid, const char *resolv_path,
		    struct lxcri_error *err)
{
	autofree char *path = xformat("/proc/%d/ns/net", (int)pid);
	autoclose int netns = open(path, O_RDONLY | O_CLOEXEC);
	int r = netns < 0 ? -errno : dhcp_socket_open(netns, lease->interface, &lease->socket);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "open the interface %s of the container", lease->interface);
	if (!*resolv_path)
		return 0;
	lease->resolv = open(resolv_path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return lease->resolv < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, errno,
						   "open %s", resolv_path)
				 : 0;
}

int leases_begin(struct leases *leases, pid_t pid, const struct wire_lease *wish,
		 const struct wire_lease_texts *texts, struct client *waiter,
		 struct lxcri_error *err)
{
	static const unsigned char none[4];
	struct lease *lease = find_slot(leases, texts->interface);

	if (!lease)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "%d interfaces of the container have a lease already", LEASES_MAX);
	finish(lease);
	*lease = (struct lease){ .is_used = true,
				 .socket = DHCP_SOCKET_NULL,
				 .resolv = -1,
				 .resolv_rest = xstrdup(texts->resolv_rest),
				 .share = wish->is_first ? DHCP_WHOLE : DHCP_NO_WAY_OUT,
				 .waiter = waiter,
				 .serial = waiter->serial,
				 .wait_seconds = wish->wait_seconds,
				 .deadline_ms = now_ms() + 1000 * (int64_t)wish->wait_seconds };
	(void)snprintf(lease->interface, sizeof(lease->interface), "%s", texts->interface);
	(void)snprintf(lease->client.hostname, sizeof(lease->client.hostname), "%s",
		       texts->hostname);
	if (open_all(lease, pid, texts->resolv_path, err) < 0) {
		finish(lease);
		return -1;
	}
	memcpy(lease->client.mac, lease->socket.mac, sizeof(lease->client.mac));
	if (memcmp(wish->wanted, none, sizeof(none)) != 0) {
		lease->client.wanted.family = AF_INET;
		memcpy(lease->client.wanted.bytes, wish->wanted, sizeof(wish->wanted));
	}
	dhcp_client_start(&lease->client, now_ms());
	return 0;
}

int lease_fd(const struct lease *lease)
{
	return lease->is_used ? lease->socket.packets : -1;
}

int leases_due_ms(const struct leases *leases)
{
	int64_t due = INT64_MAX;
	int64_t now;

	for (size_t i = 0; i < LEASES_MAX; i++) {
		const struct lease *lease = &leases->items[i];

		if (!lease->is_used)
			continue;
		if (dhcp_client_due(&lease->client) < due)
			due = dhcp_client_due(&lease->client);
		if (lease->waiter && lease->deadline_ms < due)
			due = lease->deadline_ms;
	}
	if (due == INT64_MAX)
		return -1;
	now = now_ms();
	return due <= now ? 0 : due - now > NAP_MS ? NAP_MS : (int)(due - now);
}

/* Returns the gateway of the default route, or NULL. */
static const struct address *gateway_of(const struct dhcp_lease *lease)
{
	for (size_t i = 0; i < lease->n_routes; i++)
		if (lease->routes[i].to.prefix == 0 && lease->routes[i].gateway.family)
			return &lease->routes[i].gateway;
	return NULL;
}

static void tell(const struct lease *lease, int run_dirfd)
{
	const struct dhcp_lease *got = &lease->applied;
	const struct address *gateway = gateway_of(got);
	autorun(text_finish) struct text json = {};
	autofree char *name = xformat(WIRE_LEASE_FILE "%s", lease->interface);
	char text[ADDRESS_TEXT_MAX];

	text_addf(&json, "{\"ip4\":\"%s\",\"prefix\":%u,", address_format(&got->address, text),
		  got->prefix);
	if (gateway && lease->share == DHCP_WHOLE)
		text_addf(&json, "\"gateway\":\"%s\",", address_format(gateway, text));
	text_addf(&json, "\"server\":\"%s\",\"dns\":[", address_format(&got->server, text));
	for (size_t i = 0; i < got->n_dns; i++)
		text_addf(&json, "%s\"%s\"", i > 0 ? "," : "", address_format(&got->dns[i], text));
	text_add(&json, "],");
	if (*got->domain) {
		text_add(&json, "\"domain\":");
		text_add_quoted(&json, got->domain);
		text_add(&json, ",");
	}
	if (got->mtu)
		text_addf(&json, "\"mtu\":%u,", got->mtu);
	text_addf(&json, "\"seconds\":%u,\"since\":%lld}\n", got->lease_seconds,
		  (long long)time(NULL));
	/* The lease is good without it. */
	(void)file_write_atomic(run_dirfd, name, json.data, json.length, 0600, FILE_VOLATILE);
}

/* Writes the name servers in place: it is this file that is mounted in the container. A lease
 * without any leaves those that are there. */
static int write_resolv(const struct lease *lease, const struct dhcp_lease *got)
{
	autorun(text_finish) struct text text = {};
	char address[ADDRESS_TEXT_MAX];

	if (lease->resolv < 0 || got->n_dns == 0)
		return 0;
	for (size_t i = 0; i < got->n_dns; i++)
		text_addf(&text, "nameserver %s\n", address_format(&got->dns[i], address));
	if (*got->domain && !text_starts_with(lease->resolv_rest, "search "))
		text_addf(&text, "search %s\n", got->domain);
	text_add(&text, lease->resolv_rest);
	if (pwrite(lease->resolv, text.data, text.length, 0) != (ssize_t)text.length ||
	    ftruncate(lease->resolv, (off_t)text.length) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

static bool is_same_names(const struct dhcp_lease *one, const struct dhcp_lease *other)
{
	bool is_same = one->n_dns == other->n_dns && strcmp(one->domain, other->domain) == 0;

	for (size_t i = 0; is_same && i < one->n_dns; i++)
		is_same = address_equals(&one->dns[i], &other->dns[i]);
	return is_same;
}

/* Tells whether all that was given to the interface is the same. */
static bool is_same_ways(const struct dhcp_lease *one, const struct dhcp_lease *other)
{
	bool is_same = address_equals(&one->address, &other->address) &&
		       one->prefix == other->prefix && one->n_routes == other->n_routes;

	for (size_t i = 0; is_same && i < one->n_routes; i++)
		is_same = subnet_contains(&one->routes[i].to, &other->routes[i].to.base) &&
			  one->routes[i].to.prefix == other->routes[i].to.prefix &&
			  address_equals(&one->routes[i].gateway, &other->routes[i].gateway);
	return is_same;
}

static int apply(struct lease *lease, int run_dirfd)
{
	const struct dhcp_lease *got = &lease->client.lease;
	int r = 0;

	if (lease->is_applied && !is_same_ways(&lease->applied, got))
		r = dhcp_socket_withdraw(&lease->socket, &lease->applied);
	if (r == 0)
		r = dhcp_socket_apply(&lease->socket, got, lease->share);
	/* What the user has written meanwhile stays, as long as the lease says nothing else. */
	if (r == 0 && (!lease->is_applied || !is_same_names(&lease->applied, got)))
		r = write_resolv(lease, got);
	if (r < 0)
		return r;
	lease->applied = *got;
	lease->is_applied = true;
	tell(lease, run_dirfd);
	return 0;
}

static void withdraw(struct lease *lease, int run_dirfd)
{
	autofree char *name = xformat(WIRE_LEASE_FILE "%s", lease->interface);

	if (lease->is_applied)
		(void)dhcp_socket_withdraw(&lease->socket, &lease->applied);
	lease->is_applied = false;
	(void)unlinkat(run_dirfd, name, 0);
}

/* What cannot be sent is tried again when the next message is due; what cannot be applied is asked
 * for again soon. */
static void take_news(struct lease *lease, enum dhcp_news news, const struct dhcp_packet *packet,
		      int run_dirfd)
{
	struct lxcri_error err = {};
	int r = 0;

	(void)dhcp_socket_send(&lease->socket, packet);
	if (news == DHCP_LOST)
		withdraw(lease, run_dirfd);
	if (news == DHCP_GOT)
		r = apply(lease, run_dirfd);
	if (r < 0 && !lease->waiter)
		lease->client.next_ms = now_ms() + RETRY_MS;
	if (news != DHCP_GOT || !lease->waiter)
		return;
	if (r < 0)
		(void)fail_code_errno(&err, LXCRI_E_CONFIGURATION_FAILED, r,
				      "give %s what the DHCP server says", lease->interface);
	answer(lease, r < 0 ? &err : NULL);
	if (r < 0)
		finish(lease);
}

/* Nobody else will give one now: who waits undoes the container. */
static void give_up(struct lease *lease)
{
	struct lxcri_error err = {};

	if (lease->client.complaint)
		(void)fail(&err, LXCRI_E_CONFIGURATION_FAILED,
			   "no DHCP server has given %s an address within %u s: what came was of "
			   "no use, %s",
			   lease->interface, lease->wait_seconds, lease->client.complaint);
	else
		(void)fail(&err, LXCRI_E_CONFIGURATION_FAILED,
			   "no DHCP server has answered on %s within %u s", lease->interface,
			   lease->wait_seconds);
	answer(lease, &err);
	finish(lease);
}

static void receive_all(struct lease *lease, int run_dirfd)
{
	for (int i = 0; lease->is_used && i < MESSAGES_A_TURN; i++) {
		unsigned char mac[DHCP_MAC_BYTES];
		const unsigned char *message;
		struct dhcp_packet packet;
		int size = dhcp_socket_receive(&lease->socket, &message, mac);

		if (size < 0)
			return;
		if (size == 0)
			continue;

		enum dhcp_news news = dhcp_client_receive(&lease->client, now_ms(), message,
							  (size_t)size, mac, &packet);

		take_news(lease, news, &packet, run_dirfd);
	}
}

void leases_turn(struct leases *leases, int run_dirfd)
{
	for (size_t i = 0; i < LEASES_MAX; i++) {
		struct lease *lease = &leases->items[i];
		struct dhcp_packet packet;
		enum dhcp_news news;

		if (lease->is_used)
			receive_all(lease, run_dirfd);
		if (lease->is_used && lease->waiter && now_ms() >= lease->deadline_ms)
			give_up(lease);
		if (!lease->is_used)
			continue;
		news = dhcp_client_tick(&lease->client, now_ms(), &packet);
		take_news(lease, news, &packet, run_dirfd);
	}
}

static void give_back(struct lease *lease)
{
	struct dhcp_packet packet;

	dhcp_client_release(&lease->client, &packet);
	(void)dhcp_socket_send(&lease->socket, &packet);
	finish(lease);
}

void leases_end_one(struct leases *leases, const char *interface, int run_dirfd)
{
	struct lease *lease = find(leases, interface);
	struct lxcri_error err = {};

	if (!lease)
		return;
	(void)fail(&err, LXCRI_E_CONFIGURATION_FAILED, "the interface %s is being taken away",
		   interface);
	answer(lease, &err);
	withdraw(lease, run_dirfd);
	give_back(lease);
}

void leases_end(struct leases *leases)
{
	for (size_t i = 0; i < LEASES_MAX; i++)
		if (leases->items[i].is_used)
			give_back(&leases->items[i]);
}
