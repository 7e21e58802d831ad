/* SPDX-License-Identifier: MIT */
/* Several hosts, one login. */

#include "proxmox/rest/rest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/moment.h"

#include <string.h>

/* How often all hosts are tried for what may be repeated. */
#define ROUNDS 2
/* Who asks about many containers shall not wait for each of them in vain. */
#define UNREACHED_NS 5000000000ll

struct rest {
	const struct rest_settings *settings;
	CURL *easy;
	size_t current;      /* the host that answered last */
	char *authorization; /* of a token */
	char *cookie;        /* of a ticket, once there is one */
	char *csrf;
	struct lxcri_error unreached; /* why no host could be, */
	int64_t unreached_until_ns;   /* and how long that is believed */
};

static void forget_ticket(struct rest *rest)
{
	if (rest->cookie)
		explicit_bzero(rest->cookie, strlen(rest->cookie));
	freep(&rest->cookie);
	freep(&rest->csrf);
}

void rest_free(struct rest *rest)
{
	if (!rest)
		return;
	curl_easy_cleanup(rest->easy);
	forget_ticket(rest);
	if (rest->authorization)
		explicit_bzero(rest->authorization, strlen(rest->authorization));
	free(rest->authorization);
	free(rest);
}

int rest_create(const struct rest_settings *settings, struct rest **ret_rest,
		struct lxcri_error *err)
{
	autoptr(rest) rest = xnew(struct rest);

	rest->settings = settings;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fail(err, LXCRI_E_SYSTEM, "libcurl cannot be used");
	rest->easy = curl_easy_init();
	if (!rest->easy)
		return fail(err, LXCRI_E_SYSTEM, "no memory for libcurl");
	if (settings->token)
		rest->authorization = xformat("PVEAPIToken=%s", settings->token);
	*ret_rest = steal(rest);
	return 0;
}

/* Keeps the ticket that a login has brought. */
static int take_ticket(struct rest *rest, const char *host, const struct text *body,
		       struct lxcri_error *err)
{
	autojson answer = NULL;
	struct json_object *data;
	const char *ticket, *csrf;

	if (json_parse(body->data ? body->data : "", body->length, &json_limits_config, &answer,
		       err) < 0)
		return fail_while(err, "%s: the answer to the login", host);
	data = json_get(answer, "data");
	ticket = json_get_text(data, "ticket");
	csrf = json_get_text(data, "CSRFPreventionToken");
	if (ticket && strstr(ticket, "!tfa!"))
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			    "%s wants a second factor of %s; use an API token instead", host,
			    rest->settings->user);
	if (!ticket || !csrf || text_has_control(ticket) || text_has_control(csrf))
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED, "%s gave no ticket", host);

	char *escaped = curl_easy_escape(rest->easy, ticket, 0);

	forget_ticket(rest);
	rest->cookie = xformat("PVEAuthCookie=%s", escaped);
	rest->csrf = xstrdup(csrf);
	curl_free(escaped);
	return 0;
}

/* Logs in by password. */
static enum exchange_outcome log_in(struct rest *rest, const char *host, struct lxcri_error *err)
{
	autorun(exchange_answer_finish) struct exchange_answer answer = {};
	autojson params = json_object_new_object();
	const struct exchange_request request = { .method = "POST",
						  .path = "/access/ticket",
						  .params = params,
						  .fd = -1,
						  .is_form = true };
	enum exchange_outcome outcome;

	json_set_text(params, "username", rest->settings->user);
	json_set_text(params, "password", rest->settings->password);
	outcome = exchange_run(rest->easy, rest->settings, host, &request, &answer, err);
	if (outcome != EXCHANGE_ANSWERED)
		return EXCHANGE_NOT_SENT; /* what was to be asked has not been */
	if (answer.status / 100 != 2) {
		(void)fail(err,
			   answer.status == 401 ? LXCRI_E_AUTHENTICATION_FAILED : LXCRI_E_SYSTEM,
			   "%s refuses the login of %s: %.200s (%ld)", host, rest->settings->user,
			   answer.reason, answer.status);
		return EXCHANGE_BROKEN;
	}
	return take_ticket(rest, host, &answer.body, err) < 0 ? EXCHANGE_BROKEN : EXCHANGE_ANSWERED;
}

