# SPDX-License-Identifier: MIT
"""What is done after a container's start and before its end: commands, requests, waits."""

import json

import pytest

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, begin, container, inspect, pod, pods

pytestmark = pytest.mark.service

SERVER = "mkdir /w; echo asked >/w/ask; httpd -f -p 8080 -h /w -vv 2>&1"

ENDS = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def events(engine, name):
    lines = engine("events", "--since", "10m", "--until", "0s", "--format", "json").ok().lines
    return [row for row in map(json.loads, lines) if row["event"] == name]


def get(path, port=8080):
    return {"httpGet": {"port": port, "path": path}}


def test_a_container_is_started_when_its_hook_is_done(lx, box):
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "while ! test -e /go; do sleep 0.1; done; touch /done"]}}}
    made = pod("web", container(box, lifecycle=hook), container(box, "then", script="echo then; exec sleep 1000"))
    waiting = begin(lx, made)
    await_that(lambda: lx("exec", "web.app", "true").code == 0, "it runs", 60)
    # Neither ready, nor is the next one started.
    assert pods(lx)["web"]["ready"] == 0 and lx("exec", "web.then", "true").code != 0
    lx("exec", "web.app", "touch", "/go").ok()
    assert waiting.wait(timeout=60) == 0
    assert lx("exec", "web.app", "test", "-e", "/done").code == 0 and pods(lx)["web"]["ready"] == 2
    assert [row["id"] for row in events(lx, "poststart")] == ["web.app"]


def test_a_hook_that_fails_ends_its_container_which_is_started_again(lx, box):
    # Fails in the first run: a file of the pod says that there was one.
    script = "test -e /pod/again && exit 0; touch /pod/again; exit 3"
    made = pod("web", container(box, lifecycle={"postStart": {"exec": {"command": ["sh", "-c", script]}}},
                                volumeMounts=[{"name": "v", "mountPath": "/pod"}]), volumes=[{"name": "v", "emptyDir": {}}])
    told = apply(lx, made).ok()
    assert "postStart" in told.err and "exit code 3" in told.err
    failed, = events(lx, "poststart_failed")
    assert failed["id"] == "web.app"
    await_that(lambda: pods(lx)["web"]["ready"] and pods(lx)["web"]["restarts"] == 1, "the second run is fine", 60)
    made["metadata"]["name"] = "never"
    made["spec"]["restartPolicy"] = "Never"
    apply(lx, made).ok()
    assert inspect(lx, "never")["status"] == "Stopped" and pods(lx)["never"]["restarts"] == 0


def test_hooks_ask_by_http_and_wait(one, box):
    server = pod("server", container(box, script=SERVER, ports=[{"name": "web", "containerPort": 8080}],
                                     readinessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1}))
    apply(one, server).ok()
    await_that(lambda: pods(one)["server"]["ready"], "it serves", 60)
    address = inspect(one, "server")["networks"][0]["ip4"].split("/")[0]

    def asks(path):
        hook = get(path)
        hook["httpGet"]["host"] = address
        return hook

    hooks = {"postStart": asks("/ask"), "preStop": asks("/end")}
    made = pod("web", container(box, script=ENDS, lifecycle=hooks))
    made["spec"]["terminationGracePeriodSeconds"] = 300
    apply(one, made).ok()
    assert pods(one)["web"]["ready"] and "url:/ask" in one("logs", "server").ok().out
    one("pod", "stop", "web").ok()
    assert "url:/end" in one("logs", "server").ok().out
    assert [row["id"] for row in events(one, "prestop_failed")] == ["web.app"]  # there is no /end
    # One's own address, and nobody is there.
    alone = pod("alone", container(box, lifecycle={"postStart": get("/", port=9)}), restartPolicy="Never")
    apply(one, alone).ok()
    assert "port 9" in str(events(one, "poststart_failed")) and inspect(one, "alone")["status"] == "Stopped"
    waits = pod("waits", container(box, lifecycle={"postStart": {"sleep": {"seconds": 1}}, "preStop": {"sleep": {"seconds": 600}}}))
    waits["spec"]["terminationGracePeriodSeconds"] = 1
    apply(one, waits).ok()
    one("pod", "stop", "waits").ok()  # the grace is all that it gets


def test_hooks_that_are_none_are_refused(one, box):
    for hook, code, word in [({"postStart": {}}, "InvalidManifest", "postStart"),
                             ({"preStop": {"sleep": {"seconds": -1}}}, "InvalidManifest", "sleep"),
                             ({"postStart": {"tcpSocket": {"port": 80}}}, "UnsupportedOperation", "tcpSocket"),
                             ({"preStop": {**get("/"), "sleep": {"seconds": 1}}}, "InvalidManifest", "preStop")]:
        apply(one, pod("web", container(box, lifecycle=hook))).fails(code, word)
    first = pod("web", container(box), initContainers=[container(box, "first", lifecycle={"preStop": get("/")})])
    apply(one, first).fails("InvalidManifest", "init container")
    assert pods(one) == {}
