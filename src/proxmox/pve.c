/* SPDX-License-Identifier: MIT */
/* The command's side of a connection to Proxmox VE. */

#include "proxmox/pve.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "config/config.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"
#include "os/socket.h"
#include "proxmox/wire.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 4096u

/* The variables of an environment are divided by NUL. */
static const struct json_limits answer_limits = { .bytes_max = PROXMOX_BODY_BYTES_MAX,
						  .depth_max = 16,
						  .values_max = 1000000,
						  .allows_nul = true };

struct pve {
	char *settings; /* with secrets */
	unsigned int timeout_seconds;
	struct json_object *nodes; /* NULL: not asked for yet */
	int64_t nodes_end_ns;      /* how long they are believed */
	int64_t nodes_ns;
	pid_t pid; /* of lxcri-proxmox; 0: not started */
	int socket;
	bool may_be_done;
};

/* Who asks next starts another: an answer that was not read would be taken for that of the next
 * request. */
static void hang_up(struct pve *pve)
{
	closep(&pve->socket); /* by which it knows that it is to end */
	if (pve->pid > 0)
		(void)process_wait(pve->pid);
	pve->pid = 0;
}

void pve_free(struct pve *pve)
{
	if (!pve)
		return;
	hang_up(pve);
	if (pve->settings)
		explicit_bzero(pve->settings, strlen(pve->settings));
	free(pve->settings);
	json_free(pve->nodes);
	free(pve);
}

/* Reads the one line of @path, a file that nobody else may read. */
static int read_secret(const char *path, char **ret, struct lxcri_error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	autofree char *text = NULL;
	struct stat status;
	size_t size = 0;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_code_errno(err, LXCRI_E_INVALID_CONFIG, errno, "read %s", path);
	if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
		return fail(err, LXCRI_E_INVALID_CONFIG,
			    "%s has mode %04o; what has a secret must be a file of mode 0600", path,
			    status.st_mode & 07777);
	r = file_read_fd(fd, SECRET_BYTES_MAX, &text, &size);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_INVALID_CONFIG, r, "read %s", path);
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		text[--size] = '\0';
	if (size == 0 || strlen(text) != size || text_has_control(text)) {
		explicit_bzero(text, size);
		return fail(err, LXCRI_E_INVALID_CONFIG, "%s has not one line with a secret", path);
	}
	*ret = steal(text);
	return 0;
}

static int add_secret(struct json_object *settings, const char *key, const char *path,
		      struct lxcri_error *err)
{
	char *secret = NULL;

	if (read_secret(path, &secret, err) < 0)
		return -1;
	json_set_text(settings, key, secret);
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return 0;
}

static int add_login(const struct lxcri_config *config, struct json_object *settings,
		     struct lxcri_error *err)
{
	const char *token = config_text(config, CONFIG_PROXMOX_TOKEN);
	const char *token_file = config_text(config, CONFIG_PROXMOX_TOKEN_FILE);
	const char *user = config_text(config, CONFIG_PROXMOX_USER);
	const char *password_file = config_text(config, CONFIG_PROXMOX_PASSWORD_FILE);

	if (token_file)
		return add_secret(settings, PROXMOX_TOKEN, token_file, err);
	json_set_text(settings, PROXMOX_TOKEN, token);
	if (token)
		return 0;
	if (!user || !password_file)
		return fail(err, LXCRI_E_INVALID_CONFIG,
			    "nothing says who logs in to Proxmox VE: set proxmox.token_file, or "
			    "proxmox.user and proxmox.password_file");
	json_set_text(settings, PROXMOX_USER, user);
	return add_secret(settings, PROXMOX_PASSWORD, password_file, err);
}

static int make_settings(const struct lxcri_config *config, char **ret, struct lxcri_error *err)
{
	autojson settings = json_object_new_object();
	struct json_object *hosts = config_json(config, CONFIG_PROXMOX_HOSTS);
	const char *fingerprint = config_text(config, CONFIG_PROXMOX_FINGERPRINT);
	bool verify = config_bool(config, CONFIG_PROXMOX_VERIFY_SSL);

	if (json_count(hosts) == 0)
		return fail(err, LXCRI_E_INVALID_CONFIG,
			    "proxmox.hosts names no node of a Proxmox VE cluster");
	if (!verify && !fingerprint)
		log_warning("proxmox.verify_ssl is off: whoever is between this host and the "
			    "server can read and change everything; proxmox.fingerprint is as "
			    "easy, and safe");
	json_object_object_add(settings, PROXMOX_HOSTS, json_object_get(hosts));
	json_object_object_add(settings, PROXMOX_PORT,
			       json_object_new_uint64(config_u64(config, CONFIG_PROXMOX_PORT)));
	json_object_object_add(settings, PROXMOX_TIMEOUT,
			       json_object_new_uint64(config_u64(config, CONFIG_PROXMOX_TIMEOUT)));
	json_object_object_add(settings, PROXMOX_VERIFY, json_object_new_boolean(verify));
	json_set_text(settings, PROXMOX_FINGERPRINT, fingerprint);
	json_set_text(settings, PROXMOX_CA, config_text(config, CONFIG_PROXMOX_CA_FILE));
	if (add_login(config, settings, err) < 0)
		return -1;
	*ret = json_format_line(settings);
	return 0;
}

