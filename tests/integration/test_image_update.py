# SPDX-License-Identifier: MIT
"""update --image and rollback: another root file system for a container that stays what it is."""

import hashlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

import jsonschema
import pytest

from engine import ROOT, await_that
from images import PATH, Layer, Image, digest, to_json
from registry import Registry
from test_races import monitor_of

EVENTS = json.loads((ROOT / "docs/events.schema.json").read_text())
SLEEP = ["sleep", "1000"]
QUICK = ("--settle", "1", "--time", "0")


@pytest.fixture
def release(make_image):
    """Makes the image of a version, whose file /version tells which."""

    def release(version, *layers, **config):
        layer = Layer().add("version", f"{version}\n".encode())
        return make_image(layer, *layers, **{"Cmd": SLEEP, **config})

    return release


@pytest.fixture
def start(engine):
    """Starts a container of an image."""

    def start(image, *flags, command=()):
        id = engine.id()
        engine("run", "--detach", *flags, "--image", image, id, *command).ok()
        return id

    return start


def version(engine, id):
    return engine("exec", id, "cat", "/version").ok().out.strip()


def inspect(engine, id):
    return engine("inspect", id).ok().json()


def history(engine, id):
    return engine("history", "--format", "json", id).ok().json()


def env(document):
    return dict(line.split("=", 1) for line in document["spec"]["process"]["env"])


def roots(engine, id):
    path = engine.data / "containers" / id / "roots"
    return sorted(os.listdir(path)) if path.exists() else []


def test_a_container_keeps_what_is_its_own_and_gets_the_new_image(engine, release, start):
    old = release(1, Env=[PATH, "A=old", "B=old", "GONE=1"], Labels={"app": "1", "mine": "image"}, WorkingDir="/etc")
    new = release(2, Env=[PATH, "A=new", "B=new", "C=new"], Labels={"app": "2", "mine": "image"}, WorkingDir="/var")
    id = start(old, "-v", "data:/data", "-e", "B=mine", "--memory", "64m", "--hostname", "web", "--label", "mine=user",
               "--annotation", "note=kept")
    engine("exec", id, "sh", "-c", "echo kept > /data/file; echo lost > /file").ok()
    before = inspect(engine, id)
    assert engine("update", *QUICK, "--image", new, id).ok().out == ""
    after = inspect(engine, id)
    assert version(engine, id) == "2"
    assert engine("exec", id, "cat", "/data/file").ok().out == "kept\n"
    engine("exec", id, "test", "-e", "/file").exits(1)
    assert engine("exec", id, "hostname").ok().out == "web\n"
    assert (env(after)["A"], env(after)["B"], env(after)["C"]) == ("new", "mine", "new") and "GONE" not in env(after)
    assert after["spec"]["process"]["cwd"] == "/var"
    notes = after["spec"]["annotations"]
    assert notes["org.proxmox-lxcri.label.app"] == "2" and notes["org.proxmox-lxcri.label.mine"] == "user"
    assert notes["note"] == "kept"
    assert after["digest"] != before["digest"] and after["created"] == before["created"]
    for same in ("linux", "mounts", "root", "hostname"):
        assert after["spec"][same] == before["spec"][same], same
    assert after["spec"]["linux"]["resources"]["memory"]["limit"] == 64 << 20
    assert after["logPath"] == before["logPath"]
    engine("stop", "--time", "0", id).ok()
    engine("start", id).ok()
    assert version(engine, id) == "2"


