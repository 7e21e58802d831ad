/* SPDX-License-Identifier: MIT */
/* Verifying what an engine keeps. */

#include "engine/system/check.h"

#include "engine/container.h"
#include "os/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FOUND_MAX 512

void check_report(struct check *check, const struct trouble *trouble, const char *found, ...)
{
	char text[FOUND_MAX];
	va_list args;

	va_start(args, found);
	(void)vsnprintf(text, sizeof(text), found, args);
	va_end(args);

	const struct lxcri_finding finding = {
		.check = trouble->check,
		.object = trouble->object,
		.health = trouble->health,
		.found = text,
		.meaning = trouble->meaning,
		.remedy = trouble->repaired ? NULL : trouble->remedy,
		.repaired = trouble->repaired,
	};

	check->troubles += trouble->health >= LXCRI_HEALTH_WARNING && !trouble->repaired;
	check->report(check->userdata, &finding);
}

struct database *check_open_records(const struct check *check, struct database **own,
				    struct lxcri_error *err)
{
	if (check->options.repair)
		return engine_database(check->engine, err);
	return database_open_read_only(check->engine->data, own, err) == 0 ? *own : NULL;
}

bool check_mend(struct check *check, const char *id)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error err = {};

	return check->options.repair &&
	       (lxcri_container_open(check->engine, id, &container, &err) == 0 ||
		err.code == LXCRI_E_CONTAINER_NOT_FOUND);
}

void check_list(struct check *check, const char *path, struct strings *names)
{
	const struct trouble trouble = { "disk.directory",
					 path,
					 LXCRI_HEALTH_FAULT,
					 "what is in it is not checked",
					 "look for errors of the disk in the kernel's log",
					 false };
	int r = path_list_shown(path, names);

	if (r < 0)
		check_report(check, &trouble, "%s", strerror(-r));
}

int lxcri_system_check(struct lxcri_engine *engine, const struct lxcri_check_options *options,
		       lxcri_finding_fn report, void *userdata, struct lxcri_error *err)
{
	struct check check = {
		.engine = engine, .options = *options, .report = report, .userdata = userdata
	};
	int has_records = check_database(&check, err);

	/* A container whose record cannot be read would look like a leftover. */
	if (has_records == 0 && (database_exists(engine->data) || database_is_lost(engine->data)))
		check.options.repair = false;
	if (has_records < 0 || check_run(&check, err) < 0)
		return fail_while(err, "system check");
	if (has_records && check_records(&check, err) < 0)
		return fail_while(err, "system check");
	if (check_images(&check, err) < 0)
		return fail_while(err, "system check");
	if (has_records && check_networks(&check, err) < 0)
		return fail_while(err, "system check");
	if (has_records && check_volumes(&check, err) < 0)
		return fail_while(err, "system check");
	if (check_temporaries(&check, err) < 0)
		return fail_while(err, "system check");
	return (int)check.troubles;
}
