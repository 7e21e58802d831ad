# SPDX-License-Identifier: MIT
"""VLANs of bridges, which need a kernel that filters them."""

import json
import struct
import time

import pytest

from lan import *  # noqa: F401,F403
from lan import BRIDGE
from nets import *  # noqa: F401,F403
from nets import Capture, send_frames
from test_lan import udp_frame

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


def tagged(frame, *vlans):
    """The same frame with tags behind its addresses, the outermost first."""
    return frame[:12] + b"".join(struct.pack(">HH", 0x8100, vlan) for vlan in vlans) + frame[12:]


def test_two_tags_lead_into_no_other_vlan_where_only_its_own_comes_out(trunk, one, box):
    """The bridge takes the outer tag off, which is that of the port's own VLAN, and sends the frame on with
    the inner one: into VLAN 5, where its sender is not."""
    hopped = {}
    for flags, antispoof in (("ip=10.77.0.8/24", False), ("ip=10.77.0.9/24,antispoof=on", True)):
        id, _ = start(one, box, f"{NETWORK},{flags}")
        place = one.endpoints(id)[NETWORK]
        frame = udp_frame(place["mac"], place["ip4"])
        for vlans in ((1, 5), (5,)):
            with Capture(trunk.lan, "lan1.5") as capture:
                send_frames(one.inside(id), "eth0", tagged(frame, *vlans))
                time.sleep(0.3)
            hopped[antispoof, vlans] = len(capture.having(b"spoofed-0123456789"))
        one("delete", "--force", id).ok()
    assert hopped == {(False, (1, 5)): 1, (False, (5,)): 0, (True, (1, 5)): 0, (True, (5,)): 0}


@pytest.mark.long
def test_a_tag_hides_no_spoofed_address(trunk, one, box):
    seen = {}
    for flags, antispoof in (("ip=10.77.0.8/24", False), ("ip=10.77.0.9/24,antispoof=on", True)):
        id, _ = start(one, box, f"{NETWORK},{flags}")
        frame = tagged(udp_frame(one.endpoints(id)[NETWORK]["mac"], "10.77.0.66"), 1)
        with Capture(trunk.lan, "lan1") as capture:
            send_frames(one.inside(id), "eth0", frame)
            time.sleep(0.3)
        seen[antispoof] = len(capture.having(b"spoofed-0123456789"))
        one("delete", "--force", id).ok()
    assert seen == {False: 1, True: 0}
