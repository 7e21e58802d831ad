# SPDX-License-Identifier: MIT
"""What happens to containers and images is recorded as it happens, and can be watched."""

import json
import os
import signal
import subprocess

import jsonschema
import pytest

from engine import ROOT, await_that
from images import Layer


SCHEMA = json.loads((ROOT / "docs/events.schema.json").read_text())


def events(engine, *filters, **options):
    """What is recorded, and as the schema says."""
    words = [word for one in filters for word in ("--filter", one)]
    lines = engine("events", "--follow=false", "--format", "json", *words, **options).ok().lines
    told = [json.loads(line) for line in lines]
    for event in told:
        jsonschema.Draft202012Validator(SCHEMA).validate(event)
    return told


def names(engine, *filters):
    return [event["event"] for event in events(engine, *filters)]


def await_line(child, word):
    """Waits until a running command has printed something."""
    return await_that(lambda: word in child.result("?").out, f"{word!r} is told")


def test_the_life_of_a_container(engine, box_start):
    id = box_start("sh", "-c", "trap 'exit 3' USR1; while true; do sleep 0.05; done")
    engine("pause", id).ok()
    engine("resume", id).ok()
    engine("exec", id, "true").ok()
    engine("kill", id, "USR1").ok()
    assert engine("wait", id).ok().out == "3\n"
    engine("delete", id).ok()
    told = events(engine, f"container={id}")
    assert [event["event"] for event in told] == ["create", "start", "pause", "resume", "exec", "kill",
                                                  "die", "delete"]
    by_name = {event["event"]: event["attributes"] for event in told}
    assert by_name["create"]["runtime"] == engine.backend
    assert by_name["kill"]["signal"] == str(int(signal.SIGUSR1))
    assert by_name["die"]["exitCode"] == "3"
    assert all("box" in attributes["image"] for attributes in by_name.values())
    times = [event["time"] for event in told]
    assert times == sorted(times)


def test_a_stop_and_a_removal_at_the_end(engine, box, box_start):
    id = box_start("sleep", "1000")
    engine("stop", "--time", "0", id).ok()
    assert names(engine, f"container={id}") == ["create", "start", "kill", "die", "stop"]
    id = engine.id()
    engine("run", "--rm", "--image", box, id, "true").ok()
    assert names(engine, f"container={id}") == ["create", "start", "die", "delete"]
    id = engine.id()
    engine("run", "--rm", "--detach", "--image", box, id, "true").ok()
    await_that(lambda: "delete" in names(engine, f"container={id}"), "it is removed")


def test_a_bundle_tells_as_well(engine, start):
    id = start("true")
    engine.await_status(id, "stopped")
    assert names(engine, f"container={id}") == ["create", "start", "die"]


def test_what_failed_did_not_happen(engine, box):
    id = engine.id()
    engine("run", "--image", box, id, "/nowhere", timeout=20)
    assert "start" not in names(engine, f"container={id}")
    id = engine.id()
    engine("create", "--image", "oci:/nowhere:latest", id, "true").exits(125)
    assert names(engine, f"container={id}") == []


def test_a_monitor_that_is_killed_is_told_by_who_finds_it(engine, box_start):
    id = box_start("sleep", "1000")
    found = subprocess.run(["pgrep", "-f", f"lxcri-monitor --id {id} "], capture_output=True, text=True,
                           check=True)
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    engine.await_status(id, "stopped")
    (die,) = events(engine, f"container={id}", "event=die")
    assert (die["attributes"]["exitCode"], die["attributes"]["monitor"]) == ("137", "lost")


def test_images_come_and_go(any_engine, box):
    any_engine("image", "import", box, "one").ok()
    any_engine("image", "remove", "one").ok()
    told = events(any_engine, "type=image")
    assert [event["event"] for event in told] == ["import", "remove"]
    assert told[0]["id"] == told[1]["id"] and "one" in told[0]["id"]
    assert told[0]["attributes"]["digest"].startswith("sha256:")
    assert [event["event"] for event in events(any_engine, f"image={told[0]['id']}")] == ["import", "remove"]


def test_an_image_that_goes_with_all_its_names_is_told_by_each(any_engine, box):
    for name in ("one", "two"):
        any_engine("image", "import", box, name).ok()
    (digest,) = {event["attributes"]["digest"] for event in events(any_engine, "type=image")}
    any_engine("image", "remove", digest).ok()
    told = events(any_engine, "event=remove")
    assert sorted(event["id"].split("/")[-1] for event in told) == ["one:latest", "two:latest"]
    assert {event["attributes"]["digest"] for event in told} == {digest}


