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
                storage.pool if storage.kind == "zfspool" else str(storage.base / storage.name)
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
        if volume.vmid and not may_read(call, storage, volume):
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
    """Volumes of containers and their backups are seen by who may see the container, or who has the storage."""
    return call.has(f"/storage/{storage.name}", "Datastore.Allocate") or \
        volume.vmid and call.has(f"/vms/{volume.vmid}", "VM.Audit")


@answers("POST", CONTENT)
def allocate(call):
    storage = get_storage(call)
    found = re.fullmatch(r"(\d+)([MG]?)", call["size"])
    size = int(found[1]) * SIZE_UNITS[found[2]]
    name, fmt = call["filename"], format_of(call)
    prefix = "subvol" if fmt == "subvol" else "vm"
    volname = name if storage.kind == "zfspool" else f"{call['vmid']}/{name}"
    if storage.vmid_of(volname) != call["vmid"] or not name.startswith(f"{prefix}-"):
        raise Died(f"illegal name '{name}' - should be '{prefix}-{call['vmid']}-*'")
    made = storage.allocate(call.node, call["vmid"], size, volname)
    storage.get(call.node, made).is_blank = fmt != "subvol"
    return f"{storage.name}:{made}"


def format_of(call):
    """Returns the format that a new volume's name or the caller says; an image if neither does."""
    found = re.search(r"\.(raw|qcow2|vmdk)$", call["filename"])
    if found and call.get("format", found[1]) != found[1]:
        raise Failure(400, "Parameter verification failed.",
                      {"format": f"different storage formats ({call['format']} != {found[1]})"})
    return found[1] if found else call.get("format", "raw")


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
    if not volume.vmid:
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
    if content_of(volname) == "backup" and found.vmid:
        call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
        call.require(f"/vms/{found.vmid}", "VM.Backup")
    else:
        call.require(f"/storage/{storage.name}", "Datastore.Allocate")
    identity = f"{found.vmid}@{storage.name}" if found.vmid else storage.name
    upid = call.task("imgdel", identity, lambda task: storage.free(call.node, volname))
    deadline = time.monotonic() + call.get("delay", 0)
    task = call.cluster.tasks.get(call.node, upid)
    while task.is_running and time.monotonic() < deadline:
        task.over.wait(POLL_SECONDS)
    if "delay" not in call or task.is_running:
        return upid
    if task.exit_status != "OK":
        raise Died(task.exit_status)
    return None


@answers("POST", STORE + "/upload")
def upload(call):
    """The server spooled the file before it asked."""
    storage = get_storage(call)
    spooled = call.upload
    if not spooled:
        raise Died("missing temporary file name")
    name = re.sub(r"[^-a-zA-Z0-9_.]", "_", re.split(r"[/\\]", call["filename"])[-1])
    storage.check_file(call["content"], name)

    def work(task):
        try:
            if "checksum" in call:
                task.log(f"calculating checksum of '{name}'...")
                found = checksum(spooled, call["checksum-algorithm"])
                if found != call["checksum"].lower():
                    raise Died(f"checksum mismatch: got '{found}' != expect '{call['checksum']}'")
            task.log(f"starting file import from: {spooled}")
            volname = storage.store(call.node, call["content"], name, spooled)
            task.log(f"target file: {storage.path(call.node, volname)}")
            task.log("finished file import successfully")
        finally:
            os.unlink(spooled)

    return call.task("imgcopy", "", work)
