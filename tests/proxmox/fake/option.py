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
# What counts at once also in a container that runs, when it is set and when it is deleted; all else waits for
# the next start. A mount point that is there already is not replaced.
SIMPLE = {"description", "onboot", "startup", "protection", "hostname", "hookscript", "cores", "tags", "lock"}
HOT_SET = SIMPLE | {"memory", "swap", "cpulimit", "cpuunits"}
HOT_DELETED = SIMPLE | {"swap", "cpulimit", "cpuunits"}
NEVER_DELETED = ("memory", "rootfs", "ostype")
NET_LINK = ("bridge", "hwaddr", "name", "mtu", "link_down")


def is_option(name):
    return name in CT_OPTIONS or re.sub(r"\d+$", "[n]", name) in CT_OPTIONS


def is_numbered(name, base):
    return bool(re.fullmatch(rf"{base}\d+", name))


def is_hot(guest, name):
    """Says whether setting an option of a running container counts at once."""
    if is_numbered(name, "mp") or is_numbered(name, "dev"):
        return name not in guest.config
    return name in HOT_SET or is_numbered(name, "net")


def is_hot_deleted(name):
    return name in HOT_DELETED or is_numbered(name, "net") or is_numbered(name, "unused")


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
    is_unprivileged = guest.config.get("unprivileged") if guest else call.get("unprivileged", 1)
    if not is_unprivileged:
        call.require_root("changing feature flags for privileged container is only allowed for root@pam")
    new = features(text)
    old = features(guest.config.get("features")) if guest else {}
    changed = {name for name in {*new, *old} if new.get(name) != old.get(name)}
    if changed - {"nesting"}:
        call.require_root("changing feature flags (except nesting) is only allowed for root@pam")
    if changed:
        need("VM.Allocate")


def features(text):
    return dict(part.split("=", 1) for part in (text or "").split(",") if part)


def written(cluster, name, value):
    """Returns an option as it is read back from the configuration file: without blanks around it, numbers that
    may be fractions as texts, tags in order, an interface with an address of its own."""
    if is_numbered(name, "net"):
        return with_mac(cluster, value)
    if name == "tags":
        return ";".join(sorted({tag.lower() for tag in formats.split_list(value)}))
    if name == "env":
        return "\0".join(item.rstrip() for item in value.split("\0"))
    if name == "cpulimit":
        return str(value)
    return value.strip() if isinstance(value, str) else value


def with_mac(cluster, text):
    part = parts(text, "name")
    part.setdefault("hwaddr", cluster.new_mac())
    part.setdefault("type", "veth")
    return propstring.join(part, CT_OPTIONS["net[n]"].format)


def change(cluster, guest, options, deleted, reverted):
    """Changes a configuration as PUT config does: what can't be changed while the container runs becomes
    pending. What could not be put into force is named at the end, and stays pending."""
    is_running = container.Container(cluster.host, guest.vmid).is_running
    for name in reverted:
        guest.pending.pop(name, None)
        if name in guest.pending_delete:
            guest.pending_delete.remove(name)
    check_change(cluster, guest, options, deleted)
    for name in deleted:
        if name in guest.pending or name in guest.config:
            guest.pending.pop(name, None)
            if name not in guest.pending_delete:
                guest.pending_delete.append(name)
    for name, value in options.items():
        guest.pending[name] = written(cluster, name, value)
        if name in guest.pending_delete:
            guest.pending_delete.remove(name)
    clean_pending(guest)
    errors = apply_pending(cluster, guest, is_running, {*options, *deleted})
    if errors:
        raise Failure(400, "Parameter verification failed.", errors)


def check_change(cluster, guest, options, deleted):
    """Raises what the server says to changes that can't be."""
    for name in deleted:
        if name in NEVER_DELETED:
            raise Died(f"unable to delete required option '{name}'")
        if name == "unprivileged":
            raise Died("unable to delete read-only option: 'unprivileged'")
        if guest.config.get("protection") and (is_numbered(name, "mp") or is_numbered(name, "unused")):
            raise Died(f"can't remove CT {guest.vmid} drive '{name}' - protection mode enabled")
    for name, value in options.items():
        if name == "unprivileged":
            raise Died("unable to modify read-only option: 'unprivileged'")
        if name == "rootfs" or is_numbered(name, "mp"):
            if guest.config.get("protection"):
                raise Died(f"can't update CT {guest.vmid} drive '{name}' - protection mode enabled")
            volume = parts(value, "volume")["volume"]
            if disk.kind_of(volume) in ("new", "volume"):
                storage, _ = cluster.split_volume(volume)
                if "rootdir" not in storage.content:
                    raise Died(f"storage '{storage.name}' does not allow content type 'rootdir' (Container)")


