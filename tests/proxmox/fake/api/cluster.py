# SPDX-License-Identifier: MIT
"""What concerns the cluster as a whole."""

from fake import status
from fake.route import answers


@answers("GET", "/version")
def version(call):
    return call.cluster.version


@answers("GET", "/cluster/nextid")
def next_id(call):
    if "vmid" in call:
        call.cluster.check_free(call["vmid"])
        return str(call["vmid"])
    return str(call.cluster.next_id())


@answers("GET", "/cluster/status")
def cluster_status(call):
    cluster = call.cluster
    found = [{"id": "cluster", "type": "cluster", "name": cluster.name, "nodes": len(cluster.nodes), "quorate": 1,
              "version": 2}]
    for node in cluster.nodes.values():
        found.append({"id": f"node/{node.name}", "type": "node", "name": node.name, "nodeid": node.number,
                      "ip": "127.0.0.1", "level": "", "local": int(node.number == 1),
                      "online": int(node.name not in cluster.mischief.lost)})
    return found


@answers("GET", "/cluster/options")
def options(call):
    return call.cluster.options


@answers("GET", "/cluster/tasks")
def tasks(call):
    return [task.entry() for task in call.cluster.tasks.all()
            if task.user.partition("!")[0] == call.user.partition("!")[0]
            or call.has(f"/nodes/{task.node}", "Sys.Audit")]


@answers("GET", "/cluster/resources")
def resources(call):
    """What pvestatd told last: old news while a test keeps it so."""
    cluster = call.cluster
    every = cluster.stale if cluster.stale is not None else all_resources(cluster)
    kind = call.get("type")
    return [entry for entry in every if is_visible(call, entry)
            and (not kind or entry["type"] == kind or kind == "vm" and entry["type"] in ("lxc", "qemu"))]


def is_visible(call, entry):
    if entry["type"] in ("lxc", "qemu"):
        return call.has(f"/vms/{entry['vmid']}", "VM.Audit")
    if entry["type"] == "storage":
        return call.has(f"/storage/{entry['storage']}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
    if entry["type"] == "node":
        return True
    return call.has(f"/sdn/zones/{entry['sdn']}", "SDN.Audit", "SDN.Allocate", any_of=True)


def all_resources(cluster):
    found = []
    for guest in list(cluster.guests.values()):
        entry = status.of_guest(cluster, guest)
        entry.update(id=f"lxc/{guest.vmid}", type="lxc", node=guest.node, maxcpu=entry.pop("cpus"))
        entry.pop("maxswap")
        pool = cluster.pool_of(guest.vmid)
        if pool:
            entry["pool"] = pool
        if cluster.is_managed(guest.vmid):
            entry["hastate"] = cluster.ha[f"ct:{guest.vmid}"]["state"]
        found.append(entry)
    for vmid, node in cluster.machines.items():
        found.append({"id": f"qemu/{vmid}", "type": "qemu", "vmid": vmid, "node": node, "name": f"VM{vmid}",
                      "status": "stopped", "template": 0})
    for node in cluster.nodes.values():
        found.append({"id": f"node/{node.name}", "type": "node",
                      **status.of_node(node, cluster.mischief.lost)})
        for storage in cluster.storages.values():
            if storage.is_on(node.name):
                found.append(storage_entry(storage, node.name))
        for zone in cluster.sdn.running["zones"]:
            found.append({"id": f"sdn/{node.name}/{zone}", "type": "sdn", "sdn": zone, "node": node.name,
                          "status": "ok"})
    return found


def storage_entry(storage, node):
    now = storage.status(node)
    return {"id": f"storage/{node}/{storage.name}", "type": "storage", "storage": storage.name, "node": node,
            "status": "available" if storage.is_enabled else "unknown", "plugintype": storage.kind,
            "shared": now["shared"], "content": now["content"], "disk": now["used"], "maxdisk": now["total"]}
