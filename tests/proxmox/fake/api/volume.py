# SPDX-License-Identifier: MIT
"""Volumes of containers that grow and move, and what else a running container shows."""

from fake import disk, launch, option, propstring, status
from fake.api.config import CT
from fake.failure import Died, Failure
from fake.guest import parts, size_of
from fake.route import answers


@answers("PUT", CT + "/resize")
def resize(call):
    guest, key = call.guest(), call["disk"]

    def load():
        """Returns (property string's parts, storage, Volume, new size) or raises why it can't be."""
        guest.check_lock()
        guest.check_digest(call.get("digest"))
        part = part_of(guest, key)
        storage, volname = call.cluster.split_volume(part["volume"])
        if storage.vmid_of(volname) != guest.vmid:
            raise Died(f"can't resize mount point owned by another container ({storage.vmid_of(volname)})")
        call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
        volume = storage.get(guest.node, volname)
        size = propstring.parse_size(call["size"].lstrip("+")) + (volume.size if call["size"][0] == "+" else 0)
        if size < volume.size:
            raise Died("unable to shrink disk size")
        if size == volume.size:
            raise Died("disk is already at specified size")
        return part, storage, volume, size

    def work(task):
        with guest.locked(call.cluster.mischief):
            part, storage, volume, size = load()
            if size - volume.size > storage.available(guest.node):
                raise Died(f"not enough space on storage '{storage.name}'")
            volume.size = size
            guest.config[key] = disk.print_mount(key, {**part, "size": propstring.format_size(size)})

    load()
    return call.task("resize", guest.vmid, work)


def part_of(guest, key):
    if key not in guest.config:
        raise Died(f"volume '{key}' for container '{guest.vmid}' does not exist")
    return parts(guest.config[key], "volume")


@answers("POST", CT + "/move_volume")
def move(call):
    guest = call.guest()
    if "target-vmid" in call and "storage" in call:
        raise Died("either set storage or target-vmid, but not both")
    if "target-vmid" in call:
        return reassign(call, guest)
    if "storage" in call:
        return to_storage(call, guest)
    text = "both 'storage' and 'target-vmid' missing, either needs to be set"
    raise Failure(400, "Parameter verification failed.", {"target-vmid": text, "storage": text})


def to_storage(call, guest):
    """Copies a volume into another storage. The lock stays on the container until that is done."""
    cluster, key = call.cluster, call["volume"]
    target = cluster.get_storage(call["storage"])
    call.require(f"/storage/{target.name}", "Datastore.AllocateSpace")
    guest.check_lock()
    if launch.is_running(cluster, guest):
        raise Died("cannot move volumes of a running container")
    if key.startswith("unused"):
        raise Died(f"cannot move volume '{key}', only configured volumes can be moved to another storage")
    part = part_of(guest, key)
    if disk.kind_of(part["volume"]) != "volume":
        raise Died(f"unable to copy mount point of type {disk.kind_of(part['volume'])}")
    if call.get("delete") and guest.is_used_by_snapshots(part["volume"]):
        raise Died("you can't move a volume with snapshots and delete the source")
    guest.check_digest(call.get("digest"))
    source, volname = cluster.split_volume(part["volume"])
    target.need(call.node, "rootdir")

    def work(task):
        with guest.marked("disk"):
            new = f"{target.name}:{source.copy(guest.node, volname, target, guest.node, guest.vmid)}"
            guest.config[key] = disk.print_mount(key, {**part, "volume": new})
            if call.get("delete"):
                source.free(guest.node, volname)
            else:
                guest.add_unused(part["volume"])

    return call.task("move_volume", guest.vmid, work)


