# SPDX-License-Identifier: MIT
"""Pods of one manifest are made and removed side by side, all of them or none, whoever is killed meanwhile."""

import os
import pathlib
import signal
import tempfile

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, container, pod, pods, replicas, stream

COUNT = 3
CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "shared"}, "spec": {}}
VOLUMES = [{"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}}]
MOUNTS = [{"name": "shared", "mountPath": "/shared"}]
NAMES = [f"p{number}" for number in range(COUNT)]


def await_all(word):
    """Says that this pod is there, and waits until all have said so."""
    return (f"touch /shared/{word}-$POD; "
            f"while test $(ls -d /shared/{word}-* | wc -l) -lt {COUNT}; do sleep 0.05; done")


def member(box, name, first, last="exit 0", **fields):
    """A pod that is there once its first container has ended, and whose end is of some work."""
    env = [{"name": "POD", "value": name}]
    app = container(box, script=f"trap '{last}' TERM; while :; do sleep 0.05; done", env=env, volumeMounts=MOUNTS)
    made = pod(name, app, volumes=VOLUMES, **fields)
    made["spec"]["initContainers"] = [container(box, "first", first, env=env, volumeMounts=MOUNTS)]
    made["spec"]["terminationGracePeriodSeconds"] = 60
    return made


def count(engine, pattern):
    return len(list(engine.data.glob(f"volumes/*/_data/{pattern}")))


def children(pid):
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if f"\nPPid:\t{pid}\n" in text and "\nState:\tZ" not in text:
            found.append(int(status.parent.name))
    return found


def start(engine, *objects):
    with tempfile.TemporaryFile() as manifest:
        manifest.write(stream(*objects))
        manifest.seek(0)
        return engine.open("apply", "-f", "-", stdin=manifest)


def test_none_waits_for_another_one(one, box):
    """Each waits for all others as it comes up, and as it goes."""
    last = f"{await_all('going')}; touch /shared/gone-$POD; exit 0"
    objects = [CLAIM, *[member(box, name, await_all("coming"), last) for name in NAMES]]
    done = apply(one, *objects).ok()
    assert done.lines == ["PersistentVolumeClaim/shared created", *[f"Pod/{name} created" for name in NAMES]]
    assert {row["status"] for row in pods(one).values()} == {"Running"}
    assert apply(one, *objects).ok().lines[1:] == [f"Pod/{name} unchanged" for name in NAMES]
    done = one("delete", "-f", "-", input=stream(*objects)).ok()
    assert count(one, "gone-*") == COUNT and pods(one) == {} and one.list() == []
    assert [line.split()[0] for line in done.lines] == [f"Pod/{name}" for name in reversed(NAMES)] + \
        ["PersistentVolumeClaim/shared"]


def test_those_of_a_deployment_are_too(one, box):
    web = replicas("Deployment", "web", COUNT, container(box, volumeMounts=MOUNTS), volumes=VOLUMES)
    web["spec"]["template"]["spec"]["initContainers"] = [
        container(box, "first", "POD=$HOSTNAME; " + await_all("coming"), volumeMounts=MOUNTS)]
    apply(one, CLAIM, web).ok()
    assert len(pods(one)) == COUNT
    one("scale", "deployment", "web", "--replicas", "0").ok()
    assert pods(one) == {}


def test_one_that_fails_is_undone_with_all_others(one, box):
    before = pod("before", container(box), labels={"app": "kept"})
    apply(one, before).ok()
    old = one("pod", "inspect", "before").ok().json()[0]["created"]
    ports = {"ports": [{"containerPort": 80, "hostPort": 7123}]}
    made = [pod(f"p{number}", container(box, **(ports if number in (2, 5) else {}))) for number in range(7)]
    apply(one, before, *made).fails("PortForwardingFailed", "7123")
    assert list(pods(one)) == ["before"] and one.list() == ["before.app"]
    assert one("pod", "inspect", "before").ok().json()[0]["created"] == old
    assert [kept["metadata"]["name"] for kept in one("get", "all", "--output", "json").ok().json()] == ["before"]
    made[5] = pod("p5", container(box))
    apply(one, before, *made).ok()
    assert len(pods(one)) == 8


def test_who_is_killed_leaves_what_the_next_one_goes_on_with(one, box):
    one.keep_service_away()
    first = "touch /shared/waits-$POD; until test -e /shared/go; do sleep 0.05; done"
    objects = [CLAIM, *[member(box, name, first) for name in NAMES]]
    # One of the processes that do the work: it is a failure, and all is undone.
    child = start(one, *objects)
    await_that(lambda: count(one, "waits-*") > 1, "some are being made", 60)
    victim = children(child.pid)[0]
    os.kill(victim, signal.SIGKILL)
    next(one.data.glob("volumes/*/_data")).joinpath("go").touch()
    done = one.finish(child)
    assert done.code != 0 and "was killed" in done.err, done
    assert pods(one) == {} and one.list() == []
    # All of them, with the command.
    for path in one.data.glob("volumes/*/_data/*"):
        path.unlink()
    child = start(one, *objects)
    await_that(lambda: count(one, "waits-*") > 1, "some are being made", 60)
    helpers = children(child.pid)
    child.kill()
    child.wait()
    assert len(helpers) > 1
    await_that(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in helpers), "they go with the command", 60)
    next(one.data.glob("volumes/*/_data")).joinpath("go").touch()
    apply(one, *objects).ok()
    assert {row["status"] for row in pods(one).values()} == {"Running"} and len(pods(one)) == COUNT
    one("delete", "--volumes", "-f", "-", input=stream(*objects)).ok()
    assert one.list() == [] and not list(one.data.glob("containers/*"))
