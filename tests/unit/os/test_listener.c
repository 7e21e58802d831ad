/* SPDX-License-Identifier: MIT */
#include "os/network/listener.h"

#include "base/scope.h"
#include "test.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Binds a socket to a port of @host, in the host's order, that the kernel chooses. */
static int bind_one(int type, uint32_t host, uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int find(uint32_t host, uint16_t port, struct listener *ret)
{
	const struct in_addr address = { htonl(host) };

	return listener_find(AF_INET, &address, port, ret);
}

static void who_waits_at_an_address_is_found_by_name(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };

	assert_int_equal(prctl(PR_SET_NAME, "a waiter"), 0);
	for (int i = 0; i < 2; i++) {
		uint16_t port = 0;
		autoclose int fd = bind_one(types[i], INADDR_LOOPBACK, &port);
		char name[LISTENER_NAME_MAX];
		struct listener listener;

		assert_int_equal(find(INADDR_LOOPBACK, port, &listener), 1);
		assert_true(listener_is_of(&listener, getpid()));
		assert_false(listener_is_of(&listener, 1));
		assert_int_equal(listener_name(&listener, name), getpid());
		assert_string_equal(name, "a?waiter");
		/* At another address it does not wait. */
		assert_int_equal(find(INADDR_LOOPBACK + 1, port, &listener), 0);
	}
}

static void who_waits_at_any_address_waits_at_each(void **state)
{
	uint16_t port = 0;
	autoclose int fd = bind_one(SOCK_DGRAM, INADDR_ANY, &port);
	struct listener listener;

	assert_int_equal(find(INADDR_LOOPBACK, port, &listener), 1);
	assert_true(listener_is_of(&listener, getpid()));
	closep(&fd);
	assert_int_equal(find(INADDR_LOOPBACK, port, &listener), 0);
	assert_false(listener_is_of(&listener, getpid()));
}

/* Where nobody else waits. */
static int make_network(void **state)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	autoclose int fd = -1;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_at_an_address_is_found_by_name),
		cmocka_unit_test(who_waits_at_any_address_waits_at_each),
	};

	return cmocka_run_group_tests(tests, make_network, NULL);
}
