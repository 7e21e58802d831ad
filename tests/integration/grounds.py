# SPDX-License-Identifier: MIT
"""File systems of other kinds for data directories, in a mount namespace that only they are in."""

import os
import pathlib
import secrets
import shutil
import subprocess

from engine import TAG, Engine


class Ground:
    """A mount namespace with a new file system mounted at .path, if .kind is one that mkfs makes; else
    it is a directory where we are. What is below .path is seen by others through seen()."""

    def __init__(self, kind, directory, size="1G"):
        self.kind = kind
        self.path = pathlib.Path(directory) / f"ground-{kind}"
        self.path.mkdir(mode=0o711)
        self.keeper = None
        if kind == "plain":
            return
        disk = self.path.with_suffix(".disk")
        with open(disk, "wb") as file:
            file.truncate(int(size[:-1]) << 30)
        subprocess.run([f"mkfs.{kind}", "-q", disk], check=True, stdin=subprocess.DEVNULL)
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             f"modprobe -qa loop {kind}; mount -o loop {disk} {self.path} && chmod 711 {self.path} && rm {disk} && echo ready && exec sleep 100000"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.keeper.stdout.readline() == b"ready\n", f"no {kind} can be mounted"

    def close(self):
        if self.keeper:
            self.keeper.kill()
            self.keeper.wait()
            self.keeper.stdout.close()
        shutil.rmtree(self.path)

    def entering(self):
        """The words that lead a command into the namespace."""
        return ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", "--"] if self.keeper else []

    def seen(self, path):
        return pathlib.Path(f"/proc/{self.keeper.pid}/root{path}") if self.keeper else pathlib.Path(path)

    def run(self, *words, **options):
        """Runs a program there and returns what it prints."""
        return subprocess.run([*self.entering(), *map(str, words)], check=True, text=True,
                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, **options).stdout

    def free_bytes(self):
        self.run("sync", "-f", self.path)
        status = os.statvfs(self.seen(self.path))
        return status.f_bavail * status.f_frsize


class PlacedEngine(Engine):
    """The command with its data directory on a ground."""

    def __init__(self, work, backend, ground, config=None):
        super().__init__(work, backend, config)
        self.ground = ground
        self.data = ground.path / f"data-{TAG}-{secrets.token_hex(4)}"

    def argv(self, *words):
        return [*self.ground.entering(), *super().argv(*words)]

    def seen(self, *names):
        """Where a file of the data directory is seen from here."""
        return self.ground.seen(self.data.joinpath(*names))

    def remove_all(self):
        """What is on a file system of its own goes with that."""
        if self.seen().exists():
            for id in self("list", "--quiet").lines:
                self("delete", "--force", id)
            if not self.ground.keeper:
                shutil.rmtree(self.data)
