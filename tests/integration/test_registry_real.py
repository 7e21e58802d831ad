# SPDX-License-Identifier: MIT
"""Images between us, Debian's registry, skopeo and umoci, each in turn as the one that writes."""

import json
import os
import socket
import subprocess
import threading

import pytest

from engine import IMAGES
from hub import HTPASSWD, PASSWORD, Hub
from registry import INDEX, MANIFEST, Authority, Image, digest, to_json


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path / "hub")
    yield hub
    hub.stop()


def configure(lx, *hosts, **settings):
    lx.configure({"registries": {"insecure": list(hosts), "timeout": 20, "stall_timeout": 20, "retries": 2,
                                 "retry_wait": 0.1, **settings}})


def run(*words, **options):
    done = subprocess.run(list(map(str, words)), check=False, capture_output=True, **options)
    assert done.returncode == 0, done
    return done.stdout


def skopeo(*words):
    return run("skopeo", *words)


def raw(name, *flags):
    return skopeo("inspect", "--raw", *(flags or ("--tls-verify=false",)), f"docker://{name}")


def blobs_of(directory):
    """What skopeo's "dir:" has, by digest."""
    return {"sha256:" + path.name: path.read_bytes() for path in directory.iterdir() if len(path.name) == 64}


def umoci_image(directory):
    """An image that umoci made, with three layers, one of which takes something away."""
    layout, bundle = directory / "umoci", directory / "bundle"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:made")
    run("umoci", "config", "--image", f"{layout}:made", "--config.cmd", "/bin/true", "--config.label", "made=by umoci")
    for change in (lambda root: [(root / "etc").mkdir(mode=0o755), (root / "etc/motd").write_text("hello\n"),
                                 (root / "gone").write_text("x" * 1000)],
                   lambda root: [(root / "gone").unlink(), os.link(root / "etc/motd", root / "etc/link")],
                   lambda root: [(root / "data").write_bytes(os.urandom(200000)), os.chown(root / "data", 1000, 7)]):
        run("umoci", "unpack", "--image", f"{layout}:made", bundle)
        change(bundle / "rootfs")
        run("umoci", "repack", "--image", f"{layout}:made", bundle)
        run("rm", "-rf", bundle)
    return f"oci:{layout}:made"


def source_of(kind, directory):
    return umoci_image(directory) if kind == "umoci" else f"oci:{IMAGES}/{kind}:latest"


@pytest.mark.parametrize("form", ["oci", "v2s2"])
@pytest.mark.parametrize("kind", ["busybox", "debian-mini", "umoci"])
def test_what_is_pushed_is_what_skopeo_pulls(lx, hub, kind, form, tmp_path):
    """skopeo pushes, we pull and push to another repository, and skopeo finds every byte there."""
    name = hub.push(source_of(kind, tmp_path), "from/skopeo:1", "--format", form)
    configure(lx, hub.host)
    lx("image", "pull", "-q", name).succeeds()
    lx("image", "verify").succeeds()
    there = f"{hub.host}/from/us:2"
    pushed = lx("image", "push", "-q", name, f"docker://{there}").succeeds().stdout
    assert raw(there) == raw(name) and pushed == digest(raw(there)) + "\n"
    for which, directory in ((name, tmp_path / "theirs"), (there, tmp_path / "ours")):
        skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{which}", f"dir:{directory}")
    assert blobs_of(tmp_path / "ours") == blobs_of(tmp_path / "theirs") != {}


def test_layers_that_the_registry_has_elsewhere_are_mounted(lx, hub):
    configure(lx, hub.host)
    lx("image", "import", f"oci:{IMAGES}/debian-mini:latest", f"{hub.host}/one:1").succeeds()
    lines = lx("image", "push", f"{hub.host}/one:1").succeeds().stderr.splitlines()
    assert lines and all(" sent, " in line for line in lines)
    lines = lx("image", "push", f"{hub.host}/one:1", f"docker://{hub.host}/two:1").succeeds().stderr.splitlines()
    assert lines and all(line.endswith(" is there already") for line in lines)
    assert raw(f"{hub.host}/two:1") == raw(f"{hub.host}/one:1")


