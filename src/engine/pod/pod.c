/* SPDX-License-Identifier: MIT */
/* A pod's handle: finding it, its state, its end. */

#include "engine/pod/pod.h"

#include "base/fnv.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/event.h"
#include "engine/network/attach.h"
#include "engine/pod/identity.h"
#include "engine/pod/sandbox.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int pod_fail(struct lxcri_error *err, enum lxcri_code code, const char *format, ...)
{
	autofree char *doing = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&doing, format, arguments) < 0)
		doing = NULL;
	va_end(arguments);
	if (err->code == LXCRI_E_CONFIGURATION_FAILED) /* only a network is configured here */
		err->code = LXCRI_E_NETWORK_SETUP_FAILED;
	if (lxcri_code_class(err->code) == LXCRI_CLASS_SYSTEM &&
	    err->code != LXCRI_E_NETWORK_SETUP_FAILED &&
	    err->code != LXCRI_E_NETWORK_CLEANUP_FAILED &&
	    err->code != LXCRI_E_PORT_FORWARDING_FAILED)
		err->code = code;
	return fail_while(err, "%s", doing ? doing : "a pod");
}

void lxcri_pod_free(struct lxcri_pod *pod)
{
	if (!pod)
		return;
	lxcri_container_free(pod->shell);
	pod_note_finish(&pod->note);
	free(pod);
}

const char *lxcri_pod_status_name(enum lxcri_pod_status status)
{
	static const char *const names[] = {
		[LXCRI_POD_CREATED] = "Created",
		[LXCRI_POD_RUNNING] = "Running",
		[LXCRI_POD_STOPPED] = "Stopped",
	};

	return names[status];
}

static int no_such_pod(const char *id, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_POD_NOT_FOUND, "no pod is called %s", id);
}

/* Reads the record into the handle. Returns 1, or 0 when there is none of a whole pod. */
static int load(struct lxcri_pod *pod, struct lxcri_error *err)
{
	struct lxcri_container *shell = pod->shell;
	int r;

	record_finish(&shell->record);
	r = home_load_record(pod->engine, &shell->home, &shell->record, err);
	if (r <= 0 || !shell->record.pod || shell->record.phase != RECORD_READY)
		return r < 0 ? -1 : 0;
	pod_note_finish(&pod->note);
	return pod_note_parse(shell->home.id, shell->record.pod, &pod->note, err) < 0 ? -1 : 1;
}

/* What a boot or a killed command has left of the network is taken back. */
static int settle(struct lxcri_pod *pod, struct lxcri_error *err)
{
	struct lxcri_container *shell = pod->shell;
	int r;

	if (!shell->record.networked || sandbox_is_up(pod->engine, shell->home.id))
		return 0;
	r = sandbox_is_left(pod->engine, shell->home.id)
		    ? 1
		    : attach_is_needed(pod->engine, shell->home.id, err);
	if (r <= 0)
		return r;
	r = home_lock(&shell->home, HOME_TRY, err);
	if (r <= 0)
		return r;
	r = sandbox_is_up(pod->engine, shell->home.id) ? 0 : sandbox_down(shell, err);
	home_unlock(&shell->home);
	return r;
}

/* The same of one that was opened without a look: where a container is alive, the namespaces are
 * there. */
static int settle_known(struct lxcri_pod *pod, const struct pod_look *look, struct lxcri_error *err)
{
	return pod->roster && look->alive == 0 ? settle(pod, err) : 0;
}

/* Has what is half made removed, as any look at a container does. */
static int recover(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	struct lxcri_container *other = NULL;
	int r = lxcri_container_open(engine, id, &other, err);

	lxcri_container_free(other);
	if (r < 0 && err->code != LXCRI_E_CONTAINER_NOT_FOUND)
		return -1;
	*err = (struct lxcri_error){};
	return no_such_pod(id, err);
}

static struct lxcri_pod *create_handle(struct lxcri_engine *engine)
{
	struct lxcri_pod *pod = xnew(struct lxcri_pod);

