/* SPDX-License-Identifier: MIT */
/* The frame of a process that deals with images. */

#include "image/worker/worker_serve.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "image/layer/hash.h"
#include "image/worker.h"
#include "os/file.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int worker_serve(worker_run_fn *run, int argc, char **argv)
{
	autojson result = json_object_new_object();
	struct lxcri_error err = {};
	autofree char *text = NULL;
	int r;

	/* Who asked is gone: nobody waits for the result, and locks must not be held longer. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	hash_prepare();
	r = run(argc, argv, result, &err);
	if (r < 0) {
		/* What came from outside is quoted in it; the answer must stay JSON. */
		text_mask_malformed(err.text, '?');
		json_set_text(result, WORKER_CODE, lxcri_code_name(err.code));
		json_set_text(result, WORKER_TEXT, err.text);
		json_object_object_add(result, WORKER_ERRNUM, json_object_new_int(err.errnum));
	}
	text = json_format_line(result);
	if (file_write_all(STDOUT_FILENO, text, strlen(text)) < 0)
		return EXIT_FAILURE;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
