/* SPDX-License-Identifier: MIT */
/* The options of a mount, told apart. */

#include "monitor/lxc/lxc_spec.h"

#include "base/mem.h"

#include <string.h>
#include <sys/mount.h>

/* What one option word does to a mount. A word may set some attributes and clear others. */
struct option_word {
	const char *word;
	uint64_t set;
	uint64_t clear;
	uint64_t propagation;
	uint32_t flags;
};

#define ATIME MOUNT_ATTR__ATIME

static const struct option_word option_words[] = {
	{ "defaults" },
	{ "bind", .flags = LXC_MOUNT_BIND },
	{ "rbind", .flags = LXC_MOUNT_BIND | LXC_MOUNT_RECURSIVE },
	{ "ro", .set = MOUNT_ATTR_RDONLY },
	{ "rw", .clear = MOUNT_ATTR_RDONLY },
	{ "nosuid", .set = MOUNT_ATTR_NOSUID },
	{ "suid", .clear = MOUNT_ATTR_NOSUID },
	{ "nodev", .set = MOUNT_ATTR_NODEV },
	{ "dev", .clear = MOUNT_ATTR_NODEV },
	{ "noexec", .set = MOUNT_ATTR_NOEXEC },
	{ "exec", .clear = MOUNT_ATTR_NOEXEC },
	{ "nodiratime", .set = MOUNT_ATTR_NODIRATIME },
	{ "diratime", .clear = MOUNT_ATTR_NODIRATIME },
	{ "noatime", .set = MOUNT_ATTR_NOATIME, .clear = ATIME },
	{ "atime", .set = MOUNT_ATTR_RELATIME, .clear = ATIME },
	{ "relatime", .set = MOUNT_ATTR_RELATIME, .clear = ATIME },
	{ "norelatime", .set = MOUNT_ATTR_STRICTATIME, .clear = ATIME },
	{ "strictatime", .set = MOUNT_ATTR_STRICTATIME, .clear = ATIME },
	{ "nostrictatime", .set = MOUNT_ATTR_RELATIME, .clear = ATIME },
	{ "nosymfollow", .set = MOUNT_ATTR_NOSYMFOLLOW },
	{ "symfollow", .clear = MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", .propagation = MS_PRIVATE },
	{ "slave", .propagation = MS_SLAVE },
	{ "shared", .propagation = MS_SHARED },
	{ "unbindable", .propagation = MS_UNBINDABLE },
	{ "rprivate", .propagation = MS_PRIVATE, .flags = LXC_MOUNT_PROPAGATE_ALL },
	{ "rslave", .propagation = MS_SLAVE, .flags = LXC_MOUNT_PROPAGATE_ALL },
	{ "rshared", .propagation = MS_SHARED, .flags = LXC_MOUNT_PROPAGATE_ALL },
	{ "runbindable", .propagation = MS_UNBINDABLE, .flags = LXC_MOUNT_PROPAGATE_ALL },
	{ "tmpcopyup", .flags = LXC_MOUNT_COPY_UP },
	{ "idmap", .flags = LXC_MOUNT_MAPPED },
	{ "ridmap", .flags = LXC_MOUNT_MAPPED | LXC_MOUNT_MAPPED_ALL },
};

/* Words that fstab(5) knows and the mount itself doesn't, and relabelling, which is done by those
 * who have SELinux. */
static const char *const ignored_words[] = { "async",  "sync", "nofail", "auto",
					     "noauto", "user", "nouser", "_netdev",
					     "z",      "Z",    "silent", "loud" };

static const struct option_word *find_word(const char *word)
{
	for (size_t i = 0; i < sizeof(option_words) / sizeof(option_words[0]); i++)
		if (strcmp(option_words[i].word, word) == 0)
			return &option_words[i];
	return NULL;
}

/* Finds the word that @option is the recursive form of ("rro"); others that begin with r are no
 * such forms. */
static const struct option_word *find_recursive(const char *option)
{
	const struct option_word *word = option[0] == 'r' ? find_word(option + 1) : NULL;

	return word && (word->set || word->clear) ? word : NULL;
}

static bool is_ignored(const char *option)
{
	for (size_t i = 0; i < sizeof(ignored_words) / sizeof(ignored_words[0]); i++)
		if (strcmp(ignored_words[i], option) == 0)
			return true;
	return false;
}

static void apply(uint64_t *set, uint64_t *clear, const struct option_word *word)
{
	*set = (*set & ~word->clear) | word->set;
	/* What an earlier word said of the same attribute is overruled. */
	*clear = (*clear & ~word->set) | word->clear;
}

static int take_option(struct lxc_plan_mount *mount, const char *option, struct lxcri_error *err)
{
	const struct option_word *word = find_word(option);
	const struct option_word *recursive = word ? NULL : find_recursive(option);

	if (text_starts_with(option, "idmap=") || text_starts_with(option, "ridmap="))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "mount option %s on LXC", option);
	if (word) {
		apply(&mount->set, &mount->clear, word);
		if (word->propagation != 0)
			mount->propagation = word->propagation;
		mount->flags |= word->flags;
	} else if (recursive) {
		apply(&mount->set_all, &mount->clear_all, recursive);
	} else if (!is_ignored(option)) {
		strings_add(&mount->data, option);
	}
	return 0;
}

int lxc_spec_mount(const struct spec_mount *spec, struct lxc_plan_mount *mount,
		   struct lxcri_error *err)
{
	if (spec->n_uid_mappings > 0 || spec->n_gid_mappings > 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "mount with id mappings on LXC");
	mount->destination =
		xformat("%s%s", spec->destination[0] == '/' ? "" : "/", spec->destination);
	for (size_t i = 0; i < spec->options.count; i++)
		if (take_option(mount, spec->options.items[i], err) < 0)
			return -1;
	if (spec->type && strcmp(spec->type, "bind") == 0)
		mount->flags |= LXC_MOUNT_BIND;
	/* A bind mount has no options of a file system; runc and crun ignore them as well. */
	if (mount->flags & LXC_MOUNT_BIND)
		strings_finish(&mount->data);
	if (!(mount->flags & LXC_MOUNT_BIND) && !spec->type)
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "mount without a type that is no bind mount");
	if (mount->flags & LXC_MOUNT_MAPPED && !(mount->flags & LXC_MOUNT_BIND))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "mount option idmap of a %s on LXC",
			    spec->type);
	mount->type = xstrdup(mount->flags & LXC_MOUNT_BIND ? "bind" : spec->type);
	mount->source = xstrdup(spec->source);
	if (mount->flags & LXC_MOUNT_COPY_UP && strcmp(mount->type, "tmpfs") != 0)
		return fail(err, LXCRI_E_INVALID_SPEC, "mount option tmpcopyup of a %s",
			    mount->type);
	return 0;
}
