# SPDX-License-Identifier: MIT
"""storage.image_path: images in a directory outside of the data directory, of another file system too."""

import json
import os
import shutil
import subprocess

import pytest

from fixtures import memory_disk
from images import Layer
from test_image_verify import blob_of, change_byte, verify


@pytest.fixture
def there(work):
    """A file system for images, as somebody mounted it."""
    with memory_disk(work / "there", "mode=755") as path:
        yield path


@pytest.fixture
def configured(work, make_engine):
    """Makes engines by a config that names a directory."""
    def configured(images, name="config"):
        config = work / f"{name}.json"
        config.write_text(json.dumps({"storage": {"image_path": str(images)}}))
        return make_engine("crun", config=config)

    return configured


def blobs(path):
    directory = path / "blobs/sha256"
    return sorted(os.listdir(directory)) if directory.is_dir() else []


def test_images_are_there_and_containers_run_of_them(configured, there, box):
    engine = configured(there)
    engine("image", "import", box, "mine:1").ok()
    assert len(blobs(there)) >= 3 and there.stat().st_mode & 0o777 == 0o700
    assert os.readlink(engine.data / "images") == str(there)
    assert os.readlink(there / ".data") == str(engine.data)
    for backend in ("crun", "lxc"):
        engine.backend = backend
        assert engine("run", "--rm", "--image", "mine:1", engine.id(), "echo", "hi").ok().out == "hi\n"
    assert verify(engine)["findings"] == []
    engine("system", "check").ok()
    engine("image", "rm", "mine:1").ok()
    engine("image", "gc", "--force").ok()
    assert blobs(there) == [] and sorted(os.listdir(there)) == [".data", "blobs", "index.json", "oci-layout"]


def test_it_stays_so_without_the_key(configured, there, box):
    """The data directory says it; another command may have another config."""
    engine = configured(there)
    engine("image", "import", box, "mine:1").ok()
    engine.config.write_text("{}")
    assert [one["name"] for one in engine("image", "list", "--format", "json").ok().json()] == \
        ["docker.io/library/mine:1"]
    engine("image", "import", box, "mine:2").ok()
    assert not (engine.data / "images").is_dir() or (engine.data / "images").is_symlink()


def test_a_missing_directory_is_made(configured, work, box):
    engine = configured(work / "a/b/images")
    engine("image", "import", box, "mine:1").ok()
    assert (work / "a/b/images").stat().st_mode & 0o777 == 0o700 and len(blobs(work / "a/b/images")) >= 3


def test_what_is_in_the_data_directory_is_not_left_behind(configured, work, box):
    engine = configured(work / "images")
    engine.config, config = None, engine.config
    engine("image", "import", box, "mine:1").ok()
    engine.config = config
    engine("image", "list").fails("StorageError", f"{engine.data} has images already", f"{work}/images",
                                  f"move {engine.data}/images there")
    assert not (work / "images").exists()
    shutil.move(engine.data / "images", work / "images")
    assert engine("run", "--rm", "--image", "mine:1", engine.id(), "echo", "hi").ok().out == "hi\n"
    assert (engine.data / "images").is_symlink()


def test_a_key_with_another_directory_is_refused(configured, work, box):
    engine = configured(work / "images")
    engine("image", "import", box, "mine:1").ok()
    engine.config.write_text(json.dumps({"storage": {"image_path": str(work / "other")}}))
    engine("image", "import", box, "mine:2").fails("StorageError", f"are in {work}/images", f"is {work}/other",
                                                   "remove the link")
    engine.config.write_text(json.dumps({"storage": {"image_path": f"{work}/../{work.name}/images"}}))
    engine("image", "import", box, "mine:2").ok()


def test_the_data_directory_s_own_is_no_other(configured, work, box):
    engine = configured(work / "e0/data/images")
    engine("image", "import", box, "mine:1").ok()
    engine("image", "list").ok()
    engine.config.write_text(json.dumps({"storage": {"image_path": f"{work}/e0/data/../data/images"}}))
    engine("image", "list").ok()


