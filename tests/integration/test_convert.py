# SPDX-License-Identifier: MIT
"""image convert: an image as a raw disk and as a template of a Proxmox container."""

import gzip
import json
import lzma
import os
import pathlib
import signal
import subprocess
import time

import pytest

import ocibuild
import trees
from engine import await_that, is_soon
from fixtures import memory_disk
from ocibuild import (Image, Layer, device, directory, fifo, file, hardlink, opaque, symlink, whiteout)

CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000").decode("latin-1")


def rich_layers():
    """Every kind of entry, and every way in which a layer changes one below it."""
    base = [
        directory(".", mode=0o750, uid=5, gid=6, mtime=1_500_000_000),
        directory("etc", mode=0o711, mtime=1_500_000_001),
        file("etc/motd", b"hello\n", uid=3_000_000_000, gid=7, mtime=1_600_000_000.123456789),
        file("etc/hidden", b"x"), file("etc/changed", b"old", mode=0o600),
        directory("opaque"), file("opaque/old", b"o"), directory("replaced"), file("replaced/by", b"b"),
        file("became-dir", b"f"),
        directory("bin"), file("bin/ping", b"p" * 70000, mode=0o4755, uid=0,
                               xattrs={"security.capability": CAPABILITY, "user.note": "kept"}),
        hardlink("bin/ping6", "bin/ping"), hardlink("a-link", "bin/ping"),
        symlink("bin/out", "../../../etc/shadow", uid=12, gid=13, mtime=1_400_000_000),
        symlink("long", "x" * 200),
        directory("dev"), device("dev/null", 1, 3, mode=0o666), device("dev/disk", 8, 1, block=True, mode=0o640, gid=6),
        device("dev/large", 259, 70000), fifo("pipe", mode=0o622, uid=9),
        directory("tmp", mode=0o1777), directory("empty", xattrs={"user.dir": "d"}),
        file("name with \n and \u00e9", b"u"), file("latin-\udce9", b"z"),
        file("n" * 255, b"long"), directory("/".join(["deep"] * 1)),
        *[directory("/".join(["deep"] * depth)) for depth in range(2, 60)],
        file("/".join(["deep"] * 59) + "/end", b"."),
        file("setgid", b"", mode=0o2755, gid=42), file("old-time", b"", mtime=0),
    ]
    middle = [whiteout("etc/hidden"), file("etc/changed", b"new", mode=0o640, uid=3),
              opaque("opaque"), file("opaque/new", b"n"), whiteout("replaced"), file("replaced", b"file now"),
              directory("became-dir", mode=0o700), file("became-dir/in", b"i"),
              hardlink("bin/of-this-layer", "etc/changed")]
    top = [whiteout("a-link"), directory("etc", mode=0o755, mtime=1_700_000_000.5), file("top", b"t")]
    return [Layer(base), Layer(middle, compression="zstd"), Layer(top)]


@pytest.fixture
def rich(any_engine, work):
    """An image with all that an image can have, in the store."""
    Image(rich_layers()).write_layout(work / "layout")
    any_engine("image", "import", f"oci:{work / 'layout'}:latest", "rich:1").ok()
    return "rich:1"


def layer_dirs(engine, name):
    """The unpacked layers of an image, the topmost first."""
    layers = {layer["diffId"]: layer for layer in engine("layer", "list", "--format", "json").ok().json()}
    diff_ids = engine("image", "inspect", name).ok().json()
    diff_ids = (diff_ids[0] if isinstance(diff_ids, list) else diff_ids)["layers"]
    return [engine.data / "layers" / layers[diff_id]["chainId"].removeprefix("sha256:") / "fs"
            for diff_id in reversed(diff_ids)]


def nothing_is_left(engine, directory, *expected):
    """Asserts that a directory has what is expected, and that nobody holds or makes anything."""
    assert sorted(os.listdir(directory)) == sorted(expected)
    prepared = engine.data / "prepared"
    assert not prepared.exists() or os.listdir(prepared) == []
    assert not loops_of(directory) and not loops_of(engine.data)


def loops_of(directory):
    """The loop devices of files in a directory."""
    loops = subprocess.run(["losetup", "--all"], check=True, capture_output=True, text=True).stdout
    return [line for line in loops.splitlines() if str(directory) in line]


@pytest.fixture
def out(work):
    path = work / "out"
    path.mkdir()
    return path


