# SPDX-License-Identifier: MIT
"""Backups of containers."""

import time

from fake import backup, launch
from fake.failure import Died, Failure
from fake.formats import split_list
from fake.route import answers

ROOT_ONLY = ("tmpdir", "dumpdir", "script", "job-id")
TUNING = ("bwlimit", "performance", "ionice")
MISSING = ("all", "pool", "exclude-path", "fleecing", "prune-backups", "stop", "stdout", "dumpdir", "script", "tmpdir")
STOP_SECONDS = 60


@answers("POST", "/nodes/{node}/vzdump")
def vzdump(call):
    cluster = call.cluster
    for name in ROOT_ONLY:
        if name in call:
            call.require_root(f"{name} is only allowed for root@pam")
    if "prune-backups" in call and "storage" in call:
        call.require(f"/storage/{call['storage']}", "Datastore.Allocate")
    if any(name in call for name in TUNING):
        call.require("/", "Sys.Modify")
    for name in MISSING:
        if call.get(name):
            raise Failure(501, f"the fake makes no backups with {name}")
    vmids = [int(word) for word in split_list(call.get("vmid", ""))]
    if len(vmids) != 1:
        raise Failure(501, "the fake makes backups of one container at a time")
    storage = cluster.get_storage(call.get("storage", "local"))
    call.require(f"/vms/{vmids[0]}", "VM.Backup")
    call.require(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    storage.need(call.node)
    if "backup" not in storage.content:
        raise Died(f"storage '{storage.name}' does not support backups")
    guest = cluster.get_guest(call.node, vmids[0])
    return call.task("vzdump", guest.vmid, lambda task: make(task, call, guest, storage))


def make(task, call, guest, storage):
    cluster = call.cluster
    name = backup.name_of(guest.vmid, call.get("compress", "zstd"))
    while storage.has(guest.node, f"backup/{name}"):  # a name is good for one second
        time.sleep(0.1)
        name = backup.name_of(guest.vmid, call.get("compress", "zstd"))
    task.log(f"INFO: starting new backup job: vzdump {guest.vmid}")
    with guest.locked(cluster.mischief):
        was_running = launch.is_running(cluster, guest)
        with guest.marked("backup"):
            if was_running and call.get("mode") == "stop":
                launch.shut_down(task, cluster, guest, call.get("stopwait", 10) * STOP_SECONDS, True)
            path = storage.path(guest.node, f"backup/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            task.log(f"INFO: creating vzdump archive '{path}'")
            backup.dump(cluster, guest, path)
            storage.register(guest.node, f"backup/{name}", guest.vmid, call.get("notes-template"),
                             call.get("protected", 0))
        if was_running and call.get("mode") == "stop":
            launch.start(task, cluster, guest)
    task.log(f"INFO: Finished Backup of VM {guest.vmid}")
