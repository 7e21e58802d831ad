# SPDX-License-Identifier: MIT
"""What is known of pods and deployments: get, describe, logs and exec as others have them."""

import json
import os
import pty
import re
import subprocess

import pytest

from engine import IMAGES, ROOT, await_that
from pods import *  # noqa: F401,F403
from pods import apply, container, places, pod, pods, remove, replicas

pytestmark = pytest.mark.service


@pytest.fixture
def two(one, box):
    """A pod of two, with one that comes first, and a deployment."""
    apply(one, pod("web", container(box, "a", "echo one; echo two; exec sleep 1000"),
                   container(box, "b", "echo three >&2; exec sleep 1000",
                             livenessProbe={"exec": {"command": ["true"]}, "periodSeconds": 1}),
                   labels={"app": "web"}, initContainers=[container(box, "first", "echo zero")]),
          replicas("Deployment", "many", 2, container(box, script="hostname; exec sleep 1000"))).ok()
    return one


def test_get_shows_pods_however_made_and_what_changes(two):
    rows = [line.split() for line in two("get", "pods").ok().lines]
    assert rows[0] == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row[1:5] for row in rows[1:] if row[1] == "web"] == [["web", "2/2", "Running", "0"]]
    assert len(rows) == 4 and sum(row[1].startswith("many-") for row in rows) == 2
    assert two("get", "pod", "web", "-o", "name").ok().lines == ["Pod/web"]
    assert "Deployment/default/many" in two("get", "pods", "-o", "wide").ok().out
    two("get", "pod", "none").fails("ObjectNotFound", "none")
    two("get", "pods", "-w", "-o", "json").fails("InvalidArgument", "--watch")
    watching = two.open("get", "pods", "--watch", stdout=subprocess.PIPE, text=True)
    for _ in rows:
        watching.stdout.readline()
    two("pod", "stop", "--time", "0", "web").ok()
    line = ""
    while "Stopped" not in line:
        line = watching.stdout.readline()
        assert line, "it ended before"
    assert line.split()[1:4] == ["web", "0/2", "Stopped"]
    watching.kill()


def test_describe_tells_state_conditions_and_events(two):
    said = two("describe", "pod", "web").ok().out
    for words in ("Name:         web", "Status:       Running", "Init containers:\n  first:", "exit code: 0",
                  "Containers:\n  a:", "liveness: exec every 1s", "app: web"):
        assert words in said, words
    lines = [line.split() for line in said.splitlines()]
    assert ["Ready", "True"] in lines and ["Initialized", "True"] in lines
    assert any(line[:1] == ["web.a"] and "start" in line for line in lines)
    said = two("describe", "deploy", "many").ok().out
    assert "replicas: 2" in said and "readyReplicas: 2" in said and "Events:" in said
    apply(two, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"k": "hidden"}}).ok()
    assert "hidden" not in two("describe", "secret", "keys").ok().out
    two("describe", "pod", "none").fails("PodNotFound", "none")


def test_logs_of_several_say_whose_they_are(two):
    await_that(lambda: two("logs", "web", "--all-containers").ok().lines ==
               ["[pod/web/first] zero", "[pod/web/a] one", "[pod/web/a] two", "[pod/web/b] three"], "all", 20)
    assert two("logs", "web", "-c", "b").ok().err == "three\n"
    said = two("logs", "web")
    assert said.ok().lines == ["one", "two"] and "Defaulted" in said.err
    two("logs", "web", "-c", "none").fails("ContainerNotFound", "first, a, b")
    names = sorted(id for id in pods(two) if id.startswith("many"))
    assert two("logs", "deploy/many").ok().lines == [f"[pod/{name}/app] {name}" for name in names]
    assert two("logs", "web", "-c", "a", "--prefix", "--tail", "1").ok().lines == ["[pod/web/a] two"]
    following = two.open("logs", "-f", "deployment/many", stdout=subprocess.PIPE, text=True)
    assert sorted(following.stdout.readline() for _ in names) == [f"[pod/{name}/app] {name}\n" for name in names]
    # Also of those that come later, and of what is started again.
    two("scale", "deploy", "many", "--replicas", "3").ok()
    later, = {id for id in pods(two) if id.startswith("many")} - set(names)
    assert following.stdout.readline() == f"[pod/{later}/app] {later}\n"
    two("pod", "stop", "--time", "0", later).ok()
    two("pod", "start", later).ok()
    assert following.stdout.readline() == f"[pod/{later}/app] {later}\n"
    two("scale", "deploy", "many", "--replicas", "0").ok()
    assert following.stdout.read() == ""
    assert following.wait(timeout=60) == 0


def test_a_terminal_has_colours(two):
    leader, follower = pty.openpty()
    child = two.open("logs", "web", "--all-containers", stdout=follower)
    os.close(follower)
    child.wait(timeout=60)
    assert b"\x1b[36m[pod/web/first] \x1b[0mzero" in os.read(leader, 65536)
    os.close(leader)


