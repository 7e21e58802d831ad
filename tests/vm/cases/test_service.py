# SPDX-License-Identifier: MIT
"""The units that are installed, under the systemd they are for."""

import pathlib
import subprocess

import pytest

from engine import COMMAND, await_that

pytestmark = pytest.mark.systemd

PACKAGING = pathlib.Path(__file__).resolve().parents[3] / "packaging"
UNITS = pathlib.Path("/run/systemd/system")
SERVICE = "proxmox-lxcri.service"
OBEDIENT = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.2; done"


def systemctl(*words):
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def service(any_engine):
    """The service, for an engine with directories of its own."""
    command = f"{COMMAND} --root {any_engine.root} --data {any_engine.data}"
    text = (PACKAGING / "proxmox-lxcri.service.in").read_text().replace("@command@", command)
    scope = UNITS / "session-.scope.d"
    scope.mkdir(parents=True)
    (scope / "proxmox-lxcri.conf").write_text((PACKAGING / "session.conf").read_text())
    (UNITS / SERVICE).write_text(text)
    systemctl("daemon-reload")
    yield
    subprocess.run(["systemctl", "stop", SERVICE], check=False)
    (UNITS / SERVICE).unlink()
    (scope / "proxmox-lxcri.conf").unlink()
    scope.rmdir()
    systemctl("daemon-reload")


def test_stopping_the_service_stops_containers_as_they_ask(service, any_engine, box):
    systemctl("start", SERVICE)
    assert systemctl("is-active", SERVICE) == "active"
    ids = [any_engine.id() for _ in range(2)]
    for id in ids:
        any_engine("run", "--detach", "--image", box, id, "sh", "-c", OBEDIENT, timeout=300).ok()
        await_that(lambda id=id: "ready" in any_engine("logs", id).out, f"{id} is ready", 300)
    systemctl("stop", SERVICE)
    for id in ids:
        assert any_engine("wait", id).ok().out == "7\n"
        assert any_engine("logs", id).out.endswith("bye\n")


@pytest.mark.long
def test_a_session_is_ended_after_the_service_and_so_is_all_that_boots(service):
    with subprocess.Popen(["systemd-run", "--quiet", "--scope", "--unit=session-lxcri1", "sleep", "100"]) as session:
        try:
            await_that(lambda: subprocess.run(["systemctl", "is-active", "--quiet", "session-lxcri1.scope"],
                                              check=False).returncode == 0, "the session is there", 60)
            assert SERVICE in systemctl("show", "--property=Before", "session-lxcri1.scope")
        finally:
            session.kill()
    after = systemctl("show", "--property=After", SERVICE)
    assert "multi-user.target" in after


@pytest.mark.long
def test_the_service_cleans_up_behind_a_monitor_that_was_killed(service, any_engine, box):
    id = any_engine.id()
    any_engine("run", "--detach", "--image", box, id, "sleep", "1000", timeout=300).ok()
    pid = any_engine.pid(id)
    monitor = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    subprocess.run(["kill", "-KILL", str(monitor)], check=True)
    systemctl("start", SERVICE)
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_the_service_mends_what_a_power_cut_left_and_is_there_whatever_is_wrong(service, any_engine, box):
    any_engine("image", "import", box, "mine:1", timeout=300).ok()
    left = any_engine.data / "containers" / "left-over"
    left.mkdir(parents=True)
    id = any_engine.id()
    any_engine("create", "--image", "mine:1", id, "true", timeout=300).ok()
    (any_engine.data / "images/index.json").write_text("{")
    systemctl("start", SERVICE)
    assert systemctl("is-active", SERVICE) == "active"
    assert not left.exists() and any_engine.list() == [id]
    told = subprocess.run(["journalctl", "--unit", SERVICE, "--output", "cat"], capture_output=True, text=True,
                          check=True).stdout
    assert "container.half_deleted" in told and "images.index" in told
