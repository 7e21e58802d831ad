"""stop: the stop signal, the time of grace, the end; and starting once more."""

import time

import pytest

from engine import await_that

OBEDIENT = "trap 'echo {0}; exit 3' {0}; echo ready; while :; do sleep 0.05; done"


def ready(lx, id):
    await_that(lambda: "ready" in lx("logs", id).out, f"{id} is ready")
    return id


def test_stop_sends_term_and_waits(lx, box_start):
    id = ready(lx, box_start("sh", "-c", OBEDIENT.format("TERM")))
    lx("stop", id).ok()
    assert lx.status(id) == "stopped"
    assert lx("wait", id).ok().out == "3\n" and "TERM" in lx("logs", id).out


@pytest.mark.parametrize("by", ["image", "flag"])
def test_the_stop_signal_can_be_another(lx, box_start, make_image, by):
    image = make_image(StopSignal="SIGUSR1" if by == "image" else "SIGHUP")
    flags = [] if by == "image" else ["--stop-signal", "USR1"]
    id = ready(lx, box_start("sh", "-c", OBEDIENT.format("USR1"), image=image, flags=flags))
    lx("stop", id).ok()
    assert "USR1" in lx("logs", id).out


def test_what_does_not_listen_is_killed_after_the_time_of_grace(lx, box_start):
    id = ready(lx, box_start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    begun = time.monotonic()
    lx("stop", "--time", "1", id).ok()
    assert 0.9 < time.monotonic() - begun < 5
    assert lx.status(id) == "stopped" and lx("wait", id).out == "137\n"


def test_no_grace_kills_at_once(lx, box_start):
    id = ready(lx, box_start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    begun = time.monotonic()
    lx("stop", "-t", "0", id).ok()
    assert time.monotonic() - begun < 2 and lx("wait", id).out == "137\n"


def test_a_paused_container_stops_too(lx, box_start):
    id = ready(lx, box_start("sh", "-c", OBEDIENT.format("TERM")))
    lx("pause", id).ok()
    lx("stop", id).ok()
    assert lx.status(id) == "stopped"


def test_several_are_stopped_by_one_command(lx, box_start):
    ids = [ready(lx, box_start("sh", "-c", OBEDIENT.format("TERM"))) for _ in range(3)]
    lx("stop", *ids).ok()
    assert {lx.status(id) for id in ids} == {"stopped"}


def test_one_that_is_missing_does_not_keep_the_others(lx, box_start):
    id = ready(lx, box_start("sh", "-c", OBEDIENT.format("TERM")))
    lx("stop", "no-such", id).fails("ContainerNotFound", "no-such")
    assert lx.status(id) == "stopped"


def test_a_stopped_container_starts_again_with_what_it_wrote(lx, box_start):
    id = box_start("sh", "-c", "echo run >> /count; cat /count; rm -f /etc/group; ls /etc")
    lx.await_status(id, "stopped")
    lx("start", id).ok()
    assert lx("wait", id).ok().out == "0\n"
    assert lx("logs", id).ok().lines == ["run", "passwd", "run", "run", "passwd"]


def test_the_exit_code_is_the_last_run_s(lx, box_start):
    id = box_start("sh", "-c", "test -e /again && exit 5; touch /again; exit 4")
    assert lx("wait", id).ok().out == "4\n"
    lx("start", id).ok()
    assert lx("wait", id).ok().out == "5\n"
    assert lx("inspect", id).ok().json()["exitCode"] == 5


def test_pause_freezes_and_resume_thaws(lx, box_start):
    id = box_start("sh", "-c", "while :; do echo x; sleep 0.02; done")
    await_that(lambda: lx("logs", id).lines, "it writes")
    lx("pause", id).ok()
    assert lx.status(id) == "paused"
    count = len(lx("logs", id).lines)
    time.sleep(0.2)
    assert len(lx("logs", id).lines) <= count + 1
    lx("resume", id).ok()
    await_that(lambda: len(lx("logs", id).lines) > count + 1, "it writes again")
