# SPDX-License-Identifier: MIT
"""What is on a disk after a power cut, by logs that are written here."""

import io
import json
import struct

import pytest

from replay import BLOCK, DISCARD, FLUSH, FUA, MAGIC, Cut, Log, runs

END = 8  # blocks of the file system
STATE = {"images": {}, "containers": {}, "volumes": {}}


def content(letter, count=1):
    return letter.encode() * BLOCK * count


@pytest.fixture
def make(tmp_path):
    """Writes a log of entries: (block, what is written, flags)."""
    def make(*entries, count=None):
        body = b""
        for block, written, flags in entries:
            size = 1 if flags & DISCARD else len(written) // BLOCK
            body += struct.pack("<QQQQ", block, size, flags, 0).ljust(BLOCK, b"\0") + written
        head = struct.pack("<QQQI", MAGIC, 1, len(entries) if count is None else count, BLOCK)
        (tmp_path / "log").write_bytes(head.ljust(BLOCK, b"\0") + body)
        return Log(tmp_path / "log", END * BLOCK)

    return make


def disk_after(log, cut):
    disk = io.BytesIO(content("-", END))
    log.apply(cut, disk)
    return "".join(chr(disk.getvalue()[at]) for at in range(0, END * BLOCK, BLOCK))


def mark(**document):
    return (END, json.dumps(document).encode().ljust(BLOCK, b"\0"), 0)


def test_what_was_flushed_is_there_and_the_rest_is_not(make):
    log = make((0, content("a"), 0), (1, content("b"), 0), (0, b"", FLUSH), (2, content("c"), 0))
    assert disk_after(log, Cut(2)) == "--------"
    assert disk_after(log, Cut(3)) == "ab------"
    assert disk_after(log, Cut(4)) == "ab------"


def test_what_came_late_is_there_in_any_part(make):
    log = make((0, content("a"), 0), (0, b"", FLUSH), (0, content("A"), 0), (2, content("c", 2), 0))
    found = {disk_after(log, Cut(4, seed)) for seed in range(500)}
    assert found == {one + two + "----" for one in ("a-", "A-") for two in ("--", "c-", "-c", "cc")}
    assert disk_after(log, Cut(4, 7)) == disk_after(log, Cut(4, 7))


def test_what_went_past_the_cache_is_there(make):
    log = make((0, content("a"), 0), (1, content("b", 2), FUA))
    assert disk_after(log, Cut(2)) == "-bb-----"
    assert {disk_after(log, Cut(2, seed)) for seed in range(100)} == {"-bb-----", "abb-----"}


def test_what_was_discarded_reads_as_zeroes(make):
    log = make((0, content("a", 2), 0), (1, b"", DISCARD), (0, b"", FLUSH))
    assert disk_after(log, Cut(3)) == "a\0------"


def test_marks_tell_the_step_and_are_no_part_of_the_disk(make):
    after = {**STATE, "images": {"a": "digest"}}
    log = make(mark(begins="one", state=after), (0, content("a"), 0), mark(ends="one", state=after),
               mark(begins="two", state=STATE), (0, b"", FLUSH), mark(ends="two", state=STATE))
    assert [(step.name, step.begin, step.end) for step in log.steps] == [("one", 1, 3), ("two", 4, 6)]
    assert [log.step_at(position).name for position in (0, 2, 3, 5, 6)] == ["one", "one", "two", "two", "two"]
    assert (log.steps[1].before, log.steps[1].after) == (after, STATE)
    assert disk_after(log, Cut(6)) == "a-------"
    cuts = log.cuts(40, 1)
    assert {cut.position for cut in cuts if cut.seed is None} == {3, 6}
    assert all(1 <= cut.position <= 6 for cut in cuts) and len(cuts) == 40
    assert cuts == log.cuts(40, 1) != log.cuts(40, 2)
    assert [Cut.parse(str(cut)) for cut in cuts] == cuts


def test_a_log_that_is_none_or_ends_early_is_refused(make, tmp_path):
    with pytest.raises(ValueError):
        make((0, content("a"), 0), count=3)
    (tmp_path / "log").write_bytes(content("x"))
    with pytest.raises(ValueError):
        Log(tmp_path / "log", END * BLOCK)


def test_consecutive_blocks_are_written_at_once():
    assert list(runs([0, 1, 2, 5, 7, 8])) == [(0, 3), (5, 6), (7, 9)]
    assert list(runs([])) == []
