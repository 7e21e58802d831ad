# SPDX-License-Identifier: MIT
"""What a container stands on is not taken away, however commands meet."""

import fcntl
import json
import os
import sqlite3
import time

from engine import await_that

ROUNDS = 40


def layers_of(engine, id):
    """The layers that the container's record names."""
    with sqlite3.connect(engine.data / "state.db") as database:
        row = database.execute("SELECT record FROM container WHERE id = ?", (id,)).fetchone()
    database.close()
    return json.loads(row[0])["layers"]


def waits_for_a_lock(child):
    """Whether the kernel lists the command among those that wait for a lock."""
    with open("/proc/locks") as file:
        return any("->" in line and str(child.pid) in line.split() for line in file)


def test_an_image_that_got_a_user_while_its_removal_waited_stays(any_engine, box):
    any_engine("image", "import", box, "mine:1").ok()
    with open(any_engine.data / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        removal = any_engine.open("image", "remove", "mine:1")
        await_that(lambda: waits_for_a_lock(removal), "the removal waits for the store")
        id = any_engine.id()
        any_engine("create", "--image", "mine:1", id, "true").ok()
    any_engine.finish(removal).fails("ImageInUse", id)
    any_engine("start", id).ok()
    assert any_engine("wait", id).ok().out == "0\n"


def test_a_creation_waits_for_what_is_being_collected(any_engine, box):
    """Held alone, as whoever removes things holds it, the lock keeps a new record out."""
    any_engine("image", "import", box, "mine:1").ok()
    directory = os.open(any_engine.data, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    id = any_engine.id()
    creation = any_engine.open("create", "--pull", "never", "--image", "mine:1", id, "true")
    await_that(lambda: waits_for_a_lock(creation), "the creation waits")
    assert not (any_engine.data / "containers" / id).exists()
    os.close(directory)
    any_engine.finish(creation).ok()


def test_removals_and_creations_in_a_loop_lose_no_layer(any_engine, box):
    """Either the container is whole or the image was gone: never a container without its layers."""
    any_engine("image", "import", box, "mine:1").ok()
    made = 0
    for number in range(ROUNDS):
        id = any_engine.id()
        any_engine("image", "import", box, "mine:1").ok()
        creation = any_engine.open("create", "--pull", "never", "--image", "mine:1", id, "true")
        time.sleep(number / 1000)  # at each stage of the creation
        removal = any_engine.open("image", "remove", "mine:1")
        removed = any_engine.finish(removal)
        created = any_engine.finish(creation)
        assert removed.code == 0 or removed.error == "ImageInUse", removed
        if created.code == 0:
            made += 1
            assert all(os.path.exists(path) for path in layers_of(any_engine, id)), id
            any_engine("delete", "--force", id).ok()
        else:
            assert created.error == "ImageNotFound", created
    assert made > 0
