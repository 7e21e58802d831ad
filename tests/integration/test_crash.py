# SPDX-License-Identifier: MIT
"""kill -9 at any moment: afterwards each container is whole or gone, and nothing is left over."""

import fcntl
import os
import pathlib
import signal
import threading
import time

import pytest

from engine import await_that
from host import Unchanged, tree

TRIES = 60
SPAN = 0.040  # seconds over which the moments of the kill are spread


def kill_after(child, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and child.poll() is None:
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()


def settled(engine):
    """The rows of a list. A child of a killed command may hold its lock for a moment: until it has
    executed the monitor."""
    def rows():
        found = engine("list", "--format", "json").ok().json()
        return [found] if all(row["status"] != "creating" for row in found) else None

    return await_that(rows, "nothing is being created", 2)[0]


def check(engine, id, bundle):
    """Whatever is left of @id is a container that works, or nothing. Returns its status."""
    listed = {row["id"]: row for row in settled(engine)}
    assert set(listed) <= {id}, listed
    if not listed:
        engine("state", id).fails("ContainerNotFound")
        assert not (engine.root / "containers" / id).exists()
        engine("create", "--bundle", bundle.path, id).ok()  # the name is free
        engine("delete", id).ok()
        return "gone"
    status = listed[id]["status"]
    if status == "created":
        started = engine("start", id)
        # The killed command had asked for it already, and the monitor does it only now.
        assert started.code == 0 or started.error == "InvalidState", started
        status = engine.status(id)
        assert status == "running"
        engine("delete", "--force", id).ok()
        return "created"
    if status == "running":
        engine("exec", id, "true").ok()
    engine("delete", "--force", id).ok()
    return status


@pytest.mark.parametrize("verb", ["create", "run"])
def test_the_command_is_killed_while_it_makes_a_container(engine, make_bundle, verb):
    bundle = make_bundle("sleep", "1000")
    engine("list").ok()
    found = {}
    with Unchanged(patience=10):
        for number in range(TRIES):
            id = engine.id()
            words = ["--detach"] if verb == "run" else []
            child = engine.open(verb, *words, "--bundle", bundle.path, id)
            kill_after(child, SPAN * number / TRIES)
            engine.children.remove(child)
            status = check(engine, id, bundle)
            found[status] = found.get(status, 0) + 1
    assert found.get("gone", 0) >= 5, found
    assert engine.list() == [] and not any((engine.root / "containers").iterdir())


def test_the_command_is_killed_while_it_runs_an_image(engine, box):
    engine("image", "import", box, "mine:1").ok()
    engine("list").ok()
    with Unchanged(patience=10):
        for number in range(TRIES):
            id = engine.id()
            child = engine.open("run", "--detach", "--image", "mine:1", id, "sleep", "1000")
            kill_after(child, 1.5 * SPAN * number / TRIES)
            engine.children.remove(child)
            rows = settled(engine)
            assert [row["id"] for row in rows] in ([], [id])
            if rows:
                assert rows[0]["status"] in ("created", "running")
                engine("delete", "--force", id).ok()
            assert not (engine.data / "containers" / id).exists()
    engine("image", "remove", "mine:1").ok()
    assert not list((engine.data / "layers").glob("[0-9a-f]*"))


def test_the_command_is_killed_while_it_starts(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    for number in range(TRIES):
        id = engine.id()
        engine("create", "--bundle", bundle.path, id).ok()
        child = engine.open("start", id)
        kill_after(child, 0.2 * SPAN * number / TRIES)
        engine.children.remove(child)
        assert engine.status(id) in ("created", "running")
        engine("delete", "--force", id).ok()
    assert engine.list() == []


def test_the_command_is_killed_while_it_deletes(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    with Unchanged(patience=10):
        for number in range(TRIES // 2):
            id = engine.id()
            engine("run", "--detach", "--bundle", bundle.path, id).ok()
            child = engine.open("delete", "--force", id)
            kill_after(child, SPAN * number / TRIES)
            engine.children.remove(child)
            state = engine("state", id)
            if state.code == 0:
                assert state.json()["status"] in ("running", "stopped")
                engine("delete", "--force", id).ok()
            else:
                state.fails("ContainerNotFound")
    assert engine.list() == []


def test_an_import_is_killed_and_nothing_half_made_counts(engine, box):
    for number in range(20):
        child = engine.open("image", "import", box, "mine:1", start_new_session=True)
        time.sleep(0.15 * number / 20)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        engine.children.remove(child)
    engine("image", "import", box, "mine:1").ok()
    assert engine("run", "--rm", "--image", "mine:1", engine.id(), "echo", "whole").ok().out == "whole\n"
    engine("image", "remove", "mine:1").ok()
    left = [path for path in tree(engine.data / "images/blobs", engine.data / "layers")
            if not path.endswith(("sha256", ".lock"))]
    assert left == []


def parents(pid):
    """The monitor of a container and what stands between the two: our own ancestors of its init."""
    found = []
    while True:
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        if pid == 1 or b"lxcri" not in command or b"pytest" in command:
            return found
        found.append(pid)


@pytest.mark.parametrize("state", ["created", "running", "paused"])
@pytest.mark.parametrize("which", [0, -1], ids=["nearest", "outermost"])
def test_a_container_ends_with_its_monitor(engine, make_bundle, state, which):
    bundle = make_bundle("sh", "-c", "sleep 1000 & sleep 1000")
    engine("list").ok()
    with Unchanged(patience=10):
        id = engine.id()
        engine("create", "--bundle", bundle.path, id).ok()
        if state != "created":
            engine("start", id).ok()
        if state == "paused":
            engine("pause", id).ok()
        pid = engine.pid(id)
        os.kill(parents(pid)[which], signal.SIGKILL)
        engine.await_status(id, "stopped")
        found = engine("inspect", id).ok().json()
        assert found["exitCode"] == 137
        await_that(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "its process is gone")
        assert engine("wait", id).ok().out == "137\n"
        engine("delete", id).ok()


def test_who_comes_while_what_stands_between_is_still_dying_thaws_first(make_engine, make_bundle):
    """liblxc's process has the frozen container below it: all of them are ended at once."""
    engine = make_engine("lxc")
    bundle = make_bundle("sh", "-c", "sleep 1000 & sleep 1000")
    engine("list").ok()
    for _ in range(30):
        id = engine.id()
        engine("run", "--detach", "--bundle", bundle.path, id).ok()
        engine("pause", id).ok()
        os.kill(parents(engine.pid(id))[-1], signal.SIGKILL)
        engine.await_status(id, "stopped")
        engine("delete", id).ok()


@pytest.mark.parametrize("state", ["created", "running"])
def test_a_container_does_not_outlive_its_monitor(engine, make_bundle, state):
    """Also when no command comes any more."""
    bundle = make_bundle("sh", "-c", "sleep 1000 & sleep 1000")
    with Unchanged(patience=10):
        id = engine.id()
        engine("create", "--bundle", bundle.path, id).ok()
        if state != "created":
            engine("start", id).ok()
        pid = engine.pid(id)
        os.kill(parents(pid)[-1], signal.SIGKILL)
        await_that(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "its process is gone")
        engine.await_status(id, "stopped")
        assert engine("inspect", id).ok().json()["monitorLost"] is True
        engine("delete", id).ok()


@pytest.mark.parametrize("backend", ["crun", "runc"])
def test_a_process_that_changes_its_user_does_not_outlive_its_monitor_either(make_engine, box, backend):
    """Such a change takes a parent-death signal back, which is what liblxc relies on."""
    engine = make_engine(backend)
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "/bin/busybox", "su", "app", "-s", "/bin/sh", "-c", "exec sleep 1000").ok()
    pid = engine.pid(id)
    await_that(lambda: b"busybox" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes(), "it has changed")
    os.kill(parents(pid)[-1], signal.SIGKILL)
    await_that(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "its process is gone")


def test_a_container_from_an_image_starts_again_after_its_monitor_was_killed(engine, box_start):
    id = box_start("sh", "-c", "echo run >> /count; cat /count; sleep 1000")
    await_that(lambda: engine("logs", id).lines == ["run"], "it ran")
    os.kill(parents(engine.pid(id))[-1], signal.SIGKILL)
    engine.await_status(id, "stopped")
    assert engine("inspect", id).ok().json()["monitorLost"] is True
    engine("start", id).ok()
    await_that(lambda: engine("logs", id).lines == ["run", "run", "run"], "it ran again")


def test_the_first_process_is_killed_from_outside(engine, box_start):
    id = box_start("sh", "-c", "sleep 1000 & sleep 1000")
    os.kill(engine.pid(id), signal.SIGKILL)
    engine.await_status(id, "stopped")
    assert engine("wait", id).ok().out == "137\n"
    assert engine("inspect", id).ok().json()["monitorLost"] is False


def test_a_reboot_leaves_containers_of_images_stopped(engine, box_start):
    """Run-time state is gone, data is not."""
    id = box_start("sh", "-c", "echo run >> /count; cat /count; sleep 1000")
    await_that(lambda: engine("logs", id).lines == ["run"], "it ran")
    os.kill(parents(engine.pid(id))[-1], signal.SIGKILL)
    engine.await_status(id, "stopped")
    directory = engine.root / "containers" / id
    for path in sorted(directory.rglob("*"), reverse=True):
        path.unlink() if not path.is_dir() else path.rmdir()
    directory.rmdir()
    assert engine.status(id) == "stopped"
    engine("start", id).ok()
    await_that(lambda: len(engine("logs", id).lines) == 3, "it ran again")


def come_late(run_dir, had):
    """What a monitor does whose creator was killed and made way for another: it takes the lock of the run directory as
    soon as that is there, sees that its creator has gone, and gives it up with the file."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            lock = os.open(run_dir / "monitor.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            continue
        except BlockingIOError:
            os.close(lock)
            return
        had.append(run_dir)
        time.sleep(0.2)
        (run_dir / "monitor.lock").unlink()
        os.close(lock)
        return


def test_a_monitor_that_came_too_late_is_waited_for(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    had = []
    for _ in range(100):
        id = engine.id()
        late = threading.Thread(target=come_late, args=(engine.root / "containers" / id, had))
        late.start()
        engine("create", "--bundle", bundle.path, id).ok()
        late.join()
        assert engine.status(id) == "created"
        engine("start", id).ok()
        engine("exec", id, "true").ok()
        engine("delete", "--force", id).ok()
        if len(had) == 3:
            break
    assert len(had) == 3
