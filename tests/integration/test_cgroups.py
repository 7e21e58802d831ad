# SPDX-License-Identifier: MIT
"""Limits of resources, read back where the kernel keeps them."""

import os
import pathlib

import pytest

from host import V2


def control(pid, controller, old, new):
    """Reads a control file of a process's group, by its name in either version."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if V2 and not controllers:
            return (pathlib.Path("/sys/fs/cgroup" + path) / new).read_text().strip()
        if not V2 and controller in controllers.split(","):
            return (pathlib.Path(f"/sys/fs/cgroup/{controller}{path}") / old).read_text().strip()
    raise AssertionError(f"process {pid} is in no group of {controller}")


@pytest.fixture
def limited(engine, start):
    """Starts a container with resources and returns its pid."""
    def limited(**resources):
        def edit(bundle):
            bundle.linux["resources"] = resources

        return engine.pid(start(edit=edit))

    return limited


def test_memory(limited):
    pid = limited(memory={"limit": 64 << 20})
    assert control(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)


def test_memory_reservation(limited):
    pid = limited(memory={"limit": 64 << 20, "reservation": 32 << 20})
    assert control(pid, "memory", "memory.soft_limit_in_bytes", "memory.low") == str(32 << 20)


def test_number_of_processes(limited):
    assert control(limited(pids={"limit": 17}), "pids", "pids.max", "pids.max") == "17"


def test_cpu_quota(limited):
    pid = limited(cpu={"quota": 25000, "period": 50000})
    if V2:
        assert control(pid, "cpu", "", "cpu.max") == "25000 50000"
    else:
        assert control(pid, "cpu", "cpu.cfs_quota_us", "") == "25000"
        assert control(pid, "cpu", "cpu.cfs_period_us", "") == "50000"


def test_cpu_shares(limited):
    pid = limited(cpu={"shares": 512})
    assert control(pid, "cpu", "cpu.shares", "cpu.weight") in ("512", "20")


def test_cpu_set(limited):
    assert control(limited(cpu={"cpus": "0", "mems": "0"}), "cpuset", "cpuset.cpus",
                   "cpuset.cpus") == "0"


def test_the_limit_of_processes_holds(shell):
    def edit(bundle):
        bundle.linux["resources"] = {"pids": {"limit": 5}}

    result = shell("for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo never", edit=edit)
    assert "fork" in result.err.lower() and "never" not in result.out, result


def test_the_limit_of_memory_kills(shell):
    def edit(bundle):
        bundle.linux["resources"] = {"memory": {"limit": 16 << 20, "swap": 16 << 20}}

    # One line of 64 MiB has to be kept whole in memory.
    shell("tr '\\0' x < /dev/zero | head -c 67108864 | sort > /dev/null; exit $?",
          edit=edit).exits(137)


def test_a_group_of_its_own_by_default(engine, start):
    pid = engine.pid(start())
    own = set(pathlib.Path("/proc/self/cgroup").read_text().splitlines())
    groups = set(pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    assert any(":pids:" in line or line.startswith("0::") for line in groups - own)


@pytest.mark.vm
def test_the_group_s_path_can_be_chosen(engine, start):
    path = f"/{engine.id('group')}/below"

    def edit(bundle):
        bundle.linux["cgroupsPath"] = path

    groups = pathlib.Path(f"/proc/{engine.pid(start(edit=edit))}/cgroup").read_text()
    assert path in groups
    engine.remove_all()
    for directory, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            if name == path.split("/")[1]:
                os.rmdir(os.path.join(directory, name))  # the parent is the caller's


@pytest.mark.vm
def test_exec_joins_the_container_s_group(engine, start):
    id = start()
    inside = engine("exec", id, "cat", "/proc/self/cgroup").ok().lines
    group = [line for line in inside if ":pids:" in line or line.startswith("0::")]
    outside = pathlib.Path(f"/proc/{engine.pid(id)}/cgroup").read_text().splitlines()
    assert group and all(any(line.startswith(other) for other in outside) for line in group)
