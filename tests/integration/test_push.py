# SPDX-License-Identifier: MIT
"""Images go to registries: what is sent, in which order, and what is not sent."""

import base64
import json
import os
import subprocess

import pytest

from registry import INDEX, MANIFEST, Image, Registry, digest, to_json

DOCKER = "application/vnd.docker."
CHUNK = 8 << 20
LARGE = os.urandom(20 << 20)


@pytest.fixture
def registry():
    registry = Registry()
    yield registry
    registry.stop()


def configure(lx, *hosts, **settings):
    lx.configure({"registries": {"insecure": list(hosts), "timeout": 20, "stall_timeout": 20, "retries": 2,
                                 "retry_wait": 0.1, **settings}})


@pytest.fixture
def stored(lx, registry):
    """Stores an image and returns it; it is called mine:1."""
    def store(*contents, edit=None):
        image = Image(*contents or (b"first" * 1000, b"second" * 1000))
        if edit:
            edit(image)
        configure(lx, registry.host)
        lx("image", "import", image.write_layout(lx.directory / "layout"), "mine:1").succeeds()
        return image
    return store


def sent(registry, *methods):
    """Methods and paths without what stands behind a question mark."""
    return [(request.method, request.path.split("?")[0]) for request in registry.requests
            if request.method in (methods or ("POST", "PATCH", "PUT"))]


def test_all_that_a_manifest_names_is_there_before_it(lx, registry, stored):
    image = stored()
    result = lx("image", "push", "-q", "mine:1", f"docker://{registry.host}/test/x:tag").succeeds()
    manifest = to_json(image.manifest)
    assert (result.stdout, result.stderr) == (digest(manifest) + "\n", "")
    assert registry.manifests == {"tag": (MANIFEST, manifest), digest(manifest): (MANIFEST, manifest)}
    assert registry.blobs == {digest(content): content for content in (image.config, *image.layers)}
    assert sent(registry)[-1] == ("PUT", "/v2/test/x/manifests/tag")
    assert all("authorization" not in request.headers for request in registry.requests)
    registry.requests.clear()
    lx("image", "push", "mine:1", f"docker://{registry.host}/test/x:other").succeeds()
    assert sent(registry) == [("PUT", "/v2/test/x/manifests/other")]
    assert len(sent(registry, "HEAD")) == 3


def test_a_name_says_where_to(lx, registry, stored):
    stored()
    name = f"{registry.host}/team/app:7"
    lx("image", "tag", "mine:1", name).succeeds()
    found = lx("image", "push", "-q", name).succeeds().stdout.strip()
    assert registry.manifests["7"][0] == MANIFEST
    lx("image", "push", found).fails("InvalidArgument", "where to")
    lx("image", "push", "-q", found, f"docker://{registry.host}/team/app@{found}").succeeds()
    lx("image", "push", "mine:1", f"docker://{registry.host}/x@sha256:{'0' * 64}").fails("InvalidArgument", "cannot be pushed as")
    lx("image", "push", "mine:1", "registry/x").fails("InvalidArgument", "docker://REF")
    lx("image", "push", "nobody", f"docker://{registry.host}/x").fails("ImageNotFound", "nobody")
    lx("image", "push").fails("InvalidArgument", "NAME")


def test_docker_s_types_stay_what_they_are(lx, registry, stored):
    def edit(image):
        image.manifest["mediaType"] = DOCKER + "distribution.manifest.v2+json"
        image.manifest["config"]["mediaType"] = DOCKER + "container.image.v1+json"
        for layer in image.manifest["layers"]:
            layer["mediaType"] = DOCKER + "image.rootfs.diff.tar.gzip"
    image = stored(edit=edit)
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    assert registry.manifests["latest"] == (image.manifest["mediaType"], to_json(image.manifest))


def test_news_of_a_push_are_plain_lines_without_a_terminal(lx, registry, stored):
    image = stored()
    lines = lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds().stderr.splitlines()
    assert sorted(line.split(",")[0] for line in lines) == sorted(f"{digest(layer)[:19]} sent" for layer in image.layers)
    lines = lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds().stderr.splitlines()
    assert sorted(lines) == sorted(f"{digest(layer)[:19]} is there already" for layer in image.layers)


