# SPDX-License-Identifier: MIT
"""A container's log is bounded, and its readers do not see where one file ends."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

from engine import await_that

MAX = 64 << 10


def limited(size="64k", files="3"):
    return ["--log-opt", f"max-size={size}", "--log-opt", f"max-file={files}"]


def log_files(engine, id):
    """The files of a log, the oldest first."""
    log = pathlib.Path(engine("inspect", id).ok().json()["logPath"])
    rotated = [path for path in log.parent.iterdir() if re.fullmatch(r"log\.\d+", path.name)]
    return sorted(rotated, key=lambda path: int(path.name[4:])) + ([log] if log.exists() else [])


def numbers(result):
    return [int(line) for line in result.lines]


def test_a_chatty_container_has_so_many_bytes_and_no_more(engine, box_start):
    id = box_start("seq", "100000", flags=limited())
    assert engine("wait", id).ok().out == "0\n"
    files = log_files(engine, id)
    assert len(files) == 3
    assert all(path.stat().st_size <= MAX for path in files)
    kept = numbers(engine("logs", id).ok())
    assert kept == list(range(kept[0], 100001)) and kept[0] > 1
    engine("delete", id).ok()
    assert not files[0].parent.exists()


def test_a_line_of_hundreds_of_megabytes_is_bounded_too(engine, box_start):
    id = box_start("sh", "-c", "head -c 300000000 /dev/zero; echo; echo end", flags=limited("1m", "2"))
    assert engine("wait", "--timeout", "60", id).ok().out == "0\n"
    assert sum(path.stat().st_size for path in log_files(engine, id)) <= 2 << 20
    assert engine("logs", "--tail", "1", id).ok().out == "end\n"


def test_the_log_of_a_container_that_says_nothing_is_bounded(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--detach", "--image", box, id, "sh", "-c", "yes | head -c 40000000").ok()
    assert any_engine("wait", id).ok().out == "0\n"
    files = log_files(any_engine, id)
    assert len(files) == 3 and all(path.stat().st_size <= 10 << 20 for path in files)


def test_several_files_are_one_log(engine, box_start):
    id = box_start("seq", "10000", flags=limited(files="100"))
    assert engine("wait", id).ok().out == "0\n"
    assert len(log_files(engine, id)) > 5
    assert numbers(engine("logs", id).ok()) == list(range(1, 10001))
    assert numbers(engine("logs", "--tail", "4000", id).ok()) == list(range(6001, 10001))
    assert numbers(engine("logs", "--tail", "all", id).ok()) == list(range(1, 10001))


def test_a_follower_gets_every_line_once_across_rotations(engine, box_start):
    id = box_start("sh", "-c", "echo 0; until [ -e /go ]; do sleep 0.05; done; seq 20000",
                   flags=limited(files="1000"))
    await_that(lambda: engine("logs", id).ok().out, "it has begun")
    follower = engine.open("logs", "--follow", id)
    engine("exec", id, "touch", "/go").ok()
    assert numbers(engine.finish(follower).ok()) == list(range(0, 20001))
    assert len(log_files(engine, id)) > 10


def test_a_restart_goes_on_in_the_same_log(engine, box_start):
    id = box_start("seq", "3000", flags=limited(files="10"))
    assert engine("wait", id).ok().out == "0\n"
    engine("start", id).ok()
    assert engine("wait", id).ok().out == "0\n"
    assert numbers(engine("logs", id).ok()) == 2 * list(range(1, 3001))


def test_a_monitor_that_is_killed_leaves_a_log_that_can_be_read_and_continued(engine, box_start):
    id = box_start("sh", "-c", "while true; do seq 100000; done", flags=limited(files="4"))
    await_that(lambda: len(log_files(engine, id)) == 4, "it has rotated")
    monitors = subprocess.run(["pgrep", "-f", f"lxcri-monitor --id {id} "], capture_output=True,
                              text=True, check=True)
    os.kill(int(monitors.stdout.split()[0]), signal.SIGKILL)
    engine.await_status(id, "stopped")
    shown = numbers(engine("logs", id).ok())[:-1]  # the last line may be cut
    assert all(after == before % 100000 + 1 for before, after in zip(shown, shown[1:]))
    engine("start", id).ok()
    await_that(lambda: engine("logs", "--tail", "1", id).ok().out, "it writes again")
    engine("stop", "--time", "0", id).ok()
    assert sum(path.stat().st_size for path in log_files(engine, id)) <= 4 * MAX


def test_time_and_stream_choose_lines(engine, box_start):
    id = box_start("sh", "-c", "echo one; echo two >&2; sleep 0.3; echo three; echo four >&2")
    engine.await_status(id, "stopped")
    result = engine("logs", "--stderr", id).ok()
    assert (result.out, result.err) == ("", "two\nfour\n")
    result = engine("logs", "--stdout", "--tail", "1", id).ok()
    assert (result.out, result.err) == ("three\n", "")
    times = [line.split()[0] for line in engine("logs", "--timestamps", "--stdout", id).ok().lines]
    assert engine("logs", "--since", times[1], id).ok().out == "three\n"
    assert engine("logs", "--until", times[0], id).ok().out == "one\n"
    assert engine("logs", "--since", "0.1s", "--until", "1h", id).ok().out == ""
    assert engine("logs", "--since", "1h", id).ok().out == "one\nthree\n"


@pytest.mark.parametrize("flags, word", [
    (["--log-driver", "syslog"], "syslog"), (["--log-opt", "max-size=0"], "max-size"),
    (["--log-opt", "max-size=1k1"], "max-size"), (["--log-opt", "max-size=100"], "1024"),
    (["--log-opt", "max-file=0"], "max-file"), (["--log-opt", "max-file=100000"], "1000"),
    (["--log-opt", "tag=x"], "tag=x")])
def test_an_option_that_cannot_be_is_refused(any_engine, box, flags, word):
    any_engine("create", *flags, "--image", box, any_engine.id(), "true").fails("InvalidArgument", word,
                                                                                          code=125)
    assert any_engine.list() == []


@pytest.mark.parametrize("flags", [["--tail", "x"], ["--tail", "-2"], ["--since", "yesterday"],
                                   ["--until", "5 minutes"]])
def test_a_choice_that_cannot_be_is_refused(any_engine, box, flags):
    id = any_engine.id()
    any_engine("create", "--image", box, id, "echo", "one").ok()
    any_engine("logs", *flags, id).fails("InvalidArgument", flags[0], flags[1])


def test_a_container_without_a_log_says_so(engine, box_start):
    id = box_start("echo", "one", flags=["--log-driver", "none"])
    engine.await_status(id, "stopped")
    engine("logs", id).fails("UnsupportedOperation", id)
    told = engine("logs", "--prefix", id).fails("SystemError", id, "not printed whole")
    assert told.lines == [f"[{id}] {engine('logs', id).err.strip()}"]


def test_a_log_that_cannot_be_written_out_blames_the_output(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--image", box, id, "echo", "one").ok()
    with open("/dev/full", "wb") as full:
        child = any_engine.open("logs", id, stdout=full)
        any_engine.finish(child).fails("SystemError", "write what is in the log", f"{id}/log: No space left on device")


def test_who_runs_in_front_sees_what_no_log_keeps(box_run):
    assert box_run("echo", "one", flags=["--log-driver", "none"]).ok().out == "one\n"


def test_the_configuration_names_driver_and_limits(make_engine, work, box):
    config = work / "config.json"
    config.write_text('{"logs": {"max_size": "64k", "max_file": 2}}')
    engine = make_engine("crun", config=config)
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "seq", "100000").ok()
    assert engine("wait", id).ok().out == "0\n"
    assert [path.stat().st_size <= MAX for path in log_files(engine, id)] == [True, True]
    config.write_text('{"logs": {"driver": "none"}}')
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "true").ok()
    engine("logs", id).fails("UnsupportedOperation")
