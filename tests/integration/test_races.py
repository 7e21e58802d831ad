# SPDX-License-Identifier: MIT
"""Two commands at once, and a monitor that is killed at a bad moment."""

import os
import pathlib
import resource
import signal
import socket
import sqlite3
import struct

from engine import TAG, await_that
from host import Unchanged


def monitor_of(engine, id):
    """The monitor that works in the container's run directory, 0 when there is none."""
    words = b"--run-dir\0" + str(engine.root / "containers" / id).encode() + b"\0"
    for entry in os.listdir("/proc"):
        try:
            line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes() if entry.isdigit() else b""
        except OSError:
            continue
        if line.startswith(b"lxcri-monitor\0") and words in line:
            return int(entry)
    return 0


def slow_hook(bundle, seconds=2):
    """A hook in which the creation stays for a while."""
    bundle.spec["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", str(seconds)]}]}
    bundle.save()
    return bundle


def test_a_monitor_killed_in_the_middle_of_a_creation_leaves_nothing(engine, make_bundle):
    bundle = slow_hook(make_bundle("sleep", "1000"), 1000)
    engine("list").ok()
    with Unchanged(patience=10):
        id = engine.id()
        bundle.spec["hooks"]["createRuntime"][0]["env"] = [f"LXCRI_TEST={TAG}"]
        bundle.save()
        if engine.backend == "runc":  # which else has a place of its own for every hierarchy
            bundle.linux["cgroupsPath"] = f"/{id}"
            bundle.save()
        child = engine.open("create", "--bundle", bundle.path, id)
        await_that(lambda: monitor_of(engine, id), "its monitor")
        await_that(lambda: list((engine.root / "containers" / id).glob("runtime*")), "its runtime")
        os.kill(monitor_of(engine, id), signal.SIGKILL)
        engine.finish(child).fails("MonitorLost", id)
        assert not (engine.root / "containers" / id).exists()


def test_a_stop_with_a_long_grace_lets_others_kill(engine, box_start):
    id = box_start("sh", "-c", "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done")
    await_that(lambda: engine("logs", id).lines == ["up"], "it runs")
    stopping = engine.open("stop", "--time", "600", id)
    await_that(lambda: engine("logs", id).lines == ["up", "asked"], "it waits")
    engine("delete", "--force", id, timeout=20).ok()
    engine.finish(stopping, timeout=20).ok()


def test_few_open_files_are_enough_for_a_monitor(any_engine, box):
    id = any_engine.id()
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (68, 68))
    assert any_engine("run", "--rm", "--image", box, id, "echo", "hi", preexec_fn=limit,
                      timeout=20).ok().out == "hi\n"


def test_a_failed_restart_keeps_the_last_exit_code(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--image", box, id, "sh", "-c", "exit 7").exits(7)
    config = any_engine.data / "containers" / id / "config.json"
    text = config.read_text()
    config.write_text("{}")
    any_engine("start", id).exits(1)
    found = any_engine("inspect", id).ok().json()
    assert (found["exitCode"], found["monitorLost"]) == (7, False)
    config.write_text(text)
    any_engine("start", id).ok()
    assert any_engine("wait", id).ok().out == "7\n"


def test_a_container_directory_removed_by_hand_pins_no_image(any_engine, box, make_image):
    # Were all gone, their file system might just not be mounted.
    any_engine("create", "--image", make_image(Cmd=["true"]), any_engine.id()).ok()
    any_engine("image", "import", box, "mine:1").ok()
    id = any_engine.id()
    any_engine("create", "--image", "mine:1", id, "true").ok()
    any_engine("image", "remove", "mine:1").fails("ImageInUse", id)
    with sqlite3.connect(any_engine.data / "state.db") as database:
        row = database.execute("SELECT id, record FROM container WHERE id = ?", (id,)).fetchone()
    any_engine("delete", id).ok()
    with sqlite3.connect(any_engine.data / "state.db") as database:
        database.execute("INSERT INTO container (id, record) VALUES (?, ?)", row)
    database.close()
    any_engine("image", "remove", "mine:1").ok()


def test_an_unreadable_record_keeps_the_layers_of_its_container(any_engine, box):
    any_engine("image", "import", box, "mine:1").ok()
    id = any_engine.id()
    any_engine("create", "--image", "mine:1", id, "true").ok()
    with sqlite3.connect(any_engine.data / "state.db") as database:
        record, = database.execute("SELECT record FROM container").fetchone()
        database.execute("UPDATE container SET record = '{}'")
    database.close()
    any_engine("image", "remove", "mine:1").fails("StorageError", id)
    with sqlite3.connect(any_engine.data / "state.db") as database:
        database.execute("UPDATE container SET record = ?", (record,))
    database.close()
    any_engine("start", id).ok()


def test_a_container_that_ends_while_a_process_enters_it_has_stopped(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    for _ in range(8):
        id = engine.id()
        engine("run", "--detach", "--bundle", bundle.path, id).ok()
        entering = [engine.open("exec", id, "sleep", "1000") for _ in range(3)]
        engine("kill", id, "KILL").ok()
        for child in entering:
            result = engine.finish(child)
            assert result.code == 137 or result.error == "InvalidState", result
        engine("delete", "--force", id).ok()


WIRE_VERSION, WIRE_WAIT, WIRE_ERROR = 1, 6, 66
STAYING_MAX = 56


def waiting_client(engine, id):
    """A connection to the monitor that waits for the container's end, as the command has one."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    directory = os.open(engine.root / "containers" / id, os.O_RDONLY)
    try:
        client.connect(f"/proc/self/fd/{directory}/monitor.sock")
    finally:
        os.close(directory)
    client.send(struct.pack("=HHI", WIRE_VERSION, WIRE_WAIT, 0))
    return client


def test_a_container_can_be_stopped_however_many_wait_for_it(any_engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    id = any_engine.id()
    any_engine("run", "--detach", "--bundle", bundle.path, id).ok()
    clients = [waiting_client(any_engine, id) for _ in range(STAYING_MAX)]
    any_engine("wait", id, timeout=20).fails("LimitExceeded", id, "connections")
    any_engine("exec", id, "true", timeout=20).fails("LimitExceeded", id, code=125)
    any_engine("stop", "--time", "0", id, timeout=20).ok()
    answers = [client.recv(4096) for client in clients]
    assert all(struct.unpack_from("=HHI", answer)[1] != WIRE_ERROR for answer in answers)
    any_engine("delete", id).ok()
