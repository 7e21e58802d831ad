# SPDX-License-Identifier: MIT
"""Limits by option and by specification: each is in force, or refused by its name."""

import os
import pathlib
import stat

import pytest

from engine import await_that
from host import V2
from test_cgroups import control


def block_device():
    """The major and minor number of a whole disk of this host, and a node of it."""
    for disk in sorted(pathlib.Path("/sys/block").iterdir()):
        if (disk / "dev").exists():
            return disk.name, (disk / "dev").read_text().strip()
    raise AssertionError("the host has no block device")


@pytest.fixture
def disk(work):
    """The path of a block device, and its numbers."""
    _, numbers = block_device()
    major, minor = map(int, numbers.split(":"))
    path = work / "disk"
    os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(major, minor))
    return path, numbers


@pytest.mark.vm
def test_memory_with_a_fraction_of_a_unit(engine, box_start):
    pid = engine.pid(box_start(flags=["--memory", "1.5g", "--memory-swap", "2g", "--memory-reservation", "64m"]))
    assert control(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(3 << 29)
    assert control(pid, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max") == \
        str((1 << 29) if V2 else (2 << 30))
    assert control(pid, "memory", "memory.soft_limit_in_bytes", "memory.low") == str(64 << 20)


def test_swap_without_a_limit(engine, box_start):
    pid = engine.pid(box_start(flags=["--memory", "64m", "--memory-swap", "-1"]))
    assert control(pid, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max") in \
        ("max", "9223372036854771712")


def test_swap_less_than_memory_is_refused(engine, box_run):
    box_run("true", flags=["--memory", "64m", "--memory-swap", "32m"]).fails(
        "InvalidSpec", "memory.swap", code=125)
    assert engine.list() == []


@pytest.mark.vm
def test_cpu_time(engine, box_start):
    pid = engine.pid(box_start(flags=["--cpu-quota", "30000", "--cpu-period", "60000", "--cpu-shares", "1024"]))
    if V2:
        assert control(pid, "cpu", "", "cpu.max") == "30000 60000"
    else:
        assert control(pid, "cpu", "cpu.cfs_quota_us", "") == "30000"
        assert control(pid, "cpu", "cpu.cfs_period_us", "") == "60000"
    assert control(pid, "cpu", "cpu.shares", "cpu.weight") == ("39" if V2 else "1024")


def test_sets_of_processors(engine, box_start):
    pid = engine.pid(box_start(flags=["--cpuset-cpus", "0", "--cpuset-mems", "0"]))
    assert control(pid, "cpuset", "cpuset.cpus", "cpuset.cpus") == "0"
    assert control(pid, "cpuset", "cpuset.mems", "cpuset.mems") == "0"
    assert os.sched_getaffinity(pid) == {0}


def test_rates_of_a_block_device(engine, box_start, disk):
    path, numbers = disk
    pid = engine.pid(box_start(flags=["--device-read-bps", f"{path}:1m", "--device-write-iops", f"{path}:50"]))
    if V2:
        assert f"{numbers} rbps=1048576 wbps=max riops=max wiops=50" in control(pid, "io", "", "io.max")
    else:
        assert f"{numbers} 1048576" in control(pid, "blkio", "blkio.throttle.read_bps_device", "")
        assert f"{numbers} 50" in control(pid, "blkio", "blkio.throttle.write_iops_device", "")


def test_a_weight_of_block_devices(engine, box_start):
    if V2:
        pid = engine.pid(box_start(flags=["--blkio-weight", "1000"]))
        assert control(pid, "io", "", "io.weight") == "default 10000"
    else:
        pid = engine.pid(box_start(flags=["--blkio-weight", "300"]))
        assert control(pid, "blkio", "blkio.bfq.weight", "") == "300"


def test_the_order_of_kills(engine, box_start):
    pid = engine.pid(box_start(flags=["--oom-score-adj", "123"]))
    assert pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text() == "123\n"


def test_a_cgroup_of_the_caller_s_choice(engine, box_start):
    parent = engine.id("parent")
    pid = engine.pid(box_start(flags=["--cgroup-parent", f"/{parent}/below", "--pids-limit", "20"]))
    assert f"/{parent}/below/" in pathlib.Path(f"/proc/{pid}/cgroup").read_text()
    assert control(pid, "pids", "pids.max", "pids.max") == "20"
    engine.remove_all()
    left = [os.path.join(directory, parent) for directory, names, _ in os.walk("/sys/fs/cgroup") if parent in names]
    assert left  # the caller's, and kept
    for directory in left:
        assert os.listdir(directory + "/below")
        os.rmdir(directory + "/below")
        os.rmdir(directory)


def test_a_parent_that_leads_out_is_refused(engine, box_run):
    box_run("true", flags=["--cgroup-parent", "/../x"]).fails("InvalidArgument", "cgroup parent", code=125)


def test_limits_of_version_1(engine, box_start):
    pid = engine.pid(box_start(flags=["--memory", "64m", "--memory-swappiness", "0", "--oom-kill-disable"]))
    assert control(pid, "memory", "memory.swappiness", "") == "0"
    assert "oom_kill_disable 1" in control(pid, "memory", "memory.oom_control", "")


@pytest.mark.vm
@pytest.mark.parametrize("flags, field", [
    (["--memory-swappiness", "5"], "memory.swappiness"), (["--oom-kill-disable"], "memory.disableOOMKiller"),
    (["--cpu-rt-runtime", "1000"], "cpu.realtimeRuntime")])
def test_what_version_2_cannot_do_is_refused(engine, box_run, flags, field):
    box_run("true", flags=flags).fails("UnsupportedOperation", f"linux.resources.{field}", code=125)
    assert engine.list() == []


def test_a_file_of_version_2_is_refused_on_version_1(engine, box_run):
    box_run("true", flags=["--cgroup-conf", "memory.high=1048576"]).fails(
        "UnsupportedOperation", 'unified["memory.high"]', "systemd.unified_cgroup_hierarchy=1", code=125)
    assert engine.list() == []


def test_huge_pages_are_limited_or_refused(engine, run):
    def edit(bundle):
        bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}]}

    result = run("cat", "/proc/self/cgroup", edit=edit)
    if not V2 and engine.backend != "lxc" and not pathlib.Path("/sys/fs/cgroup/hugetlb").exists():
        result.fails("UnsupportedOperation", "hugepageLimits[0]", "hugetlb")
    elif result.code != 0:
        result.fails("UnsupportedOperation", "hugepageLimits[0]", "hugetlb")
    assert engine.list() == []