def clean_pending(guest):
    """Forgets what is pending without being a change."""
    for name in [name for name, value in guest.pending.items() if guest.config.get(name) == value]:
        del guest.pending[name]
    guest.pending_delete = [name for name in guest.pending_delete if name in guest.config]


def apply_pending(cluster, guest, is_running, selection=None):
    """Puts what is pending into force, with a container that runs only what can be; returns {option: why not}."""
    errors = {}
    what = "unable to hotplug {}: {}" if is_running else "unable to apply pending change {} : {}"

    def attempt(name, act):
        try:
            act()
        except Died as failure:
            errors[name] = what.format(name, failure.text)

    for name in list(guest.pending_delete):
        if (selection is None or name in selection) and (not is_running or is_hot_deleted(name)):
            attempt(name, lambda name=name: drop(cluster, guest, name, is_running))
    for name in sorted(guest.pending):
        if (selection is None or name in selection) and (not is_running or is_hot(guest, name)):
            attempt(name, lambda name=name: put(cluster, guest, name, is_running))
    return errors


def drop(cluster, guest, name, is_running):
    """Takes an option out. A mount point's volume is kept as unused; an unused one is freed."""
    value = guest.config.get(name)
    if is_numbered(name, "unused"):
        disk.free(cluster, guest.node, parts(value, "volume")["volume"])
    elif is_numbered(name, "net") and is_running:
        container.Container(cluster.host, guest.vmid).unplug(number_of(name))
    guest.config.pop(name, None)
    guest.pending_delete.remove(name)
    if value and is_numbered(name, "mp"):
        volume = parts(value, "volume")["volume"]
        if disk.kind_of(volume) == "volume":
            guest.add_unused(volume)


def put(cluster, guest, name, is_running):
    """Sets an option, and what of it counts at once in a container that runs.

    A root file system is written down as it is given: nothing is allocated, and what was there before is not
    kept as unused, as the server does it."""
    value = guest.pending[name]
    if is_numbered(name, "mp"):
        put_mount(cluster, guest, name, value, is_running)
    elif is_numbered(name, "net") and is_running:
        plug(cluster, guest, name, value)
        guest.config[name] = value
    else:
        if is_running:
            set_limits(cluster, guest, {**guest.config, name: value}, name)
        guest.config[name] = value
    guest.pending.pop(name, None)
    used = [part["volume"] for _, part in guest.volumes()]
    for key, volid in list(guest.unused()):
        if volid in used:
            del guest.config[key]


def put_mount(cluster, guest, name, value, is_running):
    old = guest.config.get(name)
    value, allocated = disk.allocate(cluster, guest.node, guest, name, value)
    if is_running:
        try:
            hot_mount(cluster, guest, parts(value, "volume"))
        except Died:
            if allocated:
                disk.free(cluster, guest.node, allocated)
            raise
    guest.config[name] = value
    if old:
        before = parts(old, "volume")["volume"]
        if disk.kind_of(before) == "volume":
            guest.add_unused(before)


def number_of(name):
    return int(re.search(r"\d+$", name)[0])


def plug(cluster, guest, name, value):
    """Gives a running container an interface, or another in its place where more than addresses changed."""
    net = parts(value, "name")
    old = parts(guest.config[name], "name") if name in guest.config else None
    running = container.Container(cluster.host, guest.vmid)
    bridges = cluster.get_node(guest.node).bridges
    if net.get("bridge") and net["bridge"] not in bridges and net["bridge"] not in cluster.sdn.running["vnets"]:
        raise Died(f"bridge '{net['bridge']}' does not exist")
    if old is None or any(old.get(key) != net.get(key) for key in NET_LINK):
        if old is not None:
            running.unplug(number_of(name))
        running.plug(number_of(name), net, bridges.get(net.get("bridge")))
    running.set_addresses(net)


def hot_mount(cluster, guest, part):
    mount = disk.mount(cluster, guest, part)
    if mount.is_passed_through:
        raise Died("the fake passes no ids through while a container runs")
    container.Container(cluster.host, guest.vmid).mount(mount.source, mount.target, mount.is_read_only)


def set_limits(cluster, guest, config, name):
    if name not in ("memory", "swap", "cpulimit", "cpuunits"):
        return
    running = container.Container(cluster.host, guest.vmid)
    for key, value in container.limits(config):
        key = key.removeprefix("lxc.cgroup2.").removeprefix("lxc.cgroup.")
        if key.split(".")[0] == ("memory" if name in ("memory", "swap") else "cpu"):
            running.set_cgroup(key, value)