int pve_open(const struct lxcri_config *config, struct pve **ret_pve, struct lxcri_error *err)
{
	autoptr(pve) pve = xnew(struct pve);

	pve->socket = -1;
	pve->timeout_seconds = (unsigned int)config_u64(config, CONFIG_PROXMOX_TIMEOUT);
	pve->nodes_ns =
		(int64_t)config_u64(config, CONFIG_PROXMOX_NODE_CACHE_DURATION) * NS_IN_SECOND;
	if (make_settings(config, &pve->settings, err) < 0)
		return -1;
	*ret_pve = steal(pve);
	return 0;
}

/* Makes @size bytes a file in memory. Returns its descriptor or -errno. */
static int make_file(const char *bytes, size_t size)
{
	autoclose int fd = memfd_create("request", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : file_write_all_at(fd, bytes, size, 0);

	return r < 0 ? r : steal_fd(&fd);
}

/* Sends @json, and with it the file @fd where that is not -1. Returns 0 or -errno. */
static int send_json(int socket, const char *json, int fd)
{
	autoclose int file = make_file(json, strlen(json));
	const int fds[] = { file, fd };

	return file < 0 ? file : socket_send(socket, "r", 1, fds, fd < 0 ? 1 : 2);
}

static int start(struct pve *pve, struct lxcri_error *err)
{
	autofree char *path = helper_path("lxcri-proxmox");
	char *const argv[] = { path, NULL };
	int ends[2];
	int r = socket_pair(ends);

	if (r < 0)
		return fail_errno(err, r, "make a pair of sockets");

	autoclose int near = ends[0];
	autoclose int far = ends[1];
	const int fds[] = { -1, -1, STDERR_FILENO, far };
	const struct spawn spawn = {
		.path = path, .argv = argv, .env = environ, .fds = fds, .n_fds = ARRAY_LEN(fds)
	};

	pve->pid = process_spawn(&spawn);
	if (pve->pid < 0) {
		r = (int)pve->pid;
		pve->pid = 0;
		return fail_errno(err, r, "start %s", path);
	}
	pve->socket = steal_fd(&near);
	r = send_json(pve->socket, pve->settings, -1);
	if (r == 0)
		return 0;
	hang_up(pve);
	return fail_errno(err, r, "talk to lxcri-proxmox");
}

/* Refuses what could begin another line in a file of the server. Only the variables of an
 * environment are divided by NUL, as the API has it. */
static int check_value(const char *key, struct json_object *value, struct lxcri_error *err)
{
	const char *text = json_object_get_string(value);
	size_t size = (size_t)json_object_get_string_len(value);

	if (!json_object_is_type(value, json_type_string))
		return 0;
	if (memchr(text, '\n', size) || memchr(text, '\r', size) ||
	    (strcmp(key, "env") != 0 && memchr(text, '\0', size)))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%s has a line break or a NUL, which no setting of Proxmox VE can have",
			    key);
	return 0;
}

static int check_request(const struct pve_request *request, struct lxcri_error *err)
{
	if (text_has_control(request->path) ||
	    (request->upload && text_has_control(request->upload)))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a path with a control character");
	if (!request->params)
		return 0;
	json_object_object_foreach(request->params, key, value)
	{
		if (check_value(key, value, err) < 0)
			return -1;
	}
	return 0;
}

static char *format_request(const struct pve_request *request)
{
	autojson object = json_object_new_object();

	json_set_text(object, PROXMOX_METHOD, request->method);
	json_set_text(object, PROXMOX_PATH, request->path);
	json_set_text(object, PROXMOX_UPLOAD, request->upload);
	if (request->params)
		json_object_object_add(object, PROXMOX_PARAMS, json_object_get(request->params));
	return json_format_line(object);
}

struct answer {
	struct json_object *head;
	char *body;
	size_t size;
};

