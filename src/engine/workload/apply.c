/* SPDX-License-Identifier: MIT */
/* Making what manifests say true.
 *
 * All is read and checked first. Then it is written down, as one transaction, and made true object
 * by object, pods side by side: were the command killed there, lxcri_manifest_converge() goes on. A
 * failure writes down what was there before and makes that true again, but for what somebody else
 * has changed while pods were waited for. */

#include "base/log.h"
#include "base/mem.h"
#include "engine/network/create.h"
#include "engine/pod/crew.h"
#include "engine/pod/ct_manifest.h"
#include "engine/pod/pod.h"
#include "engine/service/demand.h"
#include "engine/workload/remove.h"
#include "engine/workload/service.h"
#include "lxcri/network.h"
#include "os/storage/reserve.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What going back takes, of which most is what a pod of before needs. */
#define ROOM_BYTES      (UINT64_C(256) << 10)
#define ROOM_BYTES_EACH (UINT64_C(64) << 10)
#define ROOM_BYTES_MAX  (UINT64_C(16) << 20)

struct change {
	const struct object *object;
	const char *source; /* where it was read, borrowed */
	char *before;       /* the document; NULL: it was not there */
	int64_t revision_before;
	struct service_row row_before; /* of a service: the addresses and ports that it had */
	bool is_same;                  /* as it is to be */
	bool is_lost;                  /* somebody else has changed it since */
};

struct apply {
	struct lxcri_engine *engine;
	const struct lxcri_manifest_options *options;
	struct object_list *lists; /* one a manifest */
	size_t n_lists;
	struct change *changes; /* in the order in which they are made true */
	size_t n_changes;
	struct strings networks; /* that were made for it */
	struct strings ran;      /* pods of before that may be replaced */
	int room;                /* on the disk, that is kept for going back */
};

static void change_finish(struct change *change)
{
	free(change->before);
	service_row_finish(&change->row_before);
}

static void apply_finish(struct apply *apply)
{
	for (size_t i = 0; i < apply->n_lists; i++)
		object_list_finish(&apply->lists[i]);
	for (size_t i = 0; i < apply->n_changes; i++)
		change_finish(&apply->changes[i]);
	free(apply->lists);
	free(apply->changes);
	strings_finish(&apply->networks);
	strings_finish(&apply->ran);
	closep(&apply->room);
}

static int read_manifest(struct lxcri_engine *engine, const struct lxcri_manifest *manifest,
			 const struct lxcri_manifest_options *options, struct object_list *ret,
			 struct lxcri_error *err)
{
	const struct field_reader reader = { .source = manifest->source,
					     .is_strict = !options->warn_unknown,
					     .judge = ct_manifest_judge,
					     .judge_data = engine,
					     .warn = options->warn,
					     .userdata = options->userdata,
					     .err = err };

	return object_list_parse(manifest->bytes, manifest->size, &reader, ret);
}

static bool is_same_object(const struct object *a, const struct object *b)
{
	return a->kind == b->kind && strcmp(a->meta->name, b->meta->name) == 0 &&
	       strcmp(a->meta->name_space, b->meta->name_space) == 0;
}

static int add_change(struct apply *apply, const struct object *object, const char *source,
		      struct lxcri_error *err)
{
	for (size_t i = 0; i < apply->n_changes; i++)
		if (is_same_object(apply->changes[i].object, object))
			return fail(err, LXCRI_E_INVALID_MANIFEST,
				    "%s:%u: the %s %s is in another file as well", source,
				    object->line, object_kind_name(object->kind),
				    object->meta->name);
	apply->changes =
		xreallocarray(apply->changes, apply->n_changes + 1, sizeof(*apply->changes));
	apply->changes[apply->n_changes++] = (struct change){ .object = object, .source = source };
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct object *left = ((const struct change *)a)->object;
	const struct object *right = ((const struct change *)b)->object;

	/* The kinds are in the order in which one needs the other. */
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return strcmp(left->meta->name, right->meta->name);
}

