# SPDX-License-Identifier: MIT
"""Storages and what is in them."""

import os
import re
import time

from fake.failure import Died, Failure, denied
from fake.formats import split_list
from fake.route import answers
from fake.storage import DIRECTORIES, FORMATS, checksum, disk_usage

STORES = "/nodes/{node}/storage"
STORE = STORES + "/{storage}"
CONTENT = STORE + "/content"
SEEING = ("Datastore.Audit", "Datastore.AllocateSpace")
SIZE_UNITS = {"": 1 << 10, "M": 1 << 20, "G": 1 << 30}
POLL_SECONDS = 0.05


def may_see(call, storage):
    return call.has(f"/storage/{storage.name}", *SEEING, any_of=True)


@answers("GET", "/storage")
def configured(call):
    found = []
    for storage in call.cluster.storages.values():
        if may_see(call, storage) and call.get("type", storage.kind) == storage.kind:
            entry = {"storage": storage.name, "type": storage.kind, "content": ",".join(sorted(storage.content)),
                     "digest": "0" * 40, "shared": int(storage.shared)}
            entry["pool" if storage.kind == "zfspool" else "path"] = \
                storage.name if storage.kind == "zfspool" else str(storage.base / storage.name)
            if not storage.is_enabled:
                entry["disable"] = 1
            found.append(entry)
    return found


@answers("GET", STORES)
def listed(call):
    wanted = split_list(call.get("content", ""))
    found = []
    for storage in call.cluster.storages.values():
        if not storage.is_on(call.node) or not may_see(call, storage):
            continue
        if call.get("storage", storage.name) != storage.name or call.get("enabled") and not storage.is_enabled:
            continue
        if wanted and not set(wanted) & set(storage.content):
            continue
        if "target" in call and not storage.is_on(call["target"]):
            continue
        entry = {"storage": storage.name, **storage.status(call.node)}
        entry["used_fraction"] = entry["used"] / entry["total"] if entry["total"] else 0
        if call.get("format"):
            default, supported = FORMATS[storage.kind]
            entry["formats"] = {"default": default, "supported": supported}
        found.append(entry)
    return found


def get_storage(call):
    storage = call.cluster.get_storage(call["storage"])
    storage.need(call.node)
    return storage


@answers("GET", STORE + "/status")
def status(call):
    return get_storage(call).status(call.node)


@answers("GET", CONTENT)
def content(call):
    storage = get_storage(call)
    found = []
    for volname, volume in storage.listed(call.node):
        kind = content_of(volname)
        if call.get("content", kind) != kind or "vmid" in call and volume.vmid != call["vmid"]:
            continue
        if kind == "rootdir" and not may_read(call, storage, volume):
            continue
        entry = {"volid": f"{storage.name}:{volname}", "format": volume.format, "size": volume.size,
                 "ctime": volume.ctime, "content": kind}
        if volume.vmid:
            entry["vmid"] = volume.vmid
            entry["used"] = disk_usage(storage.path(call.node, volname))
        for name in ("parent", "notes"):
            if getattr(volume, name):
                entry[name] = getattr(volume, name)
        if volume.protected:
            entry["protected"] = 1
        found.append(entry)
    return found


def content_of(volname):
    directory = volname.partition("/")[0]
    return directory if directory in DIRECTORIES else "rootdir"


def may_read(call, storage, volume):
    """Volumes of containers are seen by who may change their disks, or who has the storage."""
    return call.has(f"/storage/{storage.name}", "Datastore.Allocate") or \
        volume.vmid and call.has(f"/vms/{volume.vmid}", "VM.Audit")