def test_layouts_that_we_write_are_read_by_skopeo_and_umoci(lx, hub, tmp_path):
    """From the store, from a registry, into one layout and into archives."""
    name = hub.push(f"oci:{IMAGES}/debian-mini:latest", "mini:1")
    configure(lx, hub.host)
    lx("image", "pull", "-q", name).succeeds()
    layout = tmp_path / "layout"
    lx("image", "copy", name, f"oci:{layout}:stored").succeeds()
    lx("image", "copy", f"docker://{name}", f"oci:{layout}:fetched").succeeds()
    lx("image", "copy", "--all", f"docker://{name}", f"oci:{layout}:whole").succeeds()
    lx("image", "save", name, "-o", tmp_path / "saved.tar").succeeds()
    assert sorted(run("umoci", "ls", "--layout", layout).decode().split()) == ["fetched", "stored", "whole"]
    for tag in ("stored", "fetched", "whole"):
        assert skopeo("inspect", "--raw", f"oci:{layout}:{tag}") == raw(name)
        run("umoci", "unpack", "--image", f"{layout}:{tag}", tmp_path / tag)
        assert (tmp_path / tag / "rootfs/etc/passwd").exists()
    run("umoci", "gc", "--layout", layout)
    for source in (f"oci:{layout}:whole", f"oci-archive:{tmp_path}/saved.tar:{name}"):
        skopeo("copy", "-q", source, f"dir:{tmp_path}/out{len(source)}")
    # And the store itself, which is such a layout.
    assert skopeo("inspect", "--raw", f"oci:{lx.data}/images:{name}") == raw(name)


def test_every_platform_of_an_image_goes_through(lx, hub, tmp_path):
    ours, theirs = Image(b"ours" * 500), Image(b"theirs" * 500)
    index = Image.index(*[Image.descriptor(MANIFEST, to_json(image.manifest)) for image in (ours, theirs)])
    index["manifests"][1]["platform"]["architecture"] = "s390x"
    layout = tmp_path / "layout"
    ours.write_layout(layout)
    for content in (to_json(index), theirs.config, to_json(theirs.manifest), *theirs.layers):
        (layout / "blobs" / digest(content).replace(":", "/")).write_bytes(content)
    entry = {**Image.descriptor(INDEX, to_json(index)), "annotations": {"org.opencontainers.image.ref.name": "all"}}
    (layout / "index.json").write_bytes(to_json({"schemaVersion": 2, "manifests": [entry]}))
    configure(lx, hub.host)
    lx("image", "copy", "-q", "--all", f"oci:{layout}:all", f"docker://{hub.host}/ours:1").succeeds()
    skopeo("copy", "-q", "--all", "--dest-tls-verify=false", f"oci:{layout}:all", f"docker://{hub.host}/skopeo:1")
    assert raw(f"{hub.host}/ours:1") == raw(f"{hub.host}/skopeo:1") == to_json(index)
    lx("image", "copy", "-q", "--all", f"docker://{hub.host}/skopeo:1", f"docker://{hub.host}/again:1").succeeds()
    skopeo("copy", "-q", "--all", "--src-tls-verify=false", f"docker://{hub.host}/again:1", f"dir:{tmp_path}/dir")
    assert {content for content in blobs_of(tmp_path / "dir").values()} == \
        {ours.config, theirs.config, *ours.layers, *theirs.layers}
    lx("image", "pull", f"{hub.host}/ours:1").succeeds()


