# SPDX-License-Identifier: MIT
"""What a registry must not be able to do: every case is refused or survived with a clear error, the store
stays as it was, and nobody else learns what is only the registry's to know."""

import base64
import gzip
import json
import os
import pathlib
import subprocess
import time

import pytest

from conftest import PROGRAM, Result
from engine import is_soon
from registry import (CONFIG, INDEX, LAYER, MANIFEST, Authority, Image, Registry, basic, digest,
                      to_json)

MEMORY_KIB = 64 << 10
QUICK = {"timeout": 0.4, "stall_timeout": 0.4}
SECRET = "pass-word-of-the-user"

# The memory of a process that was forked counts as its own: only a small parent can measure.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


class World:
    """Registries, and the command with a configuration that knows them."""

    def __init__(self, lx, authority):
        self.lx, self.authority = lx, authority
        self.registries = []
        self.registry = self.add()
        self.settings = {"insecure": [self.registry.host], "timeout": 20, "stall_timeout": 20, "retries": 1,
                         "retry_wait": 0.1, "auth_file": str(lx.directory / "auth.json")}
        self.name = f"{self.registry.host}/test/image:latest"
        self.image = Image(b"first" * 1000, b"second" * 1000)
        self.write_auth({})

    def add(self, tls=None):
        registry = Registry(tls)
        self.registries.append(registry)
        return registry

    def secure(self, **certificate):
        """Puts a registry with TLS in the place of the plain one."""
        self.registry = self.add(self.authority.context(**certificate))
        self.settings.update(insecure=[], ca=str(self.authority.file))
        self.name = f"{self.registry.host}/test/image:latest"

    def other(self):
        """A second registry that nobody has named."""
        return self.add()

    def write_auth(self, auths):
        file = self.lx.directory / "auth.json"
        file.write_text(json.dumps({"auths": auths}))
        file.chmod(0o600)

    def login(self):
        pair = base64.b64encode(f"user:{SECRET}".encode()).decode()
        self.write_auth({self.registry.host: {"auth": pair}})

    def publish(self, kind=MANIFEST):
        return self.registry.publish(self.image, kind=kind)

    def document(self, content, kind=MANIFEST):
        """Publishes an image whose manifest is answered with `content`."""
        self.publish()
        self.registry.publish_manifest(content, "latest", kind)

    def on(self, end, handler):
        self.publish()
        self.registry.handlers[end] = handler

    def on_manifest(self, handler):
        self.on("/manifests/latest", handler)

    def on_layer(self, handler):
        self.on("/blobs/" + digest(self.image.layers[0]), handler)

    def on_upload(self, method, handler):
        """Answers this method where blobs and manifests are uploaded."""
        self.registry.handlers[""] = lambda request, wire: \
            handler(request, wire) if request.method == method else "default"

    def store(self):
        """Puts the image into the store, to be pushed from there."""
        self.lx("image", "import", self.image.write_layout(self.lx.directory / "layout"), "mine:1").succeeds()

    def pull(self):
        return self.measure("pull", "-q", self.name)

    def push(self):
        return self.measure("push", "-q", "mine:1", "docker://" + self.name)

    def measure(self, *words):
        self.lx.configure({"registries": self.settings})
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.lx.directory)}
        done = subprocess.run(["/usr/bin/python3", "-SEc", MEASURE, *self.lx.arguments("image", *words)],
                              capture_output=True, text=True, errors="surrogateescape", timeout=60, check=False,
                              env=environment, cwd=self.lx.directory)
        lines = done.stderr.splitlines(keepends=True)
        assert int(lines[-1]) <= MEMORY_KIB, done
        return Result(done.returncode, done.stdout, "".join(lines[:-1]))

    def inventory(self):
        """All that the store holds but for what was fetched and nobody took in."""
        data = self.lx.data
        return {str(path.relative_to(data)): path.read_bytes() if path.is_file() else None
                for path in data.rglob("*")
                if "downloads" not in path.parts and path.name != ".lock"} if data.exists() else {}

    def stop(self):
        for registry in self.registries:
            registry.stop()


@pytest.fixture
def world(lx, authority):
    world = World(lx, authority)
    yield world
    world.stop()


def drip(wire, content, every=0.05):
    """Sends a byte at a time until the other side has enough."""
    registry = drip.registry
    for byte in content:
        wire.send(bytes([byte]))
        if registry.stopped.wait(every):
            break
    return "close"


