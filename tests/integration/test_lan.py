# SPDX-License-Identifier: MIT
"""Containers on the LAN: a port on a bridge of the host, addresses of one's own or by DHCP, and a bridge
that is as before when they have gone."""

import json
import os
import pathlib
import random
import signal
import socket
import struct
import time

import jsonschema
import pytest

from engine import BACKENDS, await_that, is_soon
from lan import *  # noqa: F401,F403
from lan import ACK, BRIDGE, DISCOVER, OFFER, RELEASE, REQUEST, nothing_is_left
from nets import *  # noqa: F401,F403
from nets import Capture, send_frames

NETWORK = f"bridge:{BRIDGE}"
SCHEMA = json.loads((pathlib.Path(__file__).parents[2] / "docs/inspect.schema.json").read_text())


def place_of(engine, id, network=NETWORK):
    places = engine("inspect", id).ok().json()["networks"]
    jsonschema.Draft202012Validator(SCHEMA["properties"]["networks"]).validate(places)
    assert [place["position"] for place in places] == list(range(len(places)))
    return {place["network"]: place for place in places}[network]


def start(engine, box, network, *flags):
    id = engine.id()
    engine("run", "--detach", "--network", network, *flags, "--image", box, id, "sleep", "1000").ok()
    return id


def test_a_container_gets_an_address_of_its_own_on_the_lan(site, lx, box):
    id = start(lx, box, f"{NETWORK},ip=10.77.0.9/24,gw=10.77.0.1,ip6=fd77::9/64,gw6=fd77::1,mac=fe:00:00:00:77:09")
    place = place_of(lx, id)
    assert {key: place[key] for key in ("ip4", "ip6", "gateway", "gateway6", "mac", "dhcp")} == \
        {"ip4": "10.77.0.9", "ip6": "fd77::9", "gateway": "10.77.0.1", "gateway6": "fd77::1",
         "mac": "fe:00:00:00:77:09", "dhcp": False}
    inside = lx.inside(id)
    assert "fe:00:00:00:77:09" in inside.run("ip", "link", "show", "eth0")
    assert "via 10.77.0.1 dev eth0" in inside.run("ip", "route")
    assert "via fd77::1 dev eth0" in inside.run("ip", "-6", "route")
    site.ping(inside, "10.77.0.1")
    site.ping(site.lan, "10.77.0.9")
    site.ping(site.lan, "fd77::9")
    assert site.ports() == {place["interface"]}
    assert site.look()[-1] == site.before[-1]  # the bridge itself
    assert place["interface"].startswith("vethx") and not place["interface"][4].isdigit()
    lx("stop", "--time", "0", id).ok()
    site.is_as_before()
    assert "interface" not in place_of(lx, id)
    lx("start", id).ok()
    assert place_of(lx, id)["mac"] == "fe:00:00:00:77:09"
    site.ping(site.lan, "10.77.0.9")
    lx("delete", "--force", id).ok()
    nothing_is_left(lx, site)


def test_dnsmasq_gives_a_lease_and_gets_it_back(site, lx, box, dnsmasq):
    server = dnsmasq("--dhcp-host=02:00:00:00:77:63,10.77.0.99")
    id = start(lx, box, NETWORK, "--hostname", "walnut")
    place = place_of(lx, id)
    assert place["dhcp"] and place["ip4"].startswith("10.77.0.1") and place["gateway"] == "10.77.0.1"
    assert place["lease"]["server"] == "10.77.0.1" and place["lease"]["dns"] == ["10.77.0.1", "10.77.0.3"]
    assert place["lease"]["domain"] == "lan.example" and place["lease"]["seconds"] == 120
    inside = lx.inside(id)
    address = inside.run("ip", "-4", "address", "show", "eth0")
    assert f"{place['ip4']}/24 brd 10.77.0.255" in address and "valid_lft forever" not in address
    assert "default via 10.77.0.1 dev eth0 proto dhcp" in inside.run("ip", "route")
    site.ping(site.lan, place["ip4"])
    assert lx("exec", id, "cat", "/etc/resolv.conf").ok().lines == \
        ["nameserver 10.77.0.1", "nameserver 10.77.0.3", "search lan.example"]
    assert f"{place['mac']} {place['ip4']} walnut" in server.leases.read_text()
    mapped = start(lx, box, f"{NETWORK},mac=02:00:00:00:77:63")
    assert place_of(lx, mapped)["ip4"] == "10.77.0.99"
    for one in (id, mapped):
        lx("stop", "--time", "0", one).ok()
    await_that(lambda: server.leases.read_text() == "", "both leases are given back")
    lx("start", id).ok()
    assert place_of(lx, id)["ip4"] == place["ip4"]
    for one in (id, mapped):
        lx("delete", "--force", one).ok()
    nothing_is_left(lx, site)


