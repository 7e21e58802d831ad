# SPDX-License-Identifier: MIT
"""Containers in transient scopes of systemd."""

import json
import pathlib
import subprocess

import pytest

from engine import await_that

pytestmark = pytest.mark.systemd

ROOT = pathlib.Path("/sys/fs/cgroup")


def group(pid):
    return ROOT / pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::/")


def show(unit):
    """The properties of a unit as systemd has them."""
    out = subprocess.run(["systemctl", "show", unit], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


@pytest.fixture
def scoped(engine, box):
    """Starts a container in a scope and returns its id."""
    def scoped(*flags, words=("sleep", "1000")):
        id = engine.id()
        engine("--systemd-cgroup", "run", "-d", "--name", id, *flags, box, *words).ok()
        return id

    return scoped


def test_a_container_has_a_scope_with_its_limits(engine, scoped):
    id = scoped("--memory", "64m", "--cpus", "0.5", "--cpu-shares", "2048", "--pids-limit", "20")
    directory = group(engine.pid(id))
    assert directory.name == "container" and directory.parent.parent.name == "machine.slice"
    assert (directory / "memory.max").read_text() == f"{64 << 20}\n"
    assert (directory / "cpu.max").read_text() == "50000 100000\n"
    assert (directory / "pids.max").read_text() == "20\n"
    scope = show(directory.parent.name)
    assert (scope["ActiveState"], scope["Slice"], scope["Delegate"]) == ("active", "machine.slice", "yes")
    assert scope["MemoryMax"] == str(96 << 20) and scope["TasksMax"] == "36"
    assert scope["CPUWeight"] == (directory / "cpu.weight").read_text().strip()
    assert scope["CPUQuotaPerSecUSec"] == "500ms"


@pytest.mark.long
def test_the_scope_goes_with_the_container(engine, scoped):
    id = scoped()
    scope = group(engine.pid(id)).parent
    engine("delete", "--force", id).ok()
    await_that(lambda: not scope.exists(), "the scope's cgroup is gone")
    assert show(scope.name)["LoadState"] == "not-found"


@pytest.mark.long
def test_systemd_undoes_no_limit(engine, scoped):
    id = scoped("--memory", "64m", "--cpuset-cpus", "0", "--pids-limit", "20")
    directory = group(engine.pid(id))
    engine("update", "--memory", "80m", "--pids-limit", "30", id).ok()
    assert show(directory.parent.name)["TasksMax"] == "46"
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    assert (directory / "memory.max").read_text() == f"{80 << 20}\n"
    assert (directory / "pids.max").read_text() == "30\n"
    assert (directory / "cpuset.cpus").read_text() == "0\n"


@pytest.mark.long
def test_a_container_starts_again_in_a_scope(engine, scoped):
    id = scoped("--memory", "64m")
    for _ in range(2):
        engine("stop", "--time", "0", id).ok()
        engine("start", id).ok()
        directory = group(engine.pid(id))
        assert directory.name == "container" and (directory / "memory.max").read_text() == f"{64 << 20}\n"


@pytest.mark.long
def test_the_slice_can_be_chosen(engine, box, scoped):
    id = scoped("--cgroup-parent", "lxcritest-deep.slice")
    assert "/lxcritest.slice/lxcritest-deep.slice/" in str(group(engine.pid(id)))
    engine("--systemd-cgroup", "run", "--cgroup-parent", "/no/slice", "--name", engine.id(), box, "true").fails(
        "InvalidArgument", "slice", code=125)
    engine.remove_all()
    subprocess.run(["systemctl", "stop", "lxcritest-deep.slice", "lxcritest.slice"], check=True)


@pytest.mark.long
def test_a_bundle_names_its_scope_as_for_runc(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    id = engine.id()
    bundle.linux["cgroupsPath"] = f"system.slice:lxcri:{id}"
    bundle.linux["resources"] = {"pids": {"limit": 25}}
    bundle.save()
    engine("--systemd-cgroup", "run", "-d", "--bundle", bundle.path, id).ok()
    path = str(group(engine.pid(id)))
    assert f"/system.slice/lxcri-{id}.scope" in path
    assert (pathlib.Path(path) / "pids.max").read_text() == "25\n"
    engine("delete", "--force", id).ok()


def test_a_killed_monitor_leaves_no_scope(engine, scoped):
    id = scoped()
    scope = group(engine.pid(id)).parent
    (monitor,) = (scope / "monitor/cgroup.procs").read_text().split()
    pathlib.Path(f"/proc/{monitor}/comm").read_text()
    subprocess.run(["kill", "-KILL", monitor], check=True)
    engine.await_status(id, "stopped")
    await_that(lambda: not scope.exists(), "the scope's cgroup is gone")


@pytest.mark.long
def test_without_the_socket_of_systemd_the_error_says_so(engine, box, work):
    config = work / "config.json"
    config.write_text(json.dumps({"runtime": {"cgroup_manager": "systemd"}}))
    argv = engine.argv("--config", config, "run", "--name", engine.id(), box, "true")
    hidden = "mount --bind /dev/null /run/systemd/private && mount -t tmpfs none /run/dbus && exec \"$@\""
    done = subprocess.run(["unshare", "-m", "sh", "-c", hidden, "sh", *argv], capture_output=True, text=True,
                          check=False, env=engine.environment())
    assert done.returncode == 125 and "connect to systemd" in done.stderr and "cgroupfs" in done.stderr, done
    assert engine.list() == []