def endless(wire, piece=b"x" * 65536):
    while True:
        wire.chunk(piece)


# Each of these makes one kind of trouble. It returns what the message has to say.

HOSTILE = []


def hostile(error, *words):
    def add(function):
        HOSTILE.append(pytest.param(function, error, words, id=function.__name__))
        return function
    return add


# Bytes that are not those that were announced.

@hostile("IntegrityCheckFailed", "other bytes")
def a_layer_of_other_bytes(world):
    world.on_layer(lambda request, wire: wire.answer(world.image.layers[0][:-1] + b"!"))


@hostile("IntegrityCheckFailed", "other bytes")
def a_config_of_other_bytes(world):
    world.on("/blobs/" + digest(world.image.config), lambda request, wire: wire.answer(b"x" * len(world.image.config)))


@hostile("IntegrityCheckFailed", "whose digest is")
def a_manifest_of_another_digest(world):
    world.publish()
    wanted = digest(b"another")
    world.registry.manifests[wanted] = (MANIFEST, to_json(world.image.manifest))
    world.name = f"{world.registry.host}/test/image@{wanted}"


@hostile("IntegrityCheckFailed", "announces")
def a_layer_announced_shorter(world):
    world.on_layer(lambda request, wire: wire.answer(world.image.layers[0][:-10]))


@hostile("IntegrityCheckFailed", "announces")
def a_layer_announced_longer(world):
    world.on_layer(lambda request, wire: wire.answer(world.image.layers[0] + b"more"))


@hostile("IntegrityCheckFailed", "sends more")
def a_layer_without_end(world):
    def answer(request, wire):
        wire.head(200, ("Transfer-Encoding", "chunked"))
        endless(wire)
    world.on_layer(answer)


@hostile("IntegrityCheckFailed", "where")
def a_layer_in_chunks_that_ends_early(world):
    def answer(request, wire):
        wire.head(200, ("Transfer-Encoding", "chunked"))
        wire.chunk(world.image.layers[0][:20])
        wire.send(b"0\r\n\r\n")
    world.on_layer(answer)


@hostile("DownloadFailed")
def a_layer_that_breaks_off_each_time(world):
    def answer(request, wire):
        wire.head(200, ("Content-Length", len(world.image.layers[0])))
        wire.send(world.image.layers[0][:5])
        return "close"
    world.on_layer(answer)


@hostile("IntegrityCheckFailed", "the config says")
def a_layer_of_other_content_than_the_config_says(world):
    other = Image(b"another content")
    world.image.layers[0] = other.layers[0]
    world.image.manifest["layers"][0] = Image.descriptor(LAYER, other.layers[0])
    world.publish()


@hostile("InvalidFormat", "diff ids")
def a_config_of_fewer_layers(world):
    world.image.manifest["layers"].pop()
    world.publish()


@hostile("ExtractFailed")
def a_layer_that_is_no_archive(world):
    content = b"not compressed, not an archive" * 100
    world.image.layers[0] = content
    world.image.manifest["layers"][0] = Image.descriptor(LAYER, content)
    world.publish()


# Sizes and numbers.

@hostile("InvalidSize")
def a_negative_size(world):
    world.image.manifest["layers"][0]["size"] = -1
    world.publish()


@hostile("InvalidJson", "64 bits")
def a_size_beyond_64_bits(world):
    world.image.manifest["layers"][0]["size"] = 2 ** 64
    world.publish()


@hostile("StorageError", "no room")
def a_layer_of_an_exabyte(world):
    world.image.manifest["layers"][0]["size"] = 2 ** 60
    world.publish()


@hostile("InvalidSize", "two sizes")
def a_blob_of_two_sizes(world):
    first = world.image.manifest["layers"][0]
    world.image.manifest["layers"][1] = {**first, "size": first["size"] + 1}
    world.publish()


@hostile("LimitExceeded", "config")
def a_config_of_a_gigabyte(world):
    world.image.manifest["config"]["size"] = 2 ** 30
    world.publish()


@hostile("LimitExceeded")
def a_manifest_without_end(world):
    def answer(request, wire):
        wire.head(200, ("Content-Type", MANIFEST), ("Transfer-Encoding", "chunked"))
        endless(wire)
    world.on_manifest(answer)


@hostile("LimitExceeded")
def a_manifest_of_five_gigabytes(world):
    def answer(request, wire):
        wire.head(200, ("Content-Type", MANIFEST), ("Content-Length", 5 << 30))
        while True:
            wire.send(b" " * 65536)
    world.on_manifest(answer)


