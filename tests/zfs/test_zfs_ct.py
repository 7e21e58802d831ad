# SPDX-License-Identifier: MIT
"""Containers of Proxmox VE whose root file systems are clones of an image's dataset. The fake's storage is a pool."""

import hashlib
import os
import pathlib
import random
import secrets
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "proxmox"))

# pylint: disable=wrong-import-position
from cluster_engine import BRIDGES, ClusterEngine, pve  # noqa: E402,F401
from engine import await_that  # noqa: E402
from fake import disk  # noqa: E402
from images import Layer  # noqa: E402
from test_rootfs_drivers import ZFS, zfs  # noqa: E402

MIB = 1 << 20
DEADLINE = 120
SLEEP = ("sleep", "1000")
KILLS = 20
FIRST_ID = 100000


def property_of(name, dataset):
    return zfs("get", "-Hpo", "value", name, dataset)[0]


def below(name, kind="filesystem"):
    """The names of what is in a dataset."""
    return sorted(found[len(name) + 1:] for found in zfs("list", "-Hro", "name", "-t", kind, name)[1:])


class PatientEngine(ClusterEngine):
    """The processor of a guest is emulated, and slow."""

    def __call__(self, *words, timeout=DEADLINE, **options):  # pylint: disable=arguments-differ
        return super().__call__(*words, timeout=timeout, **options)


class Pool:
    """A cluster of which this machine is the first node, and its storage "tank"."""

    def __init__(self, pve, work, parent=ZFS):
        self.pve = pve
        self.name = f"{parent}/{secrets.token_hex(4)}"
        pve.add_zfs("tank", self.name)
        for node in pve.cluster.nodes.values():
            node.bridges.update(BRIDGES)
        self.engine = PatientEngine(work, pve, storage="tank", local_node=pve.node, timeout=30, task_timeout=DEADLINE,
                                    lxc_directory=str(pve.cluster.host.lxcpath))

    @property
    def volumes(self):
        return [name for name in below(self.name) if "/" not in name and not name.startswith("lxcri-")]

    @property
    def images(self):
        """Datasets of images, with their full names."""
        return [f"{self.name}/{name}" for name in below(self.name) if name.startswith("lxcri-") and "/" in name]

    def root(self, guest):
        """The dataset of a container's root file system."""
        storage, _, name = guest.config["rootfs"].partition(",")[0].partition(":")
        assert storage == "tank"
        return f"{self.name}/{name}"

    def is_clone(self, guest):
        return property_of("origin", self.root(guest)).startswith(f"{self.name}/lxcri-")

    def gc(self, *words):
        return self.engine("image", "gc", "--templates", "--force", *words).ok()

    def settle(self):
        tasks = self.pve.cluster.tasks.by_upid
        await_that(lambda: all(one.over.is_set() for one in list(tasks.values())), "tasks end", DEADLINE)

    def nothing_is_left(self):
        self.engine.remove_all()
        assert list(self.pve.cluster.guests) == [] and self.volumes == []
        self.gc()
        assert below(self.name, "all") == []


@pytest.fixture
def pool(pve, work):
    one = Pool(pve, work)
    yield one
    pve.mischief.clear()
    one.nothing_is_left()


def large(make_image, mebibytes=8, **config):
    layer = Layer().add("large", os.urandom(mebibytes * MIB)).add("owned", b"x", owner=(5, 6), mode=0o4755)
    return make_image(layer, Env=["PATH=/bin"], **config)


def releases(make_image, count=2, **config):
    return [make_image(Layer().add("release", str(number).encode()), Cmd=["sleep", f"100{number}"], Env=["PATH=/bin"],
                       **config) for number in range(count)]


def release_of(pool, name):
    return int(pool.engine("exec", name, "cat", "/release").ok().out)


def test_the_second_container_of_an_image_costs_no_copy(pool, pve, make_image):
    engine, image = pool.engine, large(make_image)
    first, second = (engine.guest(engine.start(image, *SLEEP)) for _ in range(2))
    (dataset,) = pool.images
    assert int(property_of("used", dataset)) > 8 * MIB and property_of("mountpoint", dataset) == "legacy"
    for guest in (first, second):
        root = pool.root(guest)
        assert property_of("origin", root) == f"{dataset}@ready" and int(property_of("used", root)) < MIB
        assert [property_of(name, root) for name in ("refquota", "acltype")] == [str(1 << 30), "posix"]
        assert property_of("xattr", root) in ("sa", "on")  # of which OpenZFS 2.3 says the second
        assert guest.config["rootfs"].endswith("size=1G") and not list(guest.unused()) and "mp254" not in guest.config
        owned = os.stat(f"{disk.path(pve.cluster, guest.node, guest.config['rootfs'].split(',')[0])}/owned")
        assert (owned.st_uid, owned.st_gid, owned.st_mode & 0o7777) == (FIRST_ID + 5, FIRST_ID + 6, 0o4755)
    assert len(pool.volumes) == 2, "what they were made with is left"
    name = engine.list()[0]
    assert engine("exec", name, "stat", "-c", "%u %g %a", "/owned", "/").ok().lines == ["5 6 4755", "0 0 755"]
    engine("exec", name, "sh", "-c", "exit 7").exits(7)


