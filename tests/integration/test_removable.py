# SPDX-License-Identifier: MIT
"""--rm: a container that goes when it ends, whoever is there to see it."""

import signal

from engine import await_that


def nothing_is_left(engine, id):
    """Without a further command: that one would clean up itself."""
    return not any((directory / "containers" / id).exists()
                   for directory in (engine.root, engine.data))


def test_a_detached_container_goes_when_it_ends_without_a_further_command(engine, box):
    id = engine.id()
    engine("run", "--detach", "--rm", "--image", box, id, "sleep", "0.2").ok()
    await_that(lambda: nothing_is_left(engine, id), f"{id} is gone")
    engine("state", id).fails("ContainerNotFound", id)


def test_a_detached_container_goes_when_it_is_stopped(engine, box):
    id = engine.id()
    engine("run", "--detach", "--rm", "--image", box, id, "sleep", "1000").ok()
    engine("stop", "--time", "0", id).ok()
    await_that(lambda: nothing_is_left(engine, id), f"{id} is gone")


def test_a_container_goes_whose_command_was_killed(engine, box):
    id = engine.id()
    child = engine.open("run", "--rm", "--image", box, id, "sh", "-c", "echo up; sleep 0.5")
    await_that(lambda: child.result(0).out == "up\n", "it runs")
    child.send_signal(signal.SIGKILL)
    child.wait()
    engine.children.remove(child)
    await_that(lambda: nothing_is_left(engine, id), f"{id} is gone")


def test_who_is_attached_finds_it_gone_when_the_command_ends(engine, box):
    id = engine.id()
    assert engine("run", "--rm", "--image", box, id, "echo", "seen").ok().out == "seen\n"
    assert nothing_is_left(engine, id)


def test_one_that_was_not_to_go_stays(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--detach", "--image", box, id, "true").ok()
    any_engine("wait", id).ok()
    assert any_engine.status(id) == "stopped"
