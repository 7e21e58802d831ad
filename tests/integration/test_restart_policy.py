# SPDX-License-Identifier: MIT
"""Restart policies: who is started again, when, and who is not."""

import datetime
import json
import os
import signal
import sqlite3
import time

import pytest

from engine import await_that
from test_races import monitor_of

pytestmark = pytest.mark.service

# Fails at the first two starts and lives at the third.
TWICE = "n=$(cat /n 2>/dev/null || echo 0); echo $((n+1)) >/n; [ $n -ge 2 ] && exec sleep 1000; exit 3"


def inspect(engine, id):
    return engine("inspect", id).ok().json()


def restarts(engine, id):
    return inspect(engine, id)["restarts"]


def moments(engine, id, event):
    """When it began, or ended, in seconds."""
    lines = engine("events", "--since", "10m", "--until", "0s", "--format", "json", "--filter", f"container={id}",
                   "--filter", f"event={event}").ok().lines
    return [datetime.datetime.fromisoformat(json.loads(line)["time"][:26]).timestamp() for line in lines]


def test_a_policy_decides_who_is_started_again(engine, box_start):
    for policy, code, again in [("no", 3, False), ("on-failure", 0, False), ("on-failure", 3, True),
                                ("always", 0, True), ("unless-stopped", 0, True)]:
        id = box_start("sh", "-c", f"sleep 0.1; exit {code}", flags=["--restart", policy])
        if again:
            await_that(lambda id=id: restarts(engine, id) >= 2, f"{policy} with {code} is started again", 30)
            engine("delete", "--force", id).ok()
        else:
            engine.await_status(id, "stopped")
            time.sleep(0.7)
            assert restarts(engine, id) == 0 and engine.status(id) == "stopped"


def test_it_is_started_until_it_lives(engine, box_start):
    id = box_start("sh", "-c", TWICE, flags=["--restart", "on-failure"])
    await_that(lambda: restarts(engine, id) == 2 and engine.status(id) == "running", "it lives", 30)
    pid = engine.pid(id)
    time.sleep(0.5)
    assert engine.pid(id) == pid and restarts(engine, id) == 2


