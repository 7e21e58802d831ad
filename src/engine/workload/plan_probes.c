/* SPDX-License-Identifier: MIT */
/* What a container is asked, by its manifest. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/workload/pod_plan.h"
#include "net/address.h"

#include <string.h>

#define SECONDS_MAX   86400
#define THRESHOLD_MAX 1000

static bool is_in(int64_t value, int64_t min, int64_t max)
{
	return value >= min && value <= max;
}

static int check_numbers(const struct pod_probe *probe, struct lxcri_error *err)
{
	if (is_in(probe->initial_delay_seconds, 0, SECONDS_MAX) &&
	    is_in(probe->period_seconds, 1, SECONDS_MAX) &&
	    is_in(probe->timeout_seconds, 1, SECONDS_MAX) &&
	    is_in(probe->success_threshold, 1, THRESHOLD_MAX) &&
	    is_in(probe->failure_threshold, 1, THRESHOLD_MAX) &&
	    is_in(probe->grace_seconds, -1, SECONDS_MAX))
		return 0;
	return fail(
		err, LXCRI_E_INVALID_MANIFEST,
		"a number is out of its range: initialDelaySeconds and "
		"terminationGracePeriodSeconds 0 to %d, the other seconds 1 to %d, thresholds 1 "
		"to %d",
		SECONDS_MAX, SECONDS_MAX, THRESHOLD_MAX);
}

/* A number, or the name of one of the container's ports. */
static int find_port(const struct pod_container *container, const char *text, unsigned short *ret,
		     struct lxcri_error *err)
{
	const struct pod_port *ports = container->ports.items;
	uint64_t number;

	for (size_t i = 0; i < container->ports.count; i++)
		if (ports[i].name && strcmp(ports[i].name, text) == 0) {
			*ret = (unsigned short)ports[i].container_port;
			return 0;
		}
	if (text_parse_u64(text, 1, 65535, &number) < 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "port: \"%.40s\" is no number from 1 to 65535, and no name of a port "
			    "of the container",
			    text);
	*ret = (unsigned short)number;
	return 0;
}

static int plan_host(struct pod_plan *plan, const struct pod_plan_source *source, const char *host,
		     struct lxcri_probe *ret, struct lxcri_error *err)
{
	struct address address;

	if (host && strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (host && *host && address_parse(host, AF_UNSPEC, &address) < 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "host: \"%.80s\" is no address: names are not looked up for probes",
			    host);
	if (host && *host)
		ret->address = plan_text(plan, host);
	else if (source->spec->host_network)
		ret->address = "127.0.0.1";
	return 0;
}

static int plan_http(struct pod_plan *plan, const struct pod_probe_target *http,
		     struct lxcri_probe *ret, struct lxcri_error *err)
{
	const struct pod_probe_header *items = http->headers.items;
	const char *scheme = http->scheme ? http->scheme : "HTTP";
	autorun(strings_finish) struct strings headers = {};
	const char *path = http->path && *http->path ? http->path : "/";

	if (strcmp(scheme, "HTTP") != 0 && strcmp(scheme, "HTTPS") != 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "scheme: \"%.20s\" is neither HTTP nor HTTPS", scheme);
	ret->by = strcmp(scheme, "HTTP") == 0 ? LXCRI_PROBE_HTTP : LXCRI_PROBE_HTTPS;
	ret->path = plan_keep(plan, xformat("%s%s", *path == '/' ? "" : "/", path));
	for (size_t i = 0; i < http->headers.count; i++)
		strings_addf(&headers, "%s: %s", items[i].name, items[i].value);
	ret->headers = plan_list(plan, &headers);
	return 0;
}

static int plan_way(struct pod_plan *plan, const struct pod_plan_source *source,
		    const struct pod_container *container, const struct pod_probe *probe,
		    struct lxcri_probe *ret, struct lxcri_error *err)
{
	const struct pod_probe_target *target = probe->http ? probe->http : probe->tcp;

	if (!!probe->exec + !!probe->http + !!probe->tcp != 1)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "expected one of exec, httpGet and tcpSocket");
	if (probe->exec) {
		ret->by = LXCRI_PROBE_EXEC;
		ret->command = plan_list(plan, &probe->exec->command);
		return probe->exec->command.count > 0
			       ? 0
			       : fail(err, LXCRI_E_INVALID_MANIFEST, "exec.command is empty");
	}
	ret->by = LXCRI_PROBE_TCP;
	if (find_port(container, target->port, &ret->port, err) < 0 ||
	    plan_host(plan, source, target->host, ret, err) < 0)
		return -1;
	return probe->http ? plan_http(plan, target, ret, err) : 0;
}

