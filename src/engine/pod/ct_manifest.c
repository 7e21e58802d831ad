/* SPDX-License-Identifier: MIT */
/* What a manifest says of pods in Proxmox VE. */

#include "engine/pod/ct_manifest.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct_extra.h"
#include "engine/ct/ct_node.h"
#include "engine/pod/ct_pod.h"
#include "manifest/refusal.h"
#include "net/address.h"

#include <string.h>

#define ORDINAL_MAX 100000
#define WORD_ENDS   ",;" /* of what a network is asked for */

static const char one_container[] =
	"a pod in Proxmox VE is one CT, and a CT is one container; runtimeClassName lxc, crun or "
	"runc has pods of several";
static const char no_api[] = "the API of Proxmox VE has nothing for that";
static const char no_address[] = "which addresses a CT will have is not known when it is made";
static const char own_address[] =
	"a CT is on a bridge of its node, with an address of its own; it has no port of this host";

static const struct refusal never[] = {
	{ "initContainers[0]", one_container },
	{ "containers[1]", one_container },
	{ "hostNetwork", "a CT of Proxmox VE is not on the network of its node" },
	{ "securityContext.fsGroup", no_api },
	{ "containers[].ports[].hostPort", own_address },
	{ "containers[].env[].valueFrom.fieldRef.fieldPath=status.podIP", no_address },
	{ "containers[].env[].valueFrom.fieldRef.fieldPath=status.podIPs", no_address },
	{ "containers[].env[].valueFrom.fieldRef.fieldPath=status.hostIP", no_address },
	{ "containers[].securityContext.readOnlyRootFilesystem", no_api },
	{ "containers[].volumeMounts[].subPath", "a CT of Proxmox VE mounts whole volumes" },
	{},
};

/* What is done in the CT, or has its files here. */
static const char node_only[] =
	"for that this host has to be the pod's node (proxmox.local_node); the API of Proxmox VE "
	"has nothing for it";
static const struct refusal elsewhere[] = {
	{ "restartPolicy=OnFailure",
	  "how a CT has ended only its node knows, which this host is not (proxmox.local_node)" },
	{ "volumes[].configMap", node_only },
	{ "volumes[].secret", node_only },
	{ "volumes[].downwardAPI", node_only },
	{ "volumes[].projected", node_only },
	{ "containers[].livenessProbe.exec", node_only },
	{ "containers[].readinessProbe.exec", node_only },
	{ "containers[].startupProbe.exec", node_only },
	{ "containers[].lifecycle.preStop.exec", node_only },
	{ "containers[].lifecycle.postStart.exec", node_only },
	{},
};
static const struct refusal not_root[] = {
	{ "volumes[].hostPath", "a directory of its node only root@pam may give to a CT, and no "
				"API token: log in as that "
				"(proxmox.user), or apply this on the node (proxmox.local_node)" },
	{},
};

/* Where none is dropped: it has what Proxmox VE leaves to containers. */
static const struct refusal added[] = {
	{ "containers[].securityContext.capabilities.add",
	  "more than it leaves to containers the API of Proxmox VE gives to none; with drop, these "
	  "are "
	  "what is left" },
	{},
};

int ct_manifest_type(const struct pod_spec *spec, enum lxcri_container_type *ret,
		     struct lxcri_error *err)
{
	if (!spec->runtime_class || !*spec->runtime_class)
		return 0;
	return lxcri_container_type_parse(spec->runtime_class, ret, err) < 0 ? -1 : 1;
}

/* What is looked at of an object. */
struct judged {
	struct lxcri_engine *engine;
	const struct object *object;
	const struct object_meta *meta; /* of the pod; or NULL */
	const struct pod_spec *spec;
	const struct yaml_node *node; /* of the spec */
	const char *place;
};

static const struct yaml_node *find(const struct yaml_node *node, const char *const *keys)
{
	for (; node && *keys; keys++)
		node = node->kind == YAML_MAP ? yaml_get(node, *keys) : NULL;
	return node;
}

