"""The images that tools/make-images makes are what other programs take for real ones."""

import json
import os
import pathlib
import stat
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ("busybox", "debian-mini")


@pytest.fixture(scope="session")
def images():
    directory = pathlib.Path(os.environ.get("LXCRI_BUILD", ROOT / "build")) / "images"
    subprocess.run([ROOT / "tools/make-images", directory], check=True)
    return directory


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", NAMES)
def test_skopeo_reads_and_copies_every_form(images, tmp_path, name):
    sources = [f"oci:{images}/{name}:latest", f"oci-archive:{images}/{name}.oci.tar:latest",
               f"docker-archive:{images}/{name}.docker.tar:{name}:latest"]
    configs = []
    for number, source in enumerate(sources):
        configs.append(json.loads(output("skopeo", "inspect", "--config", source)))
        output("skopeo", "copy", "--quiet", source, f"dir:{tmp_path}/{number}")
    assert configs[0] == configs[1]
    assert configs[0]["rootfs"] == configs[2]["rootfs"]
    assert configs[0]["config"]["Cmd"] == configs[2]["config"]["Cmd"]


@pytest.fixture(scope="session")
def rootfs(images, tmp_path_factory):
    """Both images as umoci unpacks them."""
    if os.geteuid() != 0:
        pytest.skip("only root unpacks with owners and devices")
    directory = tmp_path_factory.mktemp("unpacked")
    for name in NAMES:
        output("umoci", "unpack", "--image", f"{images}/{name}:latest", directory / name)
    return {name: directory / name / "rootfs" for name in NAMES}


def test_the_programs_of_both_images_run(rootfs):
    assert output("chroot", rootfs["busybox"], "sh", "-c", "echo hello").strip() == "hello"
    script = "for program in bash grep sed ls hostname; do $program --version >&2 || exit; done; id -Gn app"
    assert output("chroot", rootfs["debian-mini"], "sh", "-c", script).split() == ["app", "audio", "staff"]


def test_the_last_layer_hides_and_replaces_what_is_below(rootfs):
    app = rootfs["debian-mini"] / "srv/app"
    assert sorted(os.listdir(app)) == ["conf", "fifo", "first", "kind", "noted", "null", "second", "tree"]
    assert os.listdir(app / "conf") == ["c"]
    assert os.listdir(app / "kind") == ["inside"]
    assert (app / "tree").read_text() == "was a directory\n"


def test_the_last_layer_has_one_of_each_kind(rootfs):
    root = rootfs["debian-mini"]
    app = root / "srv/app"
    assert os.path.samefile(app / "first", app / "second")
    assert (app / "first").stat().st_uid == 1000
    assert stat.S_ISFIFO((app / "fifo").stat().st_mode)
    assert (app / "null").stat().st_rdev == os.makedev(1, 3)
    assert os.getxattr(app / "noted", "user.origin") == b"make-images"
    assert os.getxattr(root / "usr/local/bin/raw", "security.capability")[:6] == bytes([1, 0, 0, 2, 0, 0x20])
    assert stat.S_IMODE((root / "usr/local/bin/setgid").stat().st_mode) == 0o2755
    assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o1777


def test_the_same_packages_give_the_same_bytes(images, tmp_path):
    output(ROOT / "tools/make-images", tmp_path / "again")
    for name in NAMES:
        for file in (f"{name}/index.json", f"{name}.oci.tar", f"{name}.docker.tar"):
            assert (images / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
