# SPDX-License-Identifier: MIT
"""What must not get from one container to another. Each kind of packet is sent twice: without our
rules it arrives, so that the test would see it; with them it does not."""

import ipaddress
import struct
import sys
import time

import pytest

from nets import *  # noqa: F401,F403
from nets import Capture, send_frames, serve

MARK = b"crossing-0123456789"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def packed(address):
    return ipaddress.ip_address(address).packed


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(source, destination, port=4444, payload=MARK):
    """A packet of UDP of either version."""
    source, destination = packed(source), packed(destination)
    length = 8 + len(payload)
    pseudo = source + destination + struct.pack(">IxxxB", length, 17) if len(source) == 16 else \
        source + destination + struct.pack(">xBH", 17, length)
    body = struct.pack(">HHHH", 4444, port, length, 0) + payload
    body = body[:6] + struct.pack(">H", checksum(pseudo + body) or 0xffff) + body[8:]
    if len(source) == 16:
        return struct.pack(">IHBB", 6 << 28, length, 17, 64) + source + destination + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, 17, 0) + source + destination
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def arp(sender_mac, sender, target):
    return struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + sender_mac + packed(sender) + b"\0" * 6 + packed(target)


def icmp6(source, destination, kind, body):
    source, destination = packed(source), packed(destination)
    pseudo = source + destination + struct.pack(">IxxxB", 4 + len(body), 58)
    message = struct.pack(">BBH", kind, 0, 0) + body
    message = message[:2] + struct.pack(">H", checksum(pseudo + message)) + message[4:]
    return struct.pack(">IHBB", 6 << 28, len(message), 58, 255) + source + destination + message


def neighbour(kind, source, destination, target, link):
    return icmp6(source, destination, kind, b"\x60\0\0\0" + packed(target) + bytes([2 if kind == 136 else 1, 1]) + link)


def frame(destination, source, kind, payload):
    return destination + source + struct.pack(">H", kind) + payload


class Scene:
    """Two networks; two containers in the first, one in the second."""

    def __init__(self, engine, box):
        self.engine = engine
        engine("network", "create", "one").ok()
        engine("network", "create", "two").ok()
        self.ids = {}
        for name, network in (("a", "one"), ("b", "one"), ("c", "two")):
            self.ids[name] = engine.id(name)
            flags = ["--publish", "8080:80", "--publish", "4444:4444/udp"] if name == "c" else []
            engine("run", "--detach", "--network", network, *flags, "--image", box, self.ids[name],
                   "sleep", "1000").ok()
        for name, id in self.ids.items():
            place, = engine.endpoints(id).values()
            setattr(self, f"{name}_mac", mac(place["mac"]))
            setattr(self, f"{name}4", place["ip4"])
            setattr(self, f"{name}6", place["ip6"])
        for name in ("one", "two"):
            network = engine("network", "inspect", name).ok().json()[0]
            link = engine.host.run("ip", "-br", "link", "show", network["bridge"]).split()[2]
            setattr(self, f"{name}_mac", mac(link))
            setattr(self, f"{name}_gateway", network["gateway"])
        # Who is asked for is known, so that nothing else has to pass first.
        for version, key in (("-4", "c4"), ("-6", "c6")):
            engine.host.run("ip", version, "neigh", "replace", getattr(self, key), "lladdr",
                            ":".join(f"{byte:02x}" for byte in self.c_mac), "dev",
                            engine("network", "inspect", "two").json()[0]["bridge"])

    def inside(self, name):
        return self.engine.inside(self.ids[name])

    def arrivals(self, to, *frames, mark=MARK):
        """How many of the frames that `a` sends arrive at another container: those with bytes that no frame
        has which is sent without us."""
        with Capture(self.inside(to), "eth0") as capture:
            send_frames(self.inside("a"), "eth0", *frames)
            time.sleep(0.3)
        return len(capture.having(mark))


OTHER = b"\x02\0\0\0\0\x99"

