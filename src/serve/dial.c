/* SPDX-License-Identifier: MIT */
/* Questions to containers' addresses. */

#include "serve/dial.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/service/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct dial {
	struct dial_options options;
	char *request;
	size_t request_size, sent;
	char line[PROBE_LINE_MAX + 1];
	size_t line_size;
	bool is_connected;
	int fd;
	sd_event_source *io;
	sd_event_source *timer;
};

void dial_free(struct dial *dial)
{
	if (!dial)
		return;
	(void)sd_event_source_disable_unref(dial->io);
	(void)sd_event_source_disable_unref(dial->timer);
	closep(&dial->fd);
	free(dial->request);
	free(dial);
}

/* The caller may free it: nothing of it is used any more. */
static int end(struct dial *dial, bool is_success, const char *output)
{
	/* The line goes with it. */
	autofree char *kept = xstrdup(output);
	const struct dial_end how = { is_success, kept };

	dial->io = sd_event_source_disable_unref(dial->io);
	dial->timer = sd_event_source_disable_unref(dial->timer);
	closep(&dial->fd);
	dial->options.ended(dial->options.userdata, &how);
	return 0;
}

static int judge(struct dial *dial)
{
	bool is_success = probe_judge_line(dial->line);

	return end(dial, is_success, dial->line);
}

static int receive(struct dial *dial)
{
	ssize_t size =
		recv(dial->fd, dial->line + dial->line_size, PROBE_LINE_MAX - dial->line_size, 0);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size < 0)
		return end(dial, false, strerror(errno));
	dial->line_size += (size_t)size;
	dial->line[dial->line_size] = '\0';
	if (memchr(dial->line, '\n', dial->line_size))
		return judge(dial);
	if (size == 0)
		return end(dial, false, "it hung up without an answer");
	if (dial->line_size == PROBE_LINE_MAX)
		return end(dial, false, "its answer has no end of a line");
	return 0;
}

static int send_rest(struct dial *dial)
{
	ssize_t size = send(dial->fd, dial->request + dial->sent, dial->request_size - dial->sent,
			    MSG_NOSIGNAL);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size < 0)
		return end(dial, false, strerror(errno));
	dial->sent += (size_t)size;
	/* An answer before all is sent counts as well: it is looked at then. */
	if (dial->sent == dial->request_size)
		(void)sd_event_source_set_io_events(dial->io, EPOLLIN);
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct dial *dial = userdata;

	if (!dial->is_connected) {
		int error = 0;
		socklen_t size = sizeof(error);

		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
			error = errno;
		if (error != 0)
			return end(dial, false, strerror(error));
		dial->is_connected = true;
		if (!dial->request)
			return end(dial, true, "connected");
	}
	return dial->sent < dial->request_size ? send_rest(dial) : receive(dial);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct dial *dial = userdata;

	return end(dial, false, dial->is_connected ? "no answer in time" : "no connection in time");
}

/* Returns the size of @ret. */
static socklen_t make_address(const struct dial_options *options, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){ .ss_family = (sa_family_t)options->address.family };
	if (options->address.family == AF_INET) {
		four->sin_port = htons(options->port);
		memcpy(&four->sin_addr, options->address.bytes, sizeof(four->sin_addr));
		return sizeof(*four);
	}
	six->sin6_port = htons(options->port);
	memcpy(&six->sin6_addr, options->address.bytes, sizeof(six->sin6_addr));
	return sizeof(*six);
}

static int connect_to(const struct dial_options *options)
{
	/* No TIME_WAIT is left for each question. */
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct sockaddr_storage address;
	socklen_t size = make_address(options, &address);
	autoclose int fd = socket(options->address.family,
				  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, size) < 0 && errno != EINPROGRESS)
		return -errno;
	return steal_fd(&fd);
}

int dial_start(const struct serve_part *part, const struct dial_options *options, struct dial **ret)
{
	autoptr(dial) dial = xnew(struct dial);
	int r;

	dial->options = *options;
	dial->request = xstrdup(options->request);
	dial->request_size = dial->request ? strlen(dial->request) : 0;
	dial->options.request = NULL; /* the caller's, for the call */
	dial->fd = connect_to(options);
	if (dial->fd < 0)
		return dial->fd;
	r = sd_event_add_io(part->event, &dial->io, dial->fd, EPOLLOUT, on_io, dial);
	if (r >= 0)
		r = sd_event_add_time_relative(part->event, &dial->timer, CLOCK_MONOTONIC,
					       options->timeout_us, 1, on_time, dial);
	if (r < 0)
		return r;
	*ret = steal(dial);
	return 0;
}
