# SPDX-License-Identifier: MIT
"""What an image may not do by what it says of itself and by what it is made of."""

import json
import os
import tarfile

import pytest

from bundle import PASSWD
from engine import await_that
from images import Image, Layer, digest, to_json

# Keys that runtimes and engines act upon.
ORDERS = [
    "run.oci.handler", "run.oci.hooks.stderr", "run.oci.keep_original_groups", "run.oci.delegate-cgroup",
    "run.oci.mount_context_type", "run.oci.seccomp_bpf_data", "run.oci.seccomp.plugins", "run.oci.pidfd_receiver",
    "run.oci.systemd.subgroup", "run.oci.seccomp_fail_unknown_syscall", "module.wasm.image/variant",
    "org.systemd.property.MemoryMax", "io.podman.annotations.privileged", "io.podman.annotations.seccomp",
    "io.kubernetes.cri-o.userns-mode", "io.kubernetes.cri-o.Devices", "io.containers.trace-syscall",
    "io.containerd.image.store.logger", "io.criu.config", "org.criu.config", "lxcri.privileged",
    "org.proxmox-lxcri.label.forged", "lxc.init.cmd", "io.katacontainers.config.hypervisor.path",
]
STATUS = ("grep -E '^(Cap|NoNewPrivs|Seccomp|Groups)' /proc/self/status; cat /proc/self/uid_map; id; "
          "ls -l /proc/self/fd | wc -l; cat /proc/self/mounts | wc -l; ls /dev; env | sort | grep -v HOSTNAME")


def test_labels_and_annotations_of_an_image_change_nothing(engine, make_image, work, box_blob):
    """CVE-2026-94603, CVE-2026-53488, CVE-2024-3154: not as labels, not in the manifest, the index or
    the config, on no runtime."""
    value = "unix:/run/x.sock\";/bin/sh"
    orders = {key: value for key in ORDERS}
    image = Image([box_blob], Labels=orders, annotations=orders, Annotations=orders, Privileged=True,
                  Hooks={"prestart": [{"path": "/bin/true"}]}, Mounts=[{"destination": "/x"}])
    image.edit_manifest = lambda manifest: manifest.update(annotations=orders)
    image.edit_index = lambda index: (index.update(annotations=orders),
                                      index["manifests"][0]["annotations"].update(orders))
    hostile, plain = image.oci(work / "hostile"), make_image()
    id = engine.id()
    expected = engine("run", "--rm", "--image", plain, engine.id(), "sh", "-c", STATUS).ok().out
    found = engine("run", "--image", hostile, id, "sh", "-c", STATUS).ok().out
    assert found == expected
    annotations = engine("inspect", id).ok().json()["spec"].get("annotations", {})
    # The engine's own for crun is a filter that it compiled itself.
    own = annotations.pop("run.oci.seccomp_bpf_data", "")
    assert value not in own
    assert [key for key in annotations if key in ORDERS] == []
    assert all(key.startswith("org.proxmox-lxcri.label.") for key in annotations)


@pytest.mark.parametrize("user", ["0x0", "-1", "+0", "0 ", " 0", "00", "2147483648:0x0", "4294967295", "4294967296",
                                  "18446744073709551616", "1:-1", "1:4294967295", "1:", "root:root:root", "ro ot",
                                  "0\u0000", "\u0661", "1e3"])
def test_a_user_that_is_none_is_refused(engine, make_image, user):
    """CVE-2024-40635, CVE-2026-30892: none becomes root by a number that does not fit."""
    result = engine("run", "--rm", "--image", make_image(User=user), engine.id(), "id", "-u")
    assert result.code == 125 and result.error in ("InvalidArgument", "InvalidFormat", "InvalidJson"), result


@pytest.mark.parametrize("user", ["2147483647", "2147483648", "4294967294", "65534:4294967294"])
def test_a_large_user_is_that_user(engine, make_image, user):
    result = engine("run", "--rm", "--image", make_image(User=user), engine.id(), "grep", "-E", "^[UG]id", "/proc/self/status")
    if result.code == 0:
        uid, _, gid = user.partition(":")
        assert result.lines[0].split()[1:] == [uid] * 4, result
        assert result.lines[1].split()[1:] == [gid or "0"] * 4, result
    else:
        assert "written" not in result.out


