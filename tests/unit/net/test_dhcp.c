/* SPDX-License-Identifier: MIT */
#include "net/dhcp/dhcp_client.h"
#include "net/dhcp/dhcp_frame.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define FIXED_BYTES 240

static const unsigned char mac[DHCP_MAC_BYTES] = { 2, 0, 0, 0, 0x77, 1 };
static const unsigned char server_mac[DHCP_MAC_BYTES] = { 2, 0, 0, 0, 0x77, 2 };

/* A message of a server, as it is built. */
struct message {
	unsigned char bytes[1400];
	size_t size;
};

static void put(struct message *message, int code, const void *value, size_t size)
{
	message->bytes[message->size++] = (unsigned char)code;
	message->bytes[message->size++] = (unsigned char)size;
	memcpy(message->bytes + message->size, value, size);
	message->size += size;
}

static void put_number(struct message *message, int code, uint32_t number)
{
	const uint32_t value = htonl(number);

	put(message, code, &value, sizeof(value));
}

static uint32_t transaction_of(const struct dhcp_packet *packet)
{
	uint32_t transaction;

	memcpy(&transaction, packet->bytes + 4, sizeof(transaction));
	return ntohl(transaction);
}

/* Begins a message with a type and a server. */
static struct message begin(enum dhcp_type type, uint32_t transaction, const char *address)
{
	static const unsigned char cookie[] = { 0x63, 0x82, 0x53, 0x63 };
	struct message message = { .bytes = { 2, 1, DHCP_MAC_BYTES }, .size = FIXED_BYTES };
	const unsigned char kind = (unsigned char)type;

	transaction = htonl(transaction);
	memcpy(message.bytes + 4, &transaction, sizeof(transaction));
	(void)inet_pton(AF_INET, address, message.bytes + 16);
	memcpy(message.bytes + 28, mac, sizeof(mac));
	memcpy(message.bytes + 236, cookie, sizeof(cookie));
	put(&message, 53, &kind, 1);
	put_number(&message, 54, 0x0a4d0001);
	return message;
}

/* An answer to @packet with which everything is fine. */
static struct message answer(enum dhcp_type type, const struct dhcp_packet *packet,
			     uint32_t seconds)
{
	struct message message = begin(type, transaction_of(packet), "10.77.0.50");

	put_number(&message, 1, 0xffffff00);
	put_number(&message, 3, 0x0a4d0001);
	put_number(&message, 51, seconds);
	message.bytes[message.size++] = 255;
	return message;
}

static enum dhcp_news receive(struct dhcp_client *client, int64_t now,
			      const struct message *message, struct dhcp_packet *ret)
{
	return dhcp_client_receive(client, now, message->bytes, message->size, server_mac, ret);
}

/* Returns the type of what is sent, or 0. */
static int type_of(const struct dhcp_packet *packet)
{
	return packet->size == 0 ? 0 : packet->bytes[FIXED_BYTES + 2];
}

/* A client that got a lease for @seconds at the time 0. */
static struct dhcp_client bound(uint32_t seconds)
{
	struct dhcp_client client = { .hostname = "walnut" };
	struct dhcp_packet packet;
	struct message message;

	memcpy(client.mac, mac, sizeof(mac));
	dhcp_client_start(&client, 0);
	assert_int_equal(dhcp_client_tick(&client, 0, &packet), DHCP_NO_NEWS);
	assert_int_equal(type_of(&packet), DHCP_DISCOVER);
	message = answer(DHCP_OFFER, &packet, seconds);
	assert_int_equal(receive(&client, 0, &message, &packet), DHCP_NO_NEWS);
	assert_int_equal(type_of(&packet), DHCP_REQUEST);
	message = answer(DHCP_ACK, &packet, seconds);
	assert_int_equal(receive(&client, 0, &message, &packet), DHCP_GOT);
	assert_int_equal(type_of(&packet), 0);
	return client;
}

