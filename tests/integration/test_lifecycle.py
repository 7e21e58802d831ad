# SPDX-License-Identifier: MIT
"""Every verb in every state: what it does, or by which name it is refused."""

import pathlib

import pytest

from engine import await_that

OK = None

# verb: for each state the name of the error, or OK and the state that follows (None: it is gone).
STATES = ("missing", "created", "running", "paused", "stopped")
TABLE = {
    "create": [(OK, "created"), "ContainerAlreadyExists", "ContainerAlreadyExists",
               "ContainerAlreadyExists", "ContainerAlreadyExists"],
    "start": ["ContainerNotFound", (OK, "running"), "InvalidState", "InvalidState", "InvalidState"],
    "state": ["ContainerNotFound", (OK, "created"), (OK, "running"), (OK, "paused"), (OK, "stopped")],
    "kill": ["ContainerNotFound", (OK, "stopped"), (OK, "stopped"), (OK, "either"), "InvalidState"],
    "stop": ["ContainerNotFound", (OK, "stopped"), (OK, "stopped"), (OK, "stopped"), (OK, "stopped")],
    "pause": ["ContainerNotFound", "InvalidState", (OK, "paused"), "AlreadyPaused", "InvalidState"],
    "resume": ["ContainerNotFound", "NotPaused", "NotPaused", (OK, "running"), "InvalidState"],
    "exec": ["ContainerNotFound", "InvalidState", (OK, "running"), "InvalidState", "InvalidState"],
    "delete": ["ContainerNotFound", (OK, None), "InvalidState", "InvalidState", (OK, None)],
    "delete --force": ["ContainerNotFound", (OK, None), (OK, None), (OK, None), (OK, None)],
    "wait": ["ContainerNotFound", None, None, None, (OK, "stopped")],
    "inspect": ["ContainerNotFound", (OK, "created"), (OK, "running"), (OK, "paused"), (OK, "stopped")],
}
CASES = [(verb, state, outcome) for verb, outcomes in TABLE.items()
         for state, outcome in zip(STATES, outcomes) if outcome is not None]


def bring_to(engine, state, bundle):
    """Returns the id of a container in a state."""
    id = engine.id()
    steps = {"missing": [], "created": ["create"], "running": ["create", "start"],
             "paused": ["create", "start", "pause"], "stopped": ["create", "start", "kill"]}[state]
    for step in steps:
        call(engine, step, id, bundle).ok()
        if step == "kill":
            engine.await_status(id, "stopped")
    return id


def call(engine, verb, id, bundle):
    if verb == "create":
        return engine("create", "--bundle", bundle.path, id)
    if verb == "kill":
        return engine("kill", id, "KILL")
    if verb == "exec":
        return engine("exec", id, "true")
    if verb == "stop":
        return engine("stop", "--time", "0", id)
    return engine(*verb.split(), id)


@pytest.mark.parametrize("verb, state, outcome", CASES,
                         ids=[f"{verb.replace(' ', '')}-{state}" for verb, state, _ in CASES])
def test_a_verb_does_what_its_state_allows(engine, make_bundle, verb, state, outcome):
    bundle = make_bundle("sleep", "1000")
    id = bring_to(engine, state, bundle)
    result = call(engine, verb, id, bundle)
    if isinstance(outcome, str):
        result.fails(outcome, id, code=125 if verb == "exec" else 1)
        if state == "missing":
            engine("state", id).fails("ContainerNotFound", id)
        else:
            assert engine.status(id) == state
        return
    result.ok()
    if outcome[1] is None:
        engine("state", id).fails("ContainerNotFound", id)
        assert id not in engine.list()
    elif outcome[1] == "either":
        # The first cgroup version keeps even SIGKILL until the container is thawed, on some kernels.
        await_that(lambda: engine.status(id) in ("paused", "stopped"), f"{id} is frozen or dead")
    else:
        engine.await_status(id, outcome[1])


