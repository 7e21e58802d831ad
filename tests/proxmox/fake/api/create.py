# SPDX-License-Identifier: MIT
"""Containers that come and go: create and destroy."""

import re

from fake import container, disk, option
from fake.api.config import CT, LXC, options_of
from fake.failure import Died, Failure, denied
from fake.guest import Guest
from fake.launch import is_running, start
from fake.route import answers
from fake.task import WorkerGone

DISTRIBUTIONS = {"debian": "debian", "devuan": "devuan", "ubuntu": "ubuntu", "centos": "centos", "almalinux": "centos",
                 "rocky": "centos", "rhel": "centos", "fedora": "fedora", "opensuse-leap": "opensuse",
                 "opensuse-tumbleweed": "opensuse", "arch": "archlinux", "alpine": "alpine", "gentoo": "gentoo",
                 "nixos": "nixos"}
DEFAULT_MIB = 512


@answers("POST", LXC)
def create(call):
    vmid, cluster = call["vmid"], call.cluster
    pool = call.get("pool")
    if not call.has(f"/vms/{vmid}", "VM.Allocate") and not (pool and call.has(f"/pool/{pool}", "VM.Allocate")):
        raise denied(f"/vms/{vmid}", "VM.Allocate")
    if call.get("restore") or call.get("force"):
        raise Failure(501, "the fake restores no backups through the API")
    if pool:
        cluster.get_pool(pool)
    if not call.get("unprivileged", 1):
        call.require("/", "Sys.Modify")
    options = with_volumes(call, options_of(call))
    option.check(call, vmid, options, pool)
    template = find_template(call)
    if call.get("ha-managed"):
        call.require("/", "Sys.Console")
    guest = reserve(cluster, vmid, call.node)
    return call.task("vzcreate", vmid, lambda task: build(task, call, guest, options, template))


def with_volumes(call, options):
    """Returns the options with a root file system, which may be given as a number of GiB alone."""
    store = call.get("storage", "local")
    options = {**options, "unprivileged": call.get("unprivileged", 1)}
    if "rootfs" not in options:
        if any(re.fullmatch(r"mp\d+", name) for name in options):
            raise Died("mount points configured, but 'rootfs' not set - aborting")
        options["rootfs"] = f"{store}:{disk.DEFAULT_ROOTFS_GIB}"
    for name, value in options.items():
        if (name == "rootfs" or option.is_numbered(name, "mp")) and re.fullmatch(r"\d+(\.\d+)?", value):
            options[name] = f"{store}:{value}"
    return options


def find_template(call):
    """Returns the host's path of the template that the caller may read."""
    name = call["ostemplate"]
    if name.startswith("/"):
        call.require_root("arbitrary templates are only allowed for root@pam")
        return name
    storage, volname = call.cluster.split_volume(name)
    if not volname.startswith("vztmpl/"):
        raise Died(f"unable to find template '{name}'")
    call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace", "Datastore.Audit", any_of=True)
    storage.need(call.node)
    storage.get(call.node, volname)
    return str(storage.path(call.node, volname))


def reserve(cluster, vmid, node):
    """Takes an id, at once and for the whole cluster."""
    with cluster.lock:
        if cluster.mischief.takes_id():
            cluster.machines.setdefault(vmid, node)
        owner = cluster.owner_of_id(vmid)
        if owner:
            raise Died(f"unable to create CT {vmid} - {owner[0]} {vmid} already exists on node '{owner[1]}'")
        guest = Guest(vmid, node)
        guest.config["lock"] = "create"
        cluster.guests[vmid] = guest
    return guest