static void a_lease_is_what_the_server_says(void **state)
{
	const struct dhcp_client client = bound(1000);
	char text[ADDRESS_TEXT_MAX];

	assert_true(dhcp_client_is_bound(&client));
	assert_string_equal(address_format(&client.lease.address, text), "10.77.0.50");
	assert_int_equal(client.lease.prefix, 24);
	assert_int_equal(client.lease.n_routes, 1);
	assert_int_equal(client.lease.renew_seconds, 500);
	assert_int_equal(client.lease.rebind_seconds, 875);
	assert_int_equal(dhcp_client_due(&client), 500000);
}

static void its_server_is_asked_for_more_and_then_everybody(void **state)
{
	struct dhcp_client client = bound(1000);
	struct dhcp_packet packet;
	struct message message;

	assert_int_equal(dhcp_client_tick(&client, 499999, &packet), DHCP_NO_NEWS);
	assert_int_equal(type_of(&packet), 0);
	(void)dhcp_client_tick(&client, 500000, &packet);
	assert_int_equal(type_of(&packet), DHCP_REQUEST);
	assert_int_equal(client.state, DHCP_RENEWING);
	assert_memory_equal(packet.target_mac, server_mac, sizeof(server_mac));
	assert_true(address_equals(&packet.target, &client.lease.server));
	assert_true(address_equals(&packet.source, &client.lease.address));
	assert_int_equal(dhcp_client_due(&client), 687500);
	(void)dhcp_client_tick(&client, 875000, &packet);
	assert_int_equal(client.state, DHCP_REBINDING);
	assert_int_equal(packet.target.family, 0);
	assert_int_equal(packet.target_mac[0], 0xff);
	message = answer(DHCP_ACK, &packet, 1000);
	assert_int_equal(receive(&client, 876000, &message, &packet), DHCP_GOT);
	assert_int_equal(dhcp_client_due(&client), 876000 + 500000);
}

static void a_lease_that_nobody_renews_is_lost_at_its_end(void **state)
{
	struct dhcp_client client = bound(1000);
	struct dhcp_packet packet;
	enum dhcp_news news = DHCP_NO_NEWS;
	int64_t now = 0;
	int sent = 0;

	while (news == DHCP_NO_NEWS) {
		now = dhcp_client_due(&client);
		news = dhcp_client_tick(&client, now, &packet);
		sent += type_of(&packet) != 0;
	}
	assert_int_equal(news, DHCP_LOST);
	assert_int_equal(now, 1000000);
	assert_true(sent >= 4 && sent <= 20);
	assert_int_equal(client.state, DHCP_SELECTING);
	(void)dhcp_client_tick(&client, now, &packet);
	assert_int_equal(type_of(&packet), DHCP_DISCOVER);
}

static void a_refusal_takes_the_lease_and_another_is_asked_for_after_a_while(void **state)
{
	struct dhcp_client client = bound(1000);
	struct dhcp_packet packet;
	struct message message;

	(void)dhcp_client_tick(&client, 500000, &packet);
	message = begin(DHCP_NAK, transaction_of(&packet), "0.0.0.0");
	assert_int_equal(receive(&client, 500001, &message, &packet), DHCP_LOST);
	assert_false(dhcp_client_is_bound(&client));
	assert_true(dhcp_client_due(&client) >= 500001 + 1000);
}

static void a_server_that_refuses_what_it_offers_is_asked_ever_less_often(void **state)
{
	struct dhcp_client client = {};
	struct dhcp_packet packet;
	struct message message;
	int64_t now = 0;
	int rounds = 0;

	memcpy(client.mac, mac, sizeof(mac));
	dhcp_client_start(&client, 0);
	for (; now < 600000; rounds++) {
		now = dhcp_client_due(&client);
		(void)dhcp_client_tick(&client, now, &packet);
		message = answer(DHCP_OFFER, &packet, 1000);
		(void)receive(&client, now, &message, &packet);
		message = begin(DHCP_NAK, transaction_of(&packet), "0.0.0.0");
		assert_int_equal(receive(&client, now, &message, &packet), DHCP_NO_NEWS);
	}
	assert_true(rounds < 20);
}

