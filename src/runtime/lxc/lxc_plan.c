/* SPDX-License-Identifier: MIT */
/* What the first process of an LXC container is to do, as bytes and back.
 *
 * How it works: one walk over the members, in one place, serves three purposes. A codec that writes
 * appends what it meets, one that reads fills it in, one that frees ends it; so the two directions
 * cannot come apart. Every count is checked against the bytes that are left before anything is
 * allocated for it. */

#include "runtime/lxc/lxc_plan.h"

#include "base/mem.h"
#include "base/scope.h"

#include <string.h>

enum codec_mode { CODEC_WRITE, CODEC_READ, CODEC_FREE };

struct codec {
	enum codec_mode mode;
	struct text *out;
	const char *in;
	size_t left;
	bool broken; /* the bytes did not hold what they should */
};

static void walk_bytes(struct codec *codec, void *bytes, size_t size)
{
	if (codec->mode == CODEC_WRITE) {
		text_append(codec->out, bytes, size);
	} else if (codec->mode == CODEC_READ) {
		if (codec->broken || size > codec->left) {
			codec->broken = true;
			memset(bytes, 0, size);
			return;
		}
		memcpy(bytes, codec->in, size);
		codec->in += size;
		codec->left -= size;
	}
}

#define walk_number(codec, number) walk_bytes(codec, number, sizeof(*(number)))

static void walk_bool(struct codec *codec, bool *value)
{
	uint8_t byte = *value;

	walk_number(codec, &byte);
	if (byte > 1)
		codec->broken = true;
	if (codec->mode == CODEC_READ)
		*value = byte == 1;
}

/* Walks a count; each of the things counted takes at least @least bytes. */
static size_t walk_count(struct codec *codec, size_t count, size_t least)
{
	uint32_t number = (uint32_t)count;

	walk_number(codec, &number);
	if (codec->mode == CODEC_READ && number > codec->left / least) {
		codec->broken = true;
		return 0;
	}
	return number;
}

/* Walks @count members of @size, which are plain bytes or are walked further by the caller; returns
 * where they are. */
static void *walk_array(struct codec *codec, void *items, size_t *count, size_t size, size_t least)
{
	size_t number = walk_count(codec, *count, least);

	if (codec->mode != CODEC_READ)
		return items;
	*count = number;
	return number > 0 ? xcalloc(number, size) : NULL;
}

/* Walks bytes with their length. */
static void walk_blob(struct codec *codec, char **bytes, size_t *size)
{
	*bytes = walk_array(codec, *bytes, size, 1, 1);
	if (*bytes)
		walk_bytes(codec, *bytes, *size);
	if (codec->mode == CODEC_FREE)
		free(*bytes);
}

/* Walks a string that may be NULL; it is written with its NUL. */
static void walk_string(struct codec *codec, char **string)
{
	size_t size = *string && codec->mode == CODEC_WRITE ? strlen(*string) + 1 : 0;

	walk_blob(codec, string, &size);
	if (codec->mode == CODEC_READ && size > 0 &&
	    (codec->broken || memchr(*string, '\0', size) != *string + size - 1)) {
		codec->broken = true;
		(*string)[size - 1] = '\0';
	}
}

static void walk_strings(struct codec *codec, struct strings *strings)
{
	if (codec->mode == CODEC_FREE) {
		strings_finish(strings);
		return;
	}

	size_t count = walk_count(codec, strings->count, sizeof(uint32_t));

	for (size_t i = 0; i < count && !codec->broken; i++) {
		char *item = codec->mode == CODEC_WRITE ? strings->items[i] : NULL;

		walk_string(codec, &item);
		if (codec->mode == CODEC_READ && item)
			strings_add_consume(strings, item);
		else if (codec->mode == CODEC_READ)
			codec->broken = true;
	}
}

static void walk_mount(struct codec *codec, struct lxc_plan_mount *mount)
{
	walk_string(codec, &mount->destination);
	walk_string(codec, &mount->type);
	walk_string(codec, &mount->source);
	walk_strings(codec, &mount->data);
	walk_number(codec, &mount->flags);
	walk_number(codec, &mount->set);
	walk_number(codec, &mount->clear);
	walk_number(codec, &mount->set_all);
	walk_number(codec, &mount->clear_all);
	walk_number(codec, &mount->propagation);
	if (codec->mode == CODEC_READ && (!mount->destination || !mount->type))
		codec->broken = true;
}

static void walk_device(struct codec *codec, struct lxc_plan_device *device)
{
	walk_string(codec, &device->path);
	walk_number(codec, &device->mode);
	walk_number(codec, &device->major);
	walk_number(codec, &device->minor);
	walk_number(codec, &device->uid);
	walk_number(codec, &device->gid);
	if (codec->mode == CODEC_READ && !device->path)
		codec->broken = true;
}

static void walk_hooks(struct codec *codec, struct lxc_plan_hooks *hooks)
{
	hooks->items = walk_array(codec, hooks->items, &hooks->count, sizeof(*hooks->items), 16);
	for (size_t i = 0; i < hooks->count; i++) {
		struct lxc_plan_hook *hook = &hooks->items[i];

		walk_string(codec, &hook->path);
		walk_strings(codec, &hook->args);
		walk_strings(codec, &hook->env);
		walk_number(codec, &hook->timeout_seconds);
		if (codec->mode == CODEC_READ && !hook->path)
			codec->broken = true;
	}
	if (codec->mode == CODEC_FREE)
		free(hooks->items);
}