CASES = {
    "IPv4 across": ("c", lambda s: frame(s.one_mac, s.a_mac, 0x800, udp(s.a4, s.c4)), MARK),
    "IPv6 across": ("c", lambda s: frame(s.one_mac, s.a_mac, 0x86dd, udp(s.a6, s.c6)), MARK),
    "published port across": ("c", lambda s: frame(s.one_mac, s.a_mac, 0x800, udp(s.a4, "192.0.2.1")), MARK),
    "published port of IPv6 across":
        ("c", lambda s: frame(s.one_mac, s.a_mac, 0x86dd, udp(s.a6, "fd00:2::1")), MARK),
    "IPv4 across from a spoofed address":
        ("c", lambda s: frame(s.one_mac, s.a_mac, 0x800, udp(s.b4, s.c4)), MARK),
    "spoofed MAC": ("b", lambda s: frame(s.b_mac, OTHER, 0x800, udp(s.a4, s.b4)), MARK),
    "MAC of another container": ("b", lambda s: frame(s.b_mac, s.c_mac, 0x800, udp(s.a4, s.b4)), MARK),
    "spoofed IPv4": ("b", lambda s: frame(s.b_mac, s.a_mac, 0x800, udp(s.one_gateway, s.b4)), MARK),
    "spoofed IPv6": ("b", lambda s: frame(s.b_mac, s.a_mac, 0x86dd, udp("fd99::1", s.b6)), MARK),
    "ARP that claims another address":
        ("b", lambda s: frame(b"\xff" * 6, s.a_mac, 0x806, arp(s.a_mac, s.one_gateway, s.b4)),
         lambda s: s.a_mac + packed(s.one_gateway)),
    "ARP that claims another MAC":
        ("b", lambda s: frame(b"\xff" * 6, s.a_mac, 0x806, arp(OTHER, s.a4, s.b4)), OTHER),
    "neighbour advertisement for another one":
        ("b", lambda s: frame(s.b_mac, s.a_mac, 0x86dd, neighbour(136, s.a6, s.b6, s.c6, s.a_mac)),
         lambda s: packed(s.c6)),
    "router advertisement":
        ("b", lambda s: frame(b"\x33\x33\0\0\0\1", s.a_mac, 0x86dd,
                              icmp6("fe80::" + local(s.a_mac), "ff02::1", 134,
                                    b"\x40\0\x07\x08" + b"\0" * 8)), b"\x40\0\x07\x08" + b"\0" * 8),
    "a tag of a VLAN": ("b", lambda s: frame(s.b_mac, s.a_mac, 0x8100, b"\0\5\x08\0" + udp(s.a4, s.b4)), MARK),
    "two tags of VLANs":
        ("b", lambda s: frame(s.b_mac, s.a_mac, 0x88a8, b"\0\1\x81\0\0\5\x08\0" + udp(s.a4, s.b4)), MARK),
    "another protocol": ("b", lambda s: frame(s.b_mac, s.a_mac, 0x88b5, MARK), MARK),
}


def local(link):
    """The end of the address that the kernel gives an interface by itself."""
    text = bytes([link[0] ^ 2]) + link[1:3] + b"\xff\xfe" + link[3:]
    return ":".join(f"{text[i]:02x}{text[i + 1]:02x}" for i in range(0, 8, 2))


def test_nothing_crosses_and_nobody_spoofs(one, box, world):
    scene = Scene(one, box)
    one.keep_service_away()
    plain = frame(scene.b_mac, scene.a_mac, 0x800, udp(scene.a4, scene.b4))
    cases = {name: (to, make(scene), mark(scene) if callable(mark) else mark)
             for name, (to, make, mark) in CASES.items()}
    # Without rules, but for the translation that a published port needs to lead anywhere at all.
    world.host.run("nft", "flush", "ruleset")
    rules = "table inet control { chain p { type nat hook prerouting priority -100; "
    rules += f"ip daddr 192.0.2.1 udp dport 4444 dnat ip to {scene.c4}; "
    rules += f"ip6 daddr fd00:2::1 udp dport 4444 dnat ip6 to {scene.c6}; }}; }}"
    world.host.run("nft", rules)
    missed = [name for name, (to, sent, mark) in cases.items() if scene.arrivals(to, sent, mark=mark) == 0]
    assert missed == [], "these would not be seen if they did cross"
    world.host.run("nft", "delete", "table", "inet", "control")
    one("network", "reload").ok()
    crossed = [name for name, (to, sent, mark) in cases.items() if scene.arrivals(to, sent, mark=mark) > 0]
    assert crossed == []
    assert scene.arrivals("b", plain) == 1


def test_requests_for_neighbours_stay_in_their_network(one, box):
    scene = Scene(one, box)
    requests = [
        (frame(b"\xff" * 6, scene.a_mac, 0x806, arp(scene.a_mac, scene.a4, scene.c4)),
         scene.a_mac + packed(scene.a4)),
        (frame(b"\x33\x33\xff" + packed(scene.c6)[-3:], scene.a_mac, 0x86dd,
               neighbour(135, scene.a6, "ff02::1:ff00:" + f"{int.from_bytes(packed(scene.c6)[-2:]):x}",
                         scene.c6, scene.a_mac)), packed(scene.c6) + b"\1\1" + scene.a_mac)]
    for request, mark in requests:
        assert scene.arrivals("b", request, mark=mark) > 0
        assert scene.arrivals("c", request, mark=mark) == 0


