# SPDX-License-Identifier: MIT
"""What somebody else does meanwhile in the web interface or on a node: through no request of the client's."""

from fake import launch
from fake.api import cluster as listing


class Person:
    """Changes things behind a client's back."""

    def __init__(self, cluster):
        self.cluster = cluster

    def guest(self, vmid):
        return self.cluster.guests[int(vmid)]

    def rename(self, vmid, hostname):
        self.guest(vmid).config["hostname"] = hostname

    def edit(self, vmid, options=None, raw=None, delete=()):
        """Edits the configuration file; @raw: [(key, value)] lines that only an editor can write."""
        guest = self.guest(vmid)
        guest.config.update(options or {})
        for name in delete:
            guest.config.pop(name, None)
        if raw is not None:
            guest.raw = [tuple(line) for line in raw]

    def lock(self, vmid, lock="backup"):
        """Sets the lock in the configuration, as a backup that runs does."""
        self.guest(vmid).config["lock"] = lock

    def unlock(self, vmid):
        self.guest(vmid).config.pop("lock", None)

    def start(self, vmid):
        launch.start(None, self.cluster, self.guest(vmid))

    def stop(self, vmid):
        launch.stop(self.cluster, self.guest(vmid))

    def take_id(self, vmid, node=None):
        """Makes a virtual machine with an id."""
        self.cluster.machines[int(vmid)] = node or next(iter(self.cluster.nodes))

    def list_stale(self, is_stale=True):
        """Keeps the list of resources as it is now, as when pvestatd hangs."""
        self.cluster.stale = listing.all_resources(self.cluster) if is_stale else None

    def expire_token(self, user, token):
        self.cluster.access.users[user].tokens[token].is_expired = True

    def configuration(self, vmid):
        """Returns the text of the configuration file."""
        return self.guest(vmid).text()

    def pid(self, vmid):
        """Returns the host's number of a container's first process, or None."""
        return launch.of(self.cluster, self.guest(vmid)).pid()

    def log(self, upid):
        return list(self.cluster.tasks.by_upid[upid].lines)
