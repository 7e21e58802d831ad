/* SPDX-License-Identifier: MIT */
#pragma once

/* Containers of Proxmox VE on their own node. They are liblxc's, but none of ours: neither their
 * directory nor their configuration is touched, and what enters one is confined as Proxmox VE has
 * it. */

/* Runs "ct-pid", "ct-exec", "ct-freeze" or "ct-thaw", which argv[0] is. Returns the exit code: of
 * ct-exec that of the process. What fails is told over the sync socket. */
int lxc_ct_main(int argc, char **argv);
