# SPDX-License-Identifier: MIT
"""Root file systems and mount points of containers: volumes that are allocated, kept, freed, put into place."""

import os
import re

from fake import container, propstring
from fake.failure import Died, Failure
from fake.guest import parts, size_of
from fake.storage import GIB
from endpoints import CT_OPTIONS

NEW = re.compile(r"([A-Za-z][\w.\-]*[A-Za-z0-9]):(\d+(?:\.\d+)?)")
DEFAULT_ROOTFS_GIB = 4


def keys_of(key):
    return CT_OPTIONS["rootfs" if key == "rootfs" else "mp[n]"].format


def print_mount(key, part):
    """Returns the property string of a root file system or mount point."""
    return propstring.join(part, keys_of(key))


def kind_of(volume):
    """Says what a mount point is made of: "new" for one to be allocated, "volume", "device" or "bind"."""
    if NEW.fullmatch(volume):
        return "new"
    if volume.startswith("/dev/"):
        return "device"
    return "bind" if volume.startswith("/") else "volume"


def check(call, key, text, vmid, privilege_is_given=False):
    """Raises what the server says to a mount point before anything is done: who may, and whether it can be."""
    part = parts(text, "volume")
    if key != "rootfs" and not part["mp"].startswith("/"):
        raise Failure(400, "Parameter verification failed.", {key: "invalid mount point path"})
    kind = kind_of(part["volume"])
    if kind in ("bind", "device"):
        call.require_root(f"mount point type {kind} is only allowed for root@pam")
        if kind == "bind" and not os.path.isdir(part["volume"]):
            raise Died(f"directory '{part['volume']}' does not exist")
        return
    if not privilege_is_given:
        call.require(f"/vms/{vmid}", "VM.Config.Disk")
    found = NEW.fullmatch(part["volume"])
    storage, volname = (call.cluster.get_storage(found[1]), None) if found else \
        call.cluster.split_volume(part["volume"])
    if found:
        call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
        storage.need(call.node, "rootdir")
        return
    storage.need(call.node)
    owner = storage.vmid_of(volname)
    if owner is None:
        raise Died(f"unable to parse volume name '{volname}'")
    # Whose volume it is says who may use it, unless somebody has the storage.
    if owner != vmid and not call.has(f"/storage/{storage.name}", "Datastore.Allocate"):
        call.require(f"/storage/{storage.name}", "Datastore.Audit")
        call.require(f"/vms/{owner}", "VM.Config.Disk")
    storage.get(call.node, volname)


def allocate(cluster, node, guest, key, text):
    """Returns the property string with a volume where one was to be allocated, and the volume id if so."""
    part = parts(text, "volume")
    found = NEW.fullmatch(part["volume"])
    if not found:
        if kind_of(part["volume"]) == "volume":
            storage, volname = cluster.split_volume(part["volume"])
            part["size"] = propstring.format_size(storage.get(node, volname).size)
        return print_mount(key, part), None
    storage = cluster.get_storage(found[1])
    size = int(float(found[2]) * GIB)
    volname = storage.allocate(node, guest.vmid, size)
    if is_shifted(guest) and part.get("idmap") != "passthrough":
        os.chown(storage.path(node, volname), container.FIRST_ID, container.FIRST_ID)
    part.update(volume=f"{storage.name}:{volname}", size=propstring.format_size(size))
    return print_mount(key, part), part["volume"]


def path(cluster, node, volume):
    """Returns the host's directory of a mount point."""
    if kind_of(volume) != "volume":
        return volume
    storage, volname = cluster.split_volume(volume)
    storage.need(node)
    if storage.get(node, volname).is_blank:
        raise Died(f"mount of '{volume}' failed: there is no file system on it")
    storage.activate(node, volname)
    return str(storage.path(node, volname))


def free(cluster, node, volid):
    storage, volname = cluster.split_volume(volid)
    if storage.has(node, volname):
        storage.free(node, volname)


def owned(cluster, guest):
    """Yields the volume ids that belong to a container, also those of snapshots and unused ones."""
    seen = set()
    configs = [guest.config, guest.pending, *(snapshot["config"] for snapshot in guest.snapshots.values())]
    for config in configs:
        for _, part in guest.volumes(config):
            if kind_of(part["volume"]) == "volume":
                seen.add(part["volume"])
    seen |= set(dict(guest.unused()).values())
    for volid in sorted(seen):
        storage, volname = cluster.split_volume(volid)
        if storage.vmid_of(volname) == guest.vmid:
            yield volid


def mounts(cluster, guest):
    """Returns [Mount] of root file system and mount points, outer ones first."""
    return sorted((mount(cluster, guest, part) for _, part in guest.volumes()), key=lambda mount: mount.target)


def mount(cluster, guest, part):
    """Returns the Mount of a property string's parts; a root file system has no place of its own."""
    idmap = part.get("idmap")
    if idmap not in (None, "passthrough"):
        raise Died(f"the fake maps no ids for one mount: {idmap}")
    return container.Mount(path(cluster, guest.node, part["volume"]), part.get("mp", "/"),
                           bool(propstring.boolean(part.get("ro", 0))),
                           is_shifted(guest) and idmap == "passthrough")


def is_shifted(guest):
    return bool(guest.config.get("unprivileged"))


def total_size(guest):
    part = dict(guest.volumes()).get("rootfs", {})
    return size_of(part)


def features_missing(cluster, guest, feature):
    """Yields the volumes that can't do "snapshot" or "clone"."""
    for _, part in guest.volumes():
        if kind_of(part["volume"]) != "volume":
            yield part["volume"]
        elif feature in ("snapshot", "clone") and not cluster.split_volume(part["volume"])[0].can_snapshot:
            yield part["volume"]
