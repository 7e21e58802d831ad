# SPDX-License-Identifier: MIT
"""A container of Proxmox VE, made and updated by a command that is killed, or whose call fails, at one of its calls that
change something on this host: then there is none or a whole one, on the old image or the new. What requests do is in
tests/proxmox/test_backend_kill.py."""

import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "proxmox"))

# pylint: disable=wrong-import-position,unused-import
from cluster_engine import *  # noqa: E402,F401,F403
from engine import await_that  # noqa: E402
from fake.template import make_template  # noqa: E402
from points import KILLS, Trace  # noqa: E402
from sweep import LONG  # noqa: E402
from test_backend_kill import Updated, ours, settle, stranger  # noqa: E402,F401
import test_pods_kill  # noqa: E402
from test_pods import identity, members  # noqa: E402

SLEEP = ("sleep", "1000")
DEADLINE = 120
PROGRAM = "proxmox-lxcri"
FIRST_ANSWER = f"os/socket.c:socket_receive:recvmsg@{PROGRAM}#1"  # of lxcri-proxmox; a pod is looked at, and all goes on


@pytest.fixture
def template(pve, work):
    """For somebody else's container."""
    return pve.add_template(make_template(work / "busybox.tar.zst"))


def moments(engine, work, words):
    """Returns (moment, action) of all that the command gets to, of which a short check takes some, the same each time."""
    trace = Trace(work / "trace")
    engine(*words, env=trace.environment).ok()
    found = sorted({str(hit) for hit in trace.hits() if hit.program == PROGRAM})
    assert found, "the build has no fault points"
    every = [(moment, action) for moment in found for action in (*KILLS, "EIO")]
    return every if LONG else random.Random(1).sample(every, 4)


def at(work, moment, action):
    return {**Trace(work / "trace").environment, "LXCRI_FAULT": f"{moment}:{action}"}


def test_a_container_is_whole_or_there_is_none(engine, pve, box, work, stranger):  # noqa: F811
    engine.configure(timeout=3)
    words = ("run", "--detach", "--image", box, "broken", *SLEEP)
    every = moments(engine, work, words)
    engine("delete", "--force", "broken").ok()
    for moment, action in every:
        engine(*words, env=at(work, moment, action))
        settle(pve)
        await_that(lambda: len(engine.list()) == len(ours(pve)), f"a look settles it, {moment} {action}", DEADLINE)
        assert len(ours(pve)) <= 1, (moment, action)
        if not engine.list():
            engine(*words).ok()
        assert engine.list() == ["broken"], (moment, action)
        engine("delete", "--force", "broken").ok()
        assert not ours(pve), (moment, action)


def test_an_update_leaves_the_old_or_the_new(engine, pve, make_image, work, stranger):  # noqa: F811
    engine.configure(timeout=3)
    updated = Updated(engine, pve, make_image)
    engine(*updated.words("--settle", "0")).ok()
    updated.check("the first")
    for moment, action in moments(engine, work, updated.words("--settle", "0")):
        updated.check((moment, action))
        engine(*updated.words("--settle", "0"), env=at(work, moment, action))
    updated.check("the last of them")
    engine(*updated.words("--settle", "0")).ok()
    updated.check("the last")
    assert ours(pve) == [updated.guest] and len(list(updated.guest.unused())) == 1


def test_a_pod_of_a_set_is_one_ct_that_stays_who_it_is(engine, pve, box, work):  # noqa: F811
    engine.configure(timeout=3)
    engine.backend = None
    engine("apply", "-f", test_pods_kill.write(engine, box, "first")).ok()
    before = identity(members(pve)["db-0"])
    path = test_pods_kill.write(engine, box, "second")
    every = moments(engine, work, ("apply", "-f", path))
    for number, (moment, action) in enumerate([(FIRST_ANSWER, "EIO"), *every]):
        test_pods_kill.write(engine, box, number)
        engine("apply", "-f", path, env=at(work, moment, action))
        test_pods_kill.look(engine, pve, (moment, action))
        engine("apply", "-f", path).ok()
        assert [identity(guest) for guest in test_pods_kill.hosts(pve)] == [before], (moment, action)
    engine("delete", "--volumes", "-f", path).ok()
    assert not pve.cluster.guests
