# SPDX-License-Identifier: MIT
"""What is left when a call fails, or the process is killed at it, while datasets are made and destroyed. Of a
build with fault points; the sweep over everything else is in tests/faults."""

import os
import pathlib
import random
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "faults"))

from images import Layer  # noqa: E402
from points import Trace  # noqa: E402
from test_rootfs_drivers import datasets, remains, zfs  # noqa: E402
from test_zfs_images import below, grow_old, place, prepared  # noqa: E402,F401

LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"

# How many moments of each scenario, of those that have to do with datasets.
MOMENTS = 40 if LONG else 6

# Calls of the library first, which change what is on the pool.
FILES = ("os/storage/zfs.c", "image/snapshot/", "image/convert/", "image/prepared/", "image/copy.c", "os/mount.c",
         "os/file.c", "os/process.c")
ACTIONS = ("kill", "kill-after", "EIO", "ENOSPC")


class World:
    def __init__(self, engine, image, place):  # noqa: F811
        self.engine, self.place = engine, place
        engine("image", "import", image, "mine:1").ok()

    def clean(self):
        """Removes all that was made, as a user would; then nothing is there."""
        engine = self.engine
        for id in engine.list():
            engine("delete", "--force", id).ok()
        for name in [name for name in below(self.place) if "@" not in name]:
            if f"{name}@ready" in below(self.place) and not name.startswith("lxcri.new-"):
                zfs("destroy", "-r", f"{self.place}/{name}")
        for entry in prepared(engine):
            for _ in range(entry["references"]):
                engine("image", "release", entry["name"]).ok()
        grow_old(engine)
        engine("system", "prune", "--force").ok()
        assert below(self.place) == [] and set(datasets(engine)) <= {"prepared", *layers(engine)}
        assert [name for name in remains(engine) if "containers" in name] == []
        assert not engine.seen("prepared").exists() or os.listdir(engine.seen("prepared")) == []
        # The layers too, so that they are made again.
        for name in sorted(layers(engine), key=len):
            if "@" not in name:
                zfs("destroy", "-R", f"{engine.dataset}/{name}")


def layers(engine):
    return [name for name in datasets(engine) if name.startswith("layers/")]


def nothing(world, id):
    pass


def created(world, id):
    world.engine("create", "--image", "mine:1", id).ok()


def released(world, id):
    """A prepared dataset that nobody holds, and a container that is gone."""
    name = world.engine("image", "prepare", "--format", "zfs", "mine:1").ok().out.strip()
    world.engine("image", "release", name).ok()
    grow_old(world.engine)


def is_container(world, id):
    if id in world.engine.list():
        world.engine("start", id).ok()
        assert world.engine("exec", id, "cat", "/srv/kept").ok().out == "kept"
        return True
    return False


def is_converted(world, id):
    """A dataset of that name is whole."""
    found = [name for name in below(world.place) if not name.startswith("lxcri.new-")]
    assert found in ([], ["x", "x@ready"])
    return bool(found)


def is_prepared(world, id):
    """What is listed is whole."""
    ready = [entry["name"] for entry in prepared(world.engine)]
    assert all(f"{name}@ready" in zfs("list", "-Ht", "snapshot", "-o", "name") for name in ready)
    return bool(ready)


# What is there before, the command, and who finds out whether it was done.
SCENARIOS = {
    "create": (nothing, lambda world, id: ["create", "--image", "mine:1", id, "sleep", "1000"], is_container),
    "delete": (created, lambda world, id: ["delete", "--force", id], lambda world, id: id not in world.engine.list()),
    "convert": (nothing, lambda world, id: ["image", "convert", "--format", "zfs", "mine:1", f"{world.place}/x"], is_converted),
    "prepare": (nothing, lambda world, id: ["image", "prepare", "--format", "zfs", "mine:1"], is_prepared),
    "gc": (released, lambda world, id: ["image", "gc"], lambda world, id: prepared(world.engine) == []),
}


def moments(world, scenario):
    """The moments to try: all that change a pool, and some of the others."""
    before, words, _ = scenario
    id = world.engine.id()
    before(world, id)
    trace = Trace(world.engine.work / "found")
    world.engine(*words(world, id), env=trace.environment).ok()
    time.sleep(0.2)
    hits = [hit for hit in dict.fromkeys(trace.hits())
            if hit.program in ("proxmox-lxcri", "lxcri-worker") and hit.point.startswith(FILES)]
    world.clean()
    first = [hit for hit in hits if ":lzc_" in hit.point]
    rest = list({hit.point: hit for hit in reversed(hits) if hit not in first}.values())
    chance = random.Random(1)
    return (first + chance.sample(rest, len(rest)))[:MOMENTS]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_fault_leaves_what_was_before_or_what_comes_after(make_placed, make_image, place, name):  # noqa: F811
    image = make_image(Layer().directory("srv").add("srv/gone", b"x").add("srv/kept", b"kept"),
                       Layer().add("srv/.wh.gone").add("srv/new", b"new"))
    world = World(make_placed("zfs"), image, place)
    before, words, is_done = scenario = SCENARIOS[name]
    found = moments(world, scenario)
    assert any(":lzc_" in hit.point for hit in found) and len(found) >= 5
    came = 0
    for number, hit in enumerate(found):
        fault = hit.fault(ACTIONS[number % len(ACTIONS)])
        id = world.engine.id()
        before(world, id)
        trace = Trace(world.engine.work / "trace")
        result = world.engine(*words(world, id), env={"LXCRI_FAULT": fault, **trace.environment})
        print(fault, result.code, result.error, flush=True)
        came += trace.came()
        assert result.code in (0, 1, 125, -9, 137), (fault, result)
        assert result.error or result.code not in (1, 125), (fault, result)
        done = is_done(world, id)
        assert done or result.code != 0, (fault, result)
        # It can be done now.
        if not done:
            world.engine(*words(world, id)).ok()
            assert is_done(world, id), fault
        world.clean()
    assert came >= len(found) - 2