	pod->engine = engine;
	pod->shell = xnew(struct lxcri_container);
	pod->shell->engine = engine;
	pod->shell->home = HOME_NULL;
	return pod;
}

int pod_open_known(struct lxcri_engine *engine, struct roster *roster,
		   struct record *record_consume, struct lxcri_pod **ret_pod,
		   struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = create_handle(engine);

	pod->roster = roster;
	pod->shell->record = *record_consume;
	*record_consume = (struct record){};
	pod->shell->home = home_name(engine, pod->shell->record.id);
	if (pod_note_parse(pod->shell->home.id, pod->shell->record.pod, &pod->note, err) < 0)
		return -1;
	*ret_pod = steal(pod);
	return 0;
}

int lxcri_pod_open(struct lxcri_engine *engine, const char *id, struct lxcri_pod **ret_pod,
		   struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = create_handle(engine);
	int found;

	if (engine_check_id(id, err) < 0 || home_open(engine, id, &pod->shell->home, err) < 0)
		return -1;
	if (!home_is_persistent(&pod->shell->home))
		return no_such_pod(id, err);
	found = load(pod, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return recover(engine, id, err);
	if (settle(pod, err) < 0)
		return -1;
	*ret_pod = steal(pod);
	return 0;
}

int pod_lock(struct lxcri_pod *pod, struct lxcri_error *err)
{
	int found;

	if (home_lock(&pod->shell->home, HOME_WAIT, err) < 0)
		return -1;
	found = load(pod, err);
	if (found > 0)
		return 0;
	home_unlock(&pod->shell->home);
	return found < 0 ? -1 : no_such_pod(pod->shell->home.id, err);
}

/* All pods have a byte each in one file, by their id: whoever looks at all of them asks once. */
static int open_endings(const struct lxcri_engine *engine, int flags)
{
	autofree char *path = xformat("%s/ending", engine->root);

	return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
}

static struct flock place_of(const char *id, short type)
{
	uint64_t sum = FNV_START;

	for (; *id; id++)
		sum = fnv_add(sum, (unsigned char)*id);
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(sum >> 2), .l_len = 1
	};
}

int pod_mark_ending(const struct lxcri_engine *engine, const char *id)
{
	autoclose int fd = open_endings(engine, O_CREAT);
	struct flock lock = place_of(id, F_RDLCK); /* shared: two may end it at once */

	return fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : steal_fd(&fd);
}

bool pod_is_ending(const struct lxcri_engine *engine, const char *id)
{
	autoclose int fd = open_endings(engine, 0);
	const struct flock place = place_of(id, F_WRLCK);

	return fd >= 0 && file_find_lock(fd, &place, NULL) > 0;
}

bool pod_any_is_ending(const struct lxcri_engine *engine)
{
	autoclose int fd = open_endings(engine, 0);

	return fd >= 0 && file_find_lock(fd, NULL, NULL) > 0;
}

bool pod_is_ready(const struct lxcri_pod_state *state)
{
	return state->status == LXCRI_POD_RUNNING && state->n_ready == state->n_containers &&
	       !state->ending;
}

static void count(const struct lxcri_state *state, struct pod_look *look)
{
	bool runs = state->status == LXCRI_STATUS_RUNNING || state->status == LXCRI_STATUS_PAUSED;

	look->containers++;
	look->created += state->status == LXCRI_STATUS_CREATED;
	look->running += runs;
	look->ready += runs && (!state->health || strcmp(state->health, "healthy") == 0);
	look->restarts += state->restarts;
}

void pod_look_add(struct pod_look *look, const struct lxcri_state *state, bool is_first)
{
	look->alive += state->status != LXCRI_STATUS_STOPPED;
	look->has_run |= state->started_ns > 0 || state->status == LXCRI_STATUS_STOPPED;
	if (!is_first)
		count(state, look);
	else
		look->running += state->status == LXCRI_STATUS_RUNNING;
}

