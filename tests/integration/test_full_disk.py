# SPDX-License-Identifier: MIT
"""A disk that is full: by the log of what runs, which goes on and can be removed, and in the middle of an apply."""

import os
import subprocess

import pytest

from engine import await_that
from nets import make_host_engine, world  # noqa: F401  pylint: disable=unused-import
from pods import apply, container, data, pod, pods


@pytest.fixture
def small_engine(engine):
    """An engine whose data lies on a file system of 64 MiB."""
    engine.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", engine.id("disk"), engine.data],
                   check=True)
    yield engine
    engine.remove_all()
    subprocess.run(["umount", engine.data], check=True)


def test_a_container_whose_log_is_full_goes_on_and_ends(small_engine, box_start):
    id = box_start("sh", "-c", "yes | head -c 100000000; exit 5", flags=["--log-opt", "max-size=-1"])
    assert small_engine("wait", "--timeout", "30", id).ok().out == "5\n"
    # What had room is there.
    assert small_engine("logs", id).bytes.startswith(b"y\ny\n")
    small_engine("delete", id).ok()


def test_who_is_attached_gets_all_of_it(small_engine, box):
    result = small_engine("run", "--rm", "--image", box, small_engine.id(), "sh", "-c",
                          "yes | head -c 100000000; exit 5").exits(5)
    assert len(result.bytes) == 100_000_000


@pytest.fixture
def small(make_host_engine, work):
    """An engine on a host of its own whose data lies on a file system of 64 MiB."""
    one = make_host_engine()
    one.data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", one.id("disk"), one.data], check=True)
    yield one
    one.remove_all()
    subprocess.run(["umount", one.data], check=True)


def fill(directory, room_kib):
    """Leaves so much room on a file system; returns what takes the rest."""
    path = directory / "fill"
    free = os.statvfs(directory)
    path.write_bytes(b"\0" * max(0, free.f_bavail * free.f_bsize - room_kib * 1024))
    return path


def test_a_full_disk_in_the_middle_of_an_apply_leaves_all_as_it_was(small, box):
    small("image", "import", box, "box:1").ok()

    def says(word):
        return container("box:1", script=f"echo {word}; exec sleep 1000")

    apply(small, data("ConfigMap", "conf", k="old"), pod("a", says("old"))).ok()
    before = small("get", "all", "-o", "json").ok().out
    wanted = [data("ConfigMap", "conf", k="new"), data("ConfigMap", "more", k="v" * 50000), pod("a", says("new")),
              *(pod(name, says(name)) for name in "bcd")]
    failed = 0
    for room in (0, 300, 600, 660, 720, 780, 840, 900, 1000, 1200):
        taken = fill(small.data, room)
        done = apply(small, *wanted)
        if done.code == 0:
            break
        failed += 1
        assert "No space left on device" in done.err or "disk is full" in done.err, done
        taken.unlink()
        assert small("get", "all", "-o", "json").ok().out == before, room
        assert set(pods(small)) == {"a"} and pods(small)["a"]["status"] == "Running", room
        await_that(lambda: small("logs", "a.app").ok().lines[-1:] == ["old"], "the old one runs")
    assert failed > 3, "it had room all the time"
    (small.data / "fill").unlink(missing_ok=True)
    apply(small, *wanted).ok()
    assert set(pods(small)) == set("abcd")
