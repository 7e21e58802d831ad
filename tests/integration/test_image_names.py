# SPDX-License-Identifier: MIT
"""image tag, untag and history: what a stored image is called, and how it came to be."""

import json
import os
import time

import pytest

from images import Image, Layer, pack, to_json


def names(engine):
    return [image["name"] for image in engine("image", "list", "--format", "json").ok().json()]


def test_a_tag_is_a_further_name(any_engine, box):
    digest = any_engine("image", "import", box, "mine:1").ok().out.strip()
    assert any_engine("image", "tag", "mine:1", "mine:2", "registry.example/team/mine").ok().out == ""
    assert names(any_engine) == ["docker.io/library/mine:1", "docker.io/library/mine:2",
                                 "registry.example/team/mine:latest"]
    any_engine("image", "remove", "mine:1").ok()
    any_engine("image", "tag", digest, "by-digest").ok()
    for name in ("mine:2", "by-digest"):
        assert any_engine("run", "--rm", "--image", name, any_engine.id(), "echo", "hi").ok().out == "hi\n"
    any_engine("image", "tag", "mine:2", "mine:2").ok()
    assert len(names(any_engine)) == 3


def test_an_image_that_lost_its_name_stays_until_it_is_collected(any_engine, box, make_image):
    old = any_engine("image", "import", box, "mine:1").ok().out.strip()
    any_engine("image", "import", make_image(Layer().add("x", b"x")), "other:1").ok()
    any_engine("image", "tag", "other:1", "mine:1").ok()
    assert names(any_engine) == ["docker.io/library/mine:1", "docker.io/library/other:1", old] or \
        sorted(names(any_engine)) == sorted(["docker.io/library/mine:1", "docker.io/library/other:1", old])
    any_engine("image", "untag", "mine:1", "other:1").ok()
    assert len(names(any_engine)) == 2 and all(name.startswith("sha256:") for name in names(any_engine))
    any_engine("image", "tag", old, "again").ok()
    removed = any_engine("image", "gc", "--force", "--format", "json").ok().json()
    assert removed["freed"] > 0 and names(any_engine) == ["docker.io/library/again:latest"]


def test_untagging_a_digest_takes_all_names(any_engine, box):
    digest = any_engine("image", "import", box, "mine:1").ok().out.strip()
    any_engine("image", "tag", digest, "mine:2", "mine:3").ok()
    any_engine("image", "untag", digest).ok()
    assert names(any_engine) == [digest]


def test_bad_names_change_nothing(any_engine, box):
    digest = any_engine("image", "import", box, "mine:1").ok().out.strip()
    before = (any_engine.data / "images/index.json").read_bytes()
    any_engine("image", "tag", "nobody", "x").fails("ImageNotFound", "nobody")
    any_engine("image", "tag", "sha256:" + "0" * 64, "x").fails("ImageNotFound")
    any_engine("image", "tag", "mine:1", digest).fails("InvalidArgument", "digest")
    any_engine("image", "tag", "mine:1", f"x@{digest}").fails("InvalidArgument", "digest")
    for name in ("", "UPPER", "a b", "a:b:c", "../x", "x\ny"):
        any_engine("image", "tag", "mine:1", name).fails("InvalidReference")
    any_engine("image", "tag", "mine:1").fails("InvalidArgument", "NEW-NAME")
    any_engine("image", "untag", "nobody").fails("ImageNotFound", "nobody")
    any_engine("image", "untag").fails("InvalidArgument", "expected")
    any_engine("image", "tag", "--quiet", "mine:1", "x").fails("InvalidArgument", "--quiet")
    assert (any_engine.data / "images/index.json").read_bytes() == before


def test_an_empty_store_has_no_image_to_name(any_engine):
    any_engine("image", "tag", "a", "b").fails("ImageNotFound")
    any_engine("image", "untag", "a").fails("ImageNotFound")
    any_engine("image", "history", "a").fails("ImageNotFound")


def with_history(work, box_blob, history, layers=1):
    image = Image([box_blob] + [pack(Layer().add(f"f{number}", b"x").finish()) for number in range(layers)])
    document = json.loads(image.config_bytes())
    document["history"] = history
    image.config_bytes = lambda: to_json(document)
    return image.oci(work / f"history{len(os.listdir(work))}")


def test_history_tells_each_step_and_what_it_weighs(any_engine, work, box_blob):
    source = with_history(work, box_blob, [
        {"created": "2024-01-01T00:00:00Z", "created_by": "base", "author": "somebody"},
        {"created": "2024-01-02T00:00:00Z", "created_by": "ENV A=b", "empty_layer": True, "comment": "said"},
        {"created": "2024-01-03T00:00:00Z", "created_by": "COPY f0 \x1b[31m/"}])
    any_engine("image", "import", source, "mine").ok()
    steps = any_engine("image", "history", "mine", "--format", "json").ok().json()
    assert [step.get("createdBy") for step in steps] == ["COPY f0 \x1b[31m/", "ENV A=b", "base"]
    assert [step["size"] > 0 for step in steps] == [True, False, True]
    assert steps[2]["size"] == len(box_blob) and steps[2]["author"] == "somebody"
    assert steps[1]["comment"] == "said" and "digest" not in steps[1]
    assert steps[0]["created"].startswith("2024-01-03T00:00:00")
    table = any_engine("image", "history", "mine").ok().out
    assert table.split("\n")[0].split() == ["CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert "\x1b" not in table and len(table.splitlines()) == 4


@pytest.mark.parametrize("history", [[], [{}], [{"created_by": "x", "created": "nonsense"}] * 9])
def test_a_history_that_does_not_fit_the_layers_is_no_harm(any_engine, work, box_blob, history):
    any_engine("image", "import", with_history(work, box_blob, history), "mine").ok()
    steps = any_engine("image", "history", "mine", "--format", "json").ok().json()
    assert len(steps) == max(2, len(history))
    assert sum(step["size"] > 0 for step in steps) == 2
    any_engine("image", "history", "mine").ok()


def test_what_a_list_remembers_is_what_there_is(any_engine, box):
    any_engine("image", "import", box, "mine:1").ok()
    any_engine("run", "--rm", "--image", "mine:1", any_engine.id(), "true").ok()  # makes the run directory
    index = any_engine.data / "images/index.json"
    os.utime(index)

    def settled_list():
        """A list of an index that has not changed of late, twice: it is remembered in between."""
        stamp = os.stat(index).st_ctime

        time.sleep(max(0, stamp + 2.1 - time.time()))
        first = any_engine("image", "list", "--format", "json").ok().json()
        assert (any_engine.root / "image-list").exists()
        assert any_engine("image", "list", "--format", "json").ok().json() == first
        return [image["name"] for image in first]

    assert settled_list() == ["docker.io/library/mine:1"]
    any_engine("image", "tag", "mine:1", "mine:2").ok()
    assert names(any_engine) == ["docker.io/library/mine:1", "docker.io/library/mine:2"]
    # Somebody writes into the file itself, which is as long and as new as before.
    index.write_text(index.read_text().replace("mine:2", "mine:3"))
    assert names(any_engine) == ["docker.io/library/mine:1", "docker.io/library/mine:3"]
    assert "mine:3" in (any_engine.root / "image-list").read_text(errors="replace")
    (any_engine.root / "image-list").write_text("nonsense\n\x00 x\n")
    assert len(names(any_engine)) == 2