def test_a_rollback_returns_to_what_was_and_a_second_one_undoes_it(engine, release, start):
    id = start(release(1), "-v", "data:/data")
    engine("exec", id, "sh", "-c", "echo one > /file; echo kept > /data/file").ok()
    engine("update", *QUICK, "--image", release(2), id).ok()
    engine("exec", id, "sh", "-c", "echo two > /file; echo more >> /data/file").ok()
    engine("update", "--memory", "48m", id).ok()
    engine("rollback", *QUICK, id).ok()
    assert version(engine, id) == "1"
    assert engine("exec", id, "cat", "/file").ok().out == "one\n"
    assert inspect(engine, id)["spec"]["linux"]["resources"]["memory"]["limit"] == 48 << 20
    engine("rollback", *QUICK, id).ok()
    assert version(engine, id) == "2"
    assert engine("exec", id, "cat", "/file", "/data/file").ok().out == "two\nkept\nmore\n"
    found = history(engine, id)
    assert [(entry["action"], entry["result"]) for entry in found] == [
        ("update", "done"), ("rollback", "done"), ("rollback", "done")]
    assert found[0]["fromDigest"] == found[1]["digest"] == found[2]["fromDigest"] != found[0]["digest"]
    assert "rollback" in engine("history", id).ok().lines[2]
    engine("stop", "--time", "0", id).ok()
    engine("rollback", id).ok()
    assert engine.status(id) == "stopped"
    engine("start", id).ok()
    assert version(engine, id) == "1"


def test_what_does_not_stay_is_put_back_with_its_data(engine, release, start):
    id = start(release(1), "-v", "data:/data", "-v", "/own")
    engine("exec", id, "sh", "-c", "echo one > /file; echo kept > /data/file").ok()
    volumes = set(os.listdir(engine.data / "volumes"))
    before = inspect(engine, id)
    for bad in (release(2, Cmd=["sh", "-c", "exit 7"], Volumes={"/more": {}}), release(3, Cmd=["/nowhere"])):
        failed = engine("update", *QUICK, "--image", bad, id)
        assert failed.code == 1 and failed.error in ("ContainerStartFailed", "CommandNotFound"), failed
        assert "so it is back on" in failed.err and id in failed.err
        assert version(engine, id) == "1"
        assert engine("exec", id, "cat", "/file", "/data/file").ok().out == "one\nkept\n"
        after = inspect(engine, id)
        assert (after["spec"], after["digest"]) == (before["spec"], before["digest"])
        assert set(os.listdir(engine.data / "volumes")) == volumes
        assert roots(engine, id) == []
    found = history(engine, id)
    assert [entry["result"] for entry in found] == ["reverted", "reverted"]
    assert "ended with code 7" in found[0]["error"]
    engine("rollback", id).fails("InvalidState", "never updated")
    engine("update", *QUICK, "--image", release(4), id).ok()
    engine("rollback", *QUICK, id).ok()
    told = [json.loads(line) for line in engine("events", "--since", "1h", "--until", "0s", "--format", "json").ok().lines]
    for event in told:
        jsonschema.Draft202012Validator(EVENTS).validate(event)
    names = [event["event"] for event in told if event["event"] in ("image_update", "rollback", "update_reverted")]
    assert names == ["update_reverted"] * 2 + ["image_update", "rollback"]


def test_the_check_of_the_image_or_of_the_user_decides(engine, release, start):
    id = start(release(1))
    ill = release(2, Healthcheck={"Test": ["CMD-SHELL", "test -e /ready"]})
    failed = engine("update", *QUICK, "--health-timeout", "3", "--image", ill, id)
    failed.fails("ContainerStartFailed", "health check did not succeed within 3 s", "code 1", "so it is back on")
    assert version(engine, id) == "1"
    well = release(3, Cmd=["sh", "-c", "sleep 1; touch /ready; sleep 1000"],
                   Healthcheck={"Test": ["CMD", "test", "-e", "/ready"]})
    engine("update", *QUICK, "--health-timeout", "20", "--image", well, id).ok()
    assert version(engine, id) == "3"
    failed = engine("update", *QUICK, "--health-timeout", "2", "--health-cmd", "sleep 54321", "--image", release(4), id)
    failed.fails("ContainerStartFailed", "gave no answer within 2 s")
    assert version(engine, id) == "3"
    assert "54321" not in engine("top", id).ok().out
    engine("update", *QUICK, "--health-cmd", "grep -q 5 /version", "--image", release(5), id).ok()
    assert version(engine, id) == "5"
    engine("update", "--time", "0", "--settle", "0", "--image", release(6, Cmd=["false"]), id).ok()
    engine.await_status(id, "stopped")


