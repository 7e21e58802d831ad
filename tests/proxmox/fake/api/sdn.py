# SPDX-License-Identifier: MIT
"""Zones, vnets, subnets and addresses of software defined networks."""

import ipaddress

from fake.failure import Died
from fake.formats import split_list
from fake.route import answers

SDN = "/cluster/sdn"
ZONES, VNETS = SDN + "/zones", SDN + "/vnets"
VNET = VNETS + "/{vnet}"
SUBNETS = VNET + "/subnets"
SEEING = ("SDN.Audit", "SDN.Allocate")
NO_OPTIONS = ("lock-token", "delete", "digest", "pending", "running", "subnet")


def options_of(call, name):
    return {key: value for key, value in call.parameters.items() if key not in (*NO_OPTIONS, name)}


def change_of(call, kind, name, key):
    """Changes an object; returns it."""
    call.cluster.sdn.check_token(call.get("lock-token"))
    found = call.cluster.sdn.get(kind, name)
    for option in split_list(call.get("delete", "")):
        found.pop(option, None)
    found.update(options_of(call, key))


def listed(call, kind):
    return call.cluster.sdn.listed(kind, call.get("pending"), call.get("running"))


def one(call, kind, name):
    found = listed(call, kind)
    if name not in found:
        raise Died(f"sdn {kind.rstrip('s')} '{name}' does not exist")
    return found[name]


def vnet_path(call, name):
    sdn = call.cluster.sdn
    zone = (sdn.written["vnets"].get(name) or sdn.running["vnets"].get(name) or {}).get("zone")
    if zone is None:
        raise Died(f"vnet '{name}' does not exist")
    return f"/sdn/zones/{zone}/{name}"


def may_see_vnet(call, name):
    return call.has(vnet_path(call, name), *SEEING, any_of=True)


@answers("GET", ZONES)
def zones(call):
    return [{"zone": name, **zone} for name, zone in listed(call, "zones").items()
            if call.has(f"/sdn/zones/{name}", *SEEING, any_of=True) and call.get("type", zone["type"]) == zone["type"]]


@answers("POST", ZONES)
def add_zone(call):
    call.cluster.sdn.check_token(call.get("lock-token"))
    call.cluster.sdn.add("zones", call["zone"], options_of(call, "zone"))


@answers("GET", ZONES + "/{zone}")
def zone(call):
    return {"zone": call["zone"], **one(call, "zones", call["zone"])}


@answers("PUT", ZONES + "/{zone}")
def change_zone(call):
    change_of(call, "zones", call["zone"], "zone")


@answers("DELETE", ZONES + "/{zone}")
def remove_zone(call):
    sdn = call.cluster.sdn
    sdn.check_token(call.get("lock-token"))
    for name, vnet in sdn.written["vnets"].items():
        if vnet["zone"] == call["zone"]:
            raise Died(f"zone {call['zone']} is used by vnet {name}")
    sdn.remove("zones", call["zone"])


@answers("GET", VNETS)
def vnets(call):
    return [{"vnet": name, "type": "vnet", **vnet} for name, vnet in listed(call, "vnets").items()
            if may_see_vnet(call, name)]


@answers("POST", VNETS)
def add_vnet(call):
    sdn = call.cluster.sdn
    sdn.check_token(call.get("lock-token"))
    sdn.get("zones", call["zone"])
    options = options_of(call, "vnet")
    options.pop("type", None)
    sdn.add("vnets", call["vnet"], options)


@answers("GET", VNET)
def vnet(call):
    call.require(vnet_path(call, call["vnet"]), *SEEING, any_of=True)
    return {"vnet": call["vnet"], "type": "vnet", **one(call, "vnets", call["vnet"])}


@answers("PUT", VNET)
def change_vnet(call):
    call.require(vnet_path(call, call["vnet"]), "SDN.Allocate")
    change_of(call, "vnets", call["vnet"], "vnet")


@answers("DELETE", VNET)
def remove_vnet(call):
    call.require(vnet_path(call, call["vnet"]), "SDN.Allocate")
    sdn = call.cluster.sdn
    sdn.check_token(call.get("lock-token"))
    if any(subnet["vnet"] == call["vnet"] for subnet in sdn.written["subnets"].values()):
        raise Died(f"can't delete vnet {call['vnet']}, subnets still exist")
    sdn.remove("vnets", call["vnet"])


