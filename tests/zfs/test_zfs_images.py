# SPDX-License-Identifier: MIT
"""Images as datasets of ZFS: image convert and image prepare."""

import json
import os
import secrets
import signal
import subprocess
import time

import pytest

import trees
from engine import await_that
from ocibuild import Image, Layer, file
from test_convert import layer_dirs, rich_layers
from test_rootfs_drivers import ZFS, datasets, zfs

FORM = ["--format", "zfs"]
OLD = 90000


@pytest.fixture
def zfs_engine(make_placed):
    return make_placed("zfs")


@pytest.fixture
def place():
    """A dataset in which others are made."""
    name = f"{ZFS}/{secrets.token_hex(4)}"
    zfs("create", "-o", "mountpoint=none", "-o", "compression=lz4", name)
    yield name
    subprocess.run(["zfs", "destroy", "-R", name], check=True)


@pytest.fixture
def rich(zfs_engine, work):
    return stored(zfs_engine, work, "rich:1", rich_layers())


def stored(engine, work, name, layers):
    Image(layers).write_layout(work / name.partition(":")[0])
    engine("image", "import", f"oci:{work / name.partition(':')[0]}:latest", name).ok()
    return name


def small(engine, work):
    return stored(engine, work, "small:1", [Layer([file("a", b"a" * 1000)])])


def large(engine, work, mebibytes=40):
    return stored(engine, work, "large:1", [Layer([file(f"f{number}", os.urandom(1 << 20))
                                                   for number in range(mebibytes)])])


def convert(engine, *words, **options):
    return engine("image", "convert", *FORM, *words, **options)


def prepare(engine, *words, **options):
    return engine("image", "prepare", *FORM, *words, **options)


def prepared(engine):
    return engine("image", "prepared", "--format", "json").ok().json()


def property_of(name, dataset):
    return zfs("get", "-Hpo", "value", name, dataset)[0]


def below(name):
    """The names of what is in a dataset, snapshots too."""
    return sorted(found[len(name) + 1:] for found in zfs("list", "-Hro", "name", "-t", "all", name)[1:])


def nothing_is_left(engine, place, *expected):
    assert below(place) == sorted(expected)
    assert not engine.seen("prepared").exists() or os.listdir(engine.seen("prepared")) == []


def seen(dataset, work):
    """What mount(8) shows of a dataset or snapshot."""
    (work / "mnt").mkdir(exist_ok=True)
    return trees.mounted(["-t", "zfs", dataset], work / "mnt")


def test_a_dataset_has_the_tree_of_the_layers_and_can_be_cloned(zfs_engine, rich, place, work):
    target = f"{place}/rich"
    convert(zfs_engine, rich, target).ok()
    (work / "mnt").mkdir()
    expected = trees.of_layers(layer_dirs(zfs_engine, rich), work / "mnt")
    assert expected["etc/motd"]["owner"] == [3_000_000_000, 7] and "user.note" in expected["bin/ping"]["xattrs"]
    assert seen(f"{target}@ready", work) == expected
    zfs("clone", "-o", "mountpoint=legacy", f"{target}@ready", f"{place}/clone")
    assert seen(f"{place}/clone", work) == expected
    nothing_is_left(zfs_engine, place, "clone", "rich", "rich@ready")
    assert [property_of(name, target) for name in ("org.proxmox-lxcri:kind", "org.proxmox-lxcri:image", "mountpoint",
                                                   "compression", "mounted")] == \
        ["image", zfs_engine("image", "list", "--format", "json").ok().json()[0]["digest"], "legacy", "lz4", "no"]
    # A converted image is its user's.
    zfs_engine("system", "prune", "--force", "--all").ok()
    zfs_engine("image", "gc", "--all").ok()
    assert seen(f"{target}@ready", work) == expected


