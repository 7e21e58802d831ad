# SPDX-License-Identifier: MIT
"""image prepare, prepared and release: what is kept ready, where it comes from, and who holds it."""

import gzip
import json
import os
import signal
import subprocess
import threading
import time

import pytest

import ocibuild
from api_programs import call, programs  # noqa: F401: a fixture
from engine import is_soon
from ocibuild import Image, Layer, directory, file
from registry import Authority, Registry
from registry import Image as RegistryImage

ARCHIVE = gzip.compress(b"".join([directory("etc"), file("etc/motd", b"fetched\n")]) + ocibuild.EMPTY, mtime=0)
TEMPLATE = ["--format", "ct-template"]


@pytest.fixture
def server():
    """A server of files."""
    servers = []

    def make(**options):
        servers.append(Registry(**options))
        return servers[-1]

    yield make
    for one in servers:
        one.stop()


@pytest.fixture
def configured(make_engine, work):
    """Makes an engine with a section "registries" of its configuration, and other sections."""
    def make(registries=(), **sections):
        config = work / f"config{len(os.listdir(work))}.json"
        config.write_text(json.dumps({"registries": {"retries": 1, "retry_wait": 0.05, "timeout": 3, "stall_timeout": 3,
                                                     **dict(registries)}, **sections}))
        return make_engine("crun", config=config)

    return make


@pytest.fixture
def fetching(server, configured):
    """An engine, and a server that it may ask without TLS."""
    site = server()
    site.handlers["/rootfs.tar.gz"] = lambda request, wire: wire.answer(ARCHIVE)
    return configured({"insecure": [site.host]}), site


@pytest.fixture
def stored(any_engine, work):
    Image([Layer([file("a", b"a" * 1000)])]).write_layout(work / "layout")
    any_engine("image", "import", f"oci:{work / 'layout'}:latest", "a:1").ok()
    return "a:1"


def prepared(engine):
    return engine("image", "prepared", "--format", "json").ok().json()


def members(path):
    return subprocess.run(["tar", "-tf", path], check=True, capture_output=True, text=True).stdout.split()


def holds(engine):
    return [entry["references"] for entry in prepared(engine)]


def test_what_is_prepared_is_counted_and_released(any_engine, stored):
    path = any_engine("image", "prepare", *TEMPLATE, stored).ok().out.strip()
    assert members(path) == ["./", "./a"]
    made = os.stat(path)
    assert any_engine("image", "prepare", *TEMPLATE, stored).ok().out.strip() == path
    assert os.stat(path) == made
    assert [(entry["name"], entry["format"], entry["references"]) for entry in prepared(any_engine)] == \
        [(path, "ct-template", 2)]
    any_engine("image", "release", path).ok()
    any_engine("image", "release", path).ok()
    # Nobody holds it, and it is there for the next.
    assert holds(any_engine) == [0] and os.stat(path) == made
    any_engine("image", "release", path).fails("ReferenceCountError", "nobody holds")


def test_each_form_is_prepared_apart(any_engine, stored):
    paths = {any_engine("image", "prepare", *words, stored).ok().out.strip() for words in (
        TEMPLATE, [*TEMPLATE, "--compression", "gzip"], [*TEMPLATE, "--compression", "none"], ["--size", "16m"], ["--size", "32m"])}
    assert len(paths) == 5
    assert sorted(os.path.basename(path) for path in paths) == \
        ["image.raw", "image.raw", "image.tar", "image.tar.gz", "image.tar.zst"]
    assert {os.stat(path).st_size for path in paths if path.endswith(".raw")} == {16 << 20, 32 << 20}


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc", "sha256:", "sha256:" + "0" * 64, "", "/", "x" * 300,
                                  "sha256:../../../../../../../../../../../../../../../../../../../../../../../../etc"])
def test_what_is_not_prepared_is_not_released(any_engine, stored, name):
    any_engine("image", "release", name).fails("ReferenceCountError")
    any_engine("image", "release", f"{any_engine.data}/prepared/{name}").fails("ReferenceCountError")
    assert not (any_engine.data / "prepared").exists() or os.listdir(any_engine.data / "prepared") == []