# What another repository has.

def test_a_layer_of_another_repository_is_mounted(lx, registry, stored):
    image = stored()
    lx("image", "tag", "mine:1", f"{registry.host}/base/image:1").succeeds()
    registry.mountable["base/image"] = {digest(image.layers[0]), digest(image.config)}
    lx("image", "push", "mine:1", f"docker://{registry.host}/team/app").succeeds()
    mounts = {request.query["mount"]: request.query["from"] for request in registry.requests if request.method == "POST"}
    assert mounts == {digest(content): "base/image" for content in (image.config, *image.layers)}
    assert [request.query["digest"] for request in registry.requests if "/uploads/" in request.path and request.method == "PUT"] == \
        [digest(image.layers[1])]


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_mount_that_is_refused_becomes_an_upload(lx, registry, stored, status):
    image = stored()
    lx("image", "tag", "mine:1", f"{registry.host}/base/image:1").succeeds()
    registry.handlers["/uploads/"] = lambda request, wire: wire.bare(status) if "mount" in request.query else "default"
    lx("image", "push", "mine:1", f"docker://{registry.host}/team/app").succeeds()
    assert set(registry.blobs) == {digest(content) for content in (image.config, *image.layers)}


# Large layers.

def parts(registry):
    return [request.headers["content-range"] for request in registry.requests if request.method == "PATCH"]


def test_a_large_layer_goes_in_parts(lx, registry, stored):
    image = stored(LARGE)
    size = len(image.layers[0])
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    assert registry.blobs[digest(image.layers[0])] == image.layers[0]
    assert parts(registry) == [f"0-{CHUNK - 1}", f"{CHUNK}-{2 * CHUNK - 1}", f"{2 * CHUNK}-{size - 1}"]


def test_parts_are_as_large_as_the_registry_wants_them(lx, registry, stored):
    image = stored(LARGE)
    registry.chunk_min = 12 << 20
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    assert parts(registry) == [f"0-{(12 << 20) - 1}", f"{12 << 20}-{len(image.layers[0]) - 1}"]


def test_a_large_layer_goes_on_where_it_broke(lx, registry, stored):
    image = stored(LARGE)
    kept = 5 << 20

    def early(request, reader, wire):
        if request.method != "PATCH" or not request.headers["content-range"].startswith(f"{CHUNK}-"):
            return None
        registry.early = None
        registry.uploads[request.path.split("?")[0]] += reader.read(kept)
        return "close"
    registry.early = early
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    assert registry.blobs[digest(image.layers[0])] == image.layers[0]
    assert [int(part.split("-")[0]) for part in parts(registry)] == \
        [0, CHUNK, CHUNK + kept]
    assert len([request for request in registry.requests if request.method == "POST"]) == 2


def test_an_upload_that_was_forgotten_begins_anew(lx, registry, stored):
    image = stored(LARGE)

    def forget(request, wire):
        if request.method == "PATCH" and registry.uploads.get("forgotten") is None and \
                request.headers["content-range"].startswith(f"{CHUNK}-"):
            registry.uploads.pop(request.path.split("?")[0])
            registry.uploads["forgotten"] = b""
        return "default"
    registry.handlers[""] = forget
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    assert registry.blobs[digest(image.layers[0])] == image.layers[0]
    assert len([part for part in parts(registry) if part.startswith("0-")]) == 2


