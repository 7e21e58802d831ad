# SPDX-License-Identifier: MIT
"""system check finds what is broken, --repair mends what can be mended, and neither touches what is
whole."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess

import pytest

from engine import await_that
from host import tree
from test_races import monitor_of


def check(engine, *flags):
    """Returns the findings, having asserted that exit code and numbers agree with them."""
    result = engine("system", "check", "--format", "json", *flags)
    assert result.out, result
    document = result.json()
    left = [one for one in document["findings"] if not one.get("repaired")]
    assert document["faults"] == sum(one["state"] == "fault" for one in left)
    assert document["warnings"] == sum(one["state"] == "warning" for one in left)
    assert document["repaired"] == len(document["findings"]) - len(left)
    return result.exits(1 if document["faults"] else 0).json()["findings"]


def only(engine, name, state, *flags, word=""):
    """Asserts that there is one finding, and which."""
    found = check(engine, *flags)
    assert [(one["check"], one["state"]) for one in found] == [(name, state)], found
    assert word in found[0]["found"] + found[0].get("object", ""), found
    return found[0]


def change(engine, statement, *values):
    with sqlite3.connect(engine.data / "state.db") as database:
        database.execute(statement, values)
    database.close()


def record_of(engine, id):
    with sqlite3.connect(engine.data / "state.db") as database:
        row = database.execute("SELECT record FROM container WHERE id = ?", (id,)).fetchone()
    database.close()
    return json.loads(row[0])


def files(engine):
    """What the engine keeps, but for the files that SQLite shares memory by."""
    return {path: what for path, what in tree(engine.data, engine.root).items()
            if not path.endswith(("-shm", "-wal"))}


@contextlib.contextmanager
def held(path):
    """The directory is locked by somebody else."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(directory)


@pytest.fixture
def stored(any_engine, box):
    """An image in the store, and a stopped container of it that has written something."""
    any_engine("image", "import", box, "mine:1").ok()
    id = any_engine.id()
    any_engine("run", "--image", "mine:1", id, "sh", "-c", "echo mine > /file").ok()
    return id


def test_what_is_whole_is_not_complained_about(engine, box, box_start):
    assert check(engine) == []
    id = box_start(flags=["--volume", "/data", "--volume", "named:/named"])
    assert check(engine) == [] and check(engine, "--deep") == []
    before = files(engine)
    assert check(engine, "--repair") == []
    assert files(engine) == before
    assert engine.status(id) == "running"
    engine("delete", "--force", id).ok()
    assert check(engine) == []


def test_without_repair_nothing_is_changed(any_engine, stored):
    (any_engine.data / "containers" / "left-over").mkdir()
    (any_engine.data / "images/blobs/sha256" / ("0" * 64)).write_text("x")
    (any_engine.data / "layers" / ("1" * 64) / "fs").mkdir(parents=True)
    (any_engine.data / "layers" / ".tmp-x").mkdir()
    change(any_engine, "INSERT INTO container (id, record) VALUES ('gone', ?)", json.dumps(
        {**record_of(any_engine, stored), "id": "gone"}))
    before = files(any_engine)
    found = {one["check"] for one in check(any_engine, "--deep")}
    assert found == {"container.half_deleted", "container.directory", "blob.unreferenced",
                     "layer.unreferenced", "blob.digest"}
    assert files(any_engine) == before
    check(any_engine, "--repair", "--deep")
    assert check(any_engine, "--deep") == []
    assert (any_engine.data / "containers" / stored / "upper/file").read_text() == "mine\n"
    any_engine("start", stored).ok()


def test_a_record_without_a_directory(any_engine, stored):
    other = any_engine.id()
    any_engine("create", "--image", "mine:1", other, "true").ok()
    shutil.rmtree(any_engine.data / "containers" / stored)
    shutil.rmtree(any_engine.root / "containers" / stored)
    only(any_engine, "container.directory", "warning", word=stored)
    assert only(any_engine, "container.directory", "warning", "--repair")["repaired"]
    assert check(any_engine) == []