def test_a_run_in_the_foreground_has_output_and_exit_code(pool, make_image):
    done = pool.engine("run", "--image", large(make_image, 1), pool.engine.id(), "sh", "-c", "echo $(id -u); exit 3")
    assert (done.code, done.out) == (3, "0\n"), done


def test_files_can_be_had_before_the_first_start(pool, make_image, work):
    engine, name = pool.engine, pool.engine.id()
    engine("create", "--image", large(make_image, 1), name, *SLEEP).ok()
    engine("cp", f"{name}:/owned", str(work / "copied")).ok()
    assert (work / "copied").read_bytes() == b"x"
    engine("start", name).ok()
    assert engine.status(name) == "running"


def test_privileged_ones_have_a_dataset_of_their_own(pool, make_image):
    engine, image = pool.engine, large(make_image, 1)
    guests = [engine.guest(engine.start(image, *SLEEP, flags=flags)) for flags in ((), ("--privileged",))]
    assert len(pool.images) == 2 and all(pool.is_clone(guest) for guest in guests)
    path = disk.path(pool.pve.cluster, guests[1].node, guests[1].config["rootfs"].split(",")[0])
    assert os.stat(f"{path}/owned").st_uid == 5


def test_volumes_are_filled_by_a_template(pool, pve, make_image):
    engine = pool.engine
    image = make_image(Layer().add("data/kept", b"of the image", owner=(7, 0)), Env=["PATH=/bin"], Volumes={"/data": {}})
    guest = engine.guest(engine.start(image, *SLEEP))
    assert not pool.is_clone(guest) and pool.images == []
    kept = pathlib.Path(disk.path(pve.cluster, guest.node, guest.config["mp0"].split(",")[0])) / "kept"
    assert kept.read_bytes() == b"of the image" and kept.stat().st_uid == FIRST_ID + 7
    plain = large(make_image, 1)
    first = engine.guest(engine.start(plain, *SLEEP, flags=("-v", "shared:/srv")))
    second = engine.guest(engine.start(plain, *SLEEP, flags=("-v", "shared:/srv")))
    assert not pool.is_clone(first), "a volume that was made just now is to be filled"
    assert pool.is_clone(second) and second.config["mp0"].split(",")[0] == first.config["mp0"].split(",")[0]
    for name in engine.list():
        engine("delete", "--force", "--volumes", name)


def volume_hash(pool, guest):
    path = pathlib.Path(disk.path(pool.pve.cluster, guest.node, guest.config["mp0"].split(",")[0]))
    texts = [f"{file.name} {file.stat().st_uid} {file.stat().st_mode} {file.read_bytes()}" for file in sorted(path.iterdir())]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def test_an_update_is_a_clone_and_there_is_a_way_back(pool, pve, make_image):
    engine = pool.engine
    images = releases(make_image, 3, Volumes={"/data": {}})
    name = engine.start(images[0])
    guest, root = engine.guest(name), pool.root(engine.guest(name))
    (pathlib.Path(disk.path(pve.cluster, guest.node, guest.config["mp0"].split(",")[0])) / "mine").write_text("data")
    content, kept = volume_hash(pool, guest), {key: guest.config[key] for key in ("net0", "mp0", "hostname", "tags")}

    def check(release):
        assert release_of(pool, name) == release and volume_hash(pool, guest) == content
        assert {key: guest.config[key] for key in kept} == kept and list(pve.cluster.guests) == [guest.vmid]
        assert "mp254" not in guest.config and len(list(guest.unused())) == 1

    assert not pool.is_clone(guest)
    pve.forget_requests()
    engine("update", name, "--image", images[1], "--settle", "1").ok()
    assert pool.is_clone(guest) and int(property_of("used", pool.root(guest))) < MIB
    assert "POST /nodes/{node}/lxc" not in pve.trace(), "a draft was made"
    check(1)
    clone = pool.root(guest)
    engine("rollback", name).ok()
    assert pool.root(guest) == root
    check(0)
    engine("rollback", name).ok()
    assert pool.root(guest) == clone
    check(1)
    engine("update", name, "--image", images[2], "--settle", "0").ok()
    check(2)
    assert len(pool.volumes) == 3, "more than root, root of before, and volume"
    # Where it is not the node, it is a copy again.
    engine.configure(local_node="none")
    engine("update", name, "--image", images[0], "--settle", "0").ok()
    engine.configure(local_node=pve.node)
    assert not pool.is_clone(guest)
    check(0)
    engine("update", name, "--image", images[1], "--settle", "0").ok()
    assert pool.is_clone(guest)
    check(1)


