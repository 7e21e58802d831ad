# SPDX-License-Identifier: MIT
"""image save, load and copy: images on their way in archives and layouts."""

import gzip
import hashlib
import json
import os
import subprocess
import tarfile

import pytest

from images import Image, Layer, digest, pack, write_tar


def skopeo(*words):
    subprocess.run(["skopeo", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def names(engine):
    return {image["name"]: image["digest"]
            for image in engine("image", "list", "--format", "json").ok().json()}


@pytest.fixture
def two_images(any_engine, box, make_image):
    """Two images that share a layer; the first has two names."""
    any_engine("image", "import", box, "mine:1").ok()
    any_engine("image", "tag", "mine:1", "mine:2").ok()
    any_engine("image", "import", make_image(Layer().add("more", os.urandom(100000))), "more:1").ok()
    return ["mine:1", "mine:2", "more:1"]


def members(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def test_an_oci_archive_has_every_byte_once(any_engine, two_images, work):
    any_engine("image", "save", *two_images, "-o", work / "a.tar").ok()
    files = members(work / "a.tar")
    with tarfile.open(work / "a.tar") as tar:
        assert len(tar.getnames()) == len(set(tar.getnames()))
    blobs = any_engine.data / "images/blobs/sha256"
    assert {name[13:] for name in files if name.startswith("blobs/")} == set(os.listdir(blobs))
    for name in os.listdir(blobs):
        assert files["blobs/sha256/" + name] == (blobs / name).read_bytes()
    index = json.loads(files["index.json"])
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]] == \
        [f"docker.io/library/{name}" for name in two_images]
    again = any_engine("image", "save", *two_images, stdout=open(work / "b.tar", "wb")).exits(0)
    assert again.code == 0 and (work / "a.tar").read_bytes() == (work / "b.tar").read_bytes()


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
@pytest.mark.parametrize("way", ["file", "pipe", "compressed"])
def test_what_is_saved_is_loaded_elsewhere(make_engine, any_engine, two_images, work, form, way):
    other = make_engine("crun")
    archive = work / "a.tar"
    any_engine("image", "save", "--type", form, *two_images, "--output", archive).ok()
    assert [path for path in os.listdir(work) if path.startswith("a.tar")] == ["a.tar"]
    if way == "file":
        loaded = other("image", "load", "--input", archive).ok()
    else:
        content = archive.read_bytes()
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
            child = other.open("image", "load", stdin=cat.stdout)
            cat.stdin.write(gzip.compress(content) if way == "compressed" else content)
            cat.stdin.close()
            loaded = other.finish(child).ok()
    assert sorted(loaded.lines) == sorted(names(any_engine))
    if form == "oci-archive":
        assert names(other) == names(any_engine)
    other("image", "verify").ok()
    assert other("run", "--rm", "--image", "more:1", other.id(), "sha256sum", "/more").ok().out.split()[0] == \
        any_engine("run", "--rm", "--image", "more:1", any_engine.id(), "sha256sum", "/more").ok().out.split()[0]


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_skopeo_reads_what_is_saved_and_is_read(any_engine, two_images, work, form):
    any_engine("image", "save", "--type", form, *two_images, "-o", work / "a.tar").ok()
    for name in two_images:
        skopeo("copy", "-q", f"{form}:{work}/a.tar:docker.io/library/{name}", f"oci:{work}/{name[:4]}{name[-1]}:x")
    skopeo("copy", "-q", f"oci:{work}/more1:x", f"{form}:{work}/b.tar:docker.io/library/back:1")
    any_engine("image", "load", "-i", work / "b.tar").ok()
    assert any_engine("run", "--rm", "--image", "back:1", any_engine.id(), "test", "-f", "/more").ok()
    if form == "oci-archive":
        assert names(any_engine)["docker.io/library/back:1"] == names(any_engine)["docker.io/library/more:1"]


def test_a_digest_is_saved_without_a_name(any_engine, box, make_engine, work):
    wanted = any_engine("image", "import", box, "mine:1").ok().out.strip()
    any_engine("image", "save", wanted, "-o", work / "a.tar").ok()
    other = make_engine("crun")
    assert other("image", "load", "-i", work / "a.tar", "--format", "json").ok().json() == \
        [{"name": wanted, "digest": wanted}]
    assert names(other) == {wanted: wanted}


def test_a_failed_save_leaves_the_old_file(any_engine, box, work):
    any_engine("image", "import", box, "mine:1").ok()
    (work / "a.tar").write_text("old")
    any_engine("image", "save", "nobody", "-o", work / "a.tar").fails("ImageNotFound", "nobody")
    blobs = any_engine.data / "images/blobs/sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[1000] ^= 1
    largest.write_bytes(content)
    before = sorted(os.listdir(work))
    any_engine("image", "save", "mine:1", "-o", work / "a.tar").fails("IntegrityCheckFailed", largest.name)
    any_engine("image", "save", "--type", "docker-archive", "mine:1", "-o",
               work / "a.tar").fails("IntegrityCheckFailed")
    any_engine("image", "save", "mine:1", "-o", work / "none/a.tar").fails("StorageError", "none/a.tar")
    assert (work / "a.tar").read_text() == "old" and sorted(os.listdir(work)) == before


def test_a_reader_that_goes_away_is_an_error(any_engine, box):
    any_engine("image", "import", box, "mine:1").ok()
    read, write = os.pipe()
    os.close(read)
    child = any_engine.open("image", "save", "mine:1", stdout=os.fdopen(write, "wb"))
    assert child.wait(20) == 1
    any_engine.children.remove(child)


def edited(change):
    """An OCI archive of which a function has changed the files."""

    def write(path, box_blob):
        image = Image([box_blob])
        image.edit_files = change
        image.archive(path)

    return write


def without(name):
    return edited(lambda files: files.pop(name))


def index_of(change):
    def edit(files):
        index = json.loads(files["index.json"])
        change(index)
        files["index.json"] = json.dumps(index).encode()

    return edited(edit)


def docker_of(document):
    return lambda path, box_blob: write_tar(path, {"manifest.json": document})


def second_is_broken(path, box_blob):
    """Two images: the first is whole, of the second a layer is missing."""
    one, two = Image([box_blob]), Image([pack(Layer().add("x", b"x").finish())])
    files, more = one.files(), two.files()
    index = json.loads(files["index.json"])
    entry = json.loads(more["index.json"])["manifests"][0]
    entry["annotations"] = {"org.opencontainers.image.ref.name": "second"}
    index["manifests"].append(entry)
    files = {**more, **files, "index.json": json.dumps(index).encode()}
    del files["blobs/sha256/" + digest(two.blobs[0])[7:]]
    write_tar(path, files)


def cut_off(path, box_blob):
    Image([box_blob]).archive(path)
    os.truncate(path, os.path.getsize(path) // 2)


BAD_ARCHIVES = {
    "nothing": (lambda path, blob: path.write_bytes(b""), "InvalidFormat"),
    "no archive": (lambda path, blob: path.write_bytes(b"hello\n" * 1000), "InvalidFormat"),
    "zeros": (lambda path, blob: path.write_bytes(bytes(100000)), "InvalidFormat"),
    "broken gzip": (lambda path, blob: path.write_bytes(gzip.compress(os.urandom(9999))[:5000]), "InvalidFormat"),
    "another archive": (lambda path, blob: write_tar(path, {"etc/passwd": b"x"}), "InvalidFormat"),
    "cut off": (cut_off, "InvalidFormat"),
    "no index": (without("index.json"), "InvalidFormat"),
    "empty index": (index_of(lambda index: index.update(manifests=[])), "ImageNotFound"),
    "index is a list": (edited(lambda files: files.update({"index.json": b"[]"})), "InvalidFormat"),
    "index is no JSON": (edited(lambda files: files.update({"index.json": b"{"})), "InvalidJson"),
    "two thousand images": (index_of(lambda index: index.update(manifests=index["manifests"] * 2000)),
                            "LimitExceeded"),
    "wrong size": (index_of(lambda index: index["manifests"][0].update(size=1)), "IntegrityCheckFailed"),
    "wrong digest": (index_of(lambda index: index["manifests"][0].update(digest="sha256:" + "0" * 64)),
                     "InvalidFormat"),
    "digest with a path": (index_of(lambda index: index["manifests"][0].update(digest="sha256:../../../x")),
                           "InvalidDigest"),
    "second is broken": (second_is_broken, "InvalidFormat"),
    "docker: no list": (docker_of(b"{}"), "InvalidFormat"),
    "docker: empty list": (docker_of(b"[]"), "InvalidFormat"),
    "docker: nothing named": (docker_of(b"[{}]"), "InvalidFormat"),
    "docker: a number": (docker_of(b"[1]"), "InvalidFormat"),
    "docker: config outside": (docker_of(b'[{"Config": "../../etc/passwd", "Layers": []}]'), "InvalidFormat"),
    "docker: too many": (docker_of(json.dumps([{}] * 1001).encode()), "LimitExceeded"),
}


@pytest.mark.parametrize("what", BAD_ARCHIVES)
def test_a_bad_archive_is_refused_and_names_nothing(any_engine, box, box_blob, work, what):
    write, error = BAD_ARCHIVES[what]
    any_engine("image", "import", box, "kept").ok()
    before = names(any_engine)
    write(work / "bad.tar", box_blob)
    any_engine("image", "load", "-i", work / "bad.tar").fails(error, "bad.tar")
    any_engine("image", "load", input=(work / "bad.tar").read_bytes()).fails(error, "standard input") \
        if os.path.getsize(work / "bad.tar") else None
    assert names(any_engine) == before
    any_engine("image", "gc", "--force").ok()
    any_engine("image", "verify").ok()
    assert not [name for name in os.listdir(any_engine.data / "images/blobs/sha256") if name[0] == "."]
    assert len(os.listdir(any_engine.data / "layers")) == 1


def test_a_load_without_an_archive_says_so(any_engine, work):
    any_engine("image", "load", "-i", work / "none").fails("ImageNotFound", "none")
    any_engine("image", "load", "-i", work).fails("InvalidArgument", "directory")
    any_engine("image", "load", "x").fails("InvalidArgument", "--input")
    any_engine("image", "load", "--output", "x").fails("InvalidArgument", "--output")
    any_engine("image", "save").fails("InvalidArgument", "expected")
    any_engine("image", "save", "--type", "tar", "x").fails("InvalidArgument", "--type")


def test_a_slow_pipe_keeps_nobody_waiting(any_engine, box):
    read, write = os.pipe()
    child = any_engine.open("image", "load", stdin=read)
    os.close(read)
    os.write(write, b"x" * 100)
    any_engine("image", "import", box, "mine:1", timeout=20).ok()
    os.close(write)
    any_engine.finish(child).fails("InvalidFormat")


def test_images_are_copied_between_all_places(any_engine, box, work):
    wanted = any_engine("image", "import", box, "mine:1").ok().out.strip()
    ways = [("mine:1", f"oci:{work}/layout:tag"), (f"oci:{work}/layout:tag", f"oci-archive:{work}/a.tar:x"),
            (f"oci-archive:{work}/a.tar:x", f"docker-archive:{work}/d.tar:back:1"),
            (f"docker-archive:{work}/d.tar", f"oci:{work}/layout:plain"),
            (f"oci:{work}/layout:tag", "copied:1"), ("copied:1", "copied:2"), (box, f"oci:{work}/layout:tag")]
    for source, dest in ways:
        any_engine("image", "copy", source, dest).ok()
    assert names(any_engine) == {f"docker.io/library/{name}": wanted for name in ("mine:1", "copied:1", "copied:2")}
    index = json.loads((work / "layout/index.json").read_text())
    assert sorted(entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]) == \
        ["plain", "tag"]
    for blob in (work / "layout/blobs/sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    for source in (f"oci:{work}/layout:tag", f"oci:{work}/layout:plain", f"oci-archive:{work}/a.tar:x",
                   f"docker-archive:{work}/d.tar:docker.io/library/back:1"):
        skopeo("inspect", source)


def test_a_copy_that_cannot_be_says_why(any_engine, box, work):
    any_engine("image", "import", box, "mine:1").ok()
    any_engine("image", "copy", "--all", "mine:1", "mine:2").fails("UnsupportedOperation", "this host alone")
    any_engine("image", "copy", "--all", "mine:1", f"docker-archive:{work}/d.tar").fails("UnsupportedOperation", "docker")
    any_engine("image", "copy", "mine:1", "docker://").fails("InvalidReference")
    any_engine("image", "copy", "mine:1", "docker://127.0.0.1:1/x@sha256:" + "0" * 64).fails("InvalidArgument", "cannot be pushed as")
    any_engine("image", "copy", "nobody", f"oci:{work}/o").fails("ImageNotFound", "nobody")
    any_engine("image", "copy", f"oci:{work}/none", f"oci:{work}/o").fails("ImageNotFound", "none")
    any_engine("image", "copy", "mine:1", "oci:").fails("InvalidArgument")
    any_engine("image", "copy", "mine:1", f"oci:{work}/o:a b").fails("InvalidReference", "a b")
    any_engine("image", "copy", "mine:1", f"docker-archive:{work}/d.tar:A b").fails("InvalidReference")
    any_engine("image", "copy", "mine:1").fails("InvalidArgument", "SOURCE DEST")
    (work / "full").mkdir()
    (work / "full/file").write_text("mine")
    any_engine("image", "copy", "mine:1", f"oci:{work}/full").fails("InvalidFormat", "not empty")
    assert os.listdir(work / "full") == ["file"]
    outside = work / "outside"
    outside.mkdir()
    (work / "trap").mkdir()
    (work / "trap/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (work / "trap/blobs").symlink_to(outside)
    any_engine("image", "copy", "mine:1", f"oci:{work}/trap")
    assert os.listdir(outside) == []