static void answer_finish(struct answer *answer)
{
	json_freep(&answer->head);
	freep(&answer->body);
}

static int receive(struct pve *pve, struct answer *answer, struct lxcri_error *err)
{
	autofree char *head = xzalloc(PROXMOX_HEAD_BYTES_MAX);
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	ssize_t size = socket_receive(pve->socket, head, PROXMOX_HEAD_BYTES_MAX, fds, &n_fds, 0);
	int r = 0;

	if (size > 0 && n_fds > 0)
		r = lseek(fds[0], 0, SEEK_SET) < 0 ? -errno
						   : file_read_fd(fds[0], PROXMOX_BODY_BYTES_MAX,
								  &answer->body, &answer->size);
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
	if (size == 0)
		return fail(err, LXCRI_E_SYSTEM, "lxcri-proxmox has died");
	if (size < 0 || r < 0)
		return fail_errno(err, size < 0 ? (int)size : r, "read its answer");
	return json_parse(head, (size_t)size, &json_limits_config, &answer->head, err);
}

/* What a status and the words with it mean to us. Only the server says what it is about. */
static enum lxcri_code code_of(uint64_t status, const char *words)
{
	static const struct {
		const char *words;
		enum lxcri_code code;
	} known[] = {
		{ "already exists", LXCRI_E_CONTAINER_EXISTS },
		{ "already used", LXCRI_E_CONTAINER_EXISTS },
		{ "directory '", LXCRI_E_PATH_NOT_FOUND },
		{ "does not exist", LXCRI_E_CONTAINER_NOT_FOUND },
		{ "no such", LXCRI_E_CONTAINER_NOT_FOUND },
		{ "locked", LXCRI_E_INVALID_STATE },
		{ "protection", LXCRI_E_INVALID_STATE },
		{ "protected", LXCRI_E_INVALID_STATE },
		{ "already running", LXCRI_E_INVALID_STATE },
		{ "not running", LXCRI_E_INVALID_STATE },
		{ "got timeout", LXCRI_E_TIMEOUT },
	};

	if (status == 401 || status == 403)
		return LXCRI_E_AUTHENTICATION_FAILED;
	if (status == 400)
		return LXCRI_E_INVALID_ARGUMENT;
	if (status == 501)
		return LXCRI_E_UNSUPPORTED_OPERATION;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcasestr(words, known[i].words))
			return known[i].code;
	return LXCRI_E_SYSTEM;
}

/* Adds what the body says of each parameter. */
static void add_faults(struct json_object *body, struct text *words)
{
	struct json_object *errors = json_get(body, "errors");

	if (!json_object_is_type(errors, json_type_object))
		return;
	json_object_object_foreach(errors, key, value)
	{
		if (words->length < 600)
			text_addf(words, "; %.64s: %.200s", key, json_object_get_string(value));
	}
}

/* A message that the reason could not carry in one line stands in the body. */
static void add_message(struct json_object *body, const char *reason, struct text *words)
{
	const char *message = json_get_text(body, "message");

	if (message && !strstr(message, reason) && !strstr(reason, message))
		text_addf(words, "; %.300s", message);
}

static int fail_status(const struct pve_request *request, struct answer *answer,
		       struct json_object *body, struct lxcri_error *err)
{
	const char *host = json_get_text(answer->head, PROXMOX_HOST);
	const char *reason = json_get_text(answer->head, PROXMOX_REASON);
	uint64_t status = json_get_u64(answer->head, PROXMOX_STATUS, 0);
	autorun(text_finish) struct text words = {};

	text_addf(&words, "%.300s", reason && *reason ? reason : "no reason given");
	add_message(body, words.data, &words);
	add_faults(body, &words);
	text_mask_controls(words.data, ' ');
	while (words.length > 0 && words.data[words.length - 1] == ' ')
		words.data[--words.length] = '\0';
	return fail(err, code_of(status, words.data), "Proxmox VE at %s: %s %s: %s (%llu)", host,
		    request->method, request->path, words.data, (unsigned long long)status);
}

static int take_answer(struct pve *pve, const struct pve_request *request, struct answer *answer,
		       struct json_object **ret_data, struct lxcri_error *err)
{
	const char *code = json_get_text(answer->head, PROXMOX_CODE);
	const char *text = json_get_text(answer->head, PROXMOX_TEXT);
	uint64_t status = json_get_u64(answer->head, PROXMOX_STATUS, 0);
	autojson body = NULL;
	struct lxcri_error problem = {};
	int r = -1;