@hostile("LimitExceeded")
def a_manifest_of_501_layers(world):
    world.image.manifest["layers"] *= 251
    world.publish()


@hostile("LimitExceeded")
def an_index_of_1001_manifests(world):
    world.document(Image.index(*[Image.descriptor(MANIFEST, b"x")] * 1001), INDEX)


@hostile("LimitExceeded")
def a_document_nested_too_deep(world):
    world.document(b"[" * 5000 + b"]" * 5000)


@hostile("LimitExceeded", "headers")
def headers_without_end(world):
    def answer(request, wire):
        wire.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            wire.send(b"X-Filler: " + b"y" * 1000 + b"\r\n")
    world.on_manifest(answer)


@hostile("LimitExceeded", "headers")
def interim_responses_without_end(world):
    def answer(request, wire):
        while True:
            wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: " + b"z" * 1000 + b"\r\n\r\n")
    world.on_manifest(answer)


@hostile(("LimitExceeded", "DownloadFailed"))
def a_header_of_a_megabyte(world):
    def answer(request, wire):
        wire.send(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"y" * (1 << 20) + b"\r\n\r\n")
        return "close"
    world.on_manifest(answer)


@hostile("DownloadFailed", "500")
def an_error_without_end(world):
    def answer(request, wire):
        wire.head(500, ("Transfer-Encoding", "chunked"))
        endless(wire)
    world.on_manifest(answer)


# Documents.

@hostile("InvalidJson")
def a_manifest_that_is_no_json(world):
    world.document(b"<html>hello</html>")


@hostile("InvalidJson")
def an_empty_manifest(world):
    world.document(b"")


@hostile("InvalidJson")
def a_key_twice(world):
    world.document(to_json(world.image.manifest)[:-1] + b', "schemaVersion": 2}')


@hostile("InvalidFormat")
def a_manifest_that_is_an_index_too(world):
    world.document({**world.image.manifest, "manifests": []})


@hostile("InvalidFormat", "does not belong")
def an_index_called_a_manifest(world):
    world.document(Image.index(Image.descriptor(MANIFEST, b"x")))


@hostile("InvalidMediaType")
def a_media_type_that_differs_from_the_header(world):
    world.image.manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
    world.publish()


@hostile("InvalidMediaType", "text/html")
def a_page_for_people(world):
    world.document(world.image.manifest, "text/html; charset=utf-8")


@hostile("InvalidMediaType", "(none)")
def no_content_type(world):
    world.document(world.image.manifest, None)


@hostile("InvalidMediaType", "prettyjws")
def schema_1(world):
    world.document({"schemaVersion": 1, "fsLayers": []}, "application/vnd.docker.distribution.manifest.v1+prettyjws")


