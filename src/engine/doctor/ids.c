/* SPDX-License-Identifier: MIT */
/* Id ranges: those of our containers begin at 1,000,000; a range that /etc/subuid or /etc/subgid
 * gives to a user above that is one that this user's containers share with ours. */

#include "engine/doctor/doctor.h"

#include "base/mem.h"
#include "base/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define POOL_FIRST    UINT64_C(1000000)
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
	if (range.first + range.count > POOL_FIRST && !reading->taken &&
	    strcmp(range.owner, "root") != 0)
		reading->taken = xstrdup(line);
}

static void check_file(struct doctor *doctor, const char *check, const char *path)
{
	const struct advice overlap = {
		check,
		"the user's own containers and ours may get the same ids: one could enter the "
		"files of the other",
		"give the user a range below 1000000 (usermod --del-subuids, --add-subuids; "
		"--del-subgids, --add-subgids)"
	};
	const struct advice broken = { check, "tools that map ids may refuse the whole file",
				       "write NAME:FIRST:COUNT on each line" };
	struct reading reading = {};
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
			      reading.taken, POOL_FIRST);
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &overlap, "%u range%s, none in the pool",
			      reading.ranges, reading.ranges == 1 ? "" : "s");
	free(reading.bad);
	free(reading.taken);
}

void doctor_ids(struct doctor *doctor)
{
	check_file(doctor, "ids.subuid", "/etc/subuid");
	check_file(doctor, "ids.subgid", "/etc/subgid");
}
