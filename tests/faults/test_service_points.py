# SPDX-License-Identifier: MIT
"""Every call by which a service with an address is made, changed and removed is killed or fails once: a
failure leaves what was there before, and what was killed is made true by who does it again."""

import pytest

from nets import *  # noqa: F401,F403
from points import KILLS, Trace
from pods import container, pod, stream
from sweep import LONG

PLACES = ("engine/virtual/", "os/path.c", "os/network/netlink.c", "engine/database/", "net/")
MAPS = ("virtual4", "virtual6", "services4", "services6", "targets4", "targets6", "nodes4", "node_targets4",
        "keepers4")
BEFORE = {"apply": None, "change": 80, "delete": 80}
AFTER = {"apply": 80, "change": 81, "delete": None}


def service(port):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "type": "NodePort", "clusterIP": "10.96.200.7",
                     "sessionAffinity": "ClientIP" if port == 81 else "None",
                     "ports": [{"port": port, "targetPort": 8080, "nodePort": 30000 + port}]}}


def do(engine, port, **options):
    """Has the service have that port, or be gone."""
    verb = ("apply",) if port else ("delete",)
    return engine(*verb, "-f", "-", input=stream(service(port or 80)), **options)


def seen(engine, world):
    """What the rules and the database have of it."""
    table = next(line for line in world.host.run("nft", "list", "tables").splitlines() if "inet" in line)
    rules = tuple(world.host.run("nft", "list", "map" if name[0] != "v" else "set", *table.split()[1:], name)
                  for name in MAPS)
    return (rules, engine.sql("SELECT name, ip4, ip6, ports, made_revision > 0 FROM service"),
            engine.sql("SELECT protocol, host_port FROM service_port"), engine.sql("SELECT container, ready FROM member"))


@pytest.mark.parametrize("verb", BEFORE)
def test_a_service_is_as_it_was_or_is_to_be(one, box, world, verb):
    # No service makes true what the test looks at.
    one.keep_service_away()
    one("apply", "-f", "-", input=stream(pod("a", container(box), labels={"app": "web"}))).ok()
    do(one, AFTER[verb]).ok()
    after = seen(one, world)
    do(one, BEFORE[verb]).ok()
    before = seen(one, world)
    assert before != after and any("10.213" in rules for rules in (*before[0], *after[0]))
    trace = Trace(one.work / "trace")
    do(one, AFTER[verb], env=trace.environment).ok()
    assert seen(one, world) == after
    moments = sorted({str(hit) for hit in trace.hits()
                      if hit.program == "proxmox-lxcri" and hit.point.startswith(PLACES)})
    assert any("netlink" in moment for moment in moments)
    came = 0
    moments = moments if LONG else moments[::16]
    for moment in moments:
        for action in (*KILLS, "EIO"):
            do(one, BEFORE[verb]).ok()
            assert seen(one, world) == before, (moment, action)
            trace = Trace(one.work / "trace")
            done = do(one, AFTER[verb], env={**trace.environment, "LXCRI_FAULT": f"{moment}:{action}"})
            came += trace.came()
            if action == "EIO" and done.code != 0 and verb != "delete":
                assert seen(one, world) == before, (moment, action, done)
            # A pod that could not be read hides no others, and is told.
            if action == "EIO" and done.code == 0 and "warning" not in done.err:
                assert seen(one, world) == after, (moment, action, done)
            do(one, AFTER[verb]).ok()
            assert seen(one, world) == after, (moment, action, done)
    assert came > len(moments)
    do(one, None).ok()
    one("pod", "delete", "--force", "a").ok()
