# SPDX-License-Identifier: MIT
"""stop: the stop signal, the time of grace, the end; and starting once more."""

import time

import pytest

from engine import await_that, is_soon

OBEDIENT = "trap 'echo {0}; exit 3' {0}; echo ready; while :; do sleep 0.05; done"


def ready(engine, id):
    await_that(lambda: "ready" in engine("logs", id).out, f"{id} is ready")
    return id


def test_stop_sends_term_and_waits(engine, box_start):
    id = ready(engine, box_start("sh", "-c", OBEDIENT.format("TERM")))
    engine("stop", id).ok()
    assert engine.status(id) == "stopped"
    assert engine("wait", id).ok().out == "3\n" and "TERM" in engine("logs", id).out


@pytest.mark.parametrize("by", ["image", "flag"])
def test_the_stop_signal_can_be_another(engine, box_start, make_image, by):
    image = make_image(StopSignal="SIGUSR1" if by == "image" else "SIGHUP")
    flags = [] if by == "image" else ["--stop-signal", "USR1"]
    id = ready(engine, box_start("sh", "-c", OBEDIENT.format("USR1"), image=image, flags=flags))
    engine("stop", id).ok()
    assert "USR1" in engine("logs", id).out


def test_what_does_not_listen_is_killed_after_the_time_of_grace(engine, box_start):
    id = ready(engine, box_start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    begun = time.monotonic()
    engine("stop", "--time", "1", id).ok()
    assert time.monotonic() - begun > 0.9 and is_soon(begun, 5)
    assert engine.status(id) == "stopped" and engine("wait", id).out == "137\n"


def test_no_grace_kills_at_once(engine, box_start):
    id = ready(engine, box_start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    begun = time.monotonic()
    engine("stop", "-t", "0", id).ok()
    assert is_soon(begun, 1.5) and engine("wait", id).out == "137\n"


def test_all_are_stopped_side_by_side(engine, box_start):
    deaf = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    ids = [ready(engine, box_start("sh", "-c", script)) for script in (deaf, deaf, deaf, OBEDIENT.format("TERM"))]
    begun = time.monotonic()
    engine("stop", "--all", "--time", "2").ok()
    assert is_soon(begun, 5)
    assert [engine.status(id) for id in ids] == ["stopped"] * 4
    assert [engine("wait", id).out for id in ids] == ["137\n"] * 3 + ["3\n"]
    engine("stop", "--all").ok()


def test_all_and_ids_exclude_each_other(any_engine):
    any_engine("stop").fails("InvalidArgument", "--all")
    any_engine("stop", "--all", "one").fails("InvalidArgument", "--all")


def test_a_paused_container_stops_too(engine, box_start):
    id = ready(engine, box_start("sh", "-c", OBEDIENT.format("TERM")))
    engine("pause", id).ok()
    engine("stop", id).ok()
    assert engine.status(id) == "stopped"


def test_several_are_stopped_by_one_command(engine, box_start):
    ids = [ready(engine, box_start("sh", "-c", OBEDIENT.format("TERM"))) for _ in range(3)]
    engine("stop", *ids).ok()
    assert {engine.status(id) for id in ids} == {"stopped"}


def test_one_that_is_missing_does_not_keep_the_others(engine, box_start):
    id = ready(engine, box_start("sh", "-c", OBEDIENT.format("TERM")))
    engine("stop", "no-such", id).fails("ContainerNotFound", "no-such")
    assert engine.status(id) == "stopped"


def test_a_stopped_container_starts_again_with_what_it_wrote(engine, box_start):
    id = box_start("sh", "-c", "echo run >> /count; cat /count; rm -f /etc/group; ls /etc | grep -v -e ^host -e ^resolv")
    engine.await_status(id, "stopped")
    engine("start", id).ok()
    assert engine("wait", id).ok().out == "0\n"
    assert engine("logs", id).ok().lines == ["run", "passwd", "run", "run", "passwd"]


def test_the_exit_code_is_the_last_run_s(engine, box_start):
    id = box_start("sh", "-c", "test -e /again && exit 5; touch /again; exit 4")
    assert engine("wait", id).ok().out == "4\n"
    engine("start", id).ok()
    assert engine("wait", id).ok().out == "5\n"
    assert engine("inspect", id).ok().json()["exitCode"] == 5


@pytest.mark.vm
def test_pause_freezes_and_resume_thaws(engine, box_start):
    id = box_start("sh", "-c", "while :; do echo x; sleep 0.02; done")
    await_that(lambda: engine("logs", id).lines, "it writes")
    engine("pause", id).ok()
    assert engine.status(id) == "paused"
    count = len(engine("logs", id).lines)
    time.sleep(0.2)
    assert len(engine("logs", id).lines) <= count + 1
    engine("resume", id).ok()
    await_that(lambda: len(engine("logs", id).lines) > count + 1, "it writes again")


@pytest.mark.parametrize("words", [["stop", "--time", "1"], ["kill", "--signal", "KILL"]], ids=["stop", "kill"])
def test_who_keeps_further_processes_from_coming_is_ended_all_the_same(any_engine, box, words):
    """Each that is on its way into the container is stopped there, and its monitor waits for it."""
    engine, id = any_engine, any_engine.id()
    engine("run", "--detach", "--image", box, id, "sh", "-c",
           "while :; do for process in /proc/[0-9]*; do process=${process#/proc/};"
           " test $process = 1 || kill -STOP $process; done 2>/dev/null; done").ok()
    children = [engine.open("exec", id, "true") for _ in range(4)]
    await_that(lambda: "T" in engine("top", id, "stat").lines, "one is stopped")
    engine(*words, id).ok()
    engine.await_status(id, "stopped")
    assert engine("inspect", id).ok().json()["exitCode"] == 137
    for child in children:
        engine.finish(child)
