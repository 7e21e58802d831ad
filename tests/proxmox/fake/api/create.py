# SPDX-License-Identifier: MIT
"""Containers that come and go: create and destroy."""

import contextlib
import re
import tarfile

from fake import backup, container, disk, manager, option, propstring
from fake.api.config import CT, LXC, options_of
from fake.failure import Died, Failure, denied
from fake.guest import Guest, parts, size_of
from fake.launch import is_running, start
from fake.route import answers
from fake.storage import GIB
from fake.task import WorkerGone
from endpoints import CT_OPTIONS

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
    if call.get("force"):
        raise Failure(501, "the fake overwrites no containers")
    if pool:
        cluster.get_pool(pool)
    if call.get("restore"):
        return restore(call)
    if not call.get("unprivileged", 1):
        call.require("/", "Sys.Modify")
    options = with_volumes(call, options_of(call))
    option.check(call, vmid, options, pool)
    template = find_template(call)
    if is_oci(template):
        raise Failure(501, "the fake makes no containers of OCI archives")
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


def is_oci(path):
    """Says whether the server would take a template for an image: an uncompressed archive of a layout."""
    if not path.endswith(".tar"):
        return False
    try:
        with tarfile.open(path, "r:") as archive:
            names = set(archive.getnames())
    except (OSError, tarfile.TarError):
        return False
    return {"oci-layout", "index.json"} <= names and any(name.startswith("blobs/") for name in names)


def reserve(cluster, vmid, node, verb="create"):
    """Takes an id, at once and for the whole cluster."""
    with cluster.lock:
        if cluster.mischief.takes_id():
            cluster.machines.setdefault(vmid, node)
        owner = cluster.owner_of_id(vmid)
        if owner:
            raise Died(f"unable to {verb} CT {vmid} - {owner[0]} {vmid} already exists on node '{owner[1]}'")
        guest = Guest(vmid, node)
        guest.config["lock"] = "create"
        cluster.guests[vmid] = guest
    return guest


def build(task, call, guest, options, template):
    """Makes a container of a template."""
    with undone(call, guest) as made:
        fill(task, call.cluster, guest, options, template, made)
    finish(task, call, guest)


@contextlib.contextmanager
def undone(call, guest):
    """A list for the volumes that are made, which are taken back with all else when it fails."""
    made = []
    try:
        yield made
    except WorkerGone:
        raise
    except BaseException as error:
        for volid in made:
            disk.free(call.cluster, guest.node, volid)
        call.cluster.forget_guest(guest.vmid)
        text = error.text if isinstance(error, Failure) else "interrupted by signal"
        raise Died(f"unable to {verb_of(call)} CT {guest.vmid} - {text}") from error


def verb_of(call):
    return "restore" if call.get("restore") else "create"


def fill(task, cluster, guest, options, archive, made):
    """Allocates, unpacks and writes down."""
    if options["unprivileged"]:
        guest.config["unprivileged"] = 1
    place_volumes(task, cluster, guest, options, made)
    rootfs, *others = disk.mounts(cluster, guest)
    if any(mount.is_passed_through != rootfs.is_passed_through for mount in others):
        raise Died("the fake unpacks no template into volumes of which only some keep their ids")
    container.unpack(archive, rootfs.source, disk.is_shifted(guest) and not rootfs.is_passed_through, task.log,
                     others)
    guest.config.update(configuration(cluster, guest.vmid, options, rootfs.source))


def finish(task, call, guest):
    """Lets a container that is whole be used."""
    cluster = call.cluster
    guest.config.pop("lock", None)
    if call.get("pool"):
        cluster.get_pool(call["pool"]).vmids.add(guest.vmid)
    if call.get("ha-managed"):
        sid = f"ct:{guest.vmid}"
        cluster.ha[sid] = {"state": "started" if call.get("start") else "stopped"}
        manager.look(cluster, sid)
    elif call.get("start"):
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
    found = {name: option.written(cluster, name, value) for name, value in options.items()
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


def restore(call):
    """Makes a container of a backup; what is given comes before what the backup says."""
    cluster, vmid = call.cluster, call["vmid"]
    archive = find_backup(call)
    given = options_of(call)
    option.check(call, vmid, given, call.get("pool"))
    guest = reserve(cluster, vmid, call.node, "restore")

    def work(task):
        with undone(call, guest) as made:
            saved, raw = backup.read(archive)
            options = merged(call, given, saved)
            guest.raw = raw if call.is_root else []
            fill(task, cluster, guest, options, archive, made)
            backup.tidy(disk.mounts(cluster, guest)[0].source)
        finish(task, call, guest)

    return call.task("vzrestore", vmid, work)


def find_backup(call):
    """Returns the host's path of a backup that the caller may read."""
    storage, volname = call.cluster.split_volume(call["ostemplate"])
    if not volname.startswith("backup/"):
        raise Died(f"unable to use volume {call['ostemplate']} - content type needs to be 'backup'")
    volume = storage.get(call.node, volname)
    if not call.has(f"/storage/{storage.name}", "Datastore.Allocate"):
        call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
        call.require(f"/vms/{volume.vmid}", "VM.Backup")
    return str(storage.path(call.node, volname))


def merged(call, given, saved):
    """Returns the options of what is restored: volumes of the same sizes in one storage, unless others are given."""
    options = {name: value for name, value in saved.items()
               if name not in ("template", "parent", "lock", "rootfs") and not is_volume(name)}
    for name, value in saved.items():
        if (name == "rootfs" or option.is_numbered(name, "mp")) and "rootfs" not in given:
            options[name] = anew(call, name, parts(value, "volume"))
    if call.get("unique"):
        for name in [name for name in options if option.is_numbered(name, "net")]:
            options[name] = propstring.join({key: value for key, value in parts(options[name], "name").items()
                                             if key != "hwaddr"}, CT_OPTIONS["net[n]"].format)
    options.update(given)
    options["unprivileged"] = call.get("unprivileged", saved.get("unprivileged", 0))
    if not options["unprivileged"]:
        call.require("/", "Sys.Modify")
    return options


def is_volume(name):
    return option.is_numbered(name, "mp") or option.is_numbered(name, "unused")


def anew(call, name, part):
    """Returns the text for a volume like one of the backup."""
    if disk.kind_of(part["volume"]) != "volume":
        raise Died(f"restoring '{name}' to {disk.kind_of(part['volume'])} mount is not done by the fake")
    storage = call.cluster.get_storage(call.get("storage", "local"))
    storage.need(call.node, "rootdir")
    call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    kept = {key: value for key, value in part.items() if key != "size"}
    return disk.print_mount(name, {**kept, "volume": f"{storage.name}:{size_of(part) / GIB:g}"})


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


def free_unreferenced(cluster, guest):
    for storage in cluster.storages.values():
        if storage.is_on(guest.node):
            for volname, _ in list(storage.listed(guest.node)):
                if storage.vmid_of(volname) == guest.vmid:
                    storage.free(guest.node, volname)
