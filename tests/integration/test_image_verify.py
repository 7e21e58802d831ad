# SPDX-License-Identifier: MIT
"""image verify finds what is broken and whose it is, and mends what it can; df and gc."""

import json
import os
import subprocess

import pytest

from images import Image, Layer, pack

CALLS = ("rename,renameat,renameat2", "unlink,unlinkat,rmdir", "fsync,fdatasync,syncfs", "mkdir,mkdirat")


@pytest.fixture
def stored(any_engine, box, make_image):
    """A store of two images on one layer, and where its parts are."""
    any_engine("image", "import", box, "mine:1").ok()
    any_engine("image", "import", make_image(Layer().add("more", b"more")), "more:1").ok()
    any_engine("image", "verify").ok()
    return any_engine


def verify(engine, *flags):
    result = engine("image", "verify", "--format", "json", *flags)
    document = result.json()
    assert result.code == (1 if document["faults"] else 0)
    return document


def blob_of(engine, name, place=0):
    """The blob of a layer."""
    digest = {one["name"]: one["digest"] for one in engine("image", "list", "--format", "json").ok().json()}
    blobs = engine.data / "images/blobs/sha256"
    manifest = json.loads((blobs / digest[f"docker.io/library/{name}"][7:]).read_text())
    return blobs / manifest["layers"][place]["digest"][7:]


def change_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_changed_blob_is_told_with_every_image_it_belongs_to(stored):
    blob = blob_of(stored, "mine:1")
    change_byte(blob)
    (finding,) = verify(stored)["findings"]
    assert finding["check"] == "image.blob" and blob.name in finding["found"]
    assert "mine:1" in finding["object"] and "more:1" in finding["object"]
    change_byte(blob)
    assert verify(stored)["faults"] == 0
    change_byte(blob_of(stored, "more:1", 1))
    assert verify(stored, "mine:1")["faults"] == 0 and verify(stored, "more:1")["faults"] == 1


def test_a_missing_blob_is_told(stored):
    blob_of(stored, "more:1", 1).unlink()
    (finding,) = verify(stored)["findings"]
    assert finding["object"] == "docker.io/library/more:1" and "missing" in finding["found"]


def test_repair_puts_a_broken_blob_aside_and_an_import_brings_it_back(stored, box):
    blob = blob_of(stored, "mine:1")
    change_byte(blob)
    (finding,) = verify(stored, "--repair")["findings"]
    assert "put aside" in finding["found"] and "pull" in finding["remedy"]
    assert os.listdir(stored.data / "broken") == [blob.name] and not blob.exists()
    stored("image", "import", box, "mine:1").ok()
    assert verify(stored)["faults"] == 0
    assert stored("image", "gc", "--force", "--format", "json").ok().json()["freed"] > 0
    assert not (stored.data / "broken").exists()


@pytest.mark.parametrize("record", [None, "", "{}", "[1]", '{"diffId": "sha256:' + "0" * 64 + '"}'])
def test_a_broken_layer_is_unpacked_again_from_its_blob(stored, record):
    layer = next(path for path in (stored.data / "layers").iterdir() if (path / "fs/bin/busybox").exists())
    (layer / "layer.json").unlink()
    if record is not None:
        (layer / "layer.json").write_text(record)
    (finding,) = verify(stored)["findings"]
    assert finding["check"] == "layer.record" and layer.name in finding["found"]
    document = verify(stored, "--repair")
    assert document["faults"] == 0 and document["findings"][0]["repaired"]
    assert verify(stored)["findings"] == []
    assert stored("run", "--rm", "--image", "mine:1", stored.id(), "echo", "hi").ok().out == "hi\n"


def test_a_broken_layer_with_a_broken_blob_stays_a_fault(stored):
    layer = next(path for path in (stored.data / "layers").iterdir() if (path / "fs/bin/busybox").exists())
    (layer / "layer.json").write_text("{}")
    change_byte(blob_of(stored, "mine:1"))
    document = verify(stored, "--repair")
    assert document["faults"] == 2
    assert any("could not be unpacked again" in finding["found"] for finding in document["findings"])


def test_a_layer_that_a_container_stands_on_is_not_moved(stored):
    id = stored.id()
    stored("create", "--image", "mine:1", id, "true").ok()
    layer = next(path for path in (stored.data / "layers").iterdir() if (path / "fs/bin/busybox").exists())
    content = (layer / "layer.json").read_text()
    (layer / "layer.json").write_text("{}")
    (finding,) = verify(stored, "--repair")["findings"]
    assert "delete the containers" in finding["remedy"] and (layer / "fs/bin/busybox").exists()
    (layer / "layer.json").write_text(content)
    stored("start", id).ok()


def test_an_image_that_cannot_be_read_can_be_removed(stored):
    digest = stored("image", "inspect", "more:1", "--format", "digest").ok().out.strip()
    manifest = stored.data / "images/blobs/sha256" / digest[7:]
    manifest.write_text("{")
    assert verify(stored)["faults"] >= 1
    stored("image", "remove", "more:1").ok()
    assert verify(stored)["faults"] == 0 and not manifest.exists()


