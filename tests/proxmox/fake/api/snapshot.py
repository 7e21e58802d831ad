# SPDX-License-Identifier: MIT
"""Snapshots of containers."""

import re

from fake import disk, launch
from fake.api.config import CT
from fake.failure import Died, Failure
from fake.route import answers

SNAPSHOT = CT + "/snapshot"
ONE = SNAPSHOT + "/{snapname}"
RESERVED = ("current", "vzdump", "pending")


@answers("GET", SNAPSHOT)
def listed(call):
    guest = call.guest()
    found = []
    for name, snapshot in guest.snapshots.items():
        entry = {"name": name, "description": snapshot["description"], "snaptime": snapshot["snaptime"]}
        if snapshot["parent"]:
            entry["parent"] = snapshot["parent"]
        found.append(entry)
    now = {"name": "current", "description": "You are here!", "digest": guest.digest(),
           "running": int(launch.is_running(call.cluster, guest))}
    if guest.parent:
        now["parent"] = guest.parent
    return [*found, now]


@answers("POST", SNAPSHOT)
def take(call):
    guest, name = call.guest(), call["snapname"]
    if name in RESERVED:
        raise Died(f"unable to use snapshot name '{name}' (reserved name)")
    if not re.fullmatch(r"(?i:[a-z][a-z0-9_-]+)", name):
        raise Failure(400, "Parameter verification failed.", {"snapname": "invalid configuration ID"})

    def work(task):
        with guest.locked(call.cluster.mischief):
            if name in guest.snapshots:
                raise Died(f"snapshot name '{name}' already used")
            require_feature(call.cluster, guest)
            with guest.marked("snapshot"):
                for _, part in guest.volumes():
                    storage, volname = call.cluster.split_volume(part["volume"])
                    task.log(f"snapshotting '{part['volume']}'")
                    storage.snapshot(guest.node, volname, name)
            guest.take_snapshot(name, call.get("description"))

    return call.task("vzsnapshot", guest.vmid, work)


def require_feature(cluster, guest):
    if guest.is_template:
        raise Died("you can't take a snapshot of a template")
    if any(disk.features_missing(cluster, guest, "snapshot")):
        raise Died("snapshot feature is not available")


@answers("DELETE", ONE)
def delete(call):
    guest, name = call.guest(), call["snapname"]

    def work(task):
        with guest.locked(call.cluster.mischief), guest.marked("snapshot-delete"):
            remove(call.cluster, guest, name)

    return call.task("vzdelsnapshot", guest.vmid, work)


def remove(cluster, guest, name):
    """Removes a snapshot; those behind it follow on what it followed on."""
    snapshot = guest.get_snapshot(name)
    for _, part in guest.volumes(snapshot["config"]):
        storage, volname = cluster.split_volume(part["volume"])
        storage.delete_snapshot(guest.node, volname, name)
    for other in guest.snapshots.values():
        if other["parent"] == name:
            other["parent"] = snapshot["parent"]
    if guest.parent == name:
        guest.parent = snapshot["parent"]
    del guest.snapshots[name]


@answers("POST", ONE + "/rollback")
def rollback(call):
    guest, name = call.guest(), call["snapname"]

    def work(task):
        with guest.locked(call.cluster.mischief):
            roll_back(call.cluster, guest, name)
            if call.get("start"):
                launch.start(task, call.cluster, guest)

    return call.task("vzrollback", guest.vmid, work)


def roll_back(cluster, guest, name):
    """Puts volumes and configuration back to a snapshot. What runs is killed."""
    snapshot = guest.get_snapshot(name)
    guest.check_lock()
    check_newest(cluster, guest, name)
    with guest.marked("rollback"):
        launch.stop(cluster, guest)
        for _, part in guest.volumes(snapshot["config"]):
            storage, volname = cluster.split_volume(part["volume"])
            storage.roll_back(guest.node, volname, name)
        unused = {key: value for key, value in guest.config.items() if key.startswith("unused")}
        dropped = [part["volume"] for _, part in guest.volumes()]
        guest.config = {**snapshot["config"], **unused, "lock": "rollback"}
        guest.raw = list(snapshot["raw"])
        guest.pending, guest.pending_delete, guest.parent = {}, [], name
        for volume in dropped:
            if disk.kind_of(volume) == "volume":
                guest.add_unused(volume)


def check_newest(cluster, guest, name):
    """On ZFS only the newest can be rolled back."""
    later = [other for other, snapshot in guest.snapshots.items()
             if list(guest.snapshots).index(other) > list(guest.snapshots).index(name)]
    for _, part in guest.volumes(guest.get_snapshot(name)["config"]):
        if later and cluster.split_volume(part["volume"])[0].kind == "zfspool":
            raise Died(f"can't rollback, '{name}' is not most recent snapshot on '{part['volume']}'")


@answers("GET", ONE + "/config")
def config(call):
    guest = call.guest()
    snapshot = guest.get_snapshot(call["snapname"])
    found = {**snapshot["config"], "snaptime": snapshot["snaptime"], "digest": guest.digest()}
    if snapshot["description"]:
        found["description"] = snapshot["description"]
    if snapshot["parent"]:
        found["parent"] = snapshot["parent"]
    return found


@answers("PUT", ONE + "/config")
def describe(call):
    guest = call.guest()
    with guest.locked(call.cluster.mischief):
        guest.get_snapshot(call["snapname"])["description"] = call.get("description", "")
