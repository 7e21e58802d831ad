# SPDX-License-Identifier: MIT
"""top: the processes of a container."""

import json
import os

import pytest

from engine import await_that


@pytest.fixture
def busy(engine, box, work):
    """A container with three processes, one of another user's."""
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "sh", "-c", "sleep 1001 & sleep 1002 & wait").ok()
    child = engine.open("exec", "--user", "app", id, "sleep", "1003")
    await_that(lambda: "sleep 1003" in engine("top", id).out, "the second process runs")
    yield id
    engine("stop", "--time", "0", id).ok()
    child.wait()


def test_the_processes_are_listed_with_their_pids_on_both_sides(engine, busy):
    rows = engine("top", "--format", "json", busy).ok().json()
    assert sorted(row["command"] for row in rows) == [
        "sh -c sleep 1001 & sleep 1002 & wait", "sleep 1001", "sleep 1002", "sleep 1003"]
    first = rows[0]
    assert first["pid"] == engine.pid(busy) and first["nspid"] == 1 and first["user"] == "root"
    assert [row["user"] for row in rows if row["command"] == "sleep 1003"] == ["app"]
    for row in rows:
        with open(f"/proc/{row['pid']}/status", encoding="ascii", errors="replace") as status:
            fields = dict(line.split(":", 1) for line in status)
        assert row["nspid"] == int(fields["NSpid"].split()[-1])
        assert row["ppid"] == int(fields["PPid"])
    assert engine("top", busy).ok().lines[0].split() == [
        "PID", "NSPID", "PPID", "USER", "STAT", "%CPU", "TIME", "COMMAND"]
    assert len(engine("ps", busy).ok().lines) == 5
    assert [line.split()[0] for line in engine("ps", busy).lines[1:]] == engine("ps", "-q", busy).ok().lines


@pytest.mark.parametrize("words, heading", [
    (["-eo", "pid,rss,command"], ["PID", "RSS", "COMMAND"]),
    (["-o", "user", "-o", "uid"], ["USER", "UID"]),
    (["-opid"], ["PID"]),
    (["pid", "time"], ["PID", "TIME"]),
    (["-ef"], ["USER", "PID", "PPID", "%CPU", "TIME", "COMMAND"]),
    (["aux"], ["USER", "PID", "%CPU", "RSS", "STAT", "TIME", "COMMAND"]),
])
def test_columns_are_chosen_as_with_ps(any_engine, box, words, heading):
    id = any_engine.id()
    any_engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    lines = any_engine("top", id, *words).ok().lines
    assert lines[0].split() == heading and len(lines) == 2
    any_engine("top", id, "-eo", "pid,comand").fails("InvalidArgument", "comand", "did you mean command")
    any_engine("top", id, "-o").fails("InvalidArgument", "expected columns")
    any_engine("top", id, "-x").fails("InvalidArgument", '"-x"')
    any_engine("stop", "--time", "0", id).ok()
    any_engine("top", id).fails("InvalidState", id, "stopped")


def test_what_is_no_text_makes_no_malformed_json(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--detach", "--image", box, id, "sh", "-c",
               r"printf 'r\377t:x:0:0::/:/bin/sh\n' > /etc/passwd; exec sh -c 'sleep 1000; true' $(printf 'a\377b')").ok()
    await_that(lambda: "sleep 1000" in any_engine("top", id, "command").ok().lines, "both run")
    rows = json.loads(any_engine("top", "--format", "json", id).ok().out.encode("utf-8", "surrogateescape").decode())
    assert {"sh -c sleep 1000; true a?b", "sleep 1000"} == {row["command"] for row in rows}
    assert {row["user"] for row in rows} == {"r?t"}
    any_engine("stop", "--time", "0", id).ok()


def test_what_is_in_a_pid_namespace_below_is_listed_too(engine, box):
    id = engine.id()
    engine("run", "--detach", "--privileged", "--image", box, id, "sh", "-c",
           "unshare -p -f sh -c 'sleep 1001 & exec sleep 1002' & exec sleep 1003").ok()
    await_that(lambda: {"sleep 1001", "sleep 1002", "sleep 1003"} < set(engine("top", id, "command").ok().lines), "all run")
    rows = {row["command"]: row for row in engine("top", "--format", "json", id).ok().json()}
    assert {"sleep 1001", "sleep 1002", "sleep 1003"} < set(rows)
    inside = engine("exec", id, "ps", "-o", "pid,args").ok().lines
    for command, row in rows.items():
        assert f"{row['nspid']} {command}" in [" ".join(line.split()) for line in inside]
    engine("stop", "--time", "0", id).ok()


def test_a_passwd_that_is_a_trap_gives_numbers(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    for trap in ("mkfifo /etc/passwd", "ln -s /dev/zero /etc/passwd", "mkdir /etc/passwd"):
        any_engine("exec", id, "sh", "-c", f"rm -rf /etc/passwd; busybox {trap}").ok()
        assert any_engine("top", id, "user").ok().lines == ["USER", "0"]
