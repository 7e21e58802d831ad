# SPDX-License-Identifier: MIT
"""An image is unpacked while it comes, and large layers come in several pieces at once."""

import gzip
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from registry import Image, Registry, digest

PIECE = 8 << 20
LARGE = os.urandom(5 * PIECE + 12345)  # more than is worth a second connection


@pytest.fixture
def registry():
    registry = Registry()
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def large():
    """An image with one large layer, and a small one."""
    return Image(LARGE, b"small")


def configure(lx, *hosts, **settings):
    lx.configure({"registries": {"insecure": list(hosts), "timeout": 20, "stall_timeout": 20, "retries": 2,
                                 "retry_wait": 0.1, "connections": 4, "connections_per_host": 4, **settings}})


def wait_until(condition, what):
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def staged(lx):
    """What is unpacked of images that are still being fetched."""
    return sorted(path.name for path in (lx.data / "layers").glob(".pull-*/*/fs/*"))


def left_over(lx):
    return [*(lx.data / "layers").glob(".*"), *(lx.data / "images/blobs/sha256").glob(".*"),
            *(lx.data / "images/downloads").iterdir()]


def start_pull(lx, name):
    return lx.start("image", "pull", "-q", name, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    start_new_session=True)


def ends_well(child):
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    return output.decode().strip()


def processes_of(child, program):
    """The processes below the command that run @program."""
    found = []
    for pid in pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
        if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == program:
            found.append(int(pid))
    return found


def file_of(lx, image, number=0):
    """The content of the one file of a layer, where it is unpacked in the store."""
    [path] = (lx.data / "layers").glob(f"[0-9a-f]*/fs/file{number}")
    return path.read_bytes()


class Stall:
    """Sends the first part of a blob, and the rest when it is let go on."""

    def __init__(self, registry, content, sent):
        self.goes_on = threading.Event()
        self.content, self.sent, self.registry = content, sent, registry
        registry.handlers["/blobs/" + digest(content)] = self.answer

    def answer(self, request, wire):
        wire.head(200, ("Content-Length", len(self.content)))
        wire.send(self.content[:self.sent])
        while not self.goes_on.wait(0.05) and not self.registry.stopped.is_set():
            pass
        wire.send(self.content[self.sent:])


class Pieces:
    """Answers requests for pieces, and knows what was asked for and sent."""

    def __init__(self, registry, content):
        self.registry, self.content = registry, content
        self.lock = threading.Condition()
        self.under_way = self.most = 0
        self.asked = []
        self.is_slow = threading.Event()
        registry.handlers["/blobs/" + digest(content)] = self.answer

    def headers(self, start, end):
        return [("Content-Range", f"bytes {start}-{end - 1}/{len(self.content)}"), ("ETag", '"one"')]

    def send(self, request, wire, start, end):
        wire.answer(self.content[start:end], status=206, headers=self.headers(start, end))

    def answer(self, request, wire):
        if "range" not in request.headers:
            self.asked.append(None)
            return wire.answer(self.content)
        start, end = request.range(len(self.content))
        with self.lock:
            self.asked.append((start, end))
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self.lock.notify_all()
            # All but the first wait for each other: one after the other would take for ever.
            if start > 0 and not self.is_slow.is_set():
                self.lock.wait_for(lambda: self.most >= 4, 10)
        try:
            return self.send(request, wire, start, end)
        finally:
            with self.lock:
                self.under_way -= 1


# While it comes.