@pytest.mark.parametrize("location", ["absolute", "relative", "of the path"])
def test_a_place_comes_in_every_form(lx, registry, stored, location):
    image = stored()
    forms = {"absolute": f"{registry.url}/v2/x/blobs/uploads/here?a=b&c=d%2F", "relative": "/v2/x/blobs/uploads/here",
             "of the path": "here?_state=x"}
    registry.uploads["/v2/x/blobs/uploads/here"] = b""

    def begin(request, wire):
        registry.uploads["/v2/x/blobs/uploads/here"] = b""
        return wire.bare(202, ("Location", forms[location]))
    registry.handlers["/uploads/"] = begin
    configure(lx, registry.host, connections_per_host=1)
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    assert set(registry.blobs) == {digest(content) for content in (image.config, *image.layers)}
    if location == "absolute":
        assert all(request.query["a"] == "b" and request.query["c"] == "d/" for request in registry.requests
                   if request.method == "PUT" and "uploads" in request.path)


@pytest.mark.parametrize("status, headers", [(429, [("Retry-After", "0")]), (503, []), (500, []), (408, [])])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
def test_a_busy_registry_is_asked_again(lx, registry, stored, method, status, headers):
    image = stored(LARGE[:9 << 20]) if method == "PATCH" else stored()
    failed = []

    def busy(request, wire):
        if request.method != method or len(failed) >= 2:
            return "default"
        failed.append(request.path)
        return wire.answer(b"", status=status, headers=headers)
    registry.handlers[""] = busy
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    assert len(failed) == 2 and registry.manifests["latest"][1] == to_json(image.manifest)
    assert set(registry.blobs) == {digest(content) for content in (image.config, *image.layers)}


# Who we are.

def login(lx, host):
    file = lx.directory / "auth.json"
    pair = base64.b64encode(b"user:word").decode()
    file.write_text(json.dumps({"auths": {host: {"auth": pair}}}))
    file.chmod(0o600)
    configure(lx, host, auth_file=str(file))
    return f"Basic {pair}"


def test_the_right_to_push_is_asked_for(lx, registry, stored):
    stored()
    lx("image", "tag", "mine:1", f"{registry.host}/base/image:1").succeeds()
    who = login(lx, registry.host)
    registry.wants_token()
    lx("image", "push", "mine:1", f"docker://{registry.host}/team/app").succeeds()
    asked = [request for request in registry.requests if request.path.startswith("/token")]
    assert len(asked) == 1 and asked[0].headers["authorization"] == who
    assert "scope=repository%3Ateam%2Fapp%3Apull%2Cpush&scope=repository%3Abase%2Fimage%3Apull" in asked[0].path
    registry.requests.clear()
    lx("image", "pull", f"{registry.host}/team/app").succeeds()
    assert [request.query["scope"] for request in registry.requests if request.path.startswith("/token")] == \
        ["repository:team/app:pull"]


def test_credentials_stay_with_the_registry_when_a_blob_goes_elsewhere(lx, registry, stored):
    """To another port of the host: other hosts are no loopback, and refused."""
    image = stored()
    other = Registry()
    login(lx, registry.host)
    registry.wants_token()

    def begin(request, wire):
        other.uploads["/store/x/blobs/uploads/1"] = b""
        return wire.bare(202, ("Location", f"{other.url}/store/x/blobs/uploads/1"))
    registry.handlers = {"/uploads/": begin, **registry.handlers}
    configure(lx, registry.host, connections_per_host=1, auth_file=str(lx.directory / "auth.json"))
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    other.stop()
    assert set(other.blobs) == {digest(content) for content in (image.config, *image.layers)}
    assert len(other.requests) == 3 and all("authorization" not in request.headers for request in other.requests)


# What is not what it is called.

@pytest.mark.parametrize("which", ["layer", "large layer", "config", "manifest", "size"])
def test_what_is_broken_in_the_store_is_not_pushed(lx, registry, stored, which):
    image = stored(LARGE if which == "large layer" else b"first" * 1000)
    victim = {"config": image.config, "manifest": to_json(image.manifest)}.get(which, image.layers[0])
    path = lx.data / "images/blobs" / digest(victim).replace(":", "/")
    path.write_bytes(victim[:-1] + (b"" if which == "size" else bytes([victim[-1] ^ 1])))
    lx("image", "push", "-q", "mine:1", f"docker://{registry.host}/x").fails("IntegrityCheckFailed", digest(victim))
    assert digest(victim) not in registry.blobs and registry.manifests == {}
    assert all(victim[-1:] != request.body[-1:] or request.body in (image.config, *image.layers)
               for request in registry.requests if request.body)
    assert not [request for request in registry.requests if request.method == "PATCH"]


