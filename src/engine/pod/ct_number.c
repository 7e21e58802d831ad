/* SPDX-License-Identifier: MIT */
/* Numbers of CTs that stay a pod's. */

#include "engine/pod/ct_number.h"

#include "base/mem.h"
#include "engine/network/rows.h"

int ct_number_find(struct lxcri_engine *engine, const char *pod, uint32_t *ret,
		   struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct database *database = engine_database(engine, err);

	if (!database || endpoint_list_read(database, pod, NULL, &rows, err) < 0)
		return -1;
	*ret = rows.count > 0 ? rows.items[0].vmid : 0;
	return *ret != 0;
}

int ct_number_kept(struct lxcri_engine *engine, uint32_t **ret, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct database *database = engine_database(engine, err);
	int count = 0;

	if (!database || endpoint_list_read(database, NULL, NULL, &rows, err) < 0)
		return -1;
	*ret = xcalloc(rows.count + 1, sizeof(**ret));
	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i].vmid > 0)
			(*ret)[count++] = rows.items[i].vmid;
	return count;
}

int ct_number_note(struct lxcri_engine *engine, const char *pod, uint32_t vmid,
		   struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);

	return database ? endpoints_note_vmid(database, pod, vmid, err) : -1;
}
