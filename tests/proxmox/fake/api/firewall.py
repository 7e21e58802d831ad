# SPDX-License-Identifier: MIT
"""Firewall options, rules and sets. They are kept, not enforced."""

import hashlib
import json

from fake.api.config import CT
from fake.failure import Died
from fake.formats import split_list
from fake.route import answers

FW = CT + "/firewall"
SWITCHES = ("enable", "dhcp", "ndp", "radv", "macfilter", "ipfilter")
LEVELS = ("log_level_in", "log_level_out", "policy_in", "policy_out")
RULE = ("action", "type", "comment", "source", "dest", "sport", "dport", "proto", "icmp-type", "iface", "macro", "log",
        "enable")


def digest(what):
    return hashlib.sha1(json.dumps(what, sort_keys=True).encode()).hexdigest()


def check_digest(call, what):
    if "digest" in call and call["digest"] != digest(what):
        raise Died("detected modified configuration - file changed by other user? Try again.")


@answers("GET", FW + "/options")
def options(call):
    found = call.guest().firewall["options"]
    return {**found, "digest": digest(found)}


@answers("PUT", FW + "/options")
def change_options(call):
    found = call.guest().firewall["options"]
    check_digest(call, found)
    for name in split_list(call.get("delete", "")):
        found.pop(name, None)
    found.update({name: call[name] for name in (*SWITCHES, *LEVELS) if name in call})


def rules_of(call):
    return call.guest().firewall["rules"]


def rule_at(call):
    rules = rules_of(call)
    if call["pos"] >= len(rules):
        raise Died(f"no rule at position {call['pos']}")
    return rules[call["pos"]]


@answers("GET", FW + "/rules")
def rules(call):
    return [{"pos": pos, **rule, "digest": digest(rules_of(call))} for pos, rule in enumerate(rules_of(call))]


@answers("POST", FW + "/rules")
def add_rule(call):
    check_digest(call, rules_of(call))
    rule = {name: call[name] for name in RULE if name in call}
    rules_of(call).insert(call.get("pos", 0), rule)


@answers("PUT", FW + "/rules/{pos}")
def change_rule(call):
    check_digest(call, rules_of(call))
    rule = rule_at(call)
    if "moveto" in call:
        rules_of(call).remove(rule)
        rules_of(call).insert(call["moveto"] - (call["moveto"] > call["pos"]), rule)
        return
    for name in split_list(call.get("delete", "")):
        rule.pop(name, None)
    rule.update({name: call[name] for name in RULE if name in call})


@answers("DELETE", FW + "/rules/{pos}")
def remove_rule(call):
    check_digest(call, rules_of(call))
    rule_at(call)
    del rules_of(call)[call["pos"]]


def sets_of(call):
    return call.guest().firewall["ipsets"]


def set_at(call):
    if call["name"] not in sets_of(call):
        raise Died(f"no such IPSet '{call['name']}'")
    return sets_of(call)[call["name"]]


@answers("GET", FW + "/ipset")
def sets(call):
    return [{"name": name, "digest": digest(sets_of(call)), **({"comment": found["comment"]} if found["comment"] else
                                                               {})}
            for name, found in sorted(sets_of(call).items())]


@answers("POST", FW + "/ipset")
def add_set(call):
    found = sets_of(call)
    check_digest(call, found)
    if "rename" in call:
        if call["rename"] not in found:
            raise Died(f"IPSet '{call['rename']}' does not exist")
        found[call["name"]] = found.pop(call["rename"])
    elif call["name"] in found:
        raise Died(f"IPSet '{call['name']}' already exists")
    else:
        found[call["name"]] = {"comment": "", "entries": []}
    found[call["name"]]["comment"] = call.get("comment", found[call["name"]]["comment"])


@answers("DELETE", FW + "/ipset/{name}")
def remove_set(call):
    if set_at(call)["entries"] and not call.get("force"):
        raise Died(f"IPSet '{call['name']}' is not empty")
    del sets_of(call)[call["name"]]


@answers("GET", FW + "/ipset/{name}")
def entries(call):
    return [{**entry, "digest": digest(set_at(call))} for entry in set_at(call)["entries"]]


@answers("POST", FW + "/ipset/{name}")
def add_entry(call):
    found = set_at(call)["entries"]
    if any(entry["cidr"] == call["cidr"] for entry in found):
        raise Died(f"address '{call['cidr']}' already exists")
    found.append({name: call[name] for name in ("cidr", "nomatch", "comment") if name in call})


@answers("GET", "/cluster/firewall/options")
def cluster_options(call):
    return call.cluster.firewall


@answers("GET", "/cluster/firewall/groups")
def groups(call):
    """There are none."""
    return []


@answers("GET", "/cluster/firewall/refs")
def refs(call):
    """There are none."""
    return []
