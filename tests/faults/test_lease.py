# SPDX-License-Identifier: MIT
"""Every call by which a container comes onto the LAN and gets a lease is killed or fails once: then there
is no container, or a whole one, and the bridge is as before."""

import pytest

from lan import *  # noqa: F401,F403
from lan import BRIDGE, nothing_is_left
from nets import *  # noqa: F401,F403
from points import KILLS, Trace

PLACES = ("net/dhcp/", "monitor/lease.c", "engine/lan/", "os/network/")


def run(engine, box, env):
    id = engine.id()
    return id, engine("run", "--detach", "--network", f"bridge:{BRIDGE}", "--image", box, id, "sleep", "1000", env=env)


@pytest.fixture
def moments(site, one, box, server):
    """Whatever such a call does, as it is found once."""
    trace = Trace(one.work / "trace")
    id, done = run(one, box, trace.environment)
    done.ok()
    one("delete", "--force", id).ok()
    site.is_as_before()
    return sorted({f"{hit.point}@{hit.program}#{hit.number}" for hit in trace.hits()
                   if hit.point.startswith(PLACES)})


def test_a_container_is_on_the_lan_or_there_is_none(site, one, box, server, moments):
    assert any("dhcp_apply" in moment for moment in moments) and any("netlink" in moment for moment in moments)
    came = 0
    for moment in moments:
        for action in (*KILLS, "EIO"):
            trace = Trace(one.work / "trace")
            id, done = run(one, box, {**trace.environment, "LXCRI_FAULT": f"{moment}:{action}"})
            came += trace.came()
            if done.code == 0:
                assert one.status(id) == "running", (moment, action)
                assert "10.77.0.50" in one.inside(id).run("ip", "address", "show", "eth0"), (moment, action)
            for name in one.list():
                one("delete", "--force", name).ok()
            nothing_is_left(one, site)
    # A call may be left out, such as one that asks for a time.
    assert came > 2 * len(moments)
