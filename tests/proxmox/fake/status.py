# SPDX-License-Identifier: MIT
"""Figures of containers and nodes as several endpoints show them."""

import os
import time

from fake import container, disk
from fake.storage import disk_usage


def of_guest(cluster, guest, with_usage=True):
    """Returns what a list of containers says of one."""
    running = container.Container(cluster.host, guest.vmid)
    is_running = running.is_running
    config = guest.config
    entry = {
        "vmid": guest.vmid, "name": config.get("hostname", f"CT{guest.vmid}"),
        "status": "running" if is_running else "stopped", "template": int(guest.is_template),
        "cpus": config.get("cores") or os.cpu_count(), "cpu": 0, "maxmem": config.get("memory", 512) << 20,
        "maxswap": config.get("swap", 512) << 20, "maxdisk": disk.total_size(guest), "mem": 0, "disk": 0,
        "diskread": 0, "diskwrite": 0, "netin": 0, "netout": 0, "uptime": 0,
    }
    for key in ("lock", "tags"):
        if config.get(key):
            entry[key] = config[key]
    if is_running:
        entry["uptime"] = int(time.time() - (guest.started_at or time.time()))
        if with_usage:
            entry["mem"] = running.memory()
            entry["disk"] = rootfs_usage(cluster, guest)
    return entry


def rootfs_usage(cluster, guest):
    part = dict(guest.volumes()).get("rootfs")
    if part is None or disk.kind_of(part["volume"]) != "volume":
        return 0
    storage, volname = cluster.split_volume(part["volume"])
    return disk_usage(storage.path(guest.node, volname))


def of_node(node, lost):
    """Returns what a list of nodes says of one."""
    if node.name in lost:
        return {"node": node.name, "status": "offline", "level": "", "ssl_fingerprint": node.fingerprint}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"node": node.name, "status": "online", "level": "", "cpu": 0.01, "maxcpu": os.cpu_count(),
            "mem": memory // 4, "maxmem": memory, "uptime": int(time.time() - node.started_at),
            "ssl_fingerprint": node.fingerprint}
