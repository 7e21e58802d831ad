# SPDX-License-Identifier: MIT
"""Every call to the system that a command makes is killed or fails once: afterwards the container
is as it was before the command or as it is after it, the next commands work, and nothing is left
on the host."""

import os

import pytest

from conftest import the_sweep
from engine import await_that
from host import Unchanged, tree
from points import ERRORS, Trace
from scenarios import GONE, RENAMED, renamed

# How long the rest may take; nearly always it is done when the next command has ended.
PATIENCE = 5

# How often a moment may not come, and others at the same place.
TRIES = 5


def pytest_generate_tests(metafunc):
    if "moments" not in metafunc.fixturenames:
        return
    cases = the_sweep(metafunc.config).cases()
    metafunc.parametrize("moments, action", cases, ids=[f"{moments[0]}-{action}" for moments, action in cases])


def await_one_of(world, id, allowed, what):
    """Lists until the container is in one of the states, which it may need a moment for. A child of
    a killed command holds its lock until it has executed the monitor."""
    def settled():
        seen.append(world.status(id))
        return seen[-1] in allowed

    seen = []
    try:
        await_that(settled, "", PATIENCE)
    except AssertionError:
        raise AssertionError(f"{seen[-1]}, which is none of {allowed}, after {what}") from None
    return seen[-1]


def files(engine):
    """What is in an engine's directories, but for caches, the database's own, and a note that only the
    next rename overwrites."""
    kept = ("state.db", "overlay-", "volumes/kept", ".renaming-new", "images", "layers", "seccomp")
    return {os.path.relpath(path, engine.work) for path in tree(engine.root, engine.data)
            if not any(word in path for word in kept)}


def check_answer(result, names, action):
    """The command was killed, or succeeded, or says in one line what failed."""
    killed = (-9, 137) if action not in ERRORS else ()
    assert result.code in (0, 1, 125, 126, *killed), result
    if result.code in (1, 125, 126):
        lines = [line for line in result.err.splitlines() if "warning:" not in line]
        assert result.error, f"no error has a name: {result}"
        assert any(name in line for name in names for line in lines), f"no object is named: {result}"


@pytest.fixture
def worlds(request):
    worlds = the_sweep(request.config).worlds
    yield worlds
    for world in worlds.values():
        world.engine.remove_all()


USE = {"created": lambda id: ("start", id), "running": lambda id: ("exec", id, "true")}


def provoke(world, moment, action, id):
    """Does what the scenario does with the fault in it. Returns the verb's result, and the trace."""
    world.forget()
    trace = Trace(world.engine.work / "trace")  # where the root of a user namespace gets at it
    env = {"LXCRI_FAULT": moment.hit.fault(action), **trace.environment}
    moment.scenario.prepare(world, id, env if moment.early else trace.environment)
    result = world.engine(*moment.scenario.words(world, id), env=env, timeout=20)
    return result, trace


def check(world, scenario, id, result, allowed):
    """Asserts that the container is in one of the states, whole, and can be deleted."""
    engine = world.engine
    status = await_one_of(world, id, allowed, result)
    name = renamed(id) if status == RENAMED else id
    if scenario.has_data and status != GONE:
        assert world.upper(name).exists(), f"what the container wrote is gone after {result}"
    if scenario.has_data:
        assert world.kept().exists(), f"a volume is gone after {result}"
    scenario.verify(world, name, result.code == 0)
    if status in USE:
        used = engine(*USE[status](id))
        # What is ending may have been seen before its end.
        if used.code != 0 and used.error in ("InvalidState", "MonitorLost", "ContainerStartFailed"):
            await_one_of(world, id, {"stopped"} & allowed, used)
        else:
            used.ok()
    deleted = engine("delete", "--force", name)
    assert deleted.code == 0 or deleted.error == "ContainerNotFound", f"{deleted} after {result}"
    engine("state", name).fails("ContainerNotFound")
    scenario.finish(world, name, result.code == 0)


def sweep_moment(world, moment, action):
    """Asserts what holds after a fault, and tells whether it came: what waits for the end of a container
    may have it only when that is deleted."""
    scenario = moment.scenario
    before = files(world.engine)
    with Unchanged(patience=5):
        id = world.engine.id()
        result, trace = provoke(world, moment, action, id)
        check_answer(result, (id, *world.objects()), action)
        # A container ends with its monitor; and with its first process, which the shim is.
        lost = ("stopped",) if action not in ERRORS or moment.hit.program == "shim" else ()
        # What prune cannot look at it names, and leaves.
        left = scenario.name == "prune" and any("warning:" in line and id in line for line in result.err.splitlines())
        done = result.code == 0 and not left
        allowed = scenario.after if done else scenario.before + scenario.after
        check(world, scenario, id, result, {*allowed, *lost})
        assert files(world.engine) == before, f"after {result}"
    return trace.came()


def test_a_fault_leaves_what_was_before_or_what_comes_after(worlds, moments, action, request):
    """What depends on time may not come in the same order each time: it gets some tries, and so does
    another moment at the same place. What does not come without a fault either came by chance once."""
    tried = moments[:TRIES] if len(moments) > 1 else moments * TRIES
    came = any(sweep_moment(worlds[moment.backend], moment, action) for moment in tried)
    comes = [moment for moment in set(tried) if not came and the_sweep(request.config).comes(moment)]
    assert not comes, f"the fault never came: {', '.join(map(str, comes))}"
