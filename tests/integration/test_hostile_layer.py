# SPDX-License-Identifier: MIT
"""Layers that were made to do harm, by what they try: each is turned down with a code and words that tell
why, leaves nothing in the store, changes nothing beside it, takes little memory and comes to its end."""

import os
import struct
import tarfile
import time

import pytest

import ocibuild
from engine import is_soon
from ocibuild import Image, Layer, device, directory, entry, fifo, file, hardlink, opaque, symlink, whiteout
from test_worker import assert_nothing_left, data, sentinel, substitute, take, trees  # noqa: F401

CASES = {}


def case(name, content, code="ExtractFailed", text="", blob=None):
    assert name not in CASES
    CASES[name] = (content, code, text, blob)


# What is made, by its name.
KINDS = {
    "file": lambda name: file(name, b"x"), "symlink": lambda name: symlink(name, "{outside}"),
    "hardlink": lambda name: hardlink(name, "good"), "fifo": fifo, "device": lambda name: device(name, 1, 3),
    "directory": directory,
}

for number, name in enumerate((".", "/", "./", "//", "./.", "/.", ".//./")):
    for kind in ("file", "symlink", "hardlink", "fifo", "device"):
        # A plain file whose name ends in a slash is a directory to old tar, and has no name here.
        case(f"root-{number}-is-a-{kind}", [file("good"), KINDS[kind](name)],
             text="has no name" if kind == "file" and name.endswith("/") else "not a directory")

for number, name in enumerate(("..", "../x", "/..", "/../x", "a/..", "a/../../x", "./../x", "a/b/../../../x",
                               "../" * 20 + "tmp/x", "a/./../../x", "a//..//..//x")):
    for kind in ("file", "symlink", "hardlink", "directory"):
        case(f"dotdot-{number}-{kind}", [file("good"), KINDS[kind](name)], text="leads out")

for number, target in enumerate(("..", "../x", "/../../etc/passwd", "a/../../x", "./../good")):
    case(f"hardlink-leads-out-{number}", [file("good"), directory("a"), hardlink("h", target)], text="leads out")
for number, target in enumerate(("{outside}/file", "/proc/self/exe", "/etc/passwd", "missing/x", "good/x",
                                 "fs/good", "layer.json")):
    case(f"hardlink-to-what-is-not-there-{number}", [file("good"), hardlink("h", target)],
         text="find the target of a hard link")
for number, target in enumerate((".", "/", "./")):
    case(f"hardlink-to-the-root-{number}", [hardlink("h", target)], text="hard link to the root")

# What is done through a symlink that points elsewhere.
THROUGH = {
    "file": lambda: [file("l/x", b"x")], "directory": lambda: [directory("l/x")],
    "symlink": lambda: [symlink("l/x", "y")], "device": lambda: [device("l/x", 1, 3)], "fifo": lambda: [fifo("l/x")],
    "hardlink": lambda: [file("good"), hardlink("l/x", "good")], "whiteout": lambda: [whiteout("l/file")],
    "opaque": lambda: [opaque("l")],
}
for number, target in enumerate(("{outside}", "{outside}/dir", "/proc/self/root", "/proc/self/cwd", "/dev/fd/3",
                                 "../../../../../../tmp")):
    for kind, make in THROUGH.items():
        case(f"through-symlink-{number}-{kind}", [symlink("l", target), *make()], text="symlink")
for kind, make in THROUGH.items():
    case(f"through-a-loop-{kind}", [symlink("l", "m"), symlink("m", "l"), *make()], text="levels of symbolic links")
    case(f"through-a-file-{kind}", [file("l"), *make()], text="Not a directory")
    case(f"through-a-device-{kind}", [device("l", 1, 5), *make()], text="Not a directory")

for number, name in enumerate((".wh.", ".wh..", ".wh...", "a/.wh.", "a/.wh..", "a/.wh...")):
    case(f"whiteout-of-no-name-{number}", [file(name)], text="hides no name")
for number, name in enumerate((".wh.a/b", "x/.wh.a/b", ".wh.a/.wh.b")):
    case(f"below-a-whiteout-{number}", [file(name)], text="below a whiteout")

