# SPDX-License-Identifier: MIT
"""From one release to the next while containers run: the later one has another protocol and another
layout of the database."""

import json

import pytest

from conftest import BUSYBOX
from test_install import INSTALL, command_package

BACKENDS = ["lxc", "crun", "runc"]
LOOP = "n=0; trap \"echo bye; exit 5\" TERM; while :; do echo line $n; n=$((n + 1)); sleep 0.05; done"


@pytest.fixture
def root(make_clean_root, suite, debs):
    """A root with the earlier packages and a container of an image and one of a bundle each way."""
    packages = command_package(debs(suite))
    root = make_clean_root(suite, "runc")
    root(INSTALL.replace("apt-get", "apt-get -o APT::Install-Recommends=true"), *packages,
         binds=packages).ok()
    root(f"proxmox-lxcri image import oci:{BUSYBOX}:latest busybox").ok()
    for backend in BACKENDS:
        root(f"proxmox-lxcri run -d --runtime {backend} --network host --name i-{backend} busybox sh -c '{LOOP}'\n"
             f"proxmox-lxcri create --runtime {backend} --network host --name c-{backend} busybox sh -c '{LOOP}'").ok()
    yield root
    root("if command -v proxmox-lxcri; then proxmox-lxcri delete --force $(proxmox-lxcri list -q); fi")


def state(root, id):
    return json.loads(root(f"proxmox-lxcri state {id}").ok().out)


def upgrade(root, packages):
    return root('dpkg -i "$@"', *packages, binds=packages)


def database_version(root):
    """As the file says it: bytes 60 to 63 of the header, once the log is in it."""
    import sqlite3
    with sqlite3.connect(root.root / "var/lib/proxmox-lxcri/state.db") as database:
        version, = database.execute("PRAGMA user_version").fetchone()
    database.close()
    return version


def test_containers_go_on_under_the_next_release(root, suite, debs):
    ids = [f"i-{backend}" for backend in BACKENDS]
    before = {id: state(root, id)["pid"] for id in ids}
    layout = database_version(root)
    upgrade(root, command_package(debs(suite, following=True))).ok()
    assert root("proxmox-lxcri version").ok().out.startswith("proxmox-lxcri version 99.0.0")
    assert {id: state(root, id)["pid"] for id in ids} == before
    assert database_version(root) == layout + 1

    for backend in BACKENDS:
        id = f"i-{backend}"
        # Every verb that existed before does what it did.
        assert root(f"proxmox-lxcri exec {id} echo inside").ok().out == "inside\n"
        assert root(f"echo typed | proxmox-lxcri exec -i {id} cat").ok().out == "typed\n"
        assert root(f"proxmox-lxcri exec {id} sh -c 'exit 3'").code == 3
        assert root(f"proxmox-lxcri logs --tail 1 {id}").ok().out.startswith("line ")
        first = len(root(f"proxmox-lxcri logs {id}").ok().out)
        root(f"sleep 0.3; proxmox-lxcri kill {id} CONT; proxmox-lxcri inspect {id}; proxmox-lxcri ps {id}").ok()
        assert len(root(f"proxmox-lxcri logs {id}").ok().out) > first

        # What has changed is refused by name, and harms nothing.
        paused = root(f"proxmox-lxcri pause {id}")
        assert paused.code == 1 and "started by an earlier version of this program" in paused.out
        assert "[UnsupportedOperation]" in paused.out and f"container {id}" in paused.out
        assert state(root, id)["status"] == "running"

        # What was created before is started now, and ends as it should.
        root(f"proxmox-lxcri start c-{backend}").ok()
        assert root(f"proxmox-lxcri exec c-{backend} echo inside").ok().out == "inside\n"
        root(f"proxmox-lxcri stop i-{backend} c-{backend}").ok()
        for stopped in (f"i-{backend}", f"c-{backend}"):
            assert root(f"proxmox-lxcri wait {stopped}").ok().out == "5\n"
            assert root(f"proxmox-lxcri logs --tail 1 {stopped}").ok().out == "bye\n"

        # Started again it is of the new release, which pauses.
        root(f"proxmox-lxcri start {id}; proxmox-lxcri pause {id}; proxmox-lxcri resume {id}").ok()
        root(f"proxmox-lxcri delete --force {id} c-{backend}").ok()


def test_an_earlier_release_refuses_what_a_later_one_has_written(root, suite, debs):
    later, earlier = (command_package(debs(suite, following=following)) for following in (True, False))
    pids = {backend: state(root, f"i-{backend}")["pid"] for backend in BACKENDS}
    upgrade(root, later).ok()
    root("proxmox-lxcri list").ok()
    upgrade(root, earlier).ok()
    for words in ("list", "state i-crun", "stop i-crun", "delete --force i-crun", "run busybox true"):
        refused = root(f"proxmox-lxcri {words}")
        assert refused.code != 0 and "is of a later program" in refused.out, refused.out
        assert "install the later program again" in refused.out
    upgrade(root, later).ok()
    assert {backend: state(root, f"i-{backend}")["pid"] for backend in BACKENDS} == pids
    assert root("proxmox-lxcri exec i-lxc echo inside").ok().out == "inside\n"
