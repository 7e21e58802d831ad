# SPDX-License-Identifier: MIT
"""kill -9 at every request that making a container and another image for it take, and at random: there are never two of
one name, nothing of somebody else's is touched, and what is there is the old or the new. A short check takes a few of
them; LXCRI_TEST_LONG=1 takes all, and 200 updates."""

import copy
import hashlib
import os
import random
import signal
import threading
import time

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import Layer, program_of
from engine import await_that
from fake import disk
from fake.mischief import Dropped

LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"
DEADLINE = 120
CREATE_POINTS = 30
UPDATE_POINTS = 60
SLEEP = ("sleep", "1000")


class Killer:
    """Kills a command when its request of number @at comes; that is done all the same, or lost."""

    def __init__(self, pve, at, is_lost):
        self.pve, self.at, self.is_lost = pve, at, is_lost
        self.count, self.child, self.ready = 0, None, threading.Event()
        self.usual = pve.mischief.before_request

    def before_request(self, method, path, template):
        self.count += 1
        if self.count == self.at and self.ready.wait(DEADLINE):
            self.child.send_signal(signal.SIGKILL)
            if self.is_lost:
                raise Dropped
        return self.usual(method, path, template)

    def run(self, engine, *words):
        """Runs the command; returns whether it was killed."""
        self.pve.mischief.before_request = self.before_request
        try:
            self.child = engine.open(*words)
            self.ready.set()
            result = engine.finish(self.child, DEADLINE)
        finally:
            del self.pve.mischief.before_request
        return result.code == -signal.SIGKILL


def settle(pve):
    """Waits until nothing that was asked for is still on its way."""
    await_that(lambda: all(one.over.is_set() for one in list(pve.cluster.tasks.by_upid.values())), "tasks end", DEADLINE)


def chosen(points, number):
    """Returns all points, or so many of them, which are the same in each run: a long check has them all."""
    return points if LONG else sorted(random.Random(1).sample(points, number))


@pytest.fixture
def stranger(pve, template):
    """Somebody else's container, whose tags are nearly ours; it is to stay as it is."""
    pve.person.does("POST", "/nodes/pve1/lxc", vmid=900, ostemplate=template, hostname="stranger", rootfs="local-zfs:1",
                    mp0="local-zfs:1,mp=/x", tags="lxcri;lxcri-0123456789abcdef")
    guest = pve.cluster.guests[900]
    before = copy.deepcopy(guest.config)
    yield guest
    assert pve.cluster.guests[900] is guest and guest.config == before
    pve.person.destroy(900)


def ours(pve):
    return [guest for guest in pve.cluster.guests.values() if guest.vmid != 900]


def test_a_create_that_is_killed_anywhere_leaves_one_or_none(engine, pve, box, stranger):
    engine.configure(timeout=3)
    seen = set()
    for at, is_lost in chosen([(at, is_lost) for at in range(1, CREATE_POINTS) for is_lost in (False, True)], 4):
        was_killed = Killer(pve, at, is_lost).run(engine, "run", "--detach", "--image", box, "killed", *SLEEP)
        settle(pve)
        await_that(lambda: len(engine.list()) == len(ours(pve)), f"a look settles it, {at}", DEADLINE)
        seen.add((was_killed, tuple(engine.list())))
        assert len(ours(pve)) <= 1, (at, is_lost)
        if not engine.list():
            engine.start(box, *SLEEP, name="killed")
        assert engine.list() == ["killed"] and [guest.vmid for guest in ours(pve)] == [engine.place("killed")["vmid"]]
        engine("delete", "--force", "killed").ok()
        assert not ours(pve)
    assert not LONG or {(True, ()), (True, ("killed",)), (False, ("killed",))} <= seen, seen


def volume_hash(pve, guest):
    path = disk.path(pve.cluster, guest.node, guest.config["mp0"].split(",")[0])
    digest = hashlib.sha256()
    for directory, names, files in os.walk(path):
        names.sort()
        for name in sorted(files):
            file = os.path.join(directory, name)
            digest.update(f"{os.path.relpath(file, path)} {os.stat(file).st_uid} {os.stat(file).st_mode}".encode())
            with open(file, "rb") as opened:
                digest.update(opened.read())
    return digest.hexdigest()


