/* SPDX-License-Identifier: MIT */
/* Id ranges: nobody else may have those of our containers, neither the users that /etc/subuid and
 * /etc/subgid give some to, nor the containers of other data directories. */

#include "engine/doctor/doctor.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/userns/id_pool.h"
#include "engine/userns/instances.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define SUB_BYTES_MAX (4u << 20)

/* One line: "NAME:FIRST:COUNT". */
struct range {
	const char *owner;
	uint64_t first;
	uint64_t count;
};

/* Reads @line, which is changed. 0, or -EINVAL. */
static int parse_range(char *line, struct range *ret)
{
	char *first = strchr(line, ':');
	char *count = first ? strchr(first + 1, ':') : NULL;

	if (!count || first == line)
		return -EINVAL;
	*first = *count = '\0';
	ret->owner = line;
	if (text_parse_u64(first + 1, 0, UINT32_MAX, &ret->first) < 0 ||
	    text_parse_u64(count + 1, 1, UINT32_MAX, &ret->count) < 0)
		return -EINVAL;
	return 0;
}

/* What a file says, as far as it concerns us. */
struct reading {
	uint64_t pool_start;
	uint64_t pool_end;
	unsigned int ranges;
	char *bad;   /* the first line that is none */
	char *taken; /* the first range inside of the pool */
};

static void read_line(struct reading *reading, const char *line)
{
	autofree char *copy = xstrdup(line);
	struct range range;

	if (*line == '\0' || *line == '#')
		return;
	if (parse_range(copy, &range) < 0) {
		if (!reading->bad)
			reading->bad = xstrdup(line);
		return;
	}
	reading->ranges++;
	/* root's is what other tools on this host may map as they like. */
	if (strcmp(range.owner, "root") == 0 || strcmp(range.owner, ID_POOL_OWN_NAME) == 0)
		return;
	if (range.first + range.count > reading->pool_start && range.first < reading->pool_end &&
	    !reading->taken)
		reading->taken = xstrdup(line);
}

static void check_file(struct doctor *doctor, const char *check, const char *path)
{
	const struct advice overlap = {
		check,
		"new containers pass it over; one that was made before may have the same ids as "
		"the user's own containers: one could enter the files of the other",
		"give the user a range outside of the pool (usermod --del-subuids, --add-subuids; "
		"--del-subgids, --add-subgids), or let userns.start be above it"
	};
	const struct advice broken = { check, "tools that map ids may refuse the whole file",
				       "write NAME:FIRST:COUNT on each line" };
	const struct id_pool_bounds pool = id_pool_bounds(doctor->engine->config);
	struct reading reading = { .pool_start = pool.start,
				   .pool_end = pool.start + pool.size * pool.count };
	autofree char *text = NULL;
	char *at = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, SUB_BYTES_MAX, &text, &size);

	if (r < 0 && r != -ENOENT) {
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &broken, "%s: %s", path, strerror(-r));
		return;
	}
	for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &at); line;
	     line = strtok_r(NULL, "\n", &at))
		read_line(&reading, line);
	if (reading.bad)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &broken, "%s has the line \"%s\"", path,
			      reading.bad);
	else if (reading.taken)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &overlap,
			      "%s gives %s, which is in the pool from %" PRIu64, path,
			      reading.taken, reading.pool_start);
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &overlap, "%u range%s, none in the pool",
			      reading.ranges, reading.ranges == 1 ? "" : "s");
	free(reading.bad);
	free(reading.taken);
}

/* Our ranges, and with whom we share any. */
struct sharing {
	struct id_ranges own;
	struct id_ranges others; /* of the instance that is looked at */
	char *with;              /* its data directory */
	uint64_t first;          /* id that is shared */
	unsigned int count;      /* of other instances */
};

static void add_range(void *userdata, uint32_t start, uint32_t size)
{
	id_ranges_add(userdata, start, size);
}

static void read_ranges(const char *data_dir, struct id_ranges *ranges)
{
	autoptr(database) database = NULL;
	struct lxcri_error ignored = {};

	if (database_exists(data_dir) &&
	    database_open_read_only(data_dir, &database, &ignored) == 0)
		(void)!database_each_range(database, add_range, ranges, &ignored);
}

static void compare_instance(void *userdata, const char *data_dir)
{
	struct sharing *sharing = userdata;

	sharing->count++;
	id_ranges_finish(&sharing->others);
	read_ranges(data_dir, &sharing->others);
	for (size_t i = 0; i < sharing->own.count && !sharing->with; i++)
		for (size_t k = 0; k < sharing->others.count && !sharing->with; k++) {
			const struct id_range *a = &sharing->own.items[i];
			const struct id_range *b = &sharing->others.items[k];

			if (a->start >= b->start + b->size || b->start >= a->start + a->size)
				continue;
			sharing->with = xstrdup(data_dir);
			sharing->first = a->start > b->start ? a->start : b->start;
		}
}

static void check_instances(struct doctor *doctor)
{
	static const char check[] = "ids.instances";
	const struct advice shared = {
		check, "one container could enter the files of the other",
		"make the containers of one of the two anew: their ids are chosen then"
	};
	const struct advice unknown = {
		check, "containers of other data directories may get the same ids as ours",
		"mkdir -m 711 " CONFIG_DEFAULT_DATA_PATH
		", or give each data directory a userns.start of its own"
	};
	autoclose int list = instances_open();
	struct sharing sharing = {};

	read_ranges(doctor->engine->data, &sharing.own);
	instances_each(doctor->engine, list, compare_instance, &sharing);
	if (sharing.with)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &shared,
			      "containers in %s have ids from %" PRIu64 " on as well", sharing.with,
			      sharing.first);
	else if (access(CONFIG_DEFAULT_DATA_PATH, F_OK) < 0)
		doctor_report(doctor, LXCRI_HEALTH_INFO, &unknown,
			      CONFIG_DEFAULT_DATA_PATH " is not there to list data directories in");
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &shared,
			      "%u other data director%s with ids of their own", sharing.count,
			      sharing.count == 1 ? "y" : "ies");
	free(sharing.with);
	id_ranges_finish(&sharing.own);
	id_ranges_finish(&sharing.others);
}

void doctor_ids(struct doctor *doctor)
{
	check_file(doctor, "ids.subuid", "/etc/subuid");
	check_file(doctor, "ids.subgid", "/etc/subgid");
	check_instances(doctor);
}
