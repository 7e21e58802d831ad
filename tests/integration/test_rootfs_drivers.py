# SPDX-License-Identifier: MIT
"""The same containers with each driver of root file systems. zfs takes part where LXCRI_TEST_ZFS names a
dataset below which it may work."""

import json
import os
import secrets
import sqlite3
import subprocess
import threading
import time

import pytest

from engine import await_that
from grounds import Ground, PlacedEngine
from images import Layer
from test_diff import EXPECTED, SCRIPT

ZFS = os.environ.get("LXCRI_TEST_ZFS")
# Each with the file system that it needs.
GROUNDS = {"overlay": "plain", "dir": "plain", "btrfs": "btrfs", **({"zfs": "plain"} if ZFS else {})}
# Those that copy nothing for a container.
SHARING = sorted(set(GROUNDS) - {"dir"})


@pytest.fixture(scope="module")
def grounds(session_dir):
    """Made before the first look at the host, which they change."""
    made = {kind: Ground(kind, session_dir) for kind in ("plain", *(() if ZFS else ("btrfs", "xfs")))}
    yield made.get
    for ground in made.values():
        ground.close()


def zfs(*words):
    return subprocess.run(["zfs", *words], check=True, text=True, stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL).stdout.splitlines()


@pytest.fixture
def make_placed(grounds, work, make_engine):
    """Makes engines: make_placed(driver, "crun", userns="host")."""
    made = []

    def make(driver, backend="crun", kind=None, **userns):
        directory = work / f"p{len(made)}"
        directory.mkdir()
        storage = {"driver": driver}
        if driver == "zfs":
            storage["zfs_dataset"] = f"{ZFS}/{secrets.token_hex(4)}"
        config = directory / "config.json"
        config.write_text(json.dumps({"storage": storage, **({"userns": userns} if userns else {})}))
        engine = PlacedEngine(directory, backend, grounds(kind or GROUNDS[driver]), config)
        engine.dataset = storage.get("zfs_dataset")
        engine.keep_service_away()
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.remove_all()
        if engine.dataset:
            subprocess.run(["zfs", "destroy", "-R", engine.dataset], check=False)


@pytest.fixture(params=GROUNDS)
def driver(request):
    return request.param


@pytest.fixture
def engine(make_placed, driver):
    return make_placed(driver)


@pytest.fixture
def image(make_image):
    """Three layers, in which things of the lower ones are removed and replaced."""
    return make_image(
        Layer().directory("srv").add("srv/gone", b"x").add("srv/kept", b"kept").directory("srv/tree")
        .add("srv/tree/old", b"x").add("srv/owned", b"x", owner=(7, 8), mode=0o4750)
        .add("srv/twin", b"twin").hardlink("srv/other-twin", "srv/twin"),
        Layer().add("srv/.wh.gone").directory("srv/tree").add("srv/tree/.wh..wh..opq")
        .add("srv/tree/new", b"new").symlink("srv/link", "kept"))


def subvolumes(engine):
    return [line.rpartition(" path ")[2]
            for line in engine.ground.run("btrfs", "subvolume", "list", engine.ground.path).splitlines()
            if engine.data.name in line]


