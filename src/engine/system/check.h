/* SPDX-License-Identifier: MIT */
#pragma once

/* Verifying what an engine keeps. Each part is a file; it reports what is not in order, and mends
 * it where that is asked for and loses nothing. */

#include "base/fail.h"
#include "engine/usage.h"
#include "lxcri/system.h"

struct check {
	struct lxcri_engine *engine; /* borrowed */
	struct lxcri_check_options options;
	lxcri_finding_fn report;
	void *userdata;
	unsigned int troubles; /* that are left */
};

/* Something that is not in order. */
struct trouble {
	const char *check;
	const char *object;
	enum lxcri_health health;
	const char *meaning;
	const char *remedy; /* or NULL */
	bool repaired;
};

/* Reports @trouble, of which the formatted text was found. */
[[gnu::format(printf, 3, 4)]] void check_report(struct check *check, const struct trouble *trouble,
						const char *found, ...);

/* The parts, in the order in which one builds on the other. What only others can judge is left to
 * them: check_database() returns 0 when there are no records to be read, 1 otherwise. */
[[nodiscard]] int check_database(struct check *check, struct lxcri_error *err);
[[nodiscard]] int check_records(struct check *check, struct lxcri_error *err);
[[nodiscard]] int check_run(struct check *check, struct lxcri_error *err);
[[nodiscard]] int check_images(struct check *check, struct lxcri_error *err);
[[nodiscard]] int check_networks(struct check *check, struct lxcri_error *err);
[[nodiscard]] int check_volumes(struct check *check, struct lxcri_error *err);
[[nodiscard]] int check_temporaries(struct check *check, struct lxcri_error *err);

/* Returns the database, or NULL: the engine's own where something may be changed, else *@own, which
 * the caller frees, for reading alone: it may lie on a read-only disk. */
struct database *check_open_records(const struct check *check, struct database **own,
				    struct lxcri_error *err);

/* Lets the engine do for the container @id what it does for every container that it comes across:
 * clean up behind a killed monitor, remove what is half made or half deleted. Returns whether that
 * worked. */
bool check_mend(struct check *check, const char *id);

/* Tells whether a monitor or a command has to do with the container @id. */
bool check_is_attended(const struct check *check, const char *id);

/* Appends the names in the directory @path but those that begin with a dot; none where it is not
 * there. One that cannot be read is reported. */
void check_list(struct check *check, const char *path, struct strings *names);
