# SPDX-License-Identifier: MIT
"""The formats that the API's parameters name. Each is a function that takes a text and says whether it is one;
a name with "-list" behind it stands for several."""

import ipaddress
import re

LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
CONFIG_ID = r"(?i:[a-z][a-z0-9_-]+)"
STORAGE_ID = r"(?i:[a-z][a-z0-9\-_.]*[a-z0-9])"
USER = r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+"
CONTENTS = ("images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none")
LIST_SEPARATORS = r"[\s,;\0]+"


def matching(pattern):
    compiled = re.compile(pattern)
    return lambda text: bool(compiled.fullmatch(text))


def is_ip(text, version=None):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version in (None, address.version) and "%" not in text


def is_ipv4(text):
    return is_ip(text, 4)


def is_ipv6(text):
    return is_ip(text, 6)


def is_cidr(text, version=None, shortest=0):
    address, slash, prefix = text.partition("/")
    return bool(slash) and is_ip(address, version) and prefix.isdigit() and (
        shortest <= int(prefix) <= (128 if ":" in address else 32))


def is_cidr4(text):
    return is_cidr(text, 4, 8)


def is_cidr6(text):
    return is_cidr(text, 6, 8)


def is_netmask(text):
    try:
        return ipaddress.ip_network(f"0.0.0.0/{text}").prefixlen >= 8
    except ValueError:
        return False


def is_ipv4_config(text):
    return text in ("dhcp", "manual") or is_cidr(text, 4, 8)


def is_ipv6_config(text):
    return text in ("auto", "dhcp", "manual") or is_cidr(text, 6, 8)


def is_mac(text):
    return bool(re.fullmatch(r"(?i:[a-f0-9][02468ace](:[a-f0-9]{2}){5})", text))


def is_mount_source(text):
    """Anything that has no "." or ".." for a part."""
    return not re.search(r"/\.\.?(?:/|$)|^\.\./", text)


def is_device_path(text):
    return text.startswith("/dev/") and not any(part in (".", "..") for part in text.split("/"))


def is_volume_id(text):
    return bool(re.fullmatch(rf"{STORAGE_ID}:\S+", text))


def is_resolver(text):
    """An address; one of the link may name its interface. Or "host"."""
    address, percent, name = text.partition("%")
    return is_ip(address) and (not percent or bool(re.fullmatch(r"[\w.-]+", name)))


def is_startup_order(text):
    return bool(re.fullmatch(r"(?:(?:order=)?\d+|up=\d+|down=\d+)(?:,(?:order=\d+|up=\d+|down=\d+))*", text))


def is_storage_pair(text):
    return text == "1" or all(re.fullmatch(STORAGE_ID, part) for part in text.split(":", 1))


def is_firewall_address(text):
    return all(
        re.fullmatch(r"\+?(?:(?:dc|guest|sdn)/)?[A-Za-z][A-Za-z0-9\-_/]+", part) or is_ip(part) or is_cidr(part)
        or len(part.split("-")) == 2 and all(is_ip(end) for end in part.split("-"))
        for part in text.split(","))


def is_port_list(text):
    def is_port(word):
        return word.isdigit() and int(word) <= 65535 or bool(re.fullmatch(r"[a-z][a-z0-9-]*", word))

    return all(word and all(map(is_port, re.split("[:]", word))) for word in text.split(","))


