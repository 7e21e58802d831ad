/* SPDX-License-Identifier: MIT */
/* One exchange over libcurl's easy interface.
 *
 * Whatever is no GET goes over a connection of its own: libcurl sends a request once more where a
 * kept connection turns out to be dead, and whether the server has seen it by then nobody knows. */

#include "proxmox/rest/exchange.h"

#include "base/mem.h"
#include "base/version.h"
#include "proxmox/rest/tls.h"
#include "proxmox/wire.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_MS_MAX 10000L
#define HEADERS_MAX    256u
#define REASON_MAX     4096u
/* Of an upload: below this many bytes a second, for so long, nothing moves. */
#define STALL_BYTES   64L
#define STALL_SECONDS 60L
#define HASH_BUFFER   ((size_t)256 << 10)

struct running {
	struct exchange_answer *answer;
	unsigned int headers;
	bool is_too_large;
	int fd; /* of the file */
	curl_off_t at;
	struct tls_seen seen;
	char message[CURL_ERROR_SIZE];
};

void exchange_answer_finish(struct exchange_answer *answer)
{
	freep(&answer->reason);
	text_finish(&answer->body);
}

/* Keeps the words behind the status: "HTTP/1.1 500 unable to ...". */
static void take_status(struct exchange_answer *answer, const char *line, size_t size)
{
	size_t start = 0;

	for (unsigned int words = 0; words < 2; words++) {
		while (start < size && line[start] != ' ')
			start++;
		while (start < size && line[start] == ' ')
			start++;
	}
	while (size > start && isspace((unsigned char)line[size - 1]))
		size--;
	free(answer->reason);
	answer->reason =
		xstrndup(line + start, size - start < REASON_MAX ? size - start : REASON_MAX);
}

static size_t take_header(char *bytes, size_t one, size_t count, void *userdata)
{
	struct running *running = userdata;
	size_t size = one * count;

	if (size >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
		take_status(running->answer, bytes, size);
	return ++running->headers > HEADERS_MAX ? 0 : size;
}

static size_t take_body(char *bytes, size_t one, size_t count, void *userdata)
{
	struct running *running = userdata;
	size_t size = one * count;

	if (running->answer->body.length + size > PROXMOX_BODY_BYTES_MAX) {
		running->is_too_large = true;
		return 0;
	}
	text_append(&running->answer->body, bytes, size);
	return size;
}

static size_t read_file(char *bytes, size_t one, size_t count, void *userdata)
{
	struct running *running = userdata;
	ssize_t got = pread(running->fd, bytes, one * count, running->at);

	if (got < 0)
		return CURL_READFUNC_ABORT;
	running->at += got;
	return (size_t)got;
}

static int seek_file(void *userdata, curl_off_t offset, int origin)
{
	struct running *running = userdata;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	running->at = offset;
	return CURL_SEEKFUNC_OK;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *name,
				     const char *value)
{
	autofree char *line = value ? xformat("%s: %s", name, value) : NULL;

	return line ? curl_slist_append(headers, line) : headers;
}

/* Returns the parameters as "a=b&c=d", owned by the caller; "" for none. */
static char *format_query(CURL *easy, struct json_object *params)
{
	struct text text = {};

	if (!params)
		return xstrdup("");
	json_object_object_foreach(params, key, value)
	{
		const char *plain = json_object_get_string(value);
		char *name = curl_easy_escape(easy, key, 0);
		char *escaped = curl_easy_escape(easy, plain, (int)strlen(plain));

		text_addf(&text, "%s%s=%s", text.length > 0 ? "&" : "", name, escaped);
		curl_free(name);
		curl_free(escaped);
	}
	return text_steal(&text);
}

/* Returns the SHA-256 of the file in hexadecimal digits; owned by the caller. NULL: unreadable. */
static char *hash_file(int fd)
{
	autofree char *buffer = xzalloc(HASH_BUFFER);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	struct text text = {};
	off_t at = 0;
	ssize_t got;

	if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		abort(); /* as all our allocations */
	while ((got = pread(fd, buffer, HASH_BUFFER, at)) > 0) {
		(void)EVP_DigestUpdate(context, buffer, (size_t)got);
		at += got;
	}
	(void)EVP_DigestFinal_ex(context, digest, &size);
	EVP_MD_CTX_free(context);
	for (unsigned int i = 0; i < size; i++)
		text_addf(&text, "%02x", digest[i]);
	if (got == 0)
		return text_steal(&text);
	text_finish(&text);
	return NULL;
}

static void add_field(curl_mime *mime, const char *name, const char *value)
{
	curl_mimepart *part = curl_mime_addpart(mime);

	(void)curl_mime_name(part, name);
	(void)curl_mime_data(part, value, CURL_ZERO_TERMINATED);
}

/* Adds the fields in the order in which the server wants them, the file last. Returns 0, or -1 when
 * the file cannot be read. */
static int set_upload(CURL *easy, const struct exchange_request *request, struct running *running,
		      curl_mime **ret_mime)
{
	autofree char *checksum = hash_file(request->fd);
	curl_mime *mime = curl_mime_init(easy);
	curl_mimepart *part;
	struct stat status;

	*ret_mime = mime;
	if (!checksum || fstat(request->fd, &status) < 0)
		return -1;
	if (request->params) {
		json_object_object_foreach(request->params, key, value)
		{
			add_field(mime, key, json_object_get_string(value));
		}
	}
	add_field(mime, "checksum-algorithm", "sha256");
	add_field(mime, "checksum", checksum);
	running->fd = request->fd;
	part = curl_mime_addpart(mime);
	(void)curl_mime_name(part, "filename");
	(void)curl_mime_filename(part, request->upload);
	(void)curl_mime_data_cb(part, status.st_size, read_file, seek_file, NULL, running);
	(void)curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime);
	return 0;
}

