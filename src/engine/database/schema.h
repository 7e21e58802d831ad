/* SPDX-License-Identifier: MIT */
#pragma once

/* The layouts that the state database has had. Layout N is layout N - 1 changed by step N - 1, and
 * layout 0 is an empty file. A step that has been released is never changed: another one is added.
 */

/* What makes each layout of the one before, as SQL. */
extern const char *const schema_steps[];

/* How many steps there are: the layout that this program writes. */
extern const int schema_version;