FORMATS = {
    "pve-node": matching(LABEL),
    "pve-vmid": lambda text: text.isdigit() and 100 <= int(text) <= 999999999,
    "pve-storage-id": matching(STORAGE_ID),
    "pve-storage-content": lambda text: text in CONTENTS,
    "pve-configid": matching(CONFIG_ID),
    "pve-poolid": matching(r"[A-Za-z0-9.\-_]+(?:/[A-Za-z0-9.\-_]+){0,2}"),
    "pve-userid": matching(USER),
    "pve-tokenid": matching(USER + r"![A-Za-z][A-Za-z0-9.\-_]+"),
    "pve-groupid": matching(r"[A-Za-z0-9.\-_]+"),
    "pve-roleid": matching(r"[A-Za-z0-9.\-_]+"),
    "pve-realm": matching(r"[A-Za-z][A-Za-z0-9.\-_]+"),
    "pve-priv": matching(r"[A-Z][A-Za-z]*(?:\.[A-Za-z]+)+"),
    "pve-iface": matching(r"(?i:[a-z][a-z0-9_]{1,20}(?:[:.]\d+)?)"),
    "pve-tag": matching(r"(?i:[a-z0-9_][a-z0-9_\-+.]*)"),
    "pve-ct-timezone": matching(r"host|[A-Za-z0-9+_-]+(?:/[A-Za-z0-9+_-]+)*"),
    "pve-volume-id": is_volume_id,
    "pve-startup-order": is_startup_order,
    "pve-ipv4-config": is_ipv4_config,
    "pve-ipv6-config": is_ipv6_config,
    "pve-lxc-mp-string": is_mount_source,
    "pve-lxc-dev-string": is_device_path,
    "pve-task-status-type": matching("ok|error|warning|unknown"),
    "pve-fw-addr-spec": is_firewall_address,
    "pve-fw-sport-spec": is_port_list,
    "pve-fw-dport-spec": is_port_list,
    "pve-fw-protocol-spec": matching(r"\d{1,3}|[a-z0-9][a-z0-9.-]*"),
    "pve-fw-icmp-type-spec": matching(r"\d{1,3}|[a-z][a-z-]*|any"),
    "pve-ha-resource-or-vm-id": matching(r"(?:(?:ct|vm):)?[1-9]\d{2,8}"),
    "pve-sdn-subnet-id": matching(r"(?i:[a-z][a-z0-9]*[a-z0-9]-[0-9a-f.:]+-\d+|[0-9a-f.:]+/\d+)"),
    "pve-sdn-fabric-id": matching(r"(?i:[a-z0-9]{1,8})"),
    "pve-sdn-bgp-rt": matching(r"\d+:\d+"),
    "pve-vlan-id-or-range": matching(r"\d{1,4}(?:-\d{1,4})?"),
    "storage-pair": is_storage_pair,
    "backup-fleecing": matching(r"(?:(?:enabled|storage)=[^,=]+|[01])(?:,(?:enabled|storage)=[^,=]+)*"),
    "backup-performance": matching(r"(?:max-workers|pbs-entries-max)=\d+(?:,(?:max-workers|pbs-entries-max)=\d+)*"),
    "prune-backups": matching(r"keep-[a-z]+=\d+(?:,keep-[a-z]+=\d+)*"),
    "email-or-username": matching(r"[^\s@,;]+(?:@[^\s@,;]+)?"),
    "lxc-ip-with-ll-iface": is_resolver,
    "dns-name": matching(rf"(?:{LABEL})(?:\.{LABEL})*"),
    "disk-size": matching(r"\d+(?:\.\d+)?(?:[KMGT](?:iB)?)?"),
    "mac-addr": is_mac,
    "ip": is_ip,
    "ipv4": is_ipv4,
    "ipv6": is_ipv6,
    "ipv4mask": is_netmask,
    "CIDRv4": is_cidr4,
    "CIDRv6": is_cidr6,
    "IPorCIDRorAlias": lambda text: is_ip(text) or is_cidr(text) or bool(re.fullmatch(r"[A-Za-z][\w\-/]+", text)),
}


def is_valid(name, text):
    """Says whether @text has the format. A format that is not known is a fault of the table."""
    if name in FORMATS:
        return FORMATS[name](text)
    if name.endswith("-list"):
        one = FORMATS[name.removesuffix("-list")]
        return all(one(item) for item in split_list(text))
    raise KeyError(f"there is no format {name}")


def split_list(text):
    """Returns the items of a list as the server splits it."""
    return [item for item in re.split(LIST_SEPARATORS, text) if item]
