# SPDX-License-Identifier: MIT
"""The command under test, with a configuration that leads to a fake Proxmox VE, and images to run."""

import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

# pylint: disable=wrong-import-position,unused-import
from engine import COMMAND, Engine, await_that  # noqa: E402
from fake.pve import FakeProxmox  # noqa: E402
from fixtures import box, box_blob, busybox, make_image, session_dir, work  # noqa: E402,F401
from images import Layer  # noqa: E402,F401

RUNTIME = "proxmox-lxc"
BRIDGES = {"vmbr0": None, "vmbr1": None}


@pytest.fixture
def pve():
    """A cluster of two nodes. A fault of the fake itself fails the test."""
    with FakeProxmox() as one:
        yield one
        assert one.faults() == []


class ClusterEngine(Engine):
    """An engine whose containers are in a cluster."""

    def __init__(self, work, pve, **proxmox):
        super().__init__(work, RUNTIME, config=pathlib.Path(work) / "config.json")
        self.pve = pve
        self.token_file = pathlib.Path(work) / "token"
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(pve.token + "\n")
        self.proxmox = {"hosts": [f"127.0.0.1:{pve.port}"], "token_file": str(self.token_file),
                        "fingerprint": pve.fingerprint, "storage": "local-zfs", "node": pve.node,
                        "rootfs_size": 1 << 30, "volume_size": 1 << 30, "timeout": 10, "task_timeout": 60}
        self.sections = {}  # of the configuration, besides
        self.configure(**proxmox)
        self.keep_service_away()

    def configure(self, **proxmox):
        """Changes keys of the configuration; None takes one away."""
        self.proxmox.update(proxmox)
        section = {key: value for key, value in self.proxmox.items() if value is not None}
        self.config.touch(mode=0o600)
        self.config.write_text(json.dumps({"proxmox": section, **self.sections}))

    def start(self, image, *words, flags=(), name=None, **options):
        """Runs a container and returns its name."""
        name = name or self.id()
        self("run", "--detach", *flags, "--image", image, name, *words, **options).ok()
        return name

    def place(self, name):
        """Returns what is known of where a container is."""
        return self("inspect", name).ok().json()["proxmox"]

    def guest(self, name):
        """Returns the container as the fake has it."""
        return self.pve.cluster.guests[self.place(name)["vmid"]]


def pid_of(pve, guest):
    """Returns the host's number of the first process."""
    from fake import launch  # pylint: disable=import-outside-toplevel
    return launch.of(pve.cluster, guest).pid()


def children_of(pid):
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def program_of(pve, guest):
    """The program that a container's init starts, as soon as it has: a start does not wait for that."""
    program, = await_that(lambda: children_of(pid_of(pve, guest)), "there is a program")
    return program


def words_of(path):
    return pathlib.Path(path).read_bytes().split(b"\0")[:-1]


@pytest.fixture
def engine(pve, work):  # noqa: F811
    """The command, whose containers are made in the fake."""
    for node in pve.cluster.nodes.values():
        node.bridges.update(BRIDGES)
    one = ClusterEngine(work, pve)
    yield one
    pve.mischief.clear()
    one.configure(hosts=[f"127.0.0.1:{pve.port}"], fingerprint=pve.fingerprint)
    one.token_file.write_text(pve.token + "\n")
    one.remove_all()
    assert not list(pve.cluster.guests), "the engine has left containers"
