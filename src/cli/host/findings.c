/* SPDX-License-Identifier: MIT */
/* Findings as a table or as JSON:
 * {"faults": N, "warnings": N, "findings": [{"check", "object", "state", "found", "meaning",
 * "remedy", "repaired"}]}. */

#include "cli/host/findings.h"

#include "base/mem.h"
#include "base/scope.h"

static struct json_object *object_of(const struct lxcri_finding *finding)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "check", finding->check);
	json_set_text(object, "object", finding->object);
	json_set_text(object, "state", lxcri_health_name(finding->health));
	json_set_text(object, "found", finding->found);
	json_set_text(object, "meaning", finding->meaning);
	json_set_text(object, "remedy", finding->remedy);
	if (finding->repaired)
		json_object_object_add(object, "repaired", json_object_new_boolean(true));
	return object;
}

static void add_advice(struct findings *findings, const struct lxcri_finding *finding)
{
	const char *object = finding->object ? finding->object : finding->check;

	if (finding->meaning)
		strings_addf(&findings->advices, "%s: %s", object, finding->meaning);
	if (finding->remedy)
		strings_addf(&findings->advices, "%s    to mend it: %s",
			     finding->meaning ? "" : object, finding->remedy);
}

void findings_add(void *userdata, const struct lxcri_finding *finding)
{
	struct findings *findings = userdata;

	findings->count[finding->health] += !finding->repaired;
	findings->repaired += finding->repaired;
	if (findings->only_troubles && finding->health < LXCRI_HEALTH_WARNING)
		return;
	if (!findings->array)
		findings->array = json_object_new_array();
	(void)json_object_array_add(findings->array, object_of(finding));
	strings_add(&findings->rows, finding->check);
	strings_add(&findings->rows,
		    finding->repaired ? "repaired" : lxcri_health_name(finding->health));
	if (finding->object)
		strings_addf(&findings->rows, "%s: %s", finding->object, finding->found);
	else
		strings_add(&findings->rows, finding->found);
	if (finding->health >= LXCRI_HEALTH_WARNING && !finding->repaired)
		add_advice(findings, finding);
}

static void print_as_table(struct findings *findings, FILE *out)
{
	struct print_table table = { .columns = 3 };

	if (findings->rows.count > 0) {
		strings_add(&table.cells, "CHECK");
		strings_add(&table.cells, "STATE");
		strings_add(&table.cells, "FOUND");
		strings_add_all(&table.cells, &findings->rows);
		print_table_finish(&table, out);
		(void)fputs("\n", out);
	}
	for (size_t i = 0; i < findings->advices.count; i++) {
		autofree char *clean = print_clean(findings->advices.items[i]);

		(void)fprintf(out, "%s\n", clean);
	}
	(void)fprintf(out, "%s%u fault%s, %u warning%s", findings->advices.count > 0 ? "\n" : "",
		      findings->count[LXCRI_HEALTH_FAULT],
		      findings->count[LXCRI_HEALTH_FAULT] == 1 ? "" : "s",
		      findings->count[LXCRI_HEALTH_WARNING],
		      findings->count[LXCRI_HEALTH_WARNING] == 1 ? "" : "s");
	if (findings->repaired > 0)
		(void)fprintf(out, ", %u repaired", findings->repaired);
	(void)fputs("\n", out);
}

void findings_print(struct findings *findings, bool as_json, FILE *out)
{
	if (!as_json) {
		print_as_table(findings, out);
		return;
	}

	autojson object = json_object_new_object();

	json_object_object_add(object, "faults",
			       json_object_new_int64(findings->count[LXCRI_HEALTH_FAULT]));
	json_object_object_add(object, "warnings",
			       json_object_new_int64(findings->count[LXCRI_HEALTH_WARNING]));
	json_object_object_add(object, "repaired", json_object_new_int64(findings->repaired));
	json_object_object_add(object, "findings",
			       findings->array ? json_object_get(findings->array)
					       : json_object_new_array());
	print_json(object, out);
}

void findings_finish(struct findings *findings)
{
	json_freep(&findings->array);
	strings_finish(&findings->rows);
	strings_finish(&findings->advices);
}
