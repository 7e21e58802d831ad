# SPDX-License-Identifier: MIT
"""Where systemd is the first process and owns the cgroups."""

import pathlib
import subprocess

import pytest

pytestmark = pytest.mark.systemd


def test_systemd_is_up():
    state = subprocess.run(["systemctl", "is-system-running"], capture_output=True, text=True, check=False)
    assert state.stdout.strip() in ("running", "degraded", "starting"), state
    assert " cgroup " not in pathlib.Path("/proc/self/mounts").read_text()


@pytest.mark.long
def test_a_container_lives_and_leaves_nothing(engine, box, box_start):
    id = box_start("sh", "-c", "echo up; exec sleep 1000", flags=["--memory", "64m", "--pids-limit", "40"])
    group = pathlib.Path(f"/proc/{engine.pid(id)}/cgroup").read_text().strip().removeprefix("0::")
    directory = pathlib.Path("/sys/fs/cgroup" + group)
    assert (directory / "memory.max").read_text() == f"{64 << 20}\n"
    assert engine("exec", id, "echo", "inside").ok().out == "inside\n"
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    assert (directory / "memory.max").read_text() == f"{64 << 20}\n"
    engine("stop", "--time", "0", id).ok()
    engine("delete", id).ok()
    assert not directory.exists()
