# SPDX-License-Identifier: MIT
"""Containers that are copied, become templates, or go to another node."""

import re

from fake import disk, launch, option
from fake.api.config import CT
from fake.failure import Died, Failure
from fake.formats import split_list
from fake.guest import Guest
from fake.propstring import join
from fake.route import answers
from fake.task import WorkerGone
from endpoints import CT_OPTIONS


@answers("POST", CT + "/clone")
def clone(call):
    guest, cluster, new = call.guest(), call.cluster, call["newid"]
    snapname = call.get("snapname")
    config = guest.get_snapshot(snapname)["config"] if snapname else guest.config
    is_full = bool(call.get("full", not guest.is_template))
    target = call.get("target", call.node)
    cluster.get_node(target)
    check_clone(call, guest, config, is_full, snapname)
    if call.get("pool"):
        cluster.get_pool(call["pool"])
    with cluster.lock:
        owner = cluster.owner_of_id(new)
        if owner:
            raise Died(f"{owner[0]} {new} already exists on node '{owner[1]}'")
        copied = Guest(new, call.node)
        copied.config["lock"] = "create"
        cluster.guests[new] = copied

    def work(task):
        with guest.marked("disk"):
            fill_clone(task, call, guest, copied, config, is_full)
        copied.node = target
        if call.get("pool"):
            cluster.get_pool(call["pool"]).vmids.add(new)

    return call.task("vzclone", guest.vmid, work)


def check_clone(call, guest, config, is_full, snapname):
    """Raises why a container can't be cloned so."""
    cluster = call.cluster
    guest.check_lock()
    if is_full and launch.is_running(cluster, guest) and not snapname:
        raise Died("Cannot do full clones on a running container without snapshots")
    if not is_full and "storage" in call:
        raise Died("parameter 'storage' not allowed for linked clones")
    for key, part in guest.volumes(config):
        kind = disk.kind_of(part["volume"])
        if kind != "volume":
            raise Died(f"unable to clone mountpoint '{key}' (type {kind})")
        storage, _ = cluster.split_volume(part["volume"])
        if not is_full and not (storage.kind == "zfspool" and (guest.is_template or snapname)):
            raise Died(f"Linked clone feature for '{part['volume']}' is not available")
        used = call.get("storage", storage.name)
        cluster.get_storage(used).need(call.node, "rootdir")
        call.require(f"/storage/{used}", "Datastore.AllocateSpace")
        if call.get("target", call.node) != call.node and not cluster.get_storage(used).shared:
            raise Died(f"can't clone CT to node '{call['target']}' (CT uses local storage)")
    for number, net in guest.numbered("net"):
        option.check_bridges(call, f"net{number}", f"name={net['name']},bridge={net['bridge']}"
                             if "bridge" in net else "", None)


def fill_clone(task, call, guest, copied, config, is_full):
    """Copies volumes and configuration; takes back what was made when it fails."""
    cluster = call.cluster
    made = []
    try:
        found = {key: value for key, value in config.items()
                 if key not in ("lock", "template") and not key.startswith("unused")}
        for key, part in guest.volumes(config):
            storage, volname = cluster.split_volume(part["volume"])
            target = cluster.get_storage(call.get("storage", storage.name))
            task.log(f"create {'full' if is_full else 'linked'} clone of mountpoint {key} ({part['volume']})")
            new = storage.copy(guest.node, volname, target, guest.node, copied.vmid,
                               None if is_full else volname, call.get("snapname"))
            made.append(f"{target.name}:{new}")
            found[key] = disk.print_mount(key, {**part, "volume": made[-1]})
        for number, net in guest.numbered("net"):
            found[f"net{number}"] = join({**net, "hwaddr": cluster.new_mac()}, CT_OPTIONS["net[n]"].format)
        for name in ("hostname", "description"):
            if name in call:
                found[name] = call[name]
    except WorkerGone:
        raise
    except BaseException as error:
        for volid in made:
            disk.free(cluster, guest.node, volid)
        cluster.forget_guest(copied.vmid)
        raise Died(f"clone failed: {error}") from error
    copied.raw = list(guest.raw)
    copied.config = found