@hostile("InvalidMediaType", "announced as")
def a_manifest_of_another_type_than_the_index_says(world):
    manifest = to_json(world.image.manifest)
    world.document(Image.index({**Image.descriptor(MANIFEST, manifest),
                                "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}), INDEX)


@hostile("InvalidMediaType", "config")
def a_config_that_is_no_image_s(world):
    world.image.manifest["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    world.publish()


@hostile("InvalidMediaType", "layer")
def an_encrypted_layer(world):
    world.image.manifest["layers"][0]["mediaType"] = LAYER + "+encrypted"
    world.publish()


@hostile("UnsupportedOperation", "sha256")
def a_digest_of_another_algorithm(world):
    world.image.manifest["layers"][0]["digest"] = "sha512:" + "0" * 128
    world.publish()


@hostile("InvalidDigest")
def a_digest_of_an_unknown_algorithm(world):
    world.image.manifest["layers"][0]["digest"] = "md5:" + "0" * 32
    world.publish()


@hostile("InvalidDigest")
def a_digest_that_is_a_path(world):
    world.image.manifest["layers"][0]["digest"] = "sha256:../../../../etc/passwd"
    world.publish()


@hostile("LimitExceeded", "nested")
def indexes_nested_three_deep(world):
    content, kind = to_json(world.image.manifest), MANIFEST
    world.publish()
    for _ in range(3):
        world.registry.publish_manifest(content, None, kind)
        content, kind = to_json(Image.index(Image.descriptor(kind, content))), INDEX
    world.registry.publish_manifest(content, "latest", kind)


@hostile("IntegrityCheckFailed", "whose digest is")
def an_index_in_a_circle(world):
    index = to_json(Image.index(Image.descriptor(INDEX, b"itself")))
    world.document(index, INDEX)
    world.registry.manifests[digest(b"itself")] = (INDEX, index)


@hostile("ImageNotFound", "linux/")
def an_index_without_this_platform(world):
    index = Image.index(Image.descriptor(MANIFEST, b"x"))
    index["manifests"][0]["platform"]["architecture"] = "s390x"
    world.document(index, INDEX)


@hostile("InvalidFormat", "encoded")
def a_compressed_manifest(world):
    bomb = gzip.compress(b" " * (64 << 20))
    world.on_manifest(lambda request, wire: wire.answer(bomb, MANIFEST, headers=[("Content-Encoding", "gzip")]))


@hostile("InvalidFormat", "encoded")
def a_compressed_blob(world):
    world.on_layer(lambda request, wire: wire.answer(world.image.layers[0], headers=[("Content-Encoding", "deflate")]))


@hostile("ImageNotFound", "no such thing")
def an_image_that_is_not_there(world):
    world.registry.manifests.clear()


@hostile("ImageNotFound", "answers with status 404")
def words_that_play_with_the_terminal(world):
    world.on_manifest(lambda request, wire: wire.answer(to_json({"errors": [{"message": "\x1b[2J\x07\x9bgone\r\nproxmox-lxcri: forged"}]}), "text/plain", 404))


@hostile("InvalidMediaType", "application/")
def a_content_type_that_is_no_text(world):
    world.document(b"{}", "application/\x9b\xff")


# Redirects.

def to(target, status=307):
    return lambda request, wire: wire.answer(b"", status=status, headers=[("Location", target)])


@hostile("DownloadFailed", "redirects")
def a_redirect_in_a_circle(world):
    world.on_layer(lambda request, wire: to(request.path)(request, wire))


@hostile("DownloadFailed", "leads nowhere")
def a_redirect_to_nowhere(world):
    world.on_layer(lambda request, wire: wire.answer(b"", status=302))


@hostile("InvalidReference", "user information")
def a_redirect_with_a_user(world):
    world.on_layer(to(f"http://user:word@{world.registry.host}/"))


@hostile("InvalidReference", "no http or https")
def a_redirect_to_a_file(world):
    world.on_layer(to("file:///etc/passwd"))


@hostile("DownloadFailed", "this host or its link")
def a_redirect_to_the_metadata_of_a_cloud(world):
    world.on_manifest(to("http://169.254.169.254/latest/meta-data/"))


@hostile("DownloadFailed", "this host or its link")
def a_redirect_to_this_host_by_another_name(world):
    world.on_manifest(to(f"http://localhost:{world.other().port}/"))


@hostile("DownloadFailed", "this host or its link")
def a_redirect_to_no_address(world):
    world.on_manifest(to(f"http://0.0.0.0:{world.other().port}/"))


@hostile("DownloadFailed", "this host or its link")
def a_redirect_to_this_host_inside_another_family(world):
    world.on_manifest(to(f"http://[::ffff:127.0.0.1]:{world.other().port}/"))


@hostile("DownloadFailed", "without TLS")
def a_redirect_away_from_tls(world):
    other = world.other()
    world.secure()
    world.on_layer(to(other.url + "/blob"))


@hostile("AuthenticationFailed", "wants to know who we are")
def a_redirect_to_who_asks_for_credentials(world):
    other = world.other()
    other.wants_token()
    world.login()
    world.on_layer(to(other.url + "/blob"))


# Who we are.

@hostile("DownloadFailed", "without TLS")
def a_service_without_tls(world):
    other = world.other()
    world.secure()
    world.publish()
    world.registry.wants_token(realm=other.url + "/token")


@hostile("InvalidReference", "user information")
def a_service_with_a_user(world):
    world.publish()
    world.registry.wants_token(realm=f"http://user@{world.registry.host}/token")


@hostile("DownloadFailed", "this host or its link")
def a_service_that_is_the_metadata_of_a_cloud(world):
    world.publish()
    world.registry.wants_token(realm="http://169.254.169.254/token")


@hostile("AuthenticationFailed", "token_services")
def a_service_elsewhere_that_wants_the_password(world):
    world.login()
    world.publish()
    world.registry.wants_token(realm="https://tokens.example/token")


def with_token(answer):
    def prepare(world):
        world.publish()
        world.registry.wants_token()
        world.registry.handlers = {"/token": answer, **{end: handler for end, handler in
                                                        world.registry.handlers.items() if end != "/token"}}
    return prepare


@hostile("AuthenticationFailed", "redirect")
def a_service_that_redirects(world):
    with_token(to("/elsewhere"))(world)


@hostile("LimitExceeded")
def a_token_without_end(world):
    def answer(request, wire):
        wire.head(200, ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"))
        endless(wire)
    with_token(answer)(world)


@hostile("AuthenticationFailed", "no header may have")
def a_token_with_a_header_in_it(world):
    with_token(lambda request, wire: wire.answer({"token": "x\r\nX-Forged: 1"}, "application/json"))(world)


@hostile("AuthenticationFailed", "no token")
def an_answer_without_a_token(world):
    with_token(lambda request, wire: wire.answer({"expires_in": 60}, "application/json"))(world)


@hostile("InvalidJson")
def a_token_that_is_no_json(world):
    with_token(lambda request, wire: wire.answer(b"token", "application/json"))(world)


@hostile("AuthenticationFailed", "denies")
def a_service_that_denies(world):
    with_token(lambda request, wire: wire.answer(b"", status=401))(world)


@hostile("AuthenticationFailed", "does not take")
def a_registry_that_never_takes_the_token(world):
    def ask(request, wire):
        return wire.answer(b"", status=401, headers=[
            ("WWW-Authenticate", f'Bearer realm="{world.registry.url}/token"')])
    world.on_manifest(ask)
    world.registry.handlers["/token"] = lambda request, wire: wire.answer({"token": "t"}, "application/json")


@hostile("AuthenticationFailed", "in no way that is known")
def a_401_that_does_not_say_how(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=401))


@hostile("AuthenticationFailed", "in no way that is known")
def a_scheme_that_is_not_known(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=401, headers=[("WWW-Authenticate", "Negotiate abc==")]))


@hostile("InvalidFormat", "malformed")
def a_malformed_challenge(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=401,
                                                        headers=[("WWW-Authenticate", 'Bearer realm="http://x')]))


@hostile("AuthenticationFailed", "login")
def a_password_that_nobody_gave(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=401, headers=[("WWW-Authenticate", 'Basic realm="x"')]))


@hostile("AuthenticationFailed", "does not take the user name and password")
def a_password_that_is_not_taken(world):
    world.login()
    world.on_manifest(lambda request, wire: wire.answer(b"", status=401, headers=[("WWW-Authenticate", 'Basic realm="x"')]))


@hostile("AuthenticationFailed", "403")
def a_registry_that_forbids(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=403))


