"""The worker takes images in as other tools do, and turns down what would do harm."""

import gzip
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tarfile
import time

import pytest

import ocibuild
from engine import is_soon
from ocibuild import (Image, Layer, device, digest, directory, entry, fifo, file, hardlink, opaque,
                      symlink, whiteout)

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKER = pathlib.Path(os.environ.get("LXCRI_BUILD", ROOT / "build")) / "lxcri-worker"


# The memory of a process that was forked counts as its own: only a small parent can measure.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], {})
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def worker(*words):
    """Runs the worker and returns its answer, with what it used of memory in KiB."""
    done = subprocess.run(["/usr/bin/python3", "-SEc", MEASURE, WORKER, *map(str, words)],
                          capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    assert (done.returncode != 0) == ("code" in answer)
    answer["rss"] = int(done.stderr)
    return answer


def inventory(path):
    """Every path below `path` with all that can be told of it, symlinks not followed."""
    found = {}
    for name in sorted(path.rglob("*")):
        status = name.lstat()
        content = name.read_bytes() if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20 else None
        found[str(name.relative_to(path))] = (status.st_mode, status.st_uid, status.st_gid,
                                              status.st_mtime_ns, status.st_nlink, content)
    return found


def names(path):
    return sorted(str(name.relative_to(path)) for name in path.rglob("*") if not name.is_symlink())


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def sentinel(tmp_path):
    """What stands beside the store and must not change."""
    outside = tmp_path / "outside"
    (outside / "dir").mkdir(parents=True)
    (outside / "file").write_text("untouched")
    (outside / "dir" / "file").write_text("untouched")
    before = inventory(outside)
    yield outside
    assert inventory(outside) == before


def take(data, tmp_path, image, tag="latest"):
    layout = image.write_layout(tmp_path / "layout", tag)
    return worker("import", data, f"oci:{layout}")


def trees(data):
    """The unpacked layers, in no order."""
    return [layer / "fs" for layer in (data / "layers").iterdir()]


def tree(data, tmp_path, *entries, **fields):
    """Unpacks one layer and returns its tree."""
    answer = take(data, tmp_path, Image([Layer(entries, **fields)]))
    assert "code" not in answer, answer
    return trees(data)[0]


def assert_nothing_left(data):
    """The store is as if nobody had asked for anything."""
    assert not list((data / "layers").iterdir())
    assert not list((data / "images/blobs/sha256").iterdir())
    assert not (data / "images/index.json").exists()


# What is taken in.

def full_layer():
    """Everything that a layer may hold, each kind once."""
    return [
        directory(".", mode=0o755), directory("etc", mode=0o751, mtime=1_500_000_001),
        file("etc/passwd", b"root:x:0:0::/:/bin/sh\n", mode=0o640, uid=7, gid=8),
        directory("bin"), file("bin/su", b"#!/bin/true\n", mode=0o4755),
        file("bin/wall", b"x", mode=0o2755, gid=5), hardlink("bin/wall2", "bin/wall"),
        symlink("bin/sh", "/bin/busybox", uid=3, gid=4), symlink("dangling", "../../nowhere"),
        directory("tmp", mode=0o1777), fifo("run", mode=0o600),
        device("null", 1, 3, mode=0o666), device("disk", 8, 1, block=True, mode=0o660, gid=6),
        file("empty"), file("big", bytes(range(256)) * 5000), file("new\nline", b"1"),
        file("ümlaut", b"2"), file("nfd-e\u0301", b"3"),
        file("latin-\udce9", b"4", format=tarfile.GNU_FORMAT),
        file("long/" + "/".join(["n" * 100] * 5), b"5"),
        file("gnu/" + "/".join(["g" * 100] * 5), b"6", format=tarfile.GNU_FORMAT),
        symlink("long-link", "t/" * 150), file("precise", b"7", mtime=1_600_000_000.125),
        file("attributed", b"8", xattrs={"user.colour": "green"}),
        directory("implied/only/here"), file("huge-ids", b"9", uid=3_000_000, gid=4_000_000_000),
    ]


def comparable(path):
    found = inventory(path)
    for name, (mode, uid, gid, mtime, links, content) in list(found.items()):
        described = name not in ("implied", "implied/only") and not name.startswith(("long", "gnu"))
        is_link = stat.S_ISLNK(mode)
        found[name] = (mode, uid, gid, mtime if described else None, links, content,
                       os.readlink(path / name) if is_link else None,
                       (path / name).lstat().st_rdev, {} if is_link else attributes(path / name))
    return found


def attributes(path):
    if not (path.is_file() or path.is_dir()):
        return {}
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


@pytest.mark.parametrize("compression", ["gzip", "zstd", None])
def test_a_layer_unpacks_to_what_gnu_tar_makes_of_it(data, tmp_path, compression):
    found = tree(data, tmp_path, *full_layer(), compression=compression)
    reference = tmp_path / "reference"
    reference.mkdir()
    subprocess.run(["tar", "--extract", "--numeric-owner", "--same-permissions", "--xattrs",
                    "--xattrs-include=*", "-C", reference],
                   input=Layer(full_layer()).content, check=True)
    assert comparable(found) == comparable(reference)
    assert stat.S_IMODE(found.stat().st_mode) == 0o755


def test_a_layer_unpacks_to_what_umoci_makes_of_it(data, tmp_path):
    entries = [directory("etc", mode=0o751, mtime=1_500_000_001), file("etc/x", b"1", mode=0o640, uid=7, gid=8),
               file("su", b"2", mode=0o4755), hardlink("su2", "su"), symlink("l", "/etc", uid=3, gid=4),
               directory("tmp", mode=0o1777), fifo("run", mode=0o600), device("null", 1, 3, mode=0o666),
               device("disk", 8, 1, block=True, mode=0o660, gid=6), file("empty"), file("big", bytes(range(256)) * 9000),
               file("ids", b"3", uid=3_000_000, gid=4_000_000_000), file("precise", b"4", mtime=1_600_000_000.125),
               file("attributed", b"5", xattrs={"user.colour": "green"})]
    layout = Image([Layer(entries)]).write_layout(tmp_path / "layout")
    assert "code" not in worker("import", data, f"oci:{layout}")
    subprocess.run(["umoci", "unpack", "--image", f"{layout}:latest", tmp_path / "umoci"], check=True,
                   capture_output=True)
    assert comparable(trees(data)[0]) == comparable(tmp_path / "umoci" / "rootfs")


def test_layers_merge_to_what_umoci_makes_of_them(data, tmp_path):
    layers = [
        Layer([directory("a", mode=0o711), file("a/old", b"1"), file("a/kept", b"2"), directory("b"),
               file("b/x", b"3"), directory("c/d"), file("c/d/e", b"4"), symlink("s", "a"), file("f", b"5")]),
        Layer([whiteout("a/old"), file("a/new", b"6"), opaque("b"), file("b/y", b"7"), whiteout("c/d"),
               file("s", b"8"), directory("f"), file("f/inside", b"9")]),
    ]
    layout = Image(layers).write_layout(tmp_path / "layout")
    answer = worker("import", data, f"oci:{layout}")
    assert "code" not in answer, answer
    subprocess.run(["umoci", "unpack", "--image", f"{layout}:latest", tmp_path / "umoci"], check=True,
                   capture_output=True)
    chain = ocibuild.digest(f"{layers[0].diff_id} {layers[1].diff_id}".encode())
    lower = data / "layers" / layers[0].diff_id.removeprefix("sha256:") / "fs"
    upper = data / "layers" / chain.removeprefix("sha256:") / "fs"
    merged = tmp_path / "merged"
    merged.mkdir()
    script = f'mount -t overlay overlay -o "lowerdir={upper}:{lower}" {merged} && tar -C {merged} -c .'
    packed = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                            check=True, capture_output=True).stdout
    (tmp_path / "copy").mkdir()
    subprocess.run(["tar", "-x", "-C", tmp_path / "copy"], input=packed, check=True)

    def shape(path):
        return {name: (mode, content) for name, (mode, _, _, _, _, content) in inventory(path).items()}
    assert shape(tmp_path / "copy") == shape(tmp_path / "umoci" / "rootfs")


