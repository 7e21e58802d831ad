# SPDX-License-Identifier: MIT
"""Storages: directories of the fake that look like those of Proxmox VE. Each volume of a container is a directory,
also where the name says it is an image."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

from fake.failure import Died, Failure

GIB = 1 << 30
TEMPLATE_SUFFIXES = (".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tar")
VOLUME = {
    "dir": r"(?P<vmid>\d+)/(?:(?:vm|base)-(?P=vmid)-disk-\d+\.raw|subvol-(?P=vmid)-disk-\d+\.subvol)",
    "zfspool": r"(?:basevol-\d+-disk-\d+/)?(?P<kind>subvol|basevol|vm|base)-(?P<vmid>\d+)-disk-\d+",
}
DIRECTORIES = {"vztmpl": "template/cache", "iso": "template/iso", "backup": "dump", "import": "import"}
FORMATS = {"dir": ("raw", ["raw", "qcow2", "subvol", "vmdk"]), "zfspool": ("raw", ["raw", "subvol"])}


class Volume:
    """What is known of a volume besides its files."""

    def __init__(self, size, fmt, vmid=None, parent=None):
        self.size = size
        self.format = fmt
        self.vmid = vmid
        self.parent = parent
        self.is_blank = False  # an image without a file system
        self.notes = None
        self.protected = 0
        self.ctime = int(time.time())


class Storage:
    """One entry of storage.cfg. It is below @directory on every node that has it; one that is not shared has a
    directory for each node."""

    def __init__(self, directory, name, kind="dir", content=("rootdir", "images", "vztmpl", "iso"), total=100 * GIB,
                 shared=False, nodes=None):
        self.base = pathlib.Path(directory)
        self.name = name
        self.kind = kind
        self.content = list(content)
        self.total = total
        self.shared = shared
        self.nodes = nodes
        self.is_enabled = True
        self.filled = 0  # bytes that something else takes
        self.volumes = {}  # (node, volume name) → Volume
        self.lock = threading.RLock()

    @property
    def pool(self):
        """What the configuration of a pool of ZFS says."""
        return self.name

    def activate(self, node, volname):
        """Makes a volume's files be where path() says."""

    def close(self):
        """Removes what is left, but for directories."""

    # Where things are.

    def key(self, node, volname):
        return None if self.shared else node, volname

    def root(self, node):
        return self.base / self.name if self.shared else self.base / node / self.name

    def path(self, node, volname):
        """Returns where a volume's files are."""
        found = re.fullmatch(r"(\w+)/([^/]+)", volname)
        if found and found[1] in DIRECTORIES:
            return self.root(node) / DIRECTORIES[found[1]] / found[2]
        if self.kind == "zfspool":
            return self.root(node) / volname.rpartition("/")[2]
        return self.root(node) / "images" / volname

    def is_on(self, node):
        return not self.nodes or node in self.nodes

    def need(self, node, content=None):
        """Raises what the server says where the storage is not there, or not for this."""
        if not self.is_on(node):
            raise Died(f"storage '{self.name}' is not available on node '{node}'")
        if not self.is_enabled:
            raise Died(f"storage '{self.name}' is disabled")
        if content and content not in self.content:
            raise Died(f"storage '{self.name}' does not support content-type '{content}'" if content != "rootdir"
                       else f"storage '{self.name}' does not support container directories")

    # What is in it.

    def used(self, node):
        with self.lock:
            return self.filled + sum(disk_usage(self.path(node, volname)) for (on, volname) in self.volumes
                                     if on in (None, node))

    def status(self, node):
        used = min(self.used(node), self.total)
        return {"type": self.kind, "content": ",".join(sorted(self.content)), "active": int(self.is_enabled),
                "enabled": int(self.is_enabled), "shared": int(self.shared), "total": self.total, "used": used,
                "avail": self.total - used}

    def available(self, node):
        return self.total - min(self.used(node), self.total)

    def get(self, node, volname):
        volume = self.volumes.get(self.key(node, volname))
        if volume is None:
            raise Died(f"volume '{self.name}:{volname}' does not exist")
        return volume

    def has(self, node, volname):
        return self.key(node, volname) in self.volumes

    def listed(self, node):
        """Yields (volume name, Volume) of what is on a node."""
        with self.lock:
            found = [(volname, volume) for (on, volname), volume in self.volumes.items() if on in (None, node)]
        yield from sorted(found)

    def vmid_of(self, volname):
        found = re.fullmatch(VOLUME[self.kind], volname)
        return int(found["vmid"]) if found else None

    # What changes it.

    def allocate(self, node, vmid, size, name=None, base=False):
        """Makes an empty volume for a container and returns its name."""
        self.need(node)
        with self.lock:
            if size > self.available(node) or self.available(node) <= 0:
                raise Died(f"zfs error: cannot create '{self.name}/subvol-{vmid}-disk-0': out of space"
                           if self.kind == "zfspool" else
                           f"unable to allocate image: No space left on device (storage '{self.name}')")
            volname = name or self.free_name(node, vmid, size, base)
            if self.has(node, volname):
                raise Died(f"disk image '{self.path(node, volname)}' already exists")
            path = self.path(node, volname)
            path.mkdir(parents=True, mode=0o755)
            fmt = "subvol" if self.kind == "zfspool" or volname.endswith(".subvol") else "raw"
            self.volumes[self.key(node, volname)] = Volume(size, fmt, self.vmid_of(volname))
            return volname

    def free_name(self, node, vmid, size, base=False):
        for number in range(1000):
            if self.kind == "zfspool":
                names = [f"{kind}-{vmid}-disk-{number}" for kind in ("subvol", "basevol")]
                if not any(self.ends_with(node, name) for name in names):
                    return names[base]
            else:
                name = f"{vmid}/vm-{vmid}-disk-{number}.raw" if size else \
                    f"{vmid}/subvol-{vmid}-disk-{number}.subvol"
                if not any(self.has(node, f"{vmid}/{kind}-{vmid}-disk-{number}.{fmt}")
                           for kind, fmt in (("vm", "raw"), ("base", "raw"), ("subvol", "subvol"))):
                    return name.replace("/vm-", "/base-") if base else name
        raise Died(f"unable to allocate an image name for VM {vmid} in storage '{self.name}'")

    def ends_with(self, node, name):
        return any(volname.rpartition("/")[2] == name for volname, _ in self.listed(node))

    def copy(self, node, volname, target, target_node, vmid, parent=None, snapshot=None):
        """Copies a volume, or a snapshot of it, into another storage, with owners and all, and returns the new
        name."""
        size = self.get(node, volname).size
        source = self.snapshot_path(node, volname, snapshot) if snapshot else self.path(node, volname)
        name = None
        if parent is not None:
            name = f"{volname}/{target.free_name(target_node, vmid, size)}" if target.kind == "zfspool" else None
        if disk_usage(source) > target.available(target_node):
            raise Died(f"no space left on storage '{target.name}'")
        new = target.allocate(target_node, vmid, size, name)
        target.get(target_node, new).parent = parent
        copy_tree(source, target.path(target_node, new))
        return new

    def rename(self, node, volname, new):
        with self.lock:
            self.path(node, new).parent.mkdir(parents=True, exist_ok=True)
            self.path(node, volname).rename(self.path(node, new))
            self.volumes[self.key(node, new)] = self.volumes.pop(self.key(node, volname))
            self.volumes[self.key(node, new)].vmid = self.vmid_of(new)

    def free(self, node, volname):
        """Removes a volume and its snapshots."""
        with self.lock:
            volume = self.get(node, volname)
            if volume.protected:
                raise Died(f"unable to remove protected volume '{self.name}:{volname}'")
            for other, _ in self.listed(node):
                if other.startswith(f"{volname}/"):
                    raise Died(f"base volume '{volname}' is still in use by linked cloned")
            path = self.path(node, volname)
            if path.is_dir():
                shutil.rmtree(path)
                for snapshot in path.parent.glob(f".{path.name}@*"):
                    shutil.rmtree(snapshot)
            else:
                path.unlink()
            del self.volumes[self.key(node, volname)]

    def check_file(self, content, filename):
        """Raises what the server says to a file that it does not take."""
        if content == "vztmpl" and not filename.endswith(TEMPLATE_SUFFIXES):
            raise Failure(400, "Parameter verification failed.", {"filename": "wrong file extension"})
        if content not in self.content:
            raise Died(f"storage '{self.name}' does not support '{content}' content")

    def register(self, node, volname, vmid, notes=None, protected=0):
        """Takes note of a backup that was written."""
        path = self.path(node, volname)
        volume = Volume(path.stat().st_size, "".join(path.suffixes[-2:]).lstrip("."), vmid)
        volume.notes, volume.protected = notes, protected
        self.volumes[self.key(node, volname)] = volume

    def store(self, node, content, filename, source):
        """Takes a finished file into templates and the like; returns the volume's name."""
        self.check_file(content, filename)
        volname = f"{content}/{filename}"
        path = self.path(node, volname)
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.stat(source).st_size > self.available(node):
            raise Died(f"import failed: write error: No space left on device (storage '{self.name}')")
        shutil.copyfile(source, path)
        fmt = next((suffix.split(".")[-1] for suffix in TEMPLATE_SUFFIXES if filename.endswith(suffix)), "raw")
        fmt = {"gz": "tgz", "xz": "txz", "zst": "tzst", "bz2": "tbz2"}.get(fmt, fmt)
        self.volumes[self.key(node, volname)] = Volume(path.stat().st_size, fmt)
        return volname

    # Snapshots.

    @property
    def can_snapshot(self):
        return self.kind == "zfspool"

    def snapshot_path(self, node, volname, name):
        path = self.path(node, volname)
        return path.parent / f".{path.name}@{name}"

    def snapshot(self, node, volname, name):
        self.get(node, volname)
        copy_tree(self.path(node, volname), self.snapshot_path(node, volname, name))

    def roll_back(self, node, volname, name):
        path = self.path(node, volname)
        shutil.rmtree(path)
        copy_tree(self.snapshot_path(node, volname, name), path)

    def delete_snapshot(self, node, volname, name):
        shutil.rmtree(self.snapshot_path(node, volname, name))


def copy_tree(source, target):
    """Copies a tree with owners, modes, attributes and holes."""
    target.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=auto", "-T", str(source), str(target)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Died(f"copy failed: {done.stderr.strip()}")


def disk_usage(path):
    """Returns the bytes that files take."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    total = status.st_blocks * 512
    if path.is_dir():
        for directory, names, files in os.walk(path):
            for name in names + files:
                try:
                    total += os.lstat(os.path.join(directory, name)).st_blocks * 512
                except OSError:
                    pass
    return total


def checksum(path, algorithm):
    """Returns the hexadecimal digest of a file."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
