# SPDX-License-Identifier: MIT
"""A container in the foreground: its streams, its terminal, its signals, its exit code."""

import signal
import termios

import pytest

from engine import await_that
from test_exec import pty


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code(box_shell, code):
    box_shell(f"exit {code}").exits(code)


def test_killed_is_128_and_the_signal(engine, box):
    id = engine.id()
    child = engine.open("run", "--image", box, id, "sleep", "1000")
    await_that(lambda: engine("state", id).code == 0 and engine.status(id) == "running", "it runs")
    engine("kill", id, "KILL").ok()
    engine.finish(child).exits(137)


def test_docker_s_codes_of_failure(box_run):
    box_run("no-such-program").fails("CommandNotFound", "no-such-program", code=127)
    box_run("/etc/passwd").fails("CommandNotExecutable", "/etc/passwd", code=126)
    box_run("true", flags=["--pull", "never"], image="no-such-image").fails("ImageNotFound", "no-such-image", code=125)
    box_run("true", flags=["--no-such-flag"]).fails("InvalidArgument", "no-such-flag", code=125)


def test_a_failed_run_leaves_nothing(engine, box):
    for program in ("no-such-program", "/etc/passwd"):
        engine("run", "--image", box, engine.id(), program)
    assert engine.list() == []


def test_standard_input_is_passed_on_when_asked(box_run):
    data = bytes(range(256)) * 4000
    result = box_run("cat", flags=["-i"], input=data).ok()
    assert result.bytes == data
    assert box_run("cat", input=b"unseen").ok().out == ""


def test_streams_stay_apart(box_shell):
    result = box_shell("echo out; echo err >&2").ok()
    assert (result.out, result.err) == ("out\n", "err\n")


def test_signals_are_passed_on(engine, box):
    id = engine.id()
    child = engine.open("run", "--image", box, id, "sh", "-c",
                    "trap 'echo term; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    await_that(lambda: engine("logs", id).out == "ready\n", "it is ready")
    child.send_signal(signal.SIGTERM)
    result = engine.finish(child).exits(5)
    assert result.out == "ready\nterm\n"


def test_the_container_outlives_a_command_that_is_killed(engine, box):
    id = engine.id()
    child = engine.open("run", "--image", box, id, "sh", "-c", "while :; do echo x; sleep 0.02; done")
    await_that(lambda: engine("logs", id).lines, "it writes")
    child.kill()
    child.wait()
    count = len(engine("logs", id).lines)
    await_that(lambda: len(engine("logs", id).lines) > count + 3, "it goes on writing")
    assert engine.status(id) == "running"


def test_rm_leaves_nothing(engine, box):
    id = engine.id()
    engine("run", "--rm", "--image", box, id, "sh", "-c", "echo x > /file").ok()
    assert engine.list() == []
    assert not (engine.data / "containers" / id).exists() and not (engine.root / "containers" / id).exists()


def test_rm_of_a_detached_container(engine, box_start):
    id = box_start("true", flags=["--rm"])
    await_that(lambda: engine.list() == [], "it is gone")
    await_that(lambda: not (engine.data / "containers" / id).exists(), "its directory is gone")


def test_without_rm_it_stays(engine, box):
    id = engine.id()
    engine("run", "--image", box, id, "sh", "-c", "exit 3").exits(3)
    assert engine.status(id) == "stopped" and engine.list() == [id]
    engine("delete", id).ok()


def test_a_terminal_has_the_caller_s_size_and_follows_it(engine, box):
    terminal, child = pty(engine, "run", "--rm", "-it", "--image", box, engine.id(), "sh", "-c",
                          "tty; stty size; trap 'stty size; exit 3' WINCH; echo ready; "
                          "while :; do sleep 0.05; done", rows=40, columns=120)
    terminal.expect(b"/dev/pts/0\r\n")
    terminal.expect(b"40 120\r\n")
    terminal.expect(b"ready")
    terminal.resize(20, 70)
    terminal.expect(b"20 70\r\n")
    assert child.wait(10) == 3
    engine.children.remove(child)
    terminal.close()


def test_an_interrupt_typed_is_the_process_s_own(engine, box):
    terminal, child = pty(engine, "run", "--rm", "-it", "--image", box, engine.id(), "sh", "-c",
                          "trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.05; done")
    terminal.expect(b"ready")
    terminal.send(b"\x03")
    terminal.expect(b"interrupted")
    assert child.wait(10) == 4
    engine.children.remove(child)
    terminal.close()


def test_what_is_typed_arrives(engine, box):
    terminal, child = pty(engine, "run", "--rm", "-it", "--image", box, engine.id(), "sh", "-c",
                          "echo ready; read line; echo got $line")
    terminal.expect(b"ready\r\n")
    terminal.send(b"hello there\n")
    terminal.expect(b"got hello there\r\n")
    assert child.wait(10) == 0
    engine.children.remove(child)
    terminal.close()


def test_the_caller_s_terminal_is_itself_again_afterwards(engine, box):
    terminal, child = pty(engine, "run", "--rm", "-it", "--image", box, engine.id(), "echo", "ready")
    before = termios.tcgetattr(terminal.fd)
    terminal.expect(b"ready\r\n")
    assert child.wait(10) == 0
    assert termios.tcgetattr(terminal.fd)[:4] == before[:4]
    engine.children.remove(child)
    terminal.close()
