# SPDX-License-Identifier: MIT
"""The service's unit, under the systemd it is for."""

import os
import pathlib
import signal
import subprocess

import pytest

from engine import COMMAND, await_that
from test_service import PACKAGING, UNITS, systemctl

pytestmark = pytest.mark.systemd

SERVE = "proxmox-lxcri-serve.service"
PATIENCE = 120


def pid_of_service():
    return int(systemctl("show", "--property=MainPID", "--value", SERVE))


@pytest.fixture
def unit(any_engine):
    """The unit, for an engine with directories of its own, with a watchdog that is as quick as a test."""
    command = f"{COMMAND} --root {any_engine.root} --data {any_engine.data}"
    text = (PACKAGING / "proxmox-lxcri-serve.service.in").read_text().replace("@command@", command)
    assert "WatchdogSec=60\n" in text
    any_engine.end_service()
    any_engine.service_lock.close()
    (UNITS / SERVE).write_text(text.replace("WatchdogSec=60\n", "WatchdogSec=5\n"))
    systemctl("daemon-reload")
    yield SERVE
    subprocess.run(["systemctl", "stop", SERVE], check=False)
    (UNITS / SERVE).unlink()
    systemctl("daemon-reload")


def test_the_service_is_started_again_and_containers_stay(unit, any_engine, box):
    id = any_engine.id()
    any_engine("run", "--detach", "--restart", "always", "--image", box, id, "sleep", "1000", timeout=300).ok()
    pid = any_engine.pid(id)
    await_that(any_engine.service_pid, "the one that the command has started by itself", PATIENCE)
    systemctl("start", unit)  # finds that one, and is content
    assert pid_of_service() == 0
    any_engine.end_service()
    systemctl("start", unit)
    assert systemctl("is-active", unit) == "active"
    first = pid_of_service()

    systemctl("reload", unit)
    assert pid_of_service() == first

    os.kill(first, signal.SIGKILL)
    second = await_that(lambda: pid_of_service() not in (0, first) and pid_of_service(), "another one", PATIENCE)

    os.kill(second, signal.SIGSTOP)  # and says no more that it lives
    third = await_that(lambda: pid_of_service() not in (0, second) and pid_of_service(), "a third one", PATIENCE)

    assert any_engine.pid(id) == pid
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: any_engine.status(id) == "running" and any_engine.pid(id) != pid,
               "the container has started again", PATIENCE)
    assert pid_of_service() == third

    pid = any_engine.pid(id)
    systemctl("stop", unit)
    assert any_engine.pid(id) == pid and pathlib.Path(f"/proc/{pid}").exists()
