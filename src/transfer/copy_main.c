/* SPDX-License-Identifier: MIT */
/* lxcri-copy: one half of a copy, see copy.h.
 *
 *	lxcri-copy pack|unpack PATH FLAGS UIDS GIDS
 *
 * It holds libarchive, which the command is spared, and as few rights as the work allows. */

#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "transfer/copy.h"
#include "transfer/pack.h"
#include "transfer/unpack.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Several times what the largest archive needs; beyond it an allocation fails and the process ends,
 * not the host. An address sanitizer takes terabytes for itself. */
#ifdef __SANITIZE_ADDRESS__
#define DATA_BYTES_MAX RLIM_INFINITY
#else
#define DATA_BYTES_MAX ((rlim_t)1 << 30)
#endif

static void print_warning(void *userdata, enum lxcri_log_level level, const char *text)
{
	char line[1024];

	(void)snprintf(line, sizeof(line), "%s", text);
	text_mask_controls(line, '?');
	(void)fprintf(stderr, "proxmox-lxcri: warning: cp: %s\n", line);
}

static int run(int argc, char **argv, struct lxcri_error *err)
{
	const struct rlimit memory = { DATA_BYTES_MAX, DATA_BYTES_MAX };
	struct copy_ids uids;
	struct copy_ids gids;

	if (argc != 6 || copy_ids_parse(argv[4], &uids) < 0 || copy_ids_parse(argv[5], &gids) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "usage: " COPY_HELPER " pack|unpack PATH FLAGS UIDS GIDS");
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return fail(err, LXCRI_E_COPY_FAILED, "limit the memory");
	if (strcmp(argv[1], COPY_PACK) == 0) {
		const struct pack_options options = {
			.root = COPY_ROOT_FD,
			.path = argv[2],
			.follow = strchr(argv[3], COPY_FLAG_FOLLOW) != NULL,
			.uids = uids,
			.gids = gids,
		};

		return pack_tree(&options, STDOUT_FILENO, err);
	}

	const struct unpack_options options = {
		.root = COPY_ROOT_FD,
		.path = argv[2],
		.archive = strchr(argv[3], COPY_FLAG_ARCHIVE) != NULL,
		.stream = strchr(argv[3], COPY_FLAG_STREAM) != NULL,
		.top = strchr(argv[3], COPY_FLAG_TOP) != NULL,
		.uids = uids,
		.gids = gids,
	};

	return unpack_tree(&options, STDIN_FILENO, err);
}

int main(int argc, char **argv)
{
	static struct lxcri_error err;
	int r;

	/* Who asked is gone: nobody waits for the result. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(0);
	lxcri_log_set(print_warning, NULL, LXCRI_LOG_WARNING);
	r = run(argc, argv, &err);
	if (file_write_all(COPY_RESULT_FD, &err, sizeof(err)) < 0)
		return EXIT_FAILURE;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
