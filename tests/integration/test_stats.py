# SPDX-License-Identifier: MIT
"""What containers use, by the kernel's own count."""

import json
import os
import pty
import signal
import time

import pytest

from engine import await_that


def stats(engine, id):
    return engine("stats", "--no-stream", "--format", "json", id).ok().json()[0]


@pytest.mark.vm
def test_the_numbers_are_those_of_the_container(engine, box_start):
    id = box_start("sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>/dev/null; sleep 100 & sleep 100 & "
                   "while :; do :; done", flags=["--memory", "64m", "--pids-limit", "20", "--cpus", "0.05",
                                                        "--network", "none"])
    found = await_that(lambda: (lambda one: one if one["pids"]["current"] == 3 and
                                one["memory"]["usage"]["usage"] >= 8 << 20 and
                                one["cpu"]["throttling"]["throttledPeriods"] > 0 and
                                one["cpuPercent"] > 0 else None)(stats(engine, id)),
                       "the container uses what it should", 30)
    assert found["id"] == id
    assert found["memory"]["usage"]["limit"] == 64 << 20
    assert found["memory"]["cache"] >= 8 << 20
    assert found["memory"]["oomKills"] == 0
    assert found["pids"]["limit"] == 20
    assert found["cpu"]["usage"]["total"] > 0 and found["cpu"]["throttling"]["throttledTime"] > 0
    assert found["cpuPercent"] < 150
    assert found["network"]["rxBytes"] == 0


def test_kills_of_a_running_container_are_counted(engine, box_start):
    greedy = "echo 1000 > /proc/self/oom_score_adj; tr '\\\\0' x < /dev/zero | head -c 67108864 | sort > /dev/null"
    # One kill may not be enough in time: then another of these goes, and not the first process.
    id = box_start("sh", "-c", f'sh -c "{greedy}"; sleep 100',
                   flags=["--memory", "16m", "--memory-swap", "16m"])
    await_that(lambda: stats(engine, id)["memory"]["oomKills"] >= 1, "a kill is counted", 30)


def test_what_is_not_limited_has_no_limit(engine, box_start):
    found = stats(engine, box_start())
    assert "limit" not in found["memory"]["usage"] and "limit" not in found["memory"]["swap"]


def test_the_host_s_network_is_not_the_container_s(engine, box_start):
    assert "network" not in stats(engine, box_start(flags=["--network", "host"]))


def test_a_table_of_all_that_run(engine, box_start, create):
    running, created = box_start(flags=["--memory", "64m"]), create()
    lines = engine("stats", "--no-stream").ok().lines
    assert lines[0].split()[0] == "ID" and [line.split()[0] for line in lines[1:]] == [running]
    assert "/ 64MiB" in lines[1]
    everything = engine("stats", "--no-stream", "--all").ok().lines
    assert {line.split()[0] for line in everything[1:]} == {running, created}


def test_a_container_without_processes_is_refused(engine, box_start):
    id = box_start()
    engine("stop", "--time", "0", id).ok()
    engine("stats", "--no-stream", id).fails("InvalidState", id)
    engine("stats", "--no-stream", "nobody").fails("ContainerNotFound", "nobody")


def test_the_table_is_drawn_anew_until_the_container_ends(engine, box_start):
    id = box_start()
    master, slave = pty.openpty()
    child = engine.open("stats", "--interval", "0.05", id, stdout=slave)
    os.close(slave)
    seen = b""
    while seen.count(b"\033[H\033[J") < 3:
        seen += os.read(master, 4096)
    engine("stop", "--time", "0", id).ok()
    assert child.wait(10) == 0
    engine.children.remove(child)
    os.close(master)
    assert id.encode() in seen


def test_many_rounds_are_a_line_each_as_json(engine, box_start):
    id = box_start()
    child = engine.open("stats", "--interval", "0.05", "--format", "json", id)
    await_that(lambda: len(child.result("?").lines) >= 3, "three lines")
    child.send_signal(signal.SIGINT)
    result = engine.finish(child)
    for line in result.lines[:3]:
        assert json.loads(line)[0]["id"] == id


def test_a_reader_that_goes_ends_it(engine, box_start):
    box_start()
    reader, writer = os.pipe()
    child = engine.open("stats", "--interval", "0.01", stdout=writer)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    deadline = time.monotonic() + 10
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert child.poll() is not None
    engine.children.remove(child)