for name in ("opaque", "redirect", "metacopy", "origin", "impure", "upper", "nlink", "overlay.opaque", "whiteout"):
    for kind, make in (("file", file), ("directory", directory)):
        case(f"overlay-{name}-on-a-{kind}", [make("x", xattrs={f"trusted.overlay.{name}": "y"})],
             text="not for an image to set")
case("trusted-of-another-kind", [file("x", xattrs={"trusted.other": "y"})], text="not for an image to set")

for number, owner in enumerate(({"uid": 0xFFFFFFFF}, {"gid": 0xFFFFFFFF}, {"uid": 1 << 32}, {"gid": 1 << 40},
                                {"uid": -1}, {"gid": -2})):
    case(f"no-such-owner-{number}", [file("x", **owner)], text="owner")

case("deep-name", [file("d/" * 257 + "x")], "LimitExceeded", "deeper than 256")
case("deep-link-target", [hardlink("h", "d/" * 257 + "x")], "LimitExceeded", "deeper than 256")
case("ten-thousand-levels", [file("d/" * 10_000 + "x")], "LimitExceeded", "")
case("name-of-a-megabyte", [file("n" * 1_000_000)], text="Rejecting")
case("link-to-a-megabyte", [hardlink("h", "n" * 1_000_000)], text="Rejecting")
case("attribute-of-a-megabyte", [file("x", xattrs={"user.big": "v" * 1_040_000})], text="")
case("two-hundred-thousand-records", [file("x", xattrs={f"user.{n}": "" for n in range(40_000)})], text="")
case("long-component-of-a-link", [hardlink("h", "n" * 256)], text="longer than 255")
case("long-symlink", [symlink("l", "t/" * 3000)], text="symlink")


# Headers that are wrong in themselves.

def header(at, value, kind=tarfile.REGTYPE, checksum=True):
    """A header for "x" with other bytes at a place."""
    raw = bytearray(entry("x", kind, format=tarfile.GNU_FORMAT)[:512])
    raw[at:at + len(value)] = value
    if checksum:
        raw[148:156] = b" " * 8
        raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def base256(number, size=12):
    return (number | 1 << (8 * size - 1)).to_bytes(size, "big")


def broken(name, content, code="ExtractFailed", text=""):
    case(name, file("good", b"1") + content, code, text)


broken("checksum", header(0, b"y", checksum=False) + ocibuild.EMPTY)
broken("size-beyond-the-stream", header(124, b"77777777777\0") + b"x" * 512)
broken("size-of-eight-exabytes", header(124, base256((1 << 63) - 1)) + b"x" * 512)
broken("size-below-zero", header(124, b"\xff" * 12) + b"x" * 1024)
broken("long-name-without-end", entry("L", b"L", b"n" * 600, format=tarfile.GNU_FORMAT)[:700])
broken("long-name-of-a-terabyte", header(124, base256(1 << 40), b"L") + b"n" * 512)
broken("long-link-of-a-terabyte", header(124, base256(1 << 40), b"K") + b"n" * 512)
broken("pax-of-four-gigabytes", header(124, base256(4 << 30), b"x") + b"9 path=a\n" * 100)
broken("pax-cut-off", header(124, b"00000004000\0", b"x") + b"12 path=abc\n")
broken("cut-in-the-header", header(0, b"x")[:300])
broken("cut-in-the-content", header(124, b"00000010000\0") + b"x" * 1000)
for number, record in enumerate((b"0 path=x\n", b"x path=x\n", b"999999 path=x\n", b"-5 path=x\n", b"11 path:xyz\n",
                                 b"99999999999999999999 path=x\n", b"3 \n")):
    broken(f"pax-record-{number}", entry("p", b"x", record) + file("y", b"2") + b"\xff" * 512)
broken("garbage-behind-an-entry", b"\xff" * 1024)
broken("unknown-type-that-is-a-socket", header(156, b"\x01") + b"\xfe" * 512)


def sparse(headers, content=b""):
    return entry("s", tarfile.REGTYPE, content, format=tarfile.PAX_FORMAT, pax_headers=headers) + ocibuild.EMPTY