def test_a_disk_that_is_not_mounted_costs_no_record(any_engine, stored):
    homes = any_engine.data / "containers"
    shutil.rmtree(any_engine.root / "containers" / stored)  # as after a boot
    index = any_engine.data / "images/index.json"  # so that it alone stands on its layers
    index.write_text(json.dumps({**json.loads(index.read_text()), "manifests": []}))
    homes.rename(any_engine.data / "elsewhere")
    homes.mkdir()
    found = check(any_engine, "--repair")
    assert {one["check"] for one in found} == {"container.directories", "blob.unreferenced"}
    any_engine("system", "prune", "--all", "--force").ok()
    any_engine("system", "prune", "--volumes", "--force").fails("SystemError", "volumes must stay")
    homes.rmdir()
    (any_engine.data / "elsewhere").rename(homes)
    assert any_engine.list() == [stored]
    any_engine("start", stored).ok()
    any_engine("wait", stored).ok()
    shutil.rmtree(any_engine.root / "containers" / stored)
    shutil.rmtree(homes / stored)
    only(any_engine, "container.directories", "fault", "--repair")
    (homes / stored).mkdir()  # as the remedy says
    any_engine("delete", stored).ok()
    check(any_engine, "--repair")
    assert check(any_engine) == []


def test_a_disk_that_is_not_mounted_costs_no_volume(any_engine, stored):
    id, homes = any_engine.id(), any_engine.data / "containers"
    any_engine("run", "--volume", "/data", "--image", "mine:1", id, "sh", "-c", "echo mine > /data/file").ok()
    shutil.rmtree(any_engine.root / "containers")  # as after a boot
    homes.rename(any_engine.data / "elsewhere")
    homes.mkdir()
    only(any_engine, "container.directories", "fault", "--repair")
    # With one of another container there, those of all others would look removed by hand.
    any_engine("run", "--image", "mine:1", any_engine.id(), "true").fails(
        "StorageError", f"{homes} is empty", "mount what belongs there", code=125)
    only(any_engine, "container.directories", "fault", "--repair")
    homes.rmdir()
    (any_engine.data / "elsewhere").rename(homes)
    volume, = (any_engine.data / "volumes").glob("[0-9a-f]*")
    assert (volume / "_data/file").read_text() == "mine\n"
    shutil.rmtree(homes / id)
    assert {one["check"] for one in check(any_engine, "--repair")} == {"container.directory", "volume.owner"}
    assert not volume.exists() and check(any_engine) == []


def test_one_that_was_to_be_removed_when_the_power_went(any_engine, stored):
    live = any_engine.id()
    any_engine("run", "--rm", "--detach", "--image", "mine:1", live, "sleep", "1000").ok()
    assert check(any_engine, "--repair") == []
    change(any_engine, "UPDATE container SET record = ? WHERE id = ?",
           json.dumps({**record_of(any_engine, stored), "remove": True}), stored)
    shutil.rmtree(any_engine.root / "containers" / stored)
    only(any_engine, "container.removable", "warning", word=stored)
    assert only(any_engine, "container.removable", "warning", "--repair")["repaired"]
    assert check(any_engine) == [] and any_engine.list() == [live]


def test_a_directory_without_a_record(any_engine, stored):
    change(any_engine, "DELETE FROM container")
    only(any_engine, "container.half_deleted", "warning", word=stored)
    assert only(any_engine, "container.half_deleted", "warning", "--repair")["repaired"]
    assert not (any_engine.data / "containers" / stored).exists()