static void set_rules(CURL *easy, const struct rest_settings *settings, bool is_upload)
{
	long whole = 1000L * (long)settings->timeout_seconds;

	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* of the environment: not for us */
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "proxmox-lxcri/" LXCRI_VERSION);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			       whole < CONNECT_MS_MAX ? whole : CONNECT_MS_MAX);
	if (is_upload) {
		(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
		(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
				       STALL_SECONDS + (long)settings->timeout_seconds);
	} else {
		(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, whole);
	}
}

/* Sets address, method and body. Returns the body, owned by the caller, who keeps it until the end.
 */
static char *set_request(CURL *easy, const char *host, const struct exchange_request *request,
			 struct curl_slist **headers)
{
	bool has_body = strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0;
	bool is_get = strcmp(request->method, "GET") == 0;
	autofree char *query =
		has_body && !request->is_form ? xstrdup("") : format_query(easy, request->params);
	autofree char *url =
		xformat("https://%s/api2/json%s%s%s", host, request->path,
			*query && !has_body ? (strchr(request->path, '?') ? "&" : "?") : "",
			has_body ? "" : query);
	char *body = NULL;

	(void)curl_easy_setopt(easy, CURLOPT_URL, url);
	if (!is_get)
		(void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	if (has_body && !request->upload) {
		body = request->is_form  ? steal(query)
		       : request->params ? xstrdup(json_object_to_json_string_ext(
						   request->params, JSON_C_TO_STRING_PLAIN))
					 : xstrdup("{}");
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
		*headers = add_header(*headers, "Content-Type",
				      request->is_form ? "application/x-www-form-urlencoded"
						       : "application/json");
	}
	if (!is_get && !request->upload)
		(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	*headers = add_header(*headers, "Accept", "application/json");
	*headers = add_header(*headers, "Authorization", request->authorization);
	*headers = add_header(*headers, "Cookie", request->cookie);
	*headers = add_header(*headers, "CSRFPreventionToken", is_get ? NULL : request->csrf);
	*headers = curl_slist_append(*headers, "Expect:");
	return body;
}

static enum exchange_outcome explain(CURL *easy, CURLcode code, const char *host,
				     const struct running *running, struct lxcri_error *err)
{
	const struct tls_seen *seen = &running->seen;
	const char *message = running->message;
	long sent = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	if (running->is_too_large) {
		(void)fail(err, LXCRI_E_LIMIT_EXCEEDED, "%s sends more than %zu MiB as one answer",
			   host, PROXMOX_BODY_BYTES_MAX >> 20);
		return EXCHANGE_BROKEN;
	}
	if (seen->is_refused)
		(void)fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			   "%s has another certificate than proxmox.fingerprint names: %s; if it "
			   "was renewed, compare it with what the node itself shows",
			   host, seen->fingerprint);
	else if (code == CURLE_PEER_FAILED_VERIFICATION)
		(void)fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			   "%s: %s; set proxmox.ca_file or proxmox.fingerprint to what the node "
			   "itself shows",
			   host, *message ? message : curl_easy_strerror(code));
	else
		(void)fail(err, code == CURLE_OPERATION_TIMEDOUT ? LXCRI_E_TIMEOUT : LXCRI_E_SYSTEM,
			   "%s: %s", host, *message ? message : curl_easy_strerror(code));
	return sent == 0 ? EXCHANGE_NOT_SENT : EXCHANGE_BROKEN;
}

enum exchange_outcome exchange_run(CURL *easy, const struct rest_settings *settings,
				   const char *host, const struct exchange_request *request,
				   struct exchange_answer *ret_answer, struct lxcri_error *err)
{
	struct running running = { .answer = ret_answer,
				   .fd = -1,
				   .seen = { .settings = settings } };
	struct curl_slist *headers = NULL;
	curl_mime *mime = NULL;
	autofree char *body = NULL;
	CURLcode code;

	exchange_answer_finish(ret_answer);
	curl_easy_reset(easy); /* but for its connections */
	set_rules(easy, settings, request->upload != NULL);
	if (tls_prepare(easy, &running.seen, err) < 0)
		return EXCHANGE_NOT_SENT;
	if (request->upload && set_upload(easy, request, &running, &mime) < 0) {
		curl_mime_free(mime);
		(void)fail(err, LXCRI_E_STORAGE_ERROR, "read the file %s", request->upload);
		return EXCHANGE_NOT_SENT;
	}
	body = set_request(easy, host, request, &headers);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, running.message);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, &running);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &running);
	code = curl_easy_perform(easy);
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &ret_answer->status);

	enum exchange_outcome outcome =
		code == CURLE_OK ? EXCHANGE_ANSWERED : explain(easy, code, host, &running, err);

	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	(void)curl_easy_setopt(easy, CURLOPT_MIMEPOST, NULL);
	curl_mime_free(mime);
	curl_slist_free_all(headers);
	if (outcome == EXCHANGE_ANSWERED && !ret_answer->reason)
		ret_answer->reason = xstrdup("");
	return outcome;
}
