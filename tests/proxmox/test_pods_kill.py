# SPDX-License-Identifier: MIT
"""kill -9 at the requests by which a pod of a set is made, replaced and removed: there are never two CTs of one pod, and who
comes next makes it who it was. A short check takes a few of them; LXCRI_TEST_LONG=1 takes all."""

import json

from cluster_engine import *  # noqa: F401,F403
from engine import await_that
from pods import container, pods, replicas
from test_backend_kill import LONG, Killer, chosen, settle
from test_pods import CLASS, identity, members, own_words  # noqa: F401

DEADLINE = 120
POINTS = 72  # more requests than there are


def write(engine, box, release):
    """The manifest of a set of one, which is another one with each release."""
    mounts = [{"name": "data", "mountPath": "/data"}]
    one = replicas("StatefulSet", "db", 1, container(box, volumeMounts=mounts, env=[{"name": "RELEASE", "value": str(release)}]),
                   claims=["data"], **CLASS)
    path = engine.work / "db.json"
    path.write_text(json.dumps(one))
    return path


def look(engine, pve, what):
    """Waits until nothing is on its way and a look has cleaned up; returns the CTs of the set."""
    settle(pve)

    def is_settled():
        return len(engine.list()) == len(hosts(pve))

    await_that(is_settled, f"a look settles it, {what}", DEADLINE)
    assert len(hosts(pve)) <= 1 and set(pods(engine)) <= {"db-0"}, what
    return hosts(pve)


def hosts(pve):
    return [guest for guest in pve.cluster.guests.values() if "lxcri-volume" not in guest.config.get("tags", "")]


def test_a_pod_of_a_set_that_is_killed_anywhere_stays_who_it_is(engine, pve, box):
    engine.configure(timeout=3)
    engine("apply", "-f", write(engine, box, "first")).ok()
    before = identity(members(pve)["db-0"])
    seen = set()
    for number, (at, is_lost) in enumerate(chosen([(at, is_lost) for at in range(1, POINTS) for is_lost in (False, True)], 3)):
        path = write(engine, box, number)
        was_killed = Killer(pve, at, is_lost).run(engine, "apply", "-f", path)
        seen.add((was_killed, len(look(engine, pve, (at, is_lost)))))
        engine("apply", "-f", path).ok()
        assert [identity(guest) for guest in hosts(pve)] == [before], (at, is_lost)
        assert pods(engine)["db-0"]["status"] == "Running", (at, is_lost)
    assert not LONG or {(True, 0), (True, 1), (False, 1)} <= seen, seen
    assert len(pve.cluster.guests) == 2, "keepers gather"
    for at, is_lost in chosen([(at, is_lost) for at in range(1, 12) for is_lost in (False, True)], 1):
        Killer(pve, at, is_lost).run(engine, "delete", "-f", path)
        look(engine, pve, (at, is_lost))
        engine("apply", "-f", path).ok()
        assert [guest.config["hostname"] for guest in hosts(pve)] == ["db-0"], (at, is_lost)
    engine("delete", "--volumes", "-f", path).ok()
    assert not pve.cluster.guests


def test_a_first_pod_that_is_killed_anywhere_is_one_or_none(engine, pve, box):
    engine.configure(timeout=3)
    for at, is_lost in chosen([(at, is_lost) for at in range(1, POINTS) for is_lost in (False, True)], 2):
        path = write(engine, box, at)
        Killer(pve, at, is_lost).run(engine, "apply", "-f", path)
        look(engine, pve, (at, is_lost))
        engine("apply", "-f", path).ok()
        assert [guest.config["hostname"] for guest in hosts(pve)] == ["db-0"], (at, is_lost)
        engine("delete", "--volumes", "-f", path).ok()
        assert not pve.cluster.guests, (at, is_lost)