def test_a_raw_image_has_the_tree_of_the_layers(any_engine, rich, work, out):
    any_engine("image", "convert", rich, out / "i.raw").ok()
    subprocess.run(["e2fsck", "-fn", out / "i.raw"], check=True, capture_output=True)
    (work / "mnt").mkdir()
    assert trees.of_raw(out / "i.raw", work / "mnt") == \
        trees.of_layers(layer_dirs(any_engine, rich), work / "mnt")
    nothing_is_left(any_engine, out, "i.raw")


@pytest.mark.parametrize("compression", [None, "zstd", "gzip", "none"])
def test_a_template_has_the_tree_of_the_layers(any_engine, rich, work, out, compression):
    flags = ["--compression", compression] if compression else []
    any_engine("image", "convert", "--format", "ct-template", *flags, rich, out / "t.tar").ok()
    magic = (out / "t.tar").read_bytes()[:4]
    assert magic == {"gzip": b"\x1f\x8b\x08\x00", "none": b"./\0\0"}.get(compression, b"\x28\xb5\x2f\xfd")
    (work / "mnt").mkdir()
    assert trees.of_template(out / "t.tar", work / "tar") == \
        trees.of_layers(layer_dirs(any_engine, rich), work / "mnt")
    names = subprocess.run(["tar", "-tf", out / "t.tar"], check=True, capture_output=True).stdout.splitlines()
    assert names[0] == b"./" and all(name.startswith(b"./") for name in names)
    any_engine("image", "convert", "--format", "ct-template", *flags, rich, out / "again.tar").ok()
    assert (out / "again.tar").read_bytes() == (out / "t.tar").read_bytes()
    nothing_is_left(any_engine, out, "again.tar", "t.tar")


def test_what_proxmox_leaves_out_by_name_is_left_out(any_engine, rich, work, out):
    any_engine("image", "convert", "--format", "ct-template", rich, out / "t.tar.zst").ok()
    (work / "ct").mkdir()
    subprocess.run(["tar", "xpf", out / "t.tar.zst", "--anchored", "--exclude", "./dev/*", "-C", work / "ct"],
                   check=True, capture_output=True)
    assert os.listdir(work / "ct/dev") == [] and (work / "ct/etc/motd").read_bytes() == b"hello\n"


def test_a_hole_stays_a_hole(any_engine, work, out):
    size = 3 << 30
    source = work / "source"
    source.mkdir()
    with open(source / "sparse", "wb") as sparse:
        sparse.seek(1 << 30)
        sparse.write(b"in the middle")
        sparse.truncate(size)
    subprocess.run(["tar", "--sparse", "-cf", work / "s.tar", "-C", source, "."], check=True)
    any_engine("image", "convert", work / "s.tar", out / "s.raw", "--size", "64m").ok()
    any_engine("image", "convert", "--format", "ct-template", work / "s.tar", out / "s.tar.zst").ok()
    (work / "mnt").mkdir()
    script = 'mount -o ro,loop,noload "$0" "$1" && stat -c "%s %b" "$1/sparse" && grep -c middle "$1/sparse"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, out / "s.raw", work / "mnt"],
                          check=True, capture_output=True, text=True).stdout.split()
    assert int(done[0]) == size and int(done[1]) < 64
    assert os.stat(out / "s.tar.zst").st_size < 4096
    (work / "x").mkdir()
    subprocess.run(["tar", "xf", out / "s.tar.zst", "-C", work / "x"], check=True)
    status = os.stat(work / "x/sparse")
    assert status.st_size == size and status.st_blocks < 64


def pack_tree(work, compression):
    """An archive of a root file system as GNU tar writes it."""
    root = work / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    os.chown(root / "etc/hosts", 100000, 100001)
    os.link(root / "etc/hosts", root / "etc/hosts2")
    os.symlink("../../etc/passwd", root / "etc/passwd")
    os.mknod(root / "console", 0o20600, os.makedev(5, 1))
    os.setxattr(root / "etc", "user.of-tar", b"yes")
    archive = work / f"rootfs.tar.{compression}"
    flag = {"plain": [], "gz": ["--gzip"], "zst": ["--zstd"], "xz": ["--xz"]}[compression]
    subprocess.run(["tar", "--xattrs", *flag, "-cf", archive, "-C", root, "."], check=True)
    return root, archive


