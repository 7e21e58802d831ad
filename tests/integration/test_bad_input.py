# SPDX-License-Identifier: MIT
"""What is malformed, hostile or impossible is refused: with its exit code, its name and a message
that says what and why - and the host, the engine and every file outside are as before."""

import functools
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile

import pytest

from bundle import Bundle
from engine import BACKENDS, await_that
from host import Unchanged, tree
from images import Image, Layer, digest, pack

CASES = []


def case(kind, error, *words, code=1, backends=("crun",)):
    """Enters a function into the table: it prepares a site and returns the command that must fail
    with an exit code, an error and a message with certain words."""
    def enter(prepare):
        for backend in backends:
            CASES.append(pytest.param(backend, prepare, error, words, code,
                                      id=f"{kind}|{prepare.__name__}|{backend}"))
        return prepare

    return enter


class Site:
    """Where a case is set up: an engine, a way to bundles and images, and files that nothing may
    touch."""

    def __init__(self, engine, work, busybox, box_blob):
        self.engine, self.work, self.busybox, self.box_blob = engine, work, busybox, box_blob
        self.outside = work / "outside"
        self.outside.mkdir()
        (self.outside / "sentinel").write_text("untouched")
        self.id = engine.id()
        self.environment = None
        self.undo = []

    def bundle(self, *args):
        return Bundle(self.work / "bundle", self.busybox, args or ("sleep", "1000"))

    def broken_bundle(self, text):
        bundle = self.bundle()
        (bundle.path / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        return ["create", "--bundle", bundle.path, self.id]

    def edited_bundle(self, edit):
        bundle = self.bundle()
        edit(bundle.spec)
        bundle.save()
        return ["create", "--bundle", bundle.path, self.id]

    def image(self, *layers):
        return Image([self.box_blob, *(pack(layer.finish()) for layer in layers)])

    def import_of(self, image):
        return ["image", "import", image.oci(self.work / "image"), "bad:1"]

    def layered(self, layer):
        return self.import_of(self.image(layer))

    def small_disk(self, size):
        """Puts the engine's data on a file system of a few bytes."""
        self.engine.data.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", self.engine.id("disk"),
                        self.engine.data], check=True)
        self.undo.append(lambda: subprocess.run(["umount", self.engine.data], check=True))


# -- missing or broken config.json

BUNDLE = "config"


@case(BUNDLE, "BundleNotFound", "config.json", backends=BACKENDS)
def no_config(site):
    bundle = site.bundle()
    (bundle.path / "config.json").unlink()
    return ["create", "--bundle", bundle.path, site.id]


@case(BUNDLE, "BundleNotFound", "no-such-bundle", backends=BACKENDS)
def no_bundle(site):
    return ["run", "--bundle", site.work / "no-such-bundle", site.id]


@case(BUNDLE, "InvalidJson", "config.json", "line 1")
def no_json(site):
    return site.broken_bundle("this is no json")


@case(BUNDLE, "InvalidJson", "config.json")
def empty_file(site):
    return site.broken_bundle("")


@case(BUNDLE, "InvalidJson", "config.json")
def cut_off(site):
    return site.broken_bundle('{"ociVersion": "1.0.2", "process": {"args": ["tr')


@case(BUNDLE, "InvalidJson", "config.json", "same key")
def the_same_key_twice(site):
    return site.broken_bundle('{"ociVersion": "1.0.2", "ociVersion": "1.0.2"}')


@case(BUNDLE, "InvalidSpec", "process.args", backends=BACKENDS)
def wrong_type(site):
    return site.edited_bundle(lambda spec: spec["process"].update(args="true"))


@case(BUNDLE, "InvalidSpec", "process.cwd", backends=BACKENDS)
def relative_directory(site):
    return site.edited_bundle(lambda spec: spec["process"].update(cwd="tmp"))


@case(BUNDLE, "InvalidSpec", "ociVersion")
def no_version(site):
    return site.edited_bundle(lambda spec: spec.pop("ociVersion"))


