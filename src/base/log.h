/* SPDX-License-Identifier: MIT */
#pragma once

/* Messages to the callback of lxcri_log_set(). Failures are returned, not logged. */

#include "lxcri/log.h"

/* Sends one formatted message; cheap when nobody listens at @level. */
[[gnu::format(printf, 2, 3)]] void log_message(enum lxcri_log_level level, const char *format, ...);

#define log_debug(...)   log_message(LXCRI_LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_message(LXCRI_LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_message(LXCRI_LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_message(LXCRI_LOG_ERROR, __VA_ARGS__)