# Time and connections.

@hostile("Timeout")
def a_registry_that_says_nothing(world):
    world.settings.update(QUICK)
    world.on_manifest(lambda request, wire: world.registry.stopped.wait(30) and "close")


@hostile("Timeout")
def headers_that_drip(world):
    world.settings.update(QUICK)
    drip.registry = world.registry
    world.on_manifest(lambda request, wire: drip(wire, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000))


@hostile("Timeout")
def a_manifest_that_drips(world):
    world.settings.update(QUICK)
    drip.registry = world.registry

    def answer(request, wire):
        wire.head(200, ("Content-Type", MANIFEST), ("Content-Length", 5000))
        return drip(wire, b" " * 5000)
    world.on_manifest(answer)


@hostile("Timeout")
def a_layer_that_drips(world):
    world.settings.update(QUICK)
    drip.registry = world.registry

    def answer(request, wire):
        wire.head(200, ("Content-Length", len(world.image.layers[0])))
        return drip(wire, world.image.layers[0])
    world.on_layer(answer)


@hostile("DownloadFailed", "wait")
def a_registry_that_asks_for_a_day(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=429, headers=[("Retry-After", "86400")]))


@hostile("DownloadFailed", "wait")
def a_registry_that_asks_for_a_date_far_away(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=503, headers=[
        ("Retry-After", "Fri, 31 Dec 2027 23:59:59 GMT")]))


@hostile("DownloadFailed", "503")
def a_registry_that_is_always_busy(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=503))


@hostile("DownloadFailed", "418")
def a_status_that_nobody_expects(world):
    world.on_manifest(lambda request, wire: wire.answer(b"", status=418))


@hostile("DownloadFailed")
def a_registry_that_hangs_up(world):
    world.on_manifest(lambda request, wire: "close")