def build(task, call, guest, options, template):
    """Allocates, unpacks and writes down; what was made is taken back when it fails."""
    cluster = call.cluster
    made = []
    try:
        if options["unprivileged"]:
            guest.config["unprivileged"] = 1
        place_volumes(task, cluster, guest, options, made)
        rootfs = disk.path(cluster, guest.node, dict(guest.volumes())["rootfs"]["volume"])
        container.unpack(template, rootfs, bool(options["unprivileged"]), task.log)
        guest.config.update(configuration(cluster, guest.vmid, options, rootfs))
    except WorkerGone:
        raise
    except BaseException as error:
        for volid in made:
            disk.free(cluster, guest.node, volid)
        cluster.forget_guest(guest.vmid)
        text = error.text if isinstance(error, Failure) else "interrupted by signal"
        raise Died(f"unable to create CT {guest.vmid} - {text}") from error
    guest.config.pop("lock", None)
    if call.get("pool"):
        cluster.get_pool(call["pool"]).vmids.add(guest.vmid)
    if call.get("ha-managed"):
        cluster.ha[f"ct:{guest.vmid}"] = {"state": "started" if call.get("start") else "stopped"}
    if call.get("start"):
        start(task, cluster, guest)


def place_volumes(task, cluster, guest, options, made):
    for name in sorted(options):
        if name == "rootfs" or option.is_numbered(name, "mp"):
            text, allocated = disk.allocate(cluster, guest.node, guest, name, options[name])
            if allocated:
                made.append(allocated)
                task.log(f"Creating filesystem on volume '{allocated}'")
            guest.config[name] = text


def configuration(cluster, vmid, options, rootfs):
    """Returns what is written down of a new container besides its volumes."""
    found = {name: option.with_mac(cluster, name, value) for name, value in options.items()
             if name != "rootfs" and not option.is_numbered(name, "mp")}
    found.setdefault("hostname", f"CT{vmid}")
    found.setdefault("arch", "amd64")
    found.setdefault("memory", DEFAULT_MIB)
    found.setdefault("swap", DEFAULT_MIB)
    if "ostype" not in found:
        found["ostype"] = detect(rootfs)
    if not found["unprivileged"]:
        del found["unprivileged"]
    return found


def detect(rootfs):
    """Returns the distribution that the root file system says it is."""
    try:
        with open(f"{rootfs}/etc/os-release", encoding="utf-8") as file:
            found = re.search(r'^ID="?([^"\n]*)"?$', file.read(), re.M)
    except OSError:
        return "unmanaged"
    if not found or found[1] not in DISTRIBUTIONS:
        raise Died("unable to detect OS distribution")
    return DISTRIBUTIONS[found[1]]


@answers("DELETE", CT)
def destroy(call):
    guest = call.guest()
    check_destroy(call, guest)

    def work(task):
        cluster = call.cluster
        with guest.locked(cluster.mischief):
            check_destroy(call, guest)
            running = container.Container(cluster.host, guest.vmid)
            if running.is_running:
                running.kill()
            guest.config["lock"] = "destroyed"
            for volid in list(disk.owned(cluster, guest)):
                task.log(f"removing volume '{volid}'")
                disk.free(cluster, guest.node, volid)
            if call.get("destroy-unreferenced-disks"):
                free_unreferenced(cluster, guest)
            running.remove()
            cluster.forget_guest(guest.vmid, call.get("purge"))
            if call.get("purge"):
                task.log(f"purging CT {guest.vmid} from related configurations..")

    return call.task("vzdestroy", guest.vmid, work)


def check_destroy(call, guest):
    if guest.config.get("protection"):
        raise Died(f"can't remove CT {guest.vmid} - protection mode enabled")
    guest.check_lock()
    if f"ct:{guest.vmid}" in call.cluster.ha and not call.get("purge"):
        raise Died(f"unable to remove CT {guest.vmid} - used in HA resources and purge parameter not set.")
    if is_running(call.cluster, guest) and not call.get("force"):
        raise Died(f"unable to destroy CT {guest.vmid} - container is running")
    if guest.is_template:
        for other in call.cluster.guests.values():
            for _, part in other.volumes():
                if any(part["volume"].startswith(f"{volid}/") for volid in disk.owned(call.cluster, guest)):
                    raise Died(f"base volume '{part['volume'].rpartition('/')[0]}' is still in use by linked cloned")


def free_unreferenced(cluster, guest):
    for storage in cluster.storages.values():
        if storage.is_on(guest.node):
            for volname, _ in list(storage.listed(guest.node)):
                if storage.vmid_of(volname) == guest.vmid:
                    storage.free(guest.node, volname)
