# SPDX-License-Identifier: MIT
"""inspect: what it prints is what docs/*.schema.json say, on every backend and in every state."""

import json
import signal

import jsonschema
import pytest

from engine import ROOT

CONTAINER = json.loads((ROOT / "docs/inspect.schema.json").read_text())
IMAGE = json.loads((ROOT / "docs/image-inspect.schema.json").read_text())
VOLUME = json.loads((ROOT / "docs/volume-inspect.schema.json").read_text())


def check(document, schema=CONTAINER):
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


@pytest.mark.parametrize("schema", [CONTAINER, IMAGE, VOLUME], ids=["container", "image", "volume"])
def test_every_field_is_documented_and_no_other_is_allowed(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    for name, field in schema["properties"].items():
        assert len(field["description"]) > 10, name


@pytest.mark.parametrize("kind", ["image", "bundle"])
def test_a_container_is_as_the_schema_says_in_every_state(engine, box, make_bundle, kind):
    id, other = engine.id(), engine.id()
    if kind == "image":
        engine("create", "--env", "A=b", "--label", "a.b/c=d", "--image", box, id, "sleep", "1000").ok()
    else:
        engine("create", "--bundle", make_bundle("sleep", "1000").path, id).ok()

    def look(status):
        found = check(engine("inspect", id).ok().json())
        assert found["status"] == status
        return found

    assert "started" not in look("created")
    engine("start", id).ok()
    assert "started" in look("running")
    engine("pause", id).ok()
    look("paused")
    engine("resume", id).ok()
    engine("kill", id, "KILL").ok()
    engine("wait", id).ok()
    assert look("stopped")["exitCode"] == 137
    engine("create", "--image", box, "--tty", other, "sleep", "1000").ok()
    assert check(engine("inspect", other).ok().json())["terminal"] is True
    found = engine("inspect", id, other).ok().json()
    assert [check(one)["id"] for one in found] == [id, other]


def test_a_container_whose_monitor_was_killed_is_too(engine, box_start):
    id = box_start()
    import os
    import pathlib
    monitor = [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()
               and (path / "cmdline").exists()
               and {b"lxcri-monitor", id.encode()} <= set(read(path / "cmdline").split(b"\0"))]
    os.kill(monitor[0], signal.SIGKILL)
    engine.await_status(id, "stopped")
    assert check(engine("inspect", id).ok().json())["monitorLost"] is True


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_schema_refuses_what_it_does_not_know(any_engine, box):
    id = any_engine.id()
    any_engine("create", "--image", box, id).ok()
    found = any_engine("inspect", id).ok().json()
    with pytest.raises(jsonschema.ValidationError):
        check({**found, "new": 1})
    with pytest.raises(jsonschema.ValidationError):
        check({**found, "exitCode": 0})


def test_one_field_is_selected(any_engine, box):
    id, other = any_engine.id(), any_engine.id()
    for one in (id, other):
        any_engine("create", "--annotation", "a.b/c=d e", "--image", box, one, "sleep", "1000").ok()

    def field(path, *ids):
        return any_engine("inspect", "--format", path, *(ids or [id]))

    assert field("status").ok().out == "created\n"
    assert field("id", id, other).ok().lines == [id, other]
    assert field("spec.process.args[0]").ok().out == "sleep\n"
    assert json.loads(field("spec.process.args").ok().out) == ["sleep", "1000"]
    assert field('annotations["a.b/c"]').ok().out == "d e\n"
    assert json.loads(field("json").ok().out)["id"] == id
    for bad in ("nothing", "spec.process.args[9]", "spec..process", "status.x", "spec.process.args[", "[0]",
                'annotations["a', "."):
        field(bad).fails("PathNotFound", "there is no field")
    result = any_engine("inspect", id, "nobody").exits(1)
    assert result.error == "ContainerNotFound" and json.loads(result.out)["id"] == id
    any_engine("inspect").fails("InvalidArgument")


def test_an_image_is_as_its_schema_says(any_engine, box, make_image):
    any_engine("image", "import", box, "one").ok()
    any_engine("image", "import", make_image(Labels={"a": "b"}, Cmd=["x"]), "two:1").ok()
    one = check(any_engine("image", "inspect", "one").ok().json(), IMAGE)
    assert one["name"] == "docker.io/library/one:latest" and len(one["layers"]) == 1
    both = any_engine("image", "inspect", "one", "two:1").ok().json()
    assert [check(image, IMAGE)["name"] for image in both][1] == "docker.io/library/two:1"
    assert both[1]["config"]["Labels"] == {"a": "b"}
    assert any_engine("image", "inspect", "--format", "config.Cmd", "two:1").ok().out == '["x"]\n'
    any_engine("image", "inspect", "three").fails("ImageNotFound", "three")
    any_engine("image", "inspect").fails("InvalidArgument")


def test_people_do_not_see_the_compiled_filter(engine, box):
    id = engine.id()
    engine("create", "--image", box, id, "true").ok()
    for verb in ("inspect", "state"):
        shown = engine(verb, id).ok()
        assert "seccomp_bpf" not in shown.out and len(shown.out) < 32000
