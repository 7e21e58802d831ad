# SPDX-License-Identifier: MIT
"""What we unpack, entry by entry beside what umoci and GNU tar make of the same layers."""

import hashlib
import json
import os
import pathlib
import stat
import subprocess

import pytest

import ocibuild
from engine import IMAGES


def run(*words, **options):
    done = subprocess.run(list(map(str, words)), check=False, capture_output=True, **options)
    assert done.returncode == 0, done
    return done.stdout


def entry_of(path):
    """All that there is to compare of one file; what overlayfs keeps for itself is not."""
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    entry = {"mode": oct(status.st_mode), "owner": (status.st_uid, status.st_gid), "mtime": status.st_mtime_ns,
             "xattrs": {name: os.getxattr(path, name, follow_symlinks=False)
                        for name in os.listxattr(path, follow_symlinks=False)
                        if not name.startswith(("trusted.overlay.", "security.selinux"))}}
    if kind == stat.S_IFREG:
        entry["content"] = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    elif kind == stat.S_IFLNK:
        entry["target"] = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        entry["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return entry


def walk(root):
    """Every entry below a root, and which of them are one file."""
    entries, links = {}, {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            inside = os.path.relpath(path, root)
            entries[inside] = entry_of(path)
            status = os.lstat(path)
            if not stat.S_ISDIR(status.st_mode):
                links.setdefault((status.st_dev, status.st_ino), set()).add(inside)
    for names in links.values():
        for name in names:
            entries[name]["names"] = sorted(names)
    return entries


def differences(ours, theirs, without=()):
    """What differs, without what is named to differ."""
    found = {}
    for name in sorted(ours.keys() | theirs.keys()):
        one, other = ({key: value for key, value in side.get(name, {"none": True}).items() if key not in without}
                      for side in (ours, theirs))
        if one != other:
            found[name] = {key: (one.get(key), other.get(key)) for key in one.keys() | other.keys()
                           if one.get(key) != other.get(key)}
    return found


def documents(layout):
    def read(descriptor):
        return json.loads((layout / "blobs" / descriptor["digest"].replace(":", "/")).read_text())

    manifest = read(json.loads((layout / "index.json").read_text())["manifests"][-1])
    return manifest, read(manifest["config"])


def chain_ids(config):
    chain = []
    for diff_id in config["rootfs"]["diff_ids"]:
        chain.append(diff_id if not chain else
                     "sha256:" + hashlib.sha256(f"{chain[-1]} {diff_id}".encode()).hexdigest())
    return chain


class Merged:
    """The layers of the store as the root of a container sees them."""

    def __init__(self, lx, config, point):
        self.point = point
        self.layers = [lx.data / "layers" / chain[7:] / "fs" for chain in chain_ids(config)]

    def __enter__(self):
        self.point.mkdir()
        lowers = [str(layer) for layer in reversed(self.layers)]
        if len(lowers) == 1:
            empty = self.point.parent / "empty"
            empty.mkdir()
            lowers.append(str(empty))
        run("mount", "-t", "overlay", "overlay", "-o", "ro,lowerdir=" + ":".join(lowers), self.point)
        return self.point

    def __exit__(self, *_):
        run("umount", self.point)


EVERYTHING = [
    ocibuild.directory("d", mode=0o1777, uid=3, gid=4, mtime=1_000_000_000.25),
    ocibuild.directory("d/setgid", mode=0o2750, uid=70000, gid=4_000_000_000),
    ocibuild.file("d/plain", b"content", mode=0o640, uid=1000, gid=1001, mtime=1_234_567_890.987654321),
    ocibuild.file("d/setuid", b"#!", mode=0o4755),
    ocibuild.file("d/none", b"", mode=0),
    ocibuild.file("d/old", b"x", mtime=-86400),
    ocibuild.file("d/future", b"x", mtime=2 ** 33),
    ocibuild.file("d/xattrs", b"x", xattrs={"user.name": "value", "user.empty": ""}),
    ocibuild.directory("d/marked", xattrs={"user.on": "a directory"}),
    ocibuild.hardlink("d/link", "d/plain"),
    ocibuild.hardlink("link-outside", "d/plain"),
    ocibuild.symlink("d/symlink", "plain", uid=5, gid=6),
    ocibuild.symlink("absolute", "/d/plain"),
    ocibuild.symlink("dangling", "../../nowhere"),
    ocibuild.hardlink("d/link-to-symlink", "dangling"),
    ocibuild.device("d/null", 1, 3, mode=0o666),
    ocibuild.device("d/disk", 7, 255, block=True, mode=0o600, uid=0, gid=6),
    ocibuild.fifo("d/fifo", mode=0o622),
    ocibuild.file("d/" + "long" * 60, b"a name of pax"),
    ocibuild.file("d/" + "/".join(["deep" * 10] * 12), b"deep"),
    ocibuild.file("d/\udcff\udcfe not text", b"bytes"),
    ocibuild.file("d/ünïcödé e\u0301", b"not normalised"),
    ocibuild.file("d/new\nline\ttab \\ quote\"", b"odd"),
    ocibuild.file("implied/by/a/file", b"no entries for its directories"),
    ocibuild.file("twice", b"first"), ocibuild.file("twice", b"second", mode=0o600),
    ocibuild.file("d/zeros", bytes(3 << 20)),
]

CHANGES = [
    ocibuild.whiteout("absolute"),
    ocibuild.file("d/plain", b"changed", mode=0o600),
    ocibuild.whiteout("d/setuid"),
    ocibuild.directory("d/marked", mode=0o711),
    ocibuild.directory("d/setgid"), ocibuild.opaque("d/setgid"), ocibuild.file("d/setgid/new", b"new"),
    ocibuild.file("implied/by/a/second", b"beside"),
    ocibuild.symlink("dangling", "elsewhere"),
]
MORE = [ocibuild.whiteout("implied"), ocibuild.file("absolute", b"again"), ocibuild.directory("d/fresh", mode=0o700)]


def everything(directory, *layers, compression="gzip"):
    image = ocibuild.Image([ocibuild.Layer(entries, compression) for entries in layers])
    return image.write_layout(directory / "everything")


def test_a_layer_is_what_gnu_tar_makes_of_it(lx, tmp_path):
    layout = everything(tmp_path, EVERYTHING, compression=None)
    manifest, config = documents(layout)
    lx("image", "import", f"oci:{layout}:latest", "all:1").succeeds()
    (tmp_path / "tar").mkdir()
    run("tar", "--extract", "--preserve-permissions", "--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*",
        "--delay-directory-restore",
        "--file", layout / "blobs" / manifest["layers"][0]["digest"].replace(":", "/"), "--directory", tmp_path / "tar",
        env={**os.environ, "LC_ALL": "C"})
    ours = walk(lx.data / "layers" / chain_ids(config)[0][7:] / "fs")
    theirs = walk(tmp_path / "tar")
    # Nobody says when a directory was made that no entry is about.
    for name in ("implied", "implied/by", "implied/by/a"):
        assert ours[name].pop("mtime") and theirs[name].pop("mtime")
    for name in [name for name in ours if name.startswith("d/deep") and stat.S_ISDIR(int(ours[name]["mode"], 8))]:
        assert ours[name].pop("mtime") and theirs[name].pop("mtime")
    assert differences(ours, theirs) == {}
    assert len(ours) >= 40


@pytest.mark.parametrize("compression", ["gzip", None])
def test_an_image_is_what_umoci_makes_of_it(lx, tmp_path, compression):
    layout = everything(tmp_path, EVERYTHING, CHANGES, MORE, compression=compression)
    _, config = documents(layout)
    lx("image", "import", f"oci:{layout}:latest", "all:1").succeeds()
    run("umoci", "unpack", "--image", f"{layout}:latest", tmp_path / "bundle")
    theirs = walk(tmp_path / "bundle/rootfs")
    with Merged(lx, config, tmp_path / "merged") as root:
        ours = walk(root)
    # To Go an extended attribute without a value is none.
    assert ours["d/xattrs"]["xattrs"].pop("user.empty") == b""
    assert differences(ours, theirs, without=("mtime",)) == {}
    implied = {name for name in ours if name.split("/")[0] == "implied" or "deepdeep" in name}
    times = {name for name in differences(ours, theirs)
             if name not in implied and not stat.S_ISDIR(int(ours[name]["mode"], 8))}
    assert times == set()


@pytest.mark.parametrize("name", ["busybox", "debian-mini"])
def test_an_image_of_debian_s_is_what_umoci_makes_of_it(lx, tmp_path, name):
    layout = IMAGES / name
    _, config = documents(layout)
    lx("image", "import", f"oci:{layout}:latest", "real:1").succeeds()
    run("umoci", "unpack", "--image", f"{layout}:latest", tmp_path / "bundle")
    with Merged(lx, config, tmp_path / "merged") as root:
        assert differences(walk(root), walk(tmp_path / "bundle/rootfs"), without=("mtime",)) == {}


def test_layers_that_umoci_and_gnu_tar_write_are_read(lx, tmp_path):
    """GNU's own headers, with a sparse file, long names and owners by number."""
    source = tmp_path / "source"
    (source / ("n" * 200)).mkdir(parents=True)
    with open(source / "sparse", "wb") as file:
        file.seek(50 << 20)
        file.write(b"end")
    (source / ("n" * 200) / ("m" * 150)).write_text("long")
    os.symlink("t" * 180, source / "symlink")
    os.link(source / "sparse", source / "other")
    os.chown(source / "symlink", 123456, 7, follow_symlinks=False)
    run("tar", "--create", "--format=gnu", "--sparse", "--file", tmp_path / "layer.tar", "--directory", source, ".")
    content = (tmp_path / "layer.tar").read_bytes()
    assert len(content) < 1 << 20
    image = ocibuild.Image([ocibuild.Layer(content=content)])
    layout = image.write_layout(tmp_path / "layout")
    lx("image", "import", f"oci:{layout}:latest", "gnu:1").succeeds()
    root = lx.data / "layers" / image.layers[0].diff_id[7:] / "fs"
    ours, theirs = walk(root), walk(source)
    for side in (ours, theirs):  # tar of GNU has no fractions of a second
        for entry in side.values():
            entry["mtime"] //= 10 ** 9
    assert differences(ours, theirs) == {}
    assert (root / "sparse").stat().st_blocks * 512 < 1 << 20


def test_what_umoci_inserts_is_read(lx, tmp_path):
    """It leaves out what fills the last block; a file that is not all there is another thing."""
    (tmp_path / "file").write_bytes(b"x" * 1300)
    layout = tmp_path / "layout"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:a")
    run("umoci", "insert", "--image", f"{layout}:a", tmp_path / "file", "/inserted")
    manifest, config = documents(layout)
    content = run("gzip", "-dc", layout / "blobs" / manifest["layers"][0]["digest"].replace(":", "/"))
    lx("image", "import", f"oci:{layout}:a", "inserted:1").succeeds()
    assert (lx.data / "layers" / chain_ids(config)[0][7:] / "fs/inserted").read_bytes() == b"x" * 1300
    whole = ocibuild.file("whole", b"y" * 1300)[:512 + 1300]
    pax = ocibuild.file("n" * 200, b"z" * 300)
    for number, cut in enumerate((whole[:-1], whole[:900], whole[:300], pax[:700], pax[:1100], pax[:1800], pax[:512 + 40])):
        image = ocibuild.Image([ocibuild.Layer(content=ocibuild.file("first", b"a" * 512) + cut)])
        lx("image", "import", f"oci:{image.write_layout(tmp_path / f'cut{number}')}:latest", "cut:1").fails("ExtractFailed")
    assert len(content) % 512 == 276
