# SPDX-License-Identifier: MIT
"""system df counts what is on the disk, system prune gives back what nothing uses."""

import fcntl
import itertools
import json
import os
import pty
import sqlite3
import subprocess
import threading

import pytest

from engine import await_that
from host import tree
from images import Layer

MIB = 1 << 20


def df(engine):
    document = engine("system", "df", "--verbose", "--format", "json").ok().json()
    sums = {one["type"]: one for one in document["sums"]}
    assert list(sums) == ["images", "layers", "containers", "volumes", "logs"]
    for kind, one in sums.items():
        objects = [item for item in document["objects"] if item["type"] == kind]
        assert one["size"] == sum(item["size"] for item in objects)
        assert one["reclaimable"] == sum(item["reclaimable"] for item in objects) <= one["size"]
        assert one["total"] == sum(item["name"] != "" for item in objects)
    return sums, {(item["type"], item["name"]): item for item in document["objects"]}


def prune(engine, *flags):
    document = engine("system", "prune", "--force", "--format", "json", *flags).ok().json()
    assert document["freed"] == sum(one["size"] for one in document["removed"])
    assert document["dryRun"] == ("--dry-run" in flags)
    return {(one["type"], one["name"]) for one in document["removed"]}


def blocks(path):
    """What du says, hard links counted once."""
    out = subprocess.run(["du", "--summarize", "--block-size=1", path], capture_output=True, text=True,
                         check=True).stdout
    return int(out.split()[0])


@pytest.fixture
def big_image(make_image):
    return make_image(Layer().directory("data").add("data/a", os.urandom(2 * MIB))
                      .hardlink("data/b", "data/a"))


def test_df_says_what_du_says(engine, big_image, box):
    assert all(one["size"] == 0 and one["total"] == 0 for one in df(engine)[0].values())
    engine("image", "import", big_image, "mine:1").ok()
    engine("image", "import", big_image, "mine:2").ok()
    engine("image", "import", box, "other:1").ok()
    id, name = engine.id(), "docker.io/library/mine:1"
    engine("run", "--image", "mine:1", "--volume", "kept:/kept", id, "sh", "-c",
           "head -c 1048576 /dev/urandom > /file; head -c 500000 /dev/zero > /kept/file; "
           "truncate -s 1g /sparse; echo said").ok()
    sums, objects = df(engine)
    blobs, layers = engine.data / "images/blobs/sha256", engine.data / "layers"
    assert sums["images"]["size"] == blocks(blobs) - os.stat(blobs).st_blocks * 512
    assert sums["layers"]["size"] == blocks(layers) - os.stat(layers).st_blocks * 512
    home = engine.data / "containers" / id
    log = os.stat(home / "log").st_blocks * 512
    assert objects["logs", id]["size"] == log > 0
    assert objects["containers", id]["size"] == blocks(home) - os.stat(home).st_blocks * 512 - log
    assert MIB <= objects["containers", id]["size"] < 2 * MIB  # the sparse file has no blocks
    assert objects["volumes", "kept"]["size"] == blocks(engine.data / "volumes/kept")
    assert objects["volumes", "kept"]["users"] == 1
    assert objects["images", name]["users"] == 1 and objects["images", name]["reclaimable"] == 0
    # The layer that both images stand on is kept by the one that is used.
    other = objects["images", "docker.io/library/other:1"]
    assert other["users"] == 0 and other["reclaimable"] == other["size"] > 0
    assert sums["layers"]["reclaimable"] == 0
    assert objects["containers", id]["reclaimable"] == objects["containers", id]["size"]
    table = engine("system", "df").ok().out.splitlines()
    assert [line.split()[0] for line in table] == ["TYPE", "images", "layers", "containers",
                                                  "volumes", "logs"]
    engine("delete", id).ok()
    assert objects["images", name]["size"] > 0 and df(engine)[0]["layers"]["reclaimable"] > 2 * MIB


def test_what_df_promises_prune_frees(any_engine, big_image, box):
    any_engine("image", "import", big_image, "mine:1").ok()
    any_engine("image", "import", box, "used:1").ok()
    stopped, live = any_engine.id(), any_engine.id()
    any_engine("run", "--image", "mine:1", "--volume", "gone:/gone", stopped, "sh", "-c",
               "head -c 1000000 /dev/zero > /file").ok()
    any_engine("run", "--detach", "--image", "used:1", "--volume", "kept:/kept", live, "sleep",
               "1000").ok()
    any_engine("delete", stopped).ok()
    sums = df(any_engine)[0]
    promised = sum(one["reclaimable"] for one in sums.values())
    before = sum(one["size"] for one in sums.values())
    document = any_engine("system", "prune", "--force", "--all", "--volumes", "--format",
                          "json").ok().json()
    assert document["freed"] == promised > 2 * MIB
    assert sum(one["size"] for one in df(any_engine)[0].values()) == before - promised
    assert sum(one["reclaimable"] for one in df(any_engine)[0].values()) == 0
    assert any_engine.status(live) == "running"
    assert any_engine("exec", live, "ls", "/kept").ok().out == ""


