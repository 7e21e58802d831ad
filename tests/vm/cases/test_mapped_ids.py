# SPDX-License-Identifier: MIT
"""Where the ids of containers may not come from: what a host has given to others. A test would have
to write into the host's own files, so it does in a guest."""

import contextlib
import pathlib
import shutil

import pytest

from engine import Engine

DEFAULT_DATA = pathlib.Path("/var/lib/proxmox-lxcri")


@contextlib.contextmanager
def subordinate_ids(*lines):
    """Adds lines to both files for a time."""
    paths = [pathlib.Path("/etc/subuid"), pathlib.Path("/etc/subgid")]
    before = [path.read_text() if path.exists() else "" for path in paths]
    try:
        for path, text in zip(paths, before):
            path.write_text(text + "".join(f"{line}\n" for line in lines))
        yield
    finally:
        for path, text in zip(paths, before):
            path.write_text(text)


def start_of(engine, id):
    return int(pathlib.Path(f"/proc/{engine.pid(id)}/uid_map").read_text().split()[1])


@pytest.fixture
def crun(make_engine):
    return make_engine("crun")


def start(engine, box):
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    return id


def test_ranges_of_users_are_passed_over(crun, box):
    with subordinate_ids("alice:1000000:65536", "proxmox-lxcri:1065536:65536", "# bob:1065536:65536"):
        assert start_of(crun, start(crun, box)) == 1065536
    assert start_of(crun, start(crun, box)) == 1000000


def test_ranges_of_the_instance_in_the_usual_place_are_passed_over(crun, box, work):
    assert not DEFAULT_DATA.exists()
    (work / "usual").mkdir()
    usual = Engine(work / "usual", "crun")
    usual.data = DEFAULT_DATA
    try:
        assert start_of(usual, start(usual, box)) == 1000000
        assert start_of(crun, start(crun, box)) == 1065536
    finally:
        usual.remove_all()
        shutil.rmtree(DEFAULT_DATA)