def test_whiteouts_become_what_overlayfs_knows(data, tmp_path):
    found = tree(data, tmp_path, whiteout("etc/gone"), opaque("var"), file("var/new", b"x"),
                 whiteout("swap"), directory("swap"), file("swap/in", b"y"), file("mine", b"z"),
                 whiteout("mine"), file(".wh..wh.plnk/12"), file(".wh..wh.aufs"))
    gone = (found / "etc/gone").lstat()
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0
    assert os.getxattr(found / "var", "trusted.overlay.opaque") == b"y"
    assert os.getxattr(found / "swap", "trusted.overlay.opaque") == b"y"
    assert (found / "mine").read_bytes() == b"z"
    assert sorted(os.listdir(found)) == ["etc", "mine", "swap", "var"]


def test_a_later_entry_replaces_an_earlier_one(data, tmp_path):
    found = tree(data, tmp_path, file("a", b"1"), directory("a"), file("a/b", b"2"), directory("c/d"),
                 file("c/d/e"), file("c", b"3"), symlink("l", "a"), directory("l"), file("l/x", b"4"),
                 file("twice", b"5"), file("twice", b"6"), file("h", b"7"), hardlink("h", "h"),
                 directory("meta", mode=0o700), directory("meta", mode=0o711))
    assert (found / "a/b").read_bytes() == b"2"
    assert (found / "c").read_bytes() == b"3"
    assert not (found / "l").is_symlink() and (found / "l/x").read_bytes() == b"4"
    assert (found / "twice").read_bytes() == b"6"
    assert (found / "h").read_bytes() == b"7"
    assert stat.S_IMODE((found / "meta").stat().st_mode) == 0o711


