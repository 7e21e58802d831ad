/* SPDX-License-Identifier: MIT */
#include "net/link.h"
#include "net/route.h"
#include "os/network/netlink.h"

#include "test.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <string.h>

/* An answer that is put together here, as the kernel would. */
static alignas(8) char buffer[4096];

static struct nlmsghdr *begin_link(void)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *header;

	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_seq = 1;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifi_index = 7;
	header->ifi_flags = IFF_UP;
	return message;
}

static void a_port_of_a_bridge_is_read(void **state)
{
	static const unsigned char mac[] = { 2, 0, 0, 0, 0, 9 };
	struct nlmsghdr *message = begin_link();
	struct link link = {};
	struct nlattr *information;
	struct nlattr *port;

	mnl_attr_put_strz(message, IFLA_IFNAME, "vethx00000001");
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	mnl_attr_put_u32(message, IFLA_MASTER, 3);
	mnl_attr_put_u32(message, IFLA_LINK, 2);
	information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	mnl_attr_put_strz(message, IFLA_INFO_SLAVE_KIND, "bridge");
	port = mnl_attr_nest_start(message, IFLA_INFO_SLAVE_DATA);
	mnl_attr_put_u8(message, IFLA_BRPORT_ISOLATED, 1);
	mnl_attr_nest_end(message, port);
	mnl_attr_nest_end(message, information);

	assert_int_equal(link_read(message, &link), 0);
	assert_string_equal(link.name, "vethx00000001");
	assert_memory_equal(link.mac, mac, sizeof(mac));
	assert_int_equal(link.index, 7);
	assert_int_equal(link.master, 3);
	assert_int_equal(link.peer, 2);
	assert_true(link.is_up && link.is_port && link.is_isolated);
	assert_false(link.is_bridge || link.is_hairpin);
}

static void a_name_that_does_not_end_is_cut(void **state)
{
	struct nlmsghdr *message = begin_link();
	struct link link = {};

	mnl_attr_put(message, IFLA_IFNAME, 40, "0123456789012345678901234567890123456789");
	mnl_attr_put(message, IFLA_MASTER, 2, "xx");
	assert_int_equal(link_read(message, &link), 0);
	assert_string_equal(link.name, "012345678901234");
	assert_int_equal(link.master, 0);
}

static void what_is_too_short_is_refused(void **state)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct link link = { .index = 77 };
	struct subnet subnet;
	unsigned int interface;

	message->nlmsg_type = RTM_NEWLINK;
	assert_int_equal(link_read(message, &link), -EBADMSG);
	assert_int_equal(link.index, 77);
	message->nlmsg_type = RTM_NEWROUTE;
	assert_int_equal(route_read(message, &subnet, &interface), -EBADMSG);
	message->nlmsg_type = RTM_DELLINK;
	assert_int_equal(link_read(message, &link), -ENOENT);
}

static void an_error_ends_the_batch_with_the_kernel_s_words(void **state)
{
	struct netlink_answers answers = { .first = 5, .last = 6 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nlmsgerr *error;

	message->nlmsg_type = NLMSG_ERROR;
	message->nlmsg_flags = NLM_F_ACK_TLVS | NLM_F_CAPPED;
	message->nlmsg_seq = 6;
	error = mnl_nlmsg_put_extra_header(message, sizeof(*error));
	error->error = -EEXIST;
	mnl_attr_put_strz(message, NLMSGERR_ATTR_MSG, "Name taken");
	netlink_read(&answers, buffer, message->nlmsg_len);
	assert_int_equal(answers.result, -EEXIST);
	assert_true(answers.ended);
	assert_string_equal(answers.complaint, "Name taken");
}

static void an_answer_to_another_request_is_not_ours(void **state)
{
	struct netlink_answers answers = { .first = 5, .last = 6 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nlmsgerr *error;

	message->nlmsg_type = NLMSG_ERROR;
	message->nlmsg_seq = 4;
	error = mnl_nlmsg_put_extra_header(message, sizeof(*error));
	error->error = -EPERM;
	netlink_read(&answers, buffer, message->nlmsg_len);
	assert_int_equal(answers.result, 0);
	assert_false(answers.ended);
	netlink_read(&answers, buffer, 7);
	assert_int_equal(answers.result, -EBADMSG);
}

static void a_length_that_looks_negative_ends_the_reading(void **state)
{
	struct netlink_answers answers = { .first = 0, .last = UINT32_MAX };
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_len = UINT32_MAX;
	netlink_read(&answers, buffer, 64);
	assert_int_equal(answers.result, -EBADMSG);
}

static void only_the_address_of_one_interface_is_one(void **state)
{
	static const char *const bad[] = { "",
					   "02:00:00:00:00",
					   "02:00:00:00:00:0",
					   "02:00:00:00:00:001",
					   "01:00:00:00:00:01",
					   "00:00:00:00:00:00",
					   "02-00-00-00-00-01",
					   "ff:ff:ff:ff:ff:ff",
					   "0x:00:00:00:00:01" };
	unsigned char mac[LINK_MAC_BYTES] = { 9 };
	char text[LINK_MAC_TEXT_MAX];
	char address[ADDRESS_TEXT_MAX];
	struct address local;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(link_mac_parse(bad[i], mac), -EINVAL);
		assert_int_equal(mac[0], 9);
	}
	assert_int_equal(link_mac_parse("02:AB:00:00:00:01", mac), 0);
	assert_string_equal(link_mac_format(mac, text), "02:ab:00:00:00:01");
	local = link_local_address(mac);
	assert_string_equal(address_format(&local, address), "fe80::ab:ff:fe00:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_of_a_bridge_is_read),
		cmocka_unit_test(a_name_that_does_not_end_is_cut),
		cmocka_unit_test(what_is_too_short_is_refused),
		cmocka_unit_test(an_error_ends_the_batch_with_the_kernel_s_words),
		cmocka_unit_test(an_answer_to_another_request_is_not_ours),
		cmocka_unit_test(a_length_that_looks_negative_ends_the_reading),
		cmocka_unit_test(only_the_address_of_one_interface_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
