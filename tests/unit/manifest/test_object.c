/* SPDX-License-Identifier: MIT */
#include "manifest/object.h"

#include "base/mem.h"
#include "base/text.h"
#include "manifest/object_service.h"
#include "test.h"

#include <string.h>

/* The warnings of the last parse. */
static struct text warnings;

static void warn(void *userdata, const char *text)
{
	text_addf(&warnings, "%s\n", text);
}

static int parse(const char *text, bool is_strict, struct object_list *ret, struct lxcri_error *err)
{
	const struct field_reader reader = {
		.source = "m.yaml", .is_strict = is_strict, .warn = warn, .err = err
	};

	text_finish(&warnings);
	return object_list_parse(text, strlen(text), &reader, ret);
}

static struct object_list parsed(const char *text)
{
	struct object_list list = {};
	struct lxcri_error err = {};

	if (parse(text, true, &list, &err) < 0)
		fail_msg("%s", err.text);
	return list;
}

static void refused(const char *text, enum lxcri_code code, const char *said)
{
	struct object_list list = {};
	struct lxcri_error err = {};

	if (parse(text, true, &list, &err) >= 0)
		fail_msg("%s was taken", text);
	if (err.code != code || !strstr(err.text, said))
		fail_msg("%s: %s", lxcri_code_name(err.code), err.text);
	assert_null(list.items);
}

#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"

static void a_pod_has_what_its_manifest_says(void **state)
{
	struct object_list list =
		parsed(POD "spec:\n"
			   "  restartPolicy: OnFailure\n"
			   "  containers:\n"
			   "  - name: a\n"
			   "    image: busybox\n"
			   "    args: [sleep, '9']\n"
			   "    env:\n"
			   "    - {name: K, value: V}\n"
			   "    - {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}\n"
			   "    ports: [{containerPort: 80, hostPort: 8080}]\n"
			   "    resources: {limits: {cpu: 2, memory: 64Mi}}\n"
			   "    volumeMounts: [{name: v, mountPath: /v, readOnly: true}]\n"
			   "  volumes: [{name: v, emptyDir: {}}]\n");
	const struct object *pod = &list.items[0];
	const struct pod_container *container = pod->pod->containers.items;
	const struct pod_env *env = container->env.items;
	const struct pod_port *port = container->ports.items;
	const struct pod_volume_mount *mount = container->volume_mounts.items;

	assert_int_equal(list.count, 1);
	assert_int_equal(pod->kind, OBJECT_POD);
	assert_string_equal(pod->meta->name_space, "default");
	assert_string_equal(pod->pod->restart_policy, "OnFailure");
	assert_int_equal(pod->pod->grace_seconds, 30);
	assert_string_equal(container->args.items[1], "9");
	assert_string_equal(env[0].value, "V");
	assert_string_equal(env[1].from->secret->key, "k");
	assert_int_equal(port->host_port, 8080);
	assert_string_equal(field_map_get(&container->resources->limits, "cpu"), "2");
	assert_true(mount->read_only);
	object_list_finish(&list);
}

static void unknown_fields_are_named_with_line_and_path(void **state)
{
	static const char text[] = POD "spec:\n  containers:\n  - name: a\n    image: b\n"
				       "    imagePullPolice: Always\n";
	struct object_list list = {};
	struct lxcri_error err = {};

	refused(text, LXCRI_E_INVALID_MANIFEST,
		"m.yaml:8: spec.containers[0].imagePullPolice: unknown field; did you mean "
		"imagePullPolicy?");
	assert_int_equal(parse(text, false, &list, &err), 0);
	assert_non_null(strstr(warnings.data, "m.yaml:8: spec.containers[0].imagePullPolice"));
	object_list_finish(&list);
}

static void what_has_no_effect_is_a_warning_and_what_changes_the_meaning_an_error(void **state)
{
	struct object_list list = parsed(POD "spec:\n  nodeSelector: {a: b}\n  hostPID: false\n"
					     "  containers: [{name: a, image: b}]\n");

	assert_non_null(strstr(warnings.data, "m.yaml:5: spec.nodeSelector: has no effect here"));
	assert_null(strstr(warnings.data, "hostPID"));
	object_list_finish(&list);
	refused(POD "spec:\n  hostPID: true\n  containers: [{name: a, image: b}]\n",
		LXCRI_E_UNSUPPORTED_OPERATION, "m.yaml:5: spec.hostPID");
}

