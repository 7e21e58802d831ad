# SPDX-License-Identifier: MIT
"""Containers that the HA manager looks after."""

import hashlib
import json
import time

from fake import manager
from fake.failure import Died
from fake.formats import split_list
from fake.route import answers

RESOURCES = "/cluster/ha/resources"
ONE = RESOURCES + "/{sid}"
OPTIONS = ("state", "comment", "max_restart", "max_relocate", "failback", "auto-rebalance", "group")


def full_sid(call):
    """A bare id stands for the container with it."""
    sid = call["sid"]
    return sid if ":" in sid else f"{call.get('type', 'ct')}:{sid}"


def get(call):
    sid = full_sid(call)
    if sid not in call.cluster.ha:
        raise Died(f"no such resource '{sid}'")
    return sid, call.cluster.ha[sid]


def digest(cluster):
    return hashlib.sha1(json.dumps(cluster.ha, sort_keys=True).encode()).hexdigest()


def entry(cluster, sid):
    return {"sid": sid, "type": sid.partition(":")[0], "digest": digest(cluster), **cluster.ha[sid]}


@answers("GET", RESOURCES)
def listed(call):
    return [entry(call.cluster, sid) for sid in sorted(call.cluster.ha)
            if call.get("type", sid.partition(":")[0]) == sid.partition(":")[0]]


@answers("POST", RESOURCES)
def add(call):
    sid = full_sid(call)
    if sid in call.cluster.ha:
        raise Died(f"resource ID '{sid}' already defined")
    if not call.cluster.owner_of_id(int(sid.partition(":")[2])):
        raise Died(f"no such resource '{sid}' in the cluster")
    options = {name: call[name] for name in OPTIONS if name in call}
    options.setdefault("state", "started")
    call.cluster.ha[sid] = options
    manager.look(call.cluster, sid)


@answers("GET", ONE)
def read(call):
    return entry(call.cluster, get(call)[0])


@answers("PUT", ONE)
def change(call):
    sid, resource = get(call)
    if "digest" in call and call["digest"] != digest(call.cluster):
        raise Died("detected modified configuration - file changed by other user? Try again.")
    for name in split_list(call.get("delete", "")):
        resource.pop(name, None)
    resource.update({name: call[name] for name in OPTIONS if name in call})
    manager.look(call.cluster, sid)


@answers("DELETE", ONE)
def remove(call):
    del call.cluster.ha[get(call)[0]]


@answers("GET", "/cluster/ha/status/current")
def status(call):
    cluster = call.cluster
    first = next(iter(cluster.nodes))
    found = [{"id": "quorum", "type": "quorum", "node": first, "status": "OK", "quorate": 1}]
    for sid, resource in sorted(cluster.ha.items()):
        owner = cluster.owner_of_id(int(sid.partition(":")[2]))
        node = owner[1] if owner else first
        found.append({"id": f"service:{sid}", "type": "service", "sid": sid, "node": node, "state": resource["state"],
                      "request_state": resource["state"], "crm_state": resource["state"],
                      "status": f"{sid} ({node}, {resource['state']})", "timestamp": int(time.time())})
    return found
