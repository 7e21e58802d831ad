# SPDX-License-Identifier: MIT
"""volume: make, list, inspect, remove, prune, export and import."""

import contextlib
import io
import json
import os
import pathlib
import signal
import stat
import subprocess
import tarfile
import time

import jsonschema
import pytest

from engine import ROOT, await_that
from images import Layer
from test_image_update import kill_at_random

SCHEMA = json.loads((ROOT / "docs/volume-inspect.schema.json").read_text())


def names(engine):
    return engine("volume", "list", "--quiet").ok().lines


def inspect(engine, name):
    found = engine("volume", "inspect", name).ok().json()
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    return found


def archive(*members):
    """A tar archive of (name, kind, content or link, owner, mode)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content, owner, mode in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, (entry.uid, entry.gid) = kind, mode, owner
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                entry.linkname, content = content, b""
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def data(engine, name):
    return engine.data / "volumes" / name / "_data"


def leftovers(engine):
    return [name for name in os.listdir(engine.data / "volumes") if name.startswith(".gone")]


def test_a_volume_is_made_listed_inspected_and_removed(any_engine):
    engine = any_engine
    assert names(engine) == []
    assert engine("volume", "create", "--label", "a=1", "--label", "b", "db").ok().out == "db\n"
    assert engine("volume", "create", "--label", "a=1", "--label", "b", "db").ok().out == "db\n"
    engine("volume", "create", "db").fails("InvalidState", "db", "other labels")
    made = engine("volume", "create").ok().out.strip()
    assert len(made) == 64 and sorted(names(engine)) == sorted(["db", made])
    found = inspect(engine, "db")
    assert found["labels"] == {"a": "1", "b": ""} and found["users"] == [] and not found["anonymous"]
    assert found["mountpoint"] == str(data(engine, "db")) and pathlib.Path(found["mountpoint"]).is_dir()
    assert inspect(engine, made)["anonymous"]
    assert engine("volume", "inspect", "--format", "labels.a", "db").ok().out == "1\n"
    assert [entry["name"] for entry in engine("volume", "list", "--format", "json").ok().json()] == names(engine)
    assert "USED BY" in engine("volume", "ls").ok().lines[0]
    engine("volume", "remove", "db", made).ok()
    assert names(engine) == []
    for verb in ("inspect", "remove", "export"):
        engine("volume", verb, "db").fails("PathNotFound", "no volume is called db")
        engine("volume", verb, "../db").fails("InvalidArgument", "not a name")
    engine("volume", "create", ".x").fails("InvalidArgument", "not a name")
    engine("volume", "create", "x" * 256).fails("InvalidArgument", "not a name")
    engine("volume", "create", "--label", "=x", "y").fails("InvalidArgument", "no name")
    engine("volume", "remove", "--all", "db").fails("InvalidArgument", "--all")
    engine("volume", "creat", "db").fails("InvalidArgument", "did you mean create?")
    assert [(event["event"], event["id"]) for event in map(json.loads, engine(
        "events", "--since", "1h", "--until", "0s", "--filter", "type=volume", "--format", "json").ok().lines)] == [
        ("create", "db"), ("create", made), ("remove", "db"), ("remove", made)]


def test_who_mounts_a_volume_is_told_and_keeps_it(engine, box_start, box):
    id = box_start(flags=["-v", "db:/data", "-v", "/own"])
    found = inspect(engine, "db")
    assert found["users"] == [id] and "owner" not in found and found["created"]
    own = [name for name in names(engine) if name != "db"][0]
    assert inspect(engine, own)["owner"] == id
    engine("volume", "remove", "db").fails("InvalidState", "db", id)
    engine("stop", "--time", "0", id).ok()
    engine("volume", "remove", own).fails("InvalidState", id)
    engine("volume", "prune", "--all", "--force").ok()
    assert sorted(names(engine)) == sorted(["db", own])
    engine("delete", id).ok()
    assert names(engine) == ["db"]
    engine("volume", "create", "empty").ok()
    one = engine("volume", "create").ok().out.strip()
    engine("volume", "prune").fails("InvalidArgument", "--force")
    assert one[:12] in engine("volume", "prune", "--dry-run").ok().out
    engine("volume", "prune", "--force").ok()
    assert names(engine) == ["db", "empty"]
    engine("volume", "prune", "--all", "--force").ok()
    assert names(engine) == []
    removable = engine.id()
    engine("run", "--rm", "-v", "/own", "--image", box, removable, "true").ok()
    assert names(engine) == []


def test_a_volume_that_was_made_before_is_what_a_container_gets(any_engine, make_image):
    engine, id = any_engine, any_engine.id()
    image = make_image(Layer().directory("seed").add("seed/file", b"image\n"))
    engine("volume", "create", "--label", "x=y", "db").ok()
    assert engine("run", "--rm", "-v", "db:/seed", "--image", image, id, "ls", "/seed").ok().out == ""
    assert engine("run", "--rm", "-v", "new:/seed", "--image", image, id, "ls", "/seed").ok().out == "file\n"
    assert inspect(engine, "db")["labels"] == {"x": "y"}


def test_what_is_exported_comes_back_the_same(engine, box_start, box):
    id = box_start(flags=["-v", "db:/data"])
    engine("exec", id, "sh", "-c",
           "cd /data; echo one > file; mkdir -p d/e; ln -s file link; ln file hard; mkfifo fifo; chmod 4755 file; "
           "chown 1000:1001 d; chmod 2750 d; chown 1000:1000 .; chmod 1770 .; touch -d @1000000000 d/e").ok()
    path = engine.work / "db.tar"
    engine("volume", "export", "--output", path, "db").ok()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    engine("volume", "import", "db", path).fails("InvalidState", id, "running", "stop it first")
    time.sleep(1.1)  # what gets the time of the import is seen by that
    engine("volume", "import", "copy", path).ok()

    def tree(name):
        found = {}
        for top, directories, files in os.walk(data(engine, name)):
            for entry in [".", *directories, *files]:
                status = os.lstat(os.path.join(top, entry))
                key = os.path.normpath(os.path.join(os.path.relpath(top, data(engine, name)), entry))
                found[key] = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_size,
                              int(status.st_mtime))
        return found

    assert tree("copy") == tree("db") and tree("db")["."][1] % 1000 == 0
    engine("stop", "--time", "0", id).ok()
    with open(path, "rb") as file:
        engine("volume", "import", "db", "-", stdin=file).ok()
    assert engine("volume", "export", "db").ok().bytes == engine("volume", "export", "copy").ok().bytes
    engine("start", id).ok()
    assert engine("exec", id, "cat", "/data/file").ok().out == "one\n"
    assert engine("exec", id, "stat", "-c", "%u %a", "/data").ok().out == "1000 1770\n"
    labelled = inspect(engine, "db")["created"]
    engine("stop", "--time", "0", id).ok()
    engine("volume", "import", "db", "-", input=archive(("x", tarfile.REGTYPE, b"x", (0, 0), 0o644))).ok()
    assert os.listdir(data(engine, "db")) == ["x"] and inspect(engine, "db")["created"] == labelled
    assert leftovers(engine) == []


def test_an_export_that_fails_leaves_the_archive_that_was_there(any_engine):
    path = any_engine.work / "db.tar"
    any_engine("volume", "create", "db").ok()
    pathlib.Path(data(any_engine, "db"), "file").write_text("one")
    any_engine("volume", "export", "--output", path, "db").ok()
    path.chmod(0o640)
    before = path.read_bytes()
    any_engine("volume", "export", "--output", path, "bd").fails("PathNotFound", "bd")
    # Larger than a file may be.
    pathlib.Path(data(any_engine, "db"), "big").write_bytes(os.urandom(1 << 20))
    limited = ["prlimit", f"--fsize={1 << 19}", *any_engine.argv("volume", "export", "--output", str(path), "db")]
    assert subprocess.run(limited, env=any_engine.environment(), check=False, stderr=subprocess.DEVNULL).returncode
    assert path.read_bytes() == before and set(os.listdir(path.parent)) == {"db.tar", "run", "data"}
    any_engine("volume", "export", "--output", path, "db").ok()
    assert path.read_bytes() != before and stat.S_IMODE(path.stat().st_mode) == 0o640
    any_engine("volume", "export", "--output", "/dev/stdout", "db").ok()
    any_engine("volume", "export", "--output", "/dev/full", "db").fails("CopyFailed", "No space left")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_what_went_by_itself_keeps_a_prune_from_nothing(any_engine):
    """As volumes do that a container owns, which is deleted meanwhile."""
    away = any_engine.work / "away"
    away.mkdir()
    for i in range(20):
        any_engine("volume", "create", f"v{i}").ok()
        for k in range(500):
            os.mkdir(os.path.join(data(any_engine, f"v{i}"), str(k)))
    volumes = any_engine.data / "volumes"
    child = any_engine.open("volume", "prune", "--all", "--force", "--format", "json")
    while sum((volumes / f"v{i}").exists() for i in range(20)) == 20:
        assert child.poll() is None
    moved = set()
    for i in range(20):
        with contextlib.suppress(FileNotFoundError):
            os.rename(volumes / f"v{i}", away / f"v{i}")
            moved.add(f"v{i}")
    removed = {one["name"] for one in any_engine.finish(child).ok().json()["removed"]}
    assert moved and removed == {f"v{i}" for i in range(20)} - moved and leftovers(any_engine) == []


HOSTILE = {
    "dots": (("../out", tarfile.REGTYPE, b"x", (0, 0), 0o644),),
    "through a link": (("a", tarfile.SYMTYPE, "/", (0, 0), 0o777), ("a/out", tarfile.REGTYPE, b"x", (0, 0), 0o644)),
    "link to the host": (("a", tarfile.LNKTYPE, "/etc/passwd", (0, 0), 0o644),),
    "link out": (("a", tarfile.LNKTYPE, "../../../etc/passwd", (0, 0), 0o644),),
    "device": (("a", tarfile.CHRTYPE, b"", (0, 0), 0o666),),
    "top is a file": ((".", tarfile.REGTYPE, b"x", (0, 0), 0o644),),
    "huge owner": (("a", tarfile.REGTYPE, b"x", (1 << 40, 0), 0o644),),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_makes_nothing_outside_and_leaves_what_was(any_engine, kind):
    engine = any_engine
    engine("volume", "create", "db").ok()
    (data(engine, "db") / "mine").write_text("kept")
    failed = engine("volume", "import", "db", "-", input=archive(*HOSTILE[kind]))
    assert failed.code == 1 and failed.error in ("ExtractFailed", "CopyFailed"), failed
    assert os.listdir(data(engine, "db")) == ["mine"]
    assert leftovers(engine) == [] and names(engine) == ["db"]
    assert sorted(os.listdir(engine.data / "volumes" / "db")) == ["_data", "volume.json"]
    assert not (engine.data / "volumes" / "out").exists() and not pathlib.Path("/out").exists()


def test_what_is_no_archive_or_a_broken_one_leaves_what_was(any_engine):
    engine = any_engine
    engine("volume", "create", "db").ok()
    (data(engine, "db") / "mine").write_text("kept")
    whole = archive(("a", tarfile.REGTYPE, b"x" * 100_000, (0, 0), 0o644))
    for broken in (b"no archive at all" * 100, whole[:50_000]):
        failed = engine("volume", "import", "db", "-", input=broken)
        assert failed.code == 1 and failed.error == "ExtractFailed", failed
        engine("volume", "import", "other", "-", input=broken).exits(1)
    assert os.listdir(data(engine, "db")) == ["mine"] and names(engine) == ["db"]
    engine("volume", "import", "db", engine.work / "nothing").fails("SystemError", "nothing")
    engine("volume", "import").fails("InvalidArgument", "expected")
    engine("volume", "export", "a", "b").fails("InvalidArgument", "expected")


def test_a_killed_import_leaves_the_old_or_the_new(any_engine):
    engine = any_engine
    engine("volume", "import", "db", "-", input=archive(("old", tarfile.REGTYPE, b"x", (0, 0), 0o644))).ok()
    path = engine.work / "new.tar"
    path.write_bytes(archive(*((f"f{number}", tarfile.REGTYPE, b"x" * 1000, (0, 0), 0o644) for number in range(300))))
    began = time.monotonic()
    engine("volume", "import", "timing", path).ok()
    took = time.monotonic() - began
    seen = set()
    for number in range(12):
        child = engine.open("volume", "import", "db", path)
        engine.children.remove(child)
        kill_at_random(child, took)
        count = len(os.listdir(data(engine, "db")))
        assert count in (1, 300)
        seen.add(count)
        # The one that unpacked for it holds the lock until it is gone, too.
        await_that(lambda: engine("system", "check", "--repair").ok() and leftovers(engine) == [], "nothing is left")
        if count == 300:
            engine("volume", "import", "db", "-", input=archive(("old", tarfile.REGTYPE, b"x", (0, 0), 0o644))).ok()
    assert 1 in seen
    child = engine.open("volume", "import", "db", "-", stdin=subprocess.PIPE)
    time.sleep(0.3)
    engine("system", "check", "--repair").ok()  # somebody is at work: that is no leftover
    child.stdin.write(path.read_bytes())
    child.stdin.close()
    engine.finish(child).ok()
    assert len(os.listdir(data(engine, "db"))) == 300


def test_a_mount_is_a_volume_a_bind_or_a_tmpfs(any_engine, box):
    engine, host = any_engine, any_engine.work / "host"
    host.mkdir(mode=0o755)
    (host / "file").write_text("host")

    def run(script, *mounts):
        flags = [word for mount in mounts for word in ("--mount", mount)]
        return engine("run", "--rm", *flags, "--image", box, engine.id(), "sh", "-c", script)

    run("echo x > /data/file", "type=volume,source=db,target=/data").ok()
    assert names(engine) == ["db"]
    assert run("cat /d/file; echo y > /d/file", "source=db,dst=/d,readonly").exits(1).out == "x\n"
    assert run("cat /d/file; touch /d/no", f"type=bind,src={host},destination=/d,ro=true").exits(1).out == "host"
    assert run("grep ' /t ' /proc/mounts", "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770").ok().out.count("mode=1770")
    run("touch /anonymous/x", "target=/anonymous,ro=false").ok()
    assert names(engine) == ["db"]
    for mount, why in (("target=/x,type=none", "type is"), ("source=db", "target is missing"), ("target=x", "not absolute"),
                       ("type=bind,target=/x", "is a path"), (f"source={host},target=/x", "is its name"),
                       ("type=tmpfs,source=a,target=/x", "no source"), ("target=/x,target=/y", "twice"),
                       ("target=/x,what=1", "unknown key what"), ("target=/x,ro=maybe", "true or false"),
                       ("target=/x,tmpfs-size=1m", "not for this type"), ("type=tmpfs,target=/x,tmpfs-size=", "missing"),
                       ("target=", "have a value"), ("", "unknown key"), ("target=/a:b", "colon")):
        run("true", mount).fails("InvalidArgument", "--mount", why, code=125)