/* Fills @ret. Returns 0 for an object that makes no pods. */
static int open_judged(const struct field_reader *reader, const struct object *object,
		       const struct yaml_node *node, struct judged *ret)
{
	static const char *const of_pod[] = { "spec", NULL };
	static const char *const of_set[] = { "spec", "template", "spec", NULL };
	const struct object_template *pods = object->set ? object->set->pods : NULL;

	*ret = (struct judged){ .engine = (struct lxcri_engine *)reader->judge_data,
				.object = object,
				.meta = pods ? pods->meta : object->meta,
				.spec = pods ? pods->spec : object->pod,
				.node = find(node, pods ? of_set : of_pod),
				.place = pods ? "spec.template.spec" : "spec" };
	return ret->spec && ret->node ? 1 : 0;
}

/* The configuration's word for the pods of @object, which says nothing itself. */
static enum lxcri_container_type usual_type(const struct lxcri_engine *engine,
					    const struct object *object)
{
	const struct object_meta *meta = object->meta;
	autofree char *name = object->set ? xformat("%s-0", meta->name) : xstrdup(meta->name);
	autofree char *id = pod_plan_id(meta->name_space, name);

	return lxcri_config_container_type(engine->config, id);
}

bool ct_manifest_is(const struct lxcri_engine *engine, const struct object *object)
{
	const struct object_template *pods = object->set ? object->set->pods : NULL;
	const struct pod_spec *spec = pods ? pods->spec : object->pod;
	enum lxcri_container_type type;
	struct lxcri_error ignored = {};

	if (!spec)
		return false;
	if (ct_manifest_type(spec, &type, &ignored) <= 0)
		type = usual_type(engine, object);
	return type == LXCRI_PROXMOX_LXC;
}

/* Refuses a runtime that is none. */
static int check_type(const struct field_reader *reader, const struct judged *judged)
{
	static const char *const keys[] = { "runtimeClassName", NULL };
	const struct yaml_node *word = find(judged->node, keys);
	enum lxcri_container_type type;
	struct lxcri_error unknown = {};

	if (ct_manifest_type(judged->spec, &type, &unknown) >= 0)
		return 0;
	return fail(reader->err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "%s:%u: %s.runtimeClassName: \"%.40s\" is no runtime here: lxc, crun, runc and "
		    "proxmox-lxc are",
		    reader->source, word ? word->line : judged->object->line, judged->place,
		    judged->spec->runtime_class);
}

/* Tells whether the pod can be on this host, as far as can be told before one is made. */
static bool can_be_here(const struct judged *judged)
{
	autofree char *here = ct_pod_node_here(
		judged->engine,
		judged->meta ? field_map_get(&judged->meta->annotations, CT_POD_NODE) : NULL);

	return here != NULL;
}

static bool drops(const struct pod_spec *spec)
{
	const struct pod_container *container = spec->containers.items;
	const struct pod_security *security = container->security;

	return security && security->capabilities && security->capabilities->drop.count > 0;
}

/* Tells whether a word of a network names what only one can have. */
static bool names_one(const char *word, size_t length)
{
	static const char *const keys[] = { "ip=", "ip6=", "mac=" };
	static const char *const open[] = { "dhcp", "auto", "manual" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t key = strlen(keys[i]);
		bool is_open = false;

		if (length < key || strncmp(word, keys[i], key) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(open); k++)
			is_open |= length - key == strlen(open[k]) &&
				   strncmp(word + key, open[k], length - key) == 0;
		return !is_open;
	}
	return false;
}

/* Two pods would have one address. */
static int check_address(const struct field_reader *reader, const struct judged *judged,
			 const struct yaml_node *node)
{
	static const char *const keys[] = { "spec",        "template",     "metadata",
					    "annotations", CT_POD_NETWORK, NULL };
	const struct yaml_node *text = find(node, keys);

	if (judged->object->kind != OBJECT_DEPLOYMENT || !text || text->kind != YAML_TEXT)
		return 0;
	for (const char *at = text->text; *at;) {
		size_t length = strcspn(at, WORD_ENDS);

		if (names_one(at, length))
			return fail(reader->err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "%s:%u: spec.template.metadata.annotations[\"" CT_POD_NETWORK
				    "\"]: %.*s would be that of all pods of the Deployment; a "
				    "StatefulSet gives each its own",
				    reader->source, text->line, (int)length, at);
		at += length + (at[length] != '\0');
	}
	return 0;
}

