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
    "kill": ["ContainerNotFound", (OK, "stopped"), (OK, "stopped"), (OK, "paused"), "InvalidState"],
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


def bring_to(lx, state, bundle):
    """Returns the id of a container in a state."""
    id = lx.id()
    steps = {"missing": [], "created": ["create"], "running": ["create", "start"],
             "paused": ["create", "start", "pause"], "stopped": ["create", "start", "kill"]}[state]
    for step in steps:
        call(lx, step, id, bundle).ok()
        if step == "kill":
            lx.await_status(id, "stopped")
    return id


def call(lx, verb, id, bundle):
    if verb == "create":
        return lx("create", "--bundle", bundle.path, id)
    if verb == "kill":
        return lx("kill", id, "KILL")
    if verb == "exec":
        return lx("exec", id, "true")
    if verb == "stop":
        return lx("stop", "--time", "0", id)
    return lx(*verb.split(), id)


@pytest.mark.parametrize("verb, state, outcome", CASES,
                         ids=[f"{verb.replace(' ', '')}-{state}" for verb, state, _ in CASES])
def test_a_verb_does_what_its_state_allows(lx, make_bundle, verb, state, outcome):
    bundle = make_bundle("sleep", "1000")
    id = bring_to(lx, state, bundle)
    result = call(lx, verb, id, bundle)
    if isinstance(outcome, str):
        result.fails(outcome, id, code=125 if verb == "exec" else 1)
        if state == "missing":
            lx("state", id).fails("ContainerNotFound", id)
        else:
            assert lx.status(id) == state
        return
    result.ok()
    if outcome[1] is None:
        lx("state", id).fails("ContainerNotFound", id)
        assert id not in lx.list()
    else:
        lx.await_status(id, outcome[1])


def test_create_stops_before_the_user_s_process(lx, make_bundle):
    bundle = make_bundle("sh", "-c", "echo ran > /marker; sleep 1000")
    id = lx.id()
    lx("create", "--bundle", bundle.path, id).ok()
    state = lx.state(id)
    assert state["status"] == "created" and state["id"] == id
    assert pathlib.Path(f"/proc/{state['pid']}").exists()
    assert not (bundle.rootfs / "marker").exists()
    lx("start", id).ok()
    await_that((bundle.rootfs / "marker").exists, "the process ran")
    assert lx.status(id) == "running"


def test_state_is_the_document_of_the_specification(lx, make_bundle):
    bundle = make_bundle("sleep", "1000")
    bundle.spec["annotations"] = {"org.example.key": "value"}
    bundle.save()
    id = lx.id()
    lx("create", "--bundle", bundle.path, id).ok()
    state = lx.state(id)
    assert state["ociVersion"].startswith("1.")
    assert state["bundle"] == str(bundle.path)
    assert state["annotations"]["org.example.key"] == "value"
    lx("start", id).ok()
    command = pathlib.Path(f"/proc/{lx.pid(id)}/cmdline")
    await_that(lambda: command.read_bytes() == b"sleep\x001000\x00", "the pid is the process's")
    lx("kill", id, "KILL").ok()
    lx.await_status(id, "stopped")
    assert lx.state(id).get("pid", 0) == 0


def test_a_process_that_ends_by_itself_is_stopped(lx, start):
    id = start("sh", "-c", "exit 7")
    lx.await_status(id, "stopped")
    assert lx("wait", id).ok().out.strip() == "7"


def test_wait_returns_when_the_container_ends(lx, start):
    id = start("sh", "-c", "sleep 0.3; exit 9")
    assert lx("wait", id).ok().out.strip() == "9"


def test_run_removes_its_container(lx, make_bundle):
    id = lx.id()
    lx("run", "--bundle", make_bundle("true").path, id).ok()
    lx("state", id).fails("ContainerNotFound", id)
    assert lx.list() == []


def test_run_detached_returns_while_the_container_runs(lx, make_bundle):
    id = lx.id()
    lx("run", "--detach", "--bundle", make_bundle("sleep", "1000").path, id).ok()
    assert lx.status(id) == "running"


def test_the_bundle_is_the_current_directory_by_default(lx, make_bundle):
    bundle = make_bundle("echo", "from here")
    result = lx("run", lx.id(), cwd=bundle.path).ok()
    assert result.out == "from here\n"


def test_a_started_container_outlives_its_command(lx, start):
    id = start("sh", "-c", "sleep 0.5; echo alive > /marker; sleep 1000")
    marker = pathlib.Path(lx.state(id)["bundle"]) / "rootfs/marker"
    await_that(marker.exists, "the process goes on")


def test_later_verbs_go_to_the_backend_of_creation(lx, make_engine, start):
    """The route of a name may change; a container does not."""
    id = start()
    other = {"lxc": "runc", "crun": "lxc", "runc": "crun"}[lx.backend]
    lx.backend, own = other, lx.backend
    assert lx.status(id) == "running"
    lx("exec", id, "true").ok()
    assert lx("inspect", id).ok().json()["runtime"] == own
    lx("kill", id, "KILL").ok()
    lx.await_status(id, "stopped")
    lx("delete", id).ok()


def test_the_same_id_can_be_used_again(lx, make_bundle):
    bundle = make_bundle("sh", "-c", "exit 3")
    id = lx.id()
    for _ in range(3):
        lx("create", "--bundle", bundle.path, id).ok()
        lx("start", id).ok()
        lx.await_status(id, "stopped")
        lx("delete", id).ok()


def test_a_program_that_is_not_there_does_not_run(lx, make_bundle):
    id = lx.id()
    lx("run", "--bundle", make_bundle("/no/such/program").path, id).fails(
        "CommandNotFound", "/no/such/program")
    lx("state", id).fails("ContainerNotFound")


def test_a_program_that_cannot_be_executed_does_not_run(lx, make_bundle):
    bundle = make_bundle("/etc/passwd")
    lx("run", "--bundle", bundle.path, lx.id()).fails("CommandNotExecutable", "/etc/passwd")
