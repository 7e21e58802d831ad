/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <string.h>

/* What passes between the node's root and the first process of a container of Proxmox VE. A signal
 * to it that was queued with this value and a number is that number's for the program: a first
 * process can neither be stopped nor be told to stop others by SIGSTOP, and some signals mean
 * something else to it. And the files that it keeps, below its root. */

#define CT_SIGNAL_MASK  0xff
#define CT_SIGNAL_EXACT 0x4c584300 /* and the number */

/* Of a tmpfs, instead of its options: it is a volume, in which all may write from the beginning; or
 * one whose directory is the image's, with "UID GID MODE" behind it. */
#define CT_OPTION_OPEN  "open"
#define CT_OPTION_OWNER "owner "

static inline bool ct_option_is_volume(const char *options)
{
	return strcmp(options, CT_OPTION_OPEN) == 0 ||
	       strncmp(options, CT_OPTION_OWNER, strlen(CT_OPTION_OWNER)) == 0;
}

#define CT_STATE_DIR  ".lxcri/state"
#define CT_STATE_LOG  "log"  /* runtime/log/log_record.h */
#define CT_STATE_RUN  "run"  /* "1 STARTED_NS" of the run that goes on, or was the last */
#define CT_STATE_EXIT "exit" /* "1 CODE STARTED_NS FINISHED_NS" of it; none: it was killed */