int ct_manifest_judge(const struct field_reader *reader, const struct object *object,
		      const struct yaml_node *node)
{
	struct judged judged;
	bool is_here;

	if (open_judged(reader, object, node, &judged) == 0)
		return 0;
	if (check_type(reader, &judged) < 0)
		return -1;
	if (!ct_manifest_is(judged.engine, object))
		return 0;
	is_here = can_be_here(&judged);
	if (refusal_check(reader, judged.node, judged.place, never) < 0 ||
	    (!drops(judged.spec) && refusal_check(reader, judged.node, judged.place, added) < 0) ||
	    (!is_here && refusal_check(reader, judged.node, judged.place, elsewhere) < 0) ||
	    (!is_here && !ct_extra_is_root(judged.engine->config) &&
	     refusal_check(reader, judged.node, judged.place, not_root) < 0))
		return -1;
	return check_address(reader, &judged, node);
}

/* Adds @ordinal to @address. Returns false when that leads out of its subnet. */
static bool advance(struct address *address, unsigned int prefix, uint64_t ordinal)
{
	const struct address before = *address;

	for (size_t i = address_size(address); i-- > 0 && ordinal > 0;) {
		ordinal += address->bytes[i];
		address->bytes[i] = (unsigned char)ordinal;
		ordinal >>= 8;
	}
	for (unsigned int bit = 0; bit < prefix; bit++)
		if ((before.bytes[bit / 8] ^ address->bytes[bit / 8]) & (0x80u >> bit % 8))
			return false;
	return ordinal == 0;
}

/* Appends @word of a network to @text, its address being that of the pod @ordinal. */
static int add_word(struct text *text, const char *word, uint64_t ordinal, struct lxcri_error *err)
{
	const char *value = strchr(word, '=');
	const char *slash = value ? strchr(value, '/') : NULL;
	bool is_address = text_starts_with(word, "ip=") || text_starts_with(word, "ip6=");
	autofree char *plain = slash ? xstrndup(value + 1, (size_t)(slash - value - 1)) : NULL;
	char formatted[ADDRESS_TEXT_MAX];
	struct address address;
	uint64_t prefix;

	if (!is_address || !plain || address_parse(plain, AF_UNSPEC, &address) < 0 ||
	    text_parse_u64(slash + 1, 0, 8 * address_size(&address), &prefix) < 0) {
		text_add(text, word);
		return 0;
	}
	if (!advance(&address, (unsigned int)prefix, ordinal))
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "annotation " CT_POD_NETWORK
			    ": %s has no address for the pod %ju of the set",
			    word, (uintmax_t)ordinal);
	text_addf(text, "%.*s=%s/%ju", (int)(value - word), word,
		  address_format(&address, formatted), (uintmax_t)prefix);
	return 0;
}

int ct_manifest_annotation(const struct pod_plan_source *source, const char *key, const char *value,
			   char **ret, struct lxcri_error *err)
{
	const char *dash = strrchr(source->name, '-');
	autorun(text_finish) struct text text = {};
	uint64_t ordinal = 0;

	text_addf(&text, "%s=", key);
	if (!source->keep_identity || strcmp(key, CT_POD_NETWORK) != 0 || !dash ||
	    text_parse_u64(dash + 1, 0, ORDINAL_MAX, &ordinal) < 0 || ordinal == 0) {
		text_add(&text, value);
		*ret = text_steal(&text);
		return 0;
	}
	for (const char *at = value; *at;) {
		size_t length = strcspn(at, WORD_ENDS);
		autofree char *word = xstrndup(at, length);

		if (add_word(&text, word, ordinal, err) < 0)
			return -1;
		at += length;
		if (*at)
			text_append(&text, at++, 1);
	}
	*ret = text_steal(&text);
	return 0;
}