def datasets(engine):
    """What is below the engine's dataset, but for what is always there."""
    if subprocess.run(["zfs", "list", engine.dataset], stdout=subprocess.DEVNULL, check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        return []
    base = len(engine.dataset) + 1
    names = [name[base:] for name in zfs("list", "-Hro", "name", "-t", "all", engine.dataset)]
    return [name for name in names if name not in ("", "layers", "containers")]


def remains(engine):
    """All that a driver has of layers and containers."""
    found = sorted(str(path.relative_to(engine.seen())) for name in ("containers", "layers")
                   for path in engine.seen(name).glob("*") if engine.seen(name).exists())
    if engine.ground.kind == "btrfs":
        found += subvolumes(engine)
    if engine.dataset:
        found += datasets(engine)
    return found


def start(engine, image, *flags):
    id = engine.id()
    engine("run", "--detach", *flags, "--image", image, id, "sleep", "1000").ok()
    return id


def inside(engine, id, script):
    return engine("exec", id, "sh", "-c", script).ok().lines


def stop(engine, id):
    engine("stop", "--time", "0", id).ok()


@pytest.mark.parametrize("backend", ["lxc", "crun", "runc"])
def test_what_a_container_has_written_is_there_when_it_starts_again(make_placed, driver, image, backend):
    engine = make_placed(driver, backend)
    id = start(engine, image)
    assert engine("inspect", id).ok().json()["storageDriver"] == driver
    assert inside(engine, id, "cd /srv; ls . tree; cat kept link; stat -c '%u %g %a' owned; stat -c %h twin") == [
        ".:", "kept", "link", "other-twin", "owned", "tree", "twin", "", "tree:", "new", "keptkept7 8 4750", "2"]
    inside(engine, id, "echo mine > /srv/mine; rm -r /srv/tree; echo changed > /srv/kept")
    for round in range(2):
        stop(engine, id)
        engine("start", id).ok()
        assert inside(engine, id, "cd /srv; ls; cat mine kept") == [
            "kept", "link", "mine", "other-twin", "owned", "twin", "mine", "changed"]
    # Nothing of it is another's.
    other = start(engine, image)
    assert inside(engine, other, "ls /srv; cat /srv/kept") == [
        "kept", "link", "other-twin", "owned", "tree", "twin", "kept"]
    for one in (id, other):
        engine("delete", "--force", one).ok()
    assert [name for name in remains(engine) if "containers" in name] == []


def test_what_a_container_has_changed_is_found(make_placed, driver, make_image):
    engine = make_placed(driver)
    layer = (Layer().directory("opt").directory("opt/base").add("opt/base/gone", b"x")
             .directory("opt/base/tree").add("opt/base/tree/leaf", b"x")
             .directory("opt/base/again").add("opt/base/again/same", b"x").add("opt/base/again/other", b"x")
             .directory("opt/base/calm").add("opt/base/calm/file", b"x")
             .directory("opt/mode").add("opt/owner", b"x").directory("opt/old").add("opt/old/file", b"x")
             .add("opt/kind", b"x").directory("data"))
    id = start(engine, make_image(layer), "-v", "/data")
    assert engine("diff", id).ok().lines == []
    inside(engine, id, SCRIPT)
    assert engine("diff", id).ok().lines == EXPECTED
    stop(engine, id)
    assert engine("diff", id).ok().lines == EXPECTED


@pytest.mark.parametrize("backend", ["lxc", "crun"])
@pytest.mark.parametrize("mode", ["auto", "host"])
def test_files_keep_their_owners_with_ids_of_the_host_and_with_others(make_placed, driver, image, backend, mode):
    engine = make_placed(driver, backend)
    id = start(engine, image, "--userns", mode)
    assert inside(engine, id, "cd /srv; stat -c '%u %g %a' / owned kept; touch new; chown 9:9 new; "
                              "chown 7 kept; stat -c '%u %g' new kept") == [
        "0 0 755", "7 8 4750", "0 0 644", "9 9", "7 0"]
    mapped = [line.split() for line in open(f"/proc/{engine.pid(id)}/uid_map", encoding="ascii")][0][1]
    assert (mapped == "0") == (mode == "host")
    stop(engine, id)
    engine("start", id).ok()
    assert inside(engine, id, "cd /srv; stat -c '%u %g' owned new kept") == ["7 8", "9 9", "7 0"]
    assert engine("diff", id).ok().lines == ["C /srv", "C /srv/kept", "A /srv/new"]


def test_files_are_copied_in_and_out_of_one_that_is_stopped(make_placed, driver, image, work):
    engine = make_placed(driver)
    id = start(engine, image)
    stop(engine, id)
    (work / "in").write_text("from outside")
    engine("cp", work / "in", f"{id}:/srv/in").ok()
    engine("cp", f"{id}:/srv/kept", work / "out").ok()
    assert (work / "out").read_text() == "kept"
    engine("start", id).ok()
    assert inside(engine, id, "cat /srv/in; stat -c ' %u' /srv/in") == ["from outside 0"]


@pytest.mark.parametrize("backend", ["lxc", "crun"])
def test_places_of_volumes_are_made_where_the_image_has_none(make_placed, driver, image, backend, work):
    engine = make_placed(driver, backend)
    id = engine.id()
    (work / "in").write_text("from outside")
    engine("create", "-v", "/made/for/it", "-v", "kept:/srv/also", "--image", image, id, "sleep", "1000").ok()
    engine("cp", work / "in", f"{id}:/made/for/it/in").ok()
    engine("start", id).ok()
    engine("cp", work / "in", f"{id}:/srv/also/in").ok()
    engine("cp", work / "in", f"{id}:/srv/in").ok()
    assert inside(engine, id, "cat /made/for/it/in; stat -c ' %u' /made/for/it/in /srv/also/in /srv/in") == [
        "from outside 0", " 0", " 0"]


def test_a_container_keeps_its_files_under_another_id(make_placed, driver, image):
    engine = make_placed(driver)
    id, other = start(engine, image), engine.id()
    inside(engine, id, "echo mine > /srv/mine")
    stop(engine, id)
    engine("rename", id, other).ok()
    engine("start", other).ok()
    assert inside(engine, other, "cat /srv/mine") == ["mine"]
    engine("delete", "--force", other).ok()
    assert [name for name in remains(engine) if "containers" in name] == []


@pytest.mark.parametrize("id", ["a+b.c_d-e", "x" * 128, "0_.+-"])
def test_any_id_that_a_container_can_have_does(make_placed, driver, image, id):
    engine = make_placed(driver)
    engine("run", "--image", image, id, "sh", "-c", "[ -e /srv/kept ] && touch /srv/mine").ok()
    assert engine("diff", id).ok().lines == ["C /srv", "A /srv/mine"]
    engine("delete", id).ok()
    assert [name for name in remains(engine) if "containers" in name] == []


def test_garbage_goes_and_what_a_container_stands_on_stays(make_placed, driver, image, make_image):
    engine = make_placed(driver)
    id = start(engine, image)
    engine("run", "--rm", "--image", make_image(Layer().add("other", b"x")), engine.id(), "true").ok()
    before = remains(engine)
    engine("system", "prune", "--force", "--all").ok()
    after = remains(engine)
    assert set(after) < set(before)
    stop(engine, id)
    engine("start", id).ok()
    assert inside(engine, id, "cat /srv/kept /srv/tree/new") == ["keptnew"]
    engine("delete", "--force", id).ok()
    engine("system", "prune", "--force", "--all").ok()
    assert remains(engine) == []


class Pruning:
    """Removes all that nothing uses, again and again, as long as the block lasts."""

    def __init__(self, engine):
        self.engine = engine
        self.over = threading.Event()
        self.results = []
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            self.results.append(self.engine("system", "prune", "--all", "--volumes", "--force"))

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert len(self.results) > 1 and all(result.code == 0 for result in self.results), self.results


def test_a_container_starts_whole_or_not_at_all_while_all_is_removed(make_placed, driver, image):
    engine = make_placed(driver)
    words = ["sh", "-c", "cat /srv/kept /srv/tree/new; cd /srv; echo; ls"]
    whole = ["keptnew", "kept", "link", "other-twin", "owned", "tree", "twin"]
    engine("image", "import", image, "mine:1").ok()
    with Pruning(engine):
        for _ in range(3 if ZFS else 8):
            # What comes from elsewhere comes again when it was removed.
            assert engine("run", "--rm", "--image", image, engine.id(), *words).ok().lines == whole
            named = engine("run", "--rm", "--pull", "never", "--image", "mine:1", engine.id(), *words)
            if named.code == 0:
                assert named.lines == whole
            else:
                named.fails("ImageNotFound", "mine:1", code=125)
                engine("image", "import", image, "mine:1").ok()
    assert engine.list() == []
    engine("system", "prune", "--force", "--all").ok()
    assert remains(engine) == []


def test_a_container_takes_what_it_has_written(make_placed, driver, make_image):
    engine = make_placed(driver)
    image = make_image(Layer().add("large", os.urandom(8 << 20)))
    id = start(engine, image)

    def taken():
        rows = engine("system", "df", "--verbose", "--format", "json").ok().json()
        return [row["size"] for row in rows["objects"] if row["type"] == "containers"][0]

    few = taken()
    inside(engine, id, "dd if=/dev/urandom of=/mine bs=1M count=4 2>/dev/null; sync")
    assert 4 << 20 <= taken() - few < 5 << 20
    if driver in SHARING:
        assert few < 1 << 20


def sums(engine, verb="system"):
    """What df says that layers, or containers, take and could give back."""
    found = {}
    for flags in ([], ["--verbose"]):
        document = engine(verb, "df", "--format", "json", *flags).ok().json()
        assert not found or found == {one["type"]: one for one in document["sums"]}
        found = {one["type"]: one for one in document["sums"]}
    return found


@pytest.mark.parametrize("copies", [False, True])
def test_what_a_driver_makes_of_layers_counts_where_it_takes_room(make_placed, make_image, copies):
    """Without copy-on-write btrfs cannot share blocks with what has it."""
    engine = make_placed("btrfs")
    engine.ground.run("mkdir", "-m", "711", engine.data)
    if copies:
        engine.ground.run("chattr", "+C", engine.data)
    image = make_image(Layer().add("large", os.urandom(8 << 20)).hardlink("twin", "large"),
                       Layer().add("other", os.urandom(4 << 20)).add("small", b"x"))
    engine("image", "import", image, "mine:1").ok()
    before, free = sums(engine)["layers"]["size"], engine.ground.free_bytes()
    assert 12 << 20 <= before < 15 << 20
    id = engine.id()
    engine("create", "--image", "mine:1", id, "true").ok()
    taken, room = sums(engine)["layers"]["size"] - before, free - engine.ground.free_bytes()
    assert taken == sums(engine, "image")["layers"]["size"] - before
    assert (12 << 20 <= taken <= room if copies else taken == 0), (taken, room)
    assert sums(engine)["layers"]["reclaimable"] == 0 and sums(engine)["containers"]["size"] < 1 << 20
    engine("delete", "--force", id).ok()
    promised = sums(engine)["layers"]
    assert promised["size"] == promised["reclaimable"] == before + taken
    flags = ["--all", "--force", "--format", "json"]
    would = engine("system", "prune", "--dry-run", *flags).ok().json()
    free = engine.ground.free_bytes()
    done = engine("image", "gc", *flags).ok().json()
    assert done["removed"] == would["removed"] and done["freed"] == would["freed"] > promised["size"]
    assert sum(one["size"] for one in done["removed"] if one["type"] == "layers") == promised["size"]
    # The kernel frees what subvolumes had when it comes to it; when it mounts one writable it looks for such.
    for mode in ("ro", "rw"):
        engine.ground.run("mount", "-o", f"remount,{mode}", engine.ground.path)
    await_that(lambda: engine.ground.free_bytes() - free >= promised["size"], "its room is free", 60)


def test_a_copy_in_a_bundle_elsewhere_counts(make_placed, make_image, work):
    """lxcri_image_create_container() makes such."""
    engine = make_placed("dir")
    id = engine.id()
    engine("create", "--image", make_image(Layer().add("large", os.urandom(4 << 20))), id, "true").ok()
    engine("start", id).ok()
    engine("wait", id).ok()
    whole = sums(engine)["containers"]
    assert whole["size"] == whole["reclaimable"] > 4 << 20
    bundle, home = work / "bundle", engine.seen("containers", id)
    bundle.mkdir()
    for name in ("rootfs", "config.json"):
        (home / name).rename(bundle / name)
    with sqlite3.connect(engine.seen("state.db")) as database:
        (record,) = database.execute("SELECT record FROM container WHERE id = ?", (id,)).fetchone()
        database.execute("UPDATE container SET record = ? WHERE id = ?",
                         (json.dumps({**json.loads(record), "bundle": str(bundle)}), id))
    database.close()
    assert sums(engine)["containers"] == whole
    done = engine("system", "prune", "--force", "--format", "json").ok().json()
    assert [one["size"] > 4 << 20 for one in done["removed"] if one["name"] == id] == [True]
    assert not bundle.exists()


def test_a_container_goes_on_with_the_driver_that_it_was_made_with(make_placed, driver, image):
    engine = make_placed(driver)
    id = start(engine, image)
    inside(engine, id, "echo mine > /srv/mine")
    stop(engine, id)
    other = "dir" if driver == "overlay" else "overlay"
    engine.config.write_text(json.dumps({"storage": {"driver": other}}))
    engine("start", id).ok()
    assert inside(engine, id, "cat /srv/mine") == ["mine"]
    assert engine("inspect", id).ok().json()["storageDriver"] == driver
    engine("delete", "--force", id).ok()
    assert [name for name in remains(engine) if "containers" in name] == []


@pytest.mark.parametrize("count", [130])
def test_an_image_may_have_many_layers(make_placed, driver, make_image, count):
    count = count if driver == "overlay" else 12
    layers = [Layer().directory("many").add("many/last", str(number).encode())
              .add(f"many/{number}", b"x") for number in range(count)]
    engine = make_placed(driver)
    id = start(engine, make_image(*layers))
    assert inside(engine, id, "cat /many/last; echo; ls /many | wc -l") == [str(count - 1), str(count + 1)]
    inside(engine, id, "echo mine > /many/0")
    stop(engine, id)
    engine("start", id).ok()
    assert inside(engine, id, "cat /many/0") == ["mine"]


def test_a_driver_that_cannot_be_had_is_refused_by_name(make_placed, make_engine, work, image):
    config = work / "config.json"
    engine = make_engine("crun", config=config)
    for driver, error, words in (
            ("btrfs", "UnsupportedOperation", ["storage.driver is btrfs", "does not lie on btrfs"]),
            ("zfs", "ZFSError" if ZFS else "UnsupportedOperation", ["storage.driver is zfs"])):
        config.write_text(json.dumps({"storage": {"driver": driver, "zfs_dataset": "nopool/dataset"}}))
        engine("create", "--image", image, engine.id()).fails(error, *words, code=125)
        found = engine("doctor", "--format", "json").json()["findings"]
        assert [one["state"] for one in found if one["check"] == "storage.driver"] == ["fault"]
    assert engine.list() == []


def test_what_the_file_system_is_for_is_chosen(make_placed, image):
    engine = make_placed("auto", kind="btrfs")
    id = start(engine, image)
    assert engine("inspect", id).ok().json()["storageDriver"] == "btrfs"
    assert engine("info", "--format", "json").ok().json()["storage"]["driver"] == "btrfs"


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_a_copy_shares_blocks_where_the_file_system_can(make_placed, make_image, kind):
    engine = make_placed("dir", kind=kind)
    image = make_image(Layer().add("large", os.urandom(32 << 20)))
    engine("image", "import", image, "large:1").ok()
    engine("create", "--userns", "host", "--image", "large:1", engine.id()).ok()
    before = engine.ground.free_bytes()
    engine("create", "--userns", "host", "--image", "large:1", engine.id()).ok()
    assert before - engine.ground.free_bytes() < 8 << 20


# -- what a killed command or a container leaves

def test_a_kill_at_any_moment_leaves_a_container_or_nothing(make_placed, driver, image):
    engine = make_placed(driver)

    def forget():
        for id in engine.list():
            engine("delete", "--force", id).ok()
        engine("system", "prune", "--force", "--all").ok()
        assert remains(engine) == []

    def timed(*words):
        begin = time.monotonic()
        engine(*words).ok()
        return time.monotonic() - begin

    id = engine.id()
    longest = {"create": timed("create", "--image", image, id), "delete": timed("delete", "--force", id)}
    forget()
    rounds = 4 if ZFS else 12
    for round in range(rounds):
        verb = "delete" if round % 3 == 2 else "create"
        if verb == "delete":
            engine("create", "--image", image, id := engine.id()).ok()
        child = engine.open(*(["create", "--image", image, engine.id()] if verb == "create"
                              else ["delete", "--force", id]))
        time.sleep(longest[verb] * (round + 1) / (rounds + 1))
        child.kill()
        child.wait()
        engine.children.remove(child)
        # A monitor whose creator is gone may still be about to end.
        for id in engine.list():
            await_that(lambda: engine("start", id).code == 0 or id not in engine.list(), "it starts")  # noqa: B023
        forget()


def test_a_subvolume_that_was_half_made_goes(make_placed, image):
    engine = make_placed("btrfs")
    engine("image", "import", image, "box:1").ok()
    left = engine.data / "layers/.tmp-merged"
    engine.ground.run("btrfs", "-q", "subvolume", "create", left)
    engine.ground.run("sh", "-c", f"echo wrong > {left}/wrong")
    assert len(subvolumes(engine)) == 1
    id = start(engine, "box:1")
    assert inside(engine, id, "ls / | grep wrong | wc -l; cat /srv/kept") == ["0", "kept"]
    assert not engine.seen("layers/.tmp-merged").exists()


def test_a_subvolume_that_was_changed_is_found_and_made_anew(make_placed, image):
    engine = make_placed("btrfs")
    id = start(engine, image)
    engine("image", "verify").ok()
    merged = [path for path in engine.seen("layers").glob("*/merged") if (path / "srv/link").is_symlink()]
    inner = engine.data / "layers" / merged[0].parent.name / "merged"
    engine.ground.run("btrfs", "property", "set", inner, "ro", "false")
    engine.ground.run("sh", "-c", f"echo wrong > {inner}/srv/kept")
    assert "its subvolume can be written" in engine("image", "verify").exits(1).out
    engine("delete", "--force", id).ok()
    engine("image", "verify", "--repair").ok()
    engine("image", "verify").ok()
    assert inside(engine, start(engine, image), "cat /srv/kept") == ["kept"]


def test_subvolumes_that_a_container_has_made_go_with_it(make_placed, image):
    engine = make_placed("btrfs")
    id = start(engine, image)
    root = engine.data / "containers" / id / "root"
    engine.ground.run("btrfs", "-q", "subvolume", "create", root / "own")
    engine.ground.run("sh", "-c", f"mkdir {root}/own/deep; echo x > {root}/own/deep/file")
    engine.ground.run("btrfs", "-q", "subvolume", "snapshot", "-r", root / "own", root / "own/deep/frozen")
    engine("delete", "--force", id).ok()
    assert [name for name in remains(engine) if "containers" in name] == []


def test_what_is_mounted_below_a_container_s_root_is_not_removed(make_placed, image):
    engine = make_placed("btrfs")
    id = start(engine, image)
    stop(engine, id)
    outside = engine.data.with_name(engine.id("outside"))
    root = engine.data / "containers" / id / "root"
    engine.ground.run("btrfs", "-q", "subvolume", "create", outside)
    engine.ground.run("sh", "-c", f"echo precious > {outside}/file; mkdir {root}/mnt/x; mount --bind {outside} {root}/mnt/x")
    try:
        engine("delete", id).ok()
        assert engine.ground.seen(outside / "file").read_text() == "precious\n"
    finally:
        engine.ground.run("sh", "-c", f"umount {root}/mnt/x 2>/dev/null || true")
    assert [name for name in remains(engine) if "containers" in name] == []


def test_a_container_is_updated_and_put_back(engine, make_image):
    one, two = (make_image(Layer().add("version", number), Cmd=["sleep", "1000"]) for number in (b"1", b"2"))
    id, words = engine.id(), ("--time", "0", "--settle", "0")
    engine("run", "-d", "-v", "data:/data", "--image", one, id).ok()
    engine("exec", id, "sh", "-c", "echo mine > /file; echo kept > /data/file").ok()
    engine("update", *words, "--image", two, id).ok()
    assert engine("exec", id, "cat", "/version", "/data/file").ok().out == "2kept\n"
    engine("exec", id, "sh", "-c", "test ! -e /file && echo other > /file").ok()
    assert "/file" in engine("diff", id).ok().out
    engine("system", "prune", "--all", "--force").ok()
    engine("rollback", *words, id).ok()
    assert engine("exec", id, "cat", "/version", "/file").ok().out == "1mine\n"
    engine("update", *words, "--image", two, id).ok()
    engine("update", *words, "--image", one, id).ok()
    assert engine("exec", id, "cat", "/version", "/data/file").ok().out == "1kept\n"
    engine("system", "check").ok()
    engine("delete", "--force", id).ok()
    engine("system", "prune", "--all", "--volumes", "--force").ok()
    assert remains(engine) == []