def test_a_directory_that_no_entry_describes_is_as_in_the_layer_below(data, tmp_path):
    layers = [Layer([directory("srv", mode=0o750, uid=5, gid=6), file("srv/a", b"1")]),
              Layer([file("srv/b", b"2")])]
    answer = take(data, tmp_path, Image(layers))
    assert "code" not in answer, answer
    for found in trees(data):
        status = (found / "srv").stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o750, 5, 6)
        assert status.st_mtime == ocibuild.MTIME


def test_a_symlink_inside_the_layer_is_followed_inside_the_layer(data, tmp_path, sentinel):
    found = tree(data, tmp_path, directory("usr/lib"), symlink("lib", "/usr/lib"), file("lib/a", b"1"),
                 symlink("deep", "../../../../usr"), file("deep/b", b"2"))
    assert (found / "usr/lib/a").read_bytes() == b"1"
    assert (found / "usr/b").read_bytes() == b"2"


def test_an_absolute_name_is_one_below_the_root(data, tmp_path):
    found = tree(data, tmp_path, file("/ko-app/run", b"1"), hardlink("/ko-app/again", "/ko-app/run"))
    assert (found / "ko-app/again").read_bytes() == b"1"


def test_the_same_root_entry_may_come_twice(data, tmp_path):
    found = tree(data, tmp_path, directory("."), directory("./", mode=0o711), directory("/", mode=0o750))
    assert stat.S_IMODE(found.stat().st_mode) == 0o750


def test_sparse_files_keep_their_holes(data, tmp_path):
    source = tmp_path / "sparse"
    source.mkdir()
    with open(source / "file", "wb") as out:
        out.write(b"head")
        out.seek(64 << 20)
        out.write(b"tail")
        out.truncate(65 << 20)
    content = subprocess.run(["tar", "--create", "--sparse", "-C", source, "file"], check=True,
                             capture_output=True).stdout
    found = tree(data, tmp_path, content=content)
    assert (found / "file").read_bytes() == (source / "file").read_bytes()
    assert (found / "file").stat().st_blocks * 512 < 1 << 20


def test_gzip_members_and_zstd_frames_are_read_one_after_the_other(data, tmp_path):
    content = Layer([file("a", os.urandom(300_000)), file("b", b"2")]).content
    for number, cut in enumerate((1, 512, 131_072, 131_073, len(content) - 1)):
        for kind, pack in (("gzip", lambda part: gzip.compress(part, mtime=0)),
                           ("zstd", ocibuild.zstd_stored)):
            blob = pack(content[:cut]) + pack(b"") + pack(content[cut:])
            store = data / f"{number}{kind}"
            layout = Image([Layer(content=content, blob=blob, compression=kind)]).write_layout(store / "in")
            answer = worker("import", store, f"oci:{layout}")
            assert "code" not in answer, answer


def test_the_name_comes_from_the_source(data, tmp_path):
    for tag, name in (("latest", "docker.io/library/layout:latest"), ("v1.2", "docker.io/library/layout:v1.2"),
                      ("other/name", "docker.io/other/name:latest"),
                      ("quay.io/a/b:v1", "quay.io/a/b:v1"), ("Not A Name", None)):
        answer = take(data, tmp_path, Image([Layer([file(tag.replace("/", "-"))])]), tag)
        assert answer["name"] == (name or answer["digest"])


def test_archives_are_the_layout_they_hold(data, tmp_path):
    image = Image([Layer([file("a", b"1")]), Layer([file("b", b"2")], compression=None)])
    plain = image.write_archive(tmp_path / "image.tar")
    packed = tmp_path / "image.tar.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert worker("import", data, f"oci-archive:{packed}")["name"] == "docker.io/library/image:latest"
    for source in (f"oci-archive:{plain}", f"oci-archive:{plain}:latest", f"oci-archive:{packed}"):
        assert worker("import", data, source)["digest"] == digest(image.manifest_blob)
    assert worker("import", data, f"oci-archive:{plain}", "my/name:v2")["name"] == "docker.io/my/name:v2"