static int read_all(struct apply *apply, const struct lxcri_manifest *manifests, size_t n_manifests,
		    struct lxcri_error *err)
{
	apply->lists = n_manifests ? xcalloc(n_manifests, sizeof(*apply->lists)) : NULL;
	for (size_t i = 0; i < n_manifests; i++) {
		struct object_list *list = &apply->lists[apply->n_lists++];

		if (read_manifest(apply->engine, &manifests[i], apply->options, list, err) < 0)
			return -1;
		for (size_t k = 0; k < list->count; k++)
			if (add_change(apply, &list->items[k], manifests[i].source, err) < 0)
				return -1;
	}
	if (apply->n_changes > 0)
		qsort(apply->changes, apply->n_changes, sizeof(*apply->changes), compare);
	return 0;
}

static int note_before(void *userdata, const struct object_key *key, const char *document,
		       int64_t revision, struct lxcri_error *err)
{
	struct change *change = userdata;
	autojson before = json_tokener_parse(document);

	change->before = xstrdup(document);
	change->revision_before = revision;
	change->is_same = json_object_equal(before, change->object->document);
	return 0;
}

/* Tells whether the pod @id is there and has @status. */
static bool has_status(struct lxcri_engine *engine, const char *id, enum lxcri_pod_status status,
		       struct lxcri_pod **ret_pod)
{
	struct lxcri_error ignored = {};
	struct pod_look look;

	return lxcri_pod_open(engine, id, ret_pod, &ignored) == 0 &&
	       pod_look(*ret_pod, &look, &ignored) == 0 && pod_status(*ret_pod, &look) == status;
}

static int note_running(struct apply *apply, const struct change *change, struct lxcri_error *err)
{
	autofree char *owner = shelf_owner(change->object);
	autorun(strings_finish) struct strings ids = {};

	if (change->is_same || !change->before || change->object->kind < OBJECT_POD)
		return 0;
	if (converge_list(apply->engine, owner, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.count; i++) {
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;

		if (has_status(apply->engine, ids.items[i], LXCRI_POD_RUNNING, &pod))
			strings_add(&apply->ran, ids.items[i]);
	}
	return 0;
}

/* Of one that could not be removed there may be no more left to undo than its stop. */
static void start_again(struct apply *apply)
{
	for (size_t i = 0; i < apply->ran.count; i++) {
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
		struct lxcri_error second = {};

		if (has_status(apply->engine, apply->ran.items[i], LXCRI_POD_STOPPED, &pod) &&
		    lxcri_pod_start(pod, &second) < 0)
			log_error("undo: %s", second.text);
	}
}

static int look_back(struct apply *apply, struct lxcri_error *err)
{
	struct database *database;

	/* A dry run makes nothing, not even a database. */
	if (apply->options->dry_run && !database_exists(apply->engine->data))
		return 0;
	database = engine_database(apply->engine, err);
	for (size_t i = 0; database && i < apply->n_changes; i++) {
		struct change *change = &apply->changes[i];
		const struct object_key key = shelf_key(change->object);

		if (objects_each(database, &key, note_before, change, err) < 0 ||
		    (change->object->service &&
		     service_find(apply->engine, change->object, &change->row_before, err) < 0) ||
		    note_running(apply, change, err) < 0)
			return -1;
	}
	return database ? 0 : -1;
}

/* What is to be applied comes before what was. */
static int find(void *userdata, enum object_kind kind, const char *name_space, const char *name,
		struct object *ret, struct lxcri_error *err)
{
	const struct apply *apply = userdata;

	for (size_t i = 0; i < apply->n_changes; i++) {
		const struct object *object = apply->changes[i].object;
		autofree char *document = NULL;

		if (object->kind != kind || strcmp(object->meta->name, name) != 0 ||
		    strcmp(object->meta->name_space, name_space) != 0)
			continue;
		document = json_format_line(object->document);
		return shelf_parse(document, ret, err) < 0 ? -1 : 1;
	}
	return shelf_find(apply->engine, kind, name_space, name, ret, err);
}

static int check_all(struct apply *apply, struct lxcri_error *err)
{
	for (size_t i = 0; i < apply->n_changes; i++)
		if (converge_check(apply->engine, apply->changes[i].object, find, apply, err) < 0)
			return -1;
	return 0;
}

/* The network of each namespace with pods. */
static int make_networks(struct apply *apply, struct lxcri_error *err)
{
	for (size_t i = 0; i < apply->n_changes; i++) {
		const struct object *object = apply->changes[i].object;
		const struct lxcri_bridge_config config = { .name = object->meta->name_space };
		autorun(network_row_finish) struct network_row row = {};
		struct database *database = engine_database(apply->engine, err);
		int r;

		if ((!object->pod && !object->set && !object->service) ||
		    strcmp(config.name, "default") == 0)
			continue;
		r = database ? networks_find(database, config.name, NULL, &row, err) : -1;
		if (r == 0) {
			r = lxcri_network_create_deployment_bridge(apply->engine, &config, err);
			if (r == 0)
				strings_add(&apply->networks, config.name);
		}
		if (r < 0)
			return fail_while(err, "make the network of the namespace %s", config.name);
	}
	return 0;
}

static int write_one(struct database *database, const struct change *change, bool back,
		     struct lxcri_error *err)
{
	const struct object_key key = shelf_key(change->object);
	autofree char *document = json_format_line(change->object->document);

	if (change->is_same || change->is_lost)
		return 0;
	if (!back)
		return objects_put(database, &key, document, change->revision_before + 1, err);
	if (!change->before)
		return objects_delete(database, &key, err);
	if (objects_delete_revision(database, &key, change->revision_before + 1, err) < 0)
		return -1;
	return objects_put(database, &key, change->before, change->revision_before, err);
}

/* Writes all down, or with @back what was there before. */
/* On a disk that is full there would be no way back. */
static int keep_room(struct apply *apply, struct lxcri_error *err)
{
	uint64_t bytes = ROOM_BYTES + apply->n_changes * ROOM_BYTES_EACH;
	const char *data = apply->engine->data;

	bytes = bytes < ROOM_BYTES_MAX ? bytes : ROOM_BYTES_MAX;
	apply->room = reserve_room(data, bytes);
	if (apply->room >= 0 || apply->room == -EOPNOTSUPP)
		return 0;
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, apply->room,
			       "keep %" PRIu64 " KiB in %s, for going back if it fails",
			       bytes >> 10, data);
}