@case(BUNDLE, "InvalidSpec", "process", backends=BACKENDS)
def no_process(site):
    return site.edited_bundle(lambda spec: spec.pop("process"))


@case(BUNDLE, "LimitExceeded", "config.json")
def too_deep(site):
    return site.broken_bundle('{"ociVersion": "1.0.2", "x": ' + "[" * 100000 + "]" * 100000 + "}")


@case(BUNDLE, "InvalidSpec", "root.path", backends=BACKENDS)
def no_rootfs(site):
    return site.edited_bundle(lambda spec: spec["root"].update(path="nothing"))


# -- an image whose digest doesn't match

DIGEST = "digest"


def changed(content):
    """The same number of bytes, one of them another."""
    return content[:-1] + bytes([content[-1] ^ 1])


def with_changed_blob(site, pick):
    image = site.image()

    def edit(files):
        name = next(name for name, content in files.items()
                    if name.startswith("blobs/") and pick(content))
        files[name] = changed(files[name])

    image.edit_files = edit
    return site.import_of(image)


@case(DIGEST, "IntegrityCheckFailed", "sha256:")
def layer_changed(site):
    return with_changed_blob(site, lambda content: content[:2] == b"\x1f\x8b")


@case(DIGEST, "IntegrityCheckFailed", "sha256:")
def config_changed(site):
    return with_changed_blob(site, lambda content: b'"rootfs"' in content)


@case(DIGEST, "IntegrityCheckFailed", "sha256:")
def manifest_changed(site):
    return with_changed_blob(site, lambda content: b'"layers": ' in content and b"schemaVersion" in content)


@case(DIGEST, "IntegrityCheckFailed", "sha256:")
def content_of_a_layer_is_another(site):
    image = site.image()
    image.diff_ids = [digest(b"something else")]
    return site.import_of(image)


@case(DIGEST, "IntegrityCheckFailed")
def size_of_a_layer_is_another(site):
    image = site.image()
    image.edit_manifest = lambda manifest: manifest["layers"][0].update(
        size=manifest["layers"][0]["size"] + 1)
    return site.import_of(image)


@case(DIGEST, "IntegrityCheckFailed", code=125)
def config_of_a_docker_archive_has_another_name(site):
    image = site.image()

    def edit(files):
        name = next(name for name in files if name.endswith(".json") and name != "manifest.json")
        files[name] = changed(files[name].replace(b"2024", b"2023"))

    image.edit_files = edit
    return ["run", "--image", image.docker(site.work / "image.tar"), site.id, "true"]


# -- a truncated archive

TRUNCATED = "truncated"


def cut(path, part):
    size = os.path.getsize(path)
    os.truncate(path, int(size * part))


@case(TRUNCATED, "InvalidFormat", "cut off")
def oci_archive(site):
    source = site.image().archive(site.work / "image.tar")
    cut(site.work / "image.tar", 0.5)
    return ["image", "import", source]


@case(TRUNCATED, "InvalidFormat", "image.tar")
def docker_archive(site):
    source = site.image().docker(site.work / "image.tar")
    cut(site.work / "image.tar", 0.5)
    return ["image", "import", source]


@case(TRUNCATED, "InvalidFormat", "image.tar")
def empty_archive(site):
    source = site.image().archive(site.work / "image.tar")
    cut(site.work / "image.tar", 0)
    return ["image", "import", source]


@case(TRUNCATED, "ExtractFailed")
def gzip_of_a_layer(site):
    """The digest is right: that of the damaged bytes."""
    image = site.image()
    blob = type(image.blobs[0])(image.blobs[0][:-1000])
    blob.diff_id = image.blobs[0].diff_id
    image.blobs = [blob]
    return site.import_of(image)


@case(TRUNCATED, "ExtractFailed")
def tar_of_a_layer(site):
    image = site.image()
    image.blobs = [pack(gzip.decompress(image.blobs[0])[:100_000])]
    return site.import_of(image)