def test_a_docker_archive_gives_the_same_manifest_every_time(data, tmp_path):
    image = Image([Layer([file("a", b"1")]), Layer([file("b", b"2")])])
    one = image.write_docker_archive(tmp_path / "docker.tar", "busybox:1", "other/name:2")
    answers = [worker("import", tmp_path / "store", f"docker-archive:{one}{suffix}")
               for suffix in ("", ":other/name:2", ":@0")]
    answers.append(worker("import", data, f"docker-archive:{one}"))
    assert [answer["name"] for answer in answers] == [
        "docker.io/library/busybox:1", "docker.io/other/name:2", "docker.io/library/busybox:1",
        "docker.io/library/busybox:1"]
    assert len({answer["digest"] for answer in answers}) == 1
    manifest = json.loads((data / "images/blobs/sha256" / answers[0]["digest"][7:]).read_bytes())
    assert [layer["digest"] for layer in manifest["layers"]] == [layer.diff_id for layer in image.layers]


def test_a_docker_archive_may_name_a_layer_by_a_symlink(data, tmp_path):
    image = Image([Layer([file("a", b"1")]), Layer([file("b", b"2")])])
    files = image.docker_files("a:1")
    first, second = [layer.diff_id[7:] + "/layer.tar" for layer in image.layers]
    listing = json.loads(files["manifest.json"])
    listing[0]["Layers"] = [first, "x/layer.tar"]
    files["manifest.json"] = ocibuild.dump(listing)
    archive = ocibuild.write_tar(tmp_path / "docker.tar", files, [symlink("x/layer.tar", "../" + second)])
    assert "code" not in worker("import", data, f"docker-archive:{archive}")


def test_the_image_of_this_host_is_chosen_from_nested_indexes(data, tmp_path):
    mine, other = Image([Layer([file("mine")])]), Image([Layer([file("other")])], architecture="s390x")
    files = {**other.files(), **mine.files()}
    platforms = [{**image.descriptor(), "platform": {"os": "linux", "architecture": image.config["architecture"]}}
                 for image in (other, mine)]
    inner = ocibuild.index(*platforms)
    outer = ocibuild.index(ocibuild.index_descriptor(inner))
    files[ocibuild.blob_name(inner)], files[ocibuild.blob_name(outer)] = inner, outer
    files["index.json"] = ocibuild.index(ocibuild.index_descriptor(outer))
    layout = ocibuild.write_tree(tmp_path / "layout", files)
    assert worker("import", data, f"oci:{layout}")["digest"] == digest(mine.manifest_blob)

    deeper = ocibuild.index(ocibuild.index_descriptor(outer))
    files[ocibuild.blob_name(deeper)] = deeper
    files["index.json"] = ocibuild.index(ocibuild.index_descriptor(deeper))
    layout = ocibuild.write_tree(tmp_path / "maze", files)
    assert worker("import", data, f"oci:{layout}")["code"] == "LimitExceeded"


def test_skopeo_and_umoci_read_the_store(data, tmp_path):
    image = Image([Layer([file("a", b"1")]), Layer([file("b", b"2")])])
    worker("import", data, f"docker-archive:{image.write_docker_archive(tmp_path / 'd.tar', 'busybox:1')}")
    worker("import", data, f"oci:{image.write_layout(tmp_path / 'layout', 'quay.io/x/y:z')}")
    for name in ("docker.io/library/busybox:1", "quay.io/x/y:z"):
        copied = subprocess.run(["skopeo", "copy", "--quiet", f"oci:{data}/images:{name}",
                                 f"dir:{tmp_path / name.replace('/', '-')}"], capture_output=True, text=True)
        assert copied.returncode == 0, copied.stderr
    listed = subprocess.run(["umoci", "ls", "--layout", data / "images"], capture_output=True, text=True)
    assert set(listed.stdout.split()) == {"docker.io/library/busybox:1", "quay.io/x/y:z"}


def test_what_is_there_is_not_written_again(data, tmp_path):
    image = Image([Layer([file("a", b"1")]), Layer([file("b", b"2")])])
    first = take(data, tmp_path, image)
    before = {path: path.stat().st_ino for path in [*trees(data), *(data / "images/blobs/sha256").iterdir()]}
    assert take(data, tmp_path, image)["digest"] == first["digest"]
    shutil.rmtree(trees(data)[0].parent)
    assert worker("unpack", data, first["digest"])["digest"] == first["digest"]
    after = {path: path.stat().st_ino for path in [*trees(data), *(data / "images/blobs/sha256").iterdir()]}
    assert before.keys() == after.keys()
    assert sum(before[path] != after[path] for path in before) <= 1


def test_the_directories_are_closed_to_others(data, tmp_path):
    found = tree(data, tmp_path, file("a"))
    modes = {path: stat.S_IMODE((data / path).stat().st_mode) for path in (".", "layers", "images", ".lock")}
    assert modes == {".": 0o711, "layers": 0o700, "images": 0o700, ".lock": 0o600}
    assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(found.stat().st_mode) == 0o755


