# SPDX-License-Identifier: MIT
"""Lists of containers and their configuration."""

from fake import option, status
from fake.formats import split_list
from fake.route import answers
from fake.failure import Died, Failure

LXC = "/nodes/{node}/lxc"
CT = LXC + "/{vmid}"


def options_of(call):
    """Returns the parameters that are options of a container."""
    return {name: value for name, value in call.parameters.items() if option.is_option(name)}


@answers("GET", LXC)
def listed(call):
    return [status.of_guest(call.cluster, guest) for guest in call.cluster.guests_on(call.node)
            if call.has(f"/vms/{guest.vmid}", "VM.Audit")]


@answers("GET", CT + "/status/current")
def current(call):
    guest = call.guest()
    entry = status.of_guest(call.cluster, guest)
    entry["ha"] = {"managed": int(call.cluster.is_managed(guest.vmid))}
    return entry


@answers("GET", CT + "/config")
def config(call):
    guest = call.guest()
    if "snapshot" in call and call.get("current"):
        text = "cannot use 'snapshot' parameter with 'current'"
        raise Failure(400, "Parameter verification failed.", {"snapshot": text, "current": text})
    if "snapshot" in call:
        snapshot = guest.get_snapshot(call["snapshot"])
        found, raw = dict(snapshot["config"]), snapshot["raw"]
    else:
        found, raw = dict(guest.config), guest.raw
        if not call.get("current"):
            found.update(guest.pending)
            for name in guest.pending_delete:
                found.pop(name, None)
    if not call.has(f"/vms/{guest.vmid}", "VM.Config.Options"):
        found.pop("env", None)
    if "description" in found:
        found["description"] = found["description"].rstrip("\n") + "\n"
    if raw:
        found["lxc"] = [list(line) for line in raw]
    found["digest"] = guest.digest()
    return found


@answers("PUT", CT + "/config")
def change(call):
    guest = call.guest()
    options = options_of(call)
    deleted, reverted = split_list(call.get("delete", "")), split_list(call.get("revert", ""))
    if not options and not deleted and not reverted:
        raise Died("no options specified")
    check_names(options, deleted, reverted)
    option.check(call, guest.vmid, options, guest=guest, deleted=[*deleted, *reverted])
    with guest.locked(call.cluster.mischief):
        guest.check_digest(call.get("digest"))
        guest.check_lock()
        option.change(call.cluster, guest, options, deleted, reverted)


def check_names(options, deleted, reverted):
    """Each option is set, deleted or reverted, and is one."""
    for kind, names in (("delete", deleted), ("revert", reverted)):
        for name in names:
            if not option.is_option(name):
                raise Failure(400, "Parameter verification failed.", {kind: f"unknown option '{name}'"})
            if name in options:
                raise Failure(400, "Parameter verification failed.",
                              {kind: f"you can't use '-{name}' and '-{kind} {name}' at the same time"})
    for name in set(deleted) & set(reverted):
        raise Failure(400, "Parameter verification failed.",
                      {"delete": f"you can't use '-delete {name}' and '-revert {name}' at the same time"})


@answers("GET", CT + "/pending")
def pending(call):
    guest = call.guest()
    may_see_env = call.has(f"/vms/{guest.vmid}", "VM.Config.Options")
    found = []
    for name in sorted({*guest.config, *guest.pending, *guest.pending_delete}):
        if name == "env" and not may_see_env:
            continue
        entry = {"key": name}
        if name in guest.config:
            entry["value"] = guest.config[name]
        if name in guest.pending:
            entry["pending"] = guest.pending[name]
        if name in guest.pending_delete:
            entry["delete"] = 1
        found.append(entry)
    return found