def test_a_collection_takes_what_nobody_holds(any_engine, stored):
    path = any_engine("image", "prepare", *TEMPLATE, stored).ok().out.strip()
    any_engine("image", "gc", "--force", "--all").ok()
    assert os.path.exists(path) and holds(any_engine) == [1]
    any_engine("image", "release", path).ok()
    # It was used a moment ago.
    any_engine("image", "gc").ok()
    assert os.path.exists(path)
    old = time.time() - 90000
    os.utime(os.path.join(os.path.dirname(path), "record.json"), (old, old))
    assert "prepared/" in any_engine("image", "gc", "--dry-run").ok().out and os.path.exists(path)
    any_engine("image", "gc").ok()
    assert prepared(any_engine) == [] and os.listdir(any_engine.data / "prepared") == []


@pytest.mark.parametrize("words", [["image", "df"], ["system", "df"]])
def test_what_is_prepared_is_in_the_sums(any_engine, stored, words):
    def show():
        found = any_engine(*words, "--verbose", "--format", "json").ok().json()
        return {row["name"]: row for row in found["objects"]}

    path = any_engine("image", "prepare", *TEMPLATE, "--compression", "none", stored).ok().out.strip()
    name = "prepared/" + path.split("/")[-2]
    held = show()[name]
    assert held["size"] >= os.stat(path).st_size and (held["users"], held["reclaimable"]) == (1, 0)
    any_engine("image", "release", path).ok()
    free = show()[name]
    assert (free["users"], free["reclaimable"]) == (0, free["size"])


def test_what_was_used_longest_ago_makes_room(configured, work):
    engine = configured(storage={"cache_entries": 2})
    paths = []
    for number in range(4):
        Image([Layer([file("a", b"%d" % number)])]).write_layout(work / f"l{number}")
        paths.append(engine("image", "prepare", *TEMPLATE, f"oci:{work}/l{number}:latest").ok().out.strip())
        if number != 1:
            engine("image", "release", paths[-1]).ok()
    # The second is held; of the others the last has stayed.
    assert [os.path.exists(path) for path in paths] == [False, True, False, True]
    assert {entry["name"] for entry in prepared(engine)} == {paths[1], paths[3]}


@pytest.mark.parametrize("damage", [b"", b"{}", b"not json", b'{"digest": 5}', b'{"digest": "sha256:aa", "file": "../x"}'])
def test_a_damaged_record_is_told_and_collected(any_engine, stored, damage):
    path = any_engine("image", "prepare", *TEMPLATE, stored).ok().out.strip()
    any_engine("image", "release", path).ok()
    record = os.path.join(os.path.dirname(path), "record.json")
    with open(record, "wb") as out:
        out.write(damage)
    any_engine("image", "prepare", *TEMPLATE, stored).fails("CacheError", "record.json")
    assert len(prepared(any_engine)) == 1
    any_engine("image", "gc", "--force", "--all").ok()
    assert prepared(any_engine) == []


def test_an_archive_is_fetched(fetching, work):
    engine, site = fetching
    path = engine("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz").ok().out.strip()
    assert members(path) == ["./", "./etc/", "./etc/motd"]
    assert engine("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz").ok().out.strip() == path
    assert len(site.requests) == 2 and holds(engine) == [2]
    assert all("authorization" not in request.headers for request in site.requests)
    engine("image", "convert", *TEMPLATE, f"{site.url}/rootfs.tar.gz", work / "t.tar.zst").ok()
    with open(path, "rb") as made:
        assert (work / "t.tar.zst").read_bytes() == made.read()
    assert os.listdir(engine.data / "images").count("downloads") == 0 or \
        os.listdir(engine.data / "images/downloads") == []


def test_two_at_once_do_the_work_once(fetching):
    engine, site = fetching
    began = threading.Event()

    def slowly(request, wire):
        began.set()
        time.sleep(0.5)
        return wire.answer(ARCHIVE)

    site.handlers["/rootfs.tar.gz"] = slowly
    first = engine.open("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz")
    assert began.wait(10)
    others = [engine.open("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz") for _ in range(3)]
    paths = {engine.finish(child).ok().out for child in (first, *others)}
    assert len(paths) == 1 and len(site.requests) == 1
    assert holds(engine) == [4]


def test_two_at_once_convert_once(any_engine, work):
    Image([Layer([file(f"f{number}", os.urandom(1 << 20)) for number in range(40)])]).write_layout(work / "large")
    any_engine("image", "import", f"oci:{work / 'large'}:latest", "large:1").ok()
    children = [any_engine.open("image", "prepare", *TEMPLATE, "large:1") for _ in range(3)]
    paths = {any_engine.finish(child).ok().out for child in children}
    assert len(paths) == 1 and holds(any_engine) == [3]