# What is turned down.

HOSTILE = {
    "dotdot": ([file("../evil")], "ExtractFailed", '"../evil" leads out'),
    "dotdot-inside": ([directory("a"), file("a/../../evil")], "ExtractFailed", "leads out"),
    "dotdot-at-the-end": ([directory("a/..")], "ExtractFailed", "leads out"),
    "dotdot-absolute": ([file("/../../outside/file", b"x")], "ExtractFailed", "leads out"),
    "absolute-symlink": ([symlink("l", "{outside}"), file("l/new", b"x")], "ExtractFailed", "symlink"),
    "relative-symlink": ([symlink("l", "../../../../outside"), file("l/file", b"x")], "ExtractFailed",
                         "symlink"),
    "symlink-to-dir-out": ([directory("a"), symlink("a/l", "../.."), file("a/l/../evil")], "ExtractFailed",
                           "leads out"),
    "symlink-loop": ([symlink("x", "y"), symlink("y", "x"), file("x/z")], "ExtractFailed",
                     "Too many levels"),
    "magic-link": ([symlink("p", "/proc/self/root"), file("p/evil")], "ExtractFailed", "symlink"),
    "hardlink-out": ([hardlink("h", "../../outside/file")], "ExtractFailed", "leads out"),
    "hardlink-absolute": ([hardlink("h", "{outside}/file")], "ExtractFailed", "find the target"),
    "hardlink-through-symlink": ([symlink("l", "{outside}"), hardlink("h", "l/file")], "ExtractFailed",
                                 "find the target"),
    "hardlink-to-nothing": ([hardlink("h", "missing")], "ExtractFailed", "find the target"),
    "hardlink-to-a-directory": ([directory("d"), hardlink("h", "d")], "ExtractFailed", "directory"),
    "hardlink-to-the-root": ([hardlink("h", ".")], "ExtractFailed", "hard link to the root"),
    "file-where-a-directory-must-be": ([file("f"), file("f/x")], "ExtractFailed", "Not a directory"),
    "device-where-a-directory-must-be": ([device("d", 1, 3), file("d/x")], "ExtractFailed", "Not a directory"),
    "root-is-a-symlink": ([symlink(".", "{outside}")], "ExtractFailed", "not a directory"),
    "root-is-a-file": ([file(".", b"")], "ExtractFailed", "not a directory"),
    "root-is-a-hardlink": ([file("a"), hardlink("/", "a")], "ExtractFailed", "not a directory"),
    "whiteout-of-dotdot": ([file("a/.wh...")], "ExtractFailed", "hides no name"),
    "whiteout-of-dot": ([file(".wh..")], "ExtractFailed", "hides no name"),
    "whiteout-of-nothing": ([file(".wh.")], "ExtractFailed", "hides no name"),
    "below-a-whiteout": ([file(".wh.a/b")], "ExtractFailed", "below a whiteout"),
    "overlay-redirect": ([directory("d", xattrs={"trusted.overlay.redirect": "/etc"})], "ExtractFailed",
                         "trusted.overlay.redirect"),
    "overlay-metacopy": ([file("f", xattrs={"trusted.overlay.metacopy": ""})], "ExtractFailed",
                         "trusted.overlay.metacopy"),
    "long-component": ([file("n" * 256)], "ExtractFailed", "longer than 255"),
    "long-path": ([file("/".join(["n" * 200] * 25))], "LimitExceeded", "longer than 4095"),
    "deep-path": ([file("/".join(["d"] * 300))], "LimitExceeded", "deeper than 256"),
    "negative-owner": ([file("f", uid=0xFFFFFFFF)], "ExtractFailed", "owner"),
    "no-archive": (b"no tar archive" * 100, "ExtractFailed", "Unrecognized archive format"),
    "cut-off-archive": (Layer([file("f", b"x" * 4096)]).content[:2048], "ExtractFailed", "runcated"),
    "too-much-pax": (entry("g", b"x", b"9999999999 path=" + b"a" * 4096), "ExtractFailed", ""),
    "sparse-beyond-reason": (entry("s", tarfile.REGTYPE, format=tarfile.PAX_FORMAT, pax_headers={
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "s", "GNU.sparse.map": "0,0",
        "GNU.sparse.numblocks": "1", "GNU.sparse.size": str(1 << 60)}) + ocibuild.EMPTY, "ExtractFailed",
        "sparse"),
}


def substitute(content, outside):
    """Puts the path of the sentinel in the place of {outside}, which no header's checksum minds."""
    if isinstance(content, bytes):
        return Layer(content=content)
    return Layer([patch(piece, outside) for piece in content])