@pytest.mark.parametrize("resources, field", [
    ({"memory": {"kernel": 1 << 20}}, "memory.kernel"),
    ({"blockIO": {"leafWeight": 100}}, "blockIO.leafWeight"),
    ({"network": {"classID": 7}}, "network.classID"),
])
def test_a_limit_that_the_host_cannot_do_is_refused_by_its_name(engine, run, resources, field):
    def edit(bundle):
        bundle.linux["resources"] = resources

    run("true", edit=edit).fails("UnsupportedOperation", f"linux.resources.{field}")
    assert engine.list() == []


@pytest.mark.vm
def test_a_limit_of_an_adapter_that_is_not_there_is_refused(engine, run):
    def edit(bundle):
        bundle.linux["resources"] = {"rdma": {"mlx5_0": {"hcaHandles": 1}}}

    result = run("true", edit=edit)
    if V2 and "rdma" in pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split():
        assert result.code == 1 and "rdma" in result.err and "o such device" in result.err, result
        assert "block device" not in result.err, result
    else:
        result.fails("UnsupportedOperation", "linux.resources.rdma")
    assert engine.list() == []


def test_processors_that_are_not_there_are_refused(engine, box_run):
    result = box_run("true", flags=["--cpuset-cpus", "4000"])
    assert result.code == 125 and "cpuset.cpus" in result.err, result
    assert engine.list() == []


