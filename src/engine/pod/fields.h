/* SPDX-License-Identifier: MIT */
#pragma once

/* What is known of a pod only when it has its addresses. Texts that its containers are given have a
 * mark in its place until then. */

#include "engine/pod/pod.h"

/* No text of a manifest has a control character. */
#define FIELDS_MARK    "\001"
#define FIELDS_POD_IP  FIELDS_MARK "podIP" FIELDS_MARK
#define FIELDS_POD_IPS FIELDS_MARK "podIPs" FIELDS_MARK
#define FIELDS_HOST_IP FIELDS_MARK "hostIP" FIELDS_MARK

/* Puts what @pod has in the place of marks: where there are any, *@words, which may be NULL, are
 * then those of @kept, which has to be empty. */
[[nodiscard]] int fields_fill(struct lxcri_pod *pod, const char *const **words,
			      struct strings *kept, struct lxcri_error *err);
