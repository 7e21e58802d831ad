# SPDX-License-Identifier: MIT
"""What a container writes is in its log: both streams apart, with times, in order."""

import datetime
import hashlib
import re
import time

import pytest

LINE = "0123456789abcdef" * 4
LINES = 1_600_000

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"


def test_output_and_error_are_kept_apart(engine, box_start):
    id = box_start("sh", "-c", "echo one; echo two >&2; echo three")
    engine.await_status(id, "stopped")
    result = engine("logs", id).ok()
    assert (result.out, result.err) == ("one\nthree\n", "two\n")


def test_the_log_of_a_foreground_run_is_kept_as_well(engine, box):
    id = engine.id()
    result = engine("run", "--image", box, id, "sh", "-c", "echo one; echo two >&2").ok()
    assert (result.out, result.err) == ("one\n", "two\n")
    result = engine("logs", id).ok()
    assert (result.out, result.err) == ("one\n", "two\n")


def test_each_line_has_its_time(engine, box_start):
    id = box_start("sh", "-c", "echo one; sleep 0.3; echo two")
    engine.await_status(id, "stopped")
    lines = engine("logs", "--timestamps", id).ok().lines
    assert [re.sub(STAMP, "T", line) for line in lines] == ["T one", "T two"]
    first, second = (datetime.datetime.fromisoformat(line.split()[0][:26].rstrip("Z"))
                     for line in lines)
    assert 0.2 < (second - first).total_seconds() < 5


@pytest.mark.parametrize("tail, expected", [("0", []), ("1", ["9"]), ("3", ["7", "8", "9"]),
                                            ("100", [str(n) for n in range(1, 10)])])
def test_the_tail(engine, box_start, tail, expected):
    id = box_start("seq", "9")
    engine.await_status(id, "stopped")
    assert engine("logs", "--tail", tail, id).ok().lines == expected


def test_following_shows_what_comes_and_ends_with_the_container(engine, box_start):
    id = box_start("sh", "-c", "echo one; sleep 0.5; echo two; sleep 0.5; echo three")
    begun = time.monotonic()
    assert engine("logs", "--follow", id).ok().lines == ["one", "two", "three"]
    assert time.monotonic() - begun > 0.5


def test_following_a_stopped_container_ends(engine, box_start):
    id = box_start("echo", "one")
    engine.await_status(id, "stopped")
    assert engine("logs", "--follow", id).ok().lines == ["one"]


def test_a_last_line_without_an_end_is_kept(engine, box_start):
    id = box_start("printf", "one\\ntwo")
    engine.await_status(id, "stopped")
    assert engine("logs", id).ok().out.rstrip("\n") == "one\ntwo"


def test_bytes_that_are_no_text_are_kept(engine, box_start):
    id = box_start("sh", "-c", "head -c 100000 /dev/urandom > /r; md5sum < /r >&2; cat /r; echo")
    engine.await_status(id, "stopped")
    result = engine("logs", id).ok()
    assert hashlib.md5(result.bytes[:100000]).hexdigest() == result.err.split()[0]


def test_a_long_line_stays_one_line(engine, box_start):
    id = box_start("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo; echo end")
    engine.await_status(id, "stopped")
    assert [len(line) for line in engine("logs", id).ok().lines] == [300000, 3]


def test_a_container_with_the_caller_s_streams_has_no_log(engine, start):
    engine("logs", start()).fails("UnsupportedOperation")


def test_a_hundred_megabytes_arrive_whole_and_in_order(engine, box_start):
    id = box_start("sh", "-c", f"yes {LINE} | head -n {LINES} | cat -n; echo done >&2",
                   flags=["--log-opt", "max-size=50m", "--log-opt", "max-file=10"])
    assert engine("wait", id).ok().out == "0\n"
    result = engine("logs", id).ok()
    assert result.err == "done\n"
    data = result.bytes
    assert len(data) > 100_000_000
    lines = data.splitlines()
    assert len(lines) == LINES
    for number, line in enumerate(lines, 1):
        if line != b"%6d\t%s" % (number, LINE.encode()):
            raise AssertionError(f"line {number} is {line!r}")


def test_a_hundred_megabytes_reach_the_one_who_is_attached(box_run):
    result = box_run("sh", "-c", f"yes {LINE} | head -n {LINES}").ok()
    assert len(result.bytes) == LINES * (len(LINE) + 1)
    assert result.bytes == (LINE + "\n").encode() * LINES
