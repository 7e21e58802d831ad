/* SPDX-License-Identifier: MIT */
/* What is said to journald, heard by a socket in its place. */
#include "base/mem.h"
#include "base/scope.h"
#include "monitor/journal.h"
#include "os/mount.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static const struct timespec when = { .tv_sec = 1795310523, .tv_nsec = 4 };

#define HEAD(priority, more)                                                                  \
	"PRIORITY=" priority "\nSYSLOG_IDENTIFIER=web\nSYSLOG_TIMESTAMP=2026-11-22T01:22:03." \
	"000000004Z\nCONTAINER_NAME=web\nCONTAINER_ID=web\nLXCRI_LOG=web/1\n" more "MESSAGE\n"

static int listen_here(void)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)unlink(JOURNAL_SOCKET);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Receives one message; one that is in a file is read from there. Returns its size. */
static size_t hear(int fd, char bytes[65536], bool *ret_is_file)
{
	_Alignas(struct cmsghdr) char control[64];
	struct iovec part = { bytes, 65536 };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
	int file;

	assert_true(got >= 0);
	*ret_is_file = rights != NULL;
	if (!rights)
		return (size_t)got;
	assert_int_equal(got, 0);
	memcpy(&file, CMSG_DATA(rights), sizeof(file));
	assert_int_equal(fcntl(file, F_GET_SEALS),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	got = pread(file, bytes, 65536, 0);
	(void)close(file);
	return (size_t)got;
}

static void hear_line(int fd, const char *head, const char *text, size_t size)
{
	static char bytes[65536];
	bool is_file;
	size_t got = hear(fd, bytes, &is_file);
	uint64_t length;

	assert_int_equal(got, strlen(head) + 8 + size + 1);
	assert_memory_equal(bytes, head, strlen(head));
	memcpy(&length, bytes + strlen(head), 8);
	assert_int_equal(length, size);
	assert_memory_equal(bytes + strlen(head) + 8, text, size);
	assert_int_equal(bytes[got - 1], '\n');
}

static void a_line_is_a_message_with_its_fields(void)
{
	autoclose int fd = listen_here();
	autorun(journal_finish) struct journal journal = JOURNAL_NULL;

	assert_int_equal(journal_open(&journal, "web", "web/1"), 0);
	assert_int_equal(journal_add(&journal, "stdout", &when, "one\n\ntw\0o", 9), 9);
	assert_int_equal(journal_add(&journal, "stderr", &when, "A=b\nMESSAGE=x\n", 14), 14);
	hear_line(fd, HEAD("6", ""), "one", 3);
	hear_line(fd, HEAD("6", ""), "", 0);
	hear_line(fd, HEAD("6", "CONTAINER_PARTIAL_MESSAGE=true\n"), "tw\0o", 4);
	hear_line(fd, HEAD("3", ""), "A=b", 3);
	hear_line(fd, HEAD("3", ""), "MESSAGE=x", 9);
}

static void what_is_too_large_for_a_datagram_comes_in_a_file(void)
{
	autoclose int fd = listen_here();
	autorun(journal_finish) struct journal journal = JOURNAL_NULL;
	static char text[32768], bytes[65536];
	int small = 4608;
	bool is_file;

	memset(text, 'x', sizeof(text));
	assert_int_equal(journal_open(&journal, "web", "web/1"), 0);
	assert_int_equal(setsockopt(journal.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	assert_int_equal(journal_add(&journal, "stdout", &when, text, sizeof(text)), sizeof(text));
	assert_true(hear(fd, bytes, &is_file) > sizeof(text));
	assert_true(is_file);
	assert_int_equal(journal.dropped_bytes, 0);
}

static void a_full_queue_makes_it_wait_and_loses_nothing(void)
{
	autoclose int fd = listen_here();
	autorun(journal_finish) struct journal journal = JOURNAL_NULL;
	static char lines[20000], bytes[65536];
	size_t done = 0;
	int heard = 0, waits = 0;
	bool is_file;

	for (size_t i = 0; i < sizeof(lines); i += 2)
		memcpy(lines + i, "x\n", 2);
	assert_int_equal(journal_open(&journal, "web", "web/1"), 0);
	while (done < sizeof(lines)) {
		done += journal_add(&journal, "stdout", &when, lines + done, sizeof(lines) - done);
		waits += done < sizeof(lines);
		for (; recv(fd, bytes, 0, MSG_DONTWAIT | MSG_PEEK) >= 0; heard++)
			(void)hear(fd, bytes, &is_file);
	}
	assert_int_equal(heard, sizeof(lines) / 2);
	assert_true(waits > 0);
	assert_int_equal(journal.dropped_bytes, 0);
}

static void a_journald_that_went_away_is_told_what_it_missed(void)
{
	int fd = listen_here();
	autorun(journal_finish) struct journal journal = JOURNAL_NULL;
	const char *note = "[11 bytes of output are missing here: Connection refused]";

	assert_int_equal(journal_open(&journal, "web", "web/1"), 0);
	(void)close(fd);
	assert_int_equal(journal_add(&journal, "stdout", &when, "one\n", 4), 4);
	assert_int_equal(journal_add(&journal, "stdout", &when, "two\nxy\n", 7), 7);
	assert_int_equal(journal.dropped_bytes, 11);
	fd = listen_here();
	assert_int_equal(journal_add(&journal, "stdout", &when, "three\n", 6), 6);
	hear_line(fd, HEAD("3", ""), note, strlen(note));
	hear_line(fd, HEAD("6", ""), "three", 5);
	assert_int_equal(journal.dropped_bytes, 0);

	/* One that is started anew is found at once. */
	(void)close(fd);
	fd = listen_here();
	assert_int_equal(journal_add(&journal, "stdout", &when, "four\n", 5), 5);
	hear_line(fd, HEAD("6", ""), "four", 4);
	(void)close(fd);
}

static void without_journald_there_is_an_error(void)
{
	autorun(journal_finish) struct journal journal = JOURNAL_NULL;

	(void)unlink(JOURNAL_SOCKET);
	assert_int_equal(journal_open(&journal, "web", "web/1"), -ENOENT);
}

/* Runs @test where /run is empty. */
static void in_a_private_place(void (*test)(void))
{
	int status;

	if (geteuid() != 0)
		skip(); /* mounting wants root */

	pid_t child = fork();

	if (child == 0) {
		if (mount_own_namespace() < 0 || mount_tmpfs("/run", 1u << 20) < 0 ||
		    mkdir("/run/systemd", 0755) < 0 || mkdir("/run/systemd/journal", 0755) < 0)
			_exit(2);
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define PRIVATE(test_)                     \
	static void test_##_here(void **s) \
	{                                  \
		in_a_private_place(test_); \
	}

PRIVATE(a_line_is_a_message_with_its_fields)
PRIVATE(what_is_too_large_for_a_datagram_comes_in_a_file)
PRIVATE(a_full_queue_makes_it_wait_and_loses_nothing)
PRIVATE(a_journald_that_went_away_is_told_what_it_missed)
PRIVATE(without_journald_there_is_an_error)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_message_with_its_fields_here),
		cmocka_unit_test(what_is_too_large_for_a_datagram_comes_in_a_file_here),
		cmocka_unit_test(a_full_queue_makes_it_wait_and_loses_nothing_here),
		cmocka_unit_test(a_journald_that_went_away_is_told_what_it_missed_here),
		cmocka_unit_test(without_journald_there_is_an_error_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
