# SPDX-License-Identifier: MIT
"""diff: what a container has added, changed and deleted."""

import json

import pytest

from images import Layer

SCRIPT = """
echo more >> /etc/passwd
mkdir -p /srv/new/deep; echo x > /srv/new/deep/file
rm /opt/base/gone; rm -r /opt/base/tree
rm -r /opt/base/again; mkdir /opt/base/again; echo kept > /opt/base/again/same
ln -s x /opt/link; chmod 700 /opt/mode; chown 5 /opt/owner
mv /opt/old /opt/renamed
rm /opt/kind; mkdir /opt/kind
echo x > /data/no-part-of-it
"""

EXPECTED = """C /etc
C /etc/passwd
C /opt
C /opt/base
C /opt/base/again
D /opt/base/again/other
C /opt/base/again/same
D /opt/base/gone
D /opt/base/tree
C /opt/kind
A /opt/link
C /opt/mode
D /opt/old
C /opt/owner
A /opt/renamed
A /opt/renamed/file
A /srv
A /srv/new
A /srv/new/deep
A /srv/new/deep/file""".splitlines()


@pytest.fixture
def image(make_image):
    layer = (Layer().directory("opt").directory("opt/base").add("opt/base/gone", b"x")
             .directory("opt/base/tree").add("opt/base/tree/leaf", b"x")
             .directory("opt/base/again").add("opt/base/again/same", b"x").add("opt/base/again/other", b"x")
             .directory("opt/base/calm").add("opt/base/calm/file", b"x")
             .directory("opt/mode").add("opt/owner", b"x").directory("opt/old").add("opt/old/file", b"x")
             .add("opt/kind", b"x").directory("data"))
    return make_image(layer)


@pytest.mark.parametrize("driver", ["overlay", "dir"])
def test_what_was_added_changed_and_deleted_is_listed(make_engine, work, image, driver):
    config = work / "config.json"
    config.write_text(json.dumps({"storage": {"driver": driver}}))
    engine = make_engine("crun", config=config)
    id = engine.id()
    engine("run", "--detach", "-v", "/data", "--image", image, id, "sleep", "1000").ok()
    assert engine("diff", id).ok().lines == []
    engine("exec", id, "sh", "-c", SCRIPT).ok()
    assert engine("diff", id).ok().lines == EXPECTED
    engine("stop", "--time", "0", id).ok()
    found = engine("diff", "--format", "json", id).ok().json()
    assert {"kind": "D", "path": "/opt/base/gone"} in found
    assert [f"{change['kind']} {change['path']}" for change in found] == engine("diff", id).ok().lines


def test_a_container_that_has_written_nothing_has_changed_nothing(engine, box):
    id = engine.id()
    engine("create", "--image", box, id).ok()
    assert engine("diff", id).ok().lines == []


def test_what_cannot_be_compared_is_said(any_engine, make_bundle):
    id = any_engine.id()
    any_engine("create", "--bundle", make_bundle().path, id).ok()
    any_engine("diff", id).fails("UnsupportedOperation", id, "made from a bundle")
    any_engine("diff", "nobody").fails("ContainerNotFound", "nobody")
    any_engine("diff").fails("InvalidArgument")