@pytest.mark.parametrize("flags, words", [
    (["--memory", "1.5"], ["--memory", "1.5"]),
    (["--memory", "-2"], ["--memory", "-2"]),
    (["--memory-swappiness", "101"], ["--memory-swappiness", "101"]),
    (["--pids-limit", "many"], ["--pids-limit", "many"]),
    (["--cpus", "1", "--cpu-quota", "1000"], ["--cpus", "--cpu-quota"]),
    (["--blkio-weight", "1001"], ["--blkio-weight"]),
    (["--device-read-bps", "/dev/null:1m"], ["--device-read-bps", "/dev/null", "block device"]),
    (["--device-read-bps", "/no/such:1m"], ["--device-read-bps", "/no/such"]),
    (["--device-write-iops", "1m"], ["--device-write-iops"]),
    (["--cgroup-conf", "nonsense"], ["--cgroup-conf"]),
    (["--oom-score-adj", "1001"], ["--oom-score-adj"]),
])
def test_a_malformed_limit_names_its_option(any_engine, box, flags, words):
    any_engine("run", *flags, box, "true").fails("InvalidArgument", *words, code=125)
    assert any_engine.list() == []


def test_a_kill_for_want_of_memory_is_recorded(engine, box):
    id = engine.id()
    script = "tr '\\0' x < /dev/zero | head -c 67108864 | sort > /dev/null; exit $?"
    engine("run", "--memory", "16m", "--memory-swap", "16m", "--image", box, id, "sh", "-c", script).exits(137)
    assert engine("inspect", id).ok().json()["OOMKilled"] is True
    assert engine.state(id)["annotations"]["org.proxmox-lxcri.oom-killed"] == "true"
    assert "out of memory" in engine("list").ok().out
    assert [one["OOMKilled"] for one in engine("list", "--format", "json").ok().json()] == [True]


def test_a_kill_by_hand_is_no_want_of_memory(engine, box_start):
    id = box_start(flags=["--memory", "64m"])
    engine("kill", id, "KILL").ok()
    engine.await_status(id, "stopped")
    assert engine("inspect", id).ok().json()["OOMKilled"] is False
    assert "annotations" not in engine.state(id) or \
        "org.proxmox-lxcri.oom-killed" not in engine.state(id)["annotations"]


def test_limits_are_in_force_before_the_program_runs(engine, create):
    def edit(bundle):
        bundle.linux["resources"] = {"memory": {"limit": 32 << 20}, "pids": {"limit": 9}}

    pid = engine.pid(create(edit=edit))
    assert control(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(32 << 20)
    assert control(pid, "pids", "pids.max", "pids.max") == "9"


@pytest.mark.vm
def test_a_cgroup_that_is_gone_keeps_nobody_from_deleting(engine, box_start):
    id = box_start(flags=["--memory", "64m"])
    pid = engine.pid(id)
    moved = []
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        root = "/sys/fs/cgroup" if V2 else f"/sys/fs/cgroup/{controllers.replace('name=', '') or 'unified'}"
        if path == "/" or not pathlib.Path(root + path).exists():
            continue
        for one in pathlib.Path(f"{root}{path}/cgroup.procs").read_text().split():
            pathlib.Path(f"{root}/cgroup.procs").write_text(one)
        await_that(lambda: not remove(root + path), f"{root}{path} is gone")
        moved.append(path)
    assert moved
    result = engine("update", "--memory", "32m", id)
    assert result.code == 1 and "linux.resources.memory.limit" in result.err, result
    engine("delete", "--force", id).ok()
    assert not pathlib.Path(f"/proc/{pid}").exists() or \
        "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()


def remove(path):
    """Tells what keeps a cgroup from going."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return None
    except OSError as problem:
        return problem
    return None


def test_systemd_is_refused_where_it_is_not(engine, box_run, box, work):
    box_run("true", flags=[]).ok()
    engine("--systemd-cgroup", "run", "--name", engine.id(), box, "true").fails(
        "UnsupportedOperation", "systemd", "cgroupfs", code=125)
    config = work / "auto.json"
    config.write_text('{"runtime": {"cgroup_manager": "auto"}}')
    engine("--config", config, "run", "--rm", "--name", engine.id(), box, "true").ok()
    assert engine.list() == []