def test_a_blob_that_the_registry_has_needs_not_be_here(lx, registry, stored):
    image = stored()
    registry.blobs[digest(image.layers[0])] = image.layers[0]
    (lx.data / "images/blobs" / digest(image.layers[0]).replace(":", "/")).unlink()
    lx("image", "push", "mine:1", f"docker://{registry.host}/x").succeeds()
    lx("image", "push", "mine:1", f"docker://{registry.host}/y").succeeds()
    del registry.blobs[digest(image.layers[0])]
    lx("image", "push", "-q", "mine:1", f"docker://{registry.host}/x").fails("IntegrityCheckFailed", "lacks the blob")


# Several platforms.

def two_platforms(lx):
    """A layout with an index of two images, and an attestation beside them. Returns its documents."""
    ours, theirs = Image(b"ours" * 500), Image(b"theirs" * 500)
    note = Image(b"not a layer")
    note.layers = [b'{"predicate": {}}']
    note.manifest["layers"] = [Image.descriptor("application/vnd.in-toto+json", note.layers[0])]
    index = Image.index(*[Image.descriptor(MANIFEST, to_json(image.manifest)) for image in (ours, theirs, note)])
    index["manifests"][1]["platform"]["architecture"] = "s390x"
    index["manifests"][2]["platform"] = {"architecture": "unknown", "os": "unknown"}
    layout = lx.directory / "platforms"
    ours.write_layout(layout)
    blobs = layout / "blobs/sha256"
    contents = [to_json(index)]
    for image in (ours, theirs, note):
        contents += [image.config, to_json(image.manifest), *image.layers]
    for content in contents:
        (blobs / digest(content).removeprefix("sha256:")).write_bytes(content)
    entry = {**Image.descriptor(INDEX, to_json(index)), "annotations": {"org.opencontainers.image.ref.name": "all"}}
    (layout / "index.json").write_bytes(to_json({"schemaVersion": 2, "manifests": [entry]}))
    return layout, to_json(index), ours, {digest(content): content for content in contents}


def held(registry):
    return {**registry.blobs, **{name: content for name, (_, content) in registry.manifests.items() if ":" in name}}


def layout_blobs(layout):
    return {"sha256:" + path.name: path.read_bytes() for path in (layout / "blobs/sha256").iterdir()}


def test_an_index_goes_as_a_whole_or_for_this_host(lx, registry):
    layout, index, ours, contents = two_platforms(lx)
    configure(lx, registry.host)
    lx("image", "copy", "-q", f"oci:{layout}:all", f"docker://{registry.host}/one").succeeds()
    assert registry.manifests["latest"] == (MANIFEST, to_json(ours.manifest))
    lx("image", "copy", "--all", f"oci:{layout}:all", f"docker://{registry.host}/all").succeeds()
    assert registry.manifests["latest"] == (INDEX, index) and held(registry) == contents
    puts = [path for method, path in sent(registry, "PUT") if "/all/manifests/" in path]
    assert puts[-1] == "/v2/all/manifests/latest" and len(puts) == 4
    # And from there to a layout, an archive and another registry.
    lx("image", "copy", "--all", f"docker://{registry.host}/all", f"oci:{lx.directory}/back:x").succeeds()
    assert layout_blobs(lx.directory / "back") == contents
    lx("image", "copy", "--all", f"docker://{registry.host}/all", f"oci-archive:{lx.directory}/back.tar:x").succeeds()
    other = Registry()
    configure(lx, registry.host, other.host)
    lx("image", "copy", "--all", f"docker://{registry.host}/all", f"docker://{other.host}/there:2").succeeds()
    assert other.manifests["2"] == (INDEX, index) and held(other) == contents
    other.blobs.clear()
    other.manifests.clear()
    lx("image", "copy", "--all", f"oci-archive:{lx.directory}/back.tar:x", f"docker://{other.host}/archive").succeeds()
    other.stop()
    assert held(other) == contents
    assert list((lx.data / "images/downloads").iterdir()) == []
    subprocess.run(["skopeo", "copy", "-q", "--all", f"oci:{lx.directory}/back:x", f"dir:{lx.directory}/skopeo"], check=True)