def subnet_id(call, zone):
    """Returns ZONE-NETWORK-PREFIX, which is also the form that a caller may give."""
    given = call["subnet"]
    return f"{zone}-{given.replace('/', '-')}" if "/" in given else given


def subnet_entry(name, subnet):
    _, network, prefix = name.rsplit("-", 2)
    return {"id": name, "subnet": name, "cidr": f"{network}/{prefix}", "zone": name.rsplit("-", 2)[0],
            "network": network, "mask": prefix, **subnet}


@answers("GET", SUBNETS)
def subnets(call):
    call.require(vnet_path(call, call["vnet"]), *SEEING, any_of=True)
    return [subnet_entry(name, subnet) for name, subnet in listed(call, "subnets").items()
            if subnet["vnet"] == call["vnet"]]


@answers("POST", SUBNETS)
def add_subnet(call):
    path = vnet_path(call, call["vnet"])
    call.require(path, "SDN.Allocate")
    sdn = call.cluster.sdn
    sdn.check_token(call.get("lock-token"))
    name = subnet_id(call, path.split("/")[3])
    _, network, prefix = name.rsplit("-", 2)
    try:
        known = ipaddress.ip_network(f"{network}/{prefix}")
    except ValueError as error:
        raise Died(f"can't create subnet: {error}") from None
    if "gateway" in call and ipaddress.ip_address(call["gateway"]) not in known:
        raise Died(f"Gateway {call['gateway']} is not in subnet {known}")
    sdn.add("subnets", name, options_of(call, "subnet"))


def find_subnet(call):
    path = vnet_path(call, call["vnet"])
    call.require(path, *(("SDN.Allocate",) if call.endpoint.method != "GET" else SEEING), any_of=True)
    return subnet_id(call, path.split("/")[3])


@answers("GET", SUBNETS + "/{subnet}")
def subnet(call):
    name = find_subnet(call)
    return subnet_entry(name, one(call, "subnets", name))


@answers("PUT", SUBNETS + "/{subnet}")
def change_subnet(call):
    change_of(call, "subnets", find_subnet(call), "subnet")


@answers("DELETE", SUBNETS + "/{subnet}")
def remove_subnet(call):
    name = find_subnet(call)
    call.cluster.sdn.check_token(call.get("lock-token"))
    call.cluster.sdn.remove("subnets", name)


def address_of(call):
    return next((entry for entry in call.cluster.sdn.addresses
                 if (entry["vnet"], entry["ip"]) == (call["vnet"], call["ip"])), None)


@answers("POST", VNET + "/ips")
def add_address(call):
    if address_of(call):
        raise Died(f"ip {call['ip']} already exists")
    call.cluster.sdn.addresses.append({name: call[name] for name in ("vnet", "zone", "ip", "mac") if name in call})


@answers("PUT", VNET + "/ips")
def change_address(call):
    found = address_of(call)
    if not found:
        raise Died(f"ip {call['ip']} does not exist")
    found.update({name: call[name] for name in ("mac", "vmid") if name in call})


@answers("DELETE", VNET + "/ips")
def remove_address(call):
    found = address_of(call)
    if not found:
        raise Died(f"ip {call['ip']} does not exist")
    call.cluster.sdn.addresses.remove(found)


@answers("GET", SDN + "/ipams/{ipam}/status")
def addresses(call):
    if call["ipam"] != "pve":
        raise Died("currently only the pve plugin is supported")
    return [entry for entry in call.cluster.sdn.addresses if may_see_vnet(call, entry["vnet"])]


@answers("PUT", SDN)
def apply(call):
    sdn = call.cluster.sdn
    sdn.check_token(call.get("lock-token"))
    first = next(iter(call.cluster.nodes))

    def work(task):
        sdn.apply()
        if call.get("release-lock", 1):
            sdn.release()

    return call.cluster.tasks.start(first, "reloadnetworkall", "", call.user, work)


@answers("POST", SDN + "/lock")
def lock(call):
    return call.cluster.sdn.take_lock(call.get("allow-pending"))


@answers("DELETE", SDN + "/lock")
def unlock(call):
    if not call.get("force"):
        call.cluster.sdn.check_token(call.get("lock-token"))
    call.cluster.sdn.release()


@answers("POST", SDN + "/rollback")
def roll_back(call):
    sdn = call.cluster.sdn
    sdn.check_token(call.get("lock-token"))
    sdn.roll_back()
    if call.get("release-lock", 1):
        sdn.release()
