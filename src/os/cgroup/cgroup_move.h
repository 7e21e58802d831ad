/* SPDX-License-Identifier: MIT */
#pragma once

/* Moving processes between control groups.
 *
 * The first move after a pause waits for every CPU to pass through the scheduler (an RCU grace
 * period, 8 to 17 ms on an idle machine of 250 Hz); those that follow closely do not wait again.
 * That is most of the time in which a container is made. A process that is born in its cgroup, as
 * version 2 has it (clone3(2), CLONE_INTO_CGROUP), waits for nobody. */

#include <stdbool.h>

/* Says that a process will be moved soon, so that the kernel's waiting begins now, behind the
 * caller's back: a thread writes the calling process into the cgroup that it is in already. What
 * fails costs only the time that would have been saved, and a call while one is under way does
 * nothing. A process that ends waits for the thread.
 *
 * @unless_born: whoever makes the process may have it born in its cgroup, so nothing is done where
 * version 2 is all there is.
 */
void cgroup_expect_move(bool unless_born);
