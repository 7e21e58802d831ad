# SPDX-License-Identifier: MIT
"""Start, stop and what lies between."""

from fake import launch
from fake.api.config import CT
from fake.failure import Died, Failure
from fake.route import answers

STATUS = CT + "/status"
SHUTDOWN_SECONDS = 60


def hand_over(call, guest, kind, state, work):
    """Gives a task to the HA manager where that looks after the container: it is over as soon as the manager was
    told, and what it does comes later."""
    cluster = call.cluster
    if not cluster.is_managed(guest.vmid):
        return None

    def tell(task):
        task.log(f"Requesting HA {kind.removeprefix('ha')} for CT {guest.vmid}")
        cluster.ha[f"ct:{guest.vmid}"]["state"] = state
        cluster.tasks.start(guest.node, f"vz{kind.removeprefix('ha')}", guest.vmid, "root@pam", work)

    return call.task(kind, guest.vmid, tell)


def guarded(call, guest, work):
    """Returns a task's work that holds the file lock, and that a lock in the configuration stops, but that of who
    has its file systems mounted."""
    def run(task):
        with guest.locked(call.cluster.mischief):
            if not call.get("skiplock") and guest.config.get("lock") != "mounted":
                guest.check_lock()
            work(task)

    return run


def prepare(call):
    guest = call.guest()
    if call.get("skiplock") and not call.is_root:
        raise Failure(400, "Parameter verification failed.", {"skiplock": "Only root may use this option."})
    return guest


@answers("POST", STATUS + "/start")
def start(call):
    guest = prepare(call)
    if launch.is_running(call.cluster, guest):
        raise Died(f"CT {guest.vmid} already running")
    work = guarded(call, guest, lambda task: launch.start(task, call.cluster, guest, bool(call.get("debug"))))
    return hand_over(call, guest, "hastart", "started", work) or call.task("vzstart", guest.vmid, work)


@answers("POST", STATUS + "/stop")
def stop(call):
    guest = prepare(call)
    if not launch.is_running(call.cluster, guest):
        raise Died(f"CT {guest.vmid} not running")
    work = guarded(call, guest, lambda task: launch.stop(call.cluster, guest))
    if call.get("overrule-shutdown") and call.cluster.is_managed(guest.vmid):
        raise Failure(400, "Parameter verification failed.", {"overrule-shutdown": "Not applicable for HA resources."})

    def overrule(task):
        if call.get("overrule-shutdown"):
            for other in call.cluster.tasks.running("vzshutdown", guest.vmid):
                task.log(f"overruled vzshutdown tasks: {other.upid}")
                other.abort()
        work(task)

    return hand_over(call, guest, "hastop", "stopped", work) or call.task("vzstop", guest.vmid, overrule)


@answers("POST", STATUS + "/shutdown")
def shutdown(call):
    guest = prepare(call)
    if not launch.is_running(call.cluster, guest):
        raise Died(f"CT {guest.vmid} not running")
    timeout, is_forced = call.get("timeout", SHUTDOWN_SECONDS), bool(call.get("forceStop"))
    work = guarded(call, guest, lambda task: launch.shut_down(task, call.cluster, guest, timeout, is_forced))
    return hand_over(call, guest, "hastop", "stopped", work) or call.task("vzshutdown", guest.vmid, work)


@answers("POST", STATUS + "/reboot")
def reboot(call):
    guest = prepare(call)
    if not launch.is_running(call.cluster, guest):
        raise Died(f"VM {guest.vmid} not running")

    def work(task):
        launch.shut_down(task, call.cluster, guest, call.get("timeout", SHUTDOWN_SECONDS), True)
        launch.start(task, call.cluster, guest)

    return call.task("vzreboot", guest.vmid, guarded(call, guest, work))


@answers("POST", STATUS + "/suspend")
def suspend(call):
    guest = prepare(call)
    if not launch.is_running(call.cluster, guest):
        raise Died(f"CT {guest.vmid} not running")
    return call.task("vzsuspend", guest.vmid,
                     guarded(call, guest, lambda task: launch.of(call.cluster, guest).checkpoint("-s")))


@answers("POST", STATUS + "/resume")
def resume(call):
    guest = prepare(call)
    if launch.is_running(call.cluster, guest):
        raise Died(f"CT {guest.vmid} already running")
    return call.task("vzresume", guest.vmid, lambda task: launch.of(call.cluster, guest).checkpoint("-r"))
