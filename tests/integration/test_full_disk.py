# SPDX-License-Identifier: MIT
"""A disk that the log fills: what runs goes on, and can be removed."""

import subprocess

import pytest


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
