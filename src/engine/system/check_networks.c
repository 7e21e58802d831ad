/* SPDX-License-Identifier: MIT */
/* Networks: what the host has against what the database says. */

#include "engine/system/check.h"

#include "base/mem.h"
#include "base/strings.h"
#include "engine/network/network.h"
#include "lxcri/network.h"

/* What is wrong with one network. */
static void note_fault(void *userdata, const char *text)
{
	strings_add(userdata, text);
}

static int note_name(void *userdata, const struct network_row *row, struct lxcri_error *err)
{
	strings_add(userdata, row->name);
	return 0;
}

/* Tells of all faults. */
static int look(struct check *check, const struct strings *names, struct lxcri_error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		autorun(strings_finish) struct strings faults = {};
		const struct trouble trouble = {
			.check = "network",
			.object = names->items[i],
			.health = LXCRI_HEALTH_WARNING,
			.meaning = "its containers may not be reached, or reach nobody",
			.remedy = "network reload puts right what is ours",
		};

		if (lxcri_network_health(check->engine, names->items[i], note_fault, &faults, err) <
		    0)
			return -1;
		for (size_t fault = 0; fault < faults.count; fault++)
			check_report(check, &trouble, "%s", faults.items[fault]);
	}
	return 0;
}

/* Counts faults without telling of them. */
static int count_faults(struct check *check, const struct strings *names, struct lxcri_error *err)
{
	int count = 0;

	for (size_t i = 0; i < names->count; i++) {
		autorun(strings_finish) struct strings faults = {};
		int r = lxcri_network_health(check->engine, names->items[i], note_fault, &faults,
					     err);

		if (r < 0)
			return -1;
		count += r;
	}
	return count;
}

int check_networks(struct check *check, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	struct lxcri_error second = {};
	int faults;

	if (network_each(check->engine, note_name, &names, err) < 0)
		return -1;
	faults = count_faults(check, &names, err);
	if (faults <= 0)
		return faults;
	/* What is left behind it is not ours to put right. */
	if (check->options.repair && lxcri_network_reload(check->engine, &second) == 0 &&
	    count_faults(check, &names, &second) == 0) {
		const struct trouble trouble = { .check = "network",
						 .object = "bridges and rules",
						 .health = LXCRI_HEALTH_WARNING,
						 .meaning = "containers were not reached",
						 .repaired = true };

		check_report(check, &trouble, "%d faults", faults);
		return 0;
	}
	return look(check, &names, err);
}