def test_who_waited_for_a_killed_one_does_its_work(fetching):
    engine, site = fetching
    began = threading.Event()
    go = threading.Event()

    def stuck(request, wire):
        if began.is_set():
            return wire.answer(ARCHIVE)
        began.set()
        go.wait(5)
        return "close"

    site.handlers["/rootfs.tar.gz"] = stuck
    first = engine.open("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz")
    assert began.wait(10)
    second = engine.open("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz")
    time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    engine.finish(first)
    engine.finish(second).ok()
    go.set()
    assert holds(engine) == [1]


def test_tls_is_wanted_and_verified(server, configured, work):
    authority = Authority(work / "ca")
    site = server(tls=authority.context())
    site.handlers["/rootfs.tar.gz"] = lambda request, wire: wire.answer(ARCHIVE)
    url = f"{site.url}/rootfs.tar.gz"
    configured({"ca": str(authority.file)})("image", "prepare", *TEMPLATE, url).ok()
    configured()("image", "prepare", *TEMPLATE, url).fails("DownloadFailed", "certificate")
    wrong = server(tls=authority.context("wrong", "DNS:elsewhere"))
    wrong.handlers = site.handlers
    configured({"ca": str(authority.file)})("image", "prepare", *TEMPLATE, f"{wrong.url}/rootfs.tar.gz").fails("DownloadFailed")
    plain = server()
    plain.handlers = site.handlers
    configured()("image", "prepare", *TEMPLATE, f"{plain.url}/rootfs.tar.gz").fails("DownloadFailed", "registries.insecure")
    assert plain.requests == []


def redirect(target, status=302):
    return lambda request, wire: wire.answer(b"", status=status, headers=[("Location", target)])


def endless(request, wire):
    wire.head(200)
    while True:
        wire.send(bytes(1 << 16))


def drip(request, wire):
    wire.head(200, ("Content-Length", 1000000))
    while True:
        wire.send(b"x")
        time.sleep(0.2)


def short(request, wire):
    wire.head(200, ("Content-Length", len(ARCHIVE) + 100))
    wire.send(ARCHIVE)
    return "close"


