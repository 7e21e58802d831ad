/* SPDX-License-Identifier: MIT */
/* Netlink sockets over libmnl, whose part is the form of messages. */

#include "os/network/netlink.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* What the kernel uses for its own pieces of a dump. */
#define ANSWER_BYTES 32768

struct netlink {
	int fd;
	uint32_t sequence; /* of the last message */
	uint32_t first;    /* of the first one in the batch */
	char *batch;
	size_t length;
	size_t capacity;
	bool is_full;
	bool is_open; /* a message behind `length` may still grow */
	char complaint[160];
	char answer[ANSWER_BYTES];
};

int netlink_open(int protocol, struct netlink **ret)
{
	static const int on = 1;
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	autoptr(netlink) netlink = xnew(struct netlink);

	netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (netlink->fd < 0)
		return -errno;
	/* Older kernels do without these words. */
	(void)setsockopt(netlink->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(netlink->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (bind(netlink->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret = steal(netlink);
	return 0;
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	closep(&netlink->fd);
	free(netlink->batch);
	free(netlink);
}

/* Makes room for one more message of any size. */
static bool make_room(struct netlink *netlink)
{
	size_t wanted = netlink->length + NETLINK_MESSAGE_MAX;

	if (wanted > NETLINK_BATCH_MAX)
		netlink->is_full = true;
	if (netlink->is_full || wanted <= netlink->capacity)
		return !netlink->is_full;
	netlink->capacity = 2 * wanted;
	netlink->batch = xreallocarray(netlink->batch, netlink->capacity, 1);
	return true;
}

/* Takes the message that was written last into the batch. */
static void close_message(struct netlink *netlink)
{
	const struct nlmsghdr *last;

	if (!netlink->is_open)
		return;
	last = (const struct nlmsghdr *)(netlink->batch + netlink->length);
	netlink->length += NLMSG_ALIGN(last->nlmsg_len);
	netlink->is_open = false;
}

struct nlmsghdr *netlink_add(struct netlink *netlink, uint16_t type, uint16_t flags,
			     size_t header_size)
{
	struct nlmsghdr *message;

	close_message(netlink);
	if (!make_room(netlink))
		return NULL;
	message = mnl_nlmsg_put_header(netlink->batch + netlink->length);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++netlink->sequence;
	if (netlink->length == 0)
		netlink->first = netlink->sequence;
	(void)mnl_nlmsg_put_extra_header(message, header_size);
	netlink->is_open = true;
	return message;
}

/* Makes the socket take @size bytes at once. */
static void raise_buffer(int fd, size_t size)
{
	int wanted = (int)size + 65536;

	if (size < 65536)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted));
}

static int send_batch(struct netlink *netlink)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec piece = { netlink->batch, netlink->length };
	struct msghdr message = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = &piece,
		.msg_iovlen = 1,
	};

	raise_buffer(netlink->fd, netlink->length);
	return sendmsg(netlink->fd, &message, 0) < 0 ? -errno : 0;
}

/* Receives one datagram of the kernel. Returns its size or -errno. */
static ssize_t receive(struct netlink *netlink)
{
	struct sockaddr_nl sender = {};
	struct iovec piece = { netlink->answer, sizeof(netlink->answer) };
	struct msghdr message = {
		.msg_name = &sender,
		.msg_namelen = sizeof(sender),
		.msg_iov = &piece,
		.msg_iovlen = 1,
	};
	ssize_t got = recvmsg(netlink->fd, &message, MSG_DONTWAIT);

	if (got < 0)
		return -errno;
	if (message.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return sender.nl_pid == 0 ? got : 0; /* others may send to us too: unheard */
}

static void note_error(struct netlink_answers *answers, int result)
{
	if (answers->result == 0)
		answers->result = result;
}

/* Keeps the kernel's words about a failure. */
static int take_word(const struct nlattr *attribute, void *userdata)
{
	struct netlink_answers *answers = userdata;
	const char *text = mnl_attr_get_payload(attribute);
	size_t length = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) != NLMSGERR_ATTR_MSG)
		return MNL_CB_OK;
	length = strnlen(text, length);
	if (length >= sizeof(answers->complaint))
		length = sizeof(answers->complaint) - 1;
	memcpy(answers->complaint, text, length);
	answers->complaint[length] = '\0';
	return MNL_CB_OK;
}

