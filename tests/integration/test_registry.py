# SPDX-License-Identifier: MIT
"""Images come from registries: from Debian's, and from one that has bad days."""

import base64
import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import threading
import time

import pytest

from engine import IMAGES
from hub import HTPASSWD, PASSWORD, Hub
from registry import (INDEX, MANIFEST, Authority, Image, Registry, basic, digest, to_json)

@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path / "hub")
    yield hub
    hub.stop()


@pytest.fixture
def locked_hub(tmp_path):
    hub = Hub(tmp_path / "locked-hub", HTPASSWD)
    yield hub
    hub.stop()


@pytest.fixture
def registry():
    registry = Registry()
    yield registry
    registry.stop()


def configure(lx, *hosts, **settings):
    lx.configure({"registries": {"insecure": list(hosts), "timeout": 20, "stall_timeout": 20, "retries": 2,
                                 "retry_wait": 0.1, **settings}})


def blobs(layout):
    return {path.name: path.read_bytes() for path in (layout / "blobs/sha256").iterdir()}


def write_auth(lx, document, mode=0o600):
    file = lx.directory / "auth.json"
    file.write_text(json.dumps(document))
    file.chmod(mode)
    return str(file)


def login_of(host, user="user", password="word"):
    return {"auths": {host: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}}}


# Debian's registry.

@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_what_is_pulled_is_what_skopeo_copies(lx, hub, form, tmp_path):
    name = hub.push(f"oci:{IMAGES}/debian-mini:latest", "test/mini:1", "--format", form)
    configure(lx, hub.host)
    result = lx("image", "pull", "-q", name).succeeds()
    raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"],
                         check=True, capture_output=True).stdout
    assert result.stdout == digest(raw) + "\n" and result.stderr == ""
    subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path}/copy"],
                   check=True, capture_output=True)
    copied = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir() if len(path.name) == 64}
    ours = blobs(lx.data / "images")
    assert ours == {**copied, digest(raw).removeprefix("sha256:"): raw}
    assert list((lx.data / "images/downloads").iterdir()) == []
    assert [image["name"] for image in lx("image", "list", "--format", "json").json] == [name]


def test_skopeo_reads_what_was_pulled(lx, hub, tmp_path):
    name = hub.push(f"oci:{IMAGES}/busybox:latest", "test/box")
    configure(lx, hub.host)
    lx("image", "pull", name).succeeds()
    subprocess.run(["skopeo", "copy", "-q", f"oci:{lx.data}/images:{name}:latest", f"dir:{tmp_path}/out"],
                   check=True, capture_output=True)


def test_an_image_is_pulled_when_a_container_needs_it(any_engine, hub):
    name = hub.push(f"oci:{IMAGES}/busybox:latest", "test/box")
    config = any_engine.data.parent / "config.json"
    config.write_text(json.dumps({"registries": {"insecure": [hub.host], "retries": 0, "timeout": 20}}))

    def run(*flags, image=name):
        return any_engine("run", "--rm", *flags, image, "echo", "ran", env={"PROXMOX_LXCRI_CONFIG": str(config)})

    run("--pull", "never").fails("ImageNotFound", name, code=125)
    assert run().ok().out == "ran\n"
    assert run("--pull", "always").ok().out == "ran\n"
    assert run(image=f"docker://{name}").ok().out == "ran\n"
    hub.stop()
    assert run().ok().out == "ran\n"
    assert run("--pull", "never").ok().out == "ran\n"
    newer = run("--pull", "newer").ok()
    assert newer.out == "ran\n" and "the stored image is used" in newer.err
    run("--pull", "always").fails("DownloadFailed", name, code=125)
    run("--pull", "often").fails("InvalidArgument", "--pull", "often", code=125)
    run("--pull", "newer", image=name + "2").fails("DownloadFailed", name, code=125)