HOSTILE_FILES = {
    "link to the host": lambda layer, name: layer.symlink(name, "/etc/shadow"),
    "link out": lambda layer, name: layer.symlink(name, "../" * 20 + "etc/passwd"),
    "link to itself": lambda layer, name: layer.symlink(name, name.split("/")[1]),
    "fifo": lambda layer, name: layer.add(name, kind=tarfile.FIFOTYPE),
    "device": lambda layer, name: layer.add(name, kind=tarfile.CHRTYPE, device=(1, 5)),
    "directory": lambda layer, name: layer.add(f"etc/.wh.{name[4:]}").directory(name + "x"),
    "giant": lambda layer, name: layer.add(name, b"x:x:1:1::/:\n" * 400_000),
    "one long line": lambda layer, name: layer.add(name, b"app:x:" + b"9" * 900_000),
    "nothing but NUL": lambda layer, name: layer.add(name, bytes(100_000)),
    "wrapped number": lambda layer, name: layer.add(name, b"app:x:4294967296:4294967296::/:/bin/sh\n"),
    "negative number": lambda layer, name: layer.add(name, b"app:x:-1:-1::/:/bin/sh\n"),
}


@pytest.mark.parametrize("kind", HOSTILE_FILES)
@pytest.mark.parametrize("name", ["etc/passwd", "etc/group"])
def test_hostile_passwd_and_group(engine, make_image, name, kind):
    """CVE-2026-47262: read with bounds, inside the image, and only if they are files."""
    image = make_image(HOSTILE_FILES[kind](Layer(), name))
    result = engine("run", "--rm", "--user", "app:app", "--image", image, engine.id(), "id", "-u")
    if result.code == 0:
        assert result.out == "1000\n", result
    else:
        assert result.code == 125 and result.error in ("InvalidArgument", "InvalidFormat", "LimitExceeded"), result


def test_a_line_break_in_the_config_forges_nothing(engine, make_image):
    forged = "x\nlxc.hook.pre-start = /bin/true\nlxc.apparmor.profile = unconfined"
    for config in ({"Env": ["PATH=/bin", f"A={forged}"]}, {"Cmd": ["echo", forged]}, {"Labels": {"a": forged, forged: "b"}}):
        result = engine("run", "--rm", "--image", make_image(**{"Cmd": ["echo", "ok"], **config}), engine.id())
        assert result.ok().out in ("ok\n", forged + "\n"), result
    for config in ({"User": forged}, {"WorkingDir": "/" + forged}, {"StopSignal": forged}, {"Volumes": {"/" + forged: {}}}):
        result = engine("run", "--rm", "--image", make_image(**{"Cmd": ["echo", "ok"], **config}), engine.id())
        assert result.code == 125 and result.error in ("InvalidFormat", "InvalidArgument"), result


ODD = ["..", ".", "../x", "a/b", "-x", "a b", "a\nb", "a%2e", "é", "a\x1b[31m", "x" * 129, "", "a:b", "a;b", "$(id)"]


@pytest.mark.parametrize("id", ODD)
def test_an_odd_id_names_no_container_and_no_cgroup(any_engine, box, id):
    engine = any_engine
    for words in (["run", "--rm", "--image", box, "--name", id], ["state", id], ["kill", id]):
        result = engine(*words)
        assert result.code != 0 and result.error in ("InvalidArgument", "ContainerNotFound"), result
        assert "\x1b" not in result.err and result.err.count("\n") == 1


def controls(text):
    """The characters that a terminal acts upon, those of 8 bits too."""
    return [c for c in text if (ord(c) < 0x20 and c != "\n") or 0x7f <= ord(c) < 0xa0]


ESCAPE = "\x1b]0;owned\x07\x1b[2J\x7f\u009b31m\u0085\r"