def cut(request, wire):
    wire.head(200, ("Content-Length", len(ARCHIVE)))
    wire.send(ARCHIVE[:len(ARCHIVE) // 2])
    return "close"


def asks_who(request, wire):
    return wire.answer(b"", status=401, headers=[("WWW-Authenticate", 'Bearer realm="http://127.0.0.1:1/token",service="x"')])


def part(request, wire):
    return wire.answer(ARCHIVE, status=206, headers=[("Content-Range", f"bytes 5-{4 + len(ARCHIVE)}/{len(ARCHIVE) + 5}")])


SERVERS = {
    "redirect to a file": (redirect("file:///etc/passwd"), "DownloadFailed"),
    "redirect to gopher": (redirect("gopher://127.0.0.1:70/1"), "DownloadFailed"),
    "redirect with a user": (redirect("http://user:secret@127.0.0.1/x"), "DownloadFailed"),
    "redirect to itself": (redirect("/rootfs.tar.gz"), "DownloadFailed"),
    "redirect to another local address": (redirect("http://127.0.0.2:1/x"), "DownloadFailed"),
    "redirect to nowhere": (lambda request, wire: wire.answer(b"", status=302), "DownloadFailed"),
    "not there": (lambda request, wire: wire.answer(b"no", status=404), "DownloadFailed"),
    "forbidden": (lambda request, wire: wire.answer(b"no", status=403), "DownloadFailed"),
    "broken server": (lambda request, wire: wire.answer(b"no", status=500), "DownloadFailed"),
    "asks who we are": (asks_who, "DownloadFailed"),
    "announces too much": (lambda request, wire: wire.head(200, ("Content-Length", 1 << 50)), "LimitExceeded"),
    "announces nonsense": (lambda request, wire: wire.head(200, ("Content-Length", "-5")), "DownloadFailed"),
    "shorter than announced": (short, "DownloadFailed"),
    "cut off": (cut, "DownloadFailed"),
    "another part": (part, "DownloadFailed"),
    "never goes on": (drip, "Timeout"),
    "closes at once": (lambda request, wire: "close", "DownloadFailed"),
    "no HTTP": (lambda request, wire: wire.send(b"SSH-2.0-OpenSSH\r\n") or "close", "DownloadFailed"),
    "a page": (lambda request, wire: wire.answer(b"<html>" * 200), "InvalidFormat"),
    "nothing": (lambda request, wire: wire.answer(b""), "InvalidFormat"),
    "half an archive": (lambda request, wire: wire.answer(ARCHIVE[:len(ARCHIVE) // 2]), "ExtractFailed"),
}


@pytest.mark.parametrize("case", SERVERS)
def test_a_hostile_server_is_refused(fetching, case):
    engine, site = fetching
    handler, error = SERVERS[case]
    site.handlers["/rootfs.tar.gz"] = handler
    began = time.monotonic()
    result = engine("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz").fails(error)
    assert is_soon(began, 16)
    assert "secret" not in result.err and "/etc/passwd" not in result.out
    assert len(site.requests) <= 7 and not site.paths("token")
    assert os.listdir(engine.data / "prepared") == []
    assert engine("image", "list", "--quiet").ok().lines == []


def test_a_body_without_end_stops_at_the_disk_s(fetching):
    engine, site = fetching
    engine.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=711", engine.id("disk"), engine.data], check=True)
    try:
        site.handlers["/rootfs.tar.gz"] = endless
        engine("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz").fails("StorageError", "No space left")
        status = os.statvfs(engine.data)
        assert status.f_bavail * status.f_frsize > 38 << 20
        site.handlers["/rootfs.tar.gz"] = lambda request, wire: wire.answer(ARCHIVE)
        engine("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz").ok()
    finally:
        subprocess.run(["umount", engine.data], check=True)


def test_a_broken_connection_is_tried_again_from_the_start(fetching):
    engine, site = fetching
    answers = [cut, lambda request, wire: wire.answer(ARCHIVE)]
    site.handlers["/rootfs.tar.gz"] = lambda request, wire: answers.pop(0)(request, wire)
    engine("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz").ok()
    assert [request.headers.get("range") for request in site.requests] == [None, None]


def test_what_servers_call_an_encoding_is_taken_as_it_is(fetching):
    engine, site = fetching
    site.handlers["/rootfs.tar.gz"] = lambda request, wire: wire.answer(ARCHIVE, headers=[("Content-Encoding", "x-gzip")])
    path = engine("image", "prepare", *TEMPLATE, f"{site.url}/rootfs.tar.gz").ok().out.strip()
    assert "./etc/motd" in members(path)


def test_a_redirect_is_followed(fetching):
    engine, site = fetching
    site.handlers["/moved"] = redirect("/rootfs.tar.gz", 308)
    assert engine("image", "prepare", *TEMPLATE, f"{site.url}/moved").ok().out


@pytest.mark.parametrize("url, error", [
    ("http://user:secret@{host}/rootfs.tar.gz", "InvalidArgument"),
    ("https://user:secret@/", "InvalidArgument"),
    ("http://{host}/missing?token=secret", "DownloadFailed"),
    ("http://{host}/missing?token=secret#secret", "DownloadFailed"),
    ("http://localhost:1/?secret", "DownloadFailed"),
    ("https://a b/?secret", "InvalidArgument"),
])
def test_secrets_of_an_address_are_in_no_message(fetching, url, error):
    engine, site = fetching
    result = engine("--debug", "image", "prepare", *TEMPLATE, url.format(host=site.host)).fails(error)
    assert "secret" not in result.err + result.out
    for directory, _, names in os.walk(engine.work):
        for name in names:
            with open(os.path.join(directory, name), "rb") as content:
                assert b"secret" not in content.read()


def registry_image(site, content=b"cached"):
    image = RegistryImage(content)
    return image, site.publish(image, "1")


def test_a_reference_that_is_not_stored_is_pulled(fetching):
    engine, site = fetching
    registry_image(site)
    path = engine("image", "prepare", *TEMPLATE, f"{site.host}/x:1").ok().out.strip()
    assert members(path) == ["./", "./file0"]
    assert engine("image", "list", "--quiet").ok().lines == [f"{site.host}/x:1"]


def hold(programs, engine, key, config):
    """Starts who keeps an image, and returns it once he has it."""
    child = subprocess.Popen([programs / "cached", config, engine.root, engine.data, *key],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.id = child.stdout.readline().strip()
    return child


@pytest.mark.parametrize("end", ["at once", "killed", "released"])
def test_an_image_is_held_as_long_as_its_holder_lives(programs, any_engine, stored, work, end):
    (work / "c.json").write_text("{}")
    digest = any_engine("image", "list", "--format", "json").ok().json()[0]["digest"]
    child = hold(programs, any_engine, ["a", "1", digest], work / "c.json")
    assert child.id == digest and holds(any_engine) == [1]
    second = hold(programs, any_engine, ["a", "1", digest], work / "c.json")
    assert holds(any_engine) == [2]
    second.kill()
    second.communicate()
    assert holds(any_engine) == [1]
    any_engine("image", "remove", "a:1").fails("ImageInUse", "held")
    any_engine("image", "gc", "--force", "--all").ok()
    assert any_engine("image", "list", "--quiet").ok().lines == ["docker.io/library/a:1"]
    if end == "killed":
        child.kill()
        child.communicate()
    else:
        out, err = child.communicate("")
        assert (child.returncode, out, err) == (0, "ReferenceCountError\n", "")
    assert holds(any_engine) == [0]
    any_engine("image", "remove", "a:1").ok()


def test_an_image_that_is_not_stored_is_fetched_by_its_hash(programs, fetching):
    engine, site = fetching
    image, digest = registry_image(site)
    # What is called so is another by now.
    site.publish(RegistryImage(b"newer"), "1")
    key = [f"{site.host}/x", "1", digest]
    child = hold(programs, engine, key, engine.config)
    assert child.id == digest, child.communicate()
    engine("image", "gc", "--force", "--all").ok()
    assert [entry["digest"] for entry in engine("image", "list", "--format", "json").ok().json()] == [digest]
    child.communicate("")
    # It goes with what kept it.
    engine("image", "gc", "--force", "--all").ok()
    assert engine("image", "list", "--quiet").ok().lines == [] and prepared(engine) == []
    # And can be had again, also when the store lost it meanwhile.
    hold(programs, engine, key, engine.config).communicate("")
    engine("image", "remove", digest).ok()
    child = hold(programs, engine, key, engine.config)
    assert child.id == digest
    child.communicate("")


def test_an_image_fetched_for_the_cache_makes_room_with_its_entry(programs, server, configured):
    site = server()
    engine = configured({"insecure": [site.host]}, storage={"cache_entries": 1})
    digests = []
    for number in range(3):
        digests.append(site.publish(RegistryImage(b"%d" % number), str(number)))
        hold(programs, engine, [f"{site.host}/x", str(number), digests[-1]], engine.config).communicate("")
    assert [entry["digest"] for entry in engine("image", "list", "--format", "json").ok().json()] == digests[-1:]


@pytest.mark.parametrize("hash, error", [
    ("sha256:123", "InvalidDigest"), ("latest", "InvalidDigest"), ("", "InvalidDigest"), ("../../etc", "InvalidDigest"),
    ("sha512:" + "0" * 128, "InvalidDigest"), ("sha256:" + "0" * 64, "ImageNotFound"),
])
def test_a_hash_that_leads_nowhere_is_told(programs, fetching, hash, error):
    engine, site = fetching
    done = call(programs / "cached", engine.config, engine.root, engine.data, f"{site.host}/x", "1", hash)
    assert done.returncode == 1 and done.stderr.endswith(f"[{error}]\n"), done
    assert not (engine.data / "prepared").exists() or os.listdir(engine.data / "prepared") == []


def test_the_hash_of_a_list_is_not_that_of_an_image(programs, fetching):
    engine, site = fetching
    image, digest = registry_image(site)
    index = site.publish_manifest(RegistryImage.index(RegistryImage.descriptor(
        "application/vnd.oci.image.manifest.v1+json", site.manifests[digest][1])), "list", "application/vnd.oci.image.index.v1+json")
    done = call(programs / "cached", engine.config, engine.root, engine.data, f"{site.host}/x", "list", index)
    assert done.returncode == 1 and done.stderr.endswith("[InvalidDigest]\n") and digest in done.stderr
    assert engine("image", "list", "--quiet").ok().lines == []