def test_login_keeps_what_the_registry_accepts(lx, locked_hub):
    file = lx.directory / "secret" / "auth.json"
    host = locked_hub.host
    name = locked_hub.push(f"oci:{IMAGES}/busybox:latest", "test/box", "--dest-creds", f"user:{PASSWORD}")
    file.parent.mkdir()
    file.write_text("{}")
    file.chmod(0o600)
    configure(lx, host, auth_file=str(file))
    lx("image", "pull", name).fails("AuthenticationFailed", f"proxmox-lxcri login {host}")
    lx("login", "-u", "user", "--password-stdin", host, input="wrong\n").fails("AuthenticationFailed", host)
    assert json.loads(file.read_text()) == {}
    lx("login", "-u", "user", "--password-stdin", host, input=PASSWORD + "\n").succeeds()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == login_of(host, "user", PASSWORD)
    lx("image", "pull", name).succeeds()
    skopeo = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", "--authfile", file, f"docker://{name}"],
                            check=False, capture_output=True)
    assert skopeo.returncode == 0, skopeo
    lx("logout", host).succeeds()
    assert json.loads(file.read_text()) == {"auths": {}}
    lx("image", "pull", name).fails("AuthenticationFailed")
    lx("logout", host).fails("InvalidArgument", host)
    lx("login", "--password-stdin", host, input="x").fails("InvalidArgument", "--username")
    lx("login", "-u", "user", host, input="x").fails("InvalidArgument", "terminal")
    lx("login", "-u", "user", "--password-stdin", "a/b", input="x").fails("InvalidArgument", "a/b")


# Bad days, survived.

def test_blobs_that_are_there_are_not_fetched_again(lx, registry):
    one, two = Image(b"shared", b"own"), Image(b"shared", b"other")
    configure(lx, registry.host)
    first = registry.publish(one, "one")
    registry.publish(two, "two")
    assert lx("image", "pull", f"{registry.host}/x:one").succeeds().stdout == first + "\n"
    assert len(registry.paths("/blobs/")) == 3
    lx("image", "pull", f"{registry.host}/x:one").succeeds()
    assert len(registry.paths("/blobs/")) == 3
    lx("image", "pull", f"{registry.host}/x:two").succeeds()
    assert len(registry.paths("/blobs/")) == 5
    assert registry.paths("/blobs/" + digest(one.layers[0])) == [f"/v2/x/blobs/{digest(one.layers[0])}"]


def test_news_of_a_pull_are_plain_lines_without_a_terminal(lx, registry):
    image = Image(b"one", b"two")
    configure(lx, registry.host)
    registry.publish(image)
    lines = lx("image", "pull", f"{registry.host}/x").succeeds().stderr.splitlines()
    assert sorted(line.split(" ", 1)[0] for line in lines) == sorted(digest(layer)[:19] for layer in image.layers)
    assert all(" fetched, " in line for line in lines)
    lines = lx("image", "pull", f"{registry.host}/x").succeeds().stderr.splitlines()
    assert all(line.endswith(" is here already") for line in lines) and len(lines) == 2


def broken_once(registry, content, sent):
    """Answers once with the first @sent bytes and then nothing more."""
    state = {"broken": False}

    def answer(request, wire):
        if state["broken"]:
            return "default"
        state["broken"] = True
        wire.head(200, ("Content-Length", len(content)))
        wire.send(content[:sent])
        return "close"

    registry.handlers["/blobs/" + digest(content)] = answer


def ranges(registry, content):
    return [request.headers.get("range") for request in registry.requests
            if request.path.endswith("/blobs/" + digest(content))]


def test_a_broken_connection_goes_on_where_it_broke(lx, registry):
    image = Image(os.urandom(200_000))
    layer = image.layers[0]
    configure(lx, registry.host)
    registry.publish(image)
    broken_once(registry, layer, 150_000)
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert ranges(registry, layer) == [None, "bytes=150000-"]