def test_a_lease_is_renewed_and_told_by_whom(site, one, box, server):
    server.tell(lease=8, t1=2, t2=6)
    id = start(one, box, NETWORK)
    place = place_of(one, id)
    # On a busy machine it asks more than once.
    asked = server.asked(DISCOVER)
    first, chosen = asked[0], server.asked(REQUEST)[0]
    assert first["hostname"] == id and first["mac"] == place["mac"]
    assert (chosen["wanted"], chosen["server"], chosen["client"]) == ("10.77.0.50", "10.77.0.1", "0.0.0.0")
    await_that(lambda: len(server.asked(REQUEST)) >= 4, "it is renewed again and again", 20)
    renewal = server.asked(REQUEST)[-1]
    assert (renewal["client"], renewal["wanted"], renewal["server"]) == ("10.77.0.50", None, None)
    assert len(server.asked(DISCOVER)) == len(asked)
    assert "10.77.0.50/24" in one.inside(id).run("ip", "address", "show", "eth0")
    one("delete", "--force", id).ok()
    await_that(lambda: server.asked(RELEASE), "the lease is given back")
    assert server.asked(RELEASE)[0]["client"] == "10.77.0.50"
    nothing_is_left(one, site)


def test_a_refused_renewal_leads_to_another_lease(site, one, box, server):
    server.tell(lease=6, t1=2, t2=4)
    id = start(one, box, NETWORK)
    server.tell(lease=6, t1=2, t2=4, nak=True, address="10.77.0.60")
    await_that(lambda: "10.77.0.50" not in one.inside(id).run("ip", "address", "show", "eth0"),
               "the address is taken away", 20)
    server.tell(lease=3600, address="10.77.0.60", router="10.77.0.2", dns=["10.77.0.4"], domain=None)
    await_that(lambda: place_of(one, id).get("ip4") == "10.77.0.60", "another lease", 20)
    assert "default via 10.77.0.2" in one.inside(id).run("ip", "route")
    assert one("exec", id, "cat", "/etc/resolv.conf").ok().lines == ["nameserver 10.77.0.4"]


def test_a_lease_that_nobody_renews_ends(site, one, box, server):
    server.tell(lease=5, t1=2, t2=4)
    id = start(one, box, NETWORK)
    server.tell(silent=[str(OFFER), str(ACK)])
    inside = one.inside(id)
    await_that(lambda: "10.77.0.50" not in inside.run("ip", "address", "show", "eth0"), "it ends", 20)
    assert "ip4" not in place_of(one, id)
    assert one.status(id) == "running"
    server.tell()
    await_that(lambda: "10.77.0.50" in inside.run("ip", "address", "show", "eth0"), "a new one", 40)


@pytest.fixture
def hasty(make_host_engine, work):
    """An engine that soon gives up waiting for a lease."""
    config = work / "config.json"
    config.write_text('{"network": {"dhcp_timeout": 3}}')
    return make_host_engine(config=config)


def test_without_a_server_there_is_no_container(site, make_host_engine, box):
    """On each backend, all at once: they wait for the time that is usual."""
    begin = time.monotonic()
    waiting = [(engine, engine.open("run", "--network", NETWORK, "--image", box, engine.id(), "true"))
               for engine in map(make_host_engine, BACKENDS)]
    for engine, child in waiting:
        engine.finish(child).fails("ConfigurationFailed", "no DHCP server has answered", code=125)
        assert time.monotonic() - begin > 10 and is_soon(begin, 40)
    for engine, _ in waiting:
        nothing_is_left(engine, site)