static void values_of_the_wrong_kind_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *said;
	} bad[] = {
		{ "[]", "m.yaml:1: the document: expected a map" },
		{ "a: 1", "m.yaml:1: kind: is missing" },
		{ "apiVersion: v1\nkind: Pot\n", "m.yaml:2: kind: \"Pot\" is not known here; did "
						 "you mean Pod" },
		{ "apiVersion: v2\nkind: Pod\nmetadata: {name: a}\n", "\"v2\" has no Pod" },
		{ "apiVersion: v1\nkind: Pod\n", "metadata.name: is missing" },
		{ POD "spec: 1\n", "m.yaml:4: spec: expected a map, not a number" },
		{ POD "spec: {}\n", "spec.containers: is missing" },
		{ POD "spec: {containers: {}}\n", "spec.containers: expected a list" },
		{ POD "spec: {containers: [{name: a}]}\n", "spec.containers[0].image: is missing" },
		{ POD "spec: {containers: [{name: 1, image: b}]}\n",
		  "spec.containers[0].name: expected a text, not a number: put it in quotes" },
		{ POD "spec: {containers: [{name: a, image: b, env: [{name: K, value: yes}]}]}\n",
		  "env[0].value: expected a text, not a yes-or-no word" },
		{ POD "spec: {containers: [{name: a, image: b, tty: 1}]}\n",
		  "expected true or false" },
		{ POD "spec: {containers: [{name: a, image: b}, {name: a, image: b}]}\n",
		  "two containers of the pod" },
		{ POD "spec: {containers: [{name: A, image: b}]}\n", "is no name of a container" },
		{ POD "spec: {containers: [{name: a, image: b, volumeMounts: [{name: v, mountPath: "
		      "/v}]}]}\n",
		  "is mounted, but no volume" },
		{ POD "spec: {restartPolicy: Sometimes, containers: [{name: a, image: b}]}\n",
		  "expected Always, OnFailure or Never" },
		{ "apiVersion: v1\nkind: Pod\nmetadata: {name: Web}\n", "metadata.name: \"Web\"" },
		{ "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: '*'}\n",
		  "k: is not written in base64" },
		{ "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: "
		  "2000, template: {spec: {containers: [{name: a, image: b}]}}}\n",
		  "expected 0 to 1000" },
		{ "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: "
		  "{matchLabels: {a: b}}, template: {spec: {containers: [{name: a, image: b}]}}}\n",
		  "does not match the labels" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refused(bad[i].text, LXCRI_E_INVALID_MANIFEST, bad[i].said);
}

static void a_name_of_64_bytes_is_too_long_for_a_host(void **state)
{
	char name[65] = {};
	autofree char *text = NULL;

	memset(name, 'a', 64);
	text = xformat("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n"
		       "spec: {containers: [{name: a, image: b}]}\n",
		       name);
	refused(text, LXCRI_E_INVALID_MANIFEST, "63 bytes at most");
}

static void several_documents_and_lists_are_many_objects(void **state)
{
	struct object_list list =
		parsed("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\n"
		       "data: {k: v}\n---\napiVersion: v1\nkind: List\nitems:\n"
		       "- {apiVersion: v1, kind: Secret, metadata: {name: s}, data: {k: djE=}}\n"
		       "- {apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: "
		       "None, ports: [{port: 80, targetPort: http}]}}\n");

	assert_int_equal(list.count, 3);
	assert_string_equal(field_map_get(&list.items[0].data, "k"), "v");
	assert_string_equal(field_map_get(&list.items[1].binary, "k"), "djE=");
	assert_string_equal(list.items[2].service->cluster_ip, "None");
	object_list_finish(&list);
	refused("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\n"
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
		LXCRI_E_INVALID_MANIFEST, "the ConfigMap stands on line 1 as well");
}

static void a_document_that_was_kept_reads_the_same(void **state)
{
	struct object_list list =
		parsed("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n"
		       "  serviceName: db\n  replicas: 3\n  template: {spec: {containers: [{name: "
		       "a, image: b, args: [\"a\\tb\\\"\"]}]}}\n"
		       "  volumeClaimTemplates: [{metadata: {name: data}, spec: {}}]\n");
	autofree char *kept = json_format_line(list.items[0].document);
	struct object_list again = parsed(kept);
	const struct pod_volume *volume = again.items[0].set->pods->spec->volumes.items;

	assert_int_equal(again.items[0].set->replicas, 3);
	assert_string_equal(volume->claim->claim_name, "data");
	assert_true(json_object_equal(list.items[0].document, again.items[0].document));
	object_list_finish(&list);
	object_list_finish(&again);
}

static void kinds_are_known_by_the_words_of_kubectl(void **state)
{
	static const char *const words[] = { "sts", "statefulsets", "StatefulSet" };
	struct lxcri_error err = {};
	enum object_kind kind = OBJECT_POD;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		assert_int_equal(object_kind_parse(words[i], &kind, &err), 0);
		assert_int_equal(kind, OBJECT_STATEFUL_SET);
	}
	assert_true(object_kind_parse("podz", &kind, &err) < 0);
	assert_non_null(strstr(err.text, "did you mean pod"));
}

#define SERVICE "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: "

