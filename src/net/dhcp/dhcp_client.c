/* SPDX-License-Identifier: MIT */
/* The states of a client of DHCP.
 *
 *     SELECTING ── offer ──► REQUESTING ── ack ──► BOUND ── T1 ──► RENEWING ── T2 ──► REBINDING
 *         ▲                      │ nak, silence      ▲ ack            │ nak              │ nak, end
 *         └──────────────────────┴───────────────────┼────────────────┴──────────────────┘
 *
 * What a server says counts in the state that asks for it, and from the server that was asked. */

#include "net/dhcp/dhcp_client.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define SECOND_MS 1000

/* Between two tries without a lease: 1 s, 2 s, 4 s ... 64 s, some of it by chance, so that machines
 * that started together do not ask together. */
#define DELAY_MAX_MS (64 * SECOND_MS)

/* An offer that is asked for so often without an answer is none. */
#define REQUESTS_MAX 4

/* Between two tries with one (RFC 2131: a minute), unless the lease is hardly longer. */
#define RENEWAL_MIN_MS  (60 * SECOND_MS)
#define LEASE_SHORT_MS  (600 * SECOND_MS)
#define RENEWAL_TINY_MS SECOND_MS

static uint32_t chance(void)
{
	uint32_t number = 0;

	/* Early at boot there may be none: then it is as good as known, and works all the same. */
	(void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
	return number;
}

static int64_t delay_ms(unsigned int attempt)
{
	int64_t delay = attempt < 7 ? (int64_t)SECOND_MS << attempt : DELAY_MAX_MS;

	if (delay > DELAY_MAX_MS)
		delay = DELAY_MAX_MS;
	return delay + chance() % SECOND_MS / 4;
}

bool dhcp_client_is_bound(const struct dhcp_client *client)
{
	return client->state >= DHCP_BOUND;
}

int64_t dhcp_client_due(const struct dhcp_client *client)
{
	return client->next_ms;
}

/* Goes back to the beginning; a server that refuses again and again is asked less often. */
static void restart(struct dhcp_client *client, int64_t now_ms)
{
	client->state = DHCP_SELECTING;
	client->attempts = 0;
	client->transaction = chance();
	client->began_ms = now_ms;
	client->next_ms = client->refusals > 0 ? now_ms + delay_ms(client->refusals - 1) : now_ms;
}

void dhcp_client_start(struct dhcp_client *client, int64_t now_ms)
{
	client->refusals = 0;
	restart(client, now_ms);
}

/* Writes what the state asks for. */
static void ask(const struct dhcp_client *client, int64_t now_ms, struct dhcp_packet *ret)
{
	const int64_t seconds = (now_ms - client->began_ms) / SECOND_MS;
	struct dhcp_request request = {
		.type = client->state == DHCP_SELECTING ? DHCP_DISCOVER : DHCP_REQUEST,
		.transaction = client->transaction,
		.seconds = seconds < UINT16_MAX ? (uint16_t)seconds : UINT16_MAX,
		.mac = client->mac,
		.hostname = client->hostname,
	};

	memset(ret->target_mac, 0xff, sizeof(ret->target_mac));
	if (client->state == DHCP_SELECTING) {
		request.wanted = client->wanted;
	} else if (client->state == DHCP_REQUESTING) {
		request.wanted = client->offer.address;
		request.server = client->offer.server;
	} else {
		request.client = ret->source = client->lease.address;
	}
	if (client->state == DHCP_RENEWING) {
		ret->target = client->lease.server;
		memcpy(ret->target_mac, client->server_mac, sizeof(ret->target_mac));
	}
	ret->size = dhcp_request_format(&request, ret->bytes);
}

/* Returns when to ask once more before @end_ms. */
static int64_t next_try(const struct dhcp_client *client, int64_t now_ms, int64_t end_ms)
{
	const int64_t least = (int64_t)client->lease.lease_seconds * SECOND_MS < LEASE_SHORT_MS
				      ? RENEWAL_TINY_MS
				      : RENEWAL_MIN_MS;
	int64_t pause = (end_ms - now_ms) / 2;

	if (pause < least)
		pause = least;
	return now_ms + pause < end_ms ? now_ms + pause : end_ms;
}

static enum dhcp_news lose(struct dhcp_client *client, int64_t now_ms)
{
	client->wanted = client->lease.address;
	restart(client, now_ms);
	return DHCP_LOST;
}

/* Enters a state that asks with a new transaction. */
static void begin(struct dhcp_client *client, enum dhcp_state state, int64_t now_ms)
{
	if (client->state == state)
		return;
	client->state = state;
	client->transaction = chance();
	client->began_ms = now_ms;
}

static enum dhcp_news tick_bound(struct dhcp_client *client, int64_t now_ms,
				 struct dhcp_packet *ret)
{
	if (now_ms >= client->expire_ms)
		return lose(client, now_ms);
	if (now_ms >= client->rebind_ms) {
		begin(client, DHCP_REBINDING, now_ms);
		client->next_ms = next_try(client, now_ms, client->expire_ms);
	} else {
		begin(client, DHCP_RENEWING, now_ms);
		client->next_ms = next_try(client, now_ms, client->rebind_ms);
	}
	ask(client, now_ms, ret);
	return DHCP_NO_NEWS;
}

enum dhcp_news dhcp_client_tick(struct dhcp_client *client, int64_t now_ms, struct dhcp_packet *ret)
{
	*ret = (struct dhcp_packet){};
	if (now_ms < client->next_ms)
		return DHCP_NO_NEWS;
	if (dhcp_client_is_bound(client))
		return tick_bound(client, now_ms, ret);
	if (client->state == DHCP_REQUESTING && client->attempts >= REQUESTS_MAX)
		restart(client, now_ms);
	ask(client, now_ms, ret);
	client->next_ms = now_ms + delay_ms(client->attempts++);
	return DHCP_NO_NEWS;
}

static void take_offer(struct dhcp_client *client, int64_t now_ms, const struct dhcp_lease *offer,
		       struct dhcp_packet *ret)
{
	client->offer = *offer;
	client->state = DHCP_REQUESTING;
	client->attempts = 1;
	client->next_ms = now_ms + delay_ms(0);
	ask(client, now_ms, ret);
}

static enum dhcp_news take_lease(struct dhcp_client *client, int64_t now_ms,
				 const struct dhcp_lease *lease, const unsigned char *mac)
{
	const bool is_forever = lease->lease_seconds == DHCP_FOREVER;

	client->lease = *lease;
	client->state = DHCP_BOUND;
	client->refusals = 0;
	client->complaint = NULL;
	memcpy(client->server_mac, mac, sizeof(client->server_mac));
	client->renew_ms = now_ms + (int64_t)lease->renew_seconds * SECOND_MS;
	client->rebind_ms = now_ms + (int64_t)lease->rebind_seconds * SECOND_MS;
	client->expire_ms = now_ms + (int64_t)lease->lease_seconds * SECOND_MS;
	client->next_ms = is_forever ? INT64_MAX : client->renew_ms;
	return DHCP_GOT;
}

/* Tells whether @reply is from whom we asked, and about what we asked for. */
static bool is_expected(struct dhcp_client *client, const struct dhcp_reply *reply)
{
	const struct dhcp_lease *asked =
		client->state == DHCP_REQUESTING ? &client->offer : &client->lease;

	if (client->state == DHCP_SELECTING || client->state == DHCP_BOUND)
		return false;
	client->complaint = "it is from another server than was asked";
	if (client->state != DHCP_REBINDING &&
	    !address_equals(&reply->lease.server, &asked->server))
		return false;
	client->complaint = "it gives another address than was asked for";
	if (reply->type == DHCP_ACK && !address_equals(&reply->lease.address, &asked->address))
		return false;
	client->complaint = NULL;
	return true;
}

static enum dhcp_news take_refusal(struct dhcp_client *client, int64_t now_ms)
{
	bool was_bound = dhcp_client_is_bound(client);

	client->refusals++;
	client->complaint = "it refuses what it has offered";
	/* To ask for the same once more would be refused again. */
	client->wanted = (struct address){};
	restart(client, now_ms);
	return was_bound ? DHCP_LOST : DHCP_NO_NEWS;
}

enum dhcp_news dhcp_client_receive(struct dhcp_client *client, int64_t now_ms, const void *bytes,
				   size_t size, const unsigned char mac[static DHCP_MAC_BYTES],
				   struct dhcp_packet *ret)
{
	struct dhcp_reply reply;
	const char *why = NULL;
	int r;

	*ret = (struct dhcp_packet){};
	r = dhcp_reply_parse(bytes, size, client->transaction, client->mac, &reply, &why);
	if (r < 0) {
		if (r == -EBADMSG)
			client->complaint = why;
		return DHCP_NO_NEWS;
	}
	/* Nothing was asked of anybody yet when a refused client still waits. */
	if (reply.type == DHCP_OFFER) {
		if (client->state == DHCP_SELECTING && client->attempts > 0)
			take_offer(client, now_ms, &reply.lease, ret);
		return DHCP_NO_NEWS;
	}
	if (!is_expected(client, &reply))
		return DHCP_NO_NEWS;
	return reply.type == DHCP_ACK ? take_lease(client, now_ms, &reply.lease, mac)
				      : take_refusal(client, now_ms);
}

void dhcp_client_release(struct dhcp_client *client, struct dhcp_packet *ret)
{
	const struct dhcp_request request = {
		.type = DHCP_RELEASE,
		.transaction = chance(),
		.mac = client->mac,
		.client = client->lease.address,
		.server = client->lease.server,
	};

	*ret = (struct dhcp_packet){};
	if (dhcp_client_is_bound(client)) {
		ret->source = client->lease.address;
		ret->target = client->lease.server;
		memcpy(ret->target_mac, client->server_mac, sizeof(ret->target_mac));
		ret->size = dhcp_request_format(&request, ret->bytes);
	}
	client->state = DHCP_SELECTING;
	client->next_ms = INT64_MAX;
}
