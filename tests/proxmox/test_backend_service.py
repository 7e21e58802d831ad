# SPDX-License-Identifier: MIT
"""Restart policies and health checks of containers of Proxmox VE."""

import os
import pathlib
import signal

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import pid_of
from engine import await_that

SLEEP = ("sleep", "1000")
DEADLINE = 60


@pytest.fixture
def node(engine, pve):
    """The engine on the node pve1, with a service."""
    engine.configure(local_node="pve1", lxc_directory=str(pve.cluster.host.lxcpath))
    engine.service_lock.close()
    with engine.service():
        yield engine


def state_of(engine, name):
    return engine("inspect", name).ok().json()


def starts(pve):
    return [request for request in pve.requests() if request.path.endswith("/status/start")]


def test_what_ends_is_started_again_as_its_policy_says(node, box):
    name = node.start(box, "sh", "-c", "sleep 0.3; exit 3", flags=("--restart", "on-failure:2"))
    await_that(lambda: state_of(node, name)["restarts"] == 2 and state_of(node, name)["status"] == "stopped",
               "it was started twice more", DEADLINE)
    assert state_of(node, name)["exitCode"] == 3
    well = node.start(box, "true", flags=("--restart", "on-failure"))
    node("wait", well).ok()
    assert state_of(node, well)["restarts"] == 0


def test_who_stops_it_keeps_it_stopped(node, pve, box):
    name = node.start(box, *SLEEP, flags=("--restart", "always"))
    guest = node.guest(name)
    first = pid_of(pve, guest)
    node("stop", "--time", "0", name).ok()
    assert node.status(name) == "stopped"
    node("start", name).ok()
    # It ends by itself, and then by somebody's wish.
    node("kill", "--signal", "USR1", name).ok()
    await_that(lambda: state_of(node, name)["restarts"] >= 1 and node.status(name) == "running", "it is back", DEADLINE)
    assert pid_of(pve, guest) != first
    before = state_of(node, name)["restarts"]
    pve.person.does("POST", pve.person.path(guest.vmid) + "/status/stop")
    pve.forget_requests()
    await_that(lambda: any(request.path.endswith("/tasks") for request in pve.requests()), "the service has looked", DEADLINE)
    await_that(lambda: node.status(name) == "stopped", "it is stopped", DEADLINE)
    assert not starts(pve) and state_of(node, name)["restarts"] == before
    node("update", "--restart", "no", name).ok()
    assert state_of(node, name)["restart"] == "no"


def askers(node):
    """The processes by which the service asks the cluster."""
    def lines(pid, name):
        try:
            return pathlib.Path(f"/proc/{pid}/{name}").read_text(encoding="ascii")
        except OSError:
            return ""

    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and "lxcri-proxmox" in lines(pid, "comm")
            and f"\nPPid:\t{node.service_pid()}\n" in lines(pid, "status")]


def test_one_by_which_it_asked_and_that_has_died_is_followed_by_another(node, box):
    name = node.start(box, *SLEEP, flags=("--restart", "always"))
    for dead in await_that(lambda: askers(node), "the service asks the cluster", DEADLINE):
        os.kill(dead, signal.SIGKILL)
    node("kill", "--signal", "USR1", name).ok()
    await_that(lambda: state_of(node, name)["restarts"] >= 1 and node.status(name) == "running", "it is back", DEADLINE)


def test_a_check_says_how_well_it_is(node, box):
    name = node.start(box, *SLEEP, flags=("--health-cmd", "test -e /tmp/well", "--health-interval", "300ms", "--health-retries",
                                          "2", "--health-timeout", "30s"))
    await_that(lambda: state_of(node, name)["health"]["status"] == "unhealthy", "it is found ill", DEADLINE)
    node("exec", name, "touch", "/tmp/well").ok()
    await_that(lambda: state_of(node, name)["health"]["status"] == "healthy", "it is found well", DEADLINE)
    assert "(healthy)" in node("list").ok().out


def test_a_new_image_has_to_be_well(node, pve, make_image):
    old, new = (make_image(Cmd=["sleep", f"100{number}"], Env=["PATH=/bin", f"N={number}"]) for number in (1, 2))
    name = node.start(old)
    root = node.guest(name).config["rootfs"]
    node("update", name, "--image", new, "--health-cmd", "test $N = 1", "--health-timeout", "3", "--settle", "1").fails(
        "ContainerStartFailed", "health check")
    assert node.guest(name).config["rootfs"] == root and node.status(name) == "running"
    node("update", name, "--image", new, "--health-cmd", "test $N = 2", "--settle", "1").ok()
    assert node.guest(name).config["rootfs"] != root


def test_what_only_the_node_can_tell_is_refused_elsewhere(engine, pve, make_image):
    image = make_image(Cmd=["sleep", "1000"], Healthcheck={"Test": ["CMD", "true"]})
    for flags in (("--health-cmd", "true"), ("--restart", "on-failure")):
        engine("create", *flags, "--image", image, "x").fails("UnsupportedOperation", "local_node", code=125)
    name = engine.start(image, flags=("--restart", "always"))
    assert "health" not in state_of(engine, name) and state_of(engine, name)["restart"] == "always"
