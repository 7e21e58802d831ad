# SPDX-License-Identifier: MIT
"""An image from every source becomes a container."""

import hashlib
import json
import os
import subprocess

import pytest

from engine import IMAGES, await_that
from images import Layer


@pytest.mark.parametrize("source", ["oci:{}/busybox:latest", "oci:{}/busybox",
                                    "oci-archive:{}/busybox.oci.tar:latest",
                                    "docker-archive:{}/busybox.docker.tar",
                                    "docker-archive:{}/busybox.docker.tar:busybox:latest"])
def test_an_image_runs_from_a_source(box_run, source):
    # The first on a host's network is told of what is set for that.
    result = box_run("echo", "hello", flags=["--network", "none"], image=source.format(IMAGES)).ok()
    assert (result.out, result.err) == ("hello\n", "")


def test_an_image_of_several_layers_runs(box_run):
    """Whiteouts, an opaque directory, links, users: see tools/make-images."""
    out = box_run(image=f"oci:{IMAGES}/debian-mini:latest").ok().out
    assert "user app 1000:1000 groups 1000 29 50\n" in out
    assert "entrypoint ran\n" in out and "directory /srv/app\n" in out
    assert "app conf fifo first kind noted null second tree \n" in out


def test_a_stored_image_runs_by_its_name(engine, box, box_run):
    digest = engine("image", "import", box, "mine:1").ok().out.strip()
    assert digest.startswith("sha256:")
    for name in ("mine:1", "docker.io/library/mine:1", digest):
        assert box_run("echo", "stored", image=name).ok().out == "stored\n", name
    box_run("true", flags=["--pull", "never"], image="mine").fails("ImageNotFound", "mine", code=125)


def test_docker_s_form_needs_no_flag_for_the_image(engine, box):
    id = engine.id()
    assert engine("run", "--rm", "--name", id, box, "echo", "hello").ok().out == "hello\n"
    engine("image", "import", box, "mine:latest").ok()
    assert engine("run", "--rm", "mine", "echo", "hello").ok().out == "hello\n"
    assert engine.list() == []


def test_a_name_is_made_up_where_none_is_given(engine, box):
    name = engine("run", "--detach", box, "sleep", "1000").ok().out.strip()
    assert engine.list() == [name] and not name.isdigit()


def test_the_data_of_a_layer_is_complete(box_shell, make_image):
    content = os.urandom(3 << 20)
    image = make_image(Layer().directory("data").add("data/blob", content))
    assert hashlib.sha256(content).hexdigest() in box_shell("sha256sum /data/blob", image=image).ok().out


def test_two_containers_of_an_image_do_not_see_each_other(engine, box_start):
    one, two = box_start(), box_start()
    engine("exec", one, "sh", "-c", "echo mine > /etc/motd; rm /etc/group").ok()
    assert engine("exec", two, "ls", "/etc").ok().lines == ["group", "hostname", "hosts", "passwd", "resolv.conf"]


def test_list_and_remove_images(engine, box):
    assert engine("image", "list", "--format", "json").ok().json() == []
    digest = engine("image", "import", box, "mine:1").ok().out.strip()
    engine("image", "import", box, "mine:2").ok()
    images = engine("image", "list", "--format", "json").ok().json()
    assert [image["name"] for image in images] == ["docker.io/library/mine:1", "docker.io/library/mine:2"]
    assert images[0]["digest"] == digest and images[0]["layers"] == 1
    engine("image", "remove", "mine:1", "mine:2").ok()
    assert engine("image", "list", "--format", "json").ok().json() == []
    left = [path for path in (engine.data / "images/blobs").rglob("*") if path.is_file()]
    assert left == [] and list((engine.data / "layers").iterdir()) == []
    engine("image", "remove", "mine:1").fails("ImageNotFound", "mine:1")


def test_an_image_that_is_in_use_stays(engine, box, box_start):
    engine("image", "import", box, "mine:1").ok()
    id = box_start(image="mine:1")
    engine("image", "remove", "mine:1").fails("ImageInUse", "mine:1")
    engine("delete", "--force", id).ok()
    engine("image", "remove", "mine:1").ok()


def test_the_store_is_a_layout_that_others_read(engine, box):
    engine("image", "import", box, "mine:1").ok()
    index = json.loads((engine.data / "images/index.json").read_text())
    assert len(index["manifests"]) == 1
    assert json.loads((engine.data / "images/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    subprocess.run(["skopeo", "inspect", "--raw", f"oci:{engine.data}/images:docker.io/library/mine:1"],
                   check=True, stdout=subprocess.DEVNULL)


def test_only_what_a_container_writes_is_its_own(engine, box_start):
    """The layers are mounted below, not copied."""
    id = box_start("sh", "-c", "echo mine > /file; rm /etc/group; sleep 1000")
    upper = engine.data / "containers" / id / "upper"
    await_that(lambda: (upper / "etc/group").exists(), "the change is in the upper directory")
    assert sorted(os.listdir(upper)) == ["etc", "file"]
