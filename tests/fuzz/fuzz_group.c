/* SPDX-License-Identifier: MIT */
#include "engine/bundle/passwd.h"

#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes are the group file of an image. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char passwd[] = "app:x:1000:1000::/:\n";
	const struct passwd_files files = {
		.passwd = passwd,
		.passwd_size = sizeof(passwd) - 1,
		.group = (const char *)data,
		.group_size = size,
	};
	autorun(passwd_user_finish) struct passwd_user listed = {};
	autorun(passwd_user_finish) struct passwd_user named = {};
	struct lxcri_error err = {};

	if (passwd_resolve(&files, "app", &listed, &err) == 0)
		(void)passwd_add_group(&files, "media", &listed, &err);
	(void)passwd_resolve(&files, "app:media", &named, &err);
	return 0;
}