@case(TRUNCATED, "InvalidFormat", "index.json")
def layout_without_index(site):
    image = site.image()
    image.edit_files = lambda files: files.pop("index.json")
    return site.import_of(image)


# -- ways out of the root

ESCAPE = "escape"


@case(ESCAPE, "ExtractFailed", "..")
def dots(site):
    return site.layered(Layer().add("../" * 12 + str(site.outside / "out")[1:], b"x"))


@case(ESCAPE, "ExtractFailed", "..")
def dots_in_the_middle(site):
    return site.layered(Layer().directory("a").add("a/../../../../../../../../.." +
                                                   str(site.outside / "out"), b"x"))


@case(ESCAPE, "ExtractFailed", "..")
def dots_behind_a_slash(site):
    return site.layered(Layer().add("/../../../../../../.." + str(site.outside / "out"), b"x"))


@case(ESCAPE, "ExtractFailed", "..")
def a_directory_of_dots(site):
    return site.layered(Layer().directory("../" * 12 + str(site.outside)[1:], mode=0o777,
                                          owner=(1000, 1000)))


@case(ESCAPE, "ExtractFailed", "link")
def absolute_symlink_as_directory(site):
    return site.layered(Layer().symlink("trap", str(site.outside)).add("trap/out", b"x"))


@case(ESCAPE, "ExtractFailed", "link")
def relative_symlink_as_directory(site):
    return site.layered(Layer().symlink("trap", "../" * 12 + str(site.outside)[1:])
                        .add("trap/out", b"x"))


@case(ESCAPE, "ExtractFailed", "link")
def symlink_on_symlink(site):
    return site.layered(Layer().symlink("one", str(site.outside)).symlink("two", "one")
                        .add("two/out", b"x"))


@case(ESCAPE, "ExtractFailed")
def hard_link_to_the_host_by_its_path(site):
    return site.layered(Layer().hardlink("stolen", str(site.outside / "sentinel")))


@case(ESCAPE, "ExtractFailed", "..")
def hard_link_by_dots(site):
    return site.layered(Layer().hardlink("stolen", "../" * 12 + str(site.outside / "sentinel")[1:]))


@case(ESCAPE, "ExtractFailed", "link")
def hard_link_through_a_symlink(site):
    return site.layered(Layer().symlink("trap", str(site.outside)).hardlink("stolen", "trap/sentinel"))


@case(ESCAPE, "ExtractFailed", "..")
def whiteout_by_dots(site):
    return site.layered(Layer().add("../" * 12 + str(site.outside)[1:] + "/.wh.sentinel"))


@case(ESCAPE, "ExtractFailed")
def whiteout_of_dots(site):
    return site.layered(Layer().directory("a").add("a/.wh..."))


@case(ESCAPE, "InvalidFormat", "..")
def member_of_an_archive(site):
    image = site.image()
    image.edit_files = lambda files: files.update(
        {"../" * 12 + str(site.outside / "out")[1:]: b"x"})
    return ["image", "import", image.archive(site.work / "image.tar")]


@case(ESCAPE, "InvalidFormat")
def layout_whose_blob_is_a_link(site):
    image = site.image()
    source = image.oci(site.work / "image")
    blob = site.work / "image/blobs/sha256" / digest(image.blobs[0])[7:]
    blob.rename(site.outside / "blob")
    blob.symlink_to(site.outside / "blob")
    return ["image", "import", source]


# -- a file where a directory must be, and the other way round

KIND = "not-a-directory"


@case(KIND, "BundleNotFound", "file", backends=BACKENDS)
def bundle_is_a_file(site):
    (site.work / "file").touch()
    return ["create", "--bundle", site.work / "file", site.id]


@case(KIND, "InvalidSpec", "root.path", backends=BACKENDS)
def rootfs_is_a_file(site):
    def edit(spec):
        (site.work / "bundle/file").touch()
        spec["root"]["path"] = "file"

    return site.edited_bundle(edit)


