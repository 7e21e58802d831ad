# SPDX-License-Identifier: MIT
"""Datasets of ZFS: ours, and nobody else's. What all drivers have in common is in test_rootfs_drivers.py."""

import json
import os
import re
import secrets
import subprocess

import pytest

from images import Layer, digest
from api_programs import call
from test_rootfs_drivers import ZFS, datasets, inside, remains, start, zfs


def property_of(name, dataset):
    return zfs("get", "-Hpo", "value", name, dataset)[0]


@pytest.fixture
def zfs_engine(make_placed):
    return make_placed("zfs")


def test_a_container_s_dataset_is_a_clone_and_mounted_for_it_alone_with_its_ids(zfs_engine, image):
    engine = zfs_engine
    id = start(engine, image)
    dataset = engine.seen("containers", id, "dataset").read_text()
    assert property_of("origin", dataset).startswith(engine.dataset + "/layers/")
    assert property_of("mountpoint", dataset) == "legacy" and int(property_of("used", dataset)) < 1000000
    assert dataset not in open("/proc/self/mountinfo", encoding="ascii").read()
    mounts = open(f"/proc/{engine.pid(id)}/mountinfo", encoding="ascii").read().splitlines()
    root = [line for line in mounts if f" - zfs {dataset} " in line]
    # OpenZFS 2.1 cannot: there the files have other owners.
    major, minor = re.match(r"zfs-kmod-(\d+)\.(\d+)", zfs("version")[1]).groups()
    assert len(root) == 1 and ("idmapped" in root[0].split(" - ")[0].split()[5]) == ((int(major), int(minor)) >= (2, 2)), root


def configure(engine, dataset):
    engine.config.write_text(json.dumps({"storage": {"driver": "zfs", "zfs_dataset": dataset}}))


@pytest.fixture
def foreign():
    """A dataset of somebody else's."""
    name = f"{ZFS}/{secrets.token_hex(4)}"
    zfs("create", "-o", "mountpoint=none", name)
    yield name
    zfs("destroy", name)


def test_a_dataset_that_is_not_ours_is_never_touched(zfs_engine, make_placed, image, foreign):
    engine, other = zfs_engine, make_placed("zfs")
    other.dataset = None
    configure(other, foreign)
    other("create", "--image", image, other.id()).fails("ZFSError", foreign, "not ours", code=125)
    # Of another data directory.
    engine("create", "--image", image, engine.id()).ok()
    theirs = datasets(engine)
    configure(other, engine.dataset)
    other("create", "--image", image, other.id()).fails("ZFSError", "belongs to the data directory", code=125)
    other("system", "prune", "--force", "--all").ok()
    assert datasets(engine) == theirs and zfs("list", "-Hro", "name", foreign) == [foreign]


def test_a_dataset_below_ours_that_we_have_not_made_stays(zfs_engine, image):
    engine = zfs_engine
    engine("create", "--image", image, engine.id()).ok()
    not_ours = ["containers/" + "0" * 32, "layers/" + "0" * 64, "layers/mine", "mine"]
    for name in not_ours:
        zfs("create", f"{engine.dataset}/{name}")
    engine("delete", "--force", engine.list()[0]).ok()
    engine("system", "prune", "--force", "--all").ok()
    assert sorted(datasets(engine)) == not_ours


def test_what_is_no_name_of_a_dataset_is_refused(zfs_engine, image):
    engine = zfs_engine
    engine("image", "import", image, "box:1").ok()
    for name in ("nopool", "/tank", "tank/", "tank//x", "tank/x@y", "tank/../x", "tank/x y", "-tank/x", "tank/x;y",
                 "tank/" + "x" * 200, "tank/x#y", "tank/%x"):
        configure(engine, name)
        engine("create", "--image", "box:1", engine.id()).fails("InvalidConfig", "storage.zfs_dataset", code=125)