static void what_was_not_asked_for_is_not_heard(void **state)
{
	struct dhcp_client client = bound(1000);
	struct dhcp_packet asked;
	struct dhcp_packet packet;
	struct message message;

	(void)dhcp_client_tick(&client, 500000, &asked);
	message = answer(DHCP_ACK, &asked, 1000);
	message.bytes[4] ^= 1; /* another transaction */
	assert_int_equal(receive(&client, 500000, &message, &packet), DHCP_NO_NEWS);
	message = answer(DHCP_ACK, &asked, 1000);
	message.bytes[30] ^= 1; /* another client */
	assert_int_equal(receive(&client, 500000, &message, &packet), DHCP_NO_NEWS);
	message = answer(DHCP_ACK, &asked, 1000);
	message.bytes[FIXED_BYTES + 8] ^= 2; /* another server */
	assert_int_equal(receive(&client, 500000, &message, &packet), DHCP_NO_NEWS);
	message = answer(DHCP_ACK, &asked, 1000);
	message.bytes[19] ^= 1; /* another address */
	assert_int_equal(receive(&client, 500000, &message, &packet), DHCP_NO_NEWS);
	assert_int_equal(client.state, DHCP_RENEWING);
	message = answer(DHCP_ACK, &asked, 1000);
	assert_int_equal(receive(&client, 500000, &message, &packet), DHCP_GOT);
	/* And not twice. */
	assert_int_equal(receive(&client, 600000, &message, &packet), DHCP_NO_NEWS);
}

static void a_lease_for_ever_is_never_renewed(void **state)
{
	const struct dhcp_client client = bound(DHCP_FOREVER);

	assert_true(dhcp_client_due(&client) == INT64_MAX);
}

static void a_lease_is_given_back_to_its_server(void **state)
{
	struct dhcp_client client = bound(1000);
	struct dhcp_packet packet;

	dhcp_client_release(&client, &packet);
	assert_int_equal(type_of(&packet), DHCP_RELEASE);
	assert_memory_equal(packet.target_mac, server_mac, sizeof(server_mac));
	assert_memory_equal(packet.bytes + 12, "\x0a\x4d\x00\x32", 4);
	dhcp_client_release(&client, &packet);
	assert_int_equal(type_of(&packet), 0);
}

/* What may be wrong with a lease: an option, its value. */
static const struct lie {
	int code;
	uint32_t value;
} lies[] = {
	{ 1, 0 },          /* a mask of nothing */
	{ 1, 0xfe000000 }, /* of a subnet that nobody has */
	{ 1, 0xff00ff00 }, /* with holes */
	{ 3, 0x0a4e0001 }, /* a router off the link */
	{ 3, 0x0a4d0032 }, /* that is the client itself */
	{ 3, 0xe0000001 }, /* that is a group */
	{ 51, 0 },         /* no time at all */
	{ 51, DHCP_LEASE_SECONDS_MIN - 1 },
};

static void a_lease_that_cannot_be_is_none(void **state)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct message message = begin(DHCP_ACK, 1, "10.77.0.50");
		struct dhcp_reply reply;
		const char *why;

		put_number(&message, 1, lies[i].code == 1 ? lies[i].value : 0xffffff00);
		put_number(&message, 3, lies[i].code == 3 ? lies[i].value : 0x0a4d0001);
		put_number(&message, 51, lies[i].code == 51 ? lies[i].value : 1000);
		assert_int_equal(
			dhcp_reply_parse(message.bytes, message.size, 1, mac, &reply, &why),
			-EBADMSG);
	}
}

static void times_that_do_not_grow_are_replaced(void **state)
{
	struct message message = begin(DHCP_ACK, 1, "10.77.0.50");
	struct dhcp_reply reply;
	const char *why;

	put_number(&message, 1, 0xffffff00);
	put_number(&message, 51, 800);
	put_number(&message, 58, 900);
	put_number(&message, 59, 5000);
	assert_int_equal(dhcp_reply_parse(message.bytes, message.size, 1, mac, &reply, &why), 0);
	assert_int_equal(reply.lease.renew_seconds, 400);
	assert_int_equal(reply.lease.rebind_seconds, 700);
}

