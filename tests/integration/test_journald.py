# SPDX-License-Identifier: MIT
"""The journal of the host as a log: with a journald of its own, in a mount namespace of its own, as
the test's machine may have none."""

import json
import os
import signal
import subprocess

import pytest

from engine import await_that

JOURNALD = "/lib/systemd/systemd-journald"
PLACES = """
set -e
mkdir -p /run/systemd /run/log /var/log
for place in /run/systemd /run/log /var/log; do mount -t tmpfs tmpfs $place; done
mkdir -p /run/systemd/journal /run/log/journal
"""


class Journald:
    """journald in a namespace that a sleeper keeps."""

    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "--mount", "sh", "-c", PLACES + "echo; exec sleep 1000"],
                                       stdout=subprocess.PIPE)
        self.keeper.stdout.readline()
        self.daemon = None

    def inside(self, *words):
        return ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", *words]

    def start(self):
        self.daemon = subprocess.Popen(self.inside(JOURNALD), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        socket = f"/proc/{self.keeper.pid}/root/run/systemd/journal/socket"
        await_that(lambda: os.path.exists(socket), "journald listens")
        await_that(lambda: self.ask("--sync").returncode == 0, "journald answers")

    def stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait()
        self.daemon = None
        # Not left by one that systemd does not start.
        subprocess.run(self.inside("sh", "-c", "rm -f /run/systemd/journal/*"), check=True)

    def ask(self, *words):
        return subprocess.run(self.inside("journalctl", "--quiet", *words), capture_output=True,
                              text=True, check=False)

    def finish(self):
        self.stop()
        self.keeper.kill()
        self.keeper.wait()


@pytest.fixture
def journald(engine):
    """A journald that the engine's monitors find."""
    assert os.path.exists(JOURNALD), f"{JOURNALD} is not installed"
    journald = Journald()
    plain = engine.argv
    engine.argv = lambda *words: journald.inside(*plain(*words))
    journald.start()
    yield journald
    engine.remove_all()
    engine.argv = plain
    journald.finish()


@pytest.fixture
def journal_start(journald, box_start):
    return lambda *args, **options: box_start(*args, flags=["--log-driver", "journald"], **options)


def test_each_line_is_in_the_journal_and_logs_shows_it(engine, journald, journal_start):
    id = journal_start("sh", "-c", "echo one; sleep 0.2; echo two >&2; sleep 0.2; printf three")
    engine.await_status(id, "stopped")
    result = engine("logs", id).ok()
    assert (result.out.rstrip("\n"), result.err) == ("one\nthree", "two\n")
    shown = journald.ask(f"CONTAINER_NAME={id}", "--output=json",
                         "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,CONTAINER_PARTIAL_MESSAGE")
    entries = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [(entry["MESSAGE"], entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"],
             entry.get("CONTAINER_PARTIAL_MESSAGE")) for entry in entries] == [
                 ("one", "6", id, None), ("two", "3", id, None), ("three", "6", id, "true")]


def test_following_ends_with_the_container_and_misses_nothing(engine, journal_start):
    id = journal_start("sh", "-c", "echo one; sleep 1; seq 2000")
    assert engine("logs", "--follow", id).ok().lines == ["one", *map(str, range(1, 2001))]


def test_the_last_lines_are_counted_by_their_ends(engine, journal_start):
    id = journal_start("sh", "-c", "seq 3; head -c 200000 /dev/zero | tr '\\0' x; echo; echo end")
    engine.await_status(id, "stopped")
    assert [len(line) for line in engine("logs", "--tail", "3", id).ok().lines] == [1, 200000, 3]
    assert engine("logs", "--tail", "1", id).ok().lines == ["end"]
    assert engine("logs", "--tail", "0", id).ok().lines == []
    assert len(engine("logs", "--tail", str(2 ** 63 - 2), id).ok().lines) == 5
    assert engine("logs", "--since", "1h", "--tail", "1", id).ok().lines == ["end"]
    assert engine("logs", "--until", "1h", id).ok().lines == []


def test_many_lines_arrive_whole_and_in_order(engine, journal_start):
    id = journal_start("seq", "20000")
    assert engine("wait", id).ok().out == "0\n"
    assert engine("logs", id).ok().lines == [str(n) for n in range(1, 20001)]


def test_another_container_of_the_same_name_has_another_log(engine, box, journald):
    id = engine.id()
    for word in ("one", "two"):
        engine("run", "--detach", "--log-driver", "journald", "--image", box, id, "echo", word).ok()
        engine.await_status(id, "stopped")
        assert engine("logs", id).ok().out == f"{word}\n"
        engine("delete", id).ok()


def test_without_journald_nothing_is_made(engine, journald, box):
    journald.stop()
    engine("create", "--log-driver", "journald", "--image", box, engine.id(), "true").fails(
        "ContainerCreateFailed", "journald", "/run/systemd/journal/socket", code=125)
    assert engine.list() == []


def test_what_is_written_while_journald_is_away_is_counted(engine, journald, journal_start):
    id = journal_start("sh", "-c", "echo one; until [ -e /a ]; do sleep 0.05; done; echo 1234567; touch /b;"
                       "until [ -e /c ]; do sleep 0.05; done; echo three")
    await_that(lambda: engine("logs", id).ok().out == "one\n", "the first line is there")
    journald.stop()
    engine("exec", id, "touch", "/a").ok()
    await_that(lambda: engine("exec", id, "test", "-e", "/b").code == 0, "it went on")
    journald.start()
    engine("exec", id, "touch", "/c").ok()
    engine.await_status(id, "stopped")
    result = engine("logs", id).ok()
    assert result.out.splitlines()[-1] == "three"
    assert "[8 bytes of output are missing here: " in result.err