@case(KIND, "InvalidFormat", "file")
def layout_is_a_file(site):
    (site.work / "file").touch()
    return ["image", "import", f"oci:{site.work}/file"]


@case(KIND, "InvalidFormat", "image")
def archive_is_a_directory(site):
    site.image().oci(site.work / "image")
    return ["image", "import", f"oci-archive:{site.work}/image"]


@case(KIND, "StorageError", "data")
def data_directory_is_a_file(site):
    site.engine.data.touch()
    site.undo.append(site.engine.data.unlink)
    return site.import_of(site.image())


@case(KIND, "ExtractFailed", "file/below")
def layer_puts_something_below_a_file(site):
    return site.layered(Layer().add("file", b"x").add("file/below", b"x"))


@case(KIND, "ContainerCreateFailed", "Not a directory")
def run_directory_is_a_file(site):
    shutil.rmtree(site.engine.root, ignore_errors=True)
    site.engine.root.touch()
    site.undo.append(site.engine.root.unlink)
    return ["create", "--bundle", site.bundle().path, site.id]


# -- bombs

BOMB = "bomb"
CHUNK = 64 << 20


@functools.cache
def member_of_zeros():
    return gzip.compress(bytes(CHUNK), mtime=0)


def zeros(count):
    """Gzip members of zeros: 64 MiB in 64 KiB each."""
    return member_of_zeros() * count


def blob_of(*parts):
    blob = type(pack(b""))(b"".join(parts))
    blob.diff_id = digest(b"never reached")
    return blob


def header(name, size):
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


@case(BOMB, "LimitExceeded", "compressed size")
def ten_gigabytes_of_zeros_in_a_file(site):
    blob = blob_of(gzip.compress(header("zeros", 160 * CHUNK)), zeros(160))
    assert len(blob) < 11 << 20
    return site.import_of(Image([site.box_blob, blob]))


@case(BOMB, "LimitExceeded", "compressed size")
def ten_gigabytes_behind_the_end_of_the_archive(site):
    return site.import_of(Image([site.box_blob, blob_of(zeros(160))]))


@case(BOMB, "LimitExceeded")
def ten_gigabytes_in_many_files(site):
    blob = blob_of(*(gzip.compress(header(f"zeros{n}", CHUNK)) + zeros(1) for n in range(160)))
    return site.import_of(Image([site.box_blob, blob]))


@case(BOMB, "LimitExceeded")
def a_config_of_many_megabytes(site):
    image = site.image()
    image.config["Labels"] = {"x": " " * (20 << 20)}
    return site.import_of(image)


# -- a million entries

MILLION = "million"


@case(MILLION, "LimitExceeded", "entries")
def members_of_a_layer(site):
    """Names that cost nothing to unpack, in 65536s; the content's digest is never asked for."""
    base = bytearray(header(".wh..wh.plnk/0000000", 0))
    numbers = []
    for number in range(65536):
        name = b"%07d" % number
        base[13:20] = name
        base[148:156] = b" " * 8
        base[148:156] = b"%06o\0 " % sum(base)
        numbers.append(bytes(base))
    return site.import_of(Image([site.box_blob, blob_of(gzip.compress(b"".join(numbers), 1) * 17)]))


@case(MILLION, "LimitExceeded", "members")
def members_of_an_archive(site):
    with open(site.work / "image.tar", "wb") as file:
        file.write(header("oci-layout", 0) * 1_100_000)
    return ["image", "import", f"oci-archive:{site.work}/image.tar:latest"]


@case(MILLION, "LimitExceeded", "index.json")
def manifests_of_an_index(site):
    image = site.image()
    image.edit_index = lambda index: index.update(manifests=[{"a": 1}] * 1_000_000)
    return site.import_of(image)


@case(MILLION, "LimitExceeded", "config.json")
def mounts_of_a_bundle(site):
    return site.broken_bundle(b'{"ociVersion": "1.0.2", "mounts": [' + b"{}," * 1_000_000 + b"{}]}")


@case(MILLION, "LimitExceeded", "layers")
def layers_of_an_image(site):
    image = site.image()
    image.blobs *= 1000
    return site.import_of(image)