def test_another_id_is_told_under_both(any_engine, box):
    old, new = any_engine.id(), any_engine.id("new")
    any_engine("run", "--image", box, old, "true").ok()
    any_engine("rename", old, new).ok()
    (told,) = events(any_engine, "event=rename")
    assert (told["type"], told["id"], told["attributes"]["oldId"]) == ("container", new, old)
    assert "box" in told["attributes"]["image"]
    assert names(any_engine, f"container={old}") == ["create", "start", "die", "rename"]
    assert names(any_engine, f"container={new}") == ["rename"]


def test_what_prune_removes_is_told_and_what_it_would_remove_is_not(any_engine, box, make_image):
    live, stopped = any_engine.id(), any_engine.id()
    any_engine("run", "--detach", "--image", box, live, "sleep", "1000").ok()
    any_engine("run", "--image", box, "--volume", "kept:/kept", stopped, "true").ok()
    before = events(any_engine)
    any_engine("system", "prune", "--all", "--volumes", "--force", "--dry-run").ok()
    assert events(any_engine) == before
    any_engine("image", "import", make_image(Layer().add("file", b"x")), "unused").ok()
    before = events(any_engine)
    any_engine("system", "prune", "--all", "--volumes", "--force").ok()
    told = events(any_engine)[len(before):]
    assert [(event["type"], event["event"]) for event in told] == [
        ("container", "delete"), ("image", "remove"), ("volume", "remove")]
    assert told[0]["id"] == stopped and told[2]["id"] == "kept"
    assert names(any_engine, "volume=kept") == ["remove"]
    any_engine("delete", "--force", live).ok()


def test_a_watcher_sees_it_as_it_happens(engine, box_start):
    engine("list").ok()
    before = box_start("true")
    engine.await_status(before, "stopped")
    watcher = engine.open("events")
    await_that(lambda: os.listdir(f"/proc/{watcher.pid}/fdinfo") and any(
        "inotify" in open(f"/proc/{watcher.pid}/fdinfo/{fd}").read()
        for fd in os.listdir(f"/proc/{watcher.pid}/fdinfo")), "it watches")
    id = box_start("sh", "-c", "exit 7")
    await_line(watcher, f"container die {id}")
    watcher.send_signal(signal.SIGTERM)
    watcher.wait()
    out = watcher.result("?").out
    assert before not in out
    assert f"container create {id} " in out and "exitCode=7" in out


def test_a_watcher_ends_at_its_moment_or_with_its_reader(any_engine):
    assert any_engine("events", "--since", "1h", "--until", "0s", timeout=10).ok().lines == []
    ends = os.pipe()
    with os.fdopen(ends[1], "wb") as output:
        watcher = any_engine.open("events", stdout=output)
    os.close(ends[0])
    watcher.wait(timeout=10)
    any_engine.children.remove(watcher)


def test_time_and_filters_choose(any_engine, box):
    first, second = any_engine.id(), any_engine.id()
    for id in (first, second):
        any_engine("run", "--image", box, id, "true").ok()
    told = events(any_engine)
    assert [event["id"] for event in events(any_engine, "event=die")] == [first, second]
    assert [event["id"] for event in events(any_engine, "event=die", f"container={second}")] == [second]
    assert len(events(any_engine, "event=die", "event=start", f"container={first}")) == 2
    last = told[-1]["time"]
    lines = any_engine("events", "--since", last, "--follow=false").ok().lines
    assert len(lines) == 1 and lines[0].startswith(last)
    assert any_engine("events", "--until", told[0]["time"], "--follow=false").ok().lines[0].startswith(
        told[0]["time"])


@pytest.mark.parametrize("words", [["--filter", "name=x"], ["--since", "soon"], ["--stats"],
                                   ["--interval", "5"], ["--format", "xml"], ["a", "b"]])
def test_a_question_that_makes_no_sense_is_refused(any_engine, words):
    any_engine("events", *words, timeout=10).fails("InvalidArgument")


def test_with_an_id_it_prints_what_runc_prints(engine, box_start):
    id = box_start("sleep", "1000")
    stats = engine("events", "--stats", id).ok().json()
    assert (stats["type"], stats["id"]) == ("stats", id)
    assert stats["data"]["pids"]["current"] >= 1 and stats["data"]["cpu"]["usage"]["total"] > 0
    watcher = engine.open("events", "--interval", "50ms", id)
    await_that(lambda: len(watcher.result("?").lines) >= 3, "it repeats itself")
    engine("stop", "--time", "0", id).ok()
    assert {json.loads(line)["type"] for line in engine.finish(watcher, timeout=10).ok().lines} == {"stats"}
    engine("events", "--stats", id).fails("InvalidState", id)


def test_a_container_that_is_out_of_memory_says_so(engine, box_start):
    id = box_start("sh", "-c", "sleep 0.3; head -c 300000000 /dev/zero | tail", flags=["--memory", "32m"])
    engine("wait", id).ok()
    (oom,) = events(engine, f"container={id}", "event=oom")
    assert int(oom["attributes"]["kills"]) >= 1