static enum exchange_outcome ask_once(struct rest *rest, const char *host,
				      const struct exchange_request *request,
				      struct exchange_answer *answer, struct lxcri_error *err)
{
	struct exchange_request whole = *request;

	whole.authorization = rest->authorization;
	whole.cookie = rest->cookie;
	whole.csrf = rest->csrf;
	return exchange_run(rest->easy, rest->settings, host, &whole, answer, err);
}

/* Asks @host, having logged in where that is needed. A ticket that has run out is no reason to
 * fail: what is refused with 401 was not done. */
static enum exchange_outcome ask_host(struct rest *rest, const char *host,
				      const struct exchange_request *request,
				      struct exchange_answer *answer, bool *ret_final,
				      struct lxcri_error *err)
{
	enum exchange_outcome outcome = EXCHANGE_ANSWERED;
	bool had_ticket = rest->cookie != NULL;

	*ret_final = false;
	if (!rest->settings->token && !rest->cookie)
		outcome = log_in(rest, host, err);
	if (outcome == EXCHANGE_ANSWERED)
		outcome = ask_once(rest, host, request, answer, err);
	else if (outcome == EXCHANGE_BROKEN)
		*ret_final = true;
	if (outcome == EXCHANGE_ANSWERED && answer->status == 401 && had_ticket) {
		outcome = log_in(rest, host, err);
		if (outcome == EXCHANGE_ANSWERED)
			outcome = ask_once(rest, host, request, answer, err);
		else if (outcome == EXCHANGE_BROKEN)
			*ret_final = true;
	}
	return outcome;
}

/* Tells whether another host may do better: this one could not reach the node that it is about. */
static bool is_unreached(long status)
{
	return status == 595 || status == 596 || status == 599 || status == 502 || status == 503 ||
	       status == 504;
}

/* Keeps what each host said, the first one's code. */
static void add_reason(struct lxcri_error *all, const struct lxcri_error *one)
{
	if (all->code == LXCRI_E_NONE)
		*all = *one;
	else if (!strstr(all->text, one->text))
		(void)fail(all, all->code, "%.480s; %.480s", all->text, one->text);
}

int rest_ask(struct rest *rest, const struct exchange_request *request,
	     struct exchange_answer *ret_answer, const char **ret_host, bool *ret_sent,
	     struct lxcri_error *err)
{
	const struct strings *hosts = &rest->settings->hosts;
	bool is_get = strcmp(request->method, "GET") == 0;
	size_t tries = hosts->count * (is_get ? ROUNDS : 1);
	struct lxcri_error reasons = {};
	bool is_unreached_by_all = true;

	*ret_sent = false;
	if (moment_now() < rest->unreached_until_ns) {
		*err = rest->unreached;
		return -1;
	}
	for (size_t i = 0; i < tries; i++) {
		size_t which = (rest->current + i) % hosts->count;
		struct lxcri_error one = {};
		bool is_final;
		enum exchange_outcome outcome =
			ask_host(rest, hosts->items[which], request, ret_answer, &is_final, &one);

		if (outcome == EXCHANGE_ANSWERED &&
		    !(is_get && is_unreached(ret_answer->status) && i + 1 < tries)) {
			rest->current = which;
			*ret_host = hosts->items[which];
			return 0;
		}
		if (outcome == EXCHANGE_ANSWERED)
			(void)fail(&one, LXCRI_E_SYSTEM, "%s: %s", hosts->items[which],
				   ret_answer->reason);
		add_reason(&reasons, &one);
		is_unreached_by_all &= outcome == EXCHANGE_NOT_SENT;
		if (is_final)
			break;
		if (outcome == EXCHANGE_BROKEN && !is_get) {
			*ret_sent = true;
			(void)fail_while(&reasons, "sent, but whether it was done is not known");
			break;
		}
		if (outcome == EXCHANGE_BROKEN && one.code == LXCRI_E_LIMIT_EXCEEDED)
			break;
		/* Who did not answer in time would hardly do so the second time. */
		if (one.code == LXCRI_E_TIMEOUT && i + 1 >= hosts->count)
			break;
	}
	if (is_unreached_by_all) {
		rest->unreached = reasons;
		rest->unreached_until_ns = moment_now() + UNREACHED_NS;
	}
	*err = reasons;
	return -1;
}