@hostile("DownloadFailed")
def an_answer_that_is_no_http(world):
    def answer(request, wire):
        wire.send(b"\x00\x01\x02 hello\r\n\r\n")
        return "close"
    world.on_manifest(answer)


@hostile("DownloadFailed")
def two_content_lengths(world):
    def answer(request, wire):
        wire.head(200, ("Content-Length", 5), ("Content-Length", -7))
        return "close"
    world.on_layer(answer)


@hostile("DownloadFailed", "another part")
def another_part_than_asked_for(world):
    content = world.image.layers[0]

    def answer(request, wire):
        if request.range_from:
            return wire.answer(content[2:], status=206, headers=[
                ("Content-Range", f"bytes 2-{len(content) - 1}/{len(content)}")])
        wire.head(200, ("Content-Length", len(content)))
        wire.send(content[:50])
        return "close"
    world.on_layer(answer)


@hostile("DownloadFailed", "another part")
def a_part_that_nobody_asked_for(world):
    content = world.image.layers[0]
    world.on_layer(lambda request, wire: wire.answer(content, status=206, headers=[
        ("Content-Range", f"bytes 0-{len(content) - 1}/{len(content)}")]))


# TLS.

@hostile("DownloadFailed", "certificate")
def a_certificate_of_nobody_s(world):
    world.secure()
    del world.settings["ca"]
    world.publish()


@hostile("DownloadFailed", "certificate")
def a_certificate_for_another_host(world):
    world.secure(name="elsewhere", names="DNS:registry.example")
    world.publish()


@hostile("DownloadFailed")
def a_registry_without_tls(world):
    world.settings["insecure"] = []
    world.publish()


@pytest.mark.parametrize("prepare, error, words", HOSTILE)
def test_a_hostile_registry_is_refused(world, prepare, error, words):
    prepare(world)
    before = world.inventory()
    result = world.pull()
    errors = error if isinstance(error, tuple) else (error,)
    assert result.code == 1 and result.error in errors, result
    assert result.stdout == "" and result.stderr.count("\n") == 1, result
    assert result.stderr[:-1].isprintable(), result
    for word in words:
        assert word in result.message, result
    assert SECRET not in result.stderr
    after = world.inventory()
    for path in before.keys() - after.keys():
        assert False, f"{path} is gone"
    assert not [path for path in after if "sha256/" in path or "layers/" in path or "index.json" in path], after
    for registry in world.registries:
        for request in registry.requests:
            assert registry is world.registry or "authorization" not in request.headers


# What a registry must not get from who pushes, nor make it do. The image is in the store by then.

HOSTILE_TO_PUSH = []


def hostile_to_push(error, *words, large=False):
    def add(function):
        HOSTILE_TO_PUSH.append(pytest.param(function, error, words, large, id=function.__name__))
        return function
    return add


def place_at(target, status=202):
    return lambda request, wire: wire.bare(status, ("Location", target))


@hostile_to_push("DownloadFailed", "redirects")
def uploads_redirected_in_a_circle(world):
    world.on_upload("POST", lambda request, wire: place_at(request.path, 307)(request, wire))


@hostile_to_push("DownloadFailed", "redirects")
def manifests_redirected_in_a_circle(world):
    world.registry.handlers["/manifests/latest"] = place_at("/v2/test/image/manifests/latest", 308)


@hostile_to_push("DownloadFailed", "status 302")
def an_upload_that_a_redirect_would_make_a_get(world):
    world.on_upload("POST", place_at("/elsewhere", 302))


@hostile_to_push("DownloadFailed", "names no address")
def a_place_that_is_not_named(world):
    world.on_upload("POST", lambda request, wire: wire.bare(202))


@hostile_to_push("DownloadFailed", "this host or its link")
def a_place_at_the_metadata_of_a_cloud(world):
    world.on_upload("POST", place_at("http://169.254.169.254/latest/"))


@hostile_to_push("DownloadFailed", "this host or its link")
def a_place_on_this_host_by_another_name(world):
    world.on_upload("POST", place_at(f"http://localhost:{world.other().port}/v2/x/blobs/uploads/1"))


@hostile_to_push("AuthenticationFailed", "wants to know who we are")
def a_place_of_another_s_that_asks_for_the_password(world):
    other = world.other()
    other.wants_token()
    world.login()
    world.on_upload("POST", place_at(f"{other.url}/v2/x/blobs/uploads/1"))