def test_prune_takes_only_what_nothing_uses(engine, box, big_image, box_start, make_bundle):
    engine("image", "import", box, "mine:1").ok()
    engine("image", "import", big_image, "unused:1").ok()
    live = box_start(image="mine:1")
    paused = box_start(image="mine:1")
    engine("pause", paused).ok()
    created, stopped, bundled = engine.id(), engine.id(), engine.id()
    engine("create", "--image", "mine:1", created, "true").ok()
    engine("run", "--image", "mine:1", stopped, "true").ok()
    engine("run", "--keep", "--bundle", make_bundle("true").path, bundled).ok()
    before = tree(engine.data)
    dry = prune(engine, "--dry-run")
    assert tree(engine.data) == before
    assert prune(engine) == dry == {("containers", stopped)}
    assert set(engine.list()) == {live, paused, created, bundled}
    names = {name for kind, name in prune(engine, "--all", "--dry-run")}
    assert "docker.io/library/unused:1" in names and "docker.io/library/mine:1" not in names
    assert names == {name for kind, name in prune(engine, "--all")}
    assert [one["name"] for one in engine("image", "list", "--format", "json").ok().json()] == \
        ["docker.io/library/mine:1"]
    engine("resume", paused).ok()
    engine("start", created).ok()
    assert engine("exec", live, "echo", "on").ok().out == "on\n"
    assert prune(engine, "--all") <= {("containers", created)}


def test_who_is_to_be_started_again_stays(any_engine, box):
    """As one that ended when the host went down, before the service is there, or between two runs."""
    any_engine.keep_service_away()
    id, stopped, ended = any_engine.id(), any_engine.id(), any_engine.id()
    any_engine("run", "--restart", "always", "--image", box, id, "false").exits(1)
    any_engine("run", "--detach", "--restart", "always", "--image", box, stopped, "sleep", "1000").ok()
    any_engine("stop", "--time", "0", stopped).ok()
    any_engine("run", "--restart", "on-failure", "--image", box, ended, "true").ok()
    assert any_engine.status(id) == "stopped"
    objects = df(any_engine)[1]
    assert [objects["containers", one]["users"] for one in (id, stopped, ended)] == [1, 0, 0]
    assert objects["containers", id]["reclaimable"] == 0 < objects["containers", stopped]["reclaimable"]
    gone = {("containers", stopped), ("containers", ended)}
    assert prune(any_engine, "--dry-run") == gone
    assert prune(any_engine) == gone
    assert any_engine.list() == [id]


def test_volumes_go_only_when_asked_for(any_engine, box):
    id = any_engine.id()
    any_engine("create", "--volume", "kept:/a", "--volume", "/b", "--image", box, id, "true").ok()
    any_engine("create", "--volume", "lost:/a", "--image", box, id + "x", "true").ok()
    any_engine("delete", "--force", id + "x").ok()
    volumes = any_engine.data / "volumes"
    assert prune(any_engine) == set() and (volumes / "lost").exists()
    assert prune(any_engine, "--volumes", "--dry-run") == {("volumes", "lost")}
    assert prune(any_engine, "--volumes") == {("volumes", "lost")}
    assert len([name for name in os.listdir(volumes) if name[0] != "."]) == 2
    any_engine("delete", "--force", id).ok()
    assert prune(any_engine, "--volumes") == {("volumes", "kept")}


def test_a_volume_that_a_bundle_mounts_stays(any_engine, box, make_bundle):
    id = any_engine.id()
    any_engine("run", "--rm", "--volume", "kept:/a", "--image", box, id, "true").ok()
    bundle = make_bundle("sleep", "1000")
    source = any_engine.data / "volumes/kept/_data"
    bundle.spec["mounts"].append({"destination": "/mnt", "type": "bind", "source": str(source),
                                  "options": ["bind"]})
    bundle.save()
    id = any_engine.id()
    any_engine("run", "--detach", "--bundle", bundle.path, id).ok()
    assert prune(any_engine, "--volumes") == set()
    assert df(any_engine)[1]["volumes", "kept"]["users"] == 1
    any_engine("delete", "--force", id).ok()
    assert prune(any_engine, "--volumes") == {("volumes", "kept")}


