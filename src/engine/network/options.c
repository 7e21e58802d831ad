/* SPDX-License-Identifier: MIT */
/* What a network is like. */

#include "engine/network/options.h"

#include "base/json.h"

#include <stddef.h>
#include <string.h>

#define MTU_DEFAULT 1500

static const struct flag {
	const char *key;
	size_t offset;
} flags[] = {
	{ "stp", offsetof(struct network_options, stp) },
	{ "vlanFiltering", offsetof(struct network_options, vlan_filtering) },
	{ "multicastSnooping", offsetof(struct network_options, multicast_snooping) },
	{ "isolatePorts", offsetof(struct network_options, isolate_ports) },
	{ "maySpoof", offsetof(struct network_options, may_spoof) },
	{ "implicit", offsetof(struct network_options, implicit) },
};

static bool *slot(const struct network_options *options, const struct flag *flag)
{
	return (bool *)((char *)options + flag->offset);
}

struct network_options network_options_default(uint32_t mtu)
{
	return (struct network_options){ .mtu = mtu, .multicast_snooping = true };
}

char *network_options_format(const struct network_options *options)
{
	autojson object = json_object_new_object();

	json_object_object_add(object, "mtu", json_object_new_int64(options->mtu));
	json_object_object_add(object, "vlan", json_object_new_int64(options->vlan));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		json_object_object_add(object, flags[i].key,
				       json_object_new_boolean(*slot(options, &flags[i])));
	return json_format_line(object);
}

int network_options_parse(const char *json, struct network_options *ret, struct lxcri_error *err)
{
	struct network_options options = network_options_default(MTU_DEFAULT);
	autojson object = NULL;

	if (json_parse(json, strlen(json), &json_limits_config, &object, err) < 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read the options of a network");
	}
	options.mtu = (uint32_t)json_get_u64(object, "mtu", options.mtu);
	options.vlan = (unsigned int)json_get_u64(object, "vlan", 0);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		*slot(&options, &flags[i]) =
			json_get_bool(object, flags[i].key, *slot(&options, &flags[i]));
	*ret = options;
	return 0;
}