LIES = [
    ({"mask": "0.0.0.0"}, "mask"), ({"mask": "255.0.255.0"}, "mask"), ({"mask": None}, "mask"),
    ({"router": "192.0.2.77"}, "router"), ({"router": "224.0.0.1"}, "router"),
    ({"address": "10.77.0.255"}, "address"), ({"address": "127.0.0.1"}, "address"),
    ({"address": "0.0.0.0"}, "address"), ({"lease": 0}, "lease time"), ({"lease": None}, "lease time"),
    ({"more": "790a210a4d0001000a4d0001"}, "route"), ({"more": "06ff0a"}, "malformed"),
    ({"server": "255.255.255.255"}, "server"), ({"ack": {"server": "10.77.0.7"}}, "server"),
    ({"ack": {"address": "10.77.0.51"}}, "address"), ({"transaction": 1}, "no DHCP server has answered"),
    ({"padding": 2000}, "no DHCP server has answered"), ({"nak": True}, "refuses"),
]
LIES_AT_A_TIME = 6  # each is one that waits


@pytest.mark.parametrize("first", range(0, len(LIES), LIES_AT_A_TIME))
def test_a_server_that_lies_gives_no_lease(site, hasty, box, server, first):
    lies = {f"02:00:00:00:78:{i:02x}": lie for i, lie in enumerate(LIES[first:first + LIES_AT_A_TIME])}
    server.tell_each({mac: rules for mac, (rules, _) in lies.items()})
    waiting = [(hasty.open("run", "--network", f"{NETWORK},mac={mac}", "--image", box, hasty.id(), "true"), word)
               for mac, (_, word) in lies.items()]
    for child, word in waiting:
        hasty.finish(child).fails("ConfigurationFailed", word, code=125)
    nothing_is_left(hasty, site)


def test_what_a_server_may_say_is_taken(site, one, box, server):
    # Router and name servers in the field "file"; an MTU; a route over an address on the link.
    server.tell(overload=True, mtu=1400)
    id = start(one, box, NETWORK)
    seen = one.inside(id).run("ip", "-4", "address", "show", "eth0")
    assert "mtu 1400" in seen and "10.77.0.50/24" in seen
    assert "default via 10.77.0.1" in one.inside(id).run("ip", "route")
    one("delete", "--force", id).ok()
    server.tell(address="10.77.0.52", mtu=9000, domain="evil\nnameserver 6.6.6.6", dns=["127.0.0.1", "10.77.0.5"],
                more="790e20a9fe010100000000" + "00a9fe0101")
    id = start(one, box, NETWORK)
    routes = one.inside(id).run("ip", "route")
    assert "default via 169.254.1.1 dev eth0" in routes and "10.77.0.1 " not in routes
    assert "mtu 1500" in one.inside(id).run("ip", "link", "show", "eth0")
    assert one("exec", id, "cat", "/etc/resolv.conf").ok().lines == ["nameserver 10.77.0.5"]


def test_what_the_user_says_of_names_wins(site, one, box, server):
    id = start(one, box, NETWORK, "--dns", "10.9.9.9", "--dns-search", "mine.example")
    assert one("exec", id, "cat", "/etc/resolv.conf").ok().lines[:2] == \
        ["nameserver 10.9.9.9", "search mine.example"]
    other = start(one, box, f"{NETWORK},mac=02:00:00:00:77:01", "--dns-search", "mine.example",
                  "--dns-option", "ndots:2")
    assert one("exec", other, "cat", "/etc/resolv.conf").ok().lines == \
        ["nameserver 10.77.0.1", "search mine.example", "options ndots:2"]


