# SPDX-License-Identifier: MIT
"""A host on which everything is in use has nothing wrong: system check finds nothing, and mends nothing away."""

from pods import *  # noqa: F401,F403
from pods import apply, container, data, namespaces, pod, replicas
from test_system_check import check

BACKENDS = ("crun", "runc", "lxc")


def service(name, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}], **spec}}


def workloads(box):
    volumes = [{"name": "memory", "emptyDir": {"medium": "Memory"}}, {"name": "scratch", "emptyDir": {}},
               {"name": "config", "configMap": {"name": "config"}}, {"name": "secret", "secret": {"secretName": "secret"}}]
    mounts = [{"name": volume["name"], "mountPath": f"/mnt/{volume['name']}"} for volume in volumes]
    database = replicas("StatefulSet", "db", 2, container(box, volumeMounts=[
        {"name": "data", "mountPath": "/data", "subPath": "below"}]), claims=["data"])
    database["spec"]["serviceName"] = "db"
    return [
        data("ConfigMap", "config", a="1"), data("Secret", "secret", b="2"), service("web"),
        service("db", clusterIP="None"), database, pod("host", container(box), hostNetwork=True),
        replicas("Deployment", "web", 2, container(box, volumeMounts=mounts, readinessProbe={
            "exec": {"command": ["true"]}, "periodSeconds": 1}), container(box, "log"), volumes=volumes,
                 initContainers=[container(box, "first", "exit 0")])]


def containers(engine, box, work):
    """One of each kind; returns those that run."""
    (work / "dir").mkdir(exist_ok=True)
    name = engine.backend
    engine("create", "--image", box, f"{name}-created", "true").ok()
    engine("run", "--image", box, f"{name}-ended", "true").ok()
    engine("run", "--detach", "--network", "own", "--publish", "127.0.0.1::80", "--volume", f"named-{name}:/v",
           "--volume", f"{work / 'dir'}:/d", "--tmpfs", "/t", "--init", "--restart", "always", "--health-cmd", "true",
           "--memory", "64m", "--image", box, f"{name}-running", "sleep", "1000").ok()
    engine("run", "--detach", "--privileged", "--image", box, f"{name}-privileged", "sleep", "1000").ok()
    engine("run", "--detach", "--image", box, f"{name}-paused", "sleep", "1000").ok()
    engine("pause", f"{name}-paused").ok()
    return [f"{name}-running", f"{name}-privileged"]


def test_a_host_in_use_has_nothing_wrong_and_a_repair_takes_nothing_away(one, box, work):
    one("network", "create", "own").ok()
    apply(one, *workloads(box)).ok()
    running = []
    for backend in BACKENDS:
        one.backend = backend
        running += containers(one, box, work)
    one("image", "prepare", box).ok()
    running += [line for line in one.list() if line.endswith((".app", ".log"))]
    assert len(running) == 6 + 2 + 1 + 4

    def states():
        return {id: (one.status(id), namespaces(one, id)) for id in running}

    def seen(id):
        """What a process has in sight: each mount's root and place."""
        return [line.split()[3:5] for line in one("exec", id, "cat", "/proc/self/mountinfo").ok().lines]

    before, mounts = states(), {id: seen(id) for id in running}
    with open("/proc/self/mountinfo", encoding="ascii") as file:
        host = [line.split()[3:5] for line in file]
    assert check(one) == []
    assert check(one, "--repair") == []
    one("system", "prune", "--force").ok()
    with open("/proc/self/mountinfo", encoding="ascii") as file:
        assert [line.split()[3:5] for line in file] == host
    assert states() == before and {id: seen(id) for id in running} == mounts