def test_a_registry_that_ignores_ranges_sends_all_again(lx, registry):
    image = Image(os.urandom(200_000))
    layer = image.layers[0]
    configure(lx, registry.host)
    registry.publish(image)
    registry.send_blob = lambda request, wire, content: wire.answer(content)
    broken_once(registry, layer, 150_000)
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert ranges(registry, layer) == [None, "bytes=150000-"]


def test_a_registry_that_cannot_go_on_begins_anew(lx, registry):
    image = Image(os.urandom(200_000))
    layer = image.layers[0]
    configure(lx, registry.host)
    registry.publish(image)
    registry.send_blob = lambda request, wire, content: (
        wire.answer(b"", status=416) if request.range_from else wire.answer(content))
    broken_once(registry, layer, 150_000)
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert ranges(registry, layer) == [None, "bytes=150000-", None]


@pytest.mark.parametrize("status, headers", [(429, [("Retry-After", "0")]), (503, []), (500, []), (408, [])])
def test_a_busy_registry_is_asked_again(lx, registry, status, headers):
    image = Image(b"content")
    configure(lx, registry.host)
    registry.publish(image)
    busy = [1, 1]
    registry.handlers["/manifests/latest"] = lambda request, wire: (
        wire.answer(b"", status=status, headers=headers) if busy and busy.pop() else "default")
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert len(registry.paths("/manifests/")) == 3


def test_what_a_killed_pull_fetched_stays_for_the_next(lx, registry):
    image = Image(os.urandom(100_000), os.urandom(3_000_000))
    large = image.layers[1]
    arrived = threading.Event()
    configure(lx, registry.host)
    registry.publish(image)

    def answer(request, wire):
        if arrived.is_set():
            return "default"
        wire.head(200, ("Content-Length", len(large)))
        wire.send(large[:2_000_000])
        arrived.set()
        registry.stopped.wait(60)
        return "close"

    registry.handlers["/blobs/" + digest(large)] = answer
    child = lx.start("image", "pull", f"{registry.host}/x", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                     start_new_session=True)
    whole, partial = (lx.data / "images/downloads" / digest(layer).removeprefix("sha256:")
                      for layer in image.layers)
    assert arrived.wait(30)
    deadline = time.monotonic() + 30
    while not all(path.exists() and path.stat().st_size >= size
                  for path, size in ((whole, len(image.layers[0])), (partial, 2_000_000))):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)
    child.communicate()
    assert child.returncode != 0 and not (lx.data / "images/index.json").exists()
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert ranges(registry, large) == [None, "bytes=2000000-"]
    assert len(ranges(registry, image.layers[0])) == 1


def test_a_damaged_download_is_fetched_anew(lx, registry):
    image = Image(os.urandom(100_000))
    configure(lx, registry.host)
    registry.publish(image)
    downloads = lx.data / "images/downloads"
    downloads.mkdir(parents=True)
    (downloads / digest(image.layers[0]).removeprefix("sha256:")).write_bytes(b"\0" * 50_000)
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert ranges(registry, image.layers[0]) == ["bytes=50000-", None]


def test_a_whole_download_with_other_bytes_is_fetched_anew(lx, registry):
    """A file system may have put its length on the disk before its content, when the power went."""
    image = Image(os.urandom(100_000))
    configure(lx, registry.host)
    registry.publish(image)
    downloads = lx.data / "images/downloads"
    downloads.mkdir(parents=True)
    (downloads / digest(image.layers[0]).removeprefix("sha256:")).write_bytes(bytes(len(image.layers[0])))
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert ranges(registry, image.layers[0]) == [None]