def test_an_index_in_the_store_goes_with_the_platforms_that_are_held(lx, registry):
    layout, index, ours, contents = two_platforms(lx)
    configure(lx, registry.host)
    lx("image", "import", f"oci:{layout}:all", "mine:1").succeeds()
    subprocess.run(["skopeo", "copy", "-q", "--all", f"oci:{layout}:all", f"oci:{lx.data}/images:docker.io/library/whole:1"],
                   check=True, capture_output=True)
    lx("image", "push", "-q", "whole:1", f"docker://{registry.host}/whole").succeeds()
    assert registry.manifests["latest"] == (INDEX, index) and held(registry) == contents
    theirs = json.loads(index)["manifests"][1]["digest"]
    (lx.data / "images/blobs" / theirs.replace(":", "/")).unlink()
    registry.manifests.clear()
    assert lx("image", "push", "-q", "whole:1", f"docker://{registry.host}/whole").succeeds().stdout == digest(index) + "\n"
    assert theirs not in registry.manifests and registry.manifests["latest"] == (INDEX, index)


# Copies.

def test_a_copy_within_a_registry_sends_nothing(lx, registry):
    image = Image(b"first" * 1000)
    registry.publish(image, "1")
    registry.mountable["from/here"] = {digest(content) for content in (image.config, *image.layers)}
    registry.handlers[digest(image.layers[0])] = lambda request, wire: \
        wire.bare(404) if request.method == "HEAD" else "default"
    registry.handlers[digest(image.config)] = registry.handlers[digest(image.layers[0])]
    configure(lx, registry.host)
    lx("image", "copy", f"docker://{registry.host}/from/here:1", f"docker://{registry.host}/to/there:2").succeeds()
    assert sorted(method for method, path in sent(registry)) == ["POST", "POST", "PUT"]
    assert registry.manifests["2"] == (MANIFEST, to_json(image.manifest))
    assert lx("image", "list", "--format", "json").json == []


def test_what_a_copy_leaves_when_it_is_killed_is_garbage(lx, registry):
    left = lx.data / "images/downloads/.copy-abcdef"
    (left / "layout").mkdir(parents=True)
    (left / "layout/file").write_text("left")
    os.utime(left, (0, 0))
    lx("image", "gc", "--force").succeeds()
    assert not left.exists()


PLACES = ["docker", "oci", "oci-archive", "docker-archive", "store"]


@pytest.mark.parametrize("dest", PLACES)
@pytest.mark.parametrize("source", PLACES)
def test_an_image_goes_from_any_place_to_any_other(lx, registry, stored, source, dest):
    image = stored()

    def place(kind, word):
        return {"docker": f"docker://{registry.host}/{word}:x", "store": f"{word}:x"}.get(kind) or \
            f"{kind}:{lx.directory}/{word}:{word + ':' if kind == 'docker-archive' else ''}x"

    start = place(source, "source")
    lx("image", "copy", "mine:1", start).succeeds()
    lx("image", "copy", start, place(dest, "dest")).succeeds()
    lx("image", "copy", place(dest, "dest"), "end:1").succeeds()
    found = {entry["name"]: entry["digest"] for entry in lx("image", "list", "--format", "json").json}
    if "docker-archive" not in (source, dest):
        assert found["docker.io/library/end:1"] == digest(to_json(image.manifest))
    shown = lx("image", "inspect", "end:1").json
    assert shown["layers"] == json.loads(image.config)["rootfs"]["diff_ids"]
    assert list((lx.data / "images/downloads").iterdir() if (lx.data / "images/downloads").exists() else []) == []