# -- names

NAME = "name"
BAD_NAMES = {"slash": "a/b", "line_feed": "a\nb", "dots": "..", "empty": "", "dash": "-a", "space": "a b",
             "long": "a" * 129, "umlaut": "ä", "nul_like": "a\\0b", "leading_dot": ".a"}


def bad_id(word, name):
    def prepare(site):
        return ["create", "--bundle", site.bundle().path, "--", name]

    prepare.__name__ = word
    return prepare


for word, name in BAD_NAMES.items():
    case(NAME, "InvalidArgument", backends=BACKENDS if word in ("slash", "line_feed") else ("crun",))(
        bad_id(word, name))


@case(NAME, "InvalidArgument")
def verb_on_a_bad_name(site):
    return ["state", "../" + site.id]


@case(NAME, "InvalidArgument")
def force_a_bad_name_away(site):
    return ["delete", "--force", "a\nb"]


@case(NAME, "InvalidReference")
def image_with_a_line_feed(site):
    return ["image", "import", site.image().oci(site.work / "image"), "bad\nname:1"]


@case(NAME, "InvalidReference")
def image_with_dots(site):
    return ["image", "import", site.image().oci(site.work / "image"), "../../bad:1"]


@case(NAME, "InvalidArgument", "hostname", code=125)
def host_name_with_a_line_feed(site):
    site.engine("image", "import", site.image().oci(site.work / "image"), "mine:1").ok()
    return ["run", "--hostname", "a\nb", "--image", "mine:1", site.id, "true"]


# -- an id in use

IN_USE = "in-use"


@case(IN_USE, "ContainerAlreadyExists", backends=BACKENDS)
def created(site):
    words = ["create", "--bundle", site.bundle().path, site.id]
    site.engine(*words).ok()
    return words


@case(IN_USE, "ContainerAlreadyExists", backends=BACKENDS)
def running(site):
    path = site.bundle().path
    site.engine("run", "--detach", "--bundle", path, site.id).ok()
    return ["run", "--bundle", path, site.id]


@case(IN_USE, "ContainerAlreadyExists", backends=BACKENDS)
def stopped(site):
    path = site.bundle("true").path
    site.engine("run", "--detach", "--bundle", path, site.id).ok()
    site.engine.await_status(site.id, "stopped")
    return ["create", "--bundle", path, site.id]


@case(IN_USE, "ContainerAlreadyExists", code=125)
def by_one_of_another_backend(site):
    image = site.image().oci(site.work / "image")
    site.engine("run", "--detach", "--image", image, site.id, "sleep", "1000").ok()
    return ["run", "--runtime", "lxc", "--image", image, site.id, "true"]


# -- a runtime that isn't installed

MISSING = "runtime"


@case(MISSING, "RuntimeNotFound", "runc", backends=("runc",))
def not_in_the_path(site):
    site.environment = {"PATH": str(site.outside)}
    return ["create", "--bundle", site.bundle().path, site.id]


def configured(site, path):
    site.engine.config = site.work / "config.json"
    site.engine.config.write_text(json.dumps({"runtime": {"runc_path": str(path)}}))
    return ["create", "--bundle", site.bundle().path, site.id]


@case(MISSING, "RuntimeNotFound", "no-such-runc", backends=("runc",))
def configured_path_is_missing(site):
    return configured(site, site.work / "no-such-runc")


@case(MISSING, "RuntimeNotFound", "sentinel", backends=("runc",))
def configured_path_is_no_program(site):
    return configured(site, site.outside / "sentinel")


@case(MISSING, "UnsupportedOperation", "vm")
def no_such_type(site):
    site.engine.backend = "vm"
    return ["create", "--bundle", site.bundle().path, site.id]


@case(MISSING, "UnsupportedOperation", "proxmox")
def proxmox_without_a_proxmox(site):
    site.engine.backend = "proxmox-lxc"
    return ["create", "--bundle", site.bundle().path, site.id]