def test_a_name_may_be_as_long_as_there_is_room_for(make_placed, image):
    engine = make_placed("zfs")
    engine.dataset = f"{ZFS}/" + secrets.token_hex(4).ljust(159 - len(ZFS), "x")
    assert len(engine.dataset) == 160
    configure(engine, engine.dataset)
    id = start(engine, image)
    assert inside(engine, id, "cat /srv/kept") == ["kept"]
    engine("delete", "--force", id).ok()
    engine("system", "prune", "--force", "--all").ok()
    assert remains(engine) == []


def test_a_file_that_names_another_s_dataset_destroys_nothing(zfs_engine, image, foreign):
    engine = zfs_engine
    id = engine.id()
    engine("create", "--image", image, id).ok()
    note = engine.seen("containers", id, "dataset")
    own = note.read_text()
    for wrong in (foreign, zfs("get", "-Hpo", "value", "origin", own)[0].partition("@")[0]):
        note.write_text(wrong)
        engine("delete", "--force", id).fails("ZFSError", wrong, "not ours")
        assert {wrong, own} <= set(zfs("list", "-Ho", "name"))
    note.write_text(own)
    assert engine.list() == []
    assert [name for name in remains(engine) if "containers" in name] == []


def test_datasets_that_were_half_made_go(zfs_engine, image):
    engine = zfs_engine
    id = engine.id()
    engine("create", "--image", image, id).ok()
    top = property_of("origin", engine.seen("containers", id, "dataset").read_text())
    engine("delete", "--force", id).ok()
    # As if killed before the snapshot, and behind the clone of a container.
    zfs("destroy", top)
    orphan = f"{engine.dataset}/containers/{'1' * 32}"
    zfs("create", "-o", "org.proxmox-lxcri:kind=container", orphan)
    id = start(engine, image)
    assert top in zfs("list", "-Hro", "name", "-t", "snapshot", engine.dataset)
    assert inside(engine, id, "cat /srv/kept /srv/tree/new") == ["keptnew"]
    engine("system", "prune", "--force").ok()
    assert orphan not in zfs("list", "-Ho", "name")
    assert inside(engine, id, "cat /srv/kept") == ["kept"]


def test_snapshots_of_a_container_go_with_it(zfs_engine, image):
    engine = zfs_engine
    id = engine.id()
    engine("create", "--image", image, id).ok()
    dataset = engine.seen("containers", id, "dataset").read_text()
    zfs("snapshot", f"{dataset}@daily")
    engine("delete", "--force", id).ok()
    assert [name for name in remains(engine) if "containers" in name] == []


@pytest.mark.parametrize("words", [["image", "df", "--verbose"], ["system", "df", "--verbose"], ["image", "df"]])
def test_a_layer_takes_its_room_in_both_places(zfs_engine, make_image, words):
    engine = zfs_engine
    image = make_image(Layer().add("large", os.urandom(8 << 20)))
    engine("create", "--image", image, engine.id()).ok()
    found = engine(*words, "--format", "json").ok().json()
    rows = [row["size"] for row in found.get("objects", found["sums"]) if row["type"] == "layers"]
    # Unpacked, and in the dataset of its chain.
    assert 16 << 20 <= max(rows) < 22 << 20
    if "objects" in found:
        assert len([row for row in rows if row > 16 << 20]) == 1


def test_layers_are_mounted_from_datasets(programs, work):
    layer = Layer().add("mark", b"of the layer").finish()
    (work / "layer.tar").write_bytes(layer)
    base = secrets.token_hex(4)
    words = [work / "base", work / "mnt", work / "layer.tar", digest(layer), len(layer), ZFS, base]
    try:
        for _ in range(2):
            done = call(programs / "layer_fs", *words)
            assert (done.returncode, done.stdout, done.stderr) == (0, "of the layer\n0 layers collected\n", "")
        names = zfs("list", "-Hro", "name", f"{ZFS}/{base}")
        assert len([name for name in names if "/layers/" in name]) == 1
        assert [name for name in names if "/containers/" in name] == []
        words[5] = "nopool"
        assert call(programs / "layer_fs", *words).stderr.endswith("[ZFSError]\n")
    finally:
        subprocess.run(["zfs", "destroy", "-R", f"{ZFS}/{base}"], check=False)
