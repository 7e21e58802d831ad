# SPDX-License-Identifier: MIT
"""The journal that systemd keeps."""

import json
import subprocess

import pytest

from engine import await_that

pytestmark = pytest.mark.systemd


@pytest.fixture
def journal_start(box_start):
    return lambda *args: box_start(*args, flags=["--log-driver", "journald"])


def test_the_journal_of_the_host_has_the_lines(engine, journal_start):
    id = journal_start("sh", "-c", "echo one; sleep 0.5; echo two >&2; sleep 0.5; echo three")
    assert engine("logs", "--follow", id).ok().lines == ["one", "three"]
    shown = subprocess.run(["journalctl", "--quiet", "--output=json", "--lines=3",
                            f"CONTAINER_NAME={id}"],
                           capture_output=True, text=True, check=True)
    entries = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [(entry["MESSAGE"], entry["PRIORITY"]) for entry in entries] == [
        ("one", "6"), ("two", "3"), ("three", "6")]
    assert all(entry["_COMM"] == "lxcri-monitor" for entry in entries)


@pytest.mark.long
def test_a_restart_of_journald_loses_nothing(engine, journal_start):
    """systemd holds the socket meanwhile."""
    id = journal_start("sh", "-c", "for n in $(seq 60); do echo $n; sleep 0.1; done")
    await_that(lambda: "5" in engine("logs", id).ok().lines, "it writes", timeout=60)
    subprocess.run(["systemctl", "restart", "systemd-journald"], check=True)
    assert engine("wait", id, timeout=120).ok().out == "0\n"
    assert engine("logs", id).ok().lines == [str(n) for n in range(1, 61)]
