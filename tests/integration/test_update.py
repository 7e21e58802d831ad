# SPDX-License-Identifier: MIT
"""Other limits for a container that is there: at once, for later starts, all or none."""

import json
import os
import pathlib

import pytest

from host import V2
from test_cgroups import control


def memory(pid):
    return control(pid, "memory", "memory.limit_in_bytes", "memory.max")


def pids(pid):
    return control(pid, "pids", "pids.max", "pids.max")


@pytest.mark.vm
def test_a_running_container_gets_other_limits(engine, box_start):
    id = box_start(flags=["--memory", "64m", "--pids-limit", "10"])
    pid = engine.pid(id)
    engine("update", "--memory", "32m", "--cpus", "0.5", id).ok()
    assert memory(pid) == str(32 << 20)
    assert pids(pid) == "10"  # was not mentioned
    if V2:
        assert control(pid, "cpu", "", "cpu.max") == "50000 100000"
    else:
        assert control(pid, "cpu", "cpu.cfs_quota_us", "") == "50000"
    engine("update", "--memory", "-1", "--pids-limit", "unlimited", id).ok()
    assert memory(pid) in ("max", "9223372036854771712")
    assert pids(pid) == "max"


def test_a_later_start_has_the_new_limits(engine, box_start):
    id = box_start(flags=["--memory", "64m"])
    engine("update", "--memory", "48m", "--pids-limit", "13", id).ok()
    engine("stop", "--time", "0", id).ok()
    engine("start", id).ok()
    assert memory(engine.pid(id)) == str(48 << 20)
    assert pids(engine.pid(id)) == "13"
    assert engine("inspect", id).ok().json()["spec"]["linux"]["resources"]["memory"]["limit"] == 48 << 20


def test_a_stopped_container_of_an_image_can_be_updated(engine, box_start):
    id = box_start(flags=["--memory", "64m"])
    engine("stop", "--time", "0", id).ok()
    engine("update", "--memory", "40m", id).ok()
    engine("start", id).ok()
    assert memory(engine.pid(id)) == str(40 << 20)


def test_what_is_empty_changes_nothing_now_or_later(engine, box_start):
    id = box_start(flags=["--cpuset-cpus", "0", "--memory", "64m"])
    engine("update", "--cpuset-cpus", "", id).ok()
    assert engine("inspect", id).ok().json()["spec"]["linux"]["resources"]["cpu"]["cpus"] == "0"
    engine("stop", "--time", "0", id).ok()
    engine("start", id).ok()
    assert control(engine.pid(id), "cpuset", "cpuset.cpus", "cpuset.cpus") == "0"


def test_a_stopped_container_of_a_bundle_cannot(engine, start):
    id = start()
    engine("kill", id, "KILL").ok()
    engine.await_status(id, "stopped")
    engine("update", "--memory", "40m", id).fails("InvalidState", id, "stopped")


@pytest.mark.vm
def test_one_limit_that_fails_takes_all_back(engine, box_start):
    id = box_start(flags=["--memory", "64m", "--pids-limit", "10"])
    pid = engine.pid(id)
    result = engine("update", "--memory", "32m", "--pids-limit", "5", "--cpuset-cpus", "4000", id)
    assert result.code == 1 and "linux.resources.cpu.cpus" in result.err, result
    assert memory(pid) == str(64 << 20) and pids(pid) == "10"
    limits = engine("inspect", id).ok().json()["spec"]["linux"]["resources"]
    assert limits["memory"]["limit"] == 64 << 20 and limits["pids"]["limit"] == 10
    assert "cpus" not in limits.get("cpu", {})