@pytest.mark.parametrize("form", ["file", "tarball:"])
@pytest.mark.parametrize("compression", ["plain", "gz", "zst", "xz"])
def test_an_archive_of_a_root_file_system_is_an_image(any_engine, work, out, compression, form):
    root, archive = pack_tree(work, compression)
    source = archive if form == "file" else f"tarball:{archive}"
    any_engine("image", "convert", "--format", "ct-template", source, out / "t.tar").ok()
    expected, found = trees.describe(root), trees.of_template(out / "t.tar", work / "x")
    assert found == trees.readable(expected)
    # It has no name, and goes with the next collection.
    assert all(image["name"] == image["digest"] for image in
               any_engine("image", "list", "--format", "json").ok().json())
    any_engine("image", "gc", "--force").ok()
    assert any_engine("image", "list", "--quiet").ok().lines == []
    assert any_engine("layer", "list", "--format", "json").ok().json() == []


def test_an_archive_can_be_imported_under_a_name_and_run(any_engine, work, busybox):
    root = work / "root"
    (root / "bin").mkdir(parents=True)
    subprocess.run(["cp", busybox, root / "bin/sh"], check=True)
    subprocess.run(["tar", "-czf", work / "r.tgz", "-C", root, "."], check=True)
    digest = any_engine("image", "import", f"tarball:{work / 'r.tgz'}", "mine:1").ok().out.strip()
    assert any_engine("image", "import", f"tarball:{work / 'r.tgz'}", "mine:2").ok().out.strip() == digest
    assert any_engine("run", "--rm", "--image", "mine:1", any_engine.id(), "/bin/sh", "-c", "echo in it").ok().out == "in it\n"
    any_engine("image", "copy", "mine:1", f"tarball:{work / 'o.tar'}").fails("UnsupportedOperation", "ct-template")