def test_what_is_just_being_renamed_is_left_alone(any_engine, box):
    """A rename that goes on holds three locks; here they are held in its stead, at the worst time."""
    old, new = any_engine.id(), any_engine.id("new")
    any_engine("run", "--volume", "/own", "--image", box, old, "sh", "-c", "echo kept >> /own/file").ok()
    index = any_engine.data / "images/index.json"  # so that its layers are its own
    index.write_text(json.dumps({**json.loads(index.read_text()), "manifests": []}))
    homes, runs = any_engine.data / "containers", any_engine.root / "containers"
    record = record_of(any_engine, old)
    record.update(id=new, **{key: value.replace(str(homes / old), str(homes / new))
                             for key, value in record.items() if key in ("bundle", "logPath")})
    (runs / new).mkdir()
    held = [os.open(path, os.O_RDONLY) for path in (runs / old, runs / new, homes)]
    for fd in held:
        fcntl.flock(fd, fcntl.LOCK_EX)
    (homes / ".renaming").write_text(json.dumps({"from": old, "record": json.dumps(record)}))
    (homes / old).rename(homes / new)
    checking = any_engine.open("system", "check", "--repair")
    await_that(lambda: checking.poll() is not None or any(
        "->" in line and str(checking.pid) in line.split() for line in open("/proc/locks")),
        "it waits for the rename, or is done without")
    for fd in held:
        os.close(fd)
    any_engine.finish(checking).ok()
    any_engine("start", new).ok()
    assert any_engine("wait", new).ok().out == "0\n"
    any_engine("cp", f"{new}:/own/file", any_engine.work / "own").ok()
    assert (any_engine.work / "own").read_text() == "kept\n" * 2
    assert any_engine.list() == [new]


def test_a_volume_that_is_half_removed(any_engine, stored):
    half = any_engine.data / "volumes" / (".gone-" + "0" * 64)
    (half / "_data").mkdir(parents=True)
    only(any_engine, "volume.half_removed", "warning", word=half.name)
    assert only(any_engine, "volume.half_removed", "warning", "--repair")["repaired"]
    assert not half.exists() and check(any_engine) == []


def test_a_volume_that_is_being_removed_is_not_half_removed(any_engine, stored):
    """What is locked is at work: nobody takes it for a leftover."""
    busy = any_engine.data / "volumes" / f".gone-{'0' * 64}"
    busy.mkdir(parents=True)
    with held(busy):
        assert check(any_engine) == []
    assert only(any_engine, "volume.half_removed", "warning", "--repair")["repaired"]

    def seen():
        any_engine("volume", "create", "many").ok()
        for i in range(3000):
            (any_engine.data / "volumes/many/_data" / str(i)).mkdir()
        child = any_engine.open("volume", "remove", "many")
        while child.poll() is None and not list((any_engine.data / "volumes").glob(".gone-*")):
            pass
        child.send_signal(signal.SIGSTOP)
        left = list((any_engine.data / "volumes").glob(".gone-*"))
        for path in left:
            with pytest.raises(BlockingIOError), held(path):
                pass
        child.send_signal(signal.SIGCONT)
        any_engine.finish(child).ok()
        return left
    await_that(seen, "a removal is seen")


def test_what_was_being_written_when_the_power_went(any_engine, stored):
    data = any_engine.data
    left = [data / name for name in (f"containers/{stored}/.state.json.12", "images/.oci-layout.7",
                                     f"cache/seccomp/.{'0' * 64}.bpf.31", ".tmp-overlay-Ab3dEf")]
    others = [data / name for name in (f"containers/{stored}/.mine", ".mine.d", "images/.x.y.1z")]
    (data / "cache/seccomp").mkdir(parents=True, exist_ok=True)
    for path in left[:-1] + others:
        path.write_text("x")
    (left[-1] / "upper").mkdir(parents=True)
    found = check(any_engine)
    assert {one["check"] for one in found} == {"disk.temporary"}
    assert {one["object"] for one in found} == {str(path) for path in left}
    assert all(path.exists() for path in left)
    assert all(one["repaired"] for one in check(any_engine, "--repair"))
    assert not any(path.exists() for path in left) and all(path.exists() for path in others)
    assert check(any_engine) == []


def test_a_trial_of_overlays_that_is_under_way_is_no_leftover(any_engine, stored):
    """Else it fails, and until the next boot no container would get one."""
    trial = any_engine.data / ".tmp-overlay-Ab3dEf"
    (trial / "upper").mkdir(parents=True)
    with held(trial):
        assert check(any_engine, "--repair") == [] and trial.exists()
    only(any_engine, "disk.temporary", "warning", "--repair", word=trial.name)

    def is_seen_locked():
        child = any_engine.open("doctor")
        found = False
        while child.poll() is None:
            for path in any_engine.data.glob(".tmp-overlay-*"):
                try:
                    with contextlib.suppress(FileNotFoundError), held(path):
                        pass
                except BlockingIOError:
                    found = True
        any_engine.finish(child)
        return found
    await_that(is_seen_locked, "a trial is locked")


