# SPDX-License-Identifier: MIT
"""VLANs of bridges, which need a kernel that filters them."""

import json

import pytest

from lan import *  # noqa: F401,F403
from lan import BRIDGE
from nets import *  # noqa: F401,F403

NETWORK = f"bridge:{BRIDGE}"


@pytest.fixture
def trunk(site):
    """The bridge filters, and what is 10.77.0.1 on the LAN is in VLAN 5 alone."""
    site.host.run("ip", "link", "set", BRIDGE, "type", "bridge", "vlan_filtering", "1")
    site.host.run("bridge", "vlan", "add", "dev", "port0", "vid", "5")
    site.lan.run("ip", "address", "del", "10.77.0.1/24", "dev", "lan1")
    site.lan.run("ip", "link", "add", "link", "lan1", "name", "lan1.5", "type", "vlan", "id", "5")
    site.lan.run("ip", "address", "add", "10.77.0.1/24", "dev", "lan1.5")
    site.lan.run("ip", "link", "set", "lan1.5", "up")
    site.before = site.look()
    return site


def vlans_of(site, port):
    entry, = json.loads(site.host.run("bridge", "-j", "vlan", "show", "dev", port))
    return {(vlan["vlan"], *vlan.get("flags", [])) for vlan in entry["vlans"]}


def start(engine, box, network):
    id = engine.id()
    engine("run", "--detach", "--network", network, "--image", box, id, "sleep", "1000").ok()
    return id, engine.endpoints(id)[NETWORK]["interface"]


def pings(engine, id):
    return engine("exec", id, "sh", "-c", "ping -c 1 -W 3 10.77.0.1")


def test_a_port_is_in_its_vlan_alone_and_without_tags(trunk, one, box):
    inside, port = start(one, box, f"{NETWORK},vlan=5,ip=10.77.0.9/24")
    outside, other = start(one, box, f"{NETWORK},ip=10.77.0.8/24")
    assert vlans_of(trunk, port) == {(5, "PVID", "Egress Untagged")}
    assert vlans_of(trunk, other) == {(1, "PVID", "Egress Untagged")}
    pings(one, inside).ok()
    assert pings(one, outside).code == 1
    assert one.endpoints(inside)[NETWORK]["vlan"] == 5
    one("stop", "--time", "0", inside).ok()
    one("start", inside).ok()
    assert vlans_of(trunk, one.endpoints(inside)[NETWORK]["interface"]) == {(5, "PVID", "Egress Untagged")}
    for id in (inside, outside):
        one("delete", "--force", id).ok()
    trunk.is_as_before()


def test_the_usual_vlan_can_be_asked_for(trunk, one, box):
    _, port = start(one, box, f"{NETWORK},vlan=1,ip=none")
    assert vlans_of(trunk, port) == {(1, "PVID", "Egress Untagged")}
