# SPDX-License-Identifier: MIT
"""image gc removes what nothing references and nobody has used for storage.gc_grace seconds, what was
used longest ago first."""

import json
import os
import subprocess
import threading
import time

import pytest

from images import Layer
from registry import Image, Registry

GRACE = 3600


@pytest.fixture
def engine(make_engine, work):
    config = work / "config.json"
    config.write_text(json.dumps({"storage": {"gc_grace": GRACE}}))
    return make_engine("crun", config=config)


@pytest.fixture
def add(engine, make_image):
    """Brings an image of one own layer in, and takes its name away again."""
    def add(word):
        image = make_image(Layer().add(word, word.encode()))
        digest = engine("image", "import", image, f"{word}:1").ok().out.strip()
        engine("image", "untag", f"{word}:1").ok()
        return digest

    return add


def stamps(engine):
    """What tells when each image and layer was used: those of blobs, and of the records of layers."""
    return [*engine.data.glob("images/blobs/sha256/*"), *engine.data.glob("layers/*/layer.json")]


def make_older(paths, seconds):
    for path in paths:
        when = time.time() - seconds
        os.utime(path, (when, when))


def collect(engine, *flags):
    """What went: a list of (type, name)."""
    document = engine("image", "gc", "--format", "json", *flags).ok().json()
    assert document["errors"] == 0 and document["dryRun"] == ("--dry-run" in flags)
    assert document["freed"] == sum(one["size"] for one in document["removed"])
    assert document["layersRemoved"] == len([one for one in document["removed"] if one["type"] == "layers"])
    return [(one["type"], one["name"]) for one in document["removed"]]


def test_what_was_used_within_the_grace_period_stays(engine, add):
    digest = add("one")
    for seconds in (0, GRACE - 100):
        make_older(stamps(engine), seconds)
        assert collect(engine) == collect(engine, "--dry-run") == []
    make_older(stamps(engine), GRACE + 100)
    would = collect(engine, "--dry-run")
    assert ("images", digest) in would and len([1 for kind, _ in would if kind == "layers"]) == 2
    assert collect(engine) == would
    assert stamps(engine) == []


def test_force_drops_the_grace_period(engine, add):
    digest = add("one")
    assert collect(engine) == []
    would = collect(engine, "--force", "--dry-run")
    assert ("images", digest) in would and collect(engine, "--force") == would
    assert stamps(engine) == []


def test_without_a_grace_period_all_goes_at_once(engine, add):
    engine.config.write_text(json.dumps({"storage": {"gc_grace": 0}}))
    add("one")
    assert len(collect(engine)) > 3 and stamps(engine) == []


def test_an_image_with_a_name_goes_only_with_all_others_and_when_it_is_old(engine, box):
    engine("image", "import", box, "mine:1").ok()
    assert collect(engine, "--all") == []
    make_older(stamps(engine), GRACE + 100)
    assert collect(engine) == []
    assert ("images", "docker.io/library/mine:1") in collect(engine, "--all")
    assert stamps(engine) == []


def test_a_run_and_the_end_of_a_container_are_uses(engine, box):
    engine("image", "import", box, "mine:1").ok()
    make_older(stamps(engine), GRACE + 100)
    id = engine.id()
    engine("create", "--image", "mine:1", id, "true").ok()
    assert collect(engine, "--all") == []
    make_older(stamps(engine), GRACE + 100)
    engine("delete", id).ok()
    assert collect(engine, "--all") == []
    make_older(stamps(engine), GRACE + 100)
    engine("image", "inspect", "mine:1").ok()  # is none
    assert collect(engine, "--all") != []


def test_a_use_is_noted_once_in_a_while(engine, box):
    engine("image", "import", box, "mine:1").ok()
    before = {path: os.stat(path).st_mtime_ns for path in stamps(engine)}
    engine("run", "--rm", "--image", "mine:1", engine.id(), "true").ok()
    assert {path: os.stat(path).st_mtime_ns for path in stamps(engine)} == before
    make_older(stamps(engine), 100)
    begin = time.time() - 1
    engine("run", "--rm", "--image", "mine:1", engine.id(), "true").ok()
    used = [path for path in stamps(engine) if os.stat(path).st_mtime > begin]
    assert len(used) == 2 and len([path for path in used if path.name == "layer.json"]) == 1


def test_what_was_used_longest_ago_goes_first(engine, add):
    words = ["b", "d", "a", "c"]
    digests, seen = [], set()
    for number, word in enumerate(words):
        digests.append(add(word))
        new = set(stamps(engine)) - seen
        seen |= new
        make_older(new, GRACE + 1000 * ((number * 3) % 4 + 1))
    order = sorted(range(4), key=lambda number: -((number * 3) % 4))
    gone = collect(engine, "--dry-run")
    assert [name for kind, name in gone if name in digests] == [digests[number] for number in order]
    assert collect(engine) == gone
    # And so do their parts, of whatever kind.
    manifests = [name for kind, name in gone if f"sha256:{name}" in digests]
    assert manifests == [digests[number][7:] for number in order]
    assert len([1 for kind, _ in gone if kind == "layers"]) == 5