def test_ids_are_kept_on_each_driver_and_volumes_stay_readable(make_engine, release, work):
    for driver in ("overlay", "dir"):
        config = work / f"{driver}.json"
        config.write_text(json.dumps({"storage": {"driver": driver}}))
        engine = make_engine("crun", config=config)
        layer = Layer().directory("app", owner=(1000, 1000)).add("app/file", b"image\n", owner=(1000, 1000))
        id = engine.id()
        engine("run", "-d", "-v", "data:/app", "--image", release(1, layer, User="1000"), id).ok()
        before = inspect(engine, id)
        engine("exec", id, "sh", "-c", "echo mine > /app/mine").ok()
        engine("update", *QUICK, "--image", release(2, layer, User="1000", Volumes={"/new": {}, "/app": {}}), id).ok()
        after = inspect(engine, id)
        assert after["spec"]["linux"]["uidMappings"] == before["spec"]["linux"]["uidMappings"]
        assert engine("exec", id, "cat", "/app/file", "/app/mine").ok().out == "image\nmine\n"
        assert engine("exec", "--user", "0", id, "sh", "-c", "echo x > /new/x; cat /new/x").ok().out == "x\n"
        assert [mount["destination"] for mount in after["spec"]["mounts"]].count("/app") == 1
        engine("rollback", *QUICK, id).ok()
        engine("rollback", *QUICK, id).ok()
        assert engine("exec", "--user", "0", id, "cat", "/new/x").ok().out == "x\n"
        engine("delete", "--force", id).ok()
        assert [name for name in os.listdir(engine.data / "volumes") if name[0] != "."] == ["data"]


def test_the_root_before_stays_until_the_next_update_and_no_longer(any_engine, release):
    engine = any_engine
    id = engine.id()
    images = [release(number) for number in range(4)]
    for number, image in enumerate(images):
        engine("image", "import", image, f"app:{number}").ok()
    engine("run", "-d", "--image", "app:0", id).ok()
    engine("update", *QUICK, "--image", "app:1", id).ok()
    engine("image", "remove", "app:0").fails("ImageInUse", id)
    engine("system", "prune", "--all", "--force").ok()
    engine("rollback", *QUICK, id).ok()
    assert version(engine, id) == "0"
    for number in ("1", "2", "3"):
        engine("image", "import", images[int(number)], f"app:{number}").ok()
    engine("update", *QUICK, "--image", "app:2", id).ok()
    engine("update", *QUICK, "--image", "app:3", id).ok()
    assert len(roots(engine, id)) == 2
    assert not (engine.data / "containers" / id / "upper").exists()
    engine("image", "remove", "app:0").ok()
    engine("image", "remove", "app:2").fails("ImageInUse", id)
    engine("diff", id).ok()
    engine("delete", "--force", id).ok()
    engine("image", "remove", "app:2").ok()


def test_the_same_image_changes_nothing(any_engine, release):
    engine, image, id = any_engine, release(1), any_engine.id()
    engine("run", "-d", "--image", image, id).ok()
    pid = engine.pid(id)
    assert "already" in engine("update", "--image", image, id).ok().err
    assert engine.pid(id) == pid and history(engine, id) == []


