/* SPDX-License-Identifier: MIT */
#include "engine/bundle/passwd.h"

#include "base/mem.h"
#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes are the user that an image or a command line names. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char passwd[] = "root:x:0:0::/root:\napp:x:1000:1000::/:\n";
	static const char group[] = "root:x:0:\nmedia:x:44:app\n";
	const struct passwd_files files = {
		.passwd = passwd,
		.passwd_size = sizeof(passwd) - 1,
		.group = group,
		.group_size = sizeof(group) - 1,
	};
	autofree char *spec = xstrndup((const char *)data, size);
	autorun(passwd_user_finish) struct passwd_user user = {};
	struct lxcri_error err = {};

	(void)passwd_resolve(&files, spec, &user, &err);
	return 0;
}
