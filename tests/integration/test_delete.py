# SPDX-License-Identifier: MIT
"""delete: all or a clear word, and the rest at the next try."""

import subprocess

import pytest


@pytest.fixture
def stuck_file(any_engine, box):
    """A container made from an image, and a file of its writable layer that nobody can remove."""
    id = any_engine.id()
    any_engine("run", "--image", box, id, "touch", "/stuck").ok()
    path = any_engine.data / "containers" / id / "upper" / "stuck"
    subprocess.run(["chattr", "+i", path], check=True)
    yield any_engine, id, path
    if path.exists():
        subprocess.run(["chattr", "-i", path], check=True)


def test_what_cannot_be_removed_is_named_and_the_next_try_ends_it(stuck_file):
    engine, id, path = stuck_file
    engine("delete", id).fails("ContainerDeleteFailed", id, "Operation not permitted")
    subprocess.run(["chattr", "-i", path], check=True)
    engine("delete", id)
    assert not path.exists() and engine.list() == []
    engine("state", id).fails("ContainerNotFound", id)


def test_a_running_container_is_deleted_by_force_only(engine, box_start):
    id = box_start("sleep", "1000")
    engine("delete", id).fails("InvalidState", id, "running", "force")
    assert engine.status(id) == "running"
    engine("delete", "--force", id).ok()
    engine("state", id).fails("ContainerNotFound", id)


def test_a_created_container_is_deleted_without_force(engine, create):
    id = create()
    engine("delete", id).ok()
    engine("state", id).fails("ContainerNotFound", id)