static int plan_probe(struct pod_plan *plan, const struct pod_plan_source *source,
		      const struct pod_container *container, const struct pod_probe *probe,
		      const struct lxcri_probe **ret, struct lxcri_error *err)
{
	struct lxcri_probe *made;

	if (!probe)
		return 0;
	made = plan_keep(plan, xnew(struct lxcri_probe));
	if (check_numbers(probe, err) < 0 ||
	    plan_way(plan, source, container, probe, made, err) < 0)
		return -1;
	made->delay_seconds = (unsigned int)probe->initial_delay_seconds;
	made->period_seconds = (unsigned int)probe->period_seconds;
	made->timeout_seconds = (unsigned int)probe->timeout_seconds;
	made->successes = (unsigned int)probe->success_threshold;
	made->failures = (unsigned int)probe->failure_threshold;
	if (probe->grace_seconds >= 0) {
		unsigned int *grace = plan_keep(plan, xnew(unsigned int));

		*grace = (unsigned int)probe->grace_seconds;
		made->grace_seconds = grace;
	}
	*ret = made;
	return 0;
}

/* What only readiness may need. */
static int check_successes(const struct pod_probe *probe, struct lxcri_error *err)
{
	return !probe || probe->success_threshold == 1
		       ? 0
		       : fail(err, LXCRI_E_INVALID_MANIFEST,
			      "successThreshold: must be 1 but for readiness");
}

static int plan_hook(struct pod_plan *plan, const struct pod_plan_source *source,
		     const struct pod_container *container, const struct pod_hook *hook,
		     const struct lxcri_hook **ret, struct lxcri_error *err)
{
	struct lxcri_hook *made;
	struct lxcri_probe *get;

	if (!hook)
		return 0;
	if (!!hook->exec + !!hook->http + !!hook->sleep != 1)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "expected one of exec, httpGet and sleep");
	made = plan_keep(plan, xnew(struct lxcri_hook));
	made->grace_seconds = (unsigned int)source->spec->grace_seconds;
	*ret = made;
	if (hook->sleep && !is_in(hook->sleep->seconds, 0, SECONDS_MAX))
		return fail(err, LXCRI_E_INVALID_MANIFEST, "sleep.seconds: expected 0 to %d",
			    SECONDS_MAX);
	if (hook->sleep && hook->sleep->seconds == 0)
		*ret = NULL; /* it does nothing */
	if (hook->sleep)
		made->sleep_seconds = (unsigned int)hook->sleep->seconds;
	if (hook->exec)
		made->command = plan_list(plan, &hook->exec->command);
	if (hook->exec && hook->exec->command.count == 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "exec.command is empty");
	if (!hook->http)
		return 0;
	get = plan_keep(plan, xnew(struct lxcri_probe));
	made->get = get;
	if (find_port(container, hook->http->port, &get->port, err) < 0 ||
	    plan_host(plan, source, hook->http->host, get, err) < 0)
		return -1;
	return plan_http(plan, hook->http, get, err);
}

static int plan_lifecycle(struct pod_plan *plan, const struct pod_plan_source *source,
			  const struct pod_container *container, struct lxcri_create_options *ret,
			  struct lxcri_error *err)
{
	const struct pod_container *first = source->spec->init_containers.items;

	for (size_t i = 0; i < source->spec->init_containers.count; i++)
		if (&first[i] == container)
			return fail(err, LXCRI_E_INVALID_MANIFEST,
				    "lifecycle: is not for an init container");
	if (plan_hook(plan, source, container, container->lifecycle->post_start, &ret->post_start,
		      err) < 0)
		return fail_while(err, "lifecycle.postStart");
	if (plan_hook(plan, source, container, container->lifecycle->pre_stop, &ret->pre_stop,
		      err) < 0)
		return fail_while(err, "lifecycle.preStop");
	return 0;
}

int plan_probes(struct pod_plan *plan, const struct pod_plan_source *source,
		const struct pod_container *container, struct lxcri_create_options *ret,
		struct lxcri_error *err)
{
	struct lxcri_probes *probes = plan_keep(plan, xnew(struct lxcri_probes));

	if (check_successes(container->startup, err) < 0 ||
	    plan_probe(plan, source, container, container->startup, &probes->startup, err) < 0)
		return fail_while(err, "startupProbe");
	if (check_successes(container->liveness, err) < 0 ||
	    plan_probe(plan, source, container, container->liveness, &probes->liveness, err) < 0)
		return fail_while(err, "livenessProbe");
	if (plan_probe(plan, source, container, container->readiness, &probes->readiness, err) < 0)
		return fail_while(err, "readinessProbe");
	probes->grace_seconds = (unsigned int)source->spec->grace_seconds;
	if (probes->startup || probes->liveness || probes->readiness)
		ret->probes = probes;
	return container->lifecycle ? plan_lifecycle(plan, source, container, ret, err) : 0;
}