def test_two_data_directories_do_not_share_one(configured, work, box):
    first, second = configured(work / "images"), configured(work / "images")
    first("image", "import", box, "mine:1").ok()
    second("image", "import", box, "mine:1").fails("StorageError", f"{work}/images has the images of another",
                                                   str(first.data))
    assert not os.path.lexists(second.data / "images")
    first("image", "list").ok()


@pytest.mark.parametrize("name", ["passwd", "blobs"])
def test_a_directory_with_something_else_is_refused(configured, work, box, name):
    (work / "etc").mkdir(mode=0o755)
    (work / "etc" / name).mkdir()
    engine = configured(work / "etc")
    engine("image", "import", box, "mine:1").fails("StorageError", f"{work}/etc is neither empty nor", name)
    assert os.listdir(work / "etc") == [name] and (work / "etc").stat().st_mode & 0o777 == 0o755


def test_another_user_s_directory_is_refused(configured, work, box):
    (work / "his").mkdir()
    os.chown(work / "his", 1000, 1000)
    configured(work / "his")("image", "import", box, "mine:1").fails("StorageError", f"{work}/his belongs to",
                                                                   "1000")
    assert os.listdir(work / "his") == []


def test_a_file_system_that_is_not_mounted_is_no_empty_store(configured, work, there, box):
    engine = configured(there)
    engine("image", "import", box, "mine:1").ok()
    (work / "elsewhere").mkdir()
    subprocess.run(["mount", "--bind", work / "elsewhere", there], check=True)
    try:
        for code, *words in ((1, "image", "list"), (1, "image", "import", box, "mine:2"),
                             (1, "system", "prune", "--force"),
                             (125, "run", "--rm", "--image", "mine:1", engine.id(), "true")):
            engine(*words).fails("StorageError", str(there), str(engine.data), "mount its file system", code=code)
        assert os.listdir(there) == []
    finally:
        subprocess.run(["umount", there], check=True)
    assert engine("run", "--rm", "--image", "mine:1", engine.id(), "echo", "hi").ok().out == "hi\n"


def test_a_directory_that_is_gone_is_told(configured, work, box):
    engine = configured(work / "images")
    engine("image", "import", box, "mine:1").ok()
    (work / "images").rename(work / "moved")
    for words in (["image", "list"], ["image", "import", box, "mine:2"]):
        engine(*words).fails("StorageError", f"open {work}/images, where the images of {engine.data} are",
                             "No such file")
    assert not (work / "images").exists()


def test_a_moved_data_directory_is_told_and_mended(configured, work, box):
    engine = configured(work / "images")
    engine("image", "import", box, "mine:1").ok()
    engine.data.rename(work / "moved")
    engine.data = work / "moved"
    engine("image", "list").fails("StorageError", f"{work}/images", "no link .data to it")
    (work / "images/.data").unlink()
    (work / "images/.data").symlink_to(engine.data)
    assert "mine" in engine("image", "list").ok().out


def test_a_broken_blob_is_put_aside_across_file_systems(configured, there, box, make_image):
    engine = configured(there)
    engine("image", "import", make_image(Layer().add("more", b"more")), "more:1").ok()
    blob = blob_of(engine, "more:1")
    change_byte(blob)
    content, status = blob.read_bytes(), blob.stat()
    (finding,) = verify(engine, "--repair")["findings"]
    aside = engine.data / "broken" / blob.name
    assert "put aside" in finding["found"] and not blob.exists()
    assert aside.read_bytes() == content and aside.stat().st_mode == status.st_mode


def test_many_begin_at_once_and_one_that_was_killed_is_gone_on_with(configured, work, box):
    engine = configured(work / "images")
    engine.data.mkdir()
    (work / "images").mkdir()
    (work / "images/.data").symlink_to(engine.data)  # killed right after it
    children = [engine.open("image", "import", box, f"mine:{number}") for number in range(8)]
    for child in children:
        engine.finish(child).ok()
    assert len(engine("image", "list", "--quiet").ok().lines) == 8 and len(blobs(work / "images")) >= 3