def test_what_cannot_be_updated_says_why(engine, release, start, create):
    one, two = release(1), release(2)
    id = start(one)
    bundle, paused, removable = create(), start(one), engine.id()
    engine("run", "-d", "--rm", "--image", one, removable).ok()
    engine("pause", paused).ok()
    engine("update", "--image", two, bundle).fails("UnsupportedOperation", "bundle")
    engine("update", "--image", two, removable).fails("UnsupportedOperation", "goes when it ends")
    engine("update", "--image", two, paused).fails("InvalidState", "paused")
    engine("update", "--image", two, "nobody").fails("ContainerNotFound")
    engine("update", "--image", "nothing", "--pull", "never", id).fails("ImageNotFound")
    engine("update", "--image", two, "--settle", "999999", id).fails("InvalidArgument", "settle")
    engine("update", "--image", two, "--health-timeout", "0", id).fails("InvalidArgument", "--health-timeout")
    engine("update", "--image", two, "--memory", "1g", id).fails("InvalidArgument", "one by one")
    engine("update", "--settle", "1", id).fails("InvalidArgument", "--image")
    engine("update", "--format", "json", id).fails("InvalidArgument", "--check")
    engine("rollback", bundle).fails("UnsupportedOperation", "bundle")
    engine("rollback", id).fails("InvalidState", "never updated")
    engine("rollback").fails("InvalidArgument", "expected")
    engine("history").fails("InvalidArgument", "expected")
    (engine.data / "containers" / id / "request.json").unlink()
    engine("update", "--image", two, id).fails("UnsupportedOperation", "earlier release")
    assert version(engine, id) == "1" and roots(engine, id) == []
    engine("resume", paused).ok()


def test_a_stopped_container_stays_stopped_and_a_rename_takes_all_along(engine, release, start):
    id, new = start(release(1)), engine.id("new")
    engine("stop", "--time", "0", id).ok()
    engine("update", "--image", release(2), id).ok()
    assert engine.status(id) == "stopped"
    engine("cp", f"{id}:/version", engine.work / "version").ok()
    assert (engine.work / "version").read_text() == "2\n"
    engine("rename", id, new).ok()
    engine("start", new).ok()
    assert version(engine, new) == "2"
    engine("rollback", *QUICK, new).ok()
    assert version(engine, new) == "1"
    assert new in inspect(engine, new)["spec"]["linux"]["cgroupsPath"]
    assert engine("events", "--since", "1h", "--until", "0s", "--filter", "event=rollback", "--format", "json").ok().out


def test_of_those_who_change_it_at_once_each_finds_it_whole(engine, release, start):
    one, two, three = release(1), release(2), release(3)
    for _ in range(3):
        id = start(one)
        children = [engine.open("update", *QUICK, "--image", image, id) for image in (two, three)]
        time.sleep(0.2)
        others = [engine.open("start", id), engine.open("rollback", *QUICK, id)]
        for child in [*children, *others]:
            done = engine.finish(child)
            assert done.code == 0 or done.error == "InvalidState", done
        assert version(engine, id) in "123"
        child = engine.open("update", *QUICK, "--image", one, id)
        time.sleep(random.random())
        engine("delete", "--force", id).ok()
        done = engine.finish(child)
        assert done.code == 0 or done.error == "ContainerNotFound", done
        engine("state", id).fails("ContainerNotFound")
        assert os.listdir(engine.data / "containers") == []


def volume_hash(engine):
    """Of all that is in all volumes, with modes, owners and times."""
    found = hashlib.sha256()
    for top, directories, files in os.walk(engine.data / "volumes" / "data"):
        directories.sort()
        for name in sorted(directories + files):
            path = os.path.join(top, name)
            status = os.lstat(path)
            found.update(repr((path, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)).encode())
            if name in files:
                found.update(pathlib.Path(path).read_bytes())
    return found.hexdigest()


def kill_at_random(child, most):
    deadline = time.monotonic() + random.random() * most
    while time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()


def runs(engine, id):
    """Starts what is stopped. What the killed command has asked for may still be on its way."""
    if engine.status(id) == "stopped":
        started = engine("start", id)
        assert started.code == 0 or started.error == "InvalidState", started
    return engine("exec", id, "true").code == 0


