# SPDX-License-Identifier: MIT
"""What Proxmox VE has besides: start at boot, HA, firewall, virtual networks, pools, and what root@pam alone may give."""

import os
import pathlib

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import program_of
from fake.pve import ROOT_PASSWORD

SLEEP = ("sleep", "1000")
PREFIX = "org.proxmox-lxcri.proxmox."
TOOLS = pathlib.Path(__file__).resolve().parent / "fake"


def with_extra(**extras):
    """Returns the flags for these annotations."""
    return [word for key, value in extras.items() for word in ("--annotation", f"{PREFIX}{key}={value}")]


def test_annotations_are_options_of_proxmox_ve(engine, pve, box):
    pve.person.does("POST", "/pools", poolid="ours")
    engine.configure(pool="ours")
    name = engine.start(box, *SLEEP, flags=with_extra(onboot=1, startup="order=3,up=10", firewall=1, tags="web;team-1", protection=1,
                                                      features="nesting=1"))
    guest = engine.guest(name)
    assert guest.config["onboot"] == 1 and guest.config["startup"] == "order=3,up=10" and guest.config["protection"] == 1
    assert "firewall=1" in guest.config["net0"] and guest.config["features"] == "nesting=1"
    assert set(guest.config["tags"].split(";")) == {"lxcri", f"lxcri-{engine.place(name)['token']}", "web", "team-1"}
    assert guest.vmid in pve.cluster.pools["ours"].vmids
    engine("delete", "--force", name).fails("InvalidState", "protected")
    del guest.config["protection"]
    for bad in ("unknown=1", "onboot=maybe", "tags=Upper", "tags=lxcri-0123456789abcdef", "ha=perhaps"):
        engine("create", "--annotation", PREFIX + bad, "--image", box, "x").fails("InvalidArgument", bad.split("=")[0], code=125)
    assert engine.list() == [name]


def test_ha_keeps_what_is_its(engine, pve, box):
    name = engine.id()
    engine("create", *with_extra(ha="stopped"), "--image", box, name, *SLEEP).ok()
    vmid = engine.place(name)["vmid"]
    assert f"ct:{vmid}" in pve.cluster.ha
    engine("start", name).ok()
    assert engine.status(name) == "running"
    engine("stop", "--time", "1", name).ok()
    assert engine.status(name) == "stopped"
    engine("delete", name).ok()
    assert not pve.cluster.guests and f"ct:{vmid}" not in pve.cluster.ha
    pve.mischief.fail("/cluster/ha/resources", 500, method="POST")
    result = engine("create", *with_extra(ha="started"), "--image", box, name, *SLEEP)
    assert result.code == 125 and "HA" in result.err and not pve.cluster.guests, result


def test_a_virtual_network_is_a_bridge(engine, pve, box):
    pve.person.does("POST", "/cluster/sdn/zones", zone="zone1", type="simple")
    pve.person.does("POST", "/cluster/sdn/vnets", vnet="vnet1", zone="zone1")
    flags = ("--network", "bridge:vnet1,ip=192.0.2.10/24")
    result = engine("run", "--detach", *flags, "--image", box, "early", *SLEEP)
    assert result.code == 125 and "vnet1" in result.err, result
    pve.person.does("PUT", "/cluster/sdn")
    name = engine.start(box, *SLEEP, flags=flags)
    assert "bridge=vnet1" in engine.guest(name).config["net0"]


def test_what_only_root_may_give(engine, pve, box):
    shared = pve.directory / "shared"
    shared.mkdir(mode=0o755)
    (shared / "file").write_text("the node's")
    flags = ("--device", "/dev/null", "--volume", f"{shared}:/host:ro", *with_extra(features="nesting=1,keyctl=1"))
    engine("create", *flags, "--image", box, "x").fails("UnsupportedOperation", "root@pam", code=125)

    # On the node, by its own program.
    engine.configure(local_node="pve1", lxc_directory=str(pve.cluster.host.lxcpath))
    env = {"PATH": f"{TOOLS}:{os.environ['PATH']}", "FAKE_PVE": f"{pve.url} {pve.ca}"}
    engine("run", "--detach", *flags, "--image", box, "local", *SLEEP, env=env).ok()
    guest = engine.guest("local")
    assert guest.config["dev0"] == "/dev/null" and set(guest.config["features"].split(",")) == {"nesting=1", "keyctl=1"}
    inside = f"/proc/{program_of(pve, guest)}/root"
    with open(f"{inside}/host/file", encoding="ascii") as file:
        assert file.read() == "the node's"
    failing = engine("run", "--detach", "--volume", f"{shared}/none:/x", "--image", box, "y", *SLEEP, env=env)
    assert failing.code == 125 and "/none" in failing.err and engine.list() == ["local"], failing

    # Elsewhere, by logging in.
    engine.configure(local_node=None, token_file=None, user="root@pam", password_file=str(engine.token_file))
    engine.token_file.write_text(ROOT_PASSWORD + "\n")
    engine("run", "--detach", "--device", "/dev/null", "--image", box, "remote", *SLEEP).ok()
    assert engine.guest("remote").config["dev0"] == "/dev/null"
    engine("create", "--volume", f"{shared}/file:/x", "--image", box, "z").fails("PathNotFound", "directory", code=125)
    engine("delete", "--force", "remote", "local").ok()
    engine.configure(token_file=str(engine.token_file), user=None, password_file=None)


def test_containers_go_where_there_is_room(engine, pve, box, monkeypatch):
    from fake import status  # pylint: disable=import-outside-toplevel
    usual = status.of_node

    def of_node(node, lost):
        entry = usual(node, lost)
        if "mem" in entry:
            running = len([guest for guest in pve.cluster.guests.values() if guest.node == node.name])
            entry["mem"] = (2 + running * (1 if node.name == "pve1" else 2)) << 28
        return entry

    monkeypatch.setattr("fake.api.node.status.of_node", of_node)
    engine.configure(node=None, node_cache_duration=0)
    nodes = [engine.place(engine.start(box, *SLEEP))["node"] for _ in range(3)]
    assert sorted(nodes) == ["pve1", "pve1", "pve2"], nodes
    pve.mischief.lose_node("pve1")
    assert engine.place(engine.start(box, *SLEEP, flags=("--node", "pve2")))["node"] == "pve2"
    pve.mischief.find_node("pve1")
