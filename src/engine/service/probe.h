/* SPDX-License-Identifier: MIT */
#pragma once

/* Probes: up to three questions that are asked of a container again and again, each with what comes
 * of it: whether it has started, lives, is ready. They stand in its record; what came of them
 * stands in its run directory and holds for one run. */

#include "base/fail.h"
#include "base/json.h"
#include "base/strings.h"
#include "lxcri/service.h"

#include <stdint.h>

enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };

struct probe {
	bool is_there;
	enum lxcri_probe_by by;
	struct strings command;
	char *address; /* NULL: the container's own */
	uint16_t port;
	char *path;
	struct strings headers; /* "NAME: VALUE" */
	int64_t delay_seconds;
	int64_t period_seconds;
	int64_t timeout_seconds;
	int64_t successes;
	int64_t failures;
	int64_t grace_seconds;
};

/* Frees what @probe holds. Safe to repeat. */
void probe_finish(struct probe *probe);

/* As probes_choose() and probes_parse(), of one question that is asked once. */
[[nodiscard]] int probe_format(const struct lxcri_probe *asked, struct json_object **ret,
			       struct lxcri_error *err);
[[nodiscard]] bool probe_parse_one(struct json_object *object, struct probe *ret);

/* Zeroed is none. */
struct probes {
	struct probe of[PROBE_KINDS];
};

/* Frees what @probes holds. Safe to repeat. */
void probes_finish(struct probes *probes);

/* Returns "startup", "liveness" or "readiness". */
const char *probe_kind_name(enum probe_kind kind);

/* Checks what was asked for. *@ret is the text for the record, owned by the caller, or NULL for no
 * probe. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int probes_choose(const struct lxcri_probes *asked, char **ret,
				struct lxcri_error *err);

/* Reads what probes_choose() made. Damage is LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int probes_parse(const char *text, struct probes *ret, struct lxcri_error *err);

#define PROBE_OUTPUT_MAX 1024
#define PROBE_LINE_MAX   512 /* of the first line of an answer by HTTP: what is longer is none */

/* Tells whether the first line of an answer has a status from 200 to 399, and makes of @line what
 * can be shown. */
bool probe_judge_line(char *line);

/* What came of one probe. */
struct probe_result {
	bool is_good;       /* what it is for: started, alive, ready */
	bool is_bad;        /* that it is not; neither: not known yet */
	int64_t checked_ns; /* when it last ended; 0: never */
	int64_t passing;    /* in a row */
	int64_t failing;
	char *output; /* of the last one, cut; or NULL */
};

/* What came of all in one run. */
struct probes_state {
	int64_t run_ns; /* when that began */
	struct probe_result of[PROBE_KINDS];
};

/* Begins with nothing asked yet in the run that began at @run_ns: what no probe is for is good, and
 * so is life until the contrary is known. */
void probes_state_begin(const struct probes *probes, int64_t run_ns, struct probes_state *state);

/* Frees what @state holds. Safe to repeat. */
void probes_state_finish(struct probes_state *state);

/* As probes_state_begin(), with what is known of that run. The caller finishes *@ret. */
void probes_state_load(int run_dirfd, const struct probes *probes, int64_t run_ns,
		       struct probes_state *ret);

/* Writes it. 0 or -errno. */
[[nodiscard]] int probes_state_save(int run_dirfd, const struct probes_state *state);

/* What is to be done after an answer. */
enum probe_verdict { PROBE_GO_ON, PROBE_END };

/* Takes the answer of a probe: counts, and sets what follows. */
enum probe_verdict probe_take(const struct probe *probe, enum probe_kind kind, bool is_success,
			      struct probe_result *result);

enum probes_health { PROBES_STARTING, PROBES_READY, PROBES_UNREADY };

/* Tells how the container is as a whole. */
enum probes_health probes_judge(const struct probes_state *state);
