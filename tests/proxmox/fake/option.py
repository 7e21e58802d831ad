# SPDX-License-Identifier: MIT
"""Options of containers: who may set them, and how they get into a container's configuration."""

import re

from fake import container, disk, formats, propstring
from fake.failure import Died, Failure, denied
from fake.guest import parts
from endpoints import CT_OPTIONS

PRIVILEGES = {
    "cores": "VM.Config.CPU", "cpulimit": "VM.Config.CPU", "cpuunits": "VM.Config.CPU",
    "memory": "VM.Config.Memory", "swap": "VM.Config.Memory", "nameserver": "VM.Config.Network",
    "searchdomain": "VM.Config.Network", "hostname": "VM.Config.Network",
}
# What counts at once also in a container that runs; all else waits for its next start.
HOT = {"memory", "swap", "cores", "cpulimit", "cpuunits", "description", "onboot", "startup", "protection",
       "hostname", "hookscript", "tags", "lock", "nameserver", "searchdomain"}
HOT_NUMBERED = ("net", "mp", "dev", "unused")
MAC = re.compile(r"(?i:[0-9a-f]{2}(:[0-9a-f]{2}){5})")


def names():
    return set(CT_OPTIONS)


def is_option(name):
    return name in CT_OPTIONS or re.sub(r"\d+$", "[n]", name) in CT_OPTIONS


def is_numbered(name, base):
    return bool(re.fullmatch(rf"{base}\d+", name))


def is_hot(name):
    return name in HOT or any(is_numbered(name, base) for base in HOT_NUMBERED)


def check(call, vmid, options, pool=None, guest=None, deleted=()):
    """Raises the failure of who may not set one of the options, or to delete them."""
    for name in [*options, *deleted]:
        check_one(call, vmid, name, options.get(name), pool, guest)


def check_one(call, vmid, name, text, pool, guest):
    def need(privilege):
        if not call.has(f"/vms/{vmid}", privilege) and not (pool and call.has(f"/pool/{pool}", privilege)):
            raise denied(f"/vms/{vmid}", privilege)

    if name in ("rootfs",) or is_numbered(name, "mp"):
        need("VM.Config.Disk")
        if text is not None:
            disk.check(call, name, text, vmid, privilege_is_given=True)
    elif is_numbered(name, "unused"):
        need("VM.Config.Disk")
    elif is_numbered(name, "net"):
        need("VM.Config.Network")
        check_bridges(call, name, text, guest)
    elif is_numbered(name, "dev"):
        call.require_root("configuring device passthrough is only allowed for root@pam")
    elif name == "hookscript":
        call.require_root("changing the hookscript is only allowed for root@pam")
    elif name == "features":
        check_features(call, text, guest, need)
    elif name == "tags":
        if not call.has("/", "Sys.Modify"):
            need("VM.Config.Options")
    elif name == "template":
        need("VM.Allocate")
    else:
        need(PRIVILEGES.get(name, "VM.Config.Options"))


def check_bridges(call, name, text, guest):
    """Bridges are used by those who may use the zone; those of a host belong to the zone localnetwork."""
    old = guest.config.get(name) if guest else None
    for value in filter(None, (old, text)):
        bridge = parts(value, "name").get("bridge")
        if bridge:
            call.require(zone_path(call.cluster, bridge), "SDN.Use")


def zone_path(cluster, bridge):
    zone = cluster.sdn.running["vnets"].get(bridge, {}).get("zone", "localnetwork")
    return f"/sdn/zones/{zone}/{bridge}"


def check_features(call, text, guest, need):
    given = parts(text or "", "nesting")
    given.pop("", None)
    is_unprivileged = guest.config.get("unprivileged") if guest else call.get("unprivileged", 1)
    if call.is_root:
        return
    if not is_unprivileged:
        call.require_root("changing feature flags for privileged container is only allowed for root@pam")
    if set(given) - {"nesting"}:
        call.require_root("changing feature flags (except nesting) is only allowed for root@pam")
    need("VM.Allocate")