def truncated(data):
    return data[:len(data) * 2 // 3]


PLAIN = b"".join([directory("etc"), file("etc/passwd", os.urandom(100000))]) + ocibuild.EMPTY
HOSTILE = {
    "parent": (file("../escape", b"x") + ocibuild.EMPTY, "ExtractFailed"),
    "parent inside": (file("a/../../escape", b"x") + ocibuild.EMPTY, "ExtractFailed"),
    "link to parent": (hardlink("l", "../../../../etc/passwd") + ocibuild.EMPTY, "ExtractFailed"),
    "link to nothing": (hardlink("l", "nothing") + ocibuild.EMPTY, "ExtractFailed"),
    "root is a symlink": (symlink(".", "/etc") + ocibuild.EMPTY, "ExtractFailed"),
    "truncated": (truncated(PLAIN), "ExtractFailed"),
    "truncated gzip": (truncated(gzip.compress(PLAIN)), "ExtractFailed"),
    "truncated zstd": (truncated(ocibuild.zstd_stored(PLAIN)), "ExtractFailed"),
    "truncated xz": (truncated(lzma.compress(PLAIN)), "ExtractFailed"),
    "damaged xz": (lzma.compress(PLAIN)[:-40] + bytes(40), "ExtractFailed"),
    "bytes behind xz": (lzma.compress(PLAIN) + b"more", "ExtractFailed"),
    "xz with a large dictionary": (lzma.compress(PLAIN, preset=9), "LimitExceeded"),
    "bomb of gzip": (ocibuild.zeros_in_gzip(1 << 30), "LimitExceeded"),
    "bomb of xz": (lzma.compress(ocibuild.entry("z", b"0", size=1 << 28) + bytes(1 << 28), preset=0), "LimitExceeded"),
    "many entries": (ocibuild.many_entries(1 << 21), "LimitExceeded"),
    "page": (b"<!DOCTYPE html><html><body>" + b"not found " * 100, "InvalidFormat"),
    "short page": (b"Not found\n", "InvalidFormat"),
    "zip": (b"PK\x03\x04" + bytes(1000), "InvalidFormat"),
    "squashfs": (b"hsqs" + os.urandom(2000), "InvalidFormat"),
    "bzip2": (b"BZh91AY&SY" + os.urandom(2000), "InvalidFormat"),
    "zeros": (bytes(1 << 20), "InvalidFormat"),
    "empty": (b"", "InvalidFormat"),
    "page in gzip": (gzip.compress(b"<html>" * 1000), "InvalidFormat"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused(any_engine, work, out, case):
    data, error = HOSTILE[case]
    (work / "h.tar").write_bytes(data)
    before = sorted(os.listdir(work))
    began = time.monotonic()
    any_engine("image", "convert", "--format", "ct-template", work / "h.tar", out / "t.tar").fails(error)
    assert is_soon(began, 20)
    assert sorted(os.listdir(work)) == before and not (work / "escape").exists()
    assert any_engine("image", "list", "--quiet").ok().lines == []
    nothing_is_left(any_engine, out)


def test_names_that_lead_out_stay_in_the_root(any_engine, work, out):
    outside = work / "outside"
    outside.mkdir()
    (work / "a.tar").write_bytes(b"".join([
        file("/absolute", b"a"), symlink("out", str(outside)), file("out/through", b"t"),
        symlink("up", "../../../.."), file("up/there", b"u")]) + ocibuild.EMPTY)
    result = any_engine("image", "convert", "--format", "ct-template", work / "a.tar", out / "t.tar")
    if result.code == 0:
        names = subprocess.run(["tar", "-tf", out / "t.tar"], check=True, capture_output=True, text=True).stdout
        assert "./absolute\n" in names and "./there\n" in names
    else:
        result.fails("ExtractFailed")
    assert os.listdir(outside) == []


@pytest.mark.parametrize("what", ["file", "empty file", "directory", "symlink", "dangling symlink", "fifo"])
@pytest.mark.parametrize("form", ["raw", "ct-template"])
def test_what_is_at_the_target_stays(any_engine, rich, work, out, what, form):
    target = out / "t"
    if what == "file":
        target.write_bytes(b"precious")
    elif what == "empty file":
        target.touch()
    elif what == "directory":
        target.mkdir()
    elif what == "symlink":
        (work / "precious").write_bytes(b"precious")
        target.symlink_to(work / "precious")
    elif what == "dangling symlink":
        target.symlink_to(work / "nothing")
    else:
        os.mkfifo(target)
    before = os.lstat(target)
    any_engine("image", "convert", "--format", form, rich, target).fails("InvalidArgument", "is there already")
    after = os.lstat(target)
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)
    assert not (work / "nothing").exists()
    if what == "symlink":
        assert (work / "precious").read_bytes() == b"precious"
    nothing_is_left(any_engine, out, "t")


@pytest.mark.parametrize("words, error, said", [
    (["--size", "1m"], "InvalidSize", "8388608"),
    (["--size", "9000001"], "InvalidSize", "512"),
    (["--size", "17t"], "InvalidSize", ""),
    (["--size", "16m"], "ConversionFailed", "fit"),
    (["--size", "41m"], "ConversionFailed", ""),
    (["--fs", "xfs"], "UnsupportedOperation", "ext4"),
    (["--format", "qcow2"], "InvalidFormat", "raw"),
    (["--compression", "zstd"], "InvalidArgument", "raw"),
    (["--format", "ct-template", "--compression", "xz"], "InvalidArgument", "gzip"),
    (["--format", "ct-template", "--size", "1g"], "InvalidArgument", "size"),
    (["--format", "ct-template", "--fs", "ext4"], "InvalidArgument", "file system"),
    (["--format", "zfs", "--fs", "ext4"], "InvalidArgument", "file system"),
    (["--format", "zfs", "--compression", "lz4"], "InvalidArgument", "zstd"),
])
def test_what_cannot_be_is_told(any_engine, work, out, words, error, said):
    Image([Layer([file("large", os.urandom(40 << 20))])]).write_layout(work / "large")
    any_engine("image", "import", f"oci:{work / 'large'}:latest", "large:1").ok()
    any_engine("image", "convert", *words, "large:1", out / "t").fails(error, said)
    nothing_is_left(any_engine, out)


@pytest.mark.parametrize("source, error", [
    ("nothing:1", "DownloadFailed"), ("sha256:" + "0" * 64, "ImageNotFound"), ("./nothing.tar", "ImageNotFound"),
    ("oci:nothing", "ImageNotFound"), ("NOT A NAME", "InvalidReference"), ("/dev/null", "InvalidFormat"), ("/", "InvalidFormat"),
])
def test_a_source_that_is_not_there_is_told(make_engine, work, out, source, error):
    config = work / "config.json"
    config.write_text(json.dumps({"registries": {"unqualified": ["127.0.0.1:1"], "insecure": ["127.0.0.1:1"],
                                                 "retries": 0}}))
    engine = make_engine("crun", config=config)
    engine("image", "convert", source, out / "t").fails(error)
    nothing_is_left(engine, out)


def test_no_dataset_is_made_where_there_is_no_zfs(any_engine, rich, work, out):
    # A host may have it: then its device is not seen.
    script = ('mkdir "$0" && mount -t tmpfs dev "$0" && touch "$0/null" && mount --bind /dev/null "$0/null" && '
              'mount --move "$0" /dev && exec "$@"')
    for number, words in enumerate((["convert", "--format", "zfs", rich, "tank/images/rich"],
                                    ["prepare", "--format", "zfs", rich],
                                    ["prepare", "--format", "zfs", "--dataset", "tank", rich])):
        argv = [str(word) for word in any_engine.argv("image", *words)]
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                               work / f"dev{number}", *argv],
                              capture_output=True, text=True, check=False, env=any_engine.environment())
        assert done.returncode == 1 and done.stderr.endswith("[ZFSError]\n") and "/dev/zfs" in done.stderr, done
    nothing_is_left(any_engine, out)