def test_exec_finds_the_container_that_is_meant(two, box):
    # Each has a file system of its own.
    two("exec", "web.b", "touch", "/b").ok()
    two("exec", "web", "-c", "b", "--", "test", "-e", "/b").ok()
    two("exec", "-c", "b", "web", "test", "-e", "/b").ok()
    assert two("exec", "web", "--", "test", "-e", "/b").code == 1
    two("exec", "web", "-c", "none", "--", "true").fails("ContainerNotFound", "none", code=125)
    made = pod("other", container(box, "a"), container(box, "b", "touch /b; exec sleep 1000"))
    made["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "b"}
    apply(two, made).ok()
    await_that(lambda: two("exec", "other", "test", "-e", "/b").code == 0, "the one that is named", 20)
    assert json.loads(two("pod", "list", "--format", "json").ok().out)


def test_endpoints_are_where_a_service_leads_to(one, box):
    def service(name, **fields):
        ports = [{"name": "http", "port": 80, "targetPort": "web"}, {"name": "dns", "port": 53, "protocol": "UDP"}]
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"selector": {"app": "web"}, "ports": ports, **fields}}

    gate = {"exec": {"command": ["test", "-e", "/go"]}, "periodSeconds": 1, "timeoutSeconds": 20}
    apply(one, service("plain"), service("all", publishNotReadyAddresses=True), service("bare", clusterIP="None"),
          service("none", selector={"app": "other"}),
          pod("a", container(box, ports=[{"name": "web", "containerPort": 8080}]), labels={"app": "web"}),
          pod("b", container(box, ports=[{"name": "web", "containerPort": 8081}], readinessProbe=gate), labels={"app": "web"})).ok()
    a, b = (places(one, id)["default"]["ip4"].split("/")[0] for id in "ab")

    def rows():
        return {line.split()[1]: line.split()[2] for line in one("get", "ep").ok().lines[1:]}

    def only_four(cell):
        return {each for each in cell.split(",") if not each.startswith("[")}

    seen = await_that(lambda: rows() if only_four(rows()["plain"]) else None, "one is ready", 60)
    assert only_four(seen["plain"]) == {f"{a}:8080", f"{a}:53"} and seen["none"] == "<none>"
    assert only_four(seen["all"]) == {f"{a}:8080", f"{a}:53", f"{b}:8081", f"{b}:53"}
    assert only_four(seen["bare"]) == {f"{a}:80", f"{a}:53"}
    shown = one("get", "endpoints", "plain", "-o", "json").ok().json()
    waiting, = (subset for subset in shown["subsets"] if "notReadyAddresses" in subset)
    assert {"port": 8081, "name": "http", "protocol": "TCP"} in waiting["ports"]
    assert waiting["notReadyAddresses"][0]["targetRef"] == {"kind": "Pod", "name": "b"}
    one("exec", "b.app", "touch", "/go").ok()
    await_that(lambda: f"{b}:8081" in only_four(rows()["plain"]), "both are ready", 60)
    assert "Endpoints/bare" in one("get", "endpoints", "-o", "name").ok().lines
    one("get", "endpoints", "other").fails("ObjectNotFound", "other")


def test_a_service_can_be_a_name_of_something_else(one, box):
    def alias(target):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
                "spec": {"type": "ExternalName", "externalName": target}}

    apply(one, alias("web-a"), pod("web-a", container(box)), pod("web-b", container(box)), pod("client", container(box))).ok()
    a, b = (places(one, id)["default"]["ip4"].split("/")[0] for id in ("web-a", "web-b"))

    def leads_to(address):
        return address in one("exec", "client.app", "sh", "-c", "nslookup db.default.svc.cluster.local").out

    await_that(lambda: leads_to(a), "it leads there", 60)
    # As it is written in programs, by the search domains.
    assert "PING db (" in one("exec", "client.app", "sh", "-c", "ping -c 1 -w 1 db").out
    row = one("get", "svc").ok().lines[1].split()
    assert row[1:5] == ["db", "ExternalName", "-", "web-a"]
    apply(one, alias("web-b.default.cluster.local")).ok()
    await_that(lambda: leads_to(b), "it leads elsewhere", 60)
    remove(one, alias("web-b")).ok()
    await_that(lambda: not leads_to(b), "it leads nowhere", 60)


def test_the_first_pod_of_the_readme_works(one, work, world):
    text = (ROOT / "README.md").read_text()
    manifests = dict(re.findall(r"^cat >(\w+\.yaml) <<'END'$(.*?)^END$", text, re.S | re.M))
    assert sorted(manifests) == ["service.yaml", "web.yaml"]
    for name in ("web.yaml", "service.yaml"):
        (work / name).write_text(manifests[name].replace("image: busybox", f"image: \"oci:{IMAGES}/busybox\""))
        one("apply", "-f", work / name).ok()
    # Of the pod's own port, and of the service's by way of the node.
    assert await_that(lambda: world.host.reads("127.0.0.1", 8081), "it answers").endswith("hello\n")
    assert await_that(lambda: world.lan.reads("192.0.2.1", 30080), "it answers outside").endswith("hello\n")
    assert one("exec", "web.http", "hostname").ok().lines == ["web"]
    rows = [line.split() for line in one("get", "services", "-o", "wide").ok().lines]
    assert "site" in rows[1] and re.search(r"[\d.]+:80\b|[\d.]{7,}", " ".join(rows[1][3:]))
    one("pod", "stop", "--time", "0", "web").ok()  # it does not listen to SIGTERM
    one("delete", "-f", work / "service.yaml", "-f", work / "web.yaml").ok()
    assert pods(one) == {}
