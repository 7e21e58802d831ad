/* SPDX-License-Identifier: MIT */
/* The command. */

#include <stdio.h>

int main(void)
{
	fputs("proxmox-lxcri: no verbs yet\n", stderr);
	return 1;
}