def test_a_password_is_asked_for_and_forgotten(lx, tmp_path):
    hub = Hub(tmp_path / "locked-hub", HTPASSWD)
    try:
        auth = lx.directory / "auth.json"
        auth.write_text("{}")
        auth.chmod(0o600)
        configure(lx, hub.host, auth_file=str(auth))
        lx("image", "import", f"oci:{IMAGES}/busybox:latest", "box:1").succeeds()
        name = f"{hub.host}/team/box:1"
        push = ("image", "push", "-q", "box:1", f"docker://{name}")
        lx(*push).fails("AuthenticationFailed", f"proxmox-lxcri login {hub.host}")
        lx("login", "-u", "user", "--password-stdin", hub.host, input="wrong\n").fails("AuthenticationFailed")
        lx("login", "-u", "user", "--password-stdin", hub.host, input=PASSWORD + "\n").succeeds()
        pushed = lx(*push).succeeds().stdout.strip()
        assert digest(raw(name, "--tls-verify=false", "--creds", f"user:{PASSWORD}")) == pushed
        assert lx("image", "pull", "-q", name).succeeds().stdout.strip() == pushed
        lx("image", "copy", "-q", f"docker://{name}", f"docker://{hub.host}/team/copy:1").succeeds()
        lx("logout", hub.host).succeeds()
        for words in (push, ("image", "pull", "-q", name)):
            lx(*words).fails("AuthenticationFailed", "login")
    finally:
        hub.stop()


def test_a_registry_with_a_certificate_of_one_s_own(lx, tmp_path):
    authority = Authority(tmp_path / "ca")
    authority.context()
    hub = Hub(tmp_path / "tls-hub", certificate=authority.directory / "good", ca=authority.file)
    try:
        lx("image", "import", f"oci:{IMAGES}/busybox:latest", "box:1").succeeds()
        push = ("image", "push", "-q", "box:1", f"docker://{hub.host}/box:1")
        configure(lx, retries=0)
        lx(*push).fails("DownloadFailed", "certificate")
        configure(lx, ca=str(authority.file))
        pushed = lx(*push).succeeds().stdout.strip()
        (tmp_path / "certs").mkdir()
        os.symlink(authority.file, tmp_path / "certs/ca.crt")
        assert digest(raw(f"{hub.host}/box:1", "--cert-dir", tmp_path / "certs")) == pushed
        assert lx("image", "pull", "-q", f"{hub.host}/box:1").succeeds().stdout.strip() == pushed
    finally:
        hub.stop()


class Cut:
    """Passes connections on, and breaks the first one in which these bytes come, or so many."""

    def __init__(self, host, where):
        self.target, self.where = host.split(":"), where
        self.server = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.cuts = self.bytes = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            server = socket.create_connection((self.target[0], int(self.target[1])))
            threading.Thread(target=self.forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.forward, args=(server, client, False), daemon=True).start()

    def is_here(self, data, came):
        return self.cuts == 0 and (self.where in data if isinstance(self.where, bytes) else came > self.where)

    def forward(self, source, sink, is_up):
        came = 0
        try:
            while data := source.recv(65536):
                came += len(data)
                self.bytes += len(data) if is_up else 0
                if is_up and self.is_here(data, came):
                    self.cuts += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.mark.parametrize("where, again", [(b"Content-Range: 8388608-", 1 << 20), (12 << 20, 24 << 20)],
                         ids=["between parts", "within a part"])
def test_an_upload_that_broke_is_finished(lx, hub, tmp_path, where, again):
    """docker-registry cancels what breaks within a part; what it has is not sent again else."""
    image = Image(os.urandom(24 << 20))
    cut = Cut(hub.host, where)
    configure(lx, cut.host)
    lx("image", "import", image.write_layout(tmp_path / "layout"), "large:1").succeeds()
    lx("image", "push", "-q", "large:1", f"docker://{cut.host}/large:1").succeeds()
    cut.server.close()
    assert cut.cuts == 1 and cut.bytes < len(image.layers[0]) + again
    skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{hub.host}/large:1", f"dir:{tmp_path}/out")
    assert blobs_of(tmp_path / "out")[digest(image.layers[0])] == image.layers[0]