def test_a_target_in_no_directory_is_told(any_engine, rich, out):
    any_engine("image", "convert", rich, out / "no/such/t.raw").fails("StorageError", "No such file")
    any_engine("image", "convert", rich, f"{out}/").fails("InvalidArgument", "no name")


@pytest.fixture
def small_disk(work):
    """A directory that holds 12 MiB."""
    with memory_disk(work / "small", "size=12m") as path:
        yield path


@pytest.mark.parametrize("form", ["raw", "ct-template"])
def test_a_disk_that_is_full_is_told_and_nothing_stays(any_engine, work, small_disk, form):
    Image([Layer([file("large", os.urandom(40 << 20))])]).write_layout(work / "large")
    any_engine("image", "import", f"oci:{work / 'large'}:latest", "large:1").ok()
    any_engine("image", "convert", "--format", form, "large:1", small_disk / "t").fails("StorageError", "No space left")
    nothing_is_left(any_engine, small_disk)
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize >= 11 << 20


@pytest.mark.parametrize("form", ["raw", "ct-template"])
def test_a_kill_at_any_moment_leaves_nothing(any_engine, work, out, form):
    Image([Layer([file(f"f{number}", os.urandom(1 << 20)) for number in range(60)])]).write_layout(work / "large")
    any_engine("image", "import", f"oci:{work / 'large'}:latest", "large:1").ok()
    killed = 0
    for number in range(12):
        child = any_engine.open("image", "convert", "--format", form, "large:1", out / "t")
        time.sleep(0.02 * number)
        child.send_signal(signal.SIGKILL)
        any_engine.finish(child)
        if (out / "t").exists():
            # The name is the last thing that it gets.
            os.unlink(out / "t")
        else:
            killed += 1
        assert os.listdir(out) == []
    assert killed > 2
    # The worker goes with the command, and with it mount and loop device. One that is killed writes out first
    # what it has mounted.
    await_that(lambda: not loops_of(out) and not any(str(any_engine.data).encode() in read(f"/proc/{pid}/cmdline")
                                                     for pid in os.listdir("/proc") if pid.isdigit()), "the worker is gone")
    any_engine("image", "gc", "--force").ok()
    nothing_is_left(any_engine, out)
    any_engine("image", "convert", "--format", form, "large:1", out / "t").ok()


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def test_an_image_that_is_being_converted_stays(any_engine, work, out):
    Image([Layer([file(f"f{number}", os.urandom(1 << 20)) for number in range(100)])]).write_layout(work / "large")
    any_engine("image", "import", f"oci:{work / 'large'}:latest", "large:1").ok()
    child = any_engine.open("image", "convert", "--format", "ct-template", "--compression", "gzip", "large:1", out / "t")
    await_that(lambda: list((any_engine.data / "prepared").glob("*")), "it is being converted")
    any_engine("image", "remove", "large:1").fails("ImageInUse", "converted")
    any_engine("image", "gc", "--force", "--all").ok()
    any_engine.finish(child).ok()
    assert any_engine("image", "list", "--quiet").ok().lines == ["docker.io/library/large:1"]
    any_engine("image", "remove", "large:1").ok()


def test_without_a_loop_device_nothing_is_mounted(any_engine, rich, work, out):
    script = 'mount --bind /dev/null /dev/loop-control && exec "$@"'
    argv = [str(word) for word in any_engine.argv("image", "convert", rich, out / "t.raw")]
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *argv],
                          capture_output=True, text=True, check=False, env=any_engine.environment())
    assert done.returncode == 1 and done.stderr.endswith("[MountFailed]\n") and "loop" in done.stderr, done
    nothing_is_left(any_engine, out)


def test_without_mke2fs_it_is_told(any_engine, rich, work, out):
    script = 'mount --bind /dev/null "$(readlink -f /sbin/mke2fs)" && exec "$@"'
    argv = [str(word) for word in any_engine.argv("image", "convert", rich, out / "t.raw")]
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *argv],
                          capture_output=True, text=True, check=False, env=any_engine.environment())
    assert done.returncode == 1 and done.stderr.endswith("[ConversionFailed]\n") and "e2fsprogs" in done.stderr, done
    nothing_is_left(any_engine, out)
