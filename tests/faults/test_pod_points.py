# SPDX-License-Identifier: MIT
"""Every call by which a pod is made, stopped and removed is killed or fails once: then there is no pod, or
a whole one, and the host is as before. Of pods that are made side by side the next apply makes all."""

import pytest

from engine import await_that
from nets import *  # noqa: F401,F403
from pods import container, pod, pods, stream
from points import KILLS, Trace
from sweep import LONG

PLACES = ("engine/pod/", "os/network/", "engine/home.c", "engine/database/", "engine/network/", "net/", "os/path.c")
VERBS = {"create": ("pod", "create", "web"), "start": ("pod", "start", "web"), "stop": ("pod", "stop", "--time", "0", "web"),
         "delete": ("pod", "delete", "--force", "web")}


def words(verb, box):
    return (*VERBS[verb], f"app={box}") if verb == "create" else VERBS[verb]


def prepare(engine, verb, box):
    """What comes before the verb."""
    for earlier in {"create": (), "start": ("create",), "stop": ("create", "start"),
                    "delete": ("create", "start")}[verb]:
        engine(*words(earlier, box)).ok()


def held(engine):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return [line for line in file if f"{engine.root}/" in line]


def start_all(engine, world):
    """What is not running is started, and has its network then."""
    for name, row in pods(engine).items():
        if row["status"] != "Running":
            engine("pod", "start", name).ok()
            assert "vethx" in world.host.run("ip", "-br", "link")


def clear(engine):
    """Whoever comes across it finds a whole pod or none, and can remove it."""
    await_that(lambda: all(row["status"] != "creating" for row in
                           engine("list", "--all", "--format", "json").ok().json()), "it has settled")
    found = engine("pod", "list", "--quiet").ok().lines
    for name in found:
        engine("pod", "inspect", name).ok()
        engine("pod", "delete", "--force", name).ok()
    assert engine.list() == [] and held(engine) == [] and not list(engine.data.glob("containers/*"))
    assert not list(engine.root.glob("containers/*/ns"))
    return bool(found)


@pytest.mark.parametrize("verb", VERBS)
def test_a_pod_is_whole_or_there_is_none(one, box, world, verb):
    # No service starts what the test looks at.
    one.keep_service_away()
    prepare(one, verb, box)
    trace = Trace(one.work / "trace")
    one(*words(verb, box), env=trace.environment).ok()
    clear(one)
    moments = sorted({str(hit) for hit in trace.hits()
                      if hit.program == "proxmox-lxcri" and hit.point.startswith(PLACES)})
    assert any("ns_set" in moment for moment in moments) or verb == "start"
    came = 0
    moments = [moment for i, moment in enumerate(moments) if LONG or i % 5 == 0 or "ns_set" in moment]
    for moment in moments:
        for action in (*KILLS, "EIO"):
            prepare(one, verb, box)
            trace = Trace(one.work / "trace")
            done = one(*words(verb, box), env={**trace.environment, "LXCRI_FAULT": f"{moment}:{action}"})
            came += trace.came()
            if verb == "stop":
                start_all(one, world)
            there = clear(one)
            assert there or done.code != 0 or verb == "delete", (moment, action, done)
    assert came > len(moments)
    assert "vethx" not in world.host.run("ip", "-br", "link")


def test_what_is_made_side_by_side_is_gone_on_with(one, box, world):
    one.keep_service_away()
    made = stream(*[pod(name, container(box)) for name in ("web", "other", "third")])

    def apply(verb="apply", **environment):
        return one(verb, "-f", "-", input=made, env=environment)

    trace = Trace(one.work / "trace")
    apply(**trace.environment).ok()
    apply("delete").ok()
    moments = sorted({str(hit) for hit in trace.hits()
                      if hit.program == "proxmox-lxcri" and hit.point.startswith((*PLACES, "engine/workload/"))})
    assert any("crew.c" in moment for moment in moments)
    came = 0
    moments = moments if LONG else moments[::40]
    for moment in moments:
        for action in ("kill", "EIO"):
            trace = Trace(one.work / "trace")
            done = apply(**trace.environment, LXCRI_FAULT=f"{moment}:{action}")
            came += trace.came()
            # Those of a process that was killed, or could not begin, are undone with the others, or are all there.
            if done.code > 0:
                assert pods(one) == {}, (moment, action, done)
            apply().ok()
            assert [row["status"] for row in pods(one).values()] == ["Running"] * 3, (moment, action, done)
            apply("delete").ok()
            clear(one)
    assert came > len(moments)
    assert "vethx" not in world.host.run("ip", "-br", "link")
