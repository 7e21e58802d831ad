# SPDX-License-Identifier: MIT
"""Further processes in a running container."""

import fcntl
import json
import os
import pathlib
import shlex
import subprocess
import termios
import time

import pytest

from engine import await_that, has_ended, is_soon
from test_races import monitor_of
from test_terminal import Terminal


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code(engine, start, code):
    engine("exec", start(), "sh", "-c", f"exit {code}").exits(code)


def test_a_signal_is_128_and_its_number(engine, start):
    engine("exec", start(), "sh", "-c", "kill -TERM $$; sleep 5").exits(143)


def test_a_program_that_is_missing_is_127_and_one_that_is_none_126(engine, start):
    id = start()
    engine("exec", id, "no-such-program").fails("CommandNotFound", "no-such-program", code=127)
    engine("exec", id, "/etc/passwd").fails("CommandNotExecutable", "/etc/passwd", code=126)
    engine("exec", id, "/no/such/program").fails("CommandNotFound", "/no/such/program", code=127)


def test_streams_are_the_caller_s(engine, start):
    result = engine("exec", start(), "sh", "-c", "echo out; echo err >&2").ok()
    assert (result.out, result.err) == ("out\n", "err\n")


def test_standard_input_is_passed_on_when_asked(engine, start):
    id = start()
    assert engine("exec", "-i", id, "cat", input=b"x" * 100000).ok().out == "x" * 100000
    assert engine("exec", id, "cat", input=b"unseen").ok().out == ""


