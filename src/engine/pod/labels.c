/* SPDX-License-Identifier: MIT */
/* Labels of pods. */

#include "engine/pod/labels.h"

#include "base/mem.h"

#include <string.h>

/* Makes an object of NAME=VALUE. */
static int read_words(struct json_object **ret, const char *what, const char *const *words,
		      struct lxcri_error *err)
{
	autojson object = json_object_new_object();

	for (size_t i = 0; words && words[i]; i++) {
		const char *equals = strchr(words[i], '=');
		autofree char *name =
			equals ? xstrndup(words[i], (size_t)(equals - words[i])) : NULL;

		if (!name || !*name)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s \"%.60s\" is not NAME=VALUE",
				    what, words[i]);
		json_set_text(object, name, equals + 1);
	}
	json_free(*ret);
	*ret = steal(object);
	return 0;
}

int labels_fill(struct pod_note *note, const char *const *labels, const char *const *annotations,
		struct lxcri_error *err)
{
	if (read_words(&note->labels, "label", labels, err) < 0)
		return -1;
	return read_words(&note->annotations, "annotation", annotations, err);
}

static int change_locked(struct lxcri_pod *pod, const char *const *labels,
			 const char *const *annotations, struct lxcri_error *err)
{
	struct record *record = &pod->shell->record;

	if (labels_fill(&pod->note, labels, annotations, err) < 0)
		return -1;
	json_free(record->pod);
	record->pod = pod_note_format(&pod->note);
	return home_save_record(pod->engine, &pod->shell->home, record, err) < 0 ? -1 : 1;
}

int labels_change(struct lxcri_pod *pod, const char *const *labels, const char *const *annotations,
		  struct lxcri_error *err)
{
	struct pod_note wanted = {};
	int r = labels_fill(&wanted, labels, annotations, err);
	bool is_same = r == 0 && json_object_equal(wanted.labels, pod->note.labels) &&
		       json_object_equal(wanted.annotations, pod->note.annotations);

	pod_note_finish(&wanted);
	if (r < 0 || is_same)
		return r;
	if (pod_lock(pod, err) < 0)
		return -1;
	r = change_locked(pod, labels, annotations, err);
	home_unlock(&pod->shell->home);
	return r;
}
