# SPDX-License-Identifier: MIT
"""Beside the rules that other programs set up on a host: what stands in the way is told with the rule that is
needed, nothing of theirs is changed, and with that rule all is reached."""

import re
import subprocess

import pytest

from engine import await_that
from nets import *  # noqa: F401,F403
from nets import serve
from test_names import looked_up

# By the policy of what is passed on, as Docker has it, with the chains that it keeps.
DOCKER = """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 32768 -j DNAT --to-destination 172.17.0.2:80
COMMIT
"""

# By the last rule of a chain that all is sent through, as Proxmox VE protects a node.
PROXMOX = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:PVEFW-Drop - [0:0]
:PVEFW-DropBroadcast - [0:0]
:PVEFW-FORWARD - [0:0]
:PVEFW-FWBR-IN - [0:0]
:PVEFW-FWBR-OUT - [0:0]
:PVEFW-HOST-IN - [0:0]
:PVEFW-INPUT - [0:0]
-A INPUT -j PVEFW-INPUT
-A FORWARD -j PVEFW-FORWARD
-A PVEFW-Drop -j PVEFW-DropBroadcast
-A PVEFW-Drop -p udp -m udp --dport 1900 -j DROP
-A PVEFW-DropBroadcast -m addrtype --dst-type BROADCAST -j DROP
-A PVEFW-DropBroadcast -d 224.0.0.0/4 -j DROP
-A PVEFW-FORWARD -m conntrack --ctstate INVALID -j DROP
-A PVEFW-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A PVEFW-FORWARD -o fwln+ -j PVEFW-FWBR-IN
-A PVEFW-FORWARD -i fwln+ -j PVEFW-FWBR-OUT
-A PVEFW-HOST-IN -i lo -j ACCEPT
-A PVEFW-HOST-IN -m conntrack --ctstate INVALID -j DROP
-A PVEFW-HOST-IN -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A PVEFW-HOST-IN -p igmp -j RETURN
-A PVEFW-HOST-IN -s 192.0.2.0/24 -p tcp -m tcp --dport 8006 -j RETURN
-A PVEFW-HOST-IN -j PVEFW-Drop
-A PVEFW-HOST-IN -m comment --comment "policy" -j DROP
-A PVEFW-INPUT -j PVEFW-HOST-IN
COMMIT
"""

# By a last rule of the chains themselves, as firewalld has them.
FIREWALLD = """table inet firewalld {
 chain filter_INPUT {
  type filter hook input priority filter + 10; policy accept;
  ct state { established, related } accept
  ct status dnat accept
  iifname "lo" accept
  ct state invalid drop
  reject with icmpx admin-prohibited
 }
 chain filter_FORWARD {
  type filter hook forward priority filter + 10; policy accept;
  ct state { established, related } accept
  iifname "lo" accept
  jump filter_FORWARD_POLICIES
  ct state invalid drop
  reject with icmpx admin-prohibited
 }
 chain filter_FORWARD_POLICIES {
  iifname "eth9" oifname "eth9" counter accept
 }
}
"""

SETS = {
    "docker": (["iptables-nft-restore"], DOCKER, {"FORWARD"}),
    "proxmox": (["iptables-nft-restore"], PROXMOX, {"INPUT"}),
    "firewalld": (["nft", "-f", "-"], FIREWALLD, {"filter_INPUT", "filter_FORWARD"}),
}
RULE = re.compile(r"nft insert rule (\S+ \S+) (\S+) iifname (\S+) (.*?)accept(, and the same with oifname)?")


def load(host, words, text):
    subprocess.run(host.words(*words), input=text, text=True, check=True)


def theirs(host):
    """All rules but ours, without counters."""
    tables = [line.split()[1:] for line in host.run("nft", "list", "tables").splitlines()]
    return {table[1]: re.sub(r"packets \d+ bytes \d+", "", host.run("nft", "list", "table", *table))
            for table in map(tuple, tables) if "lxcri" not in table[1]}


def faults(engine):
    return engine("network", "inspect", "default").json()[0]["faults"]


def is_named(engine, id):
    return bool(looked_up(engine, id, id))


@pytest.mark.parametrize("name", SETS)
def test_what_stands_in_the_way_is_told_and_left_alone(one, box, world, name):
    words, text, chains = SETS[name]
    load(world.host, words, text)
    before = theirs(world.host)
    try:
        id = serve(one, box, "--publish", "8080:80")
        assert theirs(world.host) == before
        told = faults(one)
        assert {RULE.search(fault)[2] for fault in told} == chains and len(told) == len(chains)
        reached = world.lan.reads("192.0.2.1", 8080, timeout=1) is not None
        assert reached == (not chains & {"FORWARD", "filter_FORWARD"})
        assert is_named(one, id) == (not chains & {"INPUT", "filter_INPUT"})
        for fault in told:
            table, chain, bridge, rest, both = RULE.search(fault).groups()
            for key in ("iifname", "oifname") if both else ("iifname",):
                world.host.run("sh", "-c", f"nft 'insert rule {table} {chain} {key} {bridge} {rest} accept'")
        assert faults(one) == []
        assert "hello" in world.lan.reads("192.0.2.1", 8080)
        await_that(lambda: is_named(one, id), "names are told")
        one("delete", "--force", id).ok()
    finally:
        for family, table in [("ip", "filter"), ("ip", "nat"), ("inet", "firewalld")]:
            subprocess.run(world.host.words("nft", "delete", "table", family, table), check=False, stderr=subprocess.DEVNULL)


def test_the_rule_that_is_told_is_one_for_the_shell(one, box, world):
    """As it stands, by copy and paste."""
    load(world.host, ["nft", "-f", "-"], FIREWALLD)
    try:
        id = serve(one, box)
        for fault in faults(one):
            world.host.run("bash", "-c", RULE.search(fault)[0].split(", and")[0])
        one("delete", "--force", id).ok()
    finally:
        world.host.run("nft", "delete", "table", "inet", "firewalld")