def test_bad_places_are_refused_before_anything_is_made(site, one, box):
    site.host.run("ip", "link", "add", "plain0", "type", "veth", "peer", "name", "plain1")
    try:
        for network, code, word in (
                ("bridge:nobr0", "BridgeNotFound", "nobr0"),
                ("bridge:plain0", "BridgeNotFound", "no bridge"),
                ("macvlan:nolink0", "BridgeNotFound", "nolink0"),
                ("macvlan:lo", "ConfigurationFailed", "no LAN"),
                ("bridge:a-name-of-16-cha", "InvalidArgument", "15 characters"),
                ("bridge:", "InvalidArgument", "no name"),
                (f"{NETWORK},mac=01:00:5e:00:00:01", "InvalidArgument", "MAC"),
                (f"{NETWORK},vlan=0", "InvalidArgument", "4094"),
                (f"{NETWORK},vlan=4095", "InvalidArgument", "4094"),
                (f"{NETWORK},vlan=5", "ConfigurationFailed", f"bridge {BRIDGE} has no VLAN filtering"),
                (f"{NETWORK},ip=10.77.0.9", "InvalidArgument", "prefix"),
                (f"{NETWORK},ip=10.77.0.0/24", "InvalidArgument", "host"),
                (f"{NETWORK},ip=224.0.0.1/24", "InvalidArgument", "host"),
                (f"{NETWORK},ip6=ff02::1/64", "InvalidArgument", "host"),
                (f"{NETWORK},ip=10.77.0.9/24,gw=10.78.0.1", "InvalidArgument", "gateway"),
                (f"{NETWORK},gw=10.77.0.1", "InvalidArgument", "gateway"),
                (f"{NETWORK},ip=dhcp,ip=dhcp", "InvalidArgument", "twice"),
                (f"{NETWORK},color=blue", "InvalidArgument", "color"),
                (f"{NETWORK},mode=bridge", "InvalidArgument", "mode"),
                ("macvlan:port0,vlan=4", "InvalidArgument", "vlan"),
                ("macvlan:port0,mode=loud", "InvalidArgument", "mode")):
            one("run", "--network", network, "--image", box, one.id(), "true").fails(code, word, code=125)
        for flags in ("--ip 10.77.0.9", "--mac-address 02:00:00:00:00:01", "-p 80:80", "-P"):
            one("run", "--network", NETWORK, *flags.split(), "--image", box, one.id(), "true") \
                .fails("InvalidArgument", NETWORK, code=125)
    finally:
        site.host.run("ip", "link", "del", "plain0")
    nothing_is_left(one, site)


def udp_frame(source_mac, source):
    """A packet of UDP to everybody on the LAN."""
    payload = b"spoofed-0123456789"
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, socket.inet_aton(source),
                     socket.inet_aton("10.77.0.255"))
    total = sum(struct.unpack(">10H", ip))
    ip = ip[:10] + struct.pack(">H", ~(total % 0xffff) & 0xffff) + ip[12:]
    return b"\xff" * 6 + bytes.fromhex(source_mac.replace(":", "")) + b"\x08\0" + ip + \
        struct.pack(">HHHH", 9, 9, 8 + len(payload), 0) + payload


def test_only_what_has_its_own_addresses_comes_out_where_that_is_asked_for(site, one, box):
    frames = {}
    for flags, antispoof in (("ip=10.77.0.8/24", False), ("ip=10.77.0.9/24,antispoof=on", True)):
        id = start(one, box, f"{NETWORK},{flags}")
        place = place_of(one, id)
        with Capture(site.lan, "lan1") as capture:
            for mac, ip in ((place["mac"], place["ip4"]), ("02:00:00:00:00:66", place["ip4"]),
                            (place["mac"], "10.77.0.66")):
                send_frames(one.inside(id), "eth0", udp_frame(mac, ip))
        frames[antispoof] = len(capture.having(b"spoofed-0123456789"))
        site.ping(one.inside(id), "10.77.0.1")
        if antispoof:
            site.host.run("nft", "flush", "ruleset")
            one("network", "reload").ok()
            assert place["interface"] in site.host.run("nft", "list", "ruleset")
    assert frames == {False: 3, True: 1}
    one("stop", "--time", "0", id).ok()
    assert site.host.run("nft", "list", "ruleset") == ""
    for given in (f"{NETWORK},antispoof=on", "macvlan:port0,ip=none,antispoof=on", f"{NETWORK},antispoof=maybe"):
        one("run", "--network", given, "--image", box, one.id(), "true") \
            .fails("InvalidArgument", "antispoof", code=125)