def test_two_who_pull_the_same_image_fetch_nothing_twice(lx, registry):
    image = Image(os.urandom(500_000), os.urandom(400_000), os.urandom(300_000))
    both = threading.Event()
    configure(lx, registry.host)
    registry.publish(image)
    seen = []

    def manifest(request, wire):
        seen.append(request)
        if len(seen) == 2:
            both.set()
        both.wait(20)
        return "default"

    registry.handlers["/manifests/latest"] = manifest
    children = [lx.start("image", "pull", "-q", f"{registry.host}/x", stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0] and outputs[0] == outputs[1]
    for content in (image.config, *image.layers):
        assert len(registry.paths("/blobs/" + digest(content))) == 1
    assert list((lx.data / "images/downloads").iterdir()) == []


def test_who_waits_for_a_layer_keeps_no_other(lx, registry):
    """Otherwise two of them may wait for each other."""
    image = Image(b"one", b"two")
    configure(lx, registry.host)
    registry.publish(image)
    downloads = lx.data / "images/downloads"
    downloads.mkdir(parents=True)
    first, second = (downloads / digest(layer).removeprefix("sha256:") for layer in image.layers)
    with open(first, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        child = lx.start("image", "pull", "-q", f"{registry.host}/x")
        deadline = time.monotonic() + 20
        while not second.exists() or second.stat().st_size < len(image.layers[1]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with open(second, "rb") as other:
            while True:
                try:
                    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    assert time.monotonic() < deadline, "the lock is kept"
                    time.sleep(0.02)
    assert child.wait(timeout=60) == 0


def test_the_manifest_for_this_platform_is_taken(lx, registry):
    image, other = Image(b"ours"), Image(b"theirs")
    ours = registry.publish(image, None)
    theirs = registry.publish(other, None)
    index = Image.index(Image.descriptor(MANIFEST, to_json(other.manifest)),
                        Image.descriptor(MANIFEST, to_json(image.manifest)))
    index["manifests"][0]["platform"]["architecture"] = "s390x"
    nested = Image.index(Image.descriptor(INDEX, to_json(index)))
    registry.publish_manifest(index, None, INDEX)
    whole = registry.publish_manifest(nested, "latest", INDEX)
    configure(lx, registry.host)
    assert lx("image", "pull", "-q", f"{registry.host}/x").succeeds().stdout == ours + "\n"
    assert not registry.paths(theirs)
    name = f"{registry.host}/x@{whole}"
    assert lx("image", "pull", "-q", name).succeeds().stdout == ours + "\n"
    assert lx("image", "inspect", name).json["digest"] == ours


# Who we are, and who is told.

def test_a_token_is_asked_for_and_renewed(lx, registry):
    image = Image(b"one", b"two")
    configure(lx, registry.host)
    registry.publish(image)
    registry.wants_token(token="first")
    tokens = iter(["first", "second", "third"])
    valid = []

    def give(request, wire):
        valid[:] = [next(tokens)]
        wire.answer({"token": valid[0], "expires_in": 60}, "application/json")

    def ask(request, wire):
        if "/blobs/" in request.path and valid == ["first"]:
            valid[:] = ["expired"]
        if request.path.startswith("/token") or request.headers.get("authorization") == f"Bearer {valid[0] if valid else ''}":
            return "default"
        return wire.answer(b"", status=401, headers=[
            ("WWW-Authenticate", f'Bearer realm="{registry.url}/token",service="here",scope="repository:other:push"')])

    registry.handlers = {"/token": give, "": ask}
    lx("image", "pull", f"{registry.host}/lib/x").succeeds()
    asked = registry.paths("/token?")
    assert len(asked) == 2 and set(asked) == {"/token?service=here&scope=repository%3Alib%2Fx%3Apull"}


def test_credentials_go_to_the_registry_alone(lx, registry):
    """A redirect to another port is one to somebody else."""
    elsewhere = Registry()
    image = Image(b"content")
    layer = digest(image.layers[0])
    elsewhere.handlers["/store"] = lambda request, wire: wire.answer(image.layers[0])
    registry.publish(image)
    registry.wants_token(token="given")
    registry.handlers["/token"] = lambda request, wire: wire.answer({"token": "given"}, "application/json")
    ask = registry.handlers.pop("")

    def send_away(request, wire):
        if (result := ask(request, wire)) != "default":
            return result
        return wire.answer(b"", status=307, headers=[("Location", f"{elsewhere.url}/store?signature=1"),
                                                     ("Set-Cookie", "tracker=1; Path=/")])

    registry.handlers["/blobs/" + layer] = send_away
    registry.handlers[""] = ask
    configure(lx, registry.host, auth_file=write_auth(lx, login_of(registry.host)))
    lx("image", "pull", f"{registry.host}/x").succeeds()
    elsewhere.stop()
    assert [request.headers.get("authorization") for request in elsewhere.requests] == [None]
    told = {request.path.split("?")[0]: request.headers.get("authorization") for request in registry.requests}
    assert told["/token"] == basic("user", "word") and told["/v2/x/blobs/" + layer] == "Bearer given"
    assert not [request for request in registry.requests + elsewhere.requests if "cookie" in request.headers]


def test_a_service_elsewhere_gets_credentials_where_the_user_says_so(lx, tmp_path):
    authority = Authority(tmp_path / "ca")
    registry, service = Registry(authority.context("one")), Registry(authority.context("two"))
    registry.publish(Image(b"content"))
    registry.wants_token(realm=f"https://localhost:{service.port}/token")
    settings = {"ca": str(authority.file), "auth_file": write_auth(lx, login_of(registry.host))}
    configure(lx, **settings)
    lx("image", "pull", f"{registry.host}/x").fails("AuthenticationFailed", "token_services", "localhost")
    # The service is asked only where it could be reached from elsewhere as well.
    configure(lx, **settings, token_services={registry.host: ["localhost"]})
    lx("image", "pull", f"{registry.host}/x").fails("DownloadFailed", "this host or its link")
    registry.stop()
    service.stop()
    assert service.requests == []


def test_an_identity_token_is_exchanged(lx, registry):
    registry.publish(Image(b"content"))
    registry.wants_token(token="given")
    auth = {"auths": {registry.host: {"identitytoken": "who+I am"}}}
    configure(lx, registry.host, auth_file=write_auth(lx, auth))
    lx("image", "pull", f"{registry.host}/x").succeeds()
    [asked] = [request for request in registry.requests if request.path == "/token"]
    assert asked.method == "POST" and "authorization" not in asked.headers
    assert b"grant_type=refresh_token" in asked.body and b"refresh_token=who%2BI%20am" in asked.body


def test_a_helper_knows_the_password(lx, registry):
    image = Image(b"content")
    registry.publish(image)
    registry.handlers[""] = lambda request, wire: (
        "default" if request.headers.get("authorization") == basic("helped", "secret") else
        wire.answer(b"", status=401, headers=[("WWW-Authenticate", 'Basic realm="x"')]))
    programs = lx.directory / "bin"
    programs.mkdir()
    helper = programs / "docker-credential-test"
    helper.write_text('#!/bin/sh\n[ "$1" = get ] || exit 3\nread server\n'
                      'printf \'{"ServerURL":"%s","Username":"helped","Secret":"secret"}\' "$server"\n')
    helper.chmod(0o755)
    configure(lx, registry.host, auth_file=write_auth(lx, {"credHelpers": {registry.host: "test"}}))
    path = {"PATH": f"{programs}:{os.environ['PATH']}"}
    lx("image", "pull", f"{registry.host}/x", env=path).succeeds()
    helper.write_text("#!/bin/sh\necho no key to the safe\nexit 1\n")
    lx("image", "pull", f"{registry.host}/x", env=path).fails("AuthenticationFailed", "docker-credential-test", "safe")
    helper.unlink()
    lx("image", "pull", f"{registry.host}/x", env=path).fails("CommandNotFound", "docker-credential-test")


def test_other_programs_files_are_read(lx, registry):
    registry.publish(Image(b"content"))
    registry.handlers[""] = lambda request, wire: (
        "default" if request.headers.get("authorization") == basic("user", "word") else
        wire.answer(b"", status=401, headers=[("WWW-Authenticate", 'Basic realm="x"')]))
    configure(lx, registry.host)
    name = f"{registry.host}/x"
    home = lx.directory / "home"
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(lx.directory / "run")}
    lx("image", "pull", name, env=environment).fails("AuthenticationFailed", "login")
    for file in (".docker/config.json", ".config/containers/auth.json", "../run/containers/auth.json"):
        path = home / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(login_of(f"https://{registry.host}/v1/")))
        path.chmod(0o600)
        lx("image", "pull", name, env=environment).succeeds()
        path.unlink()


def test_a_file_of_secrets_that_others_can_read_is_refused(lx, registry):
    registry.publish(Image(b"content"))
    configure(lx, registry.host)
    file = lx.directory / ".docker/config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(login_of(registry.host)))
    file.chmod(0o644)
    lx("image", "pull", f"{registry.host}/x", env={"HOME": str(lx.directory)}).fails("InvalidConfig", "chmod 600", str(file))


# Mirrors and certificates.

def test_mirrors_are_asked_first(lx, registry):
    mirror, empty = Registry(), Registry()
    image = Image(b"content")
    registry.publish(image)
    mirror.publish(image)
    settings = {"mirrors": {registry.host: [empty.host, f"{mirror.host}/cache"]}}
    configure(lx, registry.host, mirror.host, empty.host, **settings)
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert empty.paths("/manifests/") == ["/v2/x/manifests/latest"]
    assert mirror.paths("/manifests/") == ["/v2/cache/x/manifests/latest"]
    assert registry.requests == []
    mirror.stop()
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert registry.paths("/manifests/") == ["/v2/x/manifests/latest"]
    empty.stop()


@pytest.mark.parametrize("settings", [lambda host, file: {"ca": file}, lambda host, file: {"ca_files": {host: file}}])
def test_a_certificate_of_one_s_own_authority(lx, tmp_path, settings):
    authority = Authority(tmp_path / "ca")
    registry = Registry(authority.context())
    registry.publish(Image(b"content"))
    configure(lx, **settings(registry.host, str(authority.file)))
    lx("image", "pull", f"{registry.host}/x").succeeds()
    configure(lx)
    lx("image", "pull", f"{registry.host}/x").fails("DownloadFailed", "certificate")
    registry.stop()


# Names.

def test_a_short_name_means_what_the_configuration_says(lx, registry):
    first = Registry()
    digest_of_app = registry.publish(Image(b"content"))
    configure(lx, registry.host, first.host, unqualified=[first.host, registry.host])
    assert lx("image", "pull", "-q", "team/app").succeeds().stdout == digest_of_app + "\n"
    assert first.paths("/manifests/") == ["/v2/team/app/manifests/latest"]
    assert [image["name"] for image in lx("image", "list", "--format", "json").json] == [f"{registry.host}/team/app:latest"]
    assert lx("image", "inspect", "team/app").json["digest"] == digest_of_app
    lx("image", "import", f"oci:{IMAGES}/busybox:latest", "team/other").succeeds()
    assert lx("image", "inspect", "team/other").json["name"] == "docker.io/team/other:latest"
    lx("image", "remove", "team/app", "team/other").succeeds()
    assert lx("image", "list", "-q").stdout == ""
    first.stop()


def test_a_short_name_is_known_to_every_verb_about_images(lx, registry, tmp_path):
    digest_of_app = registry.publish(Image(b"content"))
    whole = f"{registry.host}/team/app:latest"
    configure(lx, registry.host, unqualified=[registry.host])
    lx("image", "pull", "-q", "team/app").succeeds()
    lx("image", "history", "team/app").succeeds()
    lx("image", "verify", "team/app").succeeds()
    lx("image", "save", "-o", tmp_path / "app.tar", "team/app").succeeds()
    lx("image", "copy", "team/app", f"oci:{tmp_path}/layout").succeeds()
    lx("image", "tag", "team/app", "team/other").succeeds()
    lx("image", "untag", "team/app").succeeds()
    assert lx("image", "list", "-q").stdout == "docker.io/team/other:latest\n"
    loaded = lx("image", "load", "-i", tmp_path / "app.tar", "--format", "json").json
    assert loaded == [{"name": whole, "digest": digest_of_app}]


def test_a_copy_from_a_registry_into_the_store_is_a_pull(lx, registry):
    digest_of_app = registry.publish(Image(b"content"))
    configure(lx, registry.host)
    lx("image", "copy", f"docker://{registry.host}/team/app", "mine:1").succeeds()
    assert [(image["name"], image["digest"]) for image in lx("image", "list", "--format", "json").json] == \
        [("docker.io/library/mine:1", digest_of_app)]


def test_a_pull_brings_back_what_a_repair_put_aside(lx, registry):
    image = Image(b"content")
    registry.publish(image)
    configure(lx, registry.host)
    lx("image", "pull", f"{registry.host}/x").succeeds()
    blob = lx.data / "images/blobs/sha256" / digest(image.layers[0]).removeprefix("sha256:")
    blob.write_bytes(bytes(len(image.layers[0])))
    assert lx("image", "verify", "--repair").code == 1
    assert not blob.exists()
    lx("image", "pull", f"{registry.host}/x").succeeds()
    assert blob.read_bytes() == image.layers[0]
    lx("image", "verify").succeeds()


def test_old_downloads_go_with_what_nobody_uses(lx, registry):
    image = Image(b"content")
    registry.publish(image)
    configure(lx, registry.host)
    lx("image", "pull", f"{registry.host}/x").succeeds()
    downloads = lx.data / "images/downloads"
    old, fresh = downloads / ("a" * 64), downloads / ("b" * 64)
    for file in (old, fresh):
        file.write_bytes(b"partial")
    os.utime(old, (time.time() - 7200,) * 2)
    lx("system", "prune", "--force").succeeds()
    assert not old.exists() and fresh.exists()


def test_on_a_terminal_each_layer_has_a_line_that_changes(lx, registry):
    image = Image(os.urandom(300_000), b"small")
    large = image.layers[0]
    registry.publish(image)
    configure(lx, registry.host)

    def slowly(request, wire):
        wire.head(200, ("Content-Length", len(large)))
        for start in range(0, len(large), 60_000):
            wire.send(large[start:start + 60_000])
            registry.stopped.wait(0.15)

    registry.handlers["/blobs/" + digest(large)] = slowly
    controller, terminal = os.openpty()
    child = lx.start("image", "pull", f"{registry.host}/x", stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(controller, 4096):
            shown += piece
    except OSError:
        pass  # the terminal's end
    os.close(controller)
    assert child.communicate()[0].startswith(b"sha256:") and child.returncode == 0
    assert b"\x1b[2A" in shown
    assert re.search(digest(large)[:19].encode() + rb" fetching [\d.]+kB of 300(\.\d+)?kB, [\d.]+.B/s, 0:0\d left", shown), shown
    last = shown.decode().replace("\x1b[K", "").replace("\r", "").split("\x1b[2A")[-1].splitlines()
    assert [line.split(",")[0] for line in last] == [f"{digest(layer)[:19]} fetched" for layer in image.layers]


def test_a_proxy_is_used(lx, registry):
    name = "registry.invalid:5000"
    registry.publish(Image(b"content"))
    configure(lx, name)
    lx("image", "pull", f"{name}/x", env={"http_proxy": registry.url}).succeeds()
    assert {request.path.split("/v2/")[0] for request in registry.requests} == {f"http://{name}"}