def test_a_killed_update_leaves_the_old_or_the_new(engine, release, start):
    """200 times over all backends in a long check, else 15 times."""
    rounds = 67 if os.environ.get("LXCRI_TEST_LONG", "0") != "0" else 5
    images = [release(number) for number in range(2)]
    id = start(images[0], "-v", "data:/data")
    engine("exec", id, "sh", "-c", "mkdir /data/d; for i in 1 2 3 4 5 6 7 8; do echo $i > /data/d/$i; done").ok()
    expected, current, seen = volume_hash(engine), "0", {}
    digests = {inspect(engine, id)["digest"]: "0"}
    began = time.monotonic()
    engine("update", "--time", "0", "--settle", "0", "--image", images[1], id).ok()
    took = time.monotonic() - began
    digests[inspect(engine, id)["digest"]] = current = "1"
    for _ in range(rounds):
        other = "1" if current == "0" else "0"
        child = engine.open("update", "--time", "0", "--settle", "0", "--image", images[int(other)], id)
        engine.children.remove(child)
        kill_at_random(child, took)
        assert volume_hash(engine) == expected
        await_that(lambda: runs(engine, id), "it runs, or can be started")
        found = version(engine, id)
        assert found == digests[inspect(engine, id)["digest"]] and found in (current, other)
        seen[found == current] = seen.get(found == current, 0) + 1
        current = found
        assert volume_hash(engine) == expected
        engine("system", "check", "--repair").ok()
        found = engine("system", "check", "--format", "json").ok().json()
        assert (found["faults"], found["warnings"]) == (0, 0), found
        assert len(roots(engine, id)) <= 2
    print(f"old {seen.get(True, 0)}, new {seen.get(False, 0)}")
    assert rounds < 30 or len(seen) == 2, seen
    engine("delete", "--force", id).ok()


def test_a_check_tells_what_is_outdated(make_engine, work, box_blob):
    registry = Registry()
    config = work / "registry.json"
    config.write_text(json.dumps({"registries": {"insecure": [registry.host], "retries": 0, "timeout": 5}}))
    engine = make_engine("crun", config=config)

    def publish(number):
        image = Image([box_blob], Cmd=SLEEP, Labels={"n": str(number)})
        files = image.files()
        manifest = [content for path, content in files.items() if digest(content) in files["index.json"].decode()][0]
        for path, content in files.items():
            registry.blobs[digest(content)] = content
        return registry.publish_manifest(manifest, "1")

    try:
        first = publish(1)
        name = f"{registry.host}/app:1"
        ids = [engine.id(), engine.id()]
        engine("run", "-d", "--image", name, ids[0]).ok()
        found = engine("update", "--check", "--format", "json").ok().json()
        assert [(entry["id"], entry["outdated"], entry["available"]) for entry in found] == [(ids[0], False, first)]
        second = publish(2)
        requests = len(registry.requests)
        found = engine("update", "--check", "--format", "json").exits(100).json()
        assert (found[0]["outdated"], found[0]["digest"], found[0]["available"]) == (True, first, second)
        assert all("/blobs/" not in request.path for request in registry.requests[requests:])
        assert "outdated" in engine("update", "--check", ids[0]).exits(100).lines[1]
        engine("update", *QUICK, "--pull", "newer", "--image", name, ids[0]).ok()
        engine("run", "-d", "--image", name, ids[1]).ok()
        engine("update", "--check").ok()
        engine("update", "--check", "nobody").fails("ContainerNotFound")
    finally:
        registry.stop()
    found = engine("update", "--check", "--format", "json").exits(1).json()
    assert [entry["outdated"] for entry in found] == [False, False] and all(entry["error"] for entry in found)


def test_a_monitor_that_is_killed_during_the_check_is_found_out_at_once(engine, release, start):
    id = start(release(1))
    child = engine.open("update", *QUICK, "--health-cmd", "sleep 54321", "--image", release(2), id)
    await_that(lambda: "54321" in engine("top", id).out, "the check runs", 20)
    os.kill(monitor_of(engine, id), signal.SIGKILL)
    done = engine.finish(child, 30)
    assert done.code == 1 and "so it is back on" in done.err, done
    assert version(engine, id) == "1"
