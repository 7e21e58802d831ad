# SPDX-License-Identifier: MIT
"""Commands and monitors of different releases: each message bears the version that brought it."""

import socket
import sqlite3
import struct

import pytest

HEADER = struct.Struct("=HHI")
START, KILL, ERROR = 2, 3, 66


@pytest.fixture
def talk(engine):
    """Sends a monitor one message and returns the type and the body of the answer."""

    def talk(id, version, kind, body=b""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as monitor:
            monitor.settimeout(10)
            monitor.connect(str(engine.root / "containers" / id / "monitor.sock"))
            monitor.send(HEADER.pack(version, kind, len(body)) + body)
            answer = monitor.recv(65536)
        return HEADER.unpack(answer[:8])[1], answer[8:]

    return talk


@pytest.mark.parametrize("version, kind", [(9, START), (9, 40), (1, 40)])
def test_a_monitor_refuses_what_a_later_release_asks_and_goes_on(engine, create, talk, version, kind):
    id = create()
    answer, body = talk(id, version, kind)
    assert answer == ERROR
    assert b"earlier version of this program" in body and b"stop the container" in body
    engine("start", id).ok()
    engine("exec", id, "true").ok()


def test_the_database_of_a_later_release_is_refused_by_every_verb(any_engine, box):
    id = any_engine.id()
    any_engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    with sqlite3.connect(any_engine.data / "state.db") as database:
        before, = database.execute("PRAGMA user_version").fetchone()
        database.execute("PRAGMA user_version = 1000")
    database.close()
    try:
        for words in (["list"], ["state", id], ["exec", id, "true"], ["delete", "--force", id],
                      ["run", "--image", box, id + "x", "true"]):
            any_engine(*words).fails("StorageError", "layout 1000", "later program", "install",
                                     code=125 if words[0] in ("run", "exec") else 1)
            assert any_engine(*words).out == ""
    finally:
        with sqlite3.connect(any_engine.data / "state.db") as database:
            database.execute(f"PRAGMA user_version = {before}")
        database.close()
    assert any_engine.status(id) == "running"