@hostile_to_push("DownloadFailed", "without TLS")
def a_place_away_from_tls(world):
    other = world.other()
    world.secure()
    world.on_upload("POST", place_at(f"{other.url}/v2/x/blobs/uploads/1"))


@hostile_to_push("DownloadFailed", "from TLS")
def a_place_away_from_tls_at_a_registry_that_may_do_without(world):
    other = world.other()
    world.secure()
    world.settings["insecure"] = [world.registry.host]
    world.on_upload("POST", place_at(f"{other.url}/v2/x/blobs/uploads/1"))


@hostile_to_push("InvalidReference", "no http or https")
def a_place_that_is_a_file(world):
    world.on_upload("POST", place_at("file:///etc/passwd"))


@hostile_to_push("InvalidReference", "user information")
def a_place_with_a_user(world):
    world.on_upload("POST", place_at(f"http://user:word@{world.registry.host}/v2/x"))


@hostile_to_push("LimitExceeded")
def a_place_of_any_length(world):
    world.on_upload("POST", place_at("/v2/x?" + "y" * 20000))


@hostile_to_push("DownloadFailed", "status 201")
def an_upload_that_is_done_before_it_began(world):
    world.on_upload("POST", lambda request, wire: wire.bare(201))


@hostile_to_push("DownloadFailed", "bytes of the blob where", large=True)
def more_bytes_than_were_sent(world):
    world.on_upload("PATCH", lambda request, wire: wire.bare(202, ("Location", request.path), ("Range", "0-99999999")))


@hostile_to_push("DownloadFailed", "does not keep", large=True)
def bytes_that_are_never_kept(world):
    world.on_upload("PATCH", lambda request, wire: wire.bare(202, ("Location", request.path), ("Range", "0-0")))


@hostile_to_push("DownloadFailed", "status 416", large=True)
def parts_that_are_never_right(world):
    world.on_upload("PATCH", lambda request, wire: wire.bare(416, ("Range", "0-4")))


@hostile_to_push("ImageNotFound", "404", large=True)
def uploads_that_are_forgotten_at_once(world):
    world.on_upload("PATCH", lambda request, wire: wire.bare(404))


@hostile_to_push("DownloadFailed", large=True)
def parts_that_always_break_off(world):
    def early(request, reader, wire):
        return reader.read(1000) and "close" if request.method == "PATCH" else None
    world.registry.early = early


@hostile_to_push("LimitExceeded", "413", "too much for us", large=True)
def a_layer_that_is_too_large(world):
    world.on_upload("PATCH", lambda request, wire: wire.answer({"errors": [{"message": "too much for us"}]}, status=413))


@hostile_to_push("IntegrityCheckFailed", "says that it is")
def a_blob_that_became_another(world):
    world.on_upload("PUT", lambda request, wire: wire.bare(201, ("Docker-Content-Digest", digest(b"another"))))


@hostile_to_push("IntegrityCheckFailed", "says that it is")
def a_manifest_that_became_another(world):
    world.registry.handlers["/manifests/latest"] = \
        lambda request, wire: wire.bare(201, ("Docker-Content-Digest", digest(b"another")))


@hostile_to_push("DownloadFailed", "status 200")
def a_page_for_people_instead_of_an_upload(world):
    world.on_upload("PUT", lambda request, wire: wire.answer(b"<html>please log in</html>", "text/html"))


@hostile_to_push("DownloadFailed", "400", "digest invalid")
def a_blob_that_is_never_right(world):
    world.on_upload("PUT", lambda request, wire: wire.answer({"errors": [{"message": "digest invalid"}]}, status=400))


@hostile_to_push("DownloadFailed", "400", "manifest invalid")
def a_manifest_that_is_never_right(world):
    world.registry.handlers["/manifests/latest"] = \
        lambda request, wire: wire.answer({"errors": [{"message": "manifest invalid"}]}, status=400)


@hostile_to_push("DownloadFailed", "400")
def words_of_a_refusal_that_play_with_the_terminal(world):
    world.on_upload("POST", lambda request, wire: wire.answer({"errors": [{"message": "\x1b[2J\r\nforged"}]}, status=400))


@hostile_to_push("AuthenticationFailed", "does not take")
def a_token_that_is_never_taken_for_a_push(world):
    world.on_upload("POST", lambda request, wire: wire.bare(
        401, ("WWW-Authenticate", f'Bearer realm="{world.registry.url}/token"')))
    world.registry.handlers = {"/token": lambda request, wire: wire.answer({"token": "t"}, "application/json"),
                               **world.registry.handlers}