MAP = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s"}
broken("sparse-of-an-exabyte", sparse({**MAP, "GNU.sparse.realsize": str(1 << 60)}, b"1\n0\n0\n".ljust(512, b"\0")),
       "LimitExceeded", "unpacks to more than")
broken("sparse-map-of-no-number", sparse({**MAP, "GNU.sparse.realsize": "10"}, b"many\n".ljust(512, b"\0")))
broken("sparse-map-without-end", sparse({**MAP, "GNU.sparse.realsize": "10"}, b"9" * 1024))
broken("sparse-map-of-a-billion", sparse({**MAP, "GNU.sparse.realsize": "10"}, b"1000000000\n".ljust(512, b"\0")))

# Streams that are wrong in themselves.
GOOD = Layer([file("good", os.urandom(3000))])
GZIP = GOOD.blob
ZSTD = ocibuild.zstd_stored(GOOD.content)


def stream(name, blob, text="", code="ExtractFailed"):
    case(f"stream-{name}", GOOD.content, code, text, blob)


stream("gzip-of-another-method", GZIP[:2] + b"\x07" + GZIP[3:])
stream("gzip-cut", GZIP[:-9], "cut off")
stream("gzip-cut-in-its-header", GZIP[:5], "cut off")
stream("gzip-of-a-wrong-length", GZIP[:-4] + struct.pack("<I", 1))
stream("gzip-of-a-wrong-sum", GZIP[:-8] + b"abcd" + GZIP[-4:], "checksum")
stream("gzip-and-garbage", GZIP + b"garbage", "bytes follow")
stream("gzip-and-half-a-member", GZIP + GZIP[:20], "cut off")
stream("gzip-with-a-reserved-block", GZIP[:10] + b"\x07" + GZIP[11:], "damaged")
stream("zstd-cut", ZSTD[:-100], "cut off")
stream("zstd-and-garbage", ZSTD + b"x" * 20, "bytes follow")
stream("zstd-with-a-reserved-block", ZSTD[:14] + b"\x07\0\0" + ZSTD[17:], "damaged")
stream("zstd-of-a-wrong-length", ZSTD[:6] + struct.pack("<Q", 5) + ZSTD[14:])
stream("zstd-with-a-window-of-a-gigabyte", b"\x28\xb5\x2f\xfd\x00\xa0" + b"\x01\0\0" + b"x" * 50, "window",
       "LimitExceeded")
stream("bzip2", b"BZh91AY&SY" + bytes(600))
stream("xz", b"\xfd7zXZ\0" + bytes(600))
stream("gzip-in-gzip", Layer(content=GZIP).blob)
stream("html", b"<html>" * 200)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_layer_leaves_nothing_and_touches_nothing(data, tmp_path, sentinel, name):  # noqa: F811
    content, code, text, blob = CASES[name]
    bad = substitute(content, sentinel)
    if blob is not None:
        bad = Layer(content=bad.content, blob=blob)
    begun = time.monotonic()
    answer = take(data, tmp_path, Image([Layer([file("good", b"1")]), bad, Layer([file("too", b"2")])]))
    assert is_soon(begun, 60)
    assert answer.get("code") == code, answer
    assert text in answer["text"] and "layer 2" in answer["text"], answer
    assert "\n" not in answer["text"] and len(answer["text"]) < 1024
    assert answer["rss"] < 64 << 10
    assert_nothing_left(data)


def test_there_are_enough_of_them():
    from test_worker import HOSTILE
    assert len(CASES) + len(HOSTILE) >= 150


# What is allowed, however often it comes, but must cost little.

def test_an_opaque_whiteout_a_hundred_thousand_times_is_not_slow(data, tmp_path):  # noqa: F811
    """The order of entries may not make it quadratic."""
    layer = Layer([directory("d"), *[file(f"d/{number}") for number in range(500)], opaque("d") * 20_000,
                   whiteout("gone") * 20_000])
    begun = time.monotonic()
    answer = take(data, tmp_path, Image([layer]))
    assert "code" not in answer, answer
    assert is_soon(begun, 60)
    assert answer["rss"] < 64 << 10