# -- a full disk

FULL = "full-disk"


@case(FULL, "StorageError", "No space left")
def no_room_for_the_copy(site):
    site.small_disk("256k")
    return site.import_of(site.image())


@case(FULL, "StorageError", "No space left", code=125)
def no_room_for_what_it_unpacks_to(site):
    site.small_disk("40m")
    image = site.image(Layer().add("big", bytes(60 << 20)))
    return ["run", "--image", image.oci(site.work / "image"), site.id, "true"]


@case(FULL, "StorageError", "full", code=125, backends=BACKENDS)
def no_room_for_a_container(site):
    site.small_disk("64m")
    site.engine("image", "import", site.image().oci(site.work / "image"), "mine:1").ok()
    with open(site.engine.data / "filler", "wb") as filler:
        try:
            while True:
                filler.write(bytes(1 << 16))
                filler.flush()
        except OSError:
            pass
    return ["run", "--image", "mine:1", site.id, "true"]


# -- kill of a dead container

DEAD = "dead"


@case(DEAD, "InvalidState", "stopped", backends=BACKENDS)
def ended(site):
    site.engine("run", "--detach", "--bundle", site.bundle("true").path, site.id).ok()
    site.engine.await_status(site.id, "stopped")
    return ["kill", site.id, "KILL"]


@case(DEAD, "InvalidState", "stopped", backends=BACKENDS)
def killed(site):
    site.engine("create", "--bundle", site.bundle().path, site.id).ok()
    site.engine("kill", site.id, "KILL").ok()
    site.engine.await_status(site.id, "stopped")
    return ["kill", "--all", site.id, "KILL"]


@case(DEAD, "ContainerNotFound", backends=BACKENDS)
def deleted(site):
    site.engine("create", "--bundle", site.bundle().path, site.id).ok()
    site.engine("delete", site.id).ok()
    return ["kill", site.id, "KILL"]


@case(DEAD, "InvalidState", "stopped", backends=BACKENDS)
def its_monitor_was_killed(site):
    site.engine("run", "--detach", "--bundle", site.bundle().path, site.id).ok()
    pid = site.engine.pid(site.id)
    parent = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    await_that(lambda: site.engine.status(site.id) == "stopped", "it is known as stopped")
    return ["kill", site.id, "TERM"]


def kept(engine):
    """Everything that an engine keeps of containers and images. A monitor that ends takes its socket
    away behind the state."""
    found = tree(engine.root / "containers", engine.data / "containers", engine.data / "images/blobs",
                 engine.data / "layers", engine.data / "volumes")
    return {path: entry for path, entry in found.items() if not path.endswith((".lock", ".sock", "blobs/sha256"))}


@pytest.mark.parametrize("backend, prepare, error, words, code", CASES)
def test_bad_input_is_refused_and_changes_nothing(make_engine, work, busybox, box_blob, backend, prepare,
                                                  error, words, code):
    site = Site(make_engine(backend), work, busybox, box_blob)
    command = prepare(site)
    try:
        outside, before = tree(site.outside), kept(site.engine)
        with Unchanged():
            result = site.engine(*command, env=site.environment)
        result.fails(error, *words, code=code)
        assert result.out == "" and len(result.err.splitlines()) == 1, result
        assert len(result.err) < 1200 and all(c == "\n" or c >= " " for c in result.err), result
        assert tree(site.outside) == outside and kept(site.engine) == before
    finally:
        site.engine.remove_all()
        for undo in reversed(site.undo):
            undo()


def test_every_kind_of_bad_input_has_three_cases():
    kinds = {kind: set() for kind in (BUNDLE, DIGEST, TRUNCATED, ESCAPE, KIND, BOMB, MILLION, NAME,
                                      IN_USE, MISSING, FULL, DEAD)}
    for parameters in CASES:
        prepare = parameters.values[1]
        kinds[parameters.id.partition("|")[0]].add(prepare)
    assert min(map(len, kinds.values())) >= 3, kinds