def test_attempts_are_counted(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", "--restart", "on-failure:3", "--image", box, id, "false").ok()
    await_that(lambda: restarts(any_engine, id) == 3, "three attempts", 30)
    time.sleep(1.5)
    assert restarts(any_engine, id) == 3 and any_engine.status(id) == "stopped"


def test_each_wait_is_twice_the_last(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", "--restart", "always", "--image", box, id, "true").ok()
    await_that(lambda: restarts(any_engine, id) >= 5, "five attempts", 30)
    waits = [later - earlier for earlier, later in zip(moments(any_engine, id, "die"),
                                                       moments(any_engine, id, "start")[1:])]
    for i, wait in enumerate(waits[:5]):
        assert 0.1 * 2 ** i <= wait, waits


def test_who_was_stopped_by_its_user_stays_stopped(engine, box_start):
    id = box_start(flags=["--restart", "always"])
    engine("stop", "--time", "0", id).ok()
    time.sleep(1)
    assert engine.status(id) == "stopped" and restarts(engine, id) == 0
    engine("start", id).ok()
    os.kill(engine.pid(id), signal.SIGKILL)
    await_that(lambda: restarts(engine, id) == 1 and engine.status(id) == "running", "its policy holds again", 20)
    engine("kill", id, "KILL").ok()
    engine.await_status(id, "stopped")
    time.sleep(1)
    assert engine.status(id) == "stopped"


def test_a_killed_monitor_is_an_end_like_any_other(engine, box_start):
    """Nobody records it: the service sees the monitor go."""
    id = box_start(flags=["--restart", "always"])
    os.kill(monitor_of(engine, id), signal.SIGKILL)
    await_that(lambda: restarts(engine, id) == 1 and engine.status(id) == "running", "it runs again", 30)


def test_restart_stops_and_starts(engine, box_start):
    id = box_start("sh", "-c", "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.1; done")
    await_that(lambda: "hello" in engine("logs", id).out, "it is up")
    pid = engine.pid(id)
    engine("restart", id).ok()
    assert engine.status(id) == "running" and engine.pid(id) != pid
    await_that(lambda: engine("logs", id).out.split() == ["hello", "bye", "hello"], "it is up again")
    engine("stop", "--time", "0", id).ok()
    engine("restart", id).ok()
    assert engine.status(id) == "running"
    engine("restart", "nobody").fails("ContainerNotFound")


def test_a_shutdown_is_no_stop_of_the_user(any_engine, box):
    """After the next boot, of which the record's name of another boot stands for here."""
    ids = [any_engine.id() for _ in range(4)]
    policies = ["unless-stopped", "always", "unless-stopped", "always"]
    for id, policy in zip(ids, policies):
        any_engine("run", "-d", "--restart", policy, "--image", box, id, "sleep", "1000").ok()
    any_engine("stop", "--time", "0", ids[2], ids[3]).ok()
    any_engine("stop", "--all", "--shutdown", "--time", "0").ok()
    time.sleep(0.7)
    assert all(any_engine.status(id) == "stopped" for id in ids)
    any_engine.end_service()
    pretend_to_boot(any_engine)
    with any_engine.service():
        for id in (ids[0], ids[1], ids[3]):
            any_engine.await_status(id, "running", 20)
        assert any_engine.status(ids[2]) == "stopped", "its user had stopped it"


def test_containers_are_started_in_the_order_of_their_making(any_engine, box):
    ids = [any_engine.id(word) for word in "dbca"]
    for id in ids:
        any_engine("run", "-d", "--restart", "always", "--image", box, id, "sleep", "1000").ok()
    any_engine("stop", "--all", "--shutdown", "--time", "0").ok()
    any_engine.end_service()
    pretend_to_boot(any_engine)
    with any_engine.service():
        for id in ids:
            any_engine.await_status(id, "running", 20)
    started = [any_engine("inspect", id).ok().json()["started"] for id in ids]
    assert started == sorted(started)


def pretend_to_boot(engine):
    """Gives every note of a boot the name of another one."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    database = sqlite3.connect(engine.data / "state.db")
    with database:
        database.execute("UPDATE container SET record = replace(record, ?, 'another-boot')", (boot,))
    database.close()


def test_a_bad_policy_is_refused_before_anything_is_made(any_engine, box, make_bundle):
    for bad in ("sometimes", "on-failure:0", "on-failure:x", "always:3", ""):
        any_engine("create", "--restart", bad, "--image", box, any_engine.id()).fails(
            "InvalidArgument", "restart policy", code=125)
    any_engine("create", "--rm", "--restart", "always", "--image", box, any_engine.id()).fails(
        "InvalidArgument", "exclude each other", code=125)
    assert any_engine.list() == []


def test_a_limit_that_fails_takes_the_new_policy_back(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", "--image", box, id, "sleep", "1000").ok()
    for before in ("no", "on-failure:3"):
        any_engine("update", "--restart", before, id).ok()
        assert any_engine("update", "--restart", "always", "--cpuset-cpus", "4000", id).code == 1
        assert inspect(any_engine, id)["restart"] == before
    any_engine("update", "--restart", "unless-stopped", "--memory", "64m", id).ok()
    shown = inspect(any_engine, id)
    assert shown["restart"] == "unless-stopped" and shown["spec"]["linux"]["resources"]["memory"]["limit"] == 64 << 20
    any_engine("update", "--restart", "no", id).ok()


def test_update_changes_the_policy(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", "--image", box, id, "sleep", "1000").ok()
    any_engine("update", "--restart", "always", id).ok()
    assert inspect(any_engine, id)["restart"] == "always"
    os.kill(any_engine.pid(id), signal.SIGKILL)
    await_that(lambda: restarts(any_engine, id) == 1, "the new policy holds", 20)
    any_engine("update", "--restart", "never", id).fails("InvalidArgument", "never")
    any_engine("update", "--restart", "no", id).ok()
    any_engine.await_status(id, "running", 20)
    os.kill(any_engine.pid(id), signal.SIGKILL)
    any_engine.await_status(id, "stopped")
    time.sleep(0.7)
    assert any_engine.status(id) == "stopped"


def test_what_cannot_start_is_not_tried_for_ever(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", "--restart", "always", "--image", box, id, "/no/such/program").exits(127)
    time.sleep(0.5)
    assert any_engine.list() == []
