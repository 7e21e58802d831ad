# SPDX-License-Identifier: MIT
"""Containers that start and end on this machine."""

import time

from fake import container, disk, option
from fake.failure import Died


def of(cluster, guest):
    return container.Container(cluster.host, guest.vmid)


def is_running(cluster, guest):
    return of(cluster, guest).is_running


def start(task, cluster, guest, is_debug=False):
    """Starts a container: what is pending counts from now on."""
    if guest.is_template:
        raise Died("you can't start a CT if it's a template")
    if is_running(cluster, guest):
        raise Died(f"CT {guest.vmid} already running")
    for error in option.apply_pending(cluster, guest, is_running=False).values():
        task.warn(error)
    node = cluster.get_node(guest.node)
    for _, net in guest.numbered("net"):
        bridge = net.get("bridge")
        if bridge and bridge not in node.bridges and bridge not in cluster.sdn.running["vnets"]:
            raise Died(f"bridge '{bridge}' does not exist")
    rootfs = dict(guest.volumes())["rootfs"]["volume"]
    running = of(cluster, guest)
    running.write(container.settings(cluster.host, guest, disk.path(cluster, guest.node, rootfs),
                                     disk.mounts(cluster, guest)))
    running.start(is_debug)
    for number, net in guest.numbered("net"):
        running.join(number, node.bridges.get(net.get("bridge")))
    guest.started_at = time.time()


def stop(cluster, guest):
    """Ends all processes at once."""
    if is_running(cluster, guest):
        of(cluster, guest).kill()


def shut_down(cluster, guest, timeout, is_forced):
    """Asks the first process to end, and ends it in the end where that was asked for."""
    if not is_running(cluster, guest):
        return
    if not of(cluster, guest).halt(timeout):
        if not is_forced:
            raise Died(f"command 'lxc-stop -n {guest.vmid} --nokill --timeout {timeout}' failed: exit code 1")
        of(cluster, guest).kill()
