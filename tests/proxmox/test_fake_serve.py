# SPDX-License-Identifier: MIT
"""The fake standing alone, told from elsewhere what to do; and nothing is left of it."""

import json
import os
import pathlib
import signal
import ssl
import subprocess
import time
import types
import urllib.error
import urllib.request

import pytest

from fake.client import Client
from fake.container import CGROUPS, LOCKS
from fake.pve import FakeProxmox

SERVE = pathlib.Path(__file__).resolve().parent / "serve"
SECONDS = 60


@pytest.fixture
def alone(tmp_path, archive):
    """The program, its announcement as attributes."""
    program = subprocess.Popen([SERVE, "--template", archive, "--json", tmp_path / "announced"],
                               stdout=subprocess.PIPE, text=True)
    lines = [program.stdout.readline().rstrip("\n") for _ in range(7)]
    found = dict(line.split("=", 1) for line in lines)
    yield types.SimpleNamespace(**found, program=program, port=int(found["url"].rpartition(":")[2]),
                                announced=json.loads((tmp_path / "announced").read_text()))
    if program.poll() is None:
        program.send_signal(signal.SIGTERM)
        program.wait(SECONDS)
    program.stdout.close()


def control(alone, call, **arguments):
    """Returns what a call gives back."""
    request = urllib.request.Request(alone.url + "/control", json.dumps({"call": call, "arguments": arguments}).encode())
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=alone.ca)) as answer:
        return json.loads(answer.read())["data"]


def test_it_stands_alone_is_told_what_to_do_and_leaves_nothing(alone):
    assert alone.announced["token"] == alone.token
    client = Client(alone)
    upid = client.post("/nodes/pve1/lxc", vmid=100, ostemplate=alone.template, rootfs="local:1", start=1,
                       entrypoint="/bin/sleep 1000").succeeds()
    while client.status(upid)["status"] == "running":
        pass
    pid = control(alone, "person.pid", vmid=100)
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"/bin/sleep\x001000\0"
    control(alone, "mischief.fail", path="/version", status=599)
    client.get("/version").fails(599)
    control(alone, "person.rename", vmid=100, hostname="other")
    assert client.get("/nodes/pve1/lxc/100/config").succeeds()["hostname"] == "other"
    assert "POST /nodes/{node}/lxc" in control(alone, "trace")
    with pytest.raises(urllib.error.HTTPError):
        control(alone, "mischief.__class__")
    directory = pathlib.Path(alone.ca).parents[1]
    alone.program.send_signal(signal.SIGTERM)
    assert alone.program.wait(SECONDS) == 0
    assert not directory.exists() and not os.path.exists(f"/proc/{pid}")


def test_nothing_is_left_of_a_fake(archive):
    with FakeProxmox() as pve:
        Client(pve).create(pve.add_template(archive), net0="name=eth0,bridge=vmbr0", start=1)
        tag, directory = pve.cluster.host.tag, pve.directory
        assert cgroups(tag)
    assert not directory.exists()
    assert not cgroups(tag)
    assert not pathlib.Path(f"{LOCKS}{directory}").exists()
    pve.close()


def test_a_container_whose_monitor_was_killed_is_stopped_and_leaves_nothing(archive):
    with FakeProxmox() as pve:
        api = Client(pve)
        ct = api.create(pve.add_template(archive), start=1)
        init, tag = pve.person.pid(100), pve.cluster.host.tag
        monitor = int(pathlib.Path(f"/proc/{init}/stat").read_text().rpartition(") ")[2].split()[1])
        os.kill(monitor, signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while api.get(ct + "/status/current").succeeds()["status"] != "stopped" or os.path.exists(f"/proc/{init}"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert cgroups(tag)
    assert not cgroups(tag)


def cgroups(tag):
    return [name for _, names, _ in os.walk(CGROUPS) for name in names if name.startswith(f"lxcri-pve.{tag}.")]