@hostile_to_push("AuthenticationFailed", "does not take the user name and password")
def a_password_that_is_not_taken_for_a_push(world):
    world.login()
    world.on_upload("PUT", lambda request, wire: wire.bare(401, ("WWW-Authenticate", 'Basic realm="x"')))


@hostile_to_push("AuthenticationFailed", "token_services")
def a_service_elsewhere_that_wants_the_password_for_a_push(world):
    world.login()
    world.registry.wants_token(realm="https://tokens.example/token")


@hostile_to_push("AuthenticationFailed", "403")
def a_registry_that_lets_nobody_push(world):
    world.on_upload("POST", lambda request, wire: wire.bare(403))


@hostile_to_push("DownloadFailed", "wait")
def a_registry_that_asks_who_pushes_for_a_day(world):
    world.on_upload("POST", lambda request, wire: wire.bare(429, ("Retry-After", "86400")))


@hostile_to_push("DownloadFailed", "503")
def a_registry_that_is_always_busy_at_the_end(world):
    world.on_upload("PUT", lambda request, wire: wire.bare(503))


@hostile_to_push("Timeout")
def a_registry_that_never_says_whether_it_has_a_blob(world):
    world.settings.update(QUICK)
    world.on_upload("HEAD", lambda request, wire: world.registry.stopped.wait(30) and "close")


@hostile_to_push("Timeout")
def a_registry_that_never_says_that_it_took_it(world):
    world.settings.update(QUICK)
    world.on_upload("PUT", lambda request, wire: world.registry.stopped.wait(30) and "close")


@hostile_to_push("Timeout", "took less", large=True)
def a_registry_that_stops_reading(world):
    world.settings.update(QUICK)

    def early(request, reader, wire):
        return world.registry.stopped.wait(30) and "close" if request.method == "PATCH" else None
    world.registry.early = early


@hostile_to_push("LimitExceeded", "answer has more")
def a_success_with_words_without_end(world):
    def answer(request, wire):
        wire.head(202, ("Location", "/v2/x"), ("Transfer-Encoding", "chunked"))
        endless(wire)
    world.on_upload("POST", answer)


@hostile_to_push("DownloadFailed", "500")
def a_refusal_with_words_without_end(world):
    def answer(request, wire):
        wire.head(500, ("Transfer-Encoding", "chunked"))
        endless(wire)
    world.on_upload("PUT", answer)


@hostile_to_push("DownloadFailed")
def a_success_that_breaks_off(world):
    def answer(request, wire):
        wire.head(201, ("Content-Length", 50))
        wire.send(b"short")
        return "close"
    world.on_upload("PUT", answer)


@hostile_to_push("LimitExceeded", "headers")
def headers_without_end_for_who_pushes(world):
    def answer(request, wire):
        wire.send(b"HTTP/1.1 201 Created\r\n")
        while True:
            wire.send(b"X-Filler: " + b"y" * 1000 + b"\r\n")
    world.on_upload("PUT", answer)


@hostile_to_push("DownloadFailed")
def an_answer_to_a_push_that_is_no_http(world):
    def answer(request, wire):
        wire.send(b"\x00\x01\x02 hello\r\n\r\n")
        return "close"
    world.on_upload("POST", answer)


@hostile_to_push("DownloadFailed", "certificate")
def a_certificate_of_nobody_s_for_who_pushes(world):
    world.secure()
    del world.settings["ca"]


@pytest.mark.parametrize("prepare, error, words, large", HOSTILE_TO_PUSH)
def test_a_hostile_registry_gets_nothing_it_should_not(world, prepare, error, words, large):
    if large:
        world.image = Image(os.urandom(9 << 20))
    world.store()
    before = world.inventory()
    prepare(world)
    start = time.monotonic()
    result = world.push()
    assert is_soon(start, 5)
    assert result.code == 1 and result.error == error, result
    assert result.stdout == "" and result.stderr.count("\n") == 1, result
    assert result.stderr[:-1].isprintable() and SECRET not in result.stderr, result
    for word in words:
        assert word in result.message, result
    assert world.inventory() == before
    assert "latest" not in world.registry.manifests
    for registry in world.registries:
        for request in registry.requests:
            assert registry is world.registry or "authorization" not in request.headers
            assert request.body in (b"", world.image.config, to_json(world.image.manifest)) or \
                any(request.body in layer for layer in world.image.layers)
