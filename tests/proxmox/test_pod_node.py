# SPDX-License-Identifier: MIT
"""Pods as CTs of the node that the engine itself runs on: files of manifests, programs that are run in them, their output."""

import os
import pathlib

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import pid_of
from engine import await_that
from pods import apply, container, data, pod, pods, replicas, stream
from test_pods import ANNOTATION, CLASS, guest_of, own_words  # noqa: F401

FAKE = pathlib.Path(__file__).resolve().parent / "fake"
DEADLINE = 60


@pytest.fixture
def node(engine, pve, monkeypatch):
    """The engine on the node pve1, where pvesh is."""
    engine.configure(local_node="pve1", node=None, lxc_directory=str(pve.cluster.host.lxcpath))
    environment = engine.environment
    engine.environment = lambda extra=None: environment({"PATH": f"{FAKE}:{os.environ['PATH']}",
                                                         "FAKE_PVE": f"{pve.url} {pve.ca}", **(extra or {})})
    return engine


def test_files_of_manifests_and_directories_are_mounted(node, pve, box):
    mounts = [{"name": "config", "mountPath": "/etc/app"}, {"name": "secret", "mountPath": "/keys"},
              {"name": "scratch", "mountPath": "/scratch"}, {"name": "memory", "mountPath": "/memory"},
              {"name": "host", "mountPath": "/host", "readOnly": True}, {"name": "about", "mountPath": "/about"}]
    shared = node.work / "shared"
    shared.mkdir(mode=0o755)
    (shared / "file").write_text("of the node")
    volumes = [{"name": "config", "configMap": {"name": "settings"}},
               {"name": "secret", "secret": {"secretName": "keys", "defaultMode": 0o400}},
               {"name": "scratch", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
               {"name": "host", "hostPath": {"path": str(shared)}},
               {"name": "about", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}}]
    one = pod("web", container(box, script="echo out; echo err >&2; exec sleep 1000", volumeMounts=mounts,
                               envFrom=[{"configMapRef": {"name": "settings"}}]), volumes=volumes, **CLASS)
    apply(node, data("ConfigMap", "settings", COLOUR="blue"), data("Secret", "keys", key="hidden"), one).ok()

    def says(*words):
        return node("exec", "web", "--", *words).ok().lines

    assert says("sh", "-c", "cat /etc/app/COLOUR; echo; cat /keys/key; echo; cat /host/file; echo; cat /about/name; echo; echo $COLOUR") == [
        "blue", "hidden", "of the node", "web", "blue"]
    assert says("sh", "-c", "echo x > /scratch/x && echo y > /memory/y && ls /scratch /memory; stat -c %a /keys/key /scratch") == [
        "/memory:", "y", "", "/scratch:", "x", "400", "777"]
    for path in ("/etc/app/new", "/keys/new", "/host/new"):
        node("exec", "web", "--", "touch", path).exits(1)
    said = node("logs", "web").ok()
    assert (said.out, said.err) == ("out\n", "err\n")
    # What is in memory is gone with a stop; what is on a disk is the pod's.
    node("pod", "stop", "web").ok()
    node("pod", "start", "web").ok()
    assert says("sh", "-c", "ls /scratch /memory") == ["/memory:", "", "/scratch:", "x"]
    node("pod", "delete", "--force", "web").ok()
    assert not pve.cluster.guests


def test_who_is_not_root_writes_to_its_directories(node, box):
    one = pod("web", container(box, volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}]), **CLASS,
              volumes=[{"name": "scratch", "emptyDir": {}}], securityContext={"runAsUser": 1000})
    apply(node, one).ok()
    assert node("exec", "web", "--", "sh", "-c", "id -u; echo x > /scratch/x; cat /scratch/x").ok().lines == ["1000", "x"]