def patch(header, outside):
    if b"{outside}" not in header:
        return header
    info = tarfile.TarInfo.frombuf(header[:512], "utf-8", "surrogateescape")
    info.linkname = info.linkname.replace("{outside}", str(outside))
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_layer_is_turned_down_and_leaves_nothing(data, tmp_path, sentinel, case):
    content, code, text = HOSTILE[case]
    image = Image([Layer([file("good", b"1")]), substitute(content, sentinel), Layer([file("too", b"2")])])
    answer = take(data, tmp_path, image)
    assert answer.get("code") == code, answer
    assert text in answer["text"] and "layer 2" in answer["text"]
    assert "\n" not in answer["text"]
    assert_nothing_left(data)
    assert names(tmp_path / "outside") == ["dir", "dir/file", "file"]


def broken(**what):
    """A layer whose descriptor says something else than its blob."""
    layer = Layer([file("a", b"1")])
    layer.descriptor.update(what)
    return layer


def truncated():
    layer = Layer([file("a", os.urandom(200_000))])
    return Layer(content=layer.content, blob=layer.blob[:100_000])


def test_a_damaged_blob_is_named_for_what_it_is(data, tmp_path):
    good = Layer([file("a", b"1")])
    flipped = bytearray(good.blob)
    flipped[-6] ^= 1
    cases = [
        (Layer(content=good.content, blob=good.blob + b"garbage"), "ExtractFailed", "bytes follow"),
        (Layer(content=good.content, blob=good.blob + b"\0" * 100), "ExtractFailed", "bytes follow"),
        (Layer(content=good.content, blob=ocibuild.zstd_stored(good.content) + b"x" * 20), "ExtractFailed",
         "bytes follow"),
        (Layer(content=good.content, blob=bytes(flipped)), "ExtractFailed", "checksum"),
        (truncated(), "ExtractFailed", "cut off"),
        (broken(size=len(good.blob) + 1), "IntegrityCheckFailed", "are announced"),
        (broken(size=1), "IntegrityCheckFailed", "are announced"),
        (broken(mediaType="application/x-evil"), "InvalidMediaType", "application/x-evil"),
        (broken(size=-1), "InvalidSize", "size"),
        (broken(digest="sha256:xyz"), "InvalidDigest", "digest"),
        (broken(digest="sha256:../../../../etc/passwd"), "InvalidDigest", "digest"),
    ]
    for number, (layer, code, text) in enumerate(cases):
        answer = take(data, tmp_path / str(number), Image([layer]))
        assert (answer.get("code"), text in answer["text"]) == (code, True), answer
        if (data / "layers").exists():
            assert_nothing_left(data)


@pytest.mark.parametrize("cut", [False, True])
def test_bytes_that_differ_from_their_digest_are_an_integrity_failure(data, tmp_path, cut):
    layer = Layer([file("a", os.urandom(300_000))])
    files = Image([layer]).files()
    name = "blobs/sha256/" + layer.descriptor["digest"][7:]
    files[name] = layer.blob[:1000] + bytes(len(layer.blob) - 1000) if cut else files[name][:-1] + b"x"
    layout = ocibuild.write_tree(tmp_path / "layout", files)
    answer = worker("import", data, f"oci:{layout}")
    assert answer.get("code") == "IntegrityCheckFailed", answer
    assert_nothing_left(data)


def test_a_diff_id_that_is_not_that_of_the_content_is_refused(data, tmp_path):
    image = Image([Layer([file("a", b"1")])])
    image.config["rootfs"]["diff_ids"] = [digest(b"other")]
    answer = take(data, tmp_path, image)
    assert answer.get("code") == "IntegrityCheckFailed" and digest(b"other") in answer["text"]
    image.config["rootfs"]["diff_ids"] = []
    answer = take(data, tmp_path / "fewer", image)
    assert answer.get("code") == "InvalidFormat" and "diff ids" in answer["text"]
    assert_nothing_left(data)


@pytest.mark.parametrize("which", ["manifest", "config"])
def test_a_document_that_differs_from_its_digest_is_refused(data, tmp_path, which):
    image = Image([Layer([file("a", b"1")])])
    files = image.files()
    blob = getattr(image, which + "_blob")
    files[ocibuild.blob_name(blob)] = blob.replace(b"amd64", b"amd46").replace(b'"size"', b'"siza"')
    answer = worker("import", data, f"oci:{ocibuild.write_tree(tmp_path / 'layout', files)}")
    assert answer.get("code") == "IntegrityCheckFailed", answer