def test_a_stream_that_the_caller_has_closed_is_no_file_of_the_host(engine, start):
    id = start()
    script = "a=$(readlink /proc/$$/fd/0; readlink /proc/$$/fd/1; readlink /proc/$$/fd/2); echo $a >/streams"
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        words = shlex.join(engine.argv("exec", "-i", id, "sh", "-c", script))
        subprocess.run(f"{words} {closed}", shell=True, check=True, env=engine.environment(),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert engine("exec", id, "cat", "/streams").ok().out.split() == ["/dev/null"] * 3


def test_environment_directory_and_user(engine, box_start):
    id = box_start(flags=["-e", "KEPT=1", "-e", "CHANGED=1"])
    result = engine("exec", "-e", "CHANGED=2", "-e", "NEW=3", "-w", "/tmp", "-u", "app", id, "sh", "-c",
                "echo $KEPT $CHANGED $NEW; pwd; id -u; id -G; echo $HOME").ok()
    assert result.lines[:3] == ["1 2 3", "/tmp", "1000"]
    assert set(result.lines[3].split()) == {"1000", "29", "50"}
    assert result.lines[4] == "/home/app"


def test_an_unknown_user_is_refused(engine, start):
    engine("exec", "-u", "nosuch", start(), "true").fails("InvalidArgument", "nosuch", code=125)


def test_it_runs_in_the_container_s_namespaces(engine, start):
    id = start()
    pid = engine.pid(id)
    inside = engine("exec", id, "sh", "-c", "for n in pid net ipc uts mnt; do readlink /proc/self/ns/$n; done")
    assert inside.ok().lines == [os.readlink(f"/proc/{pid}/ns/{n}") for n in
                                 ("pid", "net", "ipc", "uts", "mnt")]


def test_it_sees_what_the_container_wrote(engine, box_start):
    id = box_start("sh", "-c", "echo made > /file; sleep 1000")
    await_that(lambda: engine("exec", id, "cat", "/file").out == "made\n", "the file is there")


def test_detached_it_goes_on(engine, start, work):
    id = start()
    engine("exec", "-d", "--pid-file", work / "pid", id, "sleep", "4713").ok()
    pid = int((work / "pid").read_text())
    program = pathlib.Path(f"/proc/{pid}/cmdline")
    await_that(lambda: b"4713" in program.read_bytes(), "the program is there: runc may not have executed it yet")


def test_a_process_object_says_it_all(engine, start, work):
    process = {"terminal": False, "user": {"uid": 1000, "gid": 50}, "cwd": "/tmp",
               "args": ["sh", "-c", "id -u; id -g; pwd; echo $X"], "env": ["PATH=/bin", "X=y z"]}
    (work / "process.json").write_text(json.dumps(process))
    result = engine("exec", "--process", work / "process.json", start()).ok()
    assert result.lines == ["1000", "50", "/tmp", "y z"]


def test_many_at_once(engine, start):
    id = start()
    children = [engine.open("exec", id, "sh", "-c", f"echo {n}; exit {n}") for n in range(20)]
    for n, child in enumerate(children):
        assert engine.finish(child).exits(n).out == f"{n}\n"


def test_it_ends_with_the_container(engine, start):
    id = start()
    child = engine.open("exec", id, "sleep", "1000")
    await_that(lambda: "sleep 1000" in engine("exec", id, "ps").out, "it runs")
    engine("kill", id, "KILL").ok()
    assert engine.finish(child, 10).code in (137, 125)


def pty(engine, *words, rows=24, columns=80):
    """Runs the command on a terminal of its own."""
    master, slave = os.openpty()
    terminal = Terminal(master)
    terminal.resize(rows, columns)
    child = engine.open(*words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(slave)
    return terminal, child


def test_with_a_terminal(engine, start):
    terminal, child = pty(engine, "exec", "-it", start(), "sh", "-c", "tty; stty size; read x; echo got $x; exit 6",
                          rows=31, columns=97)
    terminal.expect(b"/dev/pts/")
    terminal.expect(b"31 97\r\n")
    terminal.send(b"hello\n")
    terminal.expect(b"got hello\r\n")
    assert child.wait(10) == 6
    engine.children.remove(child)
    terminal.close()


def test_a_process_that_asks_at_once_is_told_the_size_of_its_terminal(engine, start):
    """The first ioctl() of each process of the engine takes 300 ms here: a size that comes too late is seen."""
    id = start()
    monitor = monitor_of(engine, id)
    tracer = subprocess.Popen(["strace", "-f", "-b", "execve", "-qq", "-o", "/dev/null", "-e", "trace=ioctl",
                               "-e", "inject=ioctl:delay_enter=300ms:when=1", "-p", str(monitor)],
                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_that(lambda: f"TracerPid:\t{tracer.pid}\n" in pathlib.Path(f"/proc/{monitor}/status").read_text(),
                   "it is traced")
        terminal, child = pty(engine, "exec", "-it", id, "stty", "size", rows=31, columns=97)
        terminal.expect(b"31 97\r\n")
        assert child.wait(30) == 0
        engine.children.remove(child)
        terminal.close()
    finally:
        tracer.terminate()
        tracer.wait()


def test_an_interrupt_typed_reaches_the_process(engine, start):
    terminal, child = pty(engine, "exec", "-it", start(), "sh", "-c",
                          "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done")
    terminal.expect(b"ready")
    terminal.send(b"\x03")
    terminal.expect(b"interrupted")
    assert child.wait(10) == 9
    engine.children.remove(child)
    terminal.close()


def test_who_stops_what_comes_holds_nobody_up_for_ever(engine, box_start):
    """Each further process is stopped on its way in; the monitor gives up, and does what it is asked."""
    id = box_start("sh", "-c", "while :; do for process in /proc/[0-9]*; do process=${process#/proc/};"
                   " test $process = 1 || kill -STOP $process; done 2>/dev/null; done")
    children = []
    while not any("could not be entered within" in child.result("?").err for child in children):
        assert len(children) < 20
        children.append(engine.open("exec", id, "true"))
        has_ended(children[-1], 13)  # or is stopped when it is there
    engine("pause", id).ok()
    engine("resume", id).ok()
    begun = time.monotonic()
    engine("stop", "--time", "0", id).ok()
    assert is_soon(begun, 10)
    for child in children:
        engine.finish(child)


def test_a_process_that_no_limit_leaves_room_for_is_refused_by_that(engine, box_start):
    id = box_start(flags=["--pids-limit", "1"])
    result = engine("exec", id, "true")
    if engine.backend == "lxc" or result.code != 0:  # the others need not fork once they are there
        assert result.code == 125 and "1 of the 1 processes" in result.err and "--pids-limit" in result.err, result
    engine("update", "--pids-limit", "100", id).ok()
    engine("exec", id, "true").ok()
    engine("exec", id, "/nothing").fails("CommandNotFound", code=127)
