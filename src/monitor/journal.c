/* SPDX-License-Identifier: MIT */
/* The container's output in the journal of the host. */

#include "monitor/journal.h"

#include "base/moment.h"
#include "base/scope.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

/* journald's words for them: syslog's "error" and "info". */
#define PRIORITY_ERROR 3
#define PRIORITY_INFO  6

#define PARTS 4 /* of a message: head, length, text, line end */

struct message {
	char head[JOURNAL_HEAD_MAX];
	size_t head_size;
	uint64_t text_size; /* little endian, as the protocol has it */
	struct iovec parts[PARTS];
};

static int reconnect(struct journal *journal)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	closep(&journal->fd);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int problem = errno;

		closep(&fd);
		errno = problem;
	}
	if (fd < 0)
		return -errno;
	journal->fd = fd;
	return 0;
}

int journal_open(struct journal *journal, const char *id, const char *log_id)
{
	*journal = (struct journal){ .fd = -1, .id = id, .log_id = log_id };
	return reconnect(journal);
}

void journal_finish(struct journal *journal)
{
	closep(&journal->fd);
	*journal = JOURNAL_NULL;
}

/* Writes what stands before the text. A container's id is a word without any letter that the
 * protocol would mind. */
static void make_head(const struct journal *journal, int priority, const struct timespec *when,
		      bool is_partial, struct message *message)
{
	char time[MOMENT_BYTES];
	int size;

	(void)moment_format(moment_of(*when), time);
	size = snprintf(
		message->head, sizeof(message->head),
		"PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nSYSLOG_TIMESTAMP=%s\nCONTAINER_NAME=%s\n"
		"CONTAINER_ID=%s\nLXCRI_LOG=%s\n%sMESSAGE\n",
		priority, journal->id, time, journal->id, journal->id, journal->log_id,
		is_partial ? "CONTAINER_PARTIAL_MESSAGE=true\n" : "");
	message->head_size = (size_t)size;
}

/* The form with a length may carry any byte. */
static void set_text(struct message *message, const char *text, size_t size)
{
	message->text_size = htole64(size);
	message->parts[0] = (struct iovec){ message->head, message->head_size };
	message->parts[1] = (struct iovec){ &message->text_size, sizeof(message->text_size) };
	message->parts[2] = (struct iovec){ (void *)text, size };
	message->parts[3] = (struct iovec){ "\n", 1 };
}

static int send_datagram(int fd, const struct msghdr *header)
{
	ssize_t sent;

	do
		sent = sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Sends a message that is too large for a datagram as a sealed file without a name. */
static int send_file(const struct journal *journal, const struct message *message)
{
	autoclose int file = memfd_create("journal", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
	struct msghdr header = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

	if (file < 0 || writev(file, message->parts, PARTS) < 0 ||
	    fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	*rights = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS,
				    .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(rights), &file, sizeof(file));
	return send_datagram(journal->fd, &header);
}

static int send_once(const struct journal *journal, struct message *message)
{
	const struct msghdr header = { .msg_iov = message->parts, .msg_iovlen = PARTS };
	int r = journal->fd < 0 ? -ENOTCONN : send_datagram(journal->fd, &header);

	return r == -EMSGSIZE || r == -ENOBUFS ? send_file(journal, message) : r;
}

/* Sends one message, connecting anew where journald has gone. 0, -EAGAIN, or another -errno. */
static int send_message(struct journal *journal, struct message *message)
{
	int r = send_once(journal, message);

	if (r == 0 || r == -EAGAIN)
		return r;
	r = reconnect(journal);
	return r < 0 ? r : send_once(journal, message);
}

/* Tells of what was dropped, as soon as there is a journald again. */
static int settle(struct journal *journal, const struct timespec *when)
{
	char text[128];
	struct message message = {};
	int size, r;

	if (journal->dropped_bytes == 0)
		return 0;
	size = snprintf(text, sizeof(text), "[%" PRIu64 " bytes of output are missing here: %s]",
			journal->dropped_bytes, strerror(journal->problem));
	make_head(journal, PRIORITY_ERROR, when, false, &message);
	set_text(&message, text, (size_t)size);
	r = send_message(journal, &message);
	if (r == 0)
		journal->dropped_bytes = 0;
	return r;
}

static size_t drop(struct journal *journal, size_t size, int problem)
{
	journal->dropped_bytes += size;
	journal->problem = -problem;
	return size;
}

size_t journal_add(struct journal *journal, const char *stream, const struct timespec *when,
		   const char *bytes, size_t size)
{
	int priority = strcmp(stream, "stderr") == 0 ? PRIORITY_ERROR : PRIORITY_INFO;
	struct message full = {}, partial = {};
	size_t done = 0;
	int r = settle(journal, when);

	if (r < 0)
		return r == -EAGAIN ? 0 : drop(journal, size, r);
	make_head(journal, priority, when, false, &full);
	make_head(journal, priority, when, true, &partial);
	while (done < size) {
		const char *newline = memchr(bytes + done, '\n', size - done);
		struct message *message = newline ? &full : &partial;
		size_t length = newline ? (size_t)(newline - bytes) - done : size - done;

		set_text(message, bytes + done, length);
		r = send_message(journal, message);
		if (r == -EAGAIN)
			return done;
		if (r < 0)
			return done + drop(journal, size - done, r);
		done += length + (newline ? 1 : 0);
	}
	return done;
}
