/* SPDX-License-Identifier: MIT */
/* Carrying our standard streams to and from a container by way of its monitor.
 *
 * The attached connection carries streams only. Signals go over a second one, so that their
 * answers cannot be stuck behind output that we are slow to take. */

#include "runtime/monitor.h"

#include "base/scope.h"
#include "os/file.h"
#include "os/terminal.h"
#include "runtime/carrier.h"
#include "runtime/connection.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define INPUT_MAX (16u << 10)

struct attachment {
	struct monitor *monitor;
	const struct monitor_attach_options *options;
	struct carrier carrier;
	struct monitor *control; /* for signals; made when the first one comes */
	bool may_send;           /* what was sent before was taken */
	bool input_ended;
	int result; /* -1 while it goes on */
};

static void attachment_finish(struct attachment *attachment)
{
	monitor_free(steal(attachment->control));
	carrier_finish(&attachment->carrier);
}

static int send_size(struct attachment *attachment, struct lxcri_error *err)
{
	struct wire_resize size;

	if (terminal_get_size(STDOUT_FILENO, &size.rows, &size.columns) < 0)
		return 0; /* output goes elsewhere: the container's terminal keeps its size */
	return connection_send(attachment->monitor, WIRE_RESIZE, &size, sizeof(size), NULL, err);
}

/* A container that stopped meanwhile has no use for a signal: its end is told anyway. */
static void pass_signal(struct attachment *attachment, int signal)
{
	struct lxcri_error ignored = {};

	if (!attachment->control &&
	    monitor_connect(attachment->monitor->run_dirfd, &attachment->control, &ignored) < 0)
		return;
	(void)monitor_kill(attachment->control, signal, false, &ignored);
}

static int take_signals(struct attachment *attachment, struct lxcri_error *err)
{
	int signal;

	while ((signal = carrier_next_signal(&attachment->carrier)) > 0) {
		if (signal == SIGWINCH) {
			if (attachment->options->terminal && send_size(attachment, err) < 0)
				return -1;
		} else if (attachment->options->pass_signals) {
			pass_signal(attachment, signal);
		} else {
			attachment->carrier.fatal_signal = signal;
			return fail(err, LXCRI_E_SYSTEM, "ended by signal %d", signal);
		}
	}
	return 0;
}

static int end_input(struct attachment *attachment, struct lxcri_error *err)
{
	attachment->input_ended = true;
	return connection_send(attachment->monitor, WIRE_STDIN_CLOSE, NULL, 0, NULL, err);
}

static int carry_input(struct attachment *attachment, struct lxcri_error *err)
{
	char bytes[INPUT_MAX + 1];
	ssize_t got = read(STDIN_FILENO, bytes, INPUT_MAX);
	size_t size = got > 0 ? (size_t)got : 0;
	bool detach = false;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (got <= 0) /* a terminal that was taken away ends the input as well */
		return end_input(attachment, err);
	if (attachment->options->terminal)
		size = carrier_filter_keys(&attachment->carrier, bytes, size, &detach);
	if (detach) {
		attachment->result = MONITOR_DETACHED;
		return 0;
	}
	if (size == 0)
		return 0;
	attachment->may_send = false;
	return connection_send(attachment->monitor, WIRE_STDIN, bytes, size, NULL, err);
}

static int carry_message(struct attachment *attachment, struct lxcri_error *err)
{
	static struct message message; /* 64 KiB are better not on a stack */
	int r = 0;

	if (connection_receive(attachment->monitor, &message, err) < 0) {
		if (err->code != LXCRI_E_MONITOR_LOST)
			return -1;
		attachment->result = connection_recorded_end(attachment->monitor, err);
		return attachment->result < 0 ? -1 : 0;
	}
	switch (message.header.type) {
	case WIRE_STDOUT:
		r = file_write_all(STDOUT_FILENO, message.bytes, message.header.size);
		return r < 0 ? fail_errno(err, r, "write to standard output") : 0;
	case WIRE_STDERR:
		r = file_write_all(STDERR_FILENO, message.bytes, message.header.size);
		return r < 0 ? fail_errno(err, r, "write to standard error") : 0;
	case WIRE_STDIN_TAKEN:
		attachment->may_send = true;
		break;
	case WIRE_EXITED:
		attachment->monitor->exited = true;
		attachment->monitor->exit_code = message.exited.exit_code;
		attachment->result = message.exited.exit_code;
		break;
	case WIRE_ERROR: /* attaching or the start failed */
		*err = message.err;
		return -1;
	default:
		break; /* WIRE_OK: attached, and started */
	}
	return 0;
}

static int carry(struct attachment *attachment, struct lxcri_error *err)
{
	while (attachment->result < 0) {
		bool wants_input = attachment->options->want_stdin && attachment->may_send &&
				   !attachment->input_ended;
		struct pollfd polls[] = {
			{ attachment->monitor->fd, POLLIN, 0 },
			{ attachment->carrier.signals, POLLIN, 0 },
			{ wants_input ? STDIN_FILENO : -1, POLLIN, 0 },
		};

		if (poll(polls, ARRAY_LEN(polls), -1) < 0) {
			if (errno == EINTR)
				continue;
			return fail_errno(err, errno, "poll");
		}
		if (polls[1].revents && take_signals(attachment, err) < 0)
			return -1;
		if (polls[0].revents && carry_message(attachment, err) < 0)
			return -1;
		if (attachment->result < 0 && polls[2].revents && carry_input(attachment, err) < 0)
			return -1;
	}
	return attachment->result;
}

int monitor_attach(struct monitor *monitor, const struct monitor_attach_options *options,
		   struct lxcri_error *err)
{
	const struct wire_attach attach = { .want_stdin = options->want_stdin,
					    .start = options->start };
	autorun(attachment_finish) struct attachment attachment = {
		.monitor = monitor,
		.options = options,
		.carrier = CARRIER_NULL,
		.may_send = true,
		.result = -1,
	};
	bool raw = options->terminal && options->want_stdin && isatty(STDIN_FILENO);

	/* The terminal has its size before the program asks for it. */
	if (carrier_begin(&attachment.carrier, raw, err) < 0 ||
	    (options->terminal && send_size(&attachment, err) < 0) ||
	    connection_send(monitor, WIRE_ATTACH, &attach, sizeof(attach), NULL, err) < 0)
		return -1;
	return carry(&attachment, err);
}
