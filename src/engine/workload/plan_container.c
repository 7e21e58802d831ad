/* SPDX-License-Identifier: MIT */
/* A container by its manifest. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/workload/pod_plan.h"
#include "manifest/quantity.h"

#include <string.h>

#define THOUSANDTHS 1000
#define UID_MAX     0xfffffffeLL

/* @name is "cpu" or "memory"; *@ret stays where it is not limited. */
static int read_limit(const struct field_map *limits, const char *name, int64_t *ret,
		      struct lxcri_error *err)
{
	const char *text = field_map_get(limits, name);

	if (!text)
		return 0;
	if (quantity_parse(text, ret) < 0 || *ret == 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "resources.limits.%s: \"%.40s\" is no quantity above 0", name, text);
	return 0;
}

static int plan_resources(const struct pod_resources *resources, struct lxcri_create_options *ret,
			  struct lxcri_error *err)
{
	int64_t cpu = 0;
	int64_t memory = 0;

	if (!resources)
		return 0;
	for (size_t i = 0; i < resources->limits.keys.count; i++) {
		const char *name = resources->limits.keys.items[i];

		if (strcmp(name, "cpu") != 0 && strcmp(name, "memory") != 0 &&
		    strcmp(name, "ephemeral-storage") != 0)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "resources.limits.%.60s: there is no such resource here", name);
	}
	if (read_limit(&resources->limits, "cpu", &cpu, err) < 0 ||
	    read_limit(&resources->limits, "memory", &memory, err) < 0)
		return -1;
	ret->cpus = (double)cpu / THOUSANDTHS;
	ret->memory_bytes = (uint64_t)memory / THOUSANDTHS;
	return 0;
}

/* What the container says wins over what the pod says. */
static int plan_user(struct pod_plan *plan, const struct pod_security *pod,
		     const struct pod_security *own, struct lxcri_create_options *ret,
		     struct lxcri_error *err)
{
	int64_t uid = own && own->run_as_user >= 0 ? own->run_as_user : pod ? pod->run_as_user : -1;
	int64_t gid = own && own->run_as_group >= 0 ? own->run_as_group
		      : pod                         ? pod->run_as_group
						    : -1;

	if (uid > UID_MAX || gid > UID_MAX)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "securityContext: a user or group is no number of one");
	if (uid < 0 && gid >= 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "securityContext.runAsGroup: goes with runAsUser alone");
	if (uid >= 0)
		ret->user =
			plan_keep(plan, gid >= 0 ? xformat("%jd:%jd", (intmax_t)uid, (intmax_t)gid)
						 : xformat("%jd", (intmax_t)uid));
	return 0;
}

/* Groups of the pod are those of each process of it. */
static int plan_groups(struct pod_plan *plan, const struct pod_security *pod,
		       struct lxcri_create_options *ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings groups = {};
	uint64_t number;

	if (!pod)
		return 0;
	for (size_t i = 0; i < pod->more_groups.count; i++) {
		if (text_parse_u64(pod->more_groups.items[i], 0, UID_MAX, &number) < 0)
			return fail(err, LXCRI_E_INVALID_MANIFEST,
				    "securityContext.supplementalGroups: \"%.40s\" is no number of "
				    "a group",
				    pod->more_groups.items[i]);
		strings_add(&groups, pod->more_groups.items[i]);
	}
	if (pod->fs_group >= 0)
		strings_addf(&groups, "%jd", (intmax_t)pod->fs_group);
	if (groups.count > 0)
		ret->group_add = plan_list(plan, &groups);
	return 0;
}

static int plan_security(struct pod_plan *plan, const struct pod_plan_source *source,
			 const struct pod_security *own, struct lxcri_create_options *ret,
			 struct lxcri_error *err)
{
	if (plan_user(plan, source->spec->security, own, ret, err) < 0 ||
	    plan_groups(plan, source->spec->security, ret, err) < 0)
		return -1;
	if (!own)
		return 0;
	ret->privileged = own->privileged;
	ret->read_only = own->read_only_root;
	ret->no_new_privileges = !own->may_escalate;
	if (own->capabilities && own->capabilities->add.count > 0)
		ret->cap_add = plan_list(plan, &own->capabilities->add);
	if (own->capabilities && own->capabilities->drop.count > 0)
		ret->cap_drop = plan_list(plan, &own->capabilities->drop);
	return 0;
}

static int plan_pull(const struct pod_container *container, struct lxcri_create_options *ret,
		     struct lxcri_error *err)
{
	static const struct {
		const char *name;
		enum lxcri_pull_policy policy;
	} policies[] = { { "Always", LXCRI_PULL_ALWAYS },
			 { "IfNotPresent", LXCRI_PULL_MISSING },
			 { "Never", LXCRI_PULL_NEVER } };

	ret->pull = LXCRI_PULL_MISSING;
	for (size_t i = 0; container->image_pull_policy && i < ARRAY_LEN(policies); i++)
		if (strcmp(container->image_pull_policy, policies[i].name) == 0) {
			ret->pull = policies[i].policy;
			return 0;
		}
	return container->image_pull_policy ? fail(err, LXCRI_E_INVALID_MANIFEST,
						   "imagePullPolicy: \"%.40s\" is none of Always, "
						   "IfNotPresent and Never",
						   container->image_pull_policy)
					    : 0;
}

int plan_container(struct pod_plan *plan, const struct pod_plan_source *source,
		   const struct pod_container *container, struct lxcri_create_options *ret,
		   struct lxcri_error *err)
{
	ret->id = plan_text(plan, container->name);
	ret->image = plan_text(plan, container->image);
	ret->working_dir = plan_text(plan, container->working_dir);
	ret->open_stdin = container->stdin_open;
	ret->terminal = container->tty;
	if (plan_pull(container, ret, err) < 0 ||
	    plan_resources(container->resources, ret, err) < 0 ||
	    plan_security(plan, source, container->security, ret, err) < 0 ||
	    plan_probes(plan, source, container, ret, err) < 0 ||
	    plan_mounts(plan, source, container, ret, err) < 0)
		return -1;
	return plan_env(plan, source, container, ret, err);
}
