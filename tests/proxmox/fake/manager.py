# SPDX-License-Identifier: MIT
"""The HA manager: keeps containers in the state that was asked for, once, when it is asked."""

from fake import launch

ROOT = "root@pam"
STARTED = ("started", "enabled")


def look(cluster, sid):
    """Starts or stops a container that is not as was asked for."""
    guest = cluster.guests.get(int(sid.partition(":")[2]))
    state = cluster.ha.get(sid, {}).get("state", "ignored")
    if guest is None or state == "ignored":
        return
    is_running = launch.is_running(cluster, guest)
    if state in STARTED and not is_running:
        cluster.tasks.start(guest.node, "vzstart", guest.vmid, ROOT, lambda task: start(task, cluster, guest))
    elif state not in STARTED and is_running:
        cluster.tasks.start(guest.node, "vzstop", guest.vmid, ROOT, lambda task: stop(cluster, guest))


def start(task, cluster, guest):
    with guest.locked(cluster.mischief):
        guest.check_lock()
        launch.start(task, cluster, guest)


def stop(cluster, guest):
    with guest.locked(cluster.mischief):
        launch.stop(cluster, guest)