static void a_service_says_where_it_is_to_be_had(void **state)
{
	struct object_list list = parsed(
		SERVICE "{type: NodePort, clusterIP: 10.96.0.9, externalIPs: ['192.0.2.1'],\n"
			" sessionAffinity: ClientIP, selector: {app: web}, ports:\n"
			" [{name: a, port: 80, targetPort: http, nodePort: 30080},\n"
			"  {name: b, port: 80, protocol: UDP}]}");
	const struct object_service *service = list.items[0].service;
	const struct object_service_port *ports = service->ports.items;

	assert_true(object_service_has_node_ports(service));
	assert_false(object_service_is_headless(service));
	assert_int_equal(object_service_stay_seconds(service), 10800);
	assert_int_equal(ports[0].node_port, 30080);
	assert_string_equal(ports[0].target_port, "http");
	assert_string_equal(service->external_ips.items[0], "192.0.2.1");
	object_list_finish(&list);
}

static void what_no_service_can_be_is_refused(void **state)
{
	static const struct {
		const char *spec;
		const char *said;
	} cases[] = {
		{ "{}", "m.yaml:1: spec.ports: is missing" },
		{ "{type: Internal, ports: [{port: 80}]}", "m.yaml:1: spec.type: expected" },
		{ "{clusterIP: x, ports: [{port: 80}]}", "spec.clusterIP: expected an address" },
		{ "{clusterIP: None, type: NodePort, ports: [{port: 80}]}", "spec.clusterIP" },
		{ "{clusterIP: None, externalIPs: ['::1'], ports: [{port: 80}]}",
		  "spec.externalIPs" },
		{ "{externalIPs: [one], ports: [{port: 80}]}", "spec.externalIPs: one is no" },
		{ "{ports: [{port: 0}]}", "spec.ports[0].port: expected 1 to 65535" },
		{ "{ports: [{port: 80, protocol: ICMP}]}", "spec.ports[0].protocol" },
		{ "{ports: [{port: 80}, {port: 81}]}", "spec.ports[0].name: is missing" },
		{ "{ports: [{name: a, port: 80}, {name: a, port: 81}]}", "spec.ports[1].name: is" },
		{ "{ports: [{name: a, port: 80}, {name: b, port: 80}]}",
		  "spec.ports[1].port: sta" },
		{ "{ports: [{port: 80, targetPort: 65536}]}", "spec.ports[0].targetPort" },
		{ "{ports: [{port: 80, nodePort: 30080}]}", "spec.ports[0].nodePort: is only" },
		{ "{type: NodePort, ports: [{port: 80, nodePort: 80}]}", "30000 to 32767" },
		{ "{sessionAffinity: Maybe, ports: [{port: 80}]}", "spec.sessionAffinity" },
		{ "{sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}, ports: [{port: 80}]}",
		  "timeoutSeconds: expected 1 to 86400" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *text = xformat("%s%s", SERVICE, cases[i].spec);

		refused(text, LXCRI_E_INVALID_MANIFEST, cases[i].said);
	}
	refused(SERVICE "{type: LoadBalancer, ports: [{port: 80}]}", LXCRI_E_UNSUPPORTED_OPERATION,
		"spec.type: LoadBalancer");
	refused(SERVICE "{type: ExternalName}", LXCRI_E_INVALID_MANIFEST, "spec.externalName");
	refused(SERVICE "{type: ExternalName, externalName: 192.0.2.1}", LXCRI_E_INVALID_MANIFEST,
		"spec.externalName");
	refused(SERVICE "{type: ExternalName, externalName: a..b}", LXCRI_E_INVALID_MANIFEST,
		"spec.externalName");
	refused(SERVICE "{type: ExternalName, externalName: a.b, clusterIP: 10.0.0.1}",
		LXCRI_E_INVALID_MANIFEST, "spec.clusterIP");
	refused(SERVICE "{externalName: a.b, ports: [{port: 80}]}", LXCRI_E_INVALID_MANIFEST,
		"spec.externalName");
}

/* What an earlier release has taken must not be in the way of all else. */
static void a_service_that_is_kept_is_not_checked_again(void **state)
{
	static const char text[] = SERVICE "{type: LoadBalancer, ports: [{port: 80}, {port: 81}]}";
	struct object_list list = {};
	struct lxcri_error err = {};
	const struct field_reader reader = { .source = "state.db", .is_kept = true, .err = &err };

	assert_int_equal(object_list_parse(text, strlen(text), &reader, &list), 0);
	object_list_finish(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_says_where_it_is_to_be_had),
		cmocka_unit_test(what_no_service_can_be_is_refused),
		cmocka_unit_test(a_service_that_is_kept_is_not_checked_again),
		cmocka_unit_test(a_pod_has_what_its_manifest_says),
		cmocka_unit_test(unknown_fields_are_named_with_line_and_path),
		cmocka_unit_test(
			what_has_no_effect_is_a_warning_and_what_changes_the_meaning_an_error),
		cmocka_unit_test(values_of_the_wrong_kind_are_refused),
		cmocka_unit_test(a_name_of_64_bytes_is_too_long_for_a_host),
		cmocka_unit_test(several_documents_and_lists_are_many_objects),
		cmocka_unit_test(a_document_that_was_kept_reads_the_same),
		cmocka_unit_test(kinds_are_known_by_the_words_of_kubectl),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	text_finish(&warnings);
	return failed;
}
