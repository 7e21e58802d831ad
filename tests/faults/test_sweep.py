# SPDX-License-Identifier: MIT
"""Every call to the system that a command makes is killed or fails once: afterwards the container
is as it was before the command or as it is after it, the next commands work, and nothing is left
on the host."""

import os
import pathlib
import shutil
import tempfile

import pytest

from bundle import Bundle
from conftest import LONG
from engine import BACKENDS, IMAGES, Engine, await_that
from host import Unchanged, tree
from images import Image, box_layer, pack
from points import ACTIONS, ERRORS, PROGRAMS, Trace, listed
from scenarios import GONE, SCENARIOS, World

# How often one program may pass one point before the rest counts as more of the same.
HITS_MAX = 3 if LONG else 1

# "3/50": of all cases only the third of each fifty.
SHARE = os.environ.get("LXCRI_FAULT_SHARE", "0/1")


class Sweep:
    """The worlds of all backends, and all moments of all scenarios in them."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lxcri-faults.", dir="/tmp"))
        self.directory.chmod(0o711)
        busybox = shutil.copy(IMAGES / "busybox.static", self.directory / "busybox")
        bundle = Bundle(self.directory / "bundle", busybox, ("sleep", "1000"))
        image = Image([pack(box_layer(busybox).finish())]).oci(self.directory / "box")
        self.worlds = {}
        for backend in BACKENDS:
            (self.directory / backend).mkdir()
            self.worlds[backend] = World(Engine(self.directory / backend, backend), bundle, image)
        self.moments = {}

    def trace(self, backend, scenario):
        """All moments of one scenario, from a run in which nothing fails."""
        world = self.worlds[backend]
        id = world.engine.id("trace")
        scenario.prepare(world, id)
        trace = Trace(self.directory / f"{backend}.{scenario.name}.trace")
        world.engine(*scenario.words(world, id), env=trace.environment).ok()
        self.moments[backend, scenario] = [hit for hit in trace.hits() if hit.number <= HITS_MAX]
        world.engine("delete", "--force", id)

    def all_cases(self):
        """(backend, scenario, hit, action): everything in a long check; else each point of each
        program once, with backends, scenarios and actions in turn."""
        for backend in BACKENDS:
            for scenario in SCENARIOS:
                self.trace(backend, scenario)
        if LONG:
            share, shares = map(int, SHARE.split("/"))
            return [(backend, scenario, hit, action)
                    for (backend, scenario), hits in self.moments.items()
                    for hit in hits for action in ACTIONS][share::shares]
        places = {}
        for (backend, scenario), hits in self.moments.items():
            for hit in hits:
                places.setdefault(hit, []).append((backend, scenario))
        cases = []
        for number, (hit, where) in enumerate(sorted(places.items())):
            backend, scenario = where[number % len(where)]
            cases.append((backend, scenario, hit, ACTIONS[number % len(ACTIONS)]))
        return cases


@pytest.fixture(scope="session")
def sweep(request):
    yield request.config.stash[KEY]
    shutil.rmtree(request.config.stash[KEY].directory)


KEY = pytest.StashKey()


def pytest_generate_tests(metafunc):
    if "fault" not in metafunc.fixturenames:
        return
    sweep = metafunc.config.stash.setdefault(KEY, None) or Sweep()
    metafunc.config.stash[KEY] = sweep
    cases = sweep.all_cases()
    metafunc.parametrize("fault", cases, ids=[f"{backend}-{scenario.name}-{hit}-{action}"
                                              for backend, scenario, hit, action in cases])


def rows(engine):
    """The list once nothing is being created: a child of a killed command may hold its lock until it
    has executed the monitor."""
    def settled():
        found = engine("list", "--format", "json").ok().json()
        return [found] if all(row["status"] != "creating" for row in found) else None

    return await_that(settled, "nothing is being created", 5)[0]


def files(engine):
    """What is in an engine's directories, but for caches and the database's own."""
    kept = ("state.db", "overlay-", "volumes/kept", "images", "layers", "seccomp")
    return {os.path.relpath(path, engine.work) for path in tree(engine.root, engine.data)
            if not any(word in path for word in kept)}


def check_answer(result, id, action):
    """The command was killed, or succeeded, or says in one line what failed."""
    if action not in ERRORS:
        assert result.code in (-9, 0, 1, 125), result
    else:
        assert result.code in (0, 1, 125), result
    if result.code > 0:
        lines = [line for line in result.err.splitlines() if "warning:" not in line]
        assert result.error, f"no error has a name: {result}"
        assert any(id in line or "config.json" in line for line in lines), f"no object is named: {result}"


@pytest.fixture
def world(sweep, fault):
    world = sweep.worlds[fault[0]]
    yield world
    world.engine.remove_all()


def test_a_fault_leaves_what_was_before_or_what_comes_after(world, fault):
    _, scenario, hit, action = fault
    engine = world.engine
    before = files(engine)
    with Unchanged(patience=5):
        id = engine.id()
        scenario.prepare(world, id)
        result = engine(*scenario.words(world, id), env={"LXCRI_FAULT": hit.fault(action)}, timeout=20)
        check_answer(result, id, action)

        listed_ = {row["id"]: row["status"] for row in rows(engine)}
        assert set(listed_) <= {id}, f"{listed_} after {result}"
        status = listed_.get(id, GONE)
        lost = ("stopped",) if action not in ERRORS else ()
        assert status in (*scenario.before, *scenario.after, *lost), f"{status} after {result}"
        if result.code == 0:
            assert status in (*scenario.after, *lost), f"{status} after {result}"
        if scenario.has_data and status != GONE:
            assert world.upper(id).exists(), f"what the container wrote is gone after {result}"
        if scenario.has_data:
            assert world.kept().exists(), f"a volume is gone after {result}"
        if status == "created":
            engine("start", id).ok()
        elif status == "running":
            engine("exec", id, "true").ok()

        deleted = engine("delete", "--force", id)
        assert deleted.code == 0 or deleted.error == "ContainerNotFound", f"{deleted} after {result}"
        engine("state", id).fails("ContainerNotFound")
        assert files(engine) == before, f"after {result}"