	if (code) {
		pve->may_be_done = json_get_bool(answer->head, PROXMOX_SENT, true);
		return fail(err, fail_find_code(code), "Proxmox VE: %s %s: %s", request->method,
			    request->path, text ? text : "it failed");
	}
	if (answer->body)
		r = json_parse(answer->body, answer->size, &answer_limits, &body, &problem);
	pve->may_be_done = false; /* what became of it is known */
	if (status / 100 != 2)
		return fail_status(request, answer, body, err);
	if (r < 0) {
		*err = problem;
		return fail_while(err, "Proxmox VE at %s: %s %s: the answer",
				  json_get_text(answer->head, PROXMOX_HOST), request->method,
				  request->path);
	}
	*ret_data = json_object_get(json_get(body, "data"));
	return 0;
}

/* Sends a request to lxcri-proxmox, which is started where there is none, or where the one that
 * was has died since the last request. */
static int send_request(struct pve *pve, const char *json, int fd, struct lxcri_error *err)
{
	for (;;) {
		const bool is_new = pve->pid == 0;
		int r = is_new ? start(pve, err) : 0;

		if (r < 0)
			return -1;
		r = send_json(pve->socket, json, fd);
		if (r == 0)
			return 0;
		hang_up(pve);
		if (is_new)
			return fail_errno(err, r, "talk to lxcri-proxmox");
	}
}

int pve_call(struct pve *pve, const struct pve_request *request, struct json_object **ret_data,
	     struct lxcri_error *err)
{
	autorun(answer_finish) struct answer answer = {};
	autofree char *json = NULL;

	pve->may_be_done = false;
	if (check_request(request, err) < 0)
		return fail_while(err, "%s %s", request->method, request->path);
	json = format_request(request);
	if (strlen(json) > PROXMOX_REQUEST_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "%s %s: %zu bytes are too much for a "
			    "request",
			    request->method, request->path, strlen(json));
	if (send_request(pve, json, request->upload ? request->fd : -1, err) < 0)
		return fail_while(err, "%s %s", request->method, request->path);
	pve->may_be_done = true;
	if (receive(pve, &answer, err) < 0) {
		hang_up(pve);
		return fail_while(err, "%s %s", request->method, request->path);
	}
	return take_answer(pve, request, &answer, ret_data, err);
}

int pve_get(struct pve *pve, struct json_object **ret_data, struct lxcri_error *err,
	    const char *path, ...)
{
	autofree char *whole = NULL;
	va_list args;
	int r;

	va_start(args, path);
	r = vasprintf(&whole, path, args);
	va_end(args);
	if (r < 0)
		abort(); /* as all our allocations */

	const struct pve_request request = { .method = "GET", .path = whole };

	return pve_call(pve, &request, ret_data, err);
}

int pve_nodes(struct pve *pve, struct json_object **ret, struct lxcri_error *err)
{
	int64_t now = moment_now();

	if (!pve->nodes || now >= pve->nodes_end_ns) {
		json_freep(&pve->nodes);
		if (pve_get(pve, &pve->nodes, err, "/nodes") < 0)
			return -1;
		pve->nodes_end_ns = now + pve->nodes_ns;
	}
	*ret = json_object_get(pve->nodes);
	return 0;
}

bool pve_may_be_done(const struct pve *pve)
{
	return pve->may_be_done;
}

unsigned int pve_timeout(const struct pve *pve)
{
	return pve->timeout_seconds;
}

char *pve_escape(const char *text)
{
	struct text escaped = {};

	for (const char *at = text; *at; at++)
		if (isalnum((unsigned char)*at) || strchr("-._~:", *at))
			text_append(&escaped, at, 1);
		else
			text_addf(&escaped, "%%%02X", (unsigned char)*at);
	return text_steal(&escaped);
}

uint64_t pve_number(struct json_object *object, const char *key, uint64_t otherwise)
{
	struct json_object *value = json_get(object, key);
	uint64_t number;

	if (json_object_is_type(value, json_type_string))
		return text_parse_u64(json_object_get_string(value), 0, UINT64_MAX, &number) == 0
			       ? number
			       : otherwise;
	if (json_object_is_type(value, json_type_double)) {
		double real = json_object_get_double(value);

		return real >= 0 && real < 1e18 ? (uint64_t)real : otherwise;
	}
	return json_get_u64(object, key, otherwise);
}

bool pve_truth(struct json_object *object, const char *key)
{
	if (json_object_is_type(json_get(object, key), json_type_boolean))
		return json_get_bool(object, key, false);
	return pve_number(object, key, 0) == 1;
}
