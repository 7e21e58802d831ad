# SPDX-License-Identifier: MIT
"""Containers that start and end on this machine."""

import contextlib
import dataclasses
import pathlib
import subprocess
import time

from fake import container, disk, option
from fake.failure import Died


MORE_SECONDS = 5


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
        task.log(error)
    node = cluster.get_node(guest.node)
    for _, net in guest.numbered("net"):
        bridge = net.get("bridge")
        if bridge and bridge not in node.bridges and bridge not in cluster.sdn.running["vnets"]:
            raise Died(f"bridge '{bridge}' does not exist")
    refuse_what_is_missing(guest)
    running = of(cluster, guest)
    with staged(cluster.host, guest, disk.mounts(cluster, guest)) as mounts:
        running.write(container.settings(cluster.host, guest, mounts))
        running.start(is_debug)
    for number, net in guest.numbered("net"):
        running.join(number, node.bridges.get(net.get("bridge")))
    guest.started_at = time.time()


@contextlib.contextmanager
def staged(host, guest, mounts):
    """Directories of the node are mounted by its root there, who may pass by everything; LXC mounts as the root of the
    container. So they are mounted where that can, meanwhile. Yields the mounts as LXC is to have them."""
    places = []
    try:
        for number, mount in enumerate(mounts):
            if not pathlib.Path(mount.source).is_relative_to(host.lxcpath.parent):
                place = host.lxcpath / f"{guest.vmid}.mp{number}"
                place.mkdir(exist_ok=True)
                places.append(place)
                done = subprocess.run(["mount", "--bind", mount.source, place], capture_output=True, text=True, check=False)
                if done.returncode:
                    raise Died(done.stderr.strip())
                mounts[number] = dataclasses.replace(mount, source=place)
        yield mounts
    finally:
        for place in places:
            subprocess.run(["umount", "--lazy", place], stderr=subprocess.DEVNULL, check=False)
            place.rmdir()


def refuse_what_is_missing(guest):
    """What a container was promised and the fake does not do is no start."""
    for name in guest.config:
        if name == "hookscript":
            raise Died(f"the fake starts no containers with {name}")


def stop(cluster, guest):
    """Ends all processes at once."""
    if is_running(cluster, guest):
        of(cluster, guest).kill()


def shut_down(task, cluster, guest, timeout, is_forced):
    """Asks the first process to end, and ends it in the end where that was asked for. The server looks for some
    more seconds whether it does after all."""
    running = of(cluster, guest)
    if not running.is_running or running.halt(timeout, task.checkpoint):
        return
    if is_forced:
        running.kill()
        return
    task.log(f"command 'lxc-stop -n {guest.vmid} --nokill --timeout {timeout}' failed: exit code 1")
    if not running.wait_stopped(timeout + MORE_SECONDS, task.checkpoint):
        raise Died("container did not stop")
