# SPDX-License-Identifier: MIT
"""The fault points of a build: which there are, and which of them a command gets to."""

import dataclasses
import os
import subprocess

from engine import BUILD

# What the programs are executed as, and their files. There is no lxcri-init, which changes nothing
# but its children, nor lxcri-scope, which is for hosts with systemd, nor lxcri-forward, lxcri-ct-init
# and lxcri-proxmox, which change nothing here either; nor lxcri-serve, lxcri-probe and lxcri-dns, which no verb
# waits for: see test_service.py.
FILES = {"proxmox-lxcri": "proxmox-lxcri", "lxcri-monitor": "lxcri-monitor", "lxcri-lxc": "lxcri-lxc",
         "shim": "lxcri-shim", "lxcri-worker": "lxcri-worker", "lxcri-copy": "lxcri-copy",
         "lxcri-registry": "lxcri-registry"}
PROGRAMS = tuple(FILES)
ERRORS = ("ENOSPC", "EIO", "EMFILE", "ENOMEM", "EINTR")
KILLS = ("kill", "kill-after")
ACTIONS = (*KILLS, *ERRORS)
TRACE_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, order=True)
class Hit:
    """One moment: a program gets to a point for the Nth time."""

    program: str
    point: str
    number: int

    def __str__(self):
        return f"{self.point}@{self.program}#{self.number}"

    def actions(self):
        """What can happen there: behind a program that is executed there is nothing to be killed."""
        executes = self.point.rpartition(":")[2].startswith("execve")
        return tuple(action for action in ACTIONS if action != "kill-after" or not executes)

    def fault(self, action):
        """What LXCRI_FAULT is set to."""
        return f"{self}:{action}"


def listed(program):
    """The names of all points in a program."""
    done = subprocess.run([BUILD / FILES[program]], env={**os.environ, "LXCRI_FAULT": "list"},
                          capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


class Trace:
    """A file in which all processes of a command write where they got."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(b"")
        os.truncate(path, TRACE_BYTES)
        path.chmod(0o666)

    @property
    def environment(self):
        return {"LXCRI_FAULT_TRACE": str(self.path)}

    def hits(self):
        """All moments, in the order in which they came; two processes may have the same."""
        content = self.path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        assert size + 16 <= TRACE_BYTES, "the trace is too long for its file"
        found = []
        for line in content[16:16 + size].decode().splitlines():
            program, _, rest = line.partition(" ")
            point, _, number = rest.rpartition("#")
            found.append(Hit(program, point, int(number)))
        return found

    def came(self):
        """Tells whether the fault has happened."""
        return self.path.read_bytes()[8:16] != bytes(8)
