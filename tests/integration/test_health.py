# SPDX-License-Identifier: MIT
"""Health checks: asked by the service, told by list, inspect and events, acted upon."""

import json
import time

import jsonschema
import pytest

from engine import ROOT, await_that

pytestmark = pytest.mark.service

SCHEMA = json.loads((ROOT / "docs/inspect.schema.json").read_text())

QUICK = ["--health-interval", "200ms", "--health-timeout", "5s", "--health-retries", "2"]
FILE = ["--health-cmd", "test -f /ok && echo fine", *QUICK]


def health(engine, id):
    return engine("inspect", id).ok().json().get("health")


def status(engine, id):
    return (health(engine, id) or {}).get("status")


def events(engine, id):
    lines = engine("events", "--since", "10m", "--until", "0s", "--format", "json", "--filter", f"container={id}",
                   "--filter", "event=health_status").ok().lines
    return [line.split('"health":"')[1].split('"')[0] for line in lines]


def test_what_is_ill_is_told(engine, box_start):
    id = box_start("sh", "-c", "touch /ok; exec sleep 1000", flags=FILE)
    await_that(lambda: status(engine, id) == "healthy", "it is well", 20)
    assert health(engine, id)["output"] == "fine\n" and health(engine, id)["exitCode"] == 0
    assert "(healthy)" in engine("list").ok().out
    assert [one["health"] for one in engine("list", "--format", "json").ok().json()] == ["healthy"]
    jsonschema.validate(engine("inspect", id).ok().json(), SCHEMA)
    engine("exec", id, "rm", "/ok").ok()
    await_that(lambda: status(engine, id) == "unhealthy", "it is ill", 20)
    assert health(engine, id)["failing"] >= 2 and health(engine, id)["exitCode"] == 1
    engine("exec", id, "touch", "/ok").ok()
    await_that(lambda: status(engine, id) == "healthy", "it is well again", 20)
    assert events(engine, id) == ["healthy", "unhealthy", "healthy"]


@pytest.mark.parametrize("action", ["none", "kill", "stop", "restart"])
def test_what_is_done_about_who_is_ill(any_engine, box, action):
    id = any_engine.id()
    any_engine("run", "-d", "--health-cmd", "false", *QUICK, "--health-on-failure", action,
               "--image", box, id, "sleep", "1000").ok()
    pid = any_engine.pid(id)
    await_that(lambda: events(any_engine, id), "it is ill", 20)
    if action == "none":
        time.sleep(0.5)
        assert any_engine.pid(id) == pid
    elif action == "restart":
        await_that(lambda: any_engine.pid(id) not in (0, pid), "it is another process", 30)
    else:
        any_engine.await_status(id, "stopped", 30)


def test_one_that_is_killed_is_started_again_by_its_policy(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", "--health-cmd", "test -f /well", *QUICK, "--health-on-failure", "kill",
               "--restart", "on-failure", "--image", box, id, "sh", "-c",
               "[ -f /once ] && touch /well; touch /once; exec sleep 1000").ok()
    await_that(lambda: status(any_engine, id) == "healthy", "its second run is well", 30)
    assert any_engine("inspect", id).ok().json()["restarts"] == 1
    assert events(any_engine, id) == ["unhealthy", "healthy"]


def test_a_check_that_hangs_has_failed_and_is_ended(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", "--health-cmd", "sleep 1234", "--health-interval", "100ms", "--health-timeout", "300ms",
               "--health-retries", "2", "--image", box, id, "sleep", "1000").ok()
    await_that(lambda: status(any_engine, id) == "unhealthy", "it is ill", 20)
    assert health(any_engine, id)["exitCode"] == -1
    time.sleep(1)
    assert len([line for line in any_engine("exec", id, "ps").ok().lines if "sleep 1234" in line]) <= 2


def test_failures_do_not_count_while_it_starts(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", *FILE, "--health-start-period", "2s", "--image", box, id, "sh", "-c",
               "sleep 1.5; touch /ok; exec sleep 1000").ok()
    await_that(lambda: status(any_engine, id) == "healthy", "it is well", 20)
    assert events(any_engine, id) == ["healthy"]


def test_the_image_s_check_is_used(any_engine, make_image):
    check = {"Test": ["CMD", "test", "-f", "/ok"], "Interval": 200000000, "Retries": 2}
    image = make_image(Healthcheck=check)
    id = any_engine.id()
    any_engine("run", "-d", "--image", image, id, "sh", "-c", "touch /ok; exec sleep 1000").ok()
    await_that(lambda: status(any_engine, id) == "healthy", "it is well", 20)
    for flags in (["--no-healthcheck"], ["--health-cmd", "none"]):
        id = any_engine.id()
        any_engine("run", "-d", *flags, "--image", image, id, "sleep", "1000").ok()
        assert "healthcheck" not in any_engine("inspect", id).ok().json()
    id = any_engine.id()
    any_engine("run", "-d", "--health-cmd", '["test", "-d", "/"]', *QUICK, "--image", image, id, "sleep", "1000").ok()
    await_that(lambda: status(any_engine, id) == "healthy", "the user's check is used", 20)


def test_a_new_run_begins_anew(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", *FILE, "--image", box, id, "sh", "-c", "touch /ok; exec sleep 1000").ok()
    await_that(lambda: status(any_engine, id) == "healthy", "it is well", 20)
    any_engine("stop", "--time", "0", id).ok()
    assert health(any_engine, id) is None
    any_engine("start", id).ok()
    assert status(any_engine, id) in ("starting", "healthy")
    await_that(lambda: status(any_engine, id) == "healthy", "it is well", 20)
    assert events(any_engine, id) == ["healthy", "healthy"]


def test_nobody_is_asked_while_paused(any_engine, box):
    id = any_engine.id()
    any_engine("run", "-d", *FILE, "--image", box, id, "sh", "-c", "touch /ok; exec sleep 1000").ok()
    await_that(lambda: status(any_engine, id) == "healthy", "it is well", 20)
    any_engine("pause", id).ok()
    time.sleep(1)
    assert status(any_engine, id) == "healthy"
    any_engine("resume", id).ok()
    any_engine("exec", id, "rm", "/ok").ok()
    await_that(lambda: status(any_engine, id) == "unhealthy", "it is asked again", 20)


def test_bad_options_are_refused(any_engine, box):
    for flags in (["--health-interval", "soon"], ["--health-timeout", "-1s"], ["--health-retries", "0"],
                  ["--health-retries", "x"], ["--health-on-failure", "pray"], ["--health-cmd", "[1]"],
                  ["--health-cmd", ""], ["--health-cmd", "[", "--health-interval", "1s"]):
        any_engine("create", "--health-cmd", "true", *flags, "--image", box, any_engine.id()).fails(
            "InvalidArgument" if flags[1] != "[" else "InvalidJson", code=125)
    any_engine("create", "--health-cmd", "true", "--health-interval", "1us", "--image", box, any_engine.id()).fails(
        "InvalidArgument", "interval", code=125)
    assert any_engine.list() == []
