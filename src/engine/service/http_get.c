/* SPDX-License-Identifier: MIT */
/* Questions to containers by HTTP. */

#include "engine/service/http_get.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/network/rows.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

bool http_get_find_address(struct lxcri_engine *engine, const char *network_id,
			   const struct probe *probe, struct address *ret)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct lxcri_error err = {};
	struct database *database;

	if (probe->address)
		return address_parse(probe->address, AF_UNSPEC, ret) == 0;
	database = engine_database(engine, &err);
	if (!database || endpoint_list_read(database, network_id, NULL, &rows, &err) < 0) {
		log_warning("container %s: %s", network_id, err.text);
		return false;
	}
	for (size_t i = 0; i < rows.count; i++)
		for (size_t k = 0; k < ARRAY_LEN(rows.items[i].addresses); k++)
			if (rows.items[i].addresses[k].family != 0) {
				*ret = rows.items[i].addresses[k];
				return true;
			}
	return false;
}

static bool has_header(const struct strings *headers, const char *name)
{
	for (size_t i = 0; i < headers->count; i++)
		if (strncasecmp(headers->items[i], name, strlen(name)) == 0)
			return true;
	return false;
}

char *http_get_format(const struct probe *probe, const struct address *address)
{
	struct text text = {};
	char host[ADDRESS_TEXT_MAX];

	(void)address_format(address, host);
	text_addf(&text, "GET %s HTTP/1.1\r\n", probe->path);
	if (!has_header(&probe->headers, "host:"))
		text_addf(&text,
			  address->family == AF_INET6 ? "Host: [%s]:%u\r\n" : "Host: %s:%u\r\n",
			  host, probe->port);
	if (!has_header(&probe->headers, "user-agent:"))
		text_add(&text, "User-Agent: kube-probe/1.0 (proxmox-lxcri)\r\n");
	if (!has_header(&probe->headers, "accept:"))
		text_add(&text, "Accept: */*\r\n");
	for (size_t i = 0; i < probe->headers.count; i++)
		text_addf(&text, "%s\r\n", probe->headers.items[i]);
	text_add(&text, "Connection: close\r\n\r\n");
	return text_steal(&text);
}

/* Returns a file with @text in it, to be read from its beginning; -errno. */
static int make_input(const char *text)
{
	autoclose int fd = memfd_create("request", MFD_CLOEXEC);
	size_t size = strlen(text);

	if (fd < 0 || write(fd, text, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Waits for the process @pid, which is killed when it takes too long. Returns its exit code. */
static int await(pid_t pid, unsigned int timeout_seconds)
{
	autoclose int process = pidfd_open(pid, 0);
	struct pollfd wait = { .fd = process, .events = POLLIN };
	int r = timeout_seconds ? poll(&wait, 1, (int)timeout_seconds * 1000) : 1;

	if (r <= 0)
		(void)kill(pid, SIGKILL); /* ours, and not reaped yet */
	r = process_wait(pid);
	return r < 0 ? r : process_exit_code(r);
}

/* What it wrote, as one line. */
static char *read_output(int fd)
{
	char *text = NULL;
	size_t size;

	if (lseek(fd, 0, SEEK_SET) < 0 || file_read_fd(fd, PROBE_OUTPUT_MAX, &text, &size) < 0)
		return xstrdup("no answer");
	text[strcspn(text, "\n")] = '\0';
	text_mask_malformed(text, '?');
	text_mask_controls(text, '?');
	return text;
}

int http_get_ask(const struct probe *probe, const struct address *address,
		 unsigned int timeout_seconds, struct lxcri_error *err)
{
	autofree char *request = http_get_format(probe, address);
	autofree char *program = helper_path("lxcri-probe");
	autofree char *port = xformat("%u", probe->port);
	autofree char *output = NULL;
	autoclose int input = make_input(request);
	autoclose int written = memfd_create("answer", MFD_CLOEXEC);
	char host[ADDRESS_TEXT_MAX];
	const char *const words[] = { program, address_format(address, host), port,
				      probe->by == LXCRI_PROBE_HTTPS ? NULL : "plain", NULL };
	const int fds[] = { input, written, -1 };
	const struct spawn spawn = { .path = program,
				     .argv = (char *const *)words,
				     .fds = fds,
				     .n_fds = ARRAY_LEN(fds),
				     .dies_with_us = true };
	pid_t pid;

	if (input < 0 || written < 0)
		return fail_errno(err, input < 0 ? input : errno, "make a file in memory");
	pid = process_spawn(&spawn);
	if (pid < 0)
		return fail_errno(err, pid, "start %s", program);
	if (await(pid, timeout_seconds) == 0)
		return 0;
	output = read_output(written);
	return fail(err, LXCRI_E_SYSTEM, "httpGet %s port %s: %s", host, port,
		    *output ? output : "no answer in time");
}