def releases(make_image):
    return [make_image(Layer().add("release", str(number).encode()), Cmd=["sleep", f"100{number}"], Env=["PATH=/bin"],
                       Volumes={"/data": {}}) for number in range(2)]


def release_of(pve, guest):
    program = program_of(pve, guest)
    with open(f"/proc/{program}/root/release", encoding="ascii") as file:
        return int(file.read())


class Updated:
    """A container that is updated again and again."""

    def __init__(self, engine, pve, make_image):
        self.engine, self.pve = engine, pve
        self.images = releases(make_image)
        self.name = engine.start(self.images[0])
        self.guest = engine.guest(self.name)
        volume = disk.path(pve.cluster, self.guest.node, self.guest.config["mp0"].split(",")[0])
        for number in range(20):
            with open(f"{volume}/{number}", "w", encoding="ascii") as file:
                file.write("data" * number * 100)
        self.kept = {key: self.guest.config[key] for key in ("net0", "mp0", "hostname", "tags")}
        self.hash = volume_hash(pve, self.guest)
        self.current = 0

    def words(self, *more):
        return ("update", self.name, "--image", self.images[1 - self.current], "--time", "0", *more)

    def check(self, what):
        """Looks that it is the old or the new, whole, and runs; returns whether it is the new one."""
        settle(self.pve)
        assert self.engine.list() == [self.name], what
        self.engine("start", self.name)
        assert self.engine.status(self.name) == "running", what
        found = release_of(self.pve, self.guest)
        assert volume_hash(self.pve, self.guest) == self.hash, what
        assert {key: self.guest.config[key] for key in self.kept} == self.kept, what
        is_new, self.current = found != self.current, found
        return is_new


def test_an_update_that_is_killed_anywhere_leaves_the_old_or_the_new(engine, pve, make_image, stranger):
    engine.configure(timeout=3)
    updated = Updated(engine, pve, make_image)
    engine(*updated.words("--settle", "0")).ok()  # both templates are there
    updated.check("the first")
    seen = set()
    for at, is_lost in chosen([(at, is_lost) for at in range(1, UPDATE_POINTS) for is_lost in (False, True)], 5):
        was_killed = Killer(pve, at, is_lost).run(engine, *updated.words("--settle", "0"))
        seen.add((was_killed, updated.check((at, is_lost))))
    assert not LONG or {(True, False), (True, True), (False, True)} <= seen, seen
    engine(*updated.words("--settle", "0")).ok()
    updated.check("the last")
    assert ours(pve) == [updated.guest], "drafts are left"
    assert len(list(updated.guest.unused())) == 1


def test_updates_with_kills_at_random_and_checks_that_fail(engine, pve, make_image, stranger):
    engine.configure(timeout=3, local_node="pve1", lxc_directory=str(pve.cluster.host.lxcpath))
    updated = Updated(engine, pve, make_image)
    began = time.monotonic()
    engine(*updated.words("--settle", "0")).ok()
    took = time.monotonic() - began
    updated.check("the first")
    counts = {}
    for number in range(200 if LONG else 3):
        if number % 5 == 2:
            engine(*updated.words("--settle", "1", "--health-cmd", "false", "--health-timeout", "1")).fails("ContainerStartFailed")
            assert not updated.check(number), "an image that is not well has stayed"
            counts["ill"] = counts.get("ill", 0) + 1
            continue
        child = engine.open(*updated.words("--settle", "0"))
        time.sleep(random.uniform(0, took))
        child.send_signal(signal.SIGKILL)
        engine.finish(child, DEADLINE)
        what = "new" if updated.check(number) else "old"
        counts[what] = counts.get(what, 0) + 1
        assert len(ours(pve)) <= 2, "drafts gather"
    print(counts)
    engine(*updated.words("--settle", "0")).ok()
    updated.check("the last")
    assert ours(pve) == [updated.guest] and len(list(updated.guest.unused())) == 1
    assert not LONG or {"old", "new", "ill"} <= set(counts), counts
