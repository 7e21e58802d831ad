# SPDX-License-Identifier: MIT
"""The power goes: a disk as it is then, and what the engine makes of it."""

import dataclasses
import fcntl
import json
import os
import pathlib
import subprocess

from recording import FILE_SYSTEM_BYTES
from replay import Log

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("LXCRI_BUILD", HERE.parents[1] / "build"))
TIMEOUT_SECONDS = 300
# Of its own are also the processes: those that containers leave end with them.
NAMESPACES = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--kill-child",
              "--", "bash", "-c", '"$@"; exit', "-"]


def copy_sparse(source, target):
    """Fills an open file with what another one has."""
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    at = 0
    while True:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:  # there is no more
            return
        end = os.lseek(source, at, os.SEEK_HOLE)
        while at < end:
            at += os.pwrite(target, os.pread(source, min(end - at, 1 << 20), at), at)


class Recording:
    """What recording.make() left in a directory."""

    def __init__(self, directory, kind):
        self.base = os.open(directory / "base", os.O_RDONLY)
        self.kind = kind
        self.log = Log(directory / "log", FILE_SYSTEM_BYTES)

    def disk_after(self, cut):
        """Returns an open file in memory: the disk after a cut."""
        disk = os.memfd_create("disk")
        copy_sparse(self.base, disk)
        with open(disk, "r+b", buffering=0, closefd=False) as file:
            self.log.apply(cut, file)
        return disk

    def problems_after(self, cut):
        """Returns what is wrong when the power has gone."""
        disk = self.disk_after(cut)
        step = self.log.step_at(cut.position)
        command = [*NAMESPACES, "/usr/bin/python3", HERE / "look", BUILD / "proxmox-lxcri", f"/proc/self/fd/{disk}",
                   self.kind]
        # One at a time: control groups are in no namespace, and those of a container have one name.
        with open(HERE / "look", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(command, input=json.dumps(dataclasses.asdict(step)), pass_fds=[disk],
                                  capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
        os.close(disk)
        if done.returncode != 0:
            return [f"{done.stdout}{done.stderr}"]
        return json.loads(done.stdout)
