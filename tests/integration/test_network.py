# SPDX-License-Identifier: MIT
"""Containers on a network of their own: addresses, ways out, and nothing that is left behind."""

import os
import random
import signal
import time

import pytest

from engine import await_that
from nets import *  # noqa: F401,F403
from nets import serve


def test_a_container_has_addresses_and_reaches_others_the_host_and_the_lan(lx, box, world):
    first = serve(lx, box)
    second = lx.id()
    place = lx.endpoints(first)["default"]
    script = (f"wget -q -O - http://{place['ip4']}/; wget -q -O - http://[{place['ip6']}]/;"
              "ping -c 1 -W 2 192.0.2.2 >/dev/null && echo lan;"
              "ping -c 1 -W 2 fd00:2::2 >/dev/null && echo lan6;"
              "ping -c 1 -W 2 127.0.0.1 >/dev/null && echo lo")
    said = lx("run", "--rm", "--image", box, second, "sh", "-c", script).ok()
    assert said.lines == ["hello", "hello", "lan", "lan6", "lo"]
    assert "hello" in world.host.reads(place["ip4"], 80)
    assert world.lan.reads(place["ip4"], 80) is None


def test_the_default_network_is_there_as_long_as_somebody_needs_it(one, box, world):
    before = world.host.inventory()
    first, second = one.id(), one.id()
    for id in (first, second):
        one("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    network, = one("network", "list", "--format", "json").ok().json()
    assert network["name"] == "default" and network["subnet"].startswith("10.213.")
    assert not network["bridge"].startswith("vmbr") and len(network["bridge"]) <= 15
    assert network["bridge"] in world.host.run("ip", "-br", "link")
    one("delete", "--force", first).ok()
    assert network["bridge"] in world.host.run("ip", "-br", "link")
    one("stop", "--time", "0", second).ok()
    assert network["bridge"] not in world.host.run("ip", "-br", "link")
    assert world.host.run("nft", "list", "tables") == ""
    await_that(lambda: world.host.inventory() == before, "the host is as before")


def test_a_container_keeps_its_addresses_until_it_is_deleted(one, box):
    id, other = one.id(), one.id()
    one("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    place = one.endpoints(id)["default"]
    for _ in range(2):
        one("stop", "--time", "0", id).ok()
        assert "interface" not in one.endpoints(id)["default"]
        one("run", "--rm", "--image", box, other, "true").ok()
        one("start", id).ok()
        now = one.endpoints(id)["default"]
        assert all(now[key] == place[key] for key in ("ip4", "ip6", "mac"))
        assert f"{place['ip4']}/24" in one.inside(id).run("ip", "-4", "address", "show", "eth0")
        assert place["mac"] in one.inside(id).run("ip", "link", "show", "eth0")
    one("delete", "--force", id).ok()
    one("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    assert one.endpoints(id)["default"]["mac"] == place["mac"]


def test_a_container_that_nobody_named_gives_its_addresses_back(one, box):
    id = one("run", "--detach", box, "sleep", "1000").ok().out.strip()
    assert "ip4" in one.endpoints(id)["default"]
    one("stop", "--time", "0", id).ok()
    assert "ip4" not in one.endpoints(id)["default"]
    one("start", id).ok()
    assert "ip4" in one.endpoints(id)["default"]


def test_addresses_are_as_asked_for(one, box):
    one("network", "create", "--subnet", "10.99.0.0/24", "--subnet6", "fd99::/64", "web").ok()
    assert one("network", "inspect", "--format", "subnet", "web").ok().out == "10.99.0.0/24\n"
    one("network", "inspect", "--format", "colour", "web").fails("PathNotFound", "web", "colour")
    id = one.id()
    one("run", "--detach", "--network", "web", "--ip", "10.99.0.77", "--ip6", "fd99::77",
        "--mac-address", "02:00:00:00:00:77", "--image", box, id, "sleep", "1000").ok()
    seen = one.inside(id).run("ip", "address", "show", "eth0")
    for word in ("10.99.0.77/24", "fd99::77/64", "02:00:00:00:00:77"):
        assert word in seen
    for flags, word in (("--ip 10.99.0.77", "taken"), ("--ip 10.99.0.1", "taken"),
                        ("--ip 10.99.0.255", "none of a host"), ("--ip 10.98.0.2", "none of a host"),
                        ("--ip6 fd98::2", "none of a host"),
                        ("--mac-address 02:00:00:00:00:77", "taken")):
        one("run", "--network", "web", *flags.split(), "--image", box, one.id(), "true") \
            .fails("ConfigurationFailed", word, code=125)
    for flags in ("--ip x", "--ip 10.99.0.300", "--ip6 10.99.0.2", "--mac-address 01:00:00:00:00:01",
                  "--mac-address 00:00:00:00:00:00", "--mac-address 02:0", "--network-alias -x"):
        one("run", "--network", "web", *flags.split(), "--image", box, one.id(), "true") \
            .fails("InvalidArgument", code=125)
    assert one.list() == [id]


def test_a_full_subnet_is_told(one, box):
    one("network", "create", "--subnet", "10.99.0.0/30", "--no-ipv6", "small").ok()
    first = one.id()
    one("run", "--detach", "--network", "small", "--image", box, first, "sleep", "1000").ok()
    assert "ip6" not in one.endpoints(first)["small"]
    one("run", "--network", "small", "--image", box, one.id(), "true") \
        .fails("ConfigurationFailed", "10.99.0.0/30", "taken", code=125)


def test_subnets_that_the_host_has_routes_to_are_passed_over(make_host_engine, box, world, work):
    config = work / "config.json"
    config.write_text('{"network": {"subnet_pool": "10.50.0.0/22"}}')
    world.host.run("ip", "route", "add", "10.50.0.0/24", "via", "192.0.2.2")
    world.host.run("ip", "route", "add", "10.50.2.128/25", "via", "192.0.2.2")
    try:
        one = make_host_engine(config=config)
        one("network", "create", "a").ok()
        one("network", "create", "b").ok()
        one("network", "create", "c").fails("ConfigurationFailed", "10.50.0.0/22")
        subnets = {entry["subnet"] for entry in one("network", "list", "--format", "json").ok().json()}
        assert subnets == {"10.50.1.0/24", "10.50.3.0/24"}
        one("network", "create", "--subnet", "10.50.2.0/24", "d") \
            .fails("ConfigurationFailed", "route of the host", "10.50.2.128/25")
        one("network", "create", "--subnet", "192.0.2.0/25", "d").fails("ConfigurationFailed", "route")
        one("network", "create", "--subnet", "10.50.1.128/25", "d") \
            .fails("ConfigurationFailed", "10.50.1.0/24")
        for name in "ab":
            one("network", "remove", name).ok()
    finally:
        world.host.run("ip", "route", "del", "10.50.0.0/24")
        world.host.run("ip", "route", "del", "10.50.2.128/25")


def test_the_default_network_moves_when_the_host_gets_a_route_to_it(one, box, world):
    id = one.id()
    one("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    before = one("network", "list", "--format", "json").ok().json()[0]["subnet"]
    one("stop", "--time", "0", id).ok()
    world.host.run("ip", "route", "add", before, "via", "192.0.2.2")
    try:
        assert before in one("start", id).ok().err
        after = one("network", "list", "--format", "json").ok().json()[0]["subnet"]
        assert after != before
        assert one.endpoints(id)["default"]["ip4"].startswith(after.rpartition(".")[0])
        one("exec", id, "sh", "-c", "ping -c 1 -W 2 192.0.2.2").ok()
        one("delete", "--force", id).ok()
    finally:
        world.host.run("ip", "route", "del", before)


def test_several_networks_and_none_and_the_hosts(lx, box, world):
    for name in ("front", "back"):
        lx("network", "create", name).ok()
    id = lx.id()
    lx("run", "--detach", "--network", "front", "--network", "back", "--image", box, id,
       "sleep", "1000").ok()
    places = lx.endpoints(id)
    inside = lx.inside(id)
    assert f"{places['front']['ip4']}/24" in inside.run("ip", "address", "show", "eth0")
    assert f"{places['back']['ip4']}/24" in inside.run("ip", "address", "show", "eth1")
    assert "dev eth0" in inside.run("ip", "route", "show", "default")
    lx("delete", "--force", id).ok()
    assert lx("run", "--rm", "--network", "none", "--image", box, id, "ls", "/sys/class/net").ok().lines \
        == ["lo"]
    assert "uplink" in lx("run", "--rm", "--network", "host", "--image", box, id, "cat",
                          "/proc/net/dev").ok().out
    lx("run", "--network", "nowhere", "--image", box, id, "true").fails("BridgeNotFound", "nowhere", code=125)
    for flags in ("--network none --network front", "--network host -p 80:80", "--network none --ip 10.0.0.2",
                  "--network front --network front", "--network front --network host"):
        lx("run", *flags.split(), "--image", box, id, "true").fails("InvalidArgument", code=125)


def test_a_container_on_the_network_of_another_one(lx, box):
    first = serve(lx, box)
    second = lx.id()
    said = lx("run", "--rm", "--network", f"container:{first}", "--image", box, second,
              "sh", "-c", "wget -q -O - http://127.0.0.1/; ls -d /sys/class/net").ok()
    assert said.lines == ["hello", "/sys/class/net"]
    lx("stop", "--time", "0", first).ok()
    lx("run", "--rm", "--network", f"container:{first}", "--image", box, second, "true") \
        .fails("InvalidState", first, code=125)
    lx("run", "--rm", "--network", "container:nobody", "--image", box, second, "true") \
        .fails("ContainerNotFound", "nobody", code=125)


def test_connect_and_disconnect_while_it_runs(lx, box):
    lx("network", "create", "more").ok()
    id = lx.id()
    lx("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    lx("network", "connect", "--alias", "db", "more", id).ok()
    place = lx.endpoints(id)["more"]
    assert place["aliases"] == ["db"]
    assert f"{place['ip4']}/24" in lx.inside(id).run("ip", "address", "show", "eth1")
    lx("network", "connect", "more", id).fails("ConfigurationFailed", "already")
    lx("network", "remove", "more").fails("InvalidState", id)
    lx("stop", "--time", "0", id).ok()
    lx("start", id).ok()
    assert f"{place['ip4']}/24" in lx.inside(id).run("ip", "address", "show", "eth1")
    lx("network", "disconnect", "more", id).ok()
    assert "eth1" not in lx.inside(id).run("ip", "link")
    lx("network", "disconnect", "more", id).fails("ConfigurationFailed", "not in the network")
    lx("network", "connect", "nowhere", id).fails("BridgeNotFound")
    lx("network", "connect", "bridge:vmbr0", id).fails("BridgeNotFound", "vmbr0")
    lx("network", "connect", "more", "nobody").fails("ContainerNotFound")


def test_a_bundle_and_a_container_without_networks_are_not_connected(one, box, make_bundle):
    bundle, none = one.id(), one.id()
    one("create", "--bundle", make_bundle("sleep", "1000").path, bundle).ok()
    one("run", "--detach", "--network", "none", "--image", box, none, "sleep", "1000").ok()
    one("network", "create", "web").ok()
    for id in (bundle, none):
        one("network", "connect", "web", id).fails("InvalidState", id)


def test_an_end_by_itself_leaves_nothing_on_the_host(lx, box, world):
    before = world.host.inventory()
    id = lx.id()
    lx("run", "--detach", "--publish", "8080:80", "--image", box, id, "sleep", "0.2").ok()
    await_that(lambda: world.host.inventory() == before, "the host is as before")
    lx("run", "--rm", "--publish", "8080:80", "--image", box, lx.id(), "true").ok()
    assert world.host.run("nft", "list", "tables") == ""


@pytest.mark.parametrize("who", ["monitor", "container"])
def test_a_kill_leaves_nothing_on_the_host(lx, box, world, who):
    before = world.host.inventory()
    id = lx.id()
    lx("run", "--detach", "--publish", "8080:80", "--image", box, id, "sleep", "1000").ok()
    os.kill(lx.monitor(id) if who == "monitor" else lx.pid(id), signal.SIGKILL)
    await_that(lambda: lx.status(id) == "stopped", "it has stopped")
    await_that(lambda: world.host.inventory() == before, "the host is as before")
    lx("start", id).ok()
    assert "interface" in lx.endpoints(id)["default"]


def test_a_reboot_leaves_nothing_of_a_container_that_ran(one, box, world):
    """The host has nothing any more, the database still says that it has."""
    id = one.id()
    one("run", "--detach", "--publish", "8080:80", "--image", box, id, "sleep", "1000").ok()
    place = one.endpoints(id)["default"]
    bridge = one("network", "list", "--format", "json").json()[0]["bridge"]
    one("stop", "--time", "0", id).ok()
    one.sql("UPDATE endpoint SET interface = 'vethx0badcafe'")
    one("system", "check").ok()
    assert "interface" not in one.endpoints(id)["default"]
    assert bridge not in world.host.run("ip", "-br", "link")
    one("start", id).ok()
    assert one.endpoints(id)["default"]["ip4"] == place["ip4"]


def test_rename_takes_the_place_in_networks_along(one, box, world):
    id, other = one.id(), one.id()
    one("create", "--publish", "8080:80", "--network-alias", "db", "--image", box, id, "sleep", "1000").ok()
    place = one.endpoints(id)["default"]
    one("stop", "--time", "0", id).ok()
    one("rename", id, other).ok()
    assert one.endpoints(other)["default"]["ip4"] == place["ip4"]
    assert one("port", other).ok().lines == ["80/tcp -> *:8080"]
    one("start", other).ok()
    assert "8080" in world.host.run("nft", "list", "ruleset")


def test_forwarding_is_switched_on_and_told_and_uplinks_keep_their_addresses(one, box, world):
    def setting(name):
        return world.host.run("sysctl", "-n", name).strip()

    assert setting("net.ipv4.ip_forward") == "0"
    assert setting("net.ipv6.conf.uplink.accept_ra") == "1"
    said = one("run", "--rm", "--image", box, one.id(), "true").ok().err
    assert "net.ipv4.ip_forward" in said and "net.ipv6.conf.all.forwarding" in said
    assert setting("net.ipv4.ip_forward") == "1"
    assert setting("net.ipv6.conf.all.forwarding") == "1"
    assert setting("net.ipv6.conf.uplink.accept_ra") == "2"
    assert setting("net.ipv4.conf.all.route_localnet") == "0"
    assert one("run", "--rm", "--image", box, one.id(), "true").ok().err == ""


def test_names_that_are_somebody_elses_are_left_alone(one, box, world):
    world.host.run("ip", "link", "add", "web", "type", "bridge")
    try:
        one("network", "create", "web").ok()
        assert one("network", "inspect", "web").ok().json()[0]["bridge"] != "web"
        one("network", "remove", "web").ok()
        assert "web" in world.host.run("ip", "-br", "link")
    finally:
        world.host.run("ip", "link", "del", "web")
    one("network", "create", "vmbr7").ok()
    assert not one("network", "inspect", "vmbr7").ok().json()[0]["bridge"].startswith("vmbr")


def test_the_name_servers_of_a_container(one, box):
    id = one.id()
    flags = "--dns 192.0.2.53 --dns fd00::53 --dns-search example.org --dns-option ndots:3".split()
    assert one("run", "--rm", *flags, "--image", box, id, "cat", "/etc/resolv.conf").ok().lines == [
        "nameserver 192.0.2.53", "nameserver fd00::53", "search example.org", "options ndots:3"]
    for flags in ("--dns x", "--dns 127.0.0.1/8", "--dns-search a/b", "--dns-option a=b"):
        one("run", *flags.split(), "--image", box, id, "true") \
            .fails("DNSConfigurationFailed", flags.split()[1], code=125)
    for line in one("run", "--rm", "--image", box, id, "cat", "/etc/resolv.conf").ok().lines:
        assert not line.startswith("nameserver 127.") and line != "nameserver ::1"


@pytest.mark.vm
def test_what_was_changed_by_hand_is_seen_and_put_right(one, box, world):
    one("network", "create", "web").ok()
    id = serve(one, box, "--network", "web", "--publish", "8080:80")
    one.keep_service_away()
    bridge = one("network", "inspect", "web").json()[0]["bridge"]
    host = one.endpoints(id)["web"]["interface"]
    place = one.endpoints(id)["web"]
    gateway = one("network", "inspect", "web").json()[0]["gateway"]
    harms = {
        "the rules": ["nft flush ruleset"],
        "the address of the bridge": [f"ip address flush dev {bridge}"],
        "the bridge's being up": [f"ip link set {bridge} down"],
        "the bridge's name": [f"ip link set {bridge} down", f"ip link set {bridge} name other0",
                              "ip link set other0 up"],
        "the bridge": [f"ip link del {bridge}"],
        "the place in the bridge": [f"ip link set {host} nomaster"],
        "the interface's name": [f"ip link set {host} down", f"ip link set {host} name other1",
                                 "ip link set other1 up"],
        "the interface": [f"ip link del {host}"],
    }
    before = world.host.inventory()
    for harm, commands in harms.items():
        for command in commands:
            world.host.run(*command.split())
        network, = one("network", "inspect", "web").ok().json()
        assert network["faults"], harm
        one("network", "reload").ok()
        network, = one("network", "inspect", "web").ok().json()
        assert network["faults"] == [], harm
        assert "hello" in (world.lan.reads("192.0.2.1", 8080) or ""), harm
        assert "hello" in (world.host.reads(place["ip4"], 80) or ""), harm
        assert f"{gateway}/" in world.host.run("ip", "address", "show", bridge), harm
    one("network", "reload").ok()
    statistics = one("network", "inspect", "web").json()[0]["statistics"]
    assert statistics["rxPackets"] > 0 and statistics["txBytes"] > 0
    assert {item for item in before if item.startswith(("link", "setting"))} - world.host.inventory() == set()


def test_a_firewall_in_the_way_is_told_with_the_rule_and_left_alone(one, box, world):
    world.host.run("nft", "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }")
    try:
        rules = world.host.run("nft", "list", "table", "ip", "filter")
        id = one.id()
        said = one("run", "--detach", "--publish", "8080:80", "--image", box, id, "sh", "-c",
                   "mkdir /w; echo hello >/w/index.html; exec httpd -f -p 80 -h /w").ok().err
        bridge = one("network", "inspect", "default").json()[0]["bridge"]
        assert "chain FORWARD" in said and f"nft insert rule ip filter FORWARD iifname {bridge} accept" in said
        assert world.host.run("nft", "list", "table", "ip", "filter") == rules
        assert world.lan.reads("192.0.2.1", 8080, timeout=1) is None
        assert "FORWARD" in one("network", "inspect", "default").json()[0]["faults"][0]
        for key in ("iifname", "oifname"):
            world.host.run("nft", "insert", "rule", "ip", "filter", "FORWARD", key, bridge, "accept")
        assert one("network", "inspect", "default").json()[0]["faults"] == []
        assert "hello" in world.lan.reads("192.0.2.1", 8080)
        one("delete", "--force", id).ok()
    finally:
        world.host.run("nft", "delete", "table", "ip", "filter")


def test_a_network_is_made_once_and_its_name_is_one(one):
    one("network", "create", "--deployment", "shop", "web").ok()
    one("network", "create", "web").fails("BridgeCreationFailed", "web")
    one("network", "create", "--deployment", "shop", "other").fails("BridgeCreationFailed", "shop")
    for name in ("none", "host", "-x", "a b", "x" * 64, ""):
        one("network", "create", name).fails("InvalidArgument")
    for flags in ("--mtu 1279", "--mtu 65536", "--vlan 4095", "--subnet 10.0.0.1/24", "--subnet fd00::/64",
                  "--subnet6 10.0.0.0/24", "--subnet 10.0.0.0/31"):
        one("network", "create", *flags.split(), "new").fails("InvalidArgument")
    for words in (["inspect", "nowhere"], ["remove", "nowhere"]):
        one("network", *words).fails("BridgeNotFound", "nowhere")
    one("network", "create", "a-name-that-no-bridge-can-have").ok()
    bridge = one("network", "inspect", "a-name-that-no-bridge-can-have").json()[0]["bridge"]
    assert len(bridge) <= 15
    one("network", "create", "--mtu", "9000", "--stp", "--no-ipv6", "large").ok()
    large = one("network", "inspect", "large").json()[0]
    assert large["mtu"] == 9000 and large["stp"] and "subnet6" not in large
    assert "mtu 9000" in one.host.run("ip", "link", "show", large["bridge"])
    assert one("network", "list", "--quiet").lines == ["a-name-that-no-bridge-can-have", "large", "web"]


def test_a_check_finds_what_is_wrong_and_mends_it(one, box, world):
    one("network", "create", "web").ok()
    id = serve(one, box, "--network", "web", "--publish", "8080:80")
    assert one("system", "check").ok().code == 0
    one.keep_service_away()
    world.host.run("nft", "flush", "ruleset")
    found = one("system", "check", "--format", "json").json()
    assert any(entry["check"] == "network" for entry in found["findings"]), found
    one("system", "check", "--repair").ok()
    assert "hello" in world.lan.reads("192.0.2.1", 8080)
    assert one.status(id) == "running"


@pytest.mark.parametrize("seed", range(3))
def test_a_command_killed_at_any_moment_leaves_nothing(lx, box, world, seed):
    """Whoever comes next takes back what a killed run or start has left."""
    chance = random.Random(seed)
    lx("network", "create", "web").ok()
    world.host.run("sysctl", "-q", "-w", "net.ipv6.conf.web.accept_dad=0")
    kept = lx.id("kept")
    lx("create", "--publish", "9000:80", "--network", "web", "--image", box, kept, "sleep", "1000").ok()
    lx("stop", "--time", "0", kept).ok()
    # What a bridge that has had a port gives itself counts in comparisons.
    await_that(lambda: "fe80" in world.host.run("ip", "address", "show", "web"), "it has an address")
    # The port goes a moment after the container, and what the bridge says of that later still.
    await_that(lambda: "master web" not in world.host.run("ip", "link") and
               "linkdown" in world.host.run("ip", "route", "show", "dev", "web"), "it has no port any more")
    before = world.host.inventory()
    for attempt in range(8):
        id = lx.id("k")
        words = ["start", kept] if attempt % 2 else \
            ["run", "--detach", "--publish", "8080:80", "--image", box, id, "sleep", "1000"]
        child = lx.open(*words)
        time.sleep(chance.random() * 0.25)
        child.kill()
        child.wait()
        lx.children.remove(child)
        for name in lx.list():
            if name != kept:
                deleted = lx("delete", "--force", name)
                assert deleted.code == 0 or deleted.error == "ContainerNotFound", deleted
        # A monitor whose creator was killed takes a moment to undo what it has made.
        await_that(lambda: lx("stop", "--time", "0", kept).code == 0, "it has stopped")
        deadline = time.monotonic() + 20
        while (difference := world.host.inventory() ^ before) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert difference == set()
        lx("start", kept).ok()
        assert "interface" in lx.endpoints(kept)["web"]
        lx("stop", "--time", "0", kept).ok()