def test_a_note_of_a_rename_that_was_not_whole(any_engine, stored):
    note = any_engine.data / "containers/.renaming-new"
    note.write_text("{")
    check(any_engine, "--repair")
    assert not note.exists() and any_engine.list() == [stored]


def test_a_creation_of_which_only_the_record_is_on_the_disk(any_engine, stored):
    """It is the only container: those that were finished would be taken for a disk that is not mounted."""
    record = {**record_of(any_engine, stored), "phase": "creating"}
    change(any_engine, "UPDATE container SET record = ?", json.dumps(record))
    shutil.rmtree(any_engine.data / "containers" / stored)
    shutil.rmtree(any_engine.root / "containers" / stored)
    only(any_engine, "container.directory", "warning", word=stored)
    assert only(any_engine, "container.directory", "warning", "--repair")["repaired"]
    assert any_engine.list() == [] and check(any_engine) == []


CUT_SHORT = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for words in ("PRAGMA journal_mode = DELETE", "PRAGMA cache_size = 1", "BEGIN IMMEDIATE",
              "UPDATE container SET record = '{'",
              "INSERT INTO container (id, record) VALUES ('half', hex(randomblob(1000000)))"):
    database.execute(words).fetchall()
os._exit(0)
"""


def test_a_change_of_the_database_that_was_cut_short(any_engine, stored):
    """Those who only read cannot undo it."""
    subprocess.run(["python3", "-c", CUT_SHORT, any_engine.data / "state.db"], check=True)
    assert (any_engine.data / "state.db-journal").stat().st_size > 0
    any_engine("image", "verify", "mine:1").ok()
    assert check(any_engine) == []
    assert any_engine.list() == [stored]
    any_engine("start", stored).ok()


def test_a_directory_that_cannot_be_read_is_told(any_engine, stored):
    (any_engine.data / "volumes").mkdir(exist_ok=True)
    owned = any_engine.data / "volumes/.owned"
    owned.write_text("no directory")
    only(any_engine, "disk.directory", "fault", word=str(owned))
    owned.unlink()
    assert check(any_engine) == []


def test_a_stray_directory_is_left_alone(any_engine, stored):
    stray = any_engine.data / "containers" / "not an id"
    stray.mkdir()
    only(any_engine, "container.stray", "warning", "--repair", word="not an id")
    assert stray.exists()
    stray.rmdir()


def test_a_half_made_container(any_engine, stored):
    record = {**record_of(any_engine, stored), "phase": "creating"}
    change(any_engine, "UPDATE container SET record = ?", json.dumps(record))
    only(any_engine, "container.half_made", "warning", word=stored)
    assert only(any_engine, "container.half_made", "warning", "--repair")["repaired"]
    assert any_engine.list() == [] and check(any_engine) == []


def test_a_creation_that_is_under_way_is_not_disturbed(any_engine, box, tmp_path):
    """Its lock tells; here the creation stands still, waiting for the store."""
    any_engine("image", "import", box, "mine:1").ok()
    directory = os.open(any_engine.data, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    id = any_engine.id()
    creation = any_engine.open("create", "--image", "mine:1", id, "true")
    await_that(lambda: (any_engine.root / "containers" / id).exists(), "it has begun")
    checking = any_engine.open("system", "check", "--repair", "--format", "json")
    os.close(directory)
    assert any_engine.finish(checking).ok().json()["findings"] == []
    any_engine.finish(creation).ok()
    any_engine("start", id).ok()


def test_a_record_that_cannot_be_read_keeps_everything(any_engine, stored):
    record = json.dumps(record_of(any_engine, stored))
    change(any_engine, "UPDATE container SET record = '{'")
    before = files(any_engine)
    only(any_engine, "container.record", "fault", word=stored)
    only(any_engine, "container.record", "fault", "--repair")
    assert files(any_engine) == before
    change(any_engine, "UPDATE container SET record = ?", record)
    assert check(any_engine) == []


def test_a_container_whose_layers_are_gone_gets_them_back(any_engine, stored):
    layer = pathlib.Path(record_of(any_engine, stored)["layers"][0])
    shutil.rmtree(layer.parent)
    only(any_engine, "container.layers", "fault", word=layer.parent.name)
    assert only(any_engine, "container.layers", "fault", "--repair")["repaired"]
    any_engine("start", stored).ok()
    assert any_engine("wait", stored).ok().out == "0\n"
    assert check(any_engine) == []


def test_a_container_whose_layers_cannot_come_back(any_engine, stored):
    shutil.rmtree(pathlib.Path(record_of(any_engine, stored)["layers"][0]).parent)
    shutil.rmtree(any_engine.data / "images/blobs/sha256")
    (any_engine.data / "images/blobs/sha256").mkdir()
    found = {one["check"] for one in check(any_engine, "--repair")}
    assert found == {"container.layers", "image.document"}
    assert (any_engine.data / "containers" / stored / "upper/file").exists()


def test_a_container_without_its_specification(any_engine, stored):
    (any_engine.data / "containers" / stored / "config.json").unlink()
    only(any_engine, "container.bundle", "fault", "--repair", word=stored)


def test_a_container_of_the_future(any_engine, stored):
    record = {**record_of(any_engine, stored), "created": 4102444800_000000000}
    change(any_engine, "UPDATE container SET record = ?", json.dumps(record))
    only(any_engine, "container.time", "warning", word=stored)
    # Every verb goes on.
    assert "ago" in any_engine("list").ok().out
    any_engine("start", stored).ok()
    any_engine("wait", stored).ok()
    any_engine("delete", stored).ok()


def test_a_monitor_that_was_killed(any_engine, box, box_start_any):
    id = box_start_any("sleep", "1000")
    os.kill(monitor_of(any_engine, id), signal.SIGKILL)
    await_that(lambda: monitor_of(any_engine, id) == 0, "the monitor is gone")
    names = {one["check"] for one in check(any_engine)}
    assert "run.monitor_lost" in names and names <= {"run.monitor_lost", "run.cgroup"}
    check(any_engine, "--repair")
    assert check(any_engine) == []
    assert any_engine("inspect", id).ok().json()["exitCode"] == 137


def test_a_monitor_whose_directory_was_removed(any_engine, box_start_any):
    id = box_start_any("sleep", "1000")
    monitor, first = monitor_of(any_engine, id), any_engine.pid(id)
    shutil.rmtree(any_engine.root / "containers" / id)
    found = {one["check"]: one for one in check(any_engine)}
    assert f"kill -KILL {monitor}" in found["run.monitor_without_directory"]["remedy"]
    os.kill(first, signal.SIGKILL)
    await_that(lambda: monitor_of(any_engine, id) == 0, "the monitor is gone")
    check(any_engine, "--repair")
    assert check(any_engine) == []


def test_a_monitor_of_an_engine_in_a_container_is_not_ours(any_engine, stored):
    """It has directories of the same names, in sight of its container alone."""
    run = any_engine.root / "containers" / "inner"
    script = f"""mount -t tmpfs none {any_engine.root} && mkdir -p {run} && printf lxcri-monitor > /proc/self/comm
        echo up; read line"""
    words = ["bash", "-c", 'exec -a lxcri-monitor bash -c "$0" --run-dir "$1"', script, str(run)]
    for flags, names in [(["--mount"], ["run.monitor_without_directory"]),
                         (["--mount", "--pid", "--fork", "--kill-child"], [])]:
        child = subprocess.Popen(["unshare", *flags, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"up\n"
        assert [one["check"] for one in check(any_engine)] == names
        child.communicate(b"\n")


def test_a_monitor_that_is_just_ending_has_lost_nothing(any_engine, stored):
    run = any_engine.root / "containers" / "going"
    words = ["bash", "-c", 'exec -a lxcri-monitor bash -c "$0" --run-dir "$1"',
             "printf lxcri-monitor > /proc/self/comm; echo up; read -t 0.3 line", str(run)]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"up\n"
    assert check(any_engine) == []
    child.communicate()


def test_a_run_directory_that_nobody_remembers(any_engine, stored):
    left = any_engine.root / "containers" / "left-over"
    left.mkdir(mode=0o700)
    (left / "state.json").write_text('{"phase":"stopped","exit_code":0}')
    only(any_engine, "run.leftover", "warning", word="left-over")
    assert only(any_engine, "run.leftover", "warning", "--repair")["repaired"]
    assert not left.exists()


def cgroup_parent():
    unified = pathlib.Path("/sys/fs/cgroup")
    return unified if (unified / "cgroup.controllers").exists() else unified / "pids"


@pytest.mark.vm
def test_a_cgroup_of_a_container_that_is_gone(any_engine, box_start_any):
    """Its name is learnt from a container that lives, and made anew after it."""
    id = box_start_any("sleep", "1000")
    cgroup = next(path for path in cgroup_parent().iterdir()
                  if path.name.startswith(f"proxmox-lxcri.payload.{id}."))
    assert check(any_engine) == []
    any_engine("delete", "--force", id).ok()
    await_that(lambda: not cgroup.exists(), "it is gone with its container")
    cgroup.mkdir()
    other = cgroup.with_name(cgroup.name[:-8] + "00000000")
    other.mkdir()  # of another engine
    try:
        only(any_engine, "run.cgroup", "warning", word=cgroup.name)
        sleeper = subprocess.Popen(["sleep", "1000"])
        (cgroup / "cgroup.procs").write_text(str(sleeper.pid))
        only(any_engine, "run.cgroup", "fault", "--repair")
        sleeper.kill()
        sleeper.wait()
        assert only(any_engine, "run.cgroup", "warning", "--repair")["repaired"]
        assert not cgroup.exists() and other.exists()
    finally:
        other.rmdir()


def test_a_mount_that_the_host_sees(any_engine, stored):
    rootfs = any_engine.data / "containers" / stored / "rootfs"
    script = f"""mount -t tmpfs none {rootfs}
        {" ".join(map(str, any_engine.argv("system", "check", "--format", "json")))}
        {" ".join(map(str, any_engine.argv("system", "check", "--repair", "--format", "json")))}
        grep -c {rootfs} /proc/self/mountinfo"""
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                          capture_output=True, text=True, check=False)
    before, rest = done.stdout.split("\n}\n", 1)
    found = json.loads(before + "}")["findings"]
    assert [(one["check"], one["object"]) for one in found] == [("run.mount", str(rootfs))]
    after, count = rest.split("\n}\n", 1)
    assert json.loads(after + "}")["findings"][0]["repaired"] and count.strip() == "0"


def test_mounts_of_a_pod_that_is_being_made_or_deleted_are_in_order(any_engine, stored):
    """Then it has no record yet, or none any more."""
    run = any_engine.root / "containers" / "going"
    (run / "shm").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", run / "shm"], check=True)
    try:
        with held(run):
            assert check(any_engine, "--repair") == [] and os.path.ismount(run / "shm")
        assert {one["check"] for one in check(any_engine)} == {"run.mount", "run.leftover"}
    finally:
        subprocess.run(["umount", run / "shm"], check=True)
    only(any_engine, "run.leftover", "warning", "--repair")


def test_a_mount_of_somebody_else_stays(any_engine, stored):
    """A disk for what a container writes, which the host has mounted at boot."""
    upper = any_engine.data / "containers" / stored / "upper"
    command = " ".join(map(str, any_engine.argv("system", "check", "--repair", "--format", "json")))
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                           f"mount -t tmpfs none {upper}; {command}; grep -c {upper} /proc/self/mountinfo"],
                          capture_output=True, text=True, check=False)
    out, count = done.stdout.rsplit("}\n", 1)
    assert [(one["check"], one["object"]) for one in json.loads(out + "}")["findings"]] == [
        ("run.mount", str(upper))]
    assert count.strip() == "1"


def blob_of(engine, kind):
    """The path of a blob of the stored image: its manifest, its config or its layer."""
    blobs = engine.data / "images/blobs/sha256"
    index = json.loads((engine.data / "images/index.json").read_text())
    manifest = blobs / index["manifests"][0]["digest"][7:]
    document = json.loads(manifest.read_text())
    return {"manifest": manifest, "config": blobs / document["config"]["digest"][7:],
            "layer": blobs / document["layers"][0]["digest"][7:]}[kind]


@pytest.mark.parametrize("kind, name", [("manifest", "image.document"),
                                        ("config", "image.document"), ("layer", "image.blob")])
def test_an_image_that_lacks_a_blob(any_engine, stored, box, kind, name):
    blob = blob_of(any_engine, kind)
    blob.unlink()
    before = files(any_engine)
    only(any_engine, name, "fault", "--repair", word="docker.io/library/mine:1")
    assert files(any_engine) == before
    any_engine("image", "import", box, "mine:1").ok()
    assert check(any_engine, "--deep") == []


@pytest.mark.parametrize("kind", ["config", "layer"])
def test_an_image_that_lacks_a_blob_can_be_removed(any_engine, stored, kind):
    any_engine("delete", stored).ok()
    blob_of(any_engine, kind).unlink()
    shutil.rmtree(any_engine.data / "layers")
    any_engine("image", "remove", "mine:1").ok()
    assert check(any_engine) == []


@pytest.mark.parametrize("kind", ["config", "layer"])
def test_a_blob_whose_bytes_have_changed(any_engine, stored, box, kind):
    blob = blob_of(any_engine, kind)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    if kind == "layer":
        assert check(any_engine) == []  # only who reads all of it can know
    assert "blob.digest" in {one["check"] for one in check(any_engine, "--deep")}
    assert blob.exists()
    check(any_engine, "--deep", "--repair")
    assert not blob.exists()
    any_engine("image", "import", box, "mine:1").ok()
    assert check(any_engine, "--deep") == []


def test_an_index_that_is_damaged_collects_nothing(any_engine, stored):
    index = any_engine.data / "images/index.json"
    text = index.read_text()
    index.write_text("{")
    before = files(any_engine)
    only(any_engine, "images.index", "fault", "--repair")
    assert files(any_engine) == before
    index.write_text(text)


def test_layers_that_are_incomplete(any_engine, stored):
    layer = pathlib.Path(record_of(any_engine, stored)["layers"][0]).parent
    record = (layer / "layer.json").read_bytes()
    (layer / "layer.json").unlink()
    only(any_engine, "layer.incomplete", "fault", "--repair", word=layer.name)
    assert (layer / "fs").exists()
    any_engine("delete", stored).ok()
    assert only(any_engine, "layer.incomplete", "warning", "--repair")["repaired"]
    assert not layer.exists() and record
    id = any_engine.id()
    assert any_engine("run", "--rm", "--image", "mine:1", id, "echo", "hi").ok().out == "hi\n"


def test_volumes_of_a_container_that_is_gone(any_engine, stored, box):
    id = any_engine.id()
    any_engine("create", "--volume", "/data", "--image", "mine:1", id, "true").ok()
    owned = any_engine.data / "volumes/.owned"
    shutil.copytree(owned / id, owned / "long-gone")
    names = os.listdir(owned / id)
    any_engine("delete", id).ok()
    (any_engine.data / "volumes" / names[0] / "_data").mkdir(parents=True)
    only(any_engine, "volume.owner", "warning", word="long-gone")
    assert only(any_engine, "volume.owner", "warning", "--repair")["repaired"]
    assert os.listdir(any_engine.data / "volumes") == [".owned"] and os.listdir(owned) == []


def test_a_database_that_is_lost_is_not_begun_anew(any_engine, stored):
    """Each container would look like one whose deletion was interrupted, and go."""
    shutil.move(any_engine.data / "state.db", any_engine.data / "kept")
    for name in ("state.db-wal", "state.db-shm"):
        shutil.move(any_engine.data / name, any_engine.data / f"kept-{name}")
    before = files(any_engine)
    for words in (["start", stored], ["delete", stored], ["inspect", stored]):
        any_engine(*words).fails("StorageError", "state.db is missing")
    any_engine("list").fails("StorageError", "state.db is missing")
    only(any_engine, "database.missing", "fault", "--repair", word="1 containers")
    assert files(any_engine) == before
    shutil.move(any_engine.data / "kept", any_engine.data / "state.db")
    for name in ("state.db-wal", "state.db-shm"):
        shutil.move(any_engine.data / f"kept-{name}", any_engine.data / name)
    any_engine("start", stored).ok()
    assert check(any_engine) == []


def test_a_database_that_is_damaged_is_told_and_nothing_is_touched(any_engine, stored):
    database = any_engine.data / "state.db"
    change(any_engine, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = database.read_bytes()
    database.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    before = files(any_engine)
    found = check(any_engine, "--repair")
    assert found[0]["check"].startswith("database.") and "recover" in found[0]["remedy"]
    assert files(any_engine) == before
    any_engine("start", stored).fails("StorageError", "state.db")
    assert (any_engine.data / "containers" / stored / "upper/file").exists()
    database.write_bytes(content)
    assert check(any_engine) == []


def test_a_database_that_is_none_is_told(any_engine, stored):
    database = any_engine.data / "state.db"
    change(any_engine, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = database.read_bytes()
    database.write_bytes(b"this is no database" * 1000)
    only(any_engine, "database.readable", "fault", "--repair")
    any_engine("start", stored).fails("StorageError", "state.db")
    database.write_bytes(content)


VERBS = [["list"], ["ps"], ["info"], ["system", "df"], ["start", "{}"], ["stop", "{}"], ["delete", "{}"], ["kill", "{}"], ["inspect", "{}"],
           ["logs", "{}"], ["exec", "{}", "true"], ["wait", "{}"], ["pause", "{}"], ["state", "{}"],
           ["image", "remove", "mine:1"], ["system", "prune", "--force"],
           ["run", "--image", "mine:1", "new", "true"]]


def test_a_database_of_the_future_is_refused_by_every_verb(any_engine, stored):
    with sqlite3.connect(any_engine.data / "state.db") as database:
        version, = database.execute("PRAGMA user_version").fetchone()
    database.close()
    change(any_engine, "PRAGMA user_version = 99")
    before = files(any_engine)
    for words in VERBS:
        result = any_engine(*(word.format(stored) for word in words))
        assert result.code in (1, 125) and result.error == "StorageError", result
        assert "later program" in result.err, result
    only(any_engine, "database.readable", "fault", "--repair", word="later program")
    assert files(any_engine) == before
    change(any_engine, f"PRAGMA user_version = {version}")
    assert check(any_engine) == []


def read_only(engine, *script):
    """Runs commands where the data directory is mounted read-only."""
    lines = [f"mount --bind {engine.data} {engine.data}", f"mount -o remount,bind,ro {engine.data}",
             *script]
    return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                           "\n".join(lines)], capture_output=True, text=True, check=False)


def test_a_read_only_data_directory_can_be_looked_at_and_says_why_it_cannot_be_changed(
        any_engine, stored):
    for words in (["list"], ["inspect", stored], ["logs", stored], ["image", "list"], ["info"],
                  ["system", "df"], ["system", "check"], ["ps", "-a"]):
        done = read_only(any_engine, shlex.join(any_engine.argv(*words)))
        assert done.returncode == 0, (words, done)
    for words in (["delete", stored], ["image", "remove", "mine:1"],
                  ["system", "prune", "--force", "--all"],
                  ["create", "--image", "mine:1", "new", "true"]):
        done = read_only(any_engine, shlex.join(any_engine.argv(*words)))
        assert done.returncode in (1, 125), (words, done)
        lines = done.stderr.splitlines()
        assert all(re.search(r"[Rr]ead-only|readonly", line) for line in lines), (words, done)
        # A prune goes on.
        assert len(lines) == (2 if words[0] == "system" else 1) and "[StorageError]" in lines[-1], (words, done)
    assert check(any_engine) == []
    assert any_engine.list() == [stored]


@pytest.fixture
def box_start_any(any_engine, box):
    """Starts a container on the engine where the backend does not matter."""

    def start(*args):
        id = any_engine.id()
        any_engine("run", "--detach", "--image", box, id, *args).ok()
        return id

    return start
