# SPDX-License-Identifier: MIT
"""Limits that only version 2 of cgroups has, or this guest alone can show."""

import pathlib

import pytest

from test_cgroups import control


@pytest.fixture
def limited(engine, start):
    def limited(**resources):
        def edit(bundle):
            bundle.linux["resources"] = resources

        return engine.pid(start(edit=edit))

    return limited


def test_huge_pages_are_limited(limited):
    pid = limited(hugepageLimits=[{"pageSize": "2MB", "limit": 4 << 20}])
    assert control(pid, "hugetlb", "", "hugetlb.2MB.max") == str(4 << 20)


def test_files_of_version_2_are_taken_literally(limited):
    pid = limited(unified={"memory.high": str(48 << 20), "hugetlb.2MB.max": str(2 << 20)})
    assert control(pid, "memory", "", "memory.high") == str(48 << 20)
    assert control(pid, "hugetlb", "", "hugetlb.2MB.max") == str(2 << 20)


@pytest.mark.long
def test_the_same_by_option(engine, box_start):
    pid = engine.pid(box_start(flags=["--cgroup-conf", f"memory.high={32 << 20}"]))
    assert control(pid, "memory", "", "memory.high") == str(32 << 20)


def test_swap_counts_apart(engine, box_start):
    id = box_start(flags=["--memory", "64m", "--memory-swap", "64m"])
    assert control(engine.pid(id), "memory", "", "memory.swap.max") == "0"
    engine("update", "--memory", "32m", id).ok()
    assert control(engine.pid(id), "memory", "", "memory.swap.max") == str(32 << 20)


@pytest.mark.long
def test_all_controllers_of_the_host_are_there(engine, box_start):
    directory = pathlib.Path("/sys/fs/cgroup") / pathlib.Path(
        f"/proc/{engine.pid(box_start())}/cgroup").read_text().strip().removeprefix("0::/")
    assert {"cpuset", "cpu", "io", "memory", "hugetlb", "pids"} <= set(
        (directory / "cgroup.controllers").read_text().split())