def test_a_layout_must_be_whole(data, tmp_path):
    image = Image([Layer([file("a", b"1")])])
    for number, missing in enumerate(image.files()):
        files = image.files()
        del files[missing]
        answer = worker("import", data, f"oci:{ocibuild.write_tree(tmp_path / str(number), files)}")
        assert answer.get("code") == "InvalidFormat", (missing, answer)
        assert missing in answer["text"]


def test_a_blob_that_is_a_symlink_or_a_fifo_is_refused(data, tmp_path, sentinel):
    image = Image([Layer([file("a", b"1")])])
    for number, name in enumerate(image.files()):
        layout = image.write_layout(tmp_path / str(number))
        os.rename(layout / name, layout / "moved")
        os.symlink(layout / "moved", layout / name)
        assert worker("import", data, f"oci:{layout}")["code"] == "InvalidFormat"
        os.unlink(layout / name)
        os.mkfifo(layout / name)
        assert worker("import", data, f"oci:{layout}")["code"] == "InvalidFormat"


def test_hostile_archives_are_refused(data, tmp_path, sentinel):
    image = Image([Layer([file("a", b"1")])])
    files = image.files()
    name = "blobs/sha256/" + image.layers[0].descriptor["digest"][7:]
    without = {key: value for key, value in files.items() if key != name}
    whole = ocibuild.write_tar(tmp_path / "whole.tar", files).read_bytes()
    cases = {
        "dotdot": (ocibuild.write_tar(tmp_path / "a.tar", files, [file("../evil")]).read_bytes(), "../evil"),
        "twice": (ocibuild.write_tar(tmp_path / "b.tar", files, [file("index.json", b"{}")]).read_bytes(),
                  "twice"),
        "symlink": (ocibuild.write_tar(tmp_path / "c.tar", without, [symlink(name, str(sentinel / "file"))])
                    .read_bytes(), "regular file"),
        "hardlink": (ocibuild.write_tar(tmp_path / "d.tar", without, [hardlink(name, "index.json")])
                     .read_bytes(), "regular file"),
        "truncated": (whole[:len(whole) - 1490], "cut off"),
        "cut in a header": (whole[:700], ""),
        "no archive": (b"x" * 5000, "Unrecognized"),
        "empty": (b"", ""),
        "cut gzip": (gzip.compress(whole)[:-20], "inflate"),
    }
    for case, (content, text) in cases.items():
        archive = tmp_path / "case.tar"
        archive.write_bytes(content)
        for kind in ("oci-archive", "docker-archive"):
            answer = worker("import", data, f"{kind}:{archive}")
            assert answer.get("code") == "InvalidFormat", (case, kind, answer)
            assert kind != "oci-archive" or text in answer["text"], (case, answer)
    assert_nothing_left(data)


def test_a_docker_config_is_checked_against_its_name(data, tmp_path):
    image = Image([Layer([file("a", b"1")])])
    files = image.docker_files("a:1")
    config = next(name for name in files if name.endswith(".json") and name != "manifest.json")
    files[config] = files[config].replace(b"linux", b"linuy")
    answer = worker("import", data, f"docker-archive:{ocibuild.write_tar(tmp_path / 'd.tar', files)}")
    assert answer.get("code") == "IntegrityCheckFailed"


@pytest.mark.parametrize("source, code", [
    ("oci:/nonexistent", "ImageNotFound"), ("oci-archive:/nonexistent", "ImageNotFound"),
    ("oci-archive:/dev/zero", "InvalidFormat"), ("oci:/dev/null", "InvalidFormat"),
    ("oci-archive:/", "InvalidFormat"), ("busybox", "InvalidArgument"), ("oci:", "InvalidArgument"),
    ("docker://busybox", "InvalidArgument")])
def test_a_source_must_be_there(data, source, code):
    answer = worker("import", data, source)
    assert answer.get("code") == code, answer
    assert source.partition(":")[2] in answer["text"]


def test_an_image_must_be_named_where_there_are_several(data, tmp_path):
    one, two = Image([Layer([file("1")])]), Image([Layer([file("2")])])
    files = {**one.files(), **two.files()}
    files["index.json"] = ocibuild.index(one.descriptor("one"), two.descriptor("two"))
    layout = ocibuild.write_tree(tmp_path / "layout", files)
    assert worker("import", data, f"oci:{layout}")["code"] == "InvalidArgument"
    assert worker("import", data, f"oci:{layout}:three")["code"] == "ImageNotFound"
    assert worker("import", data, f"oci:{layout}:two")["digest"] == digest(two.manifest_blob)
    assert worker("import", data, f"oci:{layout}:two", "Bad Name")["code"] == "InvalidReference"


