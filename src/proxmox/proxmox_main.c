/* SPDX-License-Identifier: MIT */
/* lxcri-proxmox: the process that talks to Proxmox VE, for the command at the other end of
 * descriptor 3 (proxmox/wire.h). It ends when that is closed. It writes nowhere, has no rights, and
 * reads what names and certificates need. */

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/socket.h"
#include "proxmox/rest/rest.h"
#include "proxmox/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHANNEL 3
/* An address sanitizer takes terabytes for itself. */
#ifdef __SANITIZE_ADDRESS__
#define DATA_BYTES_MAX RLIM_INFINITY
#else
#define DATA_BYTES_MAX ((rlim_t)128 << 20)
#endif

static const struct json_limits request_limits = { .bytes_max = PROXMOX_REQUEST_BYTES_MAX,
						   .depth_max = 8,
						   .values_max = 10000,
						   .allows_nul = true };

static const char *const readable[] = {
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/ld.so.cache",
	"/etc/ssl",
	"/etc/pve/pve-root-ca.pem",
	"/etc/localtime",
	"/usr/lib",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/run/systemd/resolve",
	"/dev/urandom",
};

static int confine(const struct rest_settings *settings, struct lxcri_error *err)
{
	const struct rlimit memory = { DATA_BYTES_MAX, DATA_BYTES_MAX };
	struct confine_path paths[ARRAY_LEN(readable) + 1];
	size_t count = 0;
	int r;

	for (size_t i = 0; i <= ARRAY_LEN(readable); i++) {
		const char *path = i < ARRAY_LEN(readable) ? readable[i] : settings->ca_file;
		int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;

		if (fd >= 0)
			paths[count++] = (struct confine_path){ fd, CONFINE_READ };
	}
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return fail_errno(err, errno, "limit the memory");
	r = confine_capabilities(NULL, 0);
	if (r == 0)
		r = confine_files(paths, count);
	for (size_t i = 0; i < count; i++)
		(void)close(paths[i].fd);
	return r < 0 && r != -EOPNOTSUPP ? fail_errno(err, r, "confine it") : 0;
}

/* A message: the file in memory, and what may come behind it. */
struct message {
	char *text;
	size_t size;
	int upload;
};
#define MESSAGE_NULL ((struct message){ .upload = -1 })

static void message_finish(struct message *message)
{
	if (message->text)
		explicit_bzero(message->text, message->size);
	freep(&message->text);
	closep(&message->upload);
}

/* Waits for one. Returns 1, 0 when there will be none any more, or -errno. */
static int receive(struct message *ret)
{
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	char byte;
	ssize_t got = socket_receive(CHANNEL, &byte, 1, fds, &n_fds, 0);
	int r = got > 0 && n_fds == 0 ? -EPROTO : (int)got;

	if (r > 0 && lseek(fds[0], 0, SEEK_SET) < 0)
		r = -errno;
	if (r > 0) {
		int read = file_read_fd(fds[0], PROXMOX_REQUEST_BYTES_MAX, &ret->text, &ret->size);

		r = read < 0 ? read : 1;
	}
	if (n_fds > 1)
		ret->upload = fds[1];
	for (size_t i = 0; i < n_fds; i++)
		if (i != 1)
			(void)close(fds[i]);
	return r;
}

static int send_answer(struct json_object *head, const struct text *body)
{
	autofree char *text = json_format_line(head);
	autoclose int fd = body ? memfd_create("answer", MFD_CLOEXEC) : -1;
	int r = body && fd < 0 ? -errno : 0;

	if (r == 0 && body)
		r = file_write_all_at(fd, body->data ? body->data : "", body->length, 0);
	return r < 0 ? r : socket_send(CHANNEL, text, strlen(text), &fd, fd < 0 ? 0 : 1);
}

static int send_failure(struct lxcri_error *err, bool sent)
{
	autojson head = json_object_new_object();

	/* What came from outside is quoted in it; the answer must stay JSON. */
	text_mask_malformed(err->text, '?');
	json_set_text(head, PROXMOX_CODE, lxcri_code_name(err->code));
	json_set_text(head, PROXMOX_TEXT, err->text);
	json_object_object_add(head, PROXMOX_SENT, json_object_new_boolean(sent));
	return send_answer(head, NULL);
}

static int serve_request(struct rest *rest, const struct message *message)
{
	autorun(exchange_answer_finish) struct exchange_answer answer = {};
	autojson object = NULL;
	autojson head = json_object_new_object();
	struct lxcri_error err = {};
	const char *host = NULL;
	bool sent = false;

	if (json_parse(message->text, message->size, &request_limits, &object, &err) < 0)
		return send_failure(&err, false);

	const struct exchange_request request = {
		.method = json_get_text(object, PROXMOX_METHOD),
		.path = json_get_text(object, PROXMOX_PATH),
		.params = json_get(object, PROXMOX_PARAMS),
		.upload = json_get_text(object, PROXMOX_UPLOAD),
		.fd = message->upload,
	};

	if (!request.method || !request.path || (request.upload && request.fd < 0)) {
		(void)fail(&err, LXCRI_E_INVALID_ARGUMENT, "the request is not complete");
		return send_failure(&err, false);
	}
	if (rest_ask(rest, &request, &answer, &host, &sent, &err) < 0)
		return send_failure(&err, sent);
	text_mask_malformed(answer.reason, '?');
	json_set_text(head, PROXMOX_HOST, host);
	json_set_text(head, PROXMOX_REASON, answer.reason);
	json_object_object_add(head, PROXMOX_STATUS, json_object_new_int64(answer.status));
	return send_answer(head, &answer.body);
}

/* Answers every request with the same failure: there is nobody else to tell. */
static int refuse(struct lxcri_error *err)
{
	for (;;) {
		autorun(message_finish) struct message message = MESSAGE_NULL;

		if (receive(&message) <= 0 || send_failure(err, false) < 0)
			return EXIT_FAILURE;
	}
}

static int serve(struct rest *rest)
{
	for (;;) {
		autorun(message_finish) struct message message = MESSAGE_NULL;
		int r = receive(&message);

		if (r > 0)
			r = serve_request(rest, &message) < 0 ? -1 : 1;
		if (r <= 0)
			return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
}

int main(int argc, char **argv)
{
	autorun(rest_settings_finish) struct rest_settings settings = {};
	autorun(message_finish) struct message first = MESSAGE_NULL;
	autoptr(rest) rest = NULL;
	struct lxcri_error err = {};

	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-proxmox")) < 0;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It has passwords in its memory. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	if (receive(&first) <= 0) {
		(void)fputs("lxcri-proxmox: started by proxmox-lxcri alone\n", stderr);
		return EXIT_FAILURE;
	}
	if (rest_settings_parse(first.text, first.size, &settings, &err) < 0 ||
	    rest_create(&settings, &rest, &err) < 0 || confine(&settings, &err) < 0)
		return refuse(&err);
	message_finish(&first);
	return serve(rest);
}