@pytest.mark.parametrize("source", ["file", "-"])
def test_limits_as_runc_reads_them(engine, start, work, source):
    id = start()
    resources = json.dumps({"memory": {"limit": 64 << 20, "swap": 96 << 20}, "pids": {"limit": 21},
                            "cpu": {"shares": 0, "quota": 20000, "period": 40000}})
    (work / "limits.json").write_text(resources)
    if source == "-":
        engine("update", "-r", "-", id, input=resources.encode()).ok()
    else:
        engine("update", "--resources", work / "limits.json", id).ok()
    pid = engine.pid(id)
    assert memory(pid) == str(64 << 20) and pids(pid) == "21"
    assert control(pid, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max") == \
        str((32 if V2 else 96) << 20)


def test_two_updates_of_a_bundle_add_up(engine, start):
    def edit(bundle):
        bundle.linux["resources"] = {"memory": {"limit": 64 << 20}}

    id = start(edit=edit)
    engine("update", "--pids-limit", "31", id).ok()
    engine("update", "--memory", "80m", id).ok()
    engine("update", "--cpu-share", "512", id).ok()
    assert memory(engine.pid(id)) == str(80 << 20) and pids(engine.pid(id)) == "31"


def test_memory_and_swap_rise_together(engine, box_start):
    id = box_start(flags=["--memory", "32m", "--memory-swap", "32m"])
    engine("update", "--memory", "64m", id).fails("InvalidSpec", "memory.swap")
    assert memory(engine.pid(id)) == str(32 << 20)
    engine("update", "--memory", "64m", "--memory-swap", "96m", id).ok()
    assert memory(engine.pid(id)) == str(64 << 20)
    engine("update", "--memory", "16m", "--memory-swap", "16m", id).ok()
    assert memory(engine.pid(id)) == str(16 << 20)


def test_the_kernel_kills_again_where_that_was_disabled(engine, box_start):
    def oom():
        return control(pid, "memory", "memory.oom_control", "").splitlines()[0]

    pid = engine.pid(id := box_start(flags=["--memory", "64m", "--oom-kill-disable"]))
    assert oom() == "oom_kill_disable 1"
    engine("update", "-r", "-", id, input=b'{"memory": {"disableOOMKiller": false}}').ok()
    assert oom() == "oom_kill_disable 0"
    engine("update", "--oom-kill-disable", id).ok()
    assert oom() == "oom_kill_disable 1"


def cpu(pid, old, new, field=0):
    return control(pid, "cpu", old, new).split()[field]


@pytest.mark.vm
def test_quota_and_burst_fall_and_rise_together(engine, box_start):
    """No quota is below what may be saved up of it, at any moment."""
    pid = engine.pid(id := box_start(flags=["--cpu-quota", "50000", "--cpu-burst", "50000"]))
    for value in ("20000", "80000", "10000"):
        engine("update", "--cpu-quota", value, "--cpu-burst", value, id).ok()
        assert cpu(pid, "cpu.cfs_quota_us", "cpu.max") == cpu(pid, "cpu.cfs_burst_us", "cpu.max.burst") == value
    result = engine("update", "--cpu-quota", "5000", "--pids-limit", "77", id)
    assert result.code == 1 and "linux.resources.cpu" in result.err, result
    assert cpu(pid, "cpu.cfs_quota_us", "cpu.max") == "10000" and pids(pid) == "max"


@pytest.mark.vm
def test_what_is_idle_has_its_share_again_afterwards(engine, box_start):
    def shares():
        return cpu(pid, "cpu.shares", "cpu.weight"), cpu(pid, "cpu.idle", "cpu.idle")

    pid = engine.pid(id := box_start(flags=["--cpu-shares", "512", "--cpu-idle", "1"]))
    engine("update", "--pids-limit", "50", id).ok()
    assert pids(pid) == "50" and shares()[1] == "1"
    engine("update", "--cpu-idle", "0", id).ok()
    assert shares() == ("20" if V2 else "512", "0")
    assert engine("update", "--cpu-idle", "1", "--cpuset-cpus", "4000", id).code == 1
    assert shares() == ("20" if V2 else "512", "0")
    engine("update", "--cpu-idle", "1", "--cpu-shares", "1024", id).ok()
    engine("update", "--cpu-idle", "0", id).ok()
    assert shares() == ("39" if V2 else "1024", "0")


def test_a_shorter_period_with_its_quota_fits_below_a_quota(engine, box_start):
    """Version 1 allows no larger part of its time to a cgroup than the one above has."""
    parent = engine.id("parent")
    pid = engine.pid(id := box_start(flags=["--cgroup-parent", f"/{parent}"]))
    limited = pathlib.Path(f"/sys/fs/cgroup/cpu/{parent}")
    try:
        (limited / "cpu.cfs_quota_us").write_text("50000")
        for period, quota in (("100000", "50000"), ("20000", "10000"), ("100000", "40000")):
            engine("update", "--cpu-period", period, "--cpu-quota", quota, id).ok()
            assert cpu(pid, "cpu.cfs_period_us", "") == period and cpu(pid, "cpu.cfs_quota_us", "") == quota
    finally:
        engine.remove_all()
        for directory, names, _ in os.walk("/sys/fs/cgroup"):
            if parent in names:
                os.rmdir(os.path.join(directory, parent))  # the caller's, and kept


def test_a_created_and_a_paused_container_can_be_updated(engine, create):
    id = create()
    engine("update", "--pids-limit", "17", id).ok()
    engine("start", id).ok()
    engine("pause", id).ok()
    engine("update", "--memory", "64m", id).ok()
    assert memory(engine.pid(id)) == str(64 << 20) and pids(engine.pid(id)) == "17"
    engine("resume", id).ok()


def test_an_update_says_what_it_wants(any_engine, work):
    any_engine("update", "x").fails("InvalidArgument", "expected a limit")
    any_engine("update", "--memory", "1m").fails("InvalidArgument", "expected the id")
    any_engine("update", "--memory", "1m", "-r", "-", "x").fails("InvalidArgument", "--resources")
    any_engine("update", "-r", work / "none", "x").fails("InvalidArgument", "none")
    any_engine("update", "--memory", "1m", "nobody").fails("ContainerNotFound", "nobody")


@pytest.mark.parametrize("resources, error, word", [
    (b"{", "InvalidJson", "update"), (b"[]", "InvalidSpec", "object"),
    (b'{"memory":{"limit":"x"}}', "InvalidSpec", "memory.limit"),
    (b'{"devices":[{"allow":true}]}', "UnsupportedOperation", "devices"),
    (b'{"hugepageLimits":[{"pageSize":"../2MB","limit":1}]}', "InvalidSpec", "pageSize"),
])
def test_malformed_limits_change_nothing(any_engine, make_bundle, resources, error, word):
    id = any_engine.id()
    any_engine("create", "--bundle", make_bundle("sleep", "100").path, id).ok()
    any_engine("update", "-r", "-", id, input=resources).fails(error, word)


@pytest.mark.parametrize("resources", ["x", {"memory": [1]}, {"hugepageLimits": {}}], ids=str)
def test_a_bundle_that_was_spoiled_meanwhile_is_told(any_engine, make_bundle, resources):
    bundle, id = make_bundle("sleep", "1000"), any_engine.id()
    any_engine("run", "--detach", "--bundle", bundle.path, id).ok()
    bundle.spec["linux"]["resources"] = resources
    bundle.save()
    any_engine("update", "--pids-limit", "10", id).fails("InvalidSpec", id)
    bundle.spec["linux"]["resources"] = {}
    bundle.save()
    any_engine("update", "--pids-limit", "10", id).ok()