def test_what_is_asked_by_commands_and_how_it_ends(node, pve, box):
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo stopping > /kept/said"]}}}
    probe = {"exec": {"command": ["test", "-e", "/go"]}, "periodSeconds": 1, "timeoutSeconds": 30}
    one = pod("web", container(box, readinessProbe=probe, lifecycle=hook,
                               volumeMounts=[{"name": "kept", "mountPath": "/kept"}]), **CLASS, terminationGracePeriodSeconds=20,
              volumes=[{"name": "kept", "emptyDir": {}}])
    job = pod("job", container(box, script="test -e /again && exec sleep 1000; touch /again; exit 3"), restartPolicy="OnFailure", **CLASS)
    done = pod("done", container(box, script="exit 5"), restartPolicy="Never", **CLASS)
    node.service_lock.close()
    with node.service():
        apply(node, one, job, done).ok()
        assert pods(node)["web"]["ready"] == 0
        node("exec", "web", "--", "touch", "/go").ok()
        await_that(lambda: pods(node)["web"]["ready"] == 1, "it is ready", DEADLINE)
        await_that(lambda: pods(node)["job"]["restarts"] == 1 and pods(node)["job"]["status"] == "Running", "started again", DEADLINE)
        await_that(lambda: pods(node)["done"]["status"] == "Stopped", "it has ended", DEADLINE)
        assert "exit code: 5" in node("describe", "pod", "done").ok().out
        node("pod", "stop", "web").ok()
        node("pod", "start", "web").ok()
        assert node("exec", "web", "--", "cat", "/kept/said").ok().lines == ["stopping"]


def test_claims_lead_to_the_node_that_they_are_on(node, pve, box):
    """Without a node that is named, a pod follows its volumes."""
    one = replicas("StatefulSet", "db", 1, container(box, volumeMounts=[{"name": "data", "mountPath": "/data"}]), claims=["data"], **CLASS)
    one["spec"]["template"]["metadata"]["annotations"] = {ANNOTATION + "node": "pve2"}
    apply(node, one).ok()
    assert guest_of(node, pve, "db-0").node == "pve2"
    del one["spec"]["template"]["metadata"]["annotations"]
    apply(node, one).ok()
    assert guest_of(node, pve, "db-0").node == "pve2" and pid_of(pve, guest_of(node, pve, "db-0"))
    node("delete", "--volumes", "-f", "-", input=stream(one)).ok()
    assert not pve.cluster.guests


def test_what_is_executed_has_no_more_rights_than_the_program(node, box):
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "CHOWN"]}}
    apply(node, pod("bound", container(box, securityContext=security), **CLASS), pod("free", container(box), **CLASS)).ok()

    def rights(name, *flags):
        lines = node("exec", *flags, name, "--", "cat", "/proc/self/status").ok().lines
        return {key: int(value, 16) for key, value in (line.split(":\t", 1) for line in lines if line.startswith(("Cap", "NoNew")))}

    few = 1 << 10 | 1 << 0
    bound, free = rights("bound"), rights("free")
    assert bound["CapBnd"] == bound["CapEff"] == few and bound["NoNewPrivs"] == 1
    assert rights("bound", "--user", "1000") == {**bound, "CapEff": 0, "CapPrm": 0}
    assert free["CapEff"] & few == few and free["CapEff"] != few and free["NoNewPrivs"] == 0


def test_what_fails_is_told_once(node, pve, box):
    apply(node, pod("web", container(box), **CLASS)).ok()
    node("pod", "stop", "web").ok()
    for words, said in ((("exec", "web.app", "true"), "exec in web.app: it is stopped"),
                        (("pause", "web.app"), "pause web.app: it is stopped")):
        assert said in node(*words).err
    node("pod", "start", "web").ok()
    node.configure(local_node="none")
    for words, said in ((("exec", "web.app", "true"), "exec in web.app: the API"), (("pause", "web.app"), "pause web.app: the API"),
                        (("resume", "web.app"), "resume web.app: the API"), (("logs", "web.app"), "logs web.app: the API"),
                        (("kill", "-s", "HUP", "web.app"), "kill web.app: the API")):
        err = node(*words).err
        assert said in err and err.count("web.app") == 1, err