def reassign(call, guest):
    """Gives a volume to another container, under a name of that one's. A root file system can't be given."""
    cluster, key = call.cluster, call["volume"]
    there = call.get("target-volume", key)
    call.require(f"/vms/{call['target-vmid']}", "VM.Config.Disk")

    def load():
        """Returns (target, parts) or raises why it can't be."""
        if "rootfs" in (key, there):
            raise Died("Cannot move to/from 'rootfs'")
        if key.startswith("unused") and not there.startswith("unused"):
            raise Died("Moving an unused volume to a used one is not possible")
        target = cluster.guests.get(call["target-vmid"])
        if target is None:
            raise Died(f"could not find CT {call['target-vmid']}")
        if target.node != guest.node:
            raise Died(f"Both containers need to be on the same node ({guest.node} != {target.node})")
        check_reassign(call, guest, target, there)
        part = part_of(guest, key)
        if there in target.config:
            raise Died(f"Target volume key '{there}' is already in use for container '{target.vmid}'")
        if guest.is_used_by_snapshots(part["volume"]):
            raise Died("Cannot move volume used by a snapshot to another container")
        if disk.kind_of(part["volume"]) != "volume":
            raise Died("Cannot move a bindmount or device mount to another container")
        if launch.is_running(cluster, guest) and not key.startswith("unused"):
            raise Died("Cannot move in-use volume while the source CT is running - detach or shutdown first")
        return target, part

    def work(task):
        with guest.locked(cluster.mischief):
            target, part = load()
            with target.locked(cluster.mischief):
                give(task, call, guest, target, part, there)

    target, part = load()
    storage, _ = cluster.split_volume(part["volume"])
    call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    return call.task("move_volume", f"{guest.vmid}-{key}>{target.vmid}-{there}", work)


def check_reassign(call, guest, target, there):
    guest.check_lock()
    target.check_lock()
    if guest.is_template or target.is_template:
        raise Died("Can't move volumes from or to template CT")
    for one, digest in ((guest, call.get("digest")), (target, call.get("target-digest"))):
        try:
            one.check_digest(digest)
        except Died as failure:
            raise Died(f"Container {one.vmid}: {failure.text}") from None


def give(task, call, guest, target, part, there):
    """Renames the volume and moves its line from one configuration to the other."""
    cluster, key = call.cluster, call["volume"]
    task.log(f"moving volume '{key}' from container '{guest.vmid}' to '{target.vmid}'")
    storage, volname = cluster.split_volume(part["volume"])
    new = storage.free_name(guest.node, target.vmid, size_of(part))
    storage.rename(guest.node, volname, new)
    del guest.config[key]
    task.log(f"removing volume '{key}' from container '{guest.vmid}' config")
    volid = f"{storage.name}:{new}"
    if there.startswith("unused"):
        target.config[there] = volid
    else:
        option.change(cluster, target, {there: disk.print_mount(there, {**part, "volume": volid})}, [], [])
    task.log(f"target container '{target.vmid}' updated with '{there}'")


@answers("GET", CT + "/feature")
def feature(call):
    guest, wanted = call.guest(), call["feature"]
    if "snapname" in call:
        guest.get_snapshot(call["snapname"])
    missing = list(disk.features_missing(call.cluster, guest, wanted))
    if wanted == "snapshot" and guest.is_template:
        missing.append("template")
    return {"hasFeature": int(not missing)}


@answers("GET", CT + "/interfaces")
def interfaces(call):
    guest = call.guest()
    if not launch.is_running(call.cluster, guest):
        raise Died(f"container '{guest.vmid}' not running")
    found = []
    for link in launch.of(call.cluster, guest).interfaces():
        addresses = link.get("addr_info", [])
        entry = {"name": link["ifname"], "hwaddr": link.get("address", ""),
                 "hardware-address": link.get("address", ""), "ip-addresses": [
                     {"ip-address": address["local"], "prefix": address["prefixlen"],
                      "ip-address-type": address["family"]} for address in addresses]}
        for address in addresses:
            entry.setdefault(address["family"], f"{address['local']}/{address['prefixlen']}")
        found.append(entry)
    return found


@answers("GET", CT + "/rrddata")
def rrddata(call):
    """There is no record of the past: one line for now, as of a server that was just started."""
    entry = status.of_guest(call.cluster, call.guest())
    return [{key: entry[key] for key in ("cpu", "mem", "maxmem", "disk", "maxdisk", "netin", "netout")}]