@answers("POST", CT + "/template")
def template(call):
    guest = call.guest()
    guest.check_lock()
    if guest.is_template:
        raise Died("you can't convert a template to a template")
    if guest.snapshots:
        raise Died("unable to create template, because CT contains snapshots")
    if launch.is_running(call.cluster, guest):
        raise Died("you can't convert a CT to template if the CT is running")
    for _, part in guest.volumes():
        if disk.kind_of(part["volume"]) != "volume":
            raise Died("cannot convert a CT with bind or device mounts to a template")

    def work(task):
        with guest.locked(call.cluster.mischief), guest.marked("disk"):
            make_base(call.cluster, guest)
        launch.of(call.cluster, guest).remove()

    call.task("vztemplate", guest.vmid, work)


def make_base(cluster, guest):
    """Renames the volumes to those of a template."""
    for key, part in list(guest.volumes()):
        storage, volname = cluster.split_volume(part["volume"])
        base = re.sub(r"(^|/)subvol-", r"\1basevol-", volname) if storage.kind == "zfspool" else \
            volname.replace("/vm-", "/base-")
        if base != volname:
            storage.rename(guest.node, volname, base)
        guest.config[key] = disk.print_mount(key, {**part, "volume": f"{storage.name}:{base}"})
    guest.config["template"] = 1


@answers("GET", CT + "/migrate")
def preconditions(call):
    guest = call.guest()
    others = [name for name in call.cluster.nodes if name != call.node]
    return {"running": int(launch.is_running(call.cluster, guest)), "allowed-nodes": others,
            "not-allowed-nodes": {}, "dependent-ha-resources": []}


@answers("POST", CT + "/migrate")
def migrate(call):
    guest, cluster, target = call.guest(), call.cluster, call["target"]
    if target == call.node:
        raise Failure(400, "Parameter verification failed.", {"target": "target is local node."})
    cluster.get_node(target)
    if target in cluster.mischief.lost:
        raise Died(f"node '{target}' seems to be offline")
    is_running = launch.is_running(cluster, guest)
    if is_running and not call.get("restart") and not call.get("online"):
        raise Died("can't migrate running container without --online or --restart")
    mapping = storage_map(call)

    def work(task):
        with guest.locked(cluster.mischief), guest.marked("migrate"):
            if is_running and not call.get("restart"):
                raise Died("lxc live migration is currently not implemented")
            if is_running:
                launch.shut_down(task, cluster, guest, call.get("timeout", 180), True)
            move(task, cluster, guest, target, mapping)
        if is_running:
            launch.start(task, cluster, guest)

    if cluster.is_managed(guest.vmid):
        def tell(task):
            task.log(f"Requesting HA migration for CT {guest.vmid} to node {target}")
            cluster.tasks.start(guest.node, "vzmigrate", guest.vmid, "root@pam", work)

        return call.task("hamigrate", guest.vmid, tell)
    return call.task("vzmigrate", guest.vmid, work)


def storage_map(call):
    """Returns a function: the name of the storage on the target for one here."""
    pairs = dict(pair.split(":") for pair in split_list(call.get("target-storage", "")) if ":" in pair)
    every = next((pair for pair in split_list(call.get("target-storage", "")) if ":" not in pair and pair != "1"),
                 None)
    for name in {*pairs.values(), *([every] if every else [])}:
        call.require(f"/storage/{name}", "Datastore.AllocateSpace")
    return lambda name: pairs.get(name, every or name)


def move(task, cluster, guest, target, mapping):
    """Takes volumes along to another node."""
    moved = {}
    for volid in disk.owned(cluster, guest):
        storage, volname = cluster.split_volume(volid)
        there = cluster.get_storage(mapping(storage.name))
        there.need(target, "rootdir")
        if storage.shared and there is storage:
            moved[volid] = volid
            continue
        if guest.snapshots:
            raise Died("the fake does not take snapshots to another node")
        task.log(f"found local volume '{volid}'")
        moved[volid] = f"{there.name}:{storage.copy(guest.node, volname, there, target, guest.vmid)}"
    for _, part in guest.volumes():
        if disk.kind_of(part["volume"]) != "volume":
            raise Died(f"cannot migrate local mount point '{part['volume']}'")
    source = guest.node
    for key, part in list(guest.volumes()):
        guest.config[key] = disk.print_mount(key, {**part, "volume": moved[part["volume"]]})
    for key, volid in list(guest.unused()):
        guest.config[key] = moved[volid]
    guest.node = target
    for old, new in moved.items():
        if old != new or not cluster.split_volume(old)[0].shared:
            disk.free(cluster, source, old)
    task.log(f"start final cleanup on node '{source}'")