static void take_error(struct netlink_answers *answers, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t offset = sizeof(*error);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error)) {
		note_error(answers, -EBADMSG);
		return;
	}
	if (error->error < 0 && answers->result == 0) {
		answers->result = error->error;
		if (!(message->nlmsg_flags & NLM_F_CAPPED) &&
		    error->msg.nlmsg_len >= sizeof(error->msg))
			offset += NLMSG_ALIGN(error->msg.nlmsg_len - sizeof(error->msg));
		if ((message->nlmsg_flags & NLM_F_ACK_TLVS) &&
		    offset <= mnl_nlmsg_get_payload_len(message))
			(void)mnl_attr_parse(message, (unsigned int)offset, take_word, answers);
	}
	answers->ended |= message->nlmsg_seq == answers->last;
}

/* Takes the error that the end of a dump may carry. */
static void take_end(struct netlink_answers *answers, const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (error < 0)
		note_error(answers, error);
	answers->ended = true;
}

/* Tells whether a whole message is left. mnl_nlmsg_ok() takes lengths above INT_MAX for negative
 * ones, and so for good; and attributes are looked for up to the aligned end, which the kernel's
 * messages have. */
static bool is_whole(const struct nlmsghdr *message, int left)
{
	return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left &&
	       NLMSG_ALIGN(message->nlmsg_len) <= (uint32_t)left;
}

void netlink_read(struct netlink_answers *answers, const void *bytes, size_t size)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)size;

	for (; is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq - answers->first > answers->last - answers->first)
			continue; /* of a request that was given up */
		if (message->nlmsg_type == NLMSG_ERROR) {
			take_error(answers, message);
		} else if (message->nlmsg_type == NLMSG_DONE) {
			take_end(answers, message);
		} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && answers->each) {
			int r = answers->each(message, answers->userdata);

			if (r < 0)
				note_error(answers, r);
		}
	}
	if (left > 0)
		note_error(answers, -EBADMSG);
}

/* Reads until nothing more is to come. */
static void read_answers(struct netlink *netlink, struct netlink_answers *answers)
{
	while (!answers->ended) {
		ssize_t got = receive(netlink);

		if (got == -EINTR)
			continue;
		/* A batch of nftables that fails as a whole acknowledges nothing. */
		if (got == -EAGAIN && answers->result < 0)
			return;
		if (got < 0) {
			note_error(answers, got == -EAGAIN ? -EPROTO : (int)got);
			return;
		}
		netlink_read(answers, netlink->answer, (size_t)got);
	}
}

/* The last message is acknowledged, all others only fail; a dump has an end of its own. Returns the
 * number of that message. */
static uint32_t ask_for_answer(struct netlink *netlink)
{
	struct nlmsghdr *message = (struct nlmsghdr *)netlink->batch;
	struct nlmsghdr *last = message;
	int left = (int)netlink->length;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		if (message->nlmsg_type != NFNL_MSG_BATCH_END)
			last = message;
	if ((last->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		last->nlmsg_flags |= NLM_F_ACK;
	return last->nlmsg_seq;
}

int netlink_run(struct netlink *netlink, netlink_fn each, void *userdata)
{
	struct netlink_answers answers = { .each = each, .userdata = userdata };
	bool is_full = netlink->is_full;
	int r;

	close_message(netlink);
	if (netlink->length == 0 || is_full) {
		netlink->length = 0;
		netlink->is_full = false;
		return is_full ? -EMSGSIZE : 0;
	}
	answers.first = netlink->first;
	answers.last = ask_for_answer(netlink);
	r = send_batch(netlink);
	netlink->length = 0;
	netlink->complaint[0] = '\0';
	if (r < 0)
		return r;
	read_answers(netlink, &answers);
	memcpy(netlink->complaint, answers.complaint, sizeof(answers.complaint));
	return answers.result;
}

void netlink_copy_text(const struct nlattr *attribute, char *ret, size_t size)
{
	size_t length =
		strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));

	if (length >= size)
		length = size - 1;
	memcpy(ret, mnl_attr_get_payload(attribute), length);
	ret[length] = '\0';
}

const char *netlink_complaint(const struct netlink *netlink)
{
	return netlink->complaint;
}
