# SPDX-License-Identifier: MIT
"""list and inspect: every container, with what is known of it."""

import re


def test_json_names_every_field(engine, box_start, start):
    one = box_start()
    two = start()
    rows = {row["id"]: row for row in engine("list", "--format", "json").ok().json()}
    assert set(rows) == {one, two}
    assert rows[one]["status"] == rows[two]["status"] == "running"
    assert rows[one]["pid"] == engine.pid(one)
    assert rows[one]["runtime"] == engine.backend
    assert rows[one]["image"] and rows[one]["digest"].startswith("sha256:")
    assert re.match(r"\d{4}-\d\d-\d\dT", rows[one]["created"])
    assert rows[two]["bundle"] == engine.state(two)["bundle"]


def test_the_table_has_a_row_for_each(engine, start):
    ids = sorted(start() for _ in range(3))
    lines = engine("list").ok().lines
    assert lines[0].split()[:1] == ["ID"]
    assert [line.split()[0] for line in lines[1:]] == ids
    assert engine("list", "--quiet").ok().lines == ids


def test_an_empty_engine_lists_nothing(any_engine):
    assert any_engine("list", "--format", "json").ok().json() == []
    assert any_engine("list", "--quiet").ok().out == ""


def test_two_engines_never_meet(make_engine, make_bundle):
    one, two = make_engine("crun"), make_engine("crun")
    bundle = make_bundle("sleep", "1000")
    one("create", "--bundle", bundle.path, "same").ok()
    assert one.list() == ["same"] and two.list() == []
    two("create", "--bundle", make_bundle("sleep", "1000").path, "same").ok()
    one("delete", "same").ok()
    assert two.status("same") == "created"


def test_inspect_tells_how_it_ended(engine, box_start):
    id = box_start("sh", "-c", "exit 7")
    engine.await_status(id, "stopped")
    found = engine("inspect", id).ok().json()
    assert found["exitCode"] == 7 and found["monitorLost"] is False
    assert found["started"] < found["finished"] and found["created"] <= found["started"]
    assert found["spec"]["process"]["args"] == ["sh", "-c", "exit 7"]
