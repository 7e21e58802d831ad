/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_LOG_H
#define LXCRI_LOG_H

/* The library logs through one callback of the process. Without one it is silent. A failure is
 * never logged by the library: it is returned, and the caller decides. */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum lxcri_log_level {
	LXCRI_LOG_ERROR,
	LXCRI_LOG_WARNING,
	LXCRI_LOG_INFO,
	LXCRI_LOG_DEBUG,
};

/* Receives one message without a line end; @text is valid during the call only. */
typedef void (*lxcri_log_fn)(void *userdata, enum lxcri_log_level level, const char *text);

/* Sends messages up to @level to @callback from here on; NULL silences the library. Not to be
 * called while another thread is inside the library. */
void lxcri_log_set(lxcri_log_fn callback, void *userdata, enum lxcri_log_level level);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