def test_a_hole_stays_a_hole_in_a_dataset(zfs_engine, place, work):
    (work / "source").mkdir()
    with open(work / "source/sparse", "wb") as sparse:
        sparse.seek(1 << 30)
        sparse.write(b"in the middle")
        sparse.truncate(3 << 30)
    subprocess.run(["tar", "--sparse", "-cf", work / "s.tar", "-C", work / "source", "."], check=True)
    convert(zfs_engine, work / "s.tar", f"{place}/s").ok()
    assert int(property_of("referenced", f"{place}/s")) < 1 << 20


def test_what_is_at_the_target_stays(zfs_engine, place, work):
    name = small(zfs_engine, work)
    zfs("create", "-o", "mountpoint=legacy", f"{place}/foreign")
    zfs("create", "-V", "8M", f"{place}/volume")
    convert(zfs_engine, name, f"{place}/ours").ok()
    before = zfs("list", "-Hpro", "name,guid,createtxg", "-t", "all", place)
    for taken in ("foreign", "volume", "ours"):
        convert(zfs_engine, name, f"{place}/{taken}").fails("InvalidArgument", f"{place}/{taken}", "is there already")
    assert zfs("list", "-Hpro", "name,guid,createtxg", "-t", "all", place) == before
    nothing_is_left(zfs_engine, place, "foreign", "volume", "ours", "ours@ready")


def test_what_cannot_be_made_is_told(zfs_engine, place, work):
    name = small(zfs_engine, work)
    for bad in ("rich", "/tank/x", f"{place}/", f"{place}//x", f"{place}/x@y", f"{place}/../x", f"{place}/x y",
                f"{place}/x;y", f"{place}/%x", f"{place}/" + "x" * 200, ""):
        convert(zfs_engine, name, bad).fails("InvalidArgument", "no name of a dataset")
        prepare(zfs_engine, "--dataset", f"{place}/{bad}//", name).fails("InvalidArgument", "no name of a dataset")
    convert(zfs_engine, name, "nopool/x").fails("ZFSError", "there is no dataset nopool")
    convert(zfs_engine, name, f"{place}/no/such").fails("ZFSError", f"there is no dataset {place}/no")
    prepare(zfs_engine, "--dataset", f"{place}/no", name).fails("ZFSError", f"there is no dataset {place}/no")
    for words in ((f"{zfs_engine.dataset}/x",), (f"{zfs_engine.dataset}/layers/x",)):
        convert(zfs_engine, name, *words).fails("InvalidArgument", f"below the dataset {zfs_engine.dataset}")
    prepare(zfs_engine, "--dataset", f"{zfs_engine.dataset}/layers", name).fails("InvalidArgument", "below the dataset")
    convert(zfs_engine, "--dataset", place, name, "x").fails("InvalidArgument", "--dataset")
    zfs_engine("image", "prepare", "--dataset", place, name).fails("InvalidArgument", "in no dataset")
    nothing_is_left(zfs_engine, place)


def test_a_size_is_a_limit_and_compression_is_chosen(zfs_engine, place, work):
    name = large(zfs_engine, work)
    convert(zfs_engine, "--size", "16m", name, f"{place}/x").fails("ConversionFailed", "quota")
    nothing_is_left(zfs_engine, place)
    for number, (word, value) in enumerate((("zstd", "zstd"), ("gzip", "gzip"), ("none", "off"))):
        convert(zfs_engine, "--size", "64m", "--compression", word, name, f"{place}/{number}").ok()
        assert property_of("compression", f"{place}/{number}") == value
        assert property_of("refquota", f"{place}/{number}") == str(64 << 20)


