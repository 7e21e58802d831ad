# SPDX-License-Identifier: MIT
"""What somebody else does meanwhile in the web interface or on a node: through no request of the client's."""

from fake import check, launch, route
from fake.access import ROOT
from fake.api import cluster as listing


class Person:
    """Changes things behind a client's back."""

    def __init__(self, cluster, endpoints):
        self.cluster = cluster
        self.endpoints = endpoints

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
        self.does("POST", self.path(vmid) + "/status/start")

    def stop(self, vmid):
        launch.stop(self.cluster, self.guest(vmid))

    def does(self, method, path, **parameters):
        """Uses the API as root in the web interface, without a request; waits for the task and returns the data."""
        cluster = self.cluster
        endpoint, in_path = self.endpoints.find(method, path.strip("/").split("/"))
        given = {name.replace("__", "-"): str(value) for name, value in parameters.items()}
        values, errors = check.parameters(endpoint, {**given, **in_path})
        if errors:
            raise ValueError(errors)
        data = route.HANDLERS[endpoint.key](route.Call(cluster, endpoint, ROOT, values))
        if isinstance(data, str) and data.startswith("UPID:"):
            task = cluster.tasks.by_upid[data]
            task.over.wait()
            if task.exit_status != "OK":
                raise RuntimeError(f"{data}: {task.exit_status}")
        return data

    def path(self, vmid):
        return f"/nodes/{self.guest(vmid).node}/lxc/{vmid}"

    def clone(self, vmid, newid):
        self.does("POST", self.path(vmid) + "/clone", newid=newid, full=1)

    def migrate(self, vmid, target):
        self.does("POST", self.path(vmid) + "/migrate", target=target, restart=1)

    def snapshot(self, vmid, name):
        self.does("POST", self.path(vmid) + "/snapshot", snapname=name)

    def roll_back(self, vmid, name):
        self.does("POST", f"{self.path(vmid)}/snapshot/{name}/rollback")

    def destroy(self, vmid):
        self.does("DELETE", self.path(vmid), force=1, purge=1)

    def restore(self, vmid, newid, backups="local"):
        """Restores a backup of a container to another id, into the storage of its root file system. All of the
        configuration comes back, addresses and description too; of the volumes what is in backups."""
        guest = self.guest(vmid)
        node = f"/nodes/{guest.node}"
        storage = dict(guest.volumes())["rootfs"]["volume"].partition(":")[0]
        before = set(self.backups(guest.node, backups))
        self.does("POST", node + "/vzdump", vmid=vmid, storage=backups)
        [archive] = set(self.backups(guest.node, backups)) - before
        self.does("POST", node + "/lxc", vmid=newid, ostemplate=f"{backups}:{archive}", restore=1, storage=storage)
        self.does("DELETE", f"{node}/storage/{backups}/content/{backups}:{archive}")

    def backups(self, node, storage):
        return [volname for volname, _ in self.cluster.get_storage(storage).listed(node)
                if volname.startswith("backup/")]

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
