# SPDX-License-Identifier: MIT
"""The networks of nodes. What is written down counts once it is applied; nothing of this machine changes."""

import copy

from fake.api.sdn import may_see_vnet
from fake.failure import Died, Failure
from fake.formats import split_list
from fake.option import zone_path
from fake.route import answers

NETS = "/nodes/{node}/network"
BRIDGES = ("bridge", "OVSBridge")


@answers("GET", NETS)
def listed(call):
    node, wanted = call.cluster.get_node(call.node), call.get("type")
    found = [{"iface": name, "families": ["inet"], "method6": "manual", "priority": 3, **options}
             for name, options in sorted(node.interfaces.items())]
    if wanted in ("any_bridge", "include_sdn"):
        found += [{"iface": name, "type": "vnet", "active": 1, "method": "manual"}
                  for name in call.cluster.sdn.running["vnets"] if may_see_vnet(call, name)]
    if wanted in ("any_bridge", "any_local_bridge"):
        found = [entry for entry in found if entry["type"] in (*BRIDGES, "vnet")]
    elif wanted and wanted != "include_sdn":
        found = [entry for entry in found if entry["type"] == wanted]
    return [entry for entry in found if entry["type"] not in BRIDGES
            or call.has(zone_path(call.cluster, entry["iface"]), "SDN.Audit", "SDN.Use", any_of=True)]


def written(node):
    """Returns what interfaces.new has, which begins as what runs."""
    if node.changed_interfaces is None:
        node.changed_interfaces = copy.deepcopy(node.interfaces)
    return node.changed_interfaces


def options_of(call):
    return {name: value for name, value in call.parameters.items() if name not in ("node", "iface", "delete")}


@answers("POST", NETS)
def create(call):
    interfaces = written(call.cluster.get_node(call.node))
    if call["iface"] in interfaces:
        raise Failure(400, "Parameter verification failed.", {"iface": "interface already exists"})
    interfaces[call["iface"]] = {"method": "static" if "cidr" in call else "manual", **options_of(call)}


def find(call):
    interfaces = written(call.cluster.get_node(call.node))
    if call["iface"] not in interfaces:
        raise Failure(400, "Parameter verification failed.", {"iface": "interface does not exist"})
    return interfaces


@answers("PUT", NETS + "/{iface}")
def change(call):
    interface = find(call)[call["iface"]]
    for name in split_list(call.get("delete", "")):
        interface.pop(name, None)
    interface.update(options_of(call))


@answers("DELETE", NETS + "/{iface}")
def remove(call):
    del find(call)[call["iface"]]


@answers("PUT", NETS)
def apply(call):
    node = call.cluster.get_node(call.node)
    if node.changed_interfaces is None:
        raise Died("no pending network changes")

    def work(task):
        node.interfaces, node.changed_interfaces = node.changed_interfaces, None
        names = {name for name, options in node.interfaces.items() if options["type"] in BRIDGES}
        node.bridges = {name: node.bridges.get(name) for name in names}

    return call.task("srvreload", "networking", work)


@answers("DELETE", NETS)
def discard(call):
    call.cluster.get_node(call.node).changed_interfaces = None