def test_an_address_of_another_container_is_told(site, one, box):
    start(one, box, f"{NETWORK},ip=10.77.0.9/24,mac=02:00:00:00:77:09")
    for given in ("ip=10.77.0.9/24", "ip=none,mac=02:00:00:00:77:09"):
        one("run", "--network", f"{NETWORK},{given}", "--image", box, one.id(), "true") \
            .fails("ConfigurationFailed", "already", code=125)


def test_a_bridge_of_ours_is_none_of_the_lan(site, one, box):
    one("network", "create", "shop").ok()
    bridge = one("network", "inspect", "shop").ok().json()[0]["bridge"]
    one("run", "--network", f"bridge:{bridge},ip=none", "--image", box, one.id(), "true") \
        .fails("ConfigurationFailed", "our networks", code=125)


def test_a_killed_monitor_leaves_the_bridge_as_it_was(site, lx, box, server):
    id = start(lx, box, NETWORK)
    mac = place_of(lx, id)["mac"]
    os.kill(lx.monitor(id), signal.SIGKILL)
    site.is_as_before()
    assert lx.status(id) == "stopped" and "interface" not in place_of(lx, id)
    lx("start", id).ok()
    assert place_of(lx, id)["ip4"] == "10.77.0.50" and place_of(lx, id)["mac"] == mac
    # What it had is asked for once more.
    assert server.asked(DISCOVER)[-1]["wanted"] == "10.77.0.50"
    lx("delete", "--force", id).ok()
    nothing_is_left(lx, site)


def test_beside_a_deployment_network_the_first_one_has_the_way_out(site, one, box, server):
    one("network", "create", "shop").ok()
    id = start(one, box, "shop", "--network", NETWORK)
    inside = one.inside(id)
    assert "default via" in inside.run("ip", "route", "show", "dev", "eth0")
    assert "10.77.0.50/24" in inside.run("ip", "address", "show", "eth1")
    assert "default" not in inside.run("ip", "route", "show", "dev", "eth1")
    assert "10.77.0.1" not in one("exec", id, "cat", "/etc/resolv.conf").ok().out
    one("delete", "--force", id).ok()
    id = start(one, box, NETWORK, "--network", "shop")
    inside = one.inside(id)
    assert "default via 10.77.0.1 dev eth0" in inside.run("ip", "route")
    assert "default" not in inside.run("ip", "route", "show", "dev", "eth1")
    assert place_of(one, id)["position"] == 0 and place_of(one, id, "shop")["position"] == 1
    one("network", "create", "more").ok()
    one("network", "connect", "more", id).ok()
    assert one.endpoints(id)["more"]["position"] == 2
    one("delete", "--force", id).ok()
    nothing_is_left(one, site)


def test_a_place_on_the_lan_comes_and_goes_while_a_container_runs(site, hasty, box, server):
    lx = hasty
    lx("network", "create", "shop").ok()
    id = start(lx, box, "shop")
    fixed = f"{NETWORK},ip=10.77.0.9/24,antispoof=on"
    lx("network", "connect", fixed, id).ok()
    lx("network", "connect", NETWORK, id).ok()
    inside = lx.inside(id)
    assert "10.77.0.9/24" in inside.run("ip", "address", "show", "eth1")
    assert "10.77.0.50/24" in inside.run("ip", "address", "show", "eth2")
    site.ping(site.lan, "10.77.0.9")
    assert "default via" in inside.run("ip", "route", "show", "dev", "eth0")
    lx("network", "connect", NETWORK, id).fails("ConfigurationFailed", "already")
    lx("network", "connect", f"{NETWORK},ip=10.77.0.9/24", id).fails("ConfigurationFailed", "has that address")
    lx("network", "connect", "--ip", "10.77.0.8", f"{NETWORK},vlan=5", id).fails("InvalidArgument", "ip=")
    assert len(site.ports()) == 2
    lx("network", "disconnect", f"{NETWORK},vlan=7", id).fails("ConfigurationFailed", "no place there")
    lx("network", "disconnect", NETWORK, id).ok()  # the one that is called so, not one that begins so
    await_that(lambda: server.asked(RELEASE), "the lease is given back")
    assert "eth2" not in inside.run("ip", "link") and len(site.ports()) == 1
    lx("stop", "--time", "0", id).ok()
    lx("start", id).ok()
    assert "10.77.0.9/24" in lx.inside(id).run("ip", "address", "show", "eth1")
    lx("network", "disconnect", NETWORK, id).ok()  # by what is before its comma
    site.is_as_before()
    lx("network", "disconnect", NETWORK, id).fails("ConfigurationFailed", "no place there")
    server.tell(silent=[str(OFFER)])
    lx("network", "connect", NETWORK, id).fails("ConfigurationFailed", "no DHCP server")
    site.is_as_before()
    lx("delete", "--force", id).ok()
    lx("network", "remove", "shop").ok()
    nothing_is_left(lx, site)


