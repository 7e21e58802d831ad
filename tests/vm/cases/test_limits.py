# SPDX-License-Identifier: MIT
"""Limits bite, and the engine tells: each is observed by what it does to a process, not only by the
number in a file."""

import os
import pathlib
import re
import subprocess

import pytest

from engine import await_that

MIB = 1 << 20


def group(pid):
    """The directory of a process's cgroup."""
    path = pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")
    return pathlib.Path("/sys/fs/cgroup" + path)


def counts(path):
    """A file of names and numbers as a dictionary."""
    return {name: int(value) for name, value in (line.split() for line in path.read_text().splitlines())}


def listed(engine, id):
    return next(entry for entry in engine("list", "--format", "json").ok().json() if entry["id"] == id)


@pytest.fixture
def limited(engine, box_start):
    """Starts a container with limits and returns its id and its cgroup."""
    def limited(script, *flags):
        id = box_start("sh", "-c", script, flags=flags)
        return id, group(engine.pid(id))

    return limited


# It grows until it is stopped: the line that tail keeps has no end.
HOG = "tail /dev/zero"


def test_who_takes_too_much_memory_is_killed_and_reported(engine, box, kernel_says):
    id = engine.id()
    engine("run", "--memory", "16m", "--memory-swap", "16m", "--image", box, id, "sh", "-c", f"exec {HOG}").exits(137)
    assert listed(engine, id)["OOMKilled"] is True
    assert engine("inspect", id).ok().json()["exitCode"] == 137
    assert "out of memory" in engine("list").ok().out
    assert "out of memory" in kernel_says().lower()


@pytest.mark.long
def test_a_kill_for_another_reason_is_not_reported_as_one(engine, box_start):
    id = box_start(flags=["--memory", "64m"])
    engine("kill", id, "KILL").ok()
    engine.await_status(id, "stopped")
    assert listed(engine, id)["OOMKilled"] is False


def test_a_process_that_is_killed_leaves_the_others(engine, limited):
    id, directory = limited(f"sh -c '{HOG}'; echo survived; exec sleep 1000", "--memory", "24m", "--memory-swap", "24m")
    await_that(lambda: engine("logs", id).out == "survived\n", "the shell goes on", timeout=60)
    assert counts(directory / "memory.events")["oom_kill"] >= 1
    assert engine.status(id) == "running"


def test_a_quota_of_the_processor_throttles(engine, limited):
    id, directory = limited("while :; do :; done", "--cpus", "0.25")
    first = counts(directory / "cpu.stat")
    await_that(lambda: counts(directory / "cpu.stat")["nr_throttled"] >= first["nr_throttled"] + 20,
               "it is throttled", timeout=60)
    last = counts(directory / "cpu.stat")
    periods = last["nr_periods"] - first["nr_periods"]
    used = last["usage_usec"] - first["usage_usec"]
    # In each period of 100 ms it gets 25 ms, and a little more at the last tick.
    assert used / periods < 50_000, (first, last)
    assert last["throttled_usec"] > first["throttled_usec"]


@pytest.mark.long
def test_without_a_quota_nothing_is_throttled(limited):
    _, directory = limited("while :; do :; done", "--memory", "64m")
    await_that(lambda: counts(directory / "cpu.stat")["usage_usec"] > 500_000, "it runs", timeout=60)
    assert counts(directory / "cpu.stat").get("nr_throttled", 0) == 0


def test_a_fork_bomb_is_stopped(engine, limited):
    id, directory = limited("bomb() { bomb | bomb & }; bomb; exec sleep 1000", "--pids-limit", "40")
    await_that(lambda: counts(directory / "pids.events")["max"] > 0, "forks are refused", timeout=60)
    assert int((directory / "pids.current").read_text()) <= 40
    engine("delete", "--force", id).ok()
    assert not directory.exists()


def test_a_rate_of_writing_is_kept(engine, limited, work):
    """A megabyte a second: four megabytes that are flushed take three seconds at the least."""
    device = disk_of("/tmp")
    work.chmod(0o777)  # for whoever the container's root is
    id, directory = limited("exec sleep 1000", "--device-write-bps", f"{device}:1m", "-v", f"{work}:/data")
    numbers = f"{os.major(os.stat(device).st_rdev)}:{os.minor(os.stat(device).st_rdev)}"
    assert re.search(rf"^{numbers} .*\bwbps={MIB}\b", (directory / "io.max").read_text(), re.M)
    began = uptime()
    engine("exec", id, "dd", "if=/dev/zero", "of=/data/file", "bs=64k", "count=64", "conv=fsync").ok()
    assert uptime() - began > 3.0


@pytest.fixture
def second_processor():
    """Up while the test runs."""
    online = pathlib.Path("/sys/devices/system/cpu/cpu1/online")
    online.write_text("1")
    yield
    online.write_text("0")


@pytest.mark.usefixtures("second_processor")
def test_processors_can_be_chosen(engine, limited):
    id, directory = limited("exec sleep 1000", "--cpuset-cpus", "1")
    assert (directory / "cpuset.cpus.effective").read_text() == "1\n"
    allowed = engine("exec", id, "grep", "Cpus_allowed_list", "/proc/self/status").ok().out
    assert allowed.split() == ["Cpus_allowed_list:", "1"]


@pytest.mark.long
def test_a_limit_can_be_changed_while_it_runs(engine, limited):
    id, directory = limited("exec sleep 1000", "--memory", "64m", "--pids-limit", "40")
    engine("update", "--memory", "32m", "--memory-swap", "32m", "--pids-limit", "20", "--cpus", "0.5", id).ok()
    assert (directory / "memory.max").read_text() == f"{32 * MIB}\n"
    assert (directory / "pids.max").read_text() == "20\n"
    assert (directory / "cpu.max").read_text() == "50000 100000\n"


def uptime():
    return float(pathlib.Path("/proc/uptime").read_text().split()[0])


def disk_of(path):
    return subprocess.run(["findmnt", "-no", "SOURCE", "--target", path], capture_output=True, text=True,
                          check=True).stdout.strip()


@pytest.fixture
def kernel_says():
    """Returns what the kernel has said since the test began."""
    before = len(kernel_log())
    return lambda: kernel_log()[before:]


def kernel_log():
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