def test_create_stops_before_the_user_s_process(engine, make_bundle):
    bundle = make_bundle("sh", "-c", "echo ran > /marker; sleep 1000")
    id = engine.id()
    engine("create", "--bundle", bundle.path, id).ok()
    state = engine.state(id)
    assert state["status"] == "created" and state["id"] == id
    assert pathlib.Path(f"/proc/{state['pid']}").exists()
    assert not (bundle.rootfs / "marker").exists()
    engine("start", id).ok()
    await_that((bundle.rootfs / "marker").exists, "the process ran")
    assert engine.status(id) == "running"


def test_state_is_the_document_of_the_specification(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    bundle.spec["annotations"] = {"org.example.key": "value"}
    bundle.save()
    id = engine.id()
    engine("create", "--bundle", bundle.path, id).ok()
    state = engine.state(id)
    assert state["ociVersion"].startswith("1.")
    assert state["bundle"] == str(bundle.path)
    assert state["annotations"]["org.example.key"] == "value"
    engine("start", id).ok()
    command = pathlib.Path(f"/proc/{engine.pid(id)}/cmdline")
    await_that(lambda: command.read_bytes() == b"sleep\x001000\x00", "the pid is the process's")
    engine("kill", id, "KILL").ok()
    engine.await_status(id, "stopped")
    assert engine.state(id).get("pid", 0) == 0


def test_a_process_that_ends_by_itself_is_stopped(engine, start):
    id = start("sh", "-c", "exit 7")
    engine.await_status(id, "stopped")
    assert engine("wait", id).ok().out.strip() == "7"


def test_wait_returns_when_the_container_ends(engine, start):
    id = start("sh", "-c", "sleep 0.3; exit 9")
    assert engine("wait", id).ok().out.strip() == "9"


def test_run_removes_its_container(engine, make_bundle):
    id = engine.id()
    engine("run", "--bundle", make_bundle("true").path, id).ok()
    engine("state", id).fails("ContainerNotFound", id)
    assert engine.list() == []


def test_run_detached_returns_while_the_container_runs(engine, make_bundle):
    id = engine.id()
    engine("run", "--detach", "--bundle", make_bundle("sleep", "1000").path, id).ok()
    assert engine.status(id) == "running"


def test_the_bundle_is_the_current_directory_by_default(engine, make_bundle):
    bundle = make_bundle("echo", "from here")
    result = engine("run", engine.id(), cwd=bundle.path).ok()
    assert result.out == "from here\n"


def test_a_started_container_outlives_its_command(engine, start):
    id = start("sh", "-c", "sleep 0.5; echo alive > /marker; sleep 1000")
    marker = pathlib.Path(engine.state(id)["bundle"]) / "rootfs/marker"
    await_that(marker.exists, "the process goes on")


def test_later_verbs_go_to_the_backend_of_creation(engine, make_engine, start):
    """The route of a name may change; a container does not."""
    id = start()
    other = {"lxc": "runc", "crun": "lxc", "runc": "crun"}[engine.backend]
    engine.backend, own = other, engine.backend
    assert engine.status(id) == "running"
    engine("exec", id, "true").ok()
    assert engine("inspect", id).ok().json()["runtime"] == own
    engine("kill", id, "KILL").ok()
    engine.await_status(id, "stopped")
    engine("delete", id).ok()


def test_the_same_id_can_be_used_again(engine, make_bundle):
    bundle = make_bundle("sh", "-c", "exit 3")
    id = engine.id()
    for _ in range(3):
        engine("create", "--bundle", bundle.path, id).ok()
        engine("start", id).ok()
        engine.await_status(id, "stopped")
        engine("delete", id).ok()


def test_a_program_that_is_not_there_does_not_run(engine, make_bundle):
    id = engine.id()
    engine("run", "--bundle", make_bundle("/no/such/program").path, id).fails(
        "CommandNotFound", "/no/such/program")
    engine("state", id).fails("ContainerNotFound")


def test_a_program_that_cannot_be_executed_does_not_run(engine, make_bundle):
    bundle = make_bundle("/etc/passwd")
    engine("run", "--bundle", bundle.path, engine.id()).fails("CommandNotExecutable", "/etc/passwd")