def test_a_file_has_no_more_names_than_the_file_system_gives_it(data, tmp_path):  # noqa: F811
    farm = Layer([file("good"), *[hardlink(f"h{number}", "good") for number in range(65_100)]])
    answer = take(data, tmp_path, Image([farm]))
    if "code" in answer:
        assert answer["code"] == "ExtractFailed" and "Too many links" in answer["text"], answer
        assert_nothing_left(data)
    assert answer["rss"] < 64 << 10


def test_extended_attributes_have_a_budget(data, tmp_path):  # noqa: F811
    value = "v" * 60_000
    many = file("x", xattrs={f"user.{number}": value for number in range(15)})
    answer = take(data, tmp_path, Image([Layer([many] * 100)]))
    assert answer["code"] in ("LimitExceeded", "ExtractFailed", "StorageError"), answer
    assert answer["rss"] < 64 << 10
    assert_nothing_left(data)


# Several layers at a time.

def big(name, megabytes=3):
    return Layer([file(f"{name}-{part}", os.urandom(1 << 20)) for part in range(megabytes)])


@pytest.mark.parametrize("workers", [0, 1, 3, 64])
@pytest.mark.parametrize("at", [0, 2, 5])
def test_a_layer_that_fails_takes_the_others_along(data, tmp_path, workers, at):  # noqa: F811
    """The first error is the one that is told, whichever layer is busy then; nothing stays."""
    layers = [big(number) for number in range(6)]
    layers[at] = Layer([file("begins", os.urandom(1 << 20)), file("../evil")])
    layout = Image(layers).write_layout(tmp_path / "layout")
    answer = run_with(workers, data, layout)
    assert answer["code"] == "ExtractFailed" and f"layer {at + 1}" in answer["text"], answer
    assert "leads out" in answer["text"]
    assert_nothing_left(data)


@pytest.mark.parametrize("workers", [0, 1, 3, 64])
def test_the_number_of_workers_changes_nothing_about_what_is_unpacked(data, tmp_path, workers):  # noqa: F811
    layers = [Layer([file(f"{number}", bytes([number]) * 300_000), file("same", b"%d" % number)],
                    compression=("gzip", "zstd", None)[number % 3]) for number in range(9)]
    answer = run_with(workers, data, Image(layers).write_layout(tmp_path / "layout"))
    assert "code" not in answer, answer
    found = {path.name: path.read_bytes() for tree in trees(data) for path in tree.iterdir() if path.name != "same"}
    assert found == {f"{number}": bytes([number]) * 300_000 for number in range(9)}
    assert len(trees(data)) == 9


def test_the_pool_and_the_cache_are_what_an_import_goes_through(data, tmp_path):  # noqa: F811
    layers = [Layer([file(f"{number}", os.urandom(100_000))]) for number in range(6)]
    layout = Image(layers).write_layout(tmp_path / "layout")
    first = run_with(2, data, layout)["counters"]
    assert 1 <= first["contextsMade"] <= 2
    assert first["contextsMade"] + first["contextsReused"] == 6
    assert first["recordsStored"] == 6 and first["recordsMissed"] >= 6
    again = run_with(2, data, layout)["counters"]
    assert again["recordsStored"] == 6 and again["recordsFound"] >= 6


def test_a_record_of_another_layer_is_noticed(data, tmp_path):  # noqa: F811
    layers = [Layer([file("a", b"1")]), Layer([file("b", b"2")])]
    layout = Image(layers).write_layout(tmp_path / "layout")
    assert "code" not in run_with(0, data, layout)
    one, two = [path.parent / "layer.json" for path in trees(data)]
    one.write_bytes(two.read_bytes())
    answer = run_with(0, data, layout)
    assert answer["code"] == "IntegrityCheckFailed" and "not the record" in answer["text"], answer


def test_a_number_of_workers_is_a_number(data):  # noqa: F811
    assert run_with("many", data, "x")["code"] == "InvalidArgument"


def run_with(workers, store, layout):
    from test_worker import worker
    return worker("--workers", workers, "import", store, f"oci:{layout}")