def with_mac(cluster, name, text):
    """Returns a network interface's text with an address of its own where it has none."""
    if not is_numbered(name, "net"):
        return text
    part = parts(text, "name")
    part.setdefault("hwaddr", cluster.new_mac())
    part.setdefault("type", "veth")
    return propstring.join(part, CT_OPTIONS["net[n]"].format)


def split_names(text):
    return formats.split_list(text or "")


def change(cluster, guest, options, deleted, reverted):
    """Changes a configuration as PUT config does: what can't be changed while the container runs becomes
    pending."""
    is_running = container.Container(cluster.host, guest.vmid).is_running
    for name in deleted:
        if not is_option(name):
            raise Failure(400, "Parameter verification failed.", {"delete": f"unknown option '{name}'"})
    if "unprivileged" in options and options["unprivileged"] != guest.config.get("unprivileged", 0) or \
            "unprivileged" in deleted:
        raise Died("unable to modify read-only option: 'unprivileged'")
    if "rootfs" in deleted:
        raise Died("unable to delete required option 'rootfs'")
    for name in reverted:
        guest.pending.pop(name, None)
        if name in guest.pending_delete:
            guest.pending_delete.remove(name)
    for name in deleted:
        guest.pending.pop(name, None)
        if name in guest.config and name not in guest.pending_delete:
            guest.pending_delete.append(name)
    for name, value in options.items():
        guest.pending[name] = with_mac(cluster, name, value)
        if name in guest.pending_delete:
            guest.pending_delete.remove(name)
    apply_pending(cluster, guest, is_running)


def apply_pending(cluster, guest, is_running):
    """Puts what is pending into force; with a container that runs only what can be."""
    for name in list(guest.pending_delete):
        if is_running and (not is_hot(name) or is_numbered(name, "mp")):
            continue
        drop(cluster, guest, name)
        guest.pending_delete.remove(name)
    for name in list(guest.pending):
        if is_running and (not is_hot(name) or is_numbered(name, "mp") and name in guest.config):
            continue
        put(cluster, guest, name, guest.pending[name], is_running)
        del guest.pending[name]
    for name in [name for name, value in guest.pending.items() if guest.config.get(name) == value]:
        del guest.pending[name]


def drop(cluster, guest, name):
    """Takes an option out. A mount point's volume is kept as unused; an unused one is freed."""
    value = guest.config.pop(name, None)
    if value is None:
        return
    if is_numbered(name, "mp"):
        volume = parts(value, "volume")["volume"]
        if disk.kind_of(volume) == "volume":
            guest.add_unused(volume)
    elif is_numbered(name, "unused"):
        disk.free(cluster, guest.node, parts(value, "volume")["volume"])


def put(cluster, guest, name, value, is_running):
    """Sets an option, and what of it counts at once in a container that runs."""
    if name == "rootfs" or is_numbered(name, "mp"):
        old = guest.config.get(name)
        value, allocated = disk.allocate(cluster, guest.node, guest, name, value)
        volume = parts(value, "volume")["volume"]
        if is_running:
            try:
                hot_mount(cluster, guest, parts(value, "volume"))
            except Died:
                if allocated:
                    disk.free(cluster, guest.node, allocated)
                raise
        guest.config[name] = value
        for key, volid in list(guest.unused()):
            if volid == volume:
                del guest.config[key]
        if old:
            before = parts(old, "volume")["volume"]
            if before != volume and disk.kind_of(before) == "volume":
                guest.add_unused(before)
        return
    if is_running:
        set_limits(cluster, guest, {**guest.config, name: value}, name)
    guest.config[name] = value


def hot_mount(cluster, guest, part):
    source = disk.path(cluster, guest.node, part["volume"])
    container.Container(cluster.host, guest.vmid).mount(source, part["mp"],
                                                        bool(propstring.boolean(part.get("ro", 0))))


def set_limits(cluster, guest, config, name):
    if name not in ("memory", "swap", "cpulimit", "cpuunits"):
        return
    running = container.Container(cluster.host, guest.vmid)
    for key, value in container.limits(config):
        key = key.removeprefix("lxc.cgroup2.").removeprefix("lxc.cgroup.")
        if key.split(".")[0] == ("memory" if name in ("memory", "swap") else "cpu"):
            running.set_cgroup(key, value)