@pytest.mark.parametrize("seed", range(2))
def test_a_command_killed_at_any_moment_leaves_no_port(site, lx, box, server, seed):
    chance = random.Random(seed)
    kept = start(lx, box, f"{NETWORK},mac=02:00:00:00:77:01")
    lx("stop", "--time", "0", kept).ok()
    for attempt in range(6):
        words = ["start", kept] if attempt % 2 else \
            ["run", "--detach", "--network", NETWORK, "--image", box, lx.id("k"), "sleep", "1000"]
        child = lx.open(*words)
        time.sleep(chance.random() * 0.3)
        child.kill()
        child.wait()
        lx.children.remove(child)
        for name in lx.list():
            if name != kept:
                lx("delete", "--force", name).ok()
        await_that(lambda: lx("stop", "--time", "0", kept).code == 0, "it has stopped")
        site.is_as_before()
        lx("start", kept).ok()
        assert place_of(lx, kept)["ip4"] == "10.77.0.50"
        lx("stop", "--time", "0", kept).ok()
    lx("delete", kept).ok()
    nothing_is_left(lx, site)


def test_a_port_that_was_taken_out_is_put_back(site, one, box, server):
    id = start(one, box, NETWORK)
    port, = site.ports()
    site.host.run("ip", "link", "set", port, "nomaster")
    one("network", "reload").ok()
    assert site.ports() == {port}
    site.host.run("ip", "link", "del", port)
    one("network", "reload").ok()
    assert len(site.ports()) == 1
    await_that(lambda: "10.77.0.50/24" in one.inside(id).run("ip", "address", "show", "eth0"), "its lease")


def test_macvlan_shares_an_interface(site, lx, box, server):
    site.host.run("ip", "link", "set", "port0", "nomaster")
    try:
        id = start(lx, box, "macvlan:port0")
        place = place_of(lx, id, "macvlan:port0")
        assert place["ip4"] == "10.77.0.50" and place["interface"] == "port0"
        assert "macvlan mode bridge" in lx.inside(id).run("ip", "-d", "link", "show", "eth0")
        site.ping(site.lan, "10.77.0.50")
        other = start(lx, box, "macvlan:port0,mode=private,ip=10.77.0.8/24")
        assert "macvlan mode private" in lx.inside(other).run("ip", "-d", "link", "show", "eth0")
        site.ping(site.lan, "10.77.0.8")
        for one in (id, other):
            lx("delete", "--force", one).ok()
        await_that(lambda: server.asked(RELEASE), "the lease is given back")
    finally:
        # The kernel is done with the containers' interfaces some moments after they have gone.
        await_that(lambda: BRIDGE in site.host.run("sh", "-c", f"ip link set port0 master {BRIDGE} 2>/dev/null;"
                                                   "ip -o link show port0"), "it is in the bridge again", 20)
    nothing_is_left(lx, site)


def test_a_container_on_the_lan_keeps_its_place_under_another_name(site, one, box, server):
    id, name = start(one, box, NETWORK), one.id()
    mac = place_of(one, id)["mac"]
    one("stop", "--time", "0", id).ok()
    one("rename", id, name).ok()
    one("start", name).ok()
    assert place_of(one, name)["mac"] == mac and place_of(one, name)["ip4"] == "10.77.0.50"