def test_a_pool_that_is_full_is_told_and_nothing_stays(zfs_engine, work):
    name = large(zfs_engine, work, 80)
    pool = f"small{secrets.token_hex(2)}"
    with open(work / "disk", "wb") as disk:
        disk.truncate(96 << 20)
    subprocess.run(["zpool", "create", "-m", "none", pool, work / "disk"], check=True)
    try:
        # A pool that is about to be full is slow.
        convert(zfs_engine, name, f"{pool}/x", timeout=180).fails("StorageError", "No space left")
        prepare(zfs_engine, "--dataset", pool, name, timeout=180).fails("StorageError", "No space left")
        nothing_is_left(zfs_engine, pool)
        convert(zfs_engine, small(zfs_engine, work), f"{pool}/x").ok()
    finally:
        subprocess.run(["zpool", "destroy", pool], check=True)


def grow_old(engine):
    """Makes what is prepared, and was used last, a day old."""
    then = time.time() - OLD
    for record in engine.seen("prepared").glob("*/record.json"):
        os.utime(record, (then, then))


def test_a_prepared_dataset_is_counted_and_released(zfs_engine, work):
    name = small(zfs_engine, work)
    dataset = prepare(zfs_engine, name).ok().out.strip()
    assert dataset.startswith(f"{zfs_engine.dataset}/prepared/") and seen(f"{dataset}@ready", work)["a"]["content"][0] == 1000
    made = property_of("guid", dataset)
    assert prepare(zfs_engine, name).ok().out.strip() == dataset and property_of("guid", dataset) == made
    assert [(entry["name"], entry["format"], entry["references"]) for entry in prepared(zfs_engine)] == [(dataset, "zfs", 2)]
    # Another of that name, in another place.
    zfs_engine("image", "release", f"{ZFS}/{dataset.rpartition('/')[2]}").fails("ReferenceCountError", "not prepared")
    for _ in range(2):
        zfs_engine("image", "release", dataset).ok()
    zfs_engine("image", "release", dataset).fails("ReferenceCountError", "nobody holds")
    zfs_engine("image", "gc").ok()
    assert property_of("guid", dataset) == made
    grow_old(zfs_engine)
    rows = zfs_engine("image", "gc", "--dry-run").ok().out
    assert dataset.rpartition("/")[2] in rows and property_of("guid", dataset) == made
    zfs_engine("image", "gc").ok()
    assert prepared(zfs_engine) == [] and datasets(zfs_engine) == ["prepared"]


def test_a_clone_of_a_prepared_dataset_is_a_reference(zfs_engine, place, work):
    name = small(zfs_engine, work)
    dataset = prepare(zfs_engine, "--dataset", place, name).ok().out.strip()
    assert dataset.startswith(f"{place}/")
    zfs("clone", "-o", "mountpoint=legacy", f"{dataset}@ready", f"{place}/clone")
    assert [entry["references"] for entry in prepared(zfs_engine)] == [2]
    zfs_engine("image", "release", dataset).ok()
    grow_old(zfs_engine)
    zfs_engine("image", "gc", "--all").ok()
    assert [entry["references"] for entry in prepared(zfs_engine)] == [1]
    assert seen(f"{place}/clone", work)["a"]["content"][0] == 1000
    zfs("destroy", f"{place}/clone")
    zfs_engine("image", "gc", "--all").ok()
    nothing_is_left(zfs_engine, place)


def test_a_prepared_dataset_that_somebody_destroyed_is_made_again(zfs_engine, place, work):
    name = small(zfs_engine, work)
    dataset = prepare(zfs_engine, "--dataset", place, name).ok().out.strip()
    zfs("destroy", "-r", dataset)
    assert prepare(zfs_engine, "--dataset", place, name).ok().out.strip() == dataset
    assert property_of("type", f"{dataset}@ready") == "snapshot"
    assert [entry["references"] for entry in prepared(zfs_engine)] == [2]


def test_a_foreign_dataset_where_one_is_to_be_prepared_stays(zfs_engine, place, work):
    name = small(zfs_engine, work)
    dataset = prepare(zfs_engine, "--dataset", place, name).ok().out.strip()
    zfs_engine("image", "release", dataset).ok()
    zfs("destroy", "-r", dataset)
    zfs("create", "-o", "mountpoint=legacy", dataset)
    before = property_of("guid", dataset)
    prepare(zfs_engine, "--dataset", place, name).fails("ZFSError", dataset, "not ours")
    assert property_of("guid", dataset) == before


