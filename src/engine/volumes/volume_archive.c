/* SPDX-License-Identifier: MIT */
/* Volumes as archives. lxcri-copy packs and unpacks, confined to the volume. */

#include "base/mem.h"
#include "base/moment.h"
#include "engine/container.h"
#include "engine/event.h"
#include "engine/usage.h"
#include "engine/volumes/volume.h"
#include "engine/volumes/volume_draft.h"
#include "engine/volumes/volume_notes.h"
#include "engine/volumes/volumes.h"
#include "transfer/copy.h"

#include <errno.h>
#include <fcntl.h>

int lxcri_volume_export(struct lxcri_engine *engine, const char *name, int fd,
			struct lxcri_error *err)
{
	autofree char *path = xformat("%s/volumes/%s/" VOLUME_DATA, engine->data, name);
	const struct copy_options options = { .archive = true };
	autoclose int data = -1;

	if (volumes_get(engine, name, err) < 0)
		return -1;
	data = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s", path);

	const struct copy_end from = { .root = data, .stream = -1, .path = "/." };
	const struct copy_end to = { .root = -1, .stream = fd };

	return copy_run(&from, &to, &options, err) < 0
		       ? fail_as(err, LXCRI_E_COPY_FAILED, "export the volume %s", name)
		       : 0;
}

/* The containers that mount a volume, which must not start meanwhile. */
struct holders {
	struct lxcri_container **containers;
	size_t count;
};

static void holders_finish(struct holders *holders)
{
	for (size_t i = 0; i < holders->count; i++) {
		home_unlock(&holders->containers[i]->home);
		lxcri_container_free(holders->containers[i]);
	}
	free(holders->containers);
	*holders = (struct holders){};
}

/* Nobody waits here with a lock of somebody else's. */
static int hold(struct lxcri_engine *engine, const char *id, struct holders *holders,
		struct lxcri_error *err)
{
	struct lxcri_container *container = NULL;
	int r;

	if (lxcri_container_open(engine, id, &container, err) < 0)
		return -1;
	holders->containers = xreallocarray(holders->containers, holders->count + 1,
					    sizeof(*holders->containers));
	holders->containers[holders->count++] = container;
	r = home_lock(&container->home, HOME_TRY, err);
	if (r == 0)
		return fail(err, LXCRI_E_INVALID_STATE, "a command is at work on container %s", id);
	if (r < 0 || container_refresh(container, err) < 0)
		return -1;
	return container->status == LXCRI_STATUS_STOPPED
		       ? 0
		       : fail(err, LXCRI_E_INVALID_STATE,
			      "container %s, which mounts it, is %s; stop it first", id,
			      lxcri_status_name(container->status));
}

static int hold_all(struct lxcri_engine *engine, const char *name, struct holders *holders,
		    struct lxcri_error *err)
{
	autorun(strings_finish) struct strings ids = {};

	if (volumes_users(engine, name, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.count; i++)
		if (hold(engine, ids.items[i], holders, err) < 0)
			return -1;
	return 0;
}

/* Puts the draft in its place. Who makes a container waits for the lock of usages, so that those
 * who are held are all. */
static int put(struct lxcri_engine *engine, struct volume_draft *draft, const char *name,
	       struct lxcri_error *err)
{
	autorun(holders_finish) struct holders holders = {};
	autoclose int lock = usage_lock(engine, USAGE_ALONE, err);
	int r;

	if (lock < 0 || hold_all(engine, name, &holders, err) < 0)
		return -1;
	r = volume_draft_commit(draft, name, VOLUME_REPLACE, err);
	if (r == 0)
		r = volume_draft_commit(draft, name, VOLUME_NEW, err);
	return r == 0 ? fail(err, LXCRI_E_INVALID_STATE, "somebody else has just made it") : r;
}

/* What is known of a volume that is there stays true. */
static int take_notes(struct lxcri_engine *engine, const char *name, int dir,
		      struct lxcri_error *err)
{
	autorun(volume_notes_finish) struct volume_notes notes = {};
	int r;

	if (volume_notes_load(engine->data, name, &notes, err) < 0)
		return -1;
	if (notes.created_ns == 0)
		notes.created_ns = moment_now();
	r = volume_notes_save(dir, &notes);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write its notes") : 0;
}

static int import(struct lxcri_engine *engine, const char *name, int fd, struct lxcri_error *err)
{
	autorun(volume_draft_finish) struct volume_draft draft = VOLUME_DRAFT_NULL;
	const struct copy_options options = { .archive = true, .top = true };
	const struct copy_end from = { .root = -1, .stream = fd };
	struct copy_end to = { .stream = -1, .path = "/" VOLUME_DATA };

	if (!engine_database(engine, err) || volume_draft_open(engine->data, &draft, err) < 0)
		return -1;
	to.root = draft.dir;
	if (copy_run(&from, &to, &options, err) < 0 ||
	    take_notes(engine, name, draft.dir, err) < 0 || put(engine, &draft, name, err) < 0)
		return -1;
	engine_event(engine, "volume", "import", name, NULL);
	return 0;
}

int lxcri_volume_import(struct lxcri_engine *engine, const char *name, int fd,
			struct lxcri_error *err)
{
	if (!volume_name_is_valid(name))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.255s\" is not a name for a volume",
			    name);
	return import(engine, name, fd, err) < 0
		       ? fail_as(err, LXCRI_E_COPY_FAILED, "import the volume %s", name)
		       : 0;
}