def test_what_is_not_there_is_not_verified(any_engine):
    assert verify(any_engine)["findings"] == []
    any_engine("image", "verify", "nobody").fails("ImageNotFound", "nobody")


def test_df_sums_what_system_df_sums(stored):
    whole = {one["type"]: one for one in stored("system", "df", "--format", "json").ok().json()["sums"]}
    for flags in ([], ["--verbose"]):
        document = stored("image", "df", "--format", "json", *flags).ok().json()
        assert [one["type"] for one in document["sums"]] == ["images", "layers"]
        for one in document["sums"]:
            assert one == whole[one["type"]]
    id = stored.id()
    stored("create", "--image", "mine:1", id, "true").ok()
    for _ in range(2):
        sums = stored("image", "df", "--format", "json").ok().json()["sums"]
        whole = {one["type"]: one for one in stored("system", "df", "--format", "json").ok().json()["sums"]}
        assert sums == [whole["images"], whole["layers"]]


def test_df_sees_at_once_what_has_taken_the_place_of_a_blob(stored):
    def size():
        return stored("image", "df", "--format", "json").ok().json()["sums"][0]["size"]

    blobs = stored.data / "images/blobs/sha256"
    first = next(blobs.iterdir())
    before = size()
    assert size() == before
    other = blobs / "other"
    other.write_bytes(b"x" * 1_000_000)
    other.rename(first)
    assert size() > before + 900_000


def test_gc_takes_what_no_name_is_left_for(stored):
    stored("image", "untag", "more:1").ok()
    dry = stored("image", "gc", "--force", "--dry-run", "--format", "json").ok().json()
    assert dry["dryRun"] and len(stored("image", "list", "-q").ok().lines) == 2
    assert stored("image", "gc", "--force", "--format", "json").ok().json()["freed"] == dry["freed"] > 0
    assert stored("image", "list", "-q").ok().lines == ["docker.io/library/mine:1"]
    assert stored("image", "gc", "--force", "--format", "json").ok().json()["freed"] == 0
    stored("image", "gc", "--force", "--all").ok()
    assert os.listdir(stored.data / "layers") == os.listdir(stored.data / "images/blobs/sha256") == []


def killed(engine, calls, number, *words):
    """Runs the command, killed at its Nth call of a kind. Returns its exit code."""
    argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
            f"inject={calls}:signal=SIGKILL:when={number}", *engine.argv("image", *words)]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=engine.environment(), check=False).returncode


def listed(engine):
    return engine("image", "list", "--quiet").ok().lines


def test_killed_at_each_change_of_the_disk_a_load_was_or_was_not(any_engine, box, make_image, work):
    any_engine("image", "import", box, "one:1").ok()
    any_engine("image", "import", make_image(Layer().add("x", b"x")), "two:1").ok()
    any_engine("image", "save", "one:1", "two:1", "-o", work / "a.tar").ok()
    whole = listed(any_engine)
    for calls in CALLS:
        for number in range(1, 40):
            any_engine("image", "gc", "--force", "--all").ok()
            assert os.listdir(any_engine.data / "layers") == []
            assert os.listdir(any_engine.data / "images/blobs/sha256") == []
            assert sorted(os.listdir(any_engine.data / "images")) == ["blobs", "index.json", "oci-layout"]
            code = killed(any_engine, calls, number, "load", "-i", work / "a.tar")
            assert listed(any_engine) in ([], whole)
            any_engine("image", "verify").ok()
            if code == 0:
                break
        assert code == 0 and listed(any_engine) == whole


@pytest.mark.parametrize("words, before, after", [
    (["tag", "more:1", "mine:1"], 2, 3), (["untag", "more:1"], 2, 2), (["gc", "--all", "--force"], 2, 0),
    (["remove", "more:1"], 2, 1)])
def test_killed_at_each_change_of_the_disk_names_are_old_or_new(make_engine, work, words, before, after):
    engine = make_engine("crun")
    base = pack(Layer().add("base", b"base").finish())
    mine = Image([base]).oci(work / "mine")
    more = Image([base, pack(Layer().add("more", b"more").finish())]).oci(work / "more")
    for calls in CALLS:
        for number in range(1, 40):
            engine("image", "gc", "--force", "--all").ok()
            engine("image", "import", mine, "mine:1").ok()
            engine("image", "import", more, "more:1").ok()
            code = killed(engine, calls, number, *words)
            assert len(listed(engine)) in (before, after)
            engine("image", "verify").ok()
            engine("image", "gc", "--force").ok()
            assert not [name for part in ("layers", "images", "images/blobs/sha256")
                        for name in os.listdir(engine.data / part) if name[0] == "."]
            engine("image", "verify").ok()
            if code == 0:
                break
        assert code == 0