static void an_option_in_pieces_is_one(void **state)
{
	static const unsigned char first[] = { 24, 10, 99 };
	static const unsigned char second[] = { 0, 10, 77, 0, 7 };
	struct message message = begin(DHCP_ACK, 1, "10.77.0.50");
	struct dhcp_reply reply;
	const char *why;

	put_number(&message, 1, 0xffffff00);
	put_number(&message, 51, 800);
	put(&message, 121, first, sizeof(first));
	put(&message, 121, second, sizeof(second));
	assert_int_equal(dhcp_reply_parse(message.bytes, message.size, 1, mac, &reply, &why), 0);
	assert_int_equal(reply.lease.n_routes, 1);
	assert_int_equal(reply.lease.routes[0].to.prefix, 24);
	assert_memory_equal(reply.lease.routes[0].to.base.bytes, "\x0a\x63\x00\x00", 4);
	assert_memory_equal(reply.lease.routes[0].gateway.bytes, "\x0a\x4d\x00\x07", 4);
}

static void a_message_that_is_cut_is_none(void **state)
{
	struct dhcp_packet packet = {};
	struct message message = answer(DHCP_ACK, &packet, 1000);
	struct dhcp_reply reply;
	const char *why;

	for (size_t size = 0; size < message.size; size++) {
		unsigned char copy[1400];

		memcpy(copy, message.bytes, size);
		/* Without its last option it is whole, but says too little, or all that counts. */
		if (dhcp_reply_parse(copy, size, 0, mac, &reply, &why) == 0)
			assert_true(size >= message.size - 1);
	}
}

static void a_packet_has_its_message(void **state)
{
	static const struct address none;
	unsigned char frame[DHCP_FRAME_OUT_MAX];
	unsigned char message[300] = { 1, 2, 3 };
	const unsigned char *found;
	size_t size = dhcp_frame_format(message, sizeof(message), &none, &none, frame);
	size_t found_size;

	assert_int_equal(size, 328);
	assert_memory_equal(frame + 16, "\xff\xff\xff\xff", 4);
	/* From a client to a server: no client hears it. */
	assert_int_equal(dhcp_frame_parse(frame, size, &found, &found_size), -ENOENT);
	frame[21] = DHCP_SERVER_PORT;
	frame[23] = DHCP_CLIENT_PORT;
	assert_int_equal(dhcp_frame_parse(frame, size, &found, &found_size), 0);
	assert_int_equal(found_size, sizeof(message));
	assert_ptr_equal(found, frame + 28);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(dhcp_frame_parse(frame, cut, &found, &found_size), -ENOENT);
	frame[6] = 0x20; /* a piece */
	assert_int_equal(dhcp_frame_parse(frame, size, &found, &found_size), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_is_what_the_server_says),
		cmocka_unit_test(its_server_is_asked_for_more_and_then_everybody),
		cmocka_unit_test(a_lease_that_nobody_renews_is_lost_at_its_end),
		cmocka_unit_test(a_refusal_takes_the_lease_and_another_is_asked_for_after_a_while),
		cmocka_unit_test(a_server_that_refuses_what_it_offers_is_asked_ever_less_often),
		cmocka_unit_test(what_was_not_asked_for_is_not_heard),
		cmocka_unit_test(a_lease_for_ever_is_never_renewed),
		cmocka_unit_test(a_lease_is_given_back_to_its_server),
		cmocka_unit_test(a_lease_that_cannot_be_is_none),
		cmocka_unit_test(times_that_do_not_grow_are_replaced),
		cmocka_unit_test(an_option_in_pieces_is_one),
		cmocka_unit_test(a_message_that_is_cut_is_none),
		cmocka_unit_test(a_packet_has_its_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