static int write_all(struct apply *apply, bool back, struct lxcri_error *err)
{
	struct database *database = engine_database(apply->engine, err);
	int r = 0;

	if (!database || database_begin(database, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < apply->n_changes; i++)
		r = write_one(database, &apply->changes[i], back, err);
	if (r == 0 && database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return -1;
}

static int undo_one(struct apply *apply, const struct change *change, struct lxcri_error *err)
{
	autorun(object_finish) struct object before = { .kind = change->object->kind };

	if (!change->before)
		return converge_remove(apply->engine, change->object, err);
	if (shelf_parse(change->before, &before, err) < 0)
		return -1;
	return before.service ? service_restore(apply->engine, &before, &change->row_before, err)
			      : converge(apply->engine, &before, err);
}

/* While something was waited for others could change anything: what they have changed is theirs. */
static void find_lost(struct apply *apply)
{
	struct lxcri_error ignored = {};

	for (size_t i = 0; i < apply->n_changes; i++)
		apply->changes[i].is_lost =
			shelf_has(apply->engine, apply->changes[i].object, &ignored) == 0;
}

/* The first change of @kind or of one that comes behind it. */
static size_t first_of(const struct apply *apply, enum object_kind kind)
{
	size_t i = 0;

	while (i < apply->n_changes && apply->changes[i].object->kind < kind)
		i++;
	return i;
}

/* Has @work be done for all pods, side by side: none of them needs another one, or is waited for.
 */
static int each_pod(struct apply *apply,
		    int (*work)(void *userdata, size_t job, struct lxcri_error *err),
		    void (*done)(void *userdata, size_t job, int result), struct lxcri_error *err)
{
	const struct crew crew = { .engine = apply->engine,
				   .count = first_of(apply, OBJECT_POD + 1) -
					    first_of(apply, OBJECT_POD),
				   .work = work,
				   .done = done,
				   .userdata = apply };

	return crew_run(&crew, err);
}

static void undo_change(struct apply *apply, size_t i)
{
	const struct change *change = &apply->changes[i];
	struct lxcri_error err = {};

	if (!change->is_same && !change->is_lost && undo_one(apply, change, &err) < 0)
		log_error("undo: %s", err.text);
}

static int undo_pod(void *userdata, size_t job, struct lxcri_error *err)
{
	undo_change(userdata, first_of(userdata, OBJECT_POD) + job);
	return 0;
}

/* Makes true again what was before, also of what we have not come to: the service may have, while
 * something was waited for. What cannot be is told. */
static void undo(struct apply *apply)
{
	struct lxcri_error second = {};

	find_lost(apply);
	if (write_all(apply, true, &second) < 0)
		log_error("%s", second.text);
	for (size_t i = apply->n_changes; i-- > first_of(apply, OBJECT_POD + 1);)
		undo_change(apply, i);
	second = (struct lxcri_error){};
	if (each_pod(apply, undo_pod, NULL, &second) < 0)
		log_error("undo: %s", second.text);
	start_again(apply);
	for (size_t i = first_of(apply, OBJECT_POD); i-- > 0;)
		undo_change(apply, i);
	for (size_t i = 0; i < apply->networks.count; i++)
		if (lxcri_network_remove(apply->engine, apply->networks.items[i], &second) < 0)
			log_error("undo: %s", second.text);
}

static void tell(const struct apply *apply, const struct change *change)
{
	const struct lxcri_manifest_options *options = apply->options;
	const struct object_key key = shelf_key(change->object);

	if (options->tell)
		options->tell(options->userdata, key.kind, key.name_space, key.name,
			      !change->before   ? "created"
			      : change->is_same ? "unchanged"
						: "configured");
}

/* Makes one true, or leaves that to the service. Returns 0 when somebody else has changed it: then
 * it is theirs, and @err says so. */
static int make_one(struct apply *apply, const struct object *object, struct lxcri_error *err)
{
	struct lxcri_error ignored = {};
	int r = shelf_has(apply->engine, object, err);

	if (r == 0)
		(void)shelf_lost(object, err);
	if (r <= 0 || (apply->options->no_wait && object->set))
		return r;
	if (converge(apply->engine, object, err) == 0)
		return 1;
	return shelf_has(apply->engine, object, &ignored) == 0 ? 0 : -1;
}

/* Adds where what cannot be made was asked for. */
static int fail_at(const struct change *change, struct lxcri_error *err)
{
	return fail_while(err, "%s:%u: %s %s", change->source, change->object->line,
			  object_kind_name(change->object->kind), change->object->meta->name);
}

static int make_pod(void *userdata, size_t job, struct lxcri_error *err)
{
	const struct apply *apply = userdata;
	const struct change *change = &apply->changes[first_of(apply, OBJECT_POD) + job];

	return converge(apply->engine, change->object, err) < 0 ? fail_at(change, err) : 0;
}

static void tell_pod(void *userdata, size_t job, int result)
{
	const struct apply *apply = userdata;

	(void)result;
	tell(apply, &apply->changes[first_of(apply, OBJECT_POD) + job]);
}

/* Makes those from @first to before @end. What somebody else has changed is no failure yet: it is
 * told by @lost. */
static int make_range(struct apply *apply, size_t first, size_t end, struct lxcri_error *lost,
		      struct lxcri_error *err)
{
	for (size_t i = first; i < end; i++) {
		struct lxcri_error one = {};
		int r = make_one(apply, apply->changes[i].object, &one);

		if (r > 0)
			tell(apply, &apply->changes[i]);
		else if (r == 0 && lost->code == LXCRI_E_NONE)
			*lost = one;
		if (r < 0) {
			*err = one;
			return fail_at(&apply->changes[i], err);
		}
	}
	return 0;
}

/* Nothing is waited for before the pods are made: they are nobody else's until then. */
static int make_all(struct apply *apply, struct lxcri_error *err)
{
	const size_t first_set = first_of(apply, OBJECT_POD + 1);
	struct lxcri_error lost = {};

	if (make_range(apply, 0, first_of(apply, OBJECT_POD), &lost, err) < 0 ||
	    each_pod(apply, make_pod, tell_pod, err) < 0 ||
	    make_range(apply, first_set, apply->n_changes, &lost, err) < 0) {
		closep(&apply->room);
		undo(apply);
		return -1;
	}
	if (lost.code == LXCRI_E_NONE)
		return 0;
	*err = lost;
	return -1;
}

struct pruning {
	const struct apply *apply;
	struct object_list gone;
};

static int note_gone(void *userdata, const struct object_key *key, const char *document,
		     int64_t revision, struct lxcri_error *err)
{
	struct pruning *pruning = userdata;
	struct object object = {};

	if (shelf_parse(document, &object, err) < 0)
		return -1;
	for (size_t i = 0; i < pruning->apply->n_changes; i++)
		if (is_same_object(pruning->apply->changes[i].object, &object)) {
			object_finish(&object);
			return 0;
		}
	pruning->gone.items = xreallocarray(pruning->gone.items, pruning->gone.count + 1,
					    sizeof(*pruning->gone.items));
	pruning->gone.items[pruning->gone.count++] = object;
	return 0;
}

/* Removes what was applied and is named no more, in the namespaces that are. */
static int prune(struct apply *apply, struct lxcri_error *err)
{
	static const struct object_key all;
	struct pruning pruning = { .apply = apply };
	struct database *database = engine_database(apply->engine, err);
	int r = database ? objects_each(database, &all, note_gone, &pruning, err) : -1;

	for (size_t i = pruning.gone.count; r >= 0 && i-- > 0;) {
		const struct object *object = &pruning.gone.items[i];
		bool is_named = false;

		for (size_t k = 0; k < apply->n_changes; k++)
			is_named |= strcmp(apply->changes[k].object->meta->name_space,
					   object->meta->name_space) == 0;
		if (is_named)
			r = remove_object(apply->engine, object, apply->options, err);
	}
	object_list_finish(&pruning.gone);
	return r < 0 ? -1 : 0;
}

static int run(struct apply *apply, const struct lxcri_manifest *manifests, size_t n_manifests,
	       struct lxcri_error *err)
{
	if (read_all(apply, manifests, n_manifests, err) < 0 || look_back(apply, err) < 0 ||
	    check_all(apply, err) < 0)
		return -1;
	if (apply->options->dry_run) {
		for (size_t i = 0; i < apply->n_changes; i++)
			tell(apply, &apply->changes[i]);
		return 0;
	}
	if (keep_room(apply, err) < 0 || make_networks(apply, err) < 0 ||
	    write_all(apply, false, err) < 0) {
		struct lxcri_error second = {};

		for (size_t i = 0; i < apply->networks.count; i++)
			(void)lxcri_network_remove(apply->engine, apply->networks.items[i],
						   &second);
		return -1;
	}
	if (make_all(apply, err) < 0 || (apply->options->prune && prune(apply, err) < 0))
		return -1;
	return apply->options->no_wait ? demand_look_again(apply->engine, err) : 0;
}

int lxcri_manifest_apply(struct lxcri_engine *engine, const struct lxcri_manifest *manifests,
			 size_t n_manifests, const struct lxcri_manifest_options *options,
			 struct lxcri_error *err)
{
	static const struct lxcri_manifest_options none;
	autorun(apply_finish) struct apply apply = { .engine = engine,
						     .options = options ? options : &none,
						     .room = -1 };
	autoclose int lock = -1;

	int r;

	if (!apply.options->dry_run) {
		lock = shelf_lock(engine, err);
		if (lock < 0 || engine_defer(engine, err) < 0)
			return -1;
	}
	r = run(&apply, manifests, n_manifests, err);
	if (!apply.options->dry_run)
		r = engine_settle(engine, r, err);
	return r < 0 ? fail_while(err, "apply") : 0;
}
