/* SPDX-License-Identifier: MIT */
#pragma once

/* Cleanup at the end of a scope, and handing out what would be cleaned up. */

#include <stdlib.h>
#include <unistd.h>

#define autorun(fn)   [[gnu::cleanup(fn), maybe_unused]] /* it may be there for its end alone */
#define autofree      autorun(freep)
#define autoclose     autorun(closep) /* closes, and resets to -1 */
#define autoptr(type) autorun(type##_freep) struct type *

/* Makes the glue that autoptr(type) needs from `void type_free(struct type *)`. */
#define DEFINE_AUTOPTR(type)                              \
	static inline void type##_freep(struct type **p_) \
	{                                                 \
		type##_free(*p_);                         \
		*p_ = NULL;                               \
	}

/* Yields the pointer and leaves NULL behind. */
#define steal(ptr)                           \
	({                                   \
		typeof(ptr) *slot_ = &(ptr); \
		typeof(ptr) held_ = *slot_;  \
		*slot_ = NULL;               \
		held_;                       \
	})

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

static inline void freep(void *p)
{
	void **slot = (void **)p;

	free(*slot);
	*slot = NULL;
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Yields the descriptor and leaves -1 behind. */
static inline int steal_fd(int *fd)
{
	int held = *fd;

	*fd = -1;
	return held;
}