def test_an_image_that_does_not_stay_is_taken_back(pool, make_image):
    engine = pool.engine
    old, new = releases(make_image)
    broken = make_image(Layer().add("release", b"9"), Cmd=["false"], Env=["PATH=/bin"])
    name = engine.start(old)
    guest, root = engine.guest(name), pool.root(engine.guest(name))
    engine("update", name, "--image", broken, "--settle", "2").fails("ContainerStartFailed", "back on")
    assert pool.root(guest) == root and release_of(pool, name) == 0
    engine("update", name, "--image", new, "--settle", "0").ok()
    assert release_of(pool, name) == 1 and len(pool.volumes) == 2


def test_datasets_of_images_are_listed_and_go_when_nothing_needs_them(pool, make_image):
    engine = pool.engine
    old, new = releases(make_image)
    name = engine.start(old)
    engine("update", name, "--image", new, "--settle", "0").ok()

    def listed():
        rows = engine("image", "templates", "--format", "json").ok().json()
        return sorted((row["volume"], row["inUse"]) for row in rows if row["volume"].startswith(pool.name))

    both = pool.images
    assert listed() == [(dataset, True) for dataset in both] and len(both) == 2
    group = both[0].rpartition("/")[0]
    torn, foreign = f"{group}/{'0' * 24}-{'1' * 8}", f"{group}/foreign"
    zfs("create", "-o", "org.proxmox-lxcri:kind=ct-image", torn)
    zfs("create", foreign)
    assert torn in pool.gc("--dry-run").out and torn in pool.images
    pool.gc()
    assert pool.images == sorted([*both, foreign]), "a dataset with clones, or somebody else's"
    # Of one that nothing in the database needs, somebody else has a clone.
    engine("delete", "--force", name).ok()
    assert listed() == [(dataset, False) for dataset in both]
    zfs("clone", "-o", "mountpoint=legacy", f"{both[0]}@ready", f"{pool.name}/theirs")
    pool.gc()
    assert pool.images == sorted([both[0], foreign]) and listed() == [(both[0], True)]
    zfs("destroy", f"{pool.name}/theirs")
    zfs("destroy", foreign)


def test_a_name_that_is_taken_is_not_used(pool, pve, make_image):
    pool.engine.configure(vmid_range=[7000, 7000])
    theirs = [f"{pool.name}/{name}" for name in ("subvol-7000-disk-1", "basevol-7000-disk-2")]
    for name in theirs:
        zfs("create", name)
    guids = [property_of("guid", name) for name in theirs]
    guest = pool.engine.guest(pool.engine.start(large(make_image, 1), *SLEEP))
    assert pool.root(guest) == f"{pool.name}/subvol-7000-disk-3" and pool.is_clone(guest)
    assert [property_of("guid", name) for name in theirs] == guids


class Killer:
    """Kills a command before its first request that @is_due says yes to."""

    def __init__(self, pve, is_due):
        self.pve, self.is_due, self.child = pve, is_due, None
        self.usual = pve.mischief.before_request

    def before_request(self, method, path, template):
        if self.is_due(method, template):
            await_that(lambda: self.child, "the command is known")
            self.child.send_signal(signal.SIGKILL)
        return self.usual(method, path, template)

    def run(self, engine, *words):
        self.pve.mischief.before_request = self.before_request
        try:
            self.child = engine.open(*words)
            return engine.finish(self.child, DEADLINE)
        finally:
            del self.pve.mischief.before_request


def is_power(method, template):
    return method == "POST" and template and "/status/" in template


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_a_clone_that_came_to_nothing_goes_unless_it_is_another_s(pool, pve, make_image, whose):
    engine = pool.engine
    old, new = releases(make_image)
    name = engine.start(old)
    guest, before = engine.guest(name), pool.volumes
    assert Killer(pve, is_power).run(engine, "update", name, "--image", new).code == -signal.SIGKILL
    (clone,) = set(pool.volumes) - set(before)
    if whose == "theirs":
        zfs("destroy", f"{pool.name}/{clone}")
        zfs("create", f"{pool.name}/{clone}")
    pool.settle()
    engine("stop", "--time", "0", name)
    engine("start", name).ok()
    assert release_of(pool, name) == 0 and not list(guest.unused())
    assert pool.volumes == (before if whose == "ours" else sorted([*before, clone]))
    engine("update", name, "--image", new, "--settle", "0").ok()
    assert release_of(pool, name) == 1 and (clone in pool.volumes)