def test_no_escape_sequence_reaches_the_terminal(engine, make_image, work):
    """From labels, environment, arguments and process names, in tables, JSON and messages."""
    id = engine.id()
    image = make_image(Labels={f"k{ESCAPE}": "v", "v": ESCAPE}, Env=["PATH=/bin", f"E={ESCAPE}"])
    engine("run", "--detach", "--image", image, id, "sh", "-c", f"cp /bin/busybox '/tmp/a{ESCAPE}sleep' && "
           f"exec -a 'sleep' /tmp/a*sleep sleep 1000 {ESCAPE!r} || sleep 1000").ok()
    for words in (["list"], ["ps", id], ["inspect", id], ["image", "list"], ["list", "--format", "json"],
                  ["state", id], ["image", "inspect", image]):
        result = engine(*words)
        assert controls(result.out) == [] and controls(result.err) == [], (words, result)


def test_no_escape_sequence_comes_with_a_message(engine, make_image):
    for config in ({"User": ESCAPE}, {"WorkingDir": ESCAPE}, {"StopSignal": ESCAPE}, {"Volumes": {ESCAPE: {}}},
                   {"Cmd": [ESCAPE]}, {"Entrypoint": [f"/{ESCAPE}"]}, {"Env": [f"={ESCAPE}"]}):
        result = engine("run", "--rm", "--image", make_image(**{"Cmd": ["true"], **config}), engine.id())
        assert result.code in (125, 126, 127), result
        assert controls(result.err) == [] and result.err.count("\n") == 1, result


def test_an_env_file_is_read_as_far_as_it_is_one(any_engine, box, work):
    engine = any_engine
    (work / "big").write_bytes(b"A=" + b"x" * (64 << 20))
    (work / "nul").write_bytes(b"A=\0b\n")
    for name in ("big", "nul", "."):
        result = engine("run", "--rm", "--env-file", work / name, "--image", box, engine.id(), "env", timeout=10)
        assert result.code == 125 and result.error, result


def layout_with(work, box_blob, change):
    image = Image([box_blob])
    image.oci(work / "layout")
    change(work / "layout", image)
    return f"oci:{work}/layout:latest"


def replace_by_fifo(path):
    path.unlink()
    os.mkfifo(path)


def nested(layout, image):
    """An index that names itself is impossible; a deep tower of them is not."""
    below = json.loads((layout / "index.json").read_text())["manifests"][0]
    for _ in range(50):
        document = to_json({"schemaVersion": 2, "manifests": [below] * 2})
        (layout / "blobs/sha256" / digest(document)[7:]).write_bytes(document)
        below = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(document), "size": len(document),
                 "annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (layout / "index.json").write_bytes(to_json({"schemaVersion": 2, "manifests": [below]}))


LAYOUTS = {
    "index.json is a fifo": lambda layout, image: replace_by_fifo(layout / "index.json"),
    "oci-layout is a fifo": lambda layout, image: replace_by_fifo(layout / "oci-layout"),
    "config is a fifo": lambda layout, image: replace_by_fifo(layout / "blobs/sha256" / digest(image.config_bytes())[7:]),
    "layer is a fifo": lambda layout, image: replace_by_fifo(layout / "blobs/sha256" / digest(image.blobs[0])[7:]),
    "index.json is huge": lambda layout, image: os.truncate(layout / "index.json", 1 << 40),
    "index of many": lambda layout, image: (layout / "index.json").write_bytes(to_json(
        {"schemaVersion": 2, "manifests": json.loads((layout / "index.json").read_text())["manifests"] * 20_000})),
    "tower of indexes": nested,
    "index.json is a link": lambda layout, image: ((layout / "index.json").rename(layout.parent / "index"),
                                                   (layout / "index.json").symlink_to("/etc/shadow")),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_hostile_layout_is_refused_at_once(any_engine, work, box_blob, kind):
    engine = any_engine
    source = layout_with(work, box_blob, LAYOUTS[kind])
    result = engine("image", "import", source, "hostile", timeout=10)
    assert result.code == 1 and result.error, result
    assert "root:" not in result.err
    assert engine("image", "list", "--quiet").ok().out == ""
