/* SPDX-License-Identifier: MIT */
/* Names on the host. */

#include "engine/network/instance.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NAME "proxmox-lxcri"

static uint64_t add_text(uint64_t sum, const char *text)
{
	for (; *text; text++)
		sum = fnv_add(sum, (unsigned char)*text);
	return fnv_add(sum, 0);
}

static uint32_t fold(uint64_t sum)
{
	return (uint32_t)(sum ^ sum >> 32);
}

static uint32_t mark(const struct lxcri_engine *engine)
{
	return fold(add_text(FNV_START, engine->data));
}

bool instance_is_usual(const struct lxcri_engine *engine)
{
	return strcmp(engine->data, CONFIG_DEFAULT_DATA_PATH) == 0;
}

char *instance_table(const struct lxcri_engine *engine)
{
	return instance_is_usual(engine) ? xstrdup(NAME) : xformat(NAME "-%08x", mark(engine));
}

char *instance_alias(const struct lxcri_engine *engine, const char *network)
{
	return xformat(NAME " %08x %s", mark(engine), network);
}

bool instance_has_alias(const struct lxcri_engine *engine, const char *alias)
{
	autofree char *prefix = instance_alias(engine, "");

	return text_starts_with(alias, prefix);
}

void instance_bridge(const struct lxcri_engine *engine, const char *network,
		     char ret[static IFNAMSIZ])
{
	(void)snprintf(ret, IFNAMSIZ, "lxcri%08x",
		       fold(add_text(add_text(FNV_START, engine->data), network)));
}

/* Two hosts on one LAN may have the same data directory and the same names. */
static uint64_t add_machine(uint64_t sum)
{
	autofree char *id = NULL;
	size_t size;

	return file_read(AT_FDCWD, "/etc/machine-id", 256, &id, &size) < 0 ? sum
									   : add_text(sum, id);
}

void instance_mac(const struct lxcri_engine *engine, const char *network, const char *container,
		  unsigned int attempt, unsigned char ret[static 6])
{
	uint64_t sum = add_machine(FNV_START);

	sum = add_text(add_text(add_text(sum, engine->data), network), container);
	sum = fnv_add(sum, attempt);
	for (int i = 0; i < 6; i++)
		ret[i] = (unsigned char)(sum >> 8 * i);
	ret[0] = (unsigned char)((ret[0] & 0xfc) | 2); /* locally administered, of one interface */
}