def test_two_at_once_prepare_once(zfs_engine, place, work):
    name = large(zfs_engine, work)
    children = [zfs_engine.open("image", "prepare", *FORM, "--dataset", place, name) for _ in range(3)]
    assert len({zfs_engine.finish(child).ok().out for child in children}) == 1
    assert [entry["references"] for entry in prepared(zfs_engine)] == [3]


def test_what_is_prepared_is_in_the_sums_and_makes_room(make_placed, place, work):
    engine = make_placed("zfs")
    engine.config.write_text(json.dumps({"storage": {**json.loads(engine.config.read_text())["storage"], "cache_entries": 1}}))
    dataset = prepare(engine, "--dataset", place, large(engine, work, 8)).ok().out.strip()
    rows = {row["name"]: row for row in engine("system", "df", "--verbose", "--format", "json").ok().json()["objects"]}
    row = rows["prepared/" + dataset.rpartition("/")[2]]
    assert 8 << 20 <= row["size"] < 9 << 20 and (row["users"], row["reclaimable"]) == (1, 0)
    engine("image", "release", dataset).ok()
    prepare(engine, "--dataset", place, small(engine, work)).ok()
    assert len(below(place)) == 2 and dataset.rpartition("/")[2] not in below(place)


def test_what_nobody_keeps_of_prepared_datasets_goes(zfs_engine, work):
    dataset = prepare(zfs_engine, small(zfs_engine, work)).ok().out.strip()
    group = dataset.rpartition("/")[0]
    zfs("create", "-o", "org.proxmox-lxcri:kind=image", f"{group}/lost")
    zfs("create", f"{group}/foreign")
    zfs_engine("image", "gc").ok()
    assert below(group) == sorted(["foreign", *[dataset.rpartition("/")[2] + end for end in ("", "@ready")]])


def is_whole(engine, place, verb):
    """Tells whether all or nothing is there."""
    found = below(place)
    is_known = found and (found[0] == "x" if verb == "convert" else len(prepared(engine)) == 1)
    return not found or is_known and found == [found[0], f"{found[0]}@ready"]


@pytest.mark.parametrize("verb", ["convert", "prepare"])
def test_a_kill_at_any_moment_leaves_what_a_collection_finds(zfs_engine, place, work, verb):
    name = large(zfs_engine, work)
    words = (["image", "convert", *FORM, name, f"{place}/x"] if verb == "convert"
             else ["image", "prepare", *FORM, "--dataset", place, name])
    began = time.monotonic()
    zfs_engine(*words).ok()
    longest = time.monotonic() - began
    zfs("destroy", "-r", f"{place}/{below(place)[0]}")
    grow_old(zfs_engine)
    if verb == "prepare":
        zfs_engine("image", "release", prepared(zfs_engine)[0]["name"]).ok()
        grow_old(zfs_engine)
    zfs_engine("image", "gc").ok()
    killed = 0
    for number in range(6):
        child = zfs_engine.open(*words)
        time.sleep(longest * (number + 0.5) / 7)
        child.send_signal(signal.SIGKILL)
        zfs_engine.finish(child)
        # The program "zfs" may go on for a moment, and holds the lock for so long.
        await_that(lambda: zfs_engine("image", "gc").code == 0 and is_whole(zfs_engine, place, verb), "a collection finds it")
        killed += below(place) == []
        for left in zfs("list", "-Hd1", "-o", "name", place)[1:]:
            zfs("destroy", "-r", left)
        for entry in prepared(zfs_engine):
            zfs_engine("image", "release", entry["name"])
        grow_old(zfs_engine)
        zfs_engine("image", "gc").ok()
        nothing_is_left(zfs_engine, place)
    assert killed > 2
    zfs_engine(*words).ok()