def test_a_layer_is_unpacked_while_it_comes(lx, registry):
    image = Image({f"file{number}": os.urandom(20_000) for number in range(100)})
    configure(lx, registry.host)
    name = registry.publish(image)
    stall = Stall(registry, image.layers[0], len(image.layers[0]) // 2)
    child = start_pull(lx, f"{registry.host}/x")
    wait_until(lambda: len(staged(lx)) >= 40, "nothing is unpacked")
    assert "file99" not in staged(lx) and not (lx.data / "images/index.json").exists()
    # Others change the store meanwhile.
    other = Image(b"other")
    registry.publish(other, "other")
    lx("image", "pull", "-q", f"{registry.host}/x:other").succeeds()
    lx("image", "remove", f"{registry.host}/x:other").succeeds()
    assert len(staged(lx)) >= 40
    stall.goes_on.set()
    assert ends_well(child) == name
    assert len(list((lx.data / "layers").glob("[0-9a-f]*/fs/file*"))) == 100
    assert left_over(lx) == []
    lx("image", "verify").succeeds()


def test_the_layer_that_comes_is_unpacked_first(lx, registry):
    image = Image(os.urandom(300_000), os.urandom(200_000))
    configure(lx, registry.host)
    registry.publish(image)
    stall = Stall(registry, image.layers[0], 0)
    child = start_pull(lx, f"{registry.host}/x")
    wait_until(lambda: "file1" in staged(lx), "the second layer waits for the first")
    stall.goes_on.set()
    ends_well(child)


def test_a_stalled_layer_keeps_no_other_failure_back(lx, registry):
    """One that waits for bytes hears that another layer is no good."""
    broken = gzip.compress(b"no archive" * 1000)
    image = Image(os.urandom(300_000), b"x")
    image.layers[1] = broken
    image.manifest["layers"][1] = image.descriptor(image.manifest["layers"][1]["mediaType"], broken)
    configure(lx, registry.host)
    registry.publish(image)
    Stall(registry, image.layers[0], 100_000)
    child = start_pull(lx, f"{registry.host}/x")
    _, errors = child.communicate(timeout=15)
    assert child.returncode == 1 and b"ExtractFailed" in errors, errors
    assert staged(lx) == []


def test_an_answer_that_has_not_ended_is_not_stored(lx, registry):
    """All bytes are there, but who fetches them has not yet done with the file."""
    image = Image(os.urandom(300_000))
    layer = image.layers[0]
    sent, ends = threading.Event(), threading.Event()
    configure(lx, registry.host)
    registry.publish(image)

    def answer(request, wire):
        wire.head(200, ("Transfer-Encoding", "chunked"))
        wire.chunk(layer)
        sent.set()
        ends.wait(30)
        wire.send(b"0\r\n\r\n")

    registry.handlers["/blobs/" + digest(layer)] = answer
    child = start_pull(lx, f"{registry.host}/x")
    download = lx.data / "images/downloads" / digest(layer).removeprefix("sha256:")
    wait_until(lambda: sent.is_set() and download.exists() and download.stat().st_size == len(layer), "it does not come")
    time.sleep(0.5)
    assert not (lx.data / "images/index.json").exists()
    ends.set()
    ends_well(child)


@pytest.mark.parametrize("program, reason", [("lxcri-registry", b"signal 9"), ("lxcri-worker", b"signal 9"),
                                             ("proxmox-lxcri", None)])
def test_who_is_killed_leaves_what_was_fetched(lx, registry, program, reason):
    image = Image(os.urandom(1_500_000), b"second")
    layer = image.layers[0]
    configure(lx, registry.host)
    name = registry.publish(image)
    stall = Stall(registry, layer, 900_000)
    child = start_pull(lx, f"{registry.host}/x")
    download = lx.data / "images/downloads" / digest(layer).removeprefix("sha256:")
    wait_until(lambda: "file0" in staged(lx) and download.stat().st_size == 900_000, "it does not come")
    [pid] = [child.pid] if program == "proxmox-lxcri" else processes_of(child, program)
    os.kill(pid, signal.SIGKILL)
    _, errors = child.communicate(timeout=20)
    assert child.returncode != 0 and (reason is None or reason in errors), errors
    assert not (lx.data / "images/index.json").exists()
    del registry.handlers["/blobs/" + digest(layer)]
    stall.goes_on.set()
    assert lx("image", "pull", "-q", f"{registry.host}/x").succeeds().stdout.strip() == name
    ranges = [request.headers.get("range") for request in registry.requests if request.path.endswith(digest(layer))]
    assert ranges == [None, "bytes=900000-"]
    assert len(registry.paths(digest(image.layers[1]))) == 1
    assert left_over(lx) == []
    lx("image", "verify").succeeds()


def test_who_waits_for_another_goes_on_when_that_is_killed(lx, registry):
    image = Image(os.urandom(1_500_000))
    layer = image.layers[0]
    configure(lx, registry.host)
    name = registry.publish(image)
    stall = Stall(registry, layer, 900_000)
    first = start_pull(lx, f"{registry.host}/x")
    wait_until(lambda: "file0" in staged(lx), "it does not come")
    second = start_pull(lx, f"{registry.host}/x")
    wait_until(lambda: len(registry.paths("/manifests/")) == 2, "nobody asks")
    del registry.handlers["/blobs/" + digest(layer)]
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert ends_well(second) == name
    stall.goes_on.set()
    assert left_over(lx) == []


def test_a_mirror_that_sends_something_else_is_passed_over(lx, registry):
    """Whatever comes of it while it is unpacked: no stream, no archive, far too much."""
    image = Image(os.urandom(200_000))
    layer = image.layers[0]
    name = registry.publish(image)
    bomb = gzip.compress(bytes(1 << 30), 9)
    bad = [bytes(len(layer)), gzip.compress(os.urandom(150_000))[:len(layer)].ljust(len(layer), b"x")]
    mirrors = [Registry() for _ in range(3)]
    for mirror, content in zip(mirrors, bad):
        mirror.publish(image)
        mirror.blobs[digest(layer)] = content
    # This one is announced with the bomb's size, so that it is all there.
    mirrors[2].publish(image)
    image_of_bomb = {**image.manifest, "layers": [{**image.manifest["layers"][0], "size": len(bomb)}]}
    mirrors[2].publish_manifest(image_of_bomb, "latest")
    mirrors[2].blobs[digest(layer)] = bomb
    hosts = [mirror.host for mirror in mirrors]
    configure(lx, registry.host, *hosts, mirrors={registry.host: hosts})
    assert lx("image", "pull", "-q", f"{registry.host}/x").succeeds().stdout.strip() == name
    for mirror in mirrors:
        assert len(mirror.paths("/blobs/" + digest(layer))) == 1
        mirror.stop()
    # The manifest of the last stays for a while: somebody else may be about to read it.
    assert [path.name for path in left_over(lx)] == [digest(json.dumps(image_of_bomb).encode())[7:]]


def test_what_another_pull_stored_meanwhile_is_taken(lx, registry):
    """Two images share a layer; the one that is later finds it in the store."""
    one, two = Image(b"shared", os.urandom(1_500_000)), Image(b"shared", b"own")
    configure(lx, registry.host)
    registry.publish(one, "one")
    registry.publish(two, "two")
    stall = Stall(registry, one.layers[1], 900_000)
    child = start_pull(lx, f"{registry.host}/x:one")
    wait_until(lambda: {"file0", "file1"} <= set(staged(lx)), "it does not come")
    lx("image", "pull", "-q", f"{registry.host}/x:two").succeeds()
    stall.goes_on.set()
    ends_well(child)
    assert len(registry.paths("/blobs/" + digest(one.layers[0]))) == 1
    assert left_over(lx) == []
    lx("image", "verify").succeeds()


def test_what_was_shared_and_is_removed_meanwhile_is_fetched(lx, registry):
    one, two = Image(b"shared", os.urandom(1_500_000)), Image(b"shared", b"own")
    configure(lx, registry.host)
    name = registry.publish(one, "one")
    registry.publish(two, "two")
    lx("image", "pull", "-q", f"{registry.host}/x:two").succeeds()
    stall = Stall(registry, one.layers[1], 900_000)
    child = start_pull(lx, f"{registry.host}/x:one")
    wait_until(lambda: "file1" in staged(lx), "it does not come")
    lx("image", "remove", f"{registry.host}/x:two").succeeds()
    lx("system", "prune", "--force").succeeds()
    stall.goes_on.set()
    assert ends_well(child) == name
    assert file_of(lx, one) == b"shared"
    assert len(registry.paths("/blobs/" + digest(one.layers[0]))) == 2
    assert left_over(lx) == []
    lx("image", "verify").succeeds()


# In pieces.

def test_a_large_layer_comes_in_several_pieces_at_once(lx, registry, large):
    layer = large.layers[0]
    configure(lx, registry.host)
    registry.publish(large)
    pieces = Pieces(registry, layer)
    lx("image", "pull", "-q", f"{registry.host}/x").succeeds()
    assert pieces.most == 4
    bounds = sorted(pieces.asked)
    assert bounds[0][0] == 0 and bounds[-1][1] == len(layer)
    assert all(one[1] == other[0] for one, other in zip(bounds, bounds[1:]))
    assert max(end - start for start, end in bounds) == PIECE
    assert file_of(lx, large) == LARGE
    assert [request.headers.get("range") for request in registry.requests
            if request.path.endswith(digest(large.layers[1]))] == [None]
    assert left_over(lx) == []


def test_pieces_keep_the_limit_of_connections(lx, registry, large):
    configure(lx, registry.host, connections_per_host=2)
    registry.publish(large)
    pieces = Pieces(registry, large.layers[0])
    pieces.is_slow.set()
    pieces.send = lambda request, wire, start, end: (
        time.sleep(0.2), Pieces.send(pieces, request, wire, start, end))[1]
    lx("image", "pull", "-q", f"{registry.host}/x").succeeds()
    assert pieces.most == 2


class Ignores(Pieces):
    """Knows no ranges."""

    def send(self, request, wire, start, end):
        wire.answer(self.content)


class SendsOthers(Pieces):
    """Sends another piece than the one it was asked for, but the first."""

    def send(self, request, wire, start, end):
        if start == 0:
            return super().send(request, wire, start, end)
        return wire.answer(self.content[:end - start], status=206, headers=self.headers(0, end - start))


class SendsLess(Pieces):
    """Cuts pieces as it likes."""

    def send(self, request, wire, start, end):
        super().send(request, wire, start, start + 1000)


class Forgets(Pieces):
    """Has ranges for the first piece only."""

    def send(self, request, wire, start, end):
        if start == 0:
            return super().send(request, wire, start, end)
        return wire.answer(b"", status=416)


class TurnsAway(Pieces):
    """Sends all where a later piece is asked for."""

    def send(self, request, wire, start, end):
        if start == 0:
            return super().send(request, wire, start, end)
        return wire.answer(self.content)


class Grows(Pieces):
    """Says of each piece but the first that the whole has another size."""

    def headers(self, start, end):
        size = len(self.content) + (start > 0)
        return [("Content-Range", f"bytes {start}-{end - 1}/{size}")]


class Changes(Pieces):
    """Each piece is of another version, and the second is of other bytes."""

    def send(self, request, wire, start, end):
        content = self.content[start:end] if start == 0 else bytes(end - start)
        wire.answer(content, status=206, headers=[
            ("Content-Range", f"bytes {start}-{end - 1}/{len(self.content)}"), ("ETag", f'"{start}"')])


class Damages(Pieces):
    """One of the pieces is of other bytes, which shows only in the digest."""

    def send(self, request, wire, start, end):
        content = self.content[start:end] if start != 2 * PIECE else bytes(end - start)
        wire.answer(content, status=206, headers=self.headers(start, end))


@pytest.mark.parametrize("kind", [Ignores, SendsOthers, SendsLess, Forgets, TurnsAway, Grows, Changes, Damages])
def test_a_registry_that_has_no_good_ranges_sends_all_at_once(lx, registry, large, kind):
    configure(lx, registry.host)
    registry.publish(large)
    pieces = kind(registry, large.layers[0])
    pieces.is_slow.set()
    # What is asked for to the end is what every registry has.
    answer = pieces.answer
    registry.handlers["/blobs/" + digest(large.layers[0])] = lambda request, wire: (
        Registry.send_blob(request, wire, large.layers[0])
        if request.headers.get("range", "").endswith("-") and kind not in (Ignores, TurnsAway)
        else answer(request, wire))
    lx("image", "pull", "-q", f"{registry.host}/x").succeeds()
    assert file_of(lx, large) == LARGE
    assert left_over(lx) == []
    lx("image", "verify").succeeds()


def test_a_blob_that_is_wrong_also_in_one_piece_is_refused(lx, registry, large):
    other = Registry()
    layer = large.layers[0]
    name = registry.publish(large)
    other.publish(large)
    other.blobs[digest(layer)] = bytes(len(layer))
    configure(lx, registry.host, other.host)
    lx("image", "pull", "-q", f"{other.host}/x").fails("IntegrityCheckFailed", digest(layer))
    assert other.requests[-1].headers.get("range") is None
    assert not (lx.data / "images/index.json").exists() and staged(lx) == []
    configure(lx, registry.host, other.host, mirrors={registry.host: [other.host]})
    assert lx("image", "pull", "-q", f"{registry.host}/x").succeeds().stdout.strip() == name
    other.stop()


def overlaps(bounds):
    bounds = sorted(bounds)
    return [(one, other) for one, other in zip(bounds, bounds[1:]) if one[1] > other[0]]


@pytest.mark.parametrize("program", ["lxcri-registry", "lxcri-worker", "proxmox-lxcri"])
def test_pieces_that_are_there_are_not_fetched_again(lx, registry, large, program):
    layer = large.layers[0]
    configure(lx, registry.host)
    registry.publish(large)
    pieces = Pieces(registry, layer)
    got, stuck = [], threading.Event()

    def send(request, wire, start, end):
        """The third piece stops in its middle; the second and the fourth are late as well."""
        if stuck.is_set() or start == 0:
            got.append((start, end))
            return Pieces.send(pieces, request, wire, start, end)
        middle = start + (end - start) // (start // PIECE + 1)
        got.append((start, middle))
        wire.head(206, ("Content-Length", end - start), *pieces.headers(start, end))
        wire.send(layer[start:middle])
        registry.stopped.wait(20)
        return "close"

    pieces.send = send
    child = start_pull(lx, f"{registry.host}/x")
    download = lx.data / "images/downloads" / digest(layer).removeprefix("sha256:")

    def is_there():
        """All that was sent has been written: the file is compared with the layer."""
        if len(got) < 5:
            return False
        content = download.read_bytes()
        return all(content[start:end] == layer[start:end] for start, end in got)

    wait_until(is_there, "the pieces do not come")
    time.sleep(0.2)
    [pid] = [child.pid] if program == "proxmox-lxcri" else processes_of(child, program)
    os.kill(pid, signal.SIGKILL)
    child.communicate(timeout=20)
    assert child.returncode != 0
    assert download.stat().st_size > len(layer)
    before = list(got)
    stuck.set()
    lx("image", "pull", "-q", f"{registry.host}/x").succeeds()
    assert len(got) > len(before) and not overlaps(got), sorted(got)
    assert sum(end - start for start, end in got) == len(layer)
    assert file_of(lx, large) == LARGE
    assert left_over(lx) == []


def test_a_table_of_pieces_that_is_none_is_thrown_away(lx, registry, large):
    layer = large.layers[0]
    configure(lx, registry.host)
    registry.publish(large)
    downloads = lx.data / "images/downloads"
    downloads.mkdir(parents=True)
    (downloads / digest(layer).removeprefix("sha256:")).write_bytes(bytes(len(layer) + 304))
    pieces = Pieces(registry, layer)
    lx("image", "pull", "-q", f"{registry.host}/x").succeeds()
    assert sum(end - start for start, end in pieces.asked) == len(layer)


def test_two_who_pull_a_large_layer_fetch_each_piece_once(lx, registry, large):
    configure(lx, registry.host)
    name = registry.publish(large)
    pieces = Pieces(registry, large.layers[0])
    children = [start_pull(lx, f"{registry.host}/x") for _ in range(2)]
    assert [ends_well(child) for child in children] == [name, name]
    assert not overlaps(pieces.asked) and sum(end - start for start, end in pieces.asked) == len(large.layers[0])
    assert left_over(lx) == []


def test_several_layers_are_unpacked_at_a_time(lx, registry):
    image = Image(*(os.urandom(600_000) for _ in range(3)))
    configure(lx, registry.host)
    registry.publish(image)
    stalls = [Stall(registry, layer, 500_000) for layer in image.layers]
    child = start_pull(lx, f"{registry.host}/x")
    wait_until(lambda: {"file0", "file1", "file2"} <= set(staged(lx)), "one after the other")
    for stall in stalls:
        stall.goes_on.set()
    ends_well(child)