static void walk_rlimits(struct codec *codec, struct lxc_plan_process *process)
{
	process->rlimits = walk_array(codec, process->rlimits, &process->n_rlimits,
				      sizeof(*process->rlimits), 20);
	for (size_t i = 0; i < process->n_rlimits; i++) {
		walk_number(codec, &process->rlimits[i].resource);
		walk_number(codec, &process->rlimits[i].soft);
		walk_number(codec, &process->rlimits[i].hard);
	}
	if (codec->mode == CODEC_FREE)
		free(process->rlimits);
}

static void walk_process(struct codec *codec, struct lxc_plan_process *process)
{
	walk_strings(codec, &process->args);
	walk_strings(codec, &process->env);
	walk_string(codec, &process->cwd);
	walk_number(codec, &process->uid);
	walk_number(codec, &process->gid);
	process->groups = walk_array(codec, process->groups, &process->n_groups,
				     sizeof(*process->groups), sizeof(*process->groups));
	for (size_t i = 0; i < process->n_groups; i++)
		walk_number(codec, &process->groups[i]);
	if (codec->mode == CODEC_FREE)
		free(process->groups);
	walk_number(codec, &process->umask);
	walk_rlimits(codec, process);
	walk_number(codec, &process->bounding);
	walk_number(codec, &process->permitted);
	walk_number(codec, &process->effective);
	walk_number(codec, &process->inheritable);
	walk_number(codec, &process->ambient);
	walk_bool(codec, &process->no_new_privileges);
	walk_bool(codec, &process->terminal);
	walk_number(codec, &process->rows);
	walk_number(codec, &process->columns);
	walk_number(codec, &process->oom_score_adj);
	walk_number(codec, &process->personality);
	walk_string(codec, &process->apparmor);
	walk_blob(codec, &process->seccomp, &process->seccomp_size);
	walk_number(codec, &process->seccomp_flags);
	if (codec->mode == CODEC_READ && !process->cwd)
		codec->broken = true;
}

static void walk_plan(struct codec *codec, struct lxc_plan *plan)
{
	walk_string(codec, &plan->hostname);
	walk_string(codec, &plan->domainname);
	walk_bool(codec, &plan->new_network_ns);
	walk_bool(codec, &plan->new_cgroup_ns);
	walk_bool(codec, &plan->join_cgroup_ns);
	walk_bool(codec, &plan->read_only_root);
	walk_number(codec, &plan->root_propagation);
	walk_number(codec, &plan->preserve_fds);
	walk_strings(codec, &plan->sysctls);
	plan->mounts = walk_array(codec, plan->mounts, &plan->n_mounts, sizeof(*plan->mounts), 60);
	for (size_t i = 0; i < plan->n_mounts; i++)
		walk_mount(codec, &plan->mounts[i]);
	plan->devices =
		walk_array(codec, plan->devices, &plan->n_devices, sizeof(*plan->devices), 24);
	for (size_t i = 0; i < plan->n_devices; i++)
		walk_device(codec, &plan->devices[i]);
	walk_bool(codec, &plan->own_dev);
	walk_bool(codec, &plan->sent_devices);
	walk_strings(codec, &plan->masked);
	walk_strings(codec, &plan->read_only);
	walk_process(codec, &plan->process);
	walk_string(codec, &plan->state_head);
	walk_string(codec, &plan->state_tail);
	walk_hooks(codec, &plan->create_runtime);
	walk_hooks(codec, &plan->create_container);
	walk_hooks(codec, &plan->start_container);
	walk_hooks(codec, &plan->poststart);
	walk_hooks(codec, &plan->poststop);
	if (codec->mode == CODEC_FREE) {
		free(plan->mounts);
		free(plan->devices);
	} else if (codec->mode == CODEC_READ) {
		/* Odd would leave a sysctl without its value. */
		codec->broken |= plan->sysctls.count % 2 != 0;
		codec->broken |= !plan->state_head || !plan->state_tail;
	}
}

void lxc_plan_encode(const struct lxc_plan *plan, struct text *out)
{
	struct codec codec = { .mode = CODEC_WRITE, .out = out };
	struct lxc_plan copy = *plan;

	walk_plan(&codec, &copy);
}

int lxc_plan_decode(const char *bytes, size_t size, struct lxc_plan *ret, struct lxcri_error *err)
{
	struct codec codec = { .mode = CODEC_READ, .in = bytes, .left = size };
	struct lxc_plan plan = {};

	walk_plan(&codec, &plan);
	if (codec.broken || codec.left > 0) {
		lxc_plan_finish(&plan);
		return fail(err, LXCRI_E_INVALID_FORMAT, "read the plan of a container: malformed");
	}
	*ret = plan;
	return 0;
}

void lxc_plan_finish(struct lxc_plan *plan)
{
	struct codec codec = { .mode = CODEC_FREE };

	walk_plan(&codec, plan);
	*plan = (struct lxc_plan){};
}

void lxc_plan_process_finish(struct lxc_plan_process *process)
{
	struct codec codec = { .mode = CODEC_FREE };

	walk_process(&codec, process);
	*process = (struct lxc_plan_process){};
}