def test_a_container_that_somebody_destroyed_leaves_no_clone(pool, pve, make_image):
    engine = pool.engine
    old, new = releases(make_image)
    name = engine.start(old)
    guest = engine.guest(name)
    Killer(pve, is_power).run(engine, "update", name, "--image", new)
    pool.settle()
    pve.person.destroy(guest.vmid)
    assert len(pool.volumes) == 1
    engine("delete", "--force", name).ok()
    assert pool.volumes == []


def test_creations_that_are_killed_leave_nothing(pool, make_image):
    engine, image = pool.engine, releases(make_image)[0]
    engine.configure(timeout=10)
    began = time.monotonic()
    engine.start(image, name="killed")
    took = time.monotonic() - began
    engine("delete", "--force", "killed").ok()
    counts = {}
    for number in range(KILLS):
        if number % 4 == 0:
            pool.gc()  # so that the image's dataset is made as well
        child = engine.open("run", "--detach", "--image", image, "killed")
        time.sleep(random.uniform(0, 1.3 * took))
        child.send_signal(signal.SIGKILL)
        engine.finish(child, DEADLINE)
        pool.settle()
        await_that(lambda: len(engine.list()) == len(pool.pve.cluster.guests), f"a look settles it, {number}", DEADLINE)
        found = engine.list()
        assert len(found) == len(pool.pve.cluster.guests) <= 1
        assert (pool.volumes != []) == (found != []), number
        counts[len(found)] = counts.get(len(found), 0) + 1
        if found:
            engine("start", "killed")
            assert release_of(pool, "killed") == 0
            engine("delete", "--force", "killed").ok()
            assert pool.volumes == [], number
    print(counts)


def test_updates_that_are_killed_leave_the_old_or_the_new(pool, make_image):
    engine = pool.engine
    engine.configure(timeout=10)
    images = releases(make_image, Volumes={"/data": {}})
    name = engine.start(images[0])
    guest, content, current = engine.guest(name), volume_hash(pool, engine.guest(name)), 0
    began = time.monotonic()
    words = ["update", name, "--time", "0", "--settle", "0", "--image"]
    engine(*words, images[1]).ok()
    took, current = time.monotonic() - began, 1
    counts = {}
    for number in range(KILLS):
        child = engine.open(*words, images[1 - current])
        time.sleep(random.uniform(0, took))
        child.send_signal(signal.SIGKILL)
        engine.finish(child, DEADLINE)
        pool.settle()
        engine("stop", "--time", "0", name)
        engine("start", name).ok()
        found = release_of(pool, name)
        what = "new" if found != current else "old"
        counts[what], current = counts.get(what, 0) + 1, found
        assert volume_hash(pool, guest) == content and "mp254" not in guest.config, number
        named = {part["volume"] for _, part in guest.volumes()} | set(dict(guest.unused()).values())
        assert {f"tank:{volume}" for volume in pool.volumes} == named, f"a dataset is named by nobody, {number}"
    print(counts)
    engine(*words, images[1 - current]).ok()
    assert len(pool.volumes) == 3 and len(list(guest.unused())) == 1
    assert list(pool.pve.cluster.guests) == [guest.vmid]


def test_a_pool_that_is_full_leaves_nothing(pve, work, make_image):
    parent = f"small{secrets.token_hex(2)}"
    with open(work / "disk", "wb") as file:
        file.truncate(96 * MIB)
    subprocess.run(["zpool", "create", "-m", "none", parent, work / "disk"], check=True)
    try:
        pool = Pool(pve, work, parent)
        too_large = large(make_image, 80)
        failed = pool.engine("run", "--detach", "--image", too_large, "full", *SLEEP, timeout=300)
        failed.fails("StorageError", pool.name, code=125)
        assert below(pool.name, "all") == [] and pool.engine.list() == [] and list(pve.cluster.guests) == []
        name = pool.engine.start(releases(make_image)[0])
        before = below(pool.name, "all")
        pool.engine("update", name, "--image", too_large, timeout=300).fails("StorageError", pool.name)
        assert below(pool.name, "all") == before and release_of(pool, name) == 0
        pool.nothing_is_left()
    finally:
        pve.cluster.storages["tank"].close()
        subprocess.run(["zpool", "destroy", parent], check=True)
