# SPDX-License-Identifier: MIT
"""Every call to the system that a command makes is killed or fails once: afterwards the container
is as it was before the command or as it is after it, the next commands work, and nothing is left
on the host."""

import os

import pytest

from conftest import the_sweep
from engine import await_that
from host import Unchanged, tree
from points import ERRORS, PROGRAMS, Trace, listed
from scenarios import GONE

# How long the rest may take; nearly always it is done when the next command has ended.
PATIENCE = 5

# What the verbs get to without anything going wrong, each with a place before and one after the call.
POINTS_MIN = 200


def pytest_generate_tests(metafunc):
    if "moment" not in metafunc.fixturenames:
        return
    cases = the_sweep(metafunc.config).cases()
    metafunc.parametrize("moment, action", cases, ids=[f"{moment}-{action}" for moment, action in cases])


def await_one_of(engine, id, allowed, what):
    """Lists until the container is in one of the states, which it may need a moment for. A child of
    a killed command holds its lock until it has executed the monitor."""
    def settled():
        found = {row["id"]: row["status"] for row in engine("list", "--format", "json").ok().json()}
        seen.append(found)
        return set(found) <= {id} and found.get(id, GONE) in allowed and [found.get(id, GONE)]

    seen = []
    try:
        return await_that(settled, "", PATIENCE)[0]
    except AssertionError:
        raise AssertionError(f"{seen[-1]}, which is none of {allowed}, after {what}") from None


def files(engine):
    """What is in an engine's directories, but for caches and the database's own."""
    kept = ("state.db", "overlay-", "volumes/kept", "images", "layers", "seccomp")
    return {os.path.relpath(path, engine.work) for path in tree(engine.root, engine.data)
            if not any(word in path for word in kept)}


def check_answer(result, id, action):
    """The command was killed, or succeeded, or says in one line what failed."""
    killed = (-9, 137) if action not in ERRORS else ()
    assert result.code in (0, 1, 125, 126, *killed), result
    if result.code in (1, 125, 126):
        lines = [line for line in result.err.splitlines() if "warning:" not in line]
        assert result.error, f"no error has a name: {result}"
        assert any(id in line or "config.json" in line for line in lines), f"no object is named: {result}"


@pytest.fixture
def world(request, moment):
    world = the_sweep(request.config).worlds[moment.backend]
    yield world
    world.engine.remove_all()


USE = {"created": lambda id: ("start", id), "running": lambda id: ("exec", id, "true")}


def provoke(world, moment, action, id, directory):
    """Does what the scenario does with the fault in it. Returns the verb's result, and whether the
    moment came at all: what depends on time may not come in the same order each time."""
    world.forget()
    trace = Trace(directory / "trace")
    env = {"LXCRI_FAULT": moment.hit.fault(action), **trace.environment}
    moment.scenario.prepare(world, id, env if moment.early else trace.environment)
    result = world.engine(*moment.scenario.words(world, id), env=env, timeout=20)
    return result, trace.came()


def check(world, scenario, id, result, allowed):
    """Asserts that the container is in one of the states, whole, and can be deleted."""
    engine = world.engine
    status = await_one_of(engine, id, allowed, result)
    if scenario.has_data and status != GONE:
        assert world.upper(id).exists(), f"what the container wrote is gone after {result}"
    if scenario.has_data:
        assert world.kept().exists(), f"a volume is gone after {result}"
    if status in USE:
        used = engine(*USE[status](id))
        # What is ending may have been seen before its end.
        if used.code != 0 and used.error in ("InvalidState", "MonitorLost", "ContainerStartFailed"):
            await_one_of(engine, id, {"stopped"} & allowed, used)
        else:
            used.ok()
    deleted = engine("delete", "--force", id)
    assert deleted.code == 0 or deleted.error == "ContainerNotFound", f"{deleted} after {result}"
    engine("state", id).fails("ContainerNotFound")


def test_a_fault_leaves_what_was_before_or_what_comes_after(world, moment, action, tmp_path):
    scenario = moment.scenario
    before = files(world.engine)
    with Unchanged(patience=5):
        id = world.engine.id()
        result, came = provoke(world, moment, action, id, tmp_path)
        check_answer(result, id, action)
        # A container ends with its monitor; and with its first process, which the shim is.
        lost = ("stopped",) if action not in ERRORS or moment.hit.program == "lxcri-shim" else ()
        allowed = scenario.after if result.code == 0 else scenario.before + scenario.after
        check(world, scenario, id, result, {*allowed, *lost})
        assert files(world.engine) == before, f"after {result}"
    if not came:
        pytest.skip(f"the moment did not come this time: {moment}")


def test_the_sweep_gets_to_most_of_the_points_that_there_are(request):
    sweep = the_sweep(request.config)
    names = {program: set(listed(program)) for program in PROGRAMS}
    reached = {(moment.hit.program, moment.hit.point) for moment in sweep.moments}
    unknown = {(program, point) for program, point in reached if point not in names[program]}
    assert not unknown
    assert len({point for _, point in reached}) >= POINTS_MIN
    assert {program for program, _ in reached} == set(PROGRAMS) - {"lxcri-worker"}
