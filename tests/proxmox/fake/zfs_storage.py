# SPDX-License-Identifier: MIT
"""A storage whose volumes are datasets of ZFS, as on a node: for machines that have it."""

import os
import re
import subprocess
import time

from fake.failure import Died
from fake.storage import Storage, Volume

BUSY_TRIES = 6
LISTED = re.compile(r"(?:vm|base|subvol|basevol)-\d+-\S+")


def run(*words):
    """Runs the program "zfs" and returns its lines."""
    done = subprocess.run(["zfs", *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Died(f"zfs error: {done.stderr.strip()}")
    return done.stdout.splitlines()


class Dataset(Volume):
    """A volume whose size is a quota."""

    def __init__(self, name, size, created, vmid):
        self.name = None
        super().__init__(size, "subvol", vmid)
        self.name = name
        self.ctime = created

    @property
    def size(self):
        return self.quota

    @size.setter
    def size(self, size):
        self.quota = size
        if self.name:
            run("set", f"refquota={size or 'none'}", self.name)


class ZfsStorage(Storage):
    """All is asked of ZFS: what others make and destroy is seen. Volumes are the direct children whose names are
    those of volumes. One that is not mounted is mounted when it is needed."""

    def __init__(self, directory, name, dataset, node):
        super().__init__(directory, name, "zfspool", ("rootdir", "images"), nodes=[node])
        self.dataset = dataset
        self.root(node).mkdir(parents=True)
        run("create", "-o", f"mountpoint={self.root(node)}", dataset)

    @property
    def pool(self):
        return self.dataset

    def name_of(self, volname):
        return f"{self.dataset}/{volname}"

    def activate(self, node, volname):
        if not os.path.ismount(self.path(node, volname)):
            run("mount", self.name_of(volname))

    def close(self):
        subprocess.run(["zfs", "destroy", "-R", self.dataset], check=False, stderr=subprocess.DEVNULL)

    # What is in it.

    def used(self, node):
        return self.total - self.available(node)

    def available(self, node):
        return min(int(run("get", "-Hpo", "value", "available", self.dataset)[0]), self.total)

    def listed(self, node):
        if not self.is_on(node):
            return
        for line in run("list", "-Hpd1", "-t", "filesystem", "-o", "name,refquota,creation", self.dataset)[1:]:
            name, size, created = line.split("\t")
            volname = name.rpartition("/")[2]
            if LISTED.fullmatch(volname):
                yield volname, Dataset(name, int(size), int(created), self.vmid_of(volname))

    def get(self, node, volname):
        for name, volume in self.listed(node):
            if name == volname:
                return volume
        raise Died(f"volume '{self.name}:{volname}' does not exist")

    def has(self, node, volname):
        return any(name == volname for name, _ in self.listed(node))

    # What changes it.

    def allocate(self, node, vmid, size, name=None, base=False):
        self.need(node)
        with self.lock:
            volname = name or self.free_name(node, vmid, size, base)
            quota = ["-o", f"refquota={size}"] if size else []
            run("create", "-o", "acltype=posixacl", "-o", "xattr=sa", *quota, self.name_of(volname))
            return volname

    def free(self, node, volname):
        """The server tries some times: what a container had mounted is given back in its own time."""
        with self.lock:
            for left in reversed(range(BUSY_TRIES)):
                try:
                    run("destroy", "-r", self.name_of(volname))
                    return
                except Died as failure:
                    if "busy" not in failure.text or not left:
                        raise
                time.sleep(1)

    def rename(self, node, volname, new):
        run("rename", self.name_of(volname), self.name_of(new))