static int look_at_member(struct lxcri_pod *pod, const struct pod_member *member,
			  struct pod_look *look, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error gone = {};
	struct lxcri_state state;

	if (roster_open(pod->roster, pod->engine, member->id, &container, &gone) < 0) {
		if (gone.code == LXCRI_E_CONTAINER_NOT_FOUND)
			return 0; /* its pod is about to go, too */
		*err = gone;
		return -1;
	}
	container_describe(container, &state);
	pod_look_add(look, &state, member->is_first);
	return 0;
}

int pod_look(struct lxcri_pod *pod, struct pod_look *ret, struct lxcri_error *err)
{
	*ret = (struct pod_look){};
	for (size_t i = 0; i < pod->note.n_members; i++)
		if (look_at_member(pod, &pod->note.members[i], ret, err) < 0)
			return -1;
	return 0;
}

static enum lxcri_pod_status status_by_containers(const struct pod_look *look)
{
	if (look->running > 0)
		return LXCRI_POD_RUNNING;
	return look->has_run ? LXCRI_POD_STOPPED : LXCRI_POD_CREATED;
}

enum lxcri_pod_status pod_status(const struct lxcri_pod *pod, const struct pod_look *look)
{
	/* One without containers is what its namespaces are. */
	if (pod->note.n_members == 0)
		return !sandbox_is_up(pod->engine, pod->shell->home.id) ? LXCRI_POD_STOPPED
		       : pod->shell->record.wanted                      ? LXCRI_POD_RUNNING
									: LXCRI_POD_CREATED;
	return status_by_containers(look);
}

void pod_describe(const struct pod_note *note, const struct pod_look *look,
		  struct lxcri_pod_state *ret_state)
{
	*ret_state = (struct lxcri_pod_state){
		.name_space = note->name_space,
		.hostname = note->hostname,
		.owner = note->owner,
		.status = status_by_containers(look),
		.n_containers = look->containers,
		.n_running = look->running,
		.n_ready = look->ready,
		.restarts = look->restarts,
	};
}

int lxcri_pod_state(struct lxcri_pod *pod, struct lxcri_pod_state *ret_state,
		    struct lxcri_error *err)
{
	struct pod_look look;

	if (pod_look(pod, &look, err) < 0 || settle_known(pod, &look, err) < 0)
		return fail_while(err, "look at pod %s", pod->shell->home.id);
	pod_describe(&pod->note, &look, ret_state);
	ret_state->id = pod->shell->home.id;
	ret_state->manifest = json_get_text(pod->note.annotations, POD_MANIFEST_SUM);
	ret_state->type = pod->shell->record.type;
	ret_state->status = pod_status(pod, &look);
	ret_state->created_ns = pod->shell->record.created_ns;
	ret_state->ending = pod_is_ending(pod->engine, pod->shell->home.id);
	return 0;
}

/* Removes one container of a pod. None is fine. */
static int remove_member(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error gone = {};
	int r = lxcri_container_open(engine, id, &container, &gone);

	if (r == 0)
		r = container_lock(container, &gone);
	if (r < 0) {
		*err = gone;
		return gone.code == LXCRI_E_CONTAINER_NOT_FOUND ? 0 : -1;
	}
	r = container_remove(container, err);
	home_unlock(&container->home);
	return r;
}

int pod_teardown(struct lxcri_container *shell, struct lxcri_error *err)
{
	autorun(pod_note_finish) struct pod_note note = {};

	if (pod_note_parse(shell->home.id, shell->record.pod, &note, err) < 0)
		return -1;
	for (size_t i = note.n_members; i-- > 0;)
		if (remove_member(shell->engine, note.members[i].id, err) < 0)
			return fail_while(err, "remove container %s", note.members[i].id);
	*err = (struct lxcri_error){}; /* of what was gone */
	if (sandbox_down(shell, err) < 0 ||
	    (note.keep_identity && identity_keep(shell->engine, shell->home.id, err) < 0))
		return -1;
	return home_remove(shell->engine, &shell->home, err);
}
