# SPDX-License-Identifier: MIT
"""A machine that goes down and comes up again with the same disk: in good order, and as when
the plug is pulled."""

import json
import os
import pathlib
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import guest  # noqa: E402

BUILD = pathlib.Path(os.environ.get("LXCRI_BUILD", guest.ROOT / "build"))
IMAGE = f"oci:{os.environ.get('LXCRI_IMAGES', BUILD / 'images')}/busybox:latest"
COMMAND = str(BUILD / "proxmox-lxcri")
DATA = "/mnt/data/engine"
BACKENDS = ("lxc", "crun", "runc")
KINDS = ("running", "paused", "again", "ended", "created", "late")
ENDED = {"ended": 7, "late": 9}  # before the guest did
DUE = ("first-crun", "second-crun", "third-lxc", "due-crun")  # by their policies
TIMEOUT_SECONDS = 900
LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"


def read_until(machine, mark):
    """Reads what a guest prints up to a mark, or all of it; a guest that hangs is ended."""
    alarm = threading.Timer(TIMEOUT_SECONDS, machine.unplug)
    alarm.start()
    text = b""
    while mark not in text and (more := os.read(machine.output, 65536)):
        text += more
    alarm.cancel()
    return text


@pytest.fixture(params=["by the plug", *(["in good order"] if LONG else [])], scope="module")
def found(request, tmp_path_factory):
    """What a guest finds that has booted after another on the same disk."""
    disk = tmp_path_factory.mktemp("disk") / "data"
    command = ["bash", str(HERE / "before"), COMMAND, DATA, IMAGE]
    orderly = request.param == "in good order"
    if orderly:
        # The command ends as the service it is when systemd stops everything.
        command = ["bash", "-c", 'bash "$@" | { sed /READY/q; systemctl poweroff; sleep 1000; }', "-", *command[1:]]
    machine = guest.Guest(command, data=disk, systemd=orderly)
    try:
        text = read_until(machine, b"\0" if orderly else b"READY\n")
        assert b"READY\n" in text, text.decode() + machine.read(machine.console).decode(errors="replace")
        if orderly:
            machine.process.wait(TIMEOUT_SECONDS)
    finally:
        machine.close()
    machine = guest.Guest(["/usr/bin/python3", str(HERE / "after"), COMMAND, DATA], data=disk)
    try:
        text = read_until(machine, b"\0").decode()
        assert text.startswith("{"), text + machine.read(machine.console).decode(errors="replace")
    finally:
        machine.close()
    return json.loads(text)


@pytest.fixture(params=BACKENDS)
def of(request, found):
    """Looks up what was found of a container: of("logs", "running")."""
    return lambda what, kind: found[what][f"{kind}-{request.param}"]


def test_every_container_is_there_and_stopped(found):
    assert {name: entry["status"] for name, entry in found["listed"].items()} == {
        name: "stopped" for name in (*(f"{kind}-{backend}" for kind in KINDS for backend in BACKENDS), *DUE, "held-crun")}


@pytest.mark.parametrize("kind", ENDED)
def test_what_had_ended_has_its_exit_code(of, kind):
    assert of("listed", kind)["exitCode"] == ENDED[kind]


@pytest.mark.parametrize("kind", ["running", "paused", "again"])
def test_what_ended_with_the_machine_was_killed(of, kind):
    # In good order it may have been told to end, and may have listened.
    assert of("listed", kind)["exitCode"] in (137, 143)


def test_logs_are_kept(of):
    assert of("logs", "running") == "logged 1\n"
    assert of("logs", "ended") == "bye\n"


def test_nothing_runs_before_it_is_started(found):
    assert found["cgroups"] == []


def test_the_service_starts_what_its_policy_says_and_nothing_else(found):
    served = found["served"]
    assert served["started"], served
    assert {name for name, status in served["listed"].items() if status == "running"} == set(DUE)
    assert served["ended"], "the service did not end when nothing needed it"


def test_what_the_service_starts_comes_in_the_order_in_which_it_was_made(found):
    moments = [found["served"]["inspected"][name]["started"] for name in DUE]
    assert moments == sorted(moments)


def test_names_addresses_and_ports_are_those_of_before(found):
    served = found["served"]
    assert served["after"] == served["before"] and served["before"][0][0]
    assert served["name"]["code"] == 0 and served["after"][0][0] in served["name"]["out"], served["name"]
    assert "8080" in served["ports"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_starts_again(of, kind):
    assert of("started", kind)["code"] == 0, of("started", kind)


def test_what_was_written_is_there(of):
    assert of("runs", "running") == {"code": 0, "out": "run\nrun\n", "err": ""}
    assert of("file", "paused") == {"code": 0, "out": "kept\n", "err": ""}


def test_nothing_is_left_of_those_that_are_deleted(found):
    assert {result["code"] for result in found["deleted"].values()} == {0}
    assert found["left"] == {"containers": [], "cgroups": [], "run": [], "listed": ""}
