# SPDX-License-Identifier: MIT
"""Another image for a container of Proxmox VE, which stays what it is."""

import hashlib
import os

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import Layer, program_of, words_of
from fake import disk


def images(make_image):
    """Two images of which each says its number."""
    return [make_image(Layer().add("release", number.encode()), Cmd=["sleep", f"100{number}"], Env=["PATH=/bin", f"N={number}"],
                       Volumes={"/data": {}}) for number in ("1", "2")]


def volume_hash(pve, guest):
    """A digest of all in the first volume."""
    path = disk.path(pve.cluster, guest.node, guest.config["mp0"].split(",")[0])
    digest = hashlib.sha256()
    for directory, names, files in os.walk(path):
        names.sort()
        for name in sorted(files):
            file = os.path.join(directory, name)
            status = os.stat(file)
            digest.update(f"{os.path.relpath(file, path)} {status.st_uid} {status.st_mode}".encode())
            digest.update(open(file, "rb").read())
    return digest.hexdigest()


def release_of(pve, guest):
    return open(f"/proc/{program_of(pve, guest)}/root/release", encoding="ascii").read()


def kept(guest):
    """What must not change."""
    return {key: guest.config[key] for key in ("net0", "mp0", "hostname", "tags", "memory", "unprivileged")}


def test_an_update_keeps_whom_it_asks_for_names(engine, pve, make_image):
    old, new = images(make_image)
    name = engine.start(old, flags=("--dns", "192.0.2.53", "--dns-search", "example.org", "--add-host", "far:192.0.2.9"))
    guest = engine.guest(name)

    def files():
        root = f"/proc/{program_of(pve, guest)}/root/etc"
        return [open(f"{root}/{file}", encoding="ascii").read() for file in ("resolv.conf", "hosts", "hostname")]

    before = files()
    assert "nameserver 192.0.2.53\nsearch example.org\n" in before[0] and "192.0.2.9\tfar" in before[1].replace(" ", "\t")
    engine("update", name, "--image", new, "--settle", "1").ok()
    assert release_of(pve, guest) == "2" and files() == before


def test_an_update_keeps_number_address_and_volumes(engine, pve, make_image):
    old, new = images(make_image)
    name = engine.start(old)
    guest = engine.guest(name)
    volume = disk.path(pve.cluster, guest.node, guest.config["mp0"].split(",")[0])
    with open(f"{volume}/kept", "w", encoding="ascii") as file:
        file.write("data" * 1000)
    before, content, root = kept(guest), volume_hash(pve, guest), guest.config["rootfs"]
    assert release_of(pve, guest) == "1"

    engine("update", name, "--image", new, "--settle", "1").ok()
    assert list(pve.cluster.guests) == [guest.vmid], "the draft is left"
    assert kept(guest) == before and volume_hash(pve, guest) == content
    assert release_of(pve, guest) == "2" and guest.config["rootfs"] != root
    assert words_of(f"/proc/{program_of(pve, guest)}/cmdline") == [b"sleep", b"1002"]
    assert b"N=2" in words_of(f"/proc/{program_of(pve, guest)}/environ")
    assert [volume for _, volume in guest.unused()] == [root.split(",")[0]], "the way back is to be seen"
    assert "mp254" not in guest.config
    assert engine("history", name).ok().out.count("update") == 1

    engine("rollback", name).ok()
    assert kept(guest) == before and volume_hash(pve, guest) == content
    assert release_of(pve, guest) == "1" and guest.config["rootfs"] == root


def test_what_no_update_needs_any_more_goes(engine, pve, make_image):
    old, new = images(make_image)
    third = make_image(Layer().add("release", b"3"), Cmd=["sleep", "1003"])
    name = engine.start(old)
    guest = engine.guest(name)
    engine("update", name, "--image", new, "--settle", "0").ok()
    engine("update", name, "--image", third, "--settle", "0").ok()
    assert release_of(pve, guest) == "3"
    assert len(list(guest.unused())) == 1
    engine("delete", "--force", name).ok()
    storage = pve.cluster.get_storage("local-zfs")
    assert not list(storage.listed(guest.node)), "volumes are left"


def test_an_image_that_does_not_stay_is_taken_back(engine, pve, make_image):
    old, _ = images(make_image)
    broken = make_image(Layer().add("release", b"broken"), Cmd=["false"])
    name = engine.start(old)
    guest = engine.guest(name)
    root = guest.config["rootfs"]
    engine("update", name, "--image", broken, "--settle", "2").fails("ContainerStartFailed", "back on")
    assert guest.config["rootfs"] == root and release_of(pve, guest) == "1"
    assert list(pve.cluster.guests) == [guest.vmid]
    engine("update", name, "--image", images(make_image)[1], "--settle", "1").ok()
    assert release_of(pve, guest) == "2"


def test_a_protected_container_keeps_its_root(engine, pve, make_image):
    old, new = images(make_image)
    name = engine.start(old)
    guest = engine.guest(name)
    guest.config["protection"] = 1
    engine("update", name, "--image", new).fails("InvalidState", "protected")
    assert list(pve.cluster.guests) == [guest.vmid] and release_of(pve, guest) == "1"
    del guest.config["protection"]


def test_a_draft_of_an_interrupted_update_goes_with_the_next(engine, pve, make_image):
    old, new = images(make_image)
    name = engine.start(old)
    guest = engine.guest(name)
    pve.mischief.fail_task("storage is on fire", kind="move_volume")
    engine("update", name, "--image", new).fails("SystemError", "storage is on fire")
    assert len(pve.cluster.guests) == 2 and release_of(pve, guest) == "1"
    engine("update", name, "--image", new, "--settle", "1").ok()
    assert list(pve.cluster.guests) == [guest.vmid] and release_of(pve, guest) == "2"
    assert len(list(guest.unused())) == 1
