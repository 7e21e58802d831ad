# SPDX-License-Identifier: MIT
"""Named volumes of containers of Proxmox VE, which outlive them."""

import os
import signal

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import Layer, program_of
from engine import await_that

SLEEP = ("sleep", "1000")


@pytest.fixture
def image(make_image):
    """An image with files at /data, which belong to a user."""
    return make_image(Layer().directory("data").add("data/first", b"image's", owner=(1000, 1000)),
                      Cmd=["sleep", "1000"])


def keepers(pve):
    return [guest for guest in pve.cluster.guests.values() if "lxcri-volume" in str(guest.config.get("tags"))]


def path_in(pve, guest, path):
    program = program_of(pve, guest)
    return f"/proc/{program}/root{path}"


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def test_a_volume_outlives_its_containers_and_is_found_again(engine, pve, image, box):
    name = engine.start(image, flags=("--volume", "Data_1.x:/data"))
    (keeper,) = keepers(pve)
    volume = keeper.config["mp0"].split(",")[0]
    assert engine.guest(name).config["mp0"].startswith(volume) and keeper.config["protection"] == 1
    assert "volume Data_1.x" in keeper.config["description"] and len(pve.cluster.guests) == 2
    assert read(path_in(pve, engine.guest(name), "/data/first")) == "image's"
    assert os.stat(path_in(pve, engine.guest(name), "/data/first")).st_uid == 101000
    with open(path_in(pve, engine.guest(name), "/data/first"), "w", encoding="ascii") as file:
        file.write("mine")
    engine("delete", "--force", name).ok()
    assert keepers(pve) == [keeper]

    # Two at once, of which one may only read; nothing of the image gets into what is there.
    first = engine.start(image, flags=("--volume", "Data_1.x:/data"))
    second = engine.start(box, *SLEEP, flags=("--volume", "Data_1.x:/other:ro",))
    assert read(path_in(pve, engine.guest(first), "/data/first")) == "mine"
    assert read(path_in(pve, engine.guest(second), "/other/first")) == "mine"
    assert ",ro=1" in engine.guest(second).config["mp0"]
    engine("update", first, "--image", box, "--settle", "0").ok()
    assert engine.guest(first).config["mp0"].startswith(volume)
    engine("stop", "--time", "0", first).ok()
    engine("delete", "--volumes", first).fails("InvalidState", f"mounted by CT {engine.guest(second).vmid}")
    assert keepers(pve) == [keeper] and engine.list() == [second]
    engine("delete", "--force", "--volumes", second).ok()
    assert not pve.cluster.guests
    assert not list(pve.cluster.get_storage("local-zfs").listed("pve1"))


def test_nobody_elses_is_taken(engine, pve, box, template):
    engine.start(box, *SLEEP, name="one", flags=("--volume", "mine:/x"))
    (keeper,) = keepers(pve)
    tags = keeper.config["tags"]
    # What bears the tags without the rest is none: not under another name, nor with somebody else's volume.
    pve.person.edit(keeper.vmid, {"description": "somebody's own"})
    engine("delete", "--force", "--volumes", "one").ok()
    assert keeper.vmid in pve.cluster.guests
    engine.start(box, *SLEEP, name="two", flags=("--volume", "mine:/x"))
    assert len(keepers(pve)) == 2 and engine.guest("two").config["mp0"].split(",")[0] != keeper.config["mp0"].split(",")[0]
    other = [guest for guest in keepers(pve) if guest is not keeper][0]
    assert other.config["tags"] == tags
    # It is on a node, and has the ids of its containers.
    engine("create", "--node", "pve2", "--volume", "mine:/x", "--image", box, "x").fails("InvalidState", "--node pve1", code=125)
    engine("create", "--privileged", "--volume", "mine:/x", "--image", box, "x").fails("InvalidState", "unprivileged", code=125)
    engine("create", "--volume", "/etc:/x", "--image", box, "x").fails("UnsupportedOperation", "directory of the host", code=125)
    assert engine.list() == ["two"]
    engine("delete", "--force", "--volumes", "two").ok()
    pve.person.edit(keeper.vmid, delete=["protection"])
    pve.person.destroy(keeper.vmid)


def test_a_volume_on_a_device_is_in_one_container(engine, pve, box):
    engine.configure(storage="local")
    engine.start(box, *SLEEP, name="one", flags=("--volume", "disk:/x"))
    engine("create", "--volume", "disk:/x", "--image", box, "two").fails("InvalidState", "one container only", code=125)
    engine("delete", "--force", "one").ok()
    engine.start(box, *SLEEP, name="two", flags=("--volume", "disk:/x"))
    engine("delete", "--force", "--volumes", "two").ok()


@pytest.mark.parametrize("method, path", [("POST", "/nodes/{node}/lxc"), ("PUT", "/nodes/{node}/lxc/{vmid}/config")])
def test_a_kill_while_it_is_made_leaves_the_volume_or_nothing(engine, pve, box, method, path):
    engine.configure(timeout=6)
    pve.mischief.delay(path, 2, method=method, times=1)
    child = engine.open("run", "--detach", "--image", box, "--volume", "data:/x", "killed", *SLEEP)
    await_that(lambda: any(rule.times == 0 for rule in pve.mischief.rules), f"{method} {path} was asked", 60)
    child.send_signal(signal.SIGKILL)
    child.wait()
    await_that(lambda: engine.list() == [], "the name is free", 60)
    await_that(lambda: not [one for one in pve.cluster.tasks.by_upid.values() if not one.over.is_set()], "tasks end", 60)
    await_that(lambda: all(request.status for request in pve.requests()), "what was delayed is answered", 60)
    assert engine.list() == [] and len(pve.cluster.guests) == len(keepers(pve)) <= 1
    engine.start(box, *SLEEP, name="killed", flags=("--volume", "data:/x"))
    assert len(keepers(pve)) == 1 and len(pve.cluster.guests) == 2
    engine("delete", "--force", "--volumes", "killed").ok()