def test_what_a_container_mounts_is_spared_where_it_is_not_known(any_engine, box):
    id = any_engine.id()
    any_engine("create", "--volume", "kept:/a", "--image", box, id, "true").ok()
    (any_engine.data / "containers" / id / "config.json").rename(any_engine.work / "kept")
    any_engine("system", "prune", "--volumes", "--force").fails("SystemError", id, "volumes must stay")
    assert (any_engine.data / "volumes/kept").exists()
    assert df(any_engine)[0]["volumes"]["reclaimable"] == 0


def test_what_no_image_leads_to_goes(any_engine, box, big_image):
    any_engine("image", "import", big_image, "mine:1").ok()
    any_engine("image", "import", box, "mine:1").ok()  # takes the name over
    removed = prune(any_engine)
    assert {kind for kind, name in removed} == {"images", "layers"}
    assert prune(any_engine) == set()
    id = any_engine.id()
    assert any_engine("run", "--rm", "--image", "mine:1", id, "echo", "hi").ok().out == "hi\n"


def test_prune_asks_on_a_terminal(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--image", box, id, "true").ok()
    any_engine("system", "prune").fails("InvalidArgument", "--force")
    any_engine("system", "prune", "--dry-run").ok()
    for answer, left in (("n\n", [id]), ("\n", [id]), ("y\n", [])):
        master, slave = pty.openpty()
        child = any_engine.open("system", "prune", stdin=slave)
        os.write(master, answer.encode())
        any_engine.finish(child).exits(0 if left == [] else 1)
        os.close(master)
        os.close(slave)
        assert any_engine.list() == left


def test_a_volume_goes_whatever_its_name_and_what_was_left_of_others(any_engine, box):
    id, name = any_engine.id(), "v" * 255
    any_engine("run", "--rm", "--image", box, "--volume", f"{name}:/v", id, "true").ok()
    half = any_engine.data / "volumes" / ".gone-half"
    (half / "_data").mkdir(parents=True)
    assert prune(any_engine, "--volumes", "--dry-run") == {("volumes", name)} and half.exists()
    assert prune(any_engine, "--volumes") == {("volumes", name)}
    assert os.listdir(any_engine.data / "volumes") in ([], [".owned"])


def test_prune_waits_for_a_creation_and_spares_what_it_made(any_engine, box):
    """A creation holds the lock together with others; here it is held in its stead."""
    any_engine("image", "import", box, "mine:1").ok()
    directory = os.open(any_engine.data, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_SH)
    pruning = any_engine.open("system", "prune", "--all", "--volumes", "--force")
    await_that(lambda: any("->" in line and str(pruning.pid) in line.split()
                           for line in open("/proc/locks")), "it waits")
    id = any_engine.id()
    any_engine("create", "--volume", "new:/new", "--image", "mine:1", id, "true").ok()
    os.close(directory)
    any_engine.finish(pruning).ok()
    assert (any_engine.data / "volumes/new").exists()
    any_engine("start", id).ok()
    assert any_engine("wait", id).ok().out == "0\n"


def test_creations_and_prunes_in_a_loop_lose_nothing(any_engine, box):
    ready = threading.Event()
    faults = []

    def prune_all():
        for more in itertools.cycle([["--all"], [], []]):
            if ready.is_set():
                return
            result = any_engine("system", "prune", "--volumes", "--force", *more)
            if result.code != 0:
                faults.append(result)

    thread = threading.Thread(target=prune_all)
    thread.start()
    made = 0
    try:
        for _ in range(30):
            id = any_engine.id()
            any_engine("image", "import", box, "mine:1").ok()
            created = any_engine("create", "--pull", "never", "--volume", f"v{id}:/v", "--image", "mine:1", id, "true")
            if created.code != 0:
                assert created.error == "ImageNotFound", created
                continue
            made += 1
            with sqlite3.connect(any_engine.data / "state.db") as database:
                row = database.execute("SELECT record FROM container WHERE id = ?", (id,)).fetchone()
            database.close()
            assert all(os.path.exists(path) for path in json.loads(row[0])["layers"])
            assert (any_engine.data / f"volumes/v{id}/_data").exists()
            any_engine("delete", "--force", id).ok()
    finally:
        ready.set()
        thread.join()
    assert made > 0 and not faults, faults


@pytest.mark.parametrize("words, expected", [
    ([], "expected check, df, prune or adopt"), (["chekc"], "did you mean check?"),
    (["df", "x"], "df: expected no argument"), (["df", "--force"], "--force belongs to prune"),
    (["check", "--all"], "--all belongs to prune"), (["prune", "--repair"], "belongs to check"),
    (["prune", "-v"], "--verbose belongs to df"), (["df", "--format", "xml"], "xml")])
def test_bad_calls_of_system_are_refused(any_engine, words, expected):
    any_engine("system", *words).fails("InvalidArgument", expected)
    assert not any_engine.data.exists()
