# SPDX-License-Identifier: MIT
"""Rollouts: others take the place of pods, and nobody is without one meanwhile."""

import datetime
import json
import threading

import pytest

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, begin, container, inspect, pod, pods, remove, replicas

pytestmark = pytest.mark.service

GO = {"exec": {"command": ["test", "-e", "/go"]}, "periodSeconds": 1, "timeoutSeconds": 20}


def wanted(box, text, count=2, gate=False, **fields):
    """A deployment whose pods say @text, and with @gate are ready when /go is there."""
    made = replicas("Deployment", "web", count, container(
        box, script=f"echo {text}; exec sleep 1000", **({"readinessProbe": GO} if gate else {})))
    made["spec"].update(fields)
    return made


def strategy(**rolling):
    return {"type": "RollingUpdate", "rollingUpdate": rolling}


def pod_events(engine):
    lines = engine("events", "--since", "10m", "--until", "0s", "--format", "json").ok().lines
    return [row for row in map(json.loads, lines) if row["type"] == "pod"]


def said(engine):
    return {line for id in pods(engine) for line in engine("logs", id).ok().lines}


def test_a_rollout_waits_for_the_new_and_is_held(one, box):
    apply(one, wanted(box, "one")).ok()
    old = set(pods(one))
    child = begin(one, wanted(box, "two", gate=True, strategy=strategy(maxSurge=1, maxUnavailable=0)))
    opened = set()

    def closed():
        return [id for id, row in pods(one).items() if id not in old | opened and row["status"] == "Running"]

    for _ in range(2):
        # One more than wanted, and all of the old that are not replaced.
        new, = await_that(closed, "one more", 60)
        await_that(lambda: len(pods(one)) == 3, "the former goes when the new is there", 60)
        assert sum(row["ready"] for row in pods(one).values()) == 2
        one("rollout", "status", "deploy", "web", "--timeout", "0").fails("Timeout", "former")
        one("exec", f"{new}.app", "touch", "/go").ok()
        opened.add(new)
    assert child.wait(timeout=120) == 0
    assert len(pods(one)) == 2 and not set(pods(one)) & old
    assert "2 of 2" in one("rollout", "status", "deploy", "web").ok().out
    # Held: what is applied is kept, and not made true before it is resumed.
    one("rollout", "pause", "deploy", "web").ok()
    before = set(pods(one))
    apply(one, wanted(box, "three", paused=True)).ok()
    assert set(pods(one)) == before
    one("rollout", "restart", "deploy", "web").fails("InvalidState", "paused")
    one("rollout", "resume", "deploy", "web").ok()
    await_that(lambda: said(one) == {"three"}, "the third", 30)
    before = set(pods(one))
    one("rollout", "restart", "deploy", "web").ok()
    assert len(pods(one)) == 2 and not set(pods(one)) & before
    rows = one("rollout", "history", "deploy", "web").ok().lines
    assert [line.split()[0] for line in rows[1:]] == ["1", "2", "3", "4"]


def test_recreate_ends_all_before_the_first_comes(one, box):
    fields = {"strategy": {"type": "Recreate"}}
    apply(one, wanted(box, "one", **fields)).ok()
    old = set(pods(one))
    apply(one, wanted(box, "two", **fields)).ok()
    told = [(row["event"], row["id"] in old) for row in pod_events(one) if row["event"] in ("create", "delete")]
    assert told == [("create", True)] * 2 + [("delete", True)] * 2 + [("create", False)] * 2


def test_what_does_not_come_forward_is_undone(one, box):
    apply(one, wanted(box, "one", count=1)).ok()
    old = set(pods(one))
    apply(one, wanted(box, "two", count=1, gate=True, progressDeadlineSeconds=2)).fails("Timeout", "progressDeadline")
    assert set(pods(one)) == old
    # It is available only when it has been ready for some time.
    apply(one, wanted(box, "three", count=1, minReadySeconds=2)).ok()
    at = {(row["event"], row["id"]): datetime.datetime.fromisoformat(row["time"][:26]) for row in pod_events(one)}
    assert at["delete", old.pop()] - at["start", next(iter(pods(one)))] >= datetime.timedelta(seconds=2)


def test_bad_numbers_are_refused(one, box):
    for fields, word in [({"strategy": strategy(maxSurge=0, maxUnavailable=0)}, "both be 0"),
                         ({"strategy": strategy(maxSurge="x%")}, "maxSurge"),
                         ({"strategy": {"type": "Sometimes"}}, "Sometimes"),
                         ({"minReadySeconds": 600}, "minReadySeconds")]:
        apply(one, wanted(box, "one", **fields)).fails("InvalidManifest", word)
    assert pods(one) == {}


