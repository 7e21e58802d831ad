/* SPDX-License-Identifier: MIT */
/* lxcri-probe: one question by HTTP to a container's address, for the service.
 *
 *	lxcri-probe ADDRESS PORT [plain] < REQUEST
 *
 * With "plain" it is without TLS.
 * No certificate is checked, as no kubelet does: whom the address belongs to is known. Who answers
 * is taken for hostile, so it has no rights and no files, and reads nothing but a first line of
 * limited length; its starter ends it when that takes too long. Exit code 0 stands for a status
 * from 200 to 399; what was answered, or why there was no answer, is written. */

#include "base/fail.h"
#include "base/scope.h"
#include "base/text.h"
#include "engine/service/probe.h"
#include "net/address.h"
#include "os/confine.h"
#include "os/file.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (1u << 20)
/* An address sanitizer takes terabytes for itself. */
#ifdef __SANITIZE_ADDRESS__
#define DATA_BYTES_MAX RLIM_INFINITY
#else
#define DATA_BYTES_MAX ((rlim_t)64 << 20)
#endif

static int confine(struct lxcri_error *err)
{
	const struct rlimit memory = { DATA_BYTES_MAX, DATA_BYTES_MAX };
	int r;

	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return fail_errno(err, errno, "limit the memory");
	r = confine_capabilities(NULL, 0);
	if (r == 0)
		r = confine_files(NULL, 0);
	return r < 0 && r != -EOPNOTSUPP ? fail_errno(err, r, "confine it") : 0;
}

static int connect_to(const char *host, const char *port, struct lxcri_error *err)
{
	struct sockaddr_storage storage = {};
	struct sockaddr_in *four = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&storage;
	struct address address;
	uint64_t number;
	autoclose int fd = -1;

	if (address_parse(host, AF_UNSPEC, &address) < 0 ||
	    text_parse_u64(port, 1, 65535, &number) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "expected an address and a port");
	storage.ss_family = (sa_family_t)address.family;
	if (address.family == AF_INET) {
		four->sin_port = htons((uint16_t)number);
		memcpy(&four->sin_addr, address.bytes, sizeof(four->sin_addr));
	} else {
		six->sin6_port = htons((uint16_t)number);
		memcpy(&six->sin6_addr, address.bytes, sizeof(six->sin6_addr));
	}
	fd = socket(address.family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&storage,
			      address.family == AF_INET ? sizeof(*four) : sizeof(*six)) < 0)
		return fail_errno(err, errno, "connect");
	return steal_fd(&fd);
}

static int fail_tls(struct lxcri_error *err, const char *doing)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return fail(err, LXCRI_E_SYSTEM, "%s: %s", doing, reason ? reason : "it hung up");
}

/* Reads until the first line has its end; what comes behind is left. */
static int read_line(SSL *ssl, char line[static PROBE_LINE_MAX + 1], struct lxcri_error *err)
{
	size_t size = 0;

	for (;;) {
		size_t got = 0;

		if (SSL_read_ex(ssl, line + size, PROBE_LINE_MAX - size, &got) != 1)
			return fail_tls(err, "read an answer");
		size += got;
		line[size] = '\0';
		if (strchr(line, '\n'))
			return 0;
		if (size == PROBE_LINE_MAX)
			return fail(err, LXCRI_E_SYSTEM, "its answer has no end of a line");
	}
}

static int ask(int fd, SSL_CTX *context, const char *request, char line[static PROBE_LINE_MAX + 1],
	       struct lxcri_error *err)
{
	SSL *ssl = SSL_new(context);
	size_t sent;
	int r = 0;

	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		r = fail_tls(err, "speak TLS");
	else if (SSL_write_ex(ssl, request, strlen(request), &sent) != 1)
		r = fail_tls(err, "send the request");
	else
		r = read_line(ssl, line, err);
	SSL_free(ssl);
	return r;
}

/* A socket has an end of its own: what is written to a peer that is gone is told by EPIPE. */
static int ask_plainly(int fd, const char *request, char line[static PROBE_LINE_MAX + 1],
		       struct lxcri_error *err)
{
	size_t size = 0;

	for (size_t sent = 0; sent < strlen(request);) {
		ssize_t n = send(fd, request + sent, strlen(request) - sent, MSG_NOSIGNAL);

		if (n < 0)
			return fail_errno(err, errno, "send the request");
		sent += (size_t)n;
	}
	for (;;) {
		ssize_t got = recv(fd, line + size, PROBE_LINE_MAX - size, 0);

		if (got < 0)
			return fail_errno(err, errno, "read an answer");
		size += (size_t)got;
		line[size] = '\0';
		if (strchr(line, '\n'))
			return 0;
		if (got == 0 || size == PROBE_LINE_MAX)
			return fail(err, LXCRI_E_SYSTEM, "its answer has no end of a line");
	}
}

static int tell(char *line)
{
	bool is_success = probe_judge_line(line);

	(void)printf("%s\n", line);
	return is_success ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(int argc, char **argv, char line[static PROBE_LINE_MAX + 1], struct lxcri_error *err)
{
	const bool is_plain = argc == 4 && strcmp(argv[3], "plain") == 0;
	SSL_CTX *context = NULL;
	autofree char *request = NULL;
	autoclose int fd = -1;
	size_t size;
	int r;

	if (argc != 3 && !is_plain)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "expected an address and a port");
	/* What OpenSSL reads of files it reads here. */
	if (!is_plain) {
		context = SSL_CTX_new(TLS_client_method());
		if (!context)
			return fail_tls(err, "prepare TLS");
		SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	}
	r = file_read_fd(STDIN_FILENO, REQUEST_BYTES_MAX, &request, &size);
	if (r < 0)
		r = fail_errno(err, r, "read the request");
	if (r == 0)
		r = fd = connect_to(argv[1], argv[2], err);
	if (r >= 0)
		r = confine(err);
	if (r >= 0)
		r = is_plain ? ask_plainly(fd, request, line, err)
			     : ask(fd, context, request, line, err);
	SSL_CTX_free(context);
	return r;
}

int main(int argc, char **argv)
{
	char line[PROBE_LINE_MAX + 1] = "";
	struct lxcri_error err = {};

	if (run(argc, argv, line, &err) == 0)
		return tell(line);
	(void)printf("%s\n", err.text);
	return EXIT_FAILURE;
}