def test_young_parts_of_no_image_stay(engine, add):
    add("one")
    blobs, layers = engine.data / "images/blobs/sha256", engine.data / "layers"
    make_older(stamps(engine), GRACE + 100)
    for path in (blobs / ("0" * 64), layers / ("1" * 64) / "layer.json", layers / ("2" * 64) / "fs/x"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    collect(engine)
    assert os.listdir(blobs) == ["0" * 64] and sorted(os.listdir(layers)) == ["1" * 64, "2" * 64]
    make_older([blobs / ("0" * 64), layers / ("1" * 64) / "layer.json", layers / ("2" * 64)], GRACE + 100)
    assert collect(engine) != [] and os.listdir(blobs) == os.listdir(layers) == []


def test_what_a_repair_put_aside_stays_as_long(engine, box):
    engine("image", "import", box, "mine:1").ok()
    blob = max(engine.data.glob("images/blobs/sha256/*"), key=lambda path: path.stat().st_size)
    make_older(stamps(engine), GRACE + 100)
    with open(blob, "r+b") as file:
        file.write(b"wrong")
    engine("image", "verify", "--repair").exits(1)
    assert collect(engine) == [] and os.listdir(engine.data / "broken") == [blob.name]
    assert collect(engine, "--force") == [("images", blob.name)] and not (engine.data / "broken").exists()


def test_what_is_in_use_stays_whatever_is_forced(engine, box):
    engine("image", "import", box, "mine:1").ok()
    id = engine.id()
    engine("run", "--detach", "--image", "mine:1", id, "sleep", "1000").ok()
    engine("image", "untag", "mine:1").ok()
    make_older(stamps(engine), GRACE + 100)
    assert collect(engine, "--force", "--all") == []
    # Without its image in the list its layers stay all the same.
    index = engine.data / "images/index.json"
    index.write_text('{"schemaVersion": 2, "manifests": []}')
    assert {kind for kind, _ in collect(engine, "--force", "--all")} == {"images"}
    assert engine("exec", id, "echo", "on").ok().out == "on\n"
    engine("stop", "--time", "0", id).ok()
    engine("start", id).ok()


def test_the_removal_of_an_image_leaves_what_others_have_left(engine, add, box):
    engine("image", "import", box, "mine:1").ok()
    blob = engine.data / "images/blobs/sha256" / ("0" * 64)
    blob.write_text("{}")
    engine("image", "remove", "mine:1").ok()
    assert stamps(engine) == [blob]


@pytest.fixture
def stuck(engine, add):
    """An image that nobody needs, with a layer in which something is mounted: that can't be removed."""
    add("one")
    add("two")
    place = next(path.parent for path in engine.data.glob("layers/*/fs/two"))
    (place / "place").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place / "place"], check=True)
    yield place
    subprocess.run(["umount", *engine.data.glob("layers/*/fs/place")], check=False)


def test_what_cannot_be_removed_is_told_and_keeps_nothing_else(engine, stuck):
    layer = stuck.parent.name
    for name in (layer, f".tmp-{layer}"):
        failed = engine("image", "gc", "--force", "--format", "json")
        failed.fails("GarbageCollectionFailed", "image gc", str(engine.data), f"remove the layer {name}")
        document = failed.json()
        assert document["errors"] == 1 and layer not in [one["name"] for one in document["removed"]]
        assert os.listdir(engine.data / "layers") == [f".tmp-{layer}"] and stamps(engine) == []
    assert " 0 layers, 1 error" in engine("image", "gc", "--force").fails("GarbageCollectionFailed").out
    subprocess.run(["umount", *engine.data.glob("layers/.tmp-*/fs/place")], check=True)
    assert collect(engine, "--force") == [] and os.listdir(engine.data / "layers") == []


def test_a_prune_goes_on_too(engine, stuck, box):
    id = engine.id()
    engine("run", "--image", box, "--volume", "kept:/kept", id, "true").ok()
    failed = engine("system", "prune", "--force", "--all", "--volumes", "--format", "json")
    failed.fails("GarbageCollectionFailed", f"remove the layer {stuck.parent.name}")
    document = failed.json()
    assert document["errors"] == 1 and document["layersRemoved"] == 2
    assert {("containers", id), ("volumes", "kept")} <= {(one["type"], one["name"]) for one in document["removed"]}
    assert stamps(engine) == []


def test_a_prune_keeps_nothing_for_later(engine, add):
    add("one")
    document = engine("system", "prune", "--force", "--format", "json").ok().json()
    assert document["layersRemoved"] == 2 and document["errors"] == 0 and stamps(engine) == []


def test_other_verbs_have_no_force(engine):
    engine("image", "df", "--force").fails("InvalidArgument", "df has no --force")


# -- races

class Collecting:
    """Collects again and again, as long as the block lasts."""

    def __init__(self, engine, *flags):
        self.engine, self.flags = engine, flags
        self.over = threading.Event()
        self.faults = []
        self.count = 0
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            result = self.engine("image", "gc", "--force", *self.flags)
            self.count += 1
            if result.code != 0:
                self.faults.append(result)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        assert self.faults == [] and self.count > 1, self.faults


@pytest.mark.parametrize("flags", [[], ["--all"]])
def test_a_pull_and_collections_at_once(engine, flags):
    registry = Registry()
    engine.config.write_text(json.dumps({"registries": {"insecure": [registry.host]}}))
    try:
        with Collecting(engine, *flags):
            for number in range(12):
                image = Image(b"base" * 1000, os.urandom(100000), os.urandom(100))
                registry.publish(image, tag=f"v{number}")
                engine("image", "pull", f"{registry.host}/a:v{number}").ok()
                if not flags:  # it has a name, and so stays
                    engine("image", "verify", f"{registry.host}/a:v{number}").ok()
                    assert engine("image", "remove", f"{registry.host}/a:v{number}").code == 0
    finally:
        registry.stop()
    collect(engine, "--force", "--all")
    assert stamps(engine) == [] and os.listdir(engine.data / "layers") == []
