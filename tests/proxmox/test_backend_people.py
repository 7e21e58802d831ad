# SPDX-License-Identifier: MIT
"""What people do in the web interface to containers that are ours."""

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import Layer, children_of, pid_of, program_of, words_of

SLEEP = ("sleep", "1000")


@pytest.fixture
def images(make_image):
    return [make_image(Layer().add("release", str(number).encode()), Cmd=["sleep", f"100{number}"], Env=["PATH=/bin"],
                       Volumes={"/data": {}}) for number in (1, 2, 3)]


def release_of(pve, guest):
    program = program_of(pve, guest)
    with open(f"/proc/{program}/root/release", encoding="ascii") as file:
        return int(file.read())


def test_what_is_renamed_and_edited_stays_as_it_was_made(engine, pve, images):
    name = engine.start(images[0], flags=("--memory", "64m"))
    guest = engine.guest(name)
    pve.person.rename(guest.vmid, "renamed")
    pve.person.edit(guest.vmid, {"memory": 96, "nameserver": "192.0.2.1", "onboot": 1, "tags": guest.config["tags"] + ";theirs"},
                    raw=[("lxc.cap.drop", "sys_rawio")])
    assert engine.status(name) == "running"
    engine("update", name, "--image", images[1], "--settle", "0").ok()
    assert release_of(pve, guest) == 2 and guest.config["hostname"] == "renamed" and guest.config["memory"] == 96
    assert guest.config["nameserver"] == "192.0.2.1" and guest.config["tags"].endswith(";theirs")
    assert guest.raw == [("lxc.cap.drop", "sys_rawio")] and guest.config["onboot"] == 1
    engine("update", "--memory", "128m", name).ok()
    engine("rollback", name).ok()
    assert release_of(pve, guest) == 1 and guest.config["memory"] == 128 and guest.raw

    # Who takes our tag away has taken it over.
    pve.person.edit(guest.vmid, {"tags": "theirs"})
    engine("stop", name).ok()
    assert engine.status(name) == "stopped" and "gone" in engine("list", "--all").ok().out
    engine("delete", "--force", name).ok()
    assert guest.vmid in pve.cluster.guests and pid_of(pve, guest)
    pve.person.stop(guest.vmid)
    pve.person.destroy(guest.vmid)


def test_a_clone_is_its_makers(engine, pve, images):
    name = engine.start(images[0])
    guest = engine.guest(name)
    engine("stop", "--time", "0", name).ok()
    pve.person.clone(guest.vmid, 700)
    clone = pve.cluster.guests[700]
    assert clone.config["tags"] == guest.config["tags"], "it looks like ours"
    engine("start", name).ok()
    engine("update", name, "--image", images[1], "--settle", "0").ok()
    engine("system", "adopt").ok()
    assert engine.place(name)["vmid"] == guest.vmid and engine.list() == [name]
    engine("stop", "--time", "0", name).ok()
    pve.person.destroy(guest.vmid)
    assert engine.status(name) == "stopped"
    engine("start", name).fails("ContainerNotFound", "gone")
    engine("delete", "--force", name).ok()
    assert list(pve.cluster.guests) == [700]
    pve.person.destroy(700)


def test_what_is_restored_under_another_number_is_taken_over_when_told(engine, pve, images):
    name = engine.start(images[0])
    guest = engine.guest(name)
    engine("stop", "--time", "0", name).ok()
    pve.person.restore(guest.vmid, 701)
    pve.person.destroy(guest.vmid)
    engine("start", name).fails("ContainerNotFound", "gone")
    engine("delete", name).ok()
    assert list(pve.cluster.guests) == [701]
    engine("system", "adopt").ok()
    assert engine.list() == [name] and engine.place(name)["vmid"] == 701
    engine("start", name).ok()
    assert release_of(pve, pve.cluster.guests[701]) == 1
    engine("update", name, "--image", images[1], "--settle", "0").ok()
    assert release_of(pve, pve.cluster.guests[701]) == 2


def test_a_restore_in_place_is_the_same_container(engine, pve, images):
    name = engine.start(images[0])
    guest = engine.guest(name)
    engine("update", name, "--image", images[1], "--settle", "0").ok()
    engine("stop", "--time", "0", name).ok()
    pve.person.restore(guest.vmid, 702)
    pve.person.destroy(guest.vmid)
    pve.person.restore(702, guest.vmid)
    pve.person.destroy(702)
    engine("start", name).ok()
    again = engine.guest(name)
    assert again is not guest and release_of(pve, again) == 2
    engine("update", name, "--image", images[2], "--settle", "0").ok()
    assert release_of(pve, again) == 3
    engine("rollback", name).ok()
    assert release_of(pve, again) == 2


def test_a_snapshot_that_is_returned_to_wins(engine, pve, images):
    name = engine.start(images[0])
    guest = engine.guest(name)
    old = guest.config["rootfs"]
    pve.person.snapshot(guest.vmid, "before")
    engine("update", name, "--image", images[1], "--settle", "0").ok()
    engine("stop", "--time", "0", name).ok()
    pve.person.roll_back(guest.vmid, "before")
    assert guest.config["rootfs"] == old
    result = engine("start", name).ok()
    assert release_of(pve, guest) == 1 and "returned to an earlier" in result.err
    engine("rollback", name).ok()
    assert release_of(pve, guest) == 1 and engine("start", name).code != 0
    engine("stop", "--time", "0", name).ok()
    assert "returned" not in engine("start", name).ok().err
    assert words_of(f"/proc/{children_of(pid_of(pve, guest))[0]}/cmdline")[1] == b"1001"
    engine("update", name, "--image", images[2], "--settle", "0").ok()
    assert release_of(pve, guest) == 3
    pve.person.does("DELETE", f"{pve.person.path(guest.vmid)}/snapshot/before")
