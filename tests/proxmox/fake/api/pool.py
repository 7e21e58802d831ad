# SPDX-License-Identifier: MIT
"""Pools."""

from fake.cluster import Pool
from fake.failure import Died
from fake.formats import split_list
from fake.route import answers


def members(call, name):
    pool = call.cluster.pools[name]
    found = []
    for vmid in sorted(pool.vmids):
        guest = call.cluster.guests.get(vmid)
        if guest:
            found.append({"id": f"lxc/{vmid}", "type": "lxc", "node": guest.node, "vmid": vmid})
    for storage in sorted(pool.storages):
        for node in call.cluster.nodes:
            found.append({"id": f"storage/{node}/{storage}", "type": "storage", "node": node, "storage": storage})
    return [member for member in found if call.get("type", member["type"]) == member["type"]]


@answers("GET", "/pools")
def listed(call):
    wanted = call.get("poolid")
    if wanted:
        call.require(f"/pool/{wanted}", "Pool.Audit")
        pool = call.cluster.get_pool(wanted)
        return [{"poolid": wanted, "comment": pool.comment, "members": members(call, wanted)}]
    return [{"poolid": name, "comment": pool.comment} for name, pool in sorted(call.cluster.pools.items())
            if call.has(f"/pool/{name}", "Pool.Audit")]


@answers("POST", "/pools")
def create(call):
    if call["poolid"] in call.cluster.pools:
        raise Died(f"create pool failed: pool '{call['poolid']}' already exists")
    call.cluster.pools[call["poolid"]] = Pool(call.get("comment", ""))


@answers("PUT", "/pools")
def change(call):
    cluster, name = call.cluster, call["poolid"]
    pool = cluster.get_pool(name)
    pool.comment = call.get("comment", pool.comment)
    for word in split_list(call.get("vms", "")):
        vmid = int(word)
        if not cluster.owner_of_id(vmid):
            raise Died(f"VM {vmid} does not exist")
        call.require(f"/vms/{vmid}", "VM.Allocate" if call.get("delete") else "Permissions.Modify", "VM.Allocate",
                     any_of=True)
        if call.get("delete"):
            if vmid not in pool.vmids:
                raise Died(f"VM {vmid} is not a pool member")
            pool.vmids.discard(vmid)
            continue
        other = cluster.pool_of(vmid)
        if other == name:
            raise Died(f"VM {vmid} is already a pool member")
        if other and not call.get("allow-move"):
            raise Died(f"VM {vmid} belongs already to pool '{other}' and 'allow-move' is not set")
        if other:
            cluster.pools[other].vmids.discard(vmid)
        pool.vmids.add(vmid)
    for storage in split_list(call.get("storage", "")):
        cluster.get_storage(storage)
        (pool.storages.discard if call.get("delete") else pool.storages.add)(storage)


@answers("DELETE", "/pools")
def delete(call):
    pool = call.cluster.get_pool(call["poolid"])
    if pool.vmids or pool.storages:
        raise Died(f"pool '{call['poolid']}' is not empty")
    del call.cluster.pools[call["poolid"]]
