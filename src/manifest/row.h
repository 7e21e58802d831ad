/* SPDX-License-Identifier: MIT */
#pragma once

/* Rows of tables of fields. A row of FIELD_USED goes into the member of the struct; the others say
 * what else is known of a field. */

#include "manifest/field.h"

#define ROW(struct_, member_, name_, kind_)                                                       \
	{                                                                                         \
		.name = name_, .kind = FIELD_##kind_, .offset = offsetof(struct struct_, member_) \
	}
#define NEEDED(struct_, member_, name_, kind_)                                \
	{                                                                     \
		.name = name_, .kind = FIELD_##kind_, .effect = FIELD_NEEDED, \
		.offset = offsetof(struct struct_, member_)                   \
	}
#define OBJECT(struct_, member_, name_, kind_, table_)                                             \
	{                                                                                          \
		.name = name_, .kind = FIELD_##kind_, .offset = offsetof(struct struct_, member_), \
		.table = &table_                                                                   \
	}
#define NUMBER(struct_, member_, name_, otherwise_)                                               \
	{                                                                                         \
		.name = name_, .kind = FIELD_NUMBER, .offset = offsetof(struct struct_, member_), \
		.otherwise = otherwise_                                                           \
	}
#define IDLE(name_)                                 \
	{                                           \
		.name = name_, .effect = FIELD_IDLE \
	}
#define REFUSED(name_)                                 \
	{                                              \
		.name = name_, .effect = FIELD_REFUSED \
	}