def test_who_is_ended_is_out_of_its_service_first_and_runs_its_hook(one, box, work):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
               "spec": {"clusterIP": "None", "selector": {"app": "web"}}}
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "touch /hooked; while ! test -e /done; do sleep 0.1; done"]}}}
    made = pod("web", container(box, script="trap 'echo ended; exit 0' TERM; while :; do sleep 0.1; done", lifecycle=hook),
               labels={"app": "web"})
    made["spec"]["terminationGracePeriodSeconds"] = 300
    apply(one, service, made, pod("other", container(box))).ok()

    def answers():
        return one("exec", "other.app", "sh", "-c",
                   "nslookup web.default.svc.cluster.local | grep -c '^Address.*10.213'").out.strip()

    def is_ready():
        known, = one("network", "service", "list", "--format", "json").ok().json()
        return [member["ready"] for member in known["members"]] == [True]

    await_that(lambda: one("exec", "other.app", "sh", "-c", "nslookup other | grep -q ^Name").code == 0,
               "names are answered", 60)
    base = one("exec", "other.app", "sh", "-c", "nslookup none | grep -c '^Address.*10.213'").out.strip()
    await_that(lambda: answers() != base, "the service leads there", 60)
    assert is_ready()
    ending = threading.Thread(target=lambda: one("pod", "stop", "web").ok())
    ending.start()
    await_that(lambda: one("exec", "web.app", "test", "-e", "/hooked").code == 0, "the hook runs", 60)
    await_that(lambda: answers() == base, "the service leads nowhere", 60)
    assert not is_ready() and inspect(one, "web")["status"] == "Running"
    told = {line.split()[1]: line.split()[3] for line in one("get", "pods").ok().lines[1:]}
    assert told == {"other": "Running", "web": "Terminating"}
    assert "ended" not in one("logs", "web").out
    one("exec", "web.app", "touch", "/done").ok()
    ending.join(60)
    assert not ending.is_alive() and one("logs", "web").ok().lines == ["ended"]


def test_who_waits_is_in_nobodys_way(one, box):
    def gated(text, **fields):
        return wanted(box, text, count=1, gate=True, **fields)

    apply(one, wanted(box, "one", count=1)).ok()
    old = set(pods(one))

    def waits(*made):
        child = begin(one, *made)
        await_that(lambda: set(pods(one)) - old - seen and child.poll() is None, "it waits", 60)
        seen.update(pods(one))
        return child

    # Another apply, and then a deletion, are done at once, and end the wait for what was wanted before.
    seen = set()
    first = waits(gated("two"), pod("side", container(box)))
    second = waits(gated("three"))
    assert first.wait(timeout=60) == 1 and first.result(1).fails("InvalidState", "web", "another command")
    remove(one, gated("three")).ok()
    assert second.wait(timeout=60) == 1 and second.result(1).fails("InvalidState", "another command")
    assert set(pods(one)) <= {"side"} and one("get", "deploy", "-o", "name").ok().lines == []
    # What is scaled meanwhile has as many as was said last; the other objects are as they were applied.
    third = waits(gated("four"))
    one("scale", "deploy", "web", "--replicas", "0").ok()
    assert third.wait(timeout=60) == 1 and not set(pods(one)) - {"side"}


def test_an_apply_need_not_wait(one, box):
    apply(one, wanted(box, "one"), flags=["--wait=false"]).ok()
    await_that(lambda: sum(row["ready"] for row in pods(one).values()) == 2, "the service makes them", 60)
    old = set(pods(one))
    apply(one, wanted(box, "two", gate=True), flags=["--wait=false"]).ok()
    new = await_that(lambda: set(pods(one)) - old, "the service goes on", 60)
    one("rollout", "status", "deploy", "web", "--timeout", "0").fails("Timeout")
    for _ in range(2):
        id, = await_that(lambda: [id for id in new if pods(one)[id]["status"] == "Running"], "it runs", 60)
        one("exec", f"{id}.app", "touch", "/go").ok()
        old.add(id)
        new = await_that(lambda: {id for id in pods(one) if id not in old} or
                         one("rollout", "status", "deploy", "web", "--timeout", "0").code == 0, "the next", 60)
        if new is True:
            break
    assert said(one) == {"two"}
