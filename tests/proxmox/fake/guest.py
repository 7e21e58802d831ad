# SPDX-License-Identifier: MIT
"""A container of the cluster: what its configuration file says, and what of it is still to come."""

import contextlib
import copy
import hashlib
import re
import threading
import time
import urllib.parse

from fake import propstring
from fake.failure import Died

LOCK_SECONDS = 10


class Guest:
    """One CT. What is in @config has the types of the API: integers, and texts."""

    def __init__(self, vmid, node):
        self.vmid = vmid
        self.node = node
        self.config = {}
        self.pending = {}
        self.pending_delete = []
        self.snapshots = {}
        self.parent = None
        self.raw = []  # (key, value) lines that only an editor of the file can write
        self.firewall = {"options": {}, "rules": [], "ipsets": {}}
        self.started_at = None
        self.file_lock = threading.RLock()

    # What is in it.

    @property
    def is_template(self):
        return bool(self.config.get("template"))

    def volumes(self, config=None):
        """Yields (key, {"volume": …, "size": …, …}) of root file system and mount points."""
        for key, text in sorted((config or self.config).items()):
            if key == "rootfs" or re.fullmatch(r"mp\d+", key):
                yield key, parts(text, "volume")

    def unused(self):
        """Yields (key, volume id) of volumes that are kept without being used."""
        for key, text in sorted(self.config.items()):
            if re.fullmatch(r"unused\d+", key):
                yield key, parts(text, "volume")["volume"]

    def add_unused(self, volid):
        """Keeps a volume that is no longer used, unless something still does."""
        if volid in [part["volume"] for _, part in self.volumes()] or volid in dict(self.unused()).values():
            return
        number = next(number for number in range(256) if f"unused{number}" not in self.config)
        self.config[f"unused{number}"] = volid

    def numbered(self, name):
        """Returns [(number, {key: text})] of net0, net1 and so on."""
        found = []
        for key, text in self.config.items():
            number = re.fullmatch(rf"{name}(\d+)", key)
            if number:
                found.append((int(number[1]), parts(text, "name")))
        return sorted(found, key=lambda item: item[0])

    # The file.

    def text(self):
        """Returns the configuration file."""
        lines = section(self.config)
        lines += [f"{key}: {value}" for key, value in self.raw]
        if self.parent:
            lines.append(f"parent: {self.parent}")
        if self.pending or self.pending_delete:
            lines += ["", "[pve:pending]"]
            if self.pending_delete:
                lines.append(f"delete: {','.join(self.pending_delete)}")
            lines += section(self.pending)
        for name, snapshot in sorted(self.snapshots.items()):
            lines += ["", f"[{name}]", *section(snapshot["config"]), f"snaptime: {snapshot['snaptime']}"]
            if snapshot["description"]:
                lines.append(f"#{urllib.parse.quote(snapshot['description'])}")
        return "\n".join(lines) + "\n"

    def digest(self):
        return hashlib.sha1(self.text().encode()).hexdigest()

    def check_digest(self, digest):
        if digest and digest != self.digest():
            raise Died("detected modified configuration - file changed by other user? Try again.")

    # Locks.

    def check_lock(self):
        if self.config.get("lock"):
            raise Died(f"CT is locked ({self.config['lock']})")

    @contextlib.contextmanager
    def locked(self, mischief):
        """The file lock, for which the server waits ten seconds."""
        if self.vmid in mischief.locked_files or not self.file_lock.acquire(timeout=LOCK_SECONDS):
            raise Died(f"can't lock file '/run/lock/lxc/pve-config-{self.vmid}.lock' - got timeout")
        try:
            yield
        finally:
            self.file_lock.release()

    @contextlib.contextmanager
    def marked(self, lock):
        """The lock in the configuration, while something longer goes on."""
        self.check_lock()
        self.config["lock"] = lock
        try:
            yield
        finally:
            if self.config.get("lock") == lock:
                del self.config["lock"]

    # Snapshots.

    def take_snapshot(self, name, description):
        config = copy.deepcopy(self.config)
        config.pop("lock", None)
        for key in [key for key in config if key.startswith("unused")]:
            del config[key]
        self.snapshots[name] = {"config": config, "raw": list(self.raw), "snaptime": int(time.time()),
                                "description": description or "", "parent": self.parent}
        self.parent = name

    def is_used_by_snapshots(self, volume):
        return any(part["volume"] == volume for snapshot in self.snapshots.values()
                   for _, part in self.volumes(snapshot["config"]))

    def get_snapshot(self, name):
        if name not in self.snapshots:
            raise Died(f"snapshot '{name}' does not exist")
        return self.snapshots[name]


def section(config):
    lines = [f"#{urllib.parse.quote(line)}" for line in str(config.get("description", "")).splitlines()]
    for key, value in sorted(config.items()):
        if key == "env":
            lines += [f"lxc.environment.runtime: {item}" for item in str(value).split("\0")]
        elif key != "description":
            lines.append(f"{key}: {value}")
    return lines


def parts(text, default_key):
    """Returns {key: text} of a property string that was checked before."""
    found = {}
    for part in str(text).split(","):
        key, equals, value = part.partition("=")
        found[key if equals else default_key] = value if equals else part
    return found


def size_of(part):
    """Returns the bytes that a volume's property string says it has."""
    return propstring.parse_size(part.get("size", "0")) or 0
