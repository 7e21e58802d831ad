# SPDX-License-Identifier: MIT
"""What concerns one node."""

import os

from fake import status
from fake.container import V2
from fake.route import answers


@answers("GET", "/nodes")
def nodes(call):
    lost = call.cluster.mischief.lost
    return [{**status.of_node(node, lost), "id": f"node/{node.name}", "type": "node"}
            for node in call.cluster.nodes.values()]


@answers("GET", "/nodes/{node}/version")
def version(call):
    return call.cluster.version


@answers("GET", "/nodes/{node}/status")
def node_status(call):
    name = os.uname()
    files = os.statvfs(call.cluster.host.lxcpath)
    total, free, avail = (files.f_frsize * count for count in (files.f_blocks, files.f_bfree, files.f_bavail))
    node = status.of_node(call.cluster.get_node(call.node), {})
    cpus = os.cpu_count()
    return {
        "boot-info": {"mode": "efi", "secureboot": 0}, "cpu": node["cpu"],
        "cpuinfo": {"cores": cpus, "cpus": cpus, "sockets": 1, "model": name.machine},
        "current-kernel": {"machine": name.machine, "release": name.release, "sysname": name.sysname,
                           "version": name.version},
        "loadavg": [f"{load:.2f}" for load in os.getloadavg()],
        "memory": {"total": node["maxmem"], "used": node["mem"], "free": node["maxmem"] - node["mem"],
                   "available": node["maxmem"] - node["mem"]},
        "pveversion": f"pve-manager/{call.cluster.version['version']}/{call.cluster.version['repoid']}",
        "rootfs": {"total": total, "free": free, "avail": avail, "used": total - free},
        "uptime": node["uptime"], "cgroup-mode": 2 if V2 else 1,
    }
