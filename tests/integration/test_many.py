# SPDX-License-Identifier: MIT
"""Many containers, and many commands, at once."""

import json
import pathlib
import random

import pytest

from engine import await_that


def test_fifty_containers_at_once(engine, make_bundle):
    """Created, run, listed, stopped and deleted side by side over one engine."""
    bundle = make_bundle("sh", "-c", "trap 'exit 9' TERM; hostname > /tmp/x; while :; do sleep 0.2; done")
    bundle.mount("/tmp", "tmpfs", "tmpfs")
    bundle.save()
    ids = [f"{engine.id()}-{number}" for number in range(50)]
    children = [engine.open("run", "--detach", "--bundle", bundle.path, id) for id in ids]
    for child in children:
        engine.finish(child).ok()
    rows = engine("list", "--format", "json").ok().json()
    assert {row["id"]: row["status"] for row in rows} == {id: "running" for id in ids}
    assert len({row["pid"] for row in rows}) == 50
    engine("stop", *ids).ok()
    assert set(engine("wait", *ids).ok().lines) == {"9"}
    children = [engine.open("delete", id) for id in ids]
    for child in children:
        engine.finish(child).ok()
    assert engine.list() == []


def test_twenty_containers_of_one_image_that_nobody_imported_yet(engine, box):
    """All want the same layer unpacked; it is there once, and whole."""
    children = [engine.open("run", "--rm", "--image", box, engine.id(), "sh", "-c", f"echo {number}; ls /bin | wc -l")
                for number in range(20)]
    counts = set()
    for number, child in enumerate(children):
        lines = engine.finish(child).ok().lines
        assert lines[0] == str(number)
        counts.add(lines[1])
    assert len(counts) == 1
    assert engine.list() == []
    assert len(list((engine.data / "layers").glob("[0-9a-f]*"))) == 1


def test_of_many_creates_of_one_id_one_succeeds(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    for _ in range(5):
        id = engine.id()
        results = [engine.finish(child) for child in
                   [engine.open("create", "--bundle", bundle.path, id) for _ in range(6)]]
        assert sorted(result.code for result in results) == [0, 1, 1, 1, 1, 1], results
        assert {result.error for result in results if result.code} == {"ContainerAlreadyExists"}, results
        assert engine.status(id) == "created"
        engine("delete", id).ok()


# What each of two commands may answer when the other is quicker.
PAIRS = {
    ("start", "start"): {None, "InvalidState"},
    ("start", "kill"): {None, "InvalidState", "ContainerStartFailed"},
    ("start", "delete"): {None, "InvalidState", "ContainerNotFound", "ContainerStartFailed"},
    ("kill", "delete"): {None, "InvalidState", "ContainerNotFound", "ContainerKillFailed", "MonitorLost"},
    ("delete", "delete"): {None, "ContainerNotFound", "InvalidState"},
    ("delete", "state"): {None, "ContainerNotFound"},
    ("start", "state"): {None},
    ("pause", "kill"): {None, "InvalidState", "MonitorLost", "SystemError"},
    ("stop", "delete --force"): {None, "ContainerNotFound", "InvalidState"},
    ("exec", "kill"): {None, "InvalidState", "ExecFailed", "MonitorLost"},
}
ROUNDS = 10  # 10 pairs: 100 races a backend


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_commands_on_one_container(engine, make_bundle, pair):
    bundle = make_bundle("sleep", "1000")
    needs_running = {"pause", "exec", "stop"} & {pair[0]}
    for _ in range(ROUNDS):
        id = engine.id()
        engine("create", "--bundle", bundle.path, id).ok()
        if needs_running:
            engine("start", id).ok()
        words = {"kill": [id, "KILL"], "exec": [id, "true"], "stop": ["--time", "0", id]}
        children = [engine.open(*verb.split(), *words.get(verb, [id])) for verb in pair]
        results = [engine.finish(child, 20) for child in children]
        for result in results:
            assert result.error in PAIRS[pair] or (pair[0] == "exec" and result.code == 137), (id, results)
        if all(result.code for result in results):
            raise AssertionError(f"both failed: {results}")
        state = engine("state", id)
        if state.code == 0:
            assert state.json()["status"] in ("created", "running", "stopped", "paused"), state
            engine("delete", "--force", id).ok()
        else:
            state.fails("ContainerNotFound")
        assert engine.list() == []


def test_a_storm_of_commands_leaves_whole_containers_only(engine, make_bundle):
    """Six names, random verbs on them, six at a time."""
    bundle = make_bundle("sleep", "1000")
    ids = [f"{engine.id()}-{number}" for number in range(6)]
    dice = random.Random(7)
    verbs = [["run", "--detach", "--bundle", bundle.path], ["create", "--bundle", bundle.path], ["start"],
             ["kill"], ["delete"], ["delete", "--force"], ["state"], ["pause"], ["resume"]]
    for _ in range(12):
        children = [engine.open(*dice.choice(verbs), dice.choice(ids)) for _ in range(6)]
        for child in children:
            result = engine.finish(child, 30)
            assert result.code == 0 or result.error in (
                "ContainerNotFound", "ContainerAlreadyExists", "InvalidState", "NotPaused",
                "AlreadyPaused", "ContainerStartFailed", "ContainerKillFailed", "MonitorLost"), result
    for row in engine("list", "--format", "json").ok().json():
        assert row["status"] in ("created", "running", "paused", "stopped"), row
        if row["status"] != "stopped":
            await_that(pathlib.Path(f"/proc/{row['pid']}").exists, json.dumps(row))
        engine("delete", "--force", row["id"]).ok()
    assert engine.list() == []
