/* SPDX-License-Identifier: MIT */
/* What is known of a pod only when it has its addresses. */

#include "engine/pod/fields.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/network/network.h"
#include "engine/network/rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Where the way to everywhere is asked for; nothing is sent. */
#define SOMEWHERE "203.0.113.1"

struct fields {
	char host_ip[ADDRESS_TEXT_MAX];
	char pod_ip[ADDRESS_TEXT_MAX];
	struct text pod_ips;
};

static void fields_finish(struct fields *fields)
{
	text_finish(&fields->pod_ips);
}

/* The address with which the host would go everywhere. False when it has no such way. */
static bool find_host(char text[ADDRESS_TEXT_MAX])
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in here = {};
	socklen_t size = sizeof(here);
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)inet_pton(AF_INET, SOMEWHERE, &there.sin_addr);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&there, sizeof(there)) == 0 &&
	       getsockname(fd, (struct sockaddr *)&here, &size) == 0 &&
	       inet_ntop(AF_INET, &here.sin_addr, text, ADDRESS_TEXT_MAX);
}

/* The host in the pod's own network. */
static int find_gateway(struct lxcri_pod *pod, const char *name, char text[ADDRESS_TEXT_MAX],
			struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row row = {};

	if (network_get(pod->engine, name, &row, err) < 0)
		return -1;
	for (int i = 0; !*text && i < (int)ARRAY_LEN(row.subnets); i++) {
		struct address gateway = network_gateway(&row, i);

		if (gateway.family)
			(void)address_format(&gateway, text);
	}
	return 0;
}

static int look_at(struct lxcri_pod *pod, struct fields *ret, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct database *database = engine_database(pod->engine, err);
	char address[ADDRESS_TEXT_MAX];

	if (!database || endpoint_list_read(database, pod->shell->home.id, NULL, &rows, err) < 0)
		return -1;
	if (!find_host(ret->host_ip)) {
		*ret->host_ip = '\0';
		if (rows.count > 0 &&
		    find_gateway(pod, rows.items[0].network, ret->host_ip, err) < 0)
			return -1;
	}
	for (size_t k = 0; rows.count > 0 && k < ARRAY_LEN(rows.items[0].addresses); k++) {
		if (!rows.items[0].addresses[k].family)
			continue;
		(void)address_format(&rows.items[0].addresses[k], address);
		text_addf(&ret->pod_ips, "%s%s", ret->pod_ips.length ? "," : "", address);
		if (!*ret->pod_ip)
			memcpy(ret->pod_ip, address, sizeof(address));
	}
	if (pod->note.host_network) {
		memcpy(ret->pod_ip, ret->host_ip, sizeof(ret->pod_ip));
		text_add(&ret->pod_ips, ret->host_ip);
	}
	return 0;
}

static char *fill(const char *word, const struct fields *fields)
{
	const struct {
		const char *mark;
		const char *value;
	} marks[] = { { FIELDS_POD_IP, fields->pod_ip },
		      { FIELDS_POD_IPS, fields->pod_ips.length ? fields->pod_ips.data : "" },
		      { FIELDS_HOST_IP, fields->host_ip } };
	struct text text = {};

	text_add(&text, "");
	while (*word) {
		size_t i = 0;

		while (i < ARRAY_LEN(marks) && !text_starts_with(word, marks[i].mark))
			i++;
		if (i < ARRAY_LEN(marks)) {
			text_add(&text, marks[i].value);
			word += strlen(marks[i].mark);
		} else {
			text_append(&text, word++, 1);
		}
	}
	return text_steal(&text);
}

int fields_fill(struct lxcri_pod *pod, const char *const **words, struct strings *kept,
		struct lxcri_error *err)
{
	autorun(fields_finish) struct fields fields = {};
	bool has_mark = false;

	for (size_t i = 0; *words && (*words)[i]; i++)
		has_mark |= strstr((*words)[i], FIELDS_MARK) != NULL;
	if (!has_mark)
		return 0;
	if (look_at(pod, &fields, err) < 0)
		return -1;
	for (size_t i = 0; (*words)[i]; i++)
		strings_add_consume(kept, fill((*words)[i], &fields));
	*words = (const char *const *)kept->items;
	return 0;
}
