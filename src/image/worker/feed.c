/* SPDX-License-Identifier: MIT */
/* What is told of an image on its way in. */

#include "image/worker/feed.h"

#include "os/socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

int feed_send(int fd, enum feed_kind kind, const char *hex, uint64_t number, const char *media_type)
{
	struct feed_message message = { .kind = kind, .number = number };
	size_t hex_length = strlen(hex);
	size_t type_length = media_type ? strlen(media_type) : 0;

	if (hex_length >= sizeof(message.hex) || type_length >= sizeof(message.media_type))
		return -EINVAL;
	memcpy(message.hex, hex, hex_length);
	if (media_type)
		memcpy(message.media_type, media_type, type_length);
	return socket_send(fd, &message, sizeof(message), NULL, 0);
}

static bool is_hex(const char *text)
{
	return text[SHA256_HEX_SIZE - 1] == '\0' &&
	       strspn(text, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

int feed_receive(int fd, enum feed_wait wait, struct feed_message *ret)
{
	struct feed_message message = {};
	ssize_t got = socket_receive(fd, &message, sizeof(message), NULL, NULL,
				     wait == FEED_TRY ? MSG_DONTWAIT : 0);

	if (got == 0 || got == -ECONNRESET)
		return 0;
	if (got < 0)
		return (int)got;
	if (got != sizeof(message) || message.kind < FEED_IMAGE || message.kind > FEED_LAST ||
	    !is_hex(message.hex) || message.media_type[FEED_TYPE_SIZE - 1] != '\0')
		return -EPROTO;
	*ret = message;
	return 1;
}