def test_the_host_s_address_in_another_network_is_out_of_reach(one, box, world):
    scene = Scene(one, box)
    one.keep_service_away()
    script = ("import socket\ns=socket.socket(); s.setsockopt(1,2,1); s.bind(('',7777)); s.listen()\n"
              "print('ready',flush=True)\n"
              "while True:\n c,_=s.accept(); c.recv(99); c.sendall(b'host'); c.close()")
    child = world.host.start(sys.executable, "-c", script, stdout=-1)
    assert child.stdout.readline() == b"ready\n"
    try:
        assert scene.inside("a").reads(scene.one_gateway, 7777) == "host"
        assert scene.inside("c").reads(scene.one_gateway, 7777, timeout=1) is None
        world.host.run("nft", "flush", "ruleset")
        assert scene.inside("c").reads(scene.one_gateway, 7777) == "host"
        one("network", "reload").ok()
    finally:
        child.kill()
        child.wait()


def test_isolated_ports_reach_the_lan_but_not_each_other(one, box, world):
    one("network", "create", "--isolate-ports", "lonely").ok()
    ids = [one.id() for _ in range(2)]
    for id in ids:
        one("run", "--detach", "--network", "lonely", "--image", box, id, "sleep", "1000").ok()
    here, there = (one.endpoints(id)["lonely"] for id in ids)

    def reaches(address):
        return one("exec", ids[0], "sh", "-c", f"ping -c 1 -W 1 {address}").code == 0

    assert reaches("192.0.2.2")
    assert not reaches(there["ip4"]) and not reaches(there["ip6"])
    # By way of the host's router too.
    gateway = one("network", "inspect", "lonely").json()[0]
    link = mac(world.host.run("ip", "-br", "link", "show", gateway["bridge"]).split()[2])
    packet = frame(link, mac(here["mac"]), 0x800, udp(here["ip4"], there["ip4"]))
    with Capture(one.inside(ids[1]), "eth0") as capture:
        send_frames(one.inside(ids[0]), "eth0", packet)
        assert not reaches(there["ip4"])
    assert capture.having(MARK) == []
    one("network", "create", "open").ok()
    for id in ids:
        one("network", "connect", "open", id).ok()
    assert reaches(one.endpoints(ids[1])["open"]["ip4"])


def test_networks_of_other_data_directories_are_kept_apart_too(make_host_engine, box, world):
    first, second = make_host_engine(), make_host_engine()
    one, two = first.id(), second.id()
    first("run", "--detach", "--image", box, one, "sleep", "1000").ok()
    second("run", "--detach", "--image", box, two, "sleep", "1000").ok()
    place = second.endpoints(two)["default"]
    assert first.endpoints(one)["default"]["ip4"].rpartition(".")[0] != place["ip4"].rpartition(".")[0]
    for address in (place["ip4"], place["ip6"]):
        assert first("exec", one, "sh", "-c", f"ping -c 1 -W 1 {address}").code != 0
    assert first("exec", one, "sh", "-c", "ping -c 1 -W 2 192.0.2.2").ok()
    first("delete", "--force", one).ok()
    assert second("exec", two, "sh", "-c", "ping -c 1 -W 2 192.0.2.2").ok()


def test_a_route_from_outside_leads_nowhere(one, box, world):
    id = serve(one, box)
    place = one.endpoints(id)["default"]
    world.lan.run("ip", "route", "add", f"{place['ip4']}/32", "via", "192.0.2.1")
    assert world.lan.reads(place["ip4"], 80, timeout=1) is None
    one.keep_service_away()
    world.host.run("nft", "flush", "ruleset")
    assert "hello" in world.lan.reads(place["ip4"], 80)
    one("network", "reload").ok()


@pytest.mark.parametrize("option", [["--vlan-filtering"], ["--vlan", "7"]])
def test_a_setting_that_the_kernel_has_not_is_told_by_name(one, world, option):
    done = one("network", "create", *option, "strict")
    if done.code == 0:
        bridge = one("network", "inspect", "strict").json()[0]["bridge"]
        seen = world.host.run("ip", "-d", "link", "show", bridge)
        assert "vlan_filtering 1" in seen and ("vlan_default_pvid 7" in seen) == ("7" in option)
        return
    done.fails("ConfigurationFailed", option[0][2:].replace("-", "_"))
    assert one("network", "list", "--quiet").lines == []