def test_ten_gigabytes_of_zeros_in_ten_megabytes_are_noticed_early(data, tmp_path):
    blob = ocibuild.zeros_in_gzip(10 << 30)
    assert len(blob) < 11 << 20
    begin = time.monotonic()
    answer = take(data, tmp_path, Image([Layer(content=b"", blob=blob)]))
    assert answer.get("code") == "LimitExceeded" and "compressed size" in answer["text"]
    assert is_soon(begin, 5)
    assert answer["rss"] < 64 << 10
    assert_nothing_left(data)


def test_more_than_a_million_entries_are_refused(data, tmp_path):
    layer = Layer(content=b"", blob=ocibuild.many_entries(600_000))
    layer.diff_id = ocibuild.digest_of_content(layer.blob)  # nothing else is wrong with it
    answer = take(data, tmp_path, Image([layer] * 2))
    assert answer.get("code") == "LimitExceeded" and "1048576 entries" in answer["text"], answer
    assert_nothing_left(data)


def test_the_names_of_directories_have_a_budget_of_memory(data, tmp_path):
    prefix = "/".join(["p" * 250] * 15)
    answer = take(data, tmp_path, Image([Layer([directory(f"{prefix}/same")] * 7000)]))
    assert answer.get("code") == "LimitExceeded" and "names of directories" in answer["text"]
    assert answer["rss"] < 64 << 10
    assert_nothing_left(data)


def test_memory_stays_bounded_on_a_large_image(data, tmp_path):
    noise = os.urandom(3 << 20)
    layers = [Layer([file(f"{number}-{part}", noise) for part in range(4)], compression=kind)
              for number, kind in enumerate(["gzip", "zstd", None, "zstd"])]
    answer = take(data, tmp_path, Image(layers))
    assert "code" not in answer, answer
    assert answer["rss"] < 64 << 10


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path):
    image = Image([Layer([file("a", os.urandom(1 << 20)), file("zeros", bytes(30 << 20))])])
    layout = image.write_layout(tmp_path / "layout")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"""mount -t tmpfs -o size=24m tmpfs {disk} && {WORKER} import {disk}/data oci:{layout};
                 find {disk}/data -name '.tmp*' -o -path '*/sha256/*' -o -path '*/layers/*' >&2"""
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                          capture_output=True, text=True)
    answer = json.loads(done.stdout)
    assert (answer["code"], answer["errnum"]) == ("StorageError", 28), answer
    assert done.stderr == ""


def test_what_a_killed_worker_leaves_is_gone_after_the_next(data, tmp_path):
    slow = Image([Layer([file(f"{number}", os.urandom(500_000)) for number in range(60)])])
    layout = slow.write_layout(tmp_path / "slow")
    left = 0
    for _ in range(5):
        shutil.rmtree(data / "layers", ignore_errors=True)
        process = subprocess.Popen([WORKER, "import", data, f"oci:{layout}"], stdout=subprocess.PIPE)
        deadline = time.monotonic() + 10
        while not list(data.glob("layers/.tmp-*")) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        left += len(list(data.glob("layers/.tmp-*")))
    assert left
    answer = take(data, tmp_path, Image([Layer([file("small")])]))
    assert "code" not in answer, answer
    assert not [path for path in data.rglob("*") if path.name.startswith(".tmp-")]
    assert len(trees(data)) == 1 and len(list((data / "images/blobs/sha256").iterdir())) == 3


def test_many_workers_at_once_end_with_one_whole_store(data, tmp_path):
    images = [Image([Layer([file("shared", b"x" * 100_000)]), Layer([file(str(number))])])
              for number in range(4)]
    layouts = [image.write_layout(tmp_path / str(number), f"name{number}") for number, image in enumerate(images)]
    running = [subprocess.Popen([WORKER, "import", data, f"oci:{layout}"], stdout=subprocess.PIPE)
               for layout in layouts * 2]
    answers = [json.loads(process.communicate()[0]) for process in running]
    assert all("code" not in answer for answer in answers), answers
    index = json.loads((data / "images/index.json").read_bytes())
    assert len(index["manifests"]) == 4 and len(trees(data)) == 5


def test_the_worker_gives_its_rights_up(data, tmp_path):
    image = Image([Layer([file(f"{number}", os.urandom(500_000)) for number in range(60)])])
    layout = image.write_layout(tmp_path / "layout")
    process = subprocess.Popen([WORKER, "import", data, f"oci:{layout}"], stdout=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while not list(data.glob("layers/.tmp-*")) and process.poll() is None:
        time.sleep(0.001)
    fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    process.communicate()
    keep = {0, 1, 3, 4, 21, 27, 31}  # chown, dac_override, fowner, fsetid, sys_admin, mknod, setfcap
    assert {bit for bit in range(64) if int(fields["CapPrm"], 16) >> bit & 1} <= keep
    assert fields["NoNewPrivs"] == "1"