@answers("POST", CONTENT)
def allocate(call):
    storage = get_storage(call)
    found = re.fullmatch(r"(\d+)([MG]?)", call["size"])
    size = int(found[1]) * SIZE_UNITS[found[2]]
    name = call["filename"]
    volname = name if storage.kind == "zfspool" else f"{call['vmid']}/{name}"
    if storage.vmid_of(volname) != call["vmid"]:
        raise Died(f"illegal name '{name}' - should be 'vm-{call['vmid']}-*'" if storage.kind == "dir" else
                   f"illegal name '{name}' - should be 'subvol-{call['vmid']}-*'")
    return f"{storage.name}:{storage.allocate(call.node, call['vmid'], size, volname)}"


def find_volume(call):
    """Returns (storage, volume name, Volume); the path may give the name with or without the storage."""
    storage = get_storage(call)
    volname = call["volume"]
    if ":" in volname:
        name, _, volname = volname.partition(":")
        if name != storage.name:
            raise Failure(400, "Parameter verification failed.", {"storage": "storage ID mismatch"})
    return storage, volname, storage.get(call.node, volname)


def require_reading(call, storage, volname, volume):
    if content_of(volname) != "rootdir":
        call.require(f"/storage/{storage.name}", *SEEING, any_of=True)
    elif not may_read(call, storage, volume):
        raise denied(f"/vms/{volume.vmid}", "VM.Audit")


@answers("GET", CONTENT + "/{volume}")
def volume(call):
    storage, volname, found = find_volume(call)
    require_reading(call, storage, volname, found)
    path = storage.path(call.node, volname)
    entry = {"path": str(path), "size": found.size, "used": disk_usage(path), "format": found.format}
    if found.notes is not None:
        entry["notes"] = found.notes
    if found.protected:
        entry["protected"] = 1
    return entry


@answers("PUT", CONTENT + "/{volume}")
def change_volume(call):
    storage, volname, found = find_volume(call)
    require_reading(call, storage, volname, found)
    if content_of(volname) != "backup":
        raise Died("attribute 'notes' is not supported for storage type" if "notes" in call else
                   "attribute 'protected' is not supported for storage type")
    found.notes = call.get("notes", found.notes)
    found.protected = call.get("protected", found.protected)


@answers("DELETE", CONTENT + "/{volume}")
def remove_volume(call):
    storage, volname, found = find_volume(call)
    if content_of(volname) == "backup":
        call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    else:
        call.require(f"/storage/{storage.name}", "Datastore.Allocate")
    if found.vmid and found.vmid in call.cluster.guests and content_of(volname) == "rootdir":
        guest = call.cluster.guests[found.vmid]
        raise Died(f"Cannot remove image, a guest with VMID '{guest.vmid}' exists!")
    upid = call.task("imgdel", f"{found.vmid or ''}@{storage.name}", lambda task: storage.free(call.node, volname))
    deadline = time.monotonic() + call.get("delay", 0)
    task = call.cluster.tasks.get(call.node, upid)
    while task.is_running and time.monotonic() < deadline:
        task.over.wait(POLL_SECONDS)
    return upid if task.is_running or task.exit_status != "OK" or "delay" not in call else None


@answers("POST", STORE + "/upload")
def upload(call):
    """The server spooled the file before it asked."""
    storage = get_storage(call)
    spooled = call.upload
    if not spooled:
        raise Died("missing temporary file name")
    name = re.sub(r"[^-a-zA-Z0-9_.]", "_", re.split(r"[/\\]", call["filename"])[-1])
    if call["content"] not in storage.content:
        raise Died(f"storage '{storage.name}' does not support '{call['content']}' content")

    def work(task):
        try:
            if "checksum" in call:
                task.log(f"calculating checksum of '{name}'...")
                found = checksum(spooled, call["checksum-algorithm"])
                if found != call["checksum"].lower():
                    raise Died(f"checksum mismatch: got '{found}' != expect '{call['checksum']}'")
            task.log(f"starting file import from: {spooled}")
            volname = storage.store(call.node, call["content"], name, spooled)
            task.log(f"finished file import successfully: {volname}")
        finally:
            os.unlink(spooled)

    return call.task("imgcopy", "", work)
