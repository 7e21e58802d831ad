# SPDX-License-Identifier: MIT
"""Values for parameters: one that is right, and those that break one constraint each."""

import re

from fake import check

# By format: a text that has it, and one that has not.
FORMATS = {
    "pve-node": ("pve1", "no_de"), "pve-vmid": ("100", "99"), "pve-storage-id": ("local", "-local"),
    "pve-storage-content": ("vztmpl", "films"), "pve-configid": ("abc", "1abc"), "pve-poolid": ("pool", "po ol"),
    "pve-userid": ("root@pam", "root"), "pve-tokenid": ("root@pam!tests", "root@pam"),
    "pve-groupid": ("group", "gr:oup"), "pve-roleid": ("PVEAuditor", "ro:le"), "pve-realm": ("pam", "1pam"),
    "pve-priv": ("VM.Audit", "audit"), "pve-iface": ("vmbr1", "1vmbr"), "pve-tag": ("tag", "-tag"),
    "pve-ct-timezone": ("Europe/Vienna", "../etc"), "pve-volume-id": ("local:snippets/hook", "hook"),
    "pve-startup-order": ("order=1,up=2", "first"), "pve-ipv4-config": ("10.0.0.2/24", "10.0.0.2"),
    "pve-ipv6-config": ("fd00::2/64", "fd00::2"), "pve-lxc-mp-string": ("local:1", "/a/../b"),
    "pve-lxc-dev-string": ("/dev/null", "null"), "pve-task-status-type": ("ok", "fine"),
    "pve-fw-addr-spec": ("10.0.0.0/8", "10.0.0.0/8,?"), "pve-fw-sport-spec": ("80:90,443", "80,"),
    "pve-fw-dport-spec": ("http", "70000"), "pve-fw-protocol-spec": ("tcp", "!"),
    "pve-fw-icmp-type-spec": ("echo-request", "!"), "pve-ha-resource-or-vm-id": ("ct:100", "ct:1"),
    "pve-sdn-subnet-id": ("zone1-10.0.0.0-24", "10.0.0.0"), "pve-sdn-fabric-id": ("fabric", "fabricate!"),
    "pve-sdn-bgp-rt": ("65000:1", "65000"), "pve-vlan-id-or-range": ("2-10", "two"),
    "backup-fleecing": ("enabled=1,storage=local", "on fire"), "backup-performance": ("max-workers=2", "quick"),
    "prune-backups": ("keep-last=2", "keep-some"), "email-or-username": ("root@example.org", "a@b@c"),
    "storage-pair": ("local:local-zfs", "local:-"), "lxc-ip-with-ll-iface": ("fe80::1%eth0", "localhost"),
    "dns-name": ("host.example", "-host"), "disk-size": ("4G", "4 GB"), "mac-addr": ("BC:24:11:00:00:01", "BC:24"),
    "ip": ("10.0.0.1", "10.0.0"), "ipv4": ("10.0.0.1", "fd00::1"), "ipv6": ("fd00::1", "10.0.0.1"),
    "ipv4mask": ("255.255.255.0", "255.0.255.0"), "CIDRv4": ("10.0.0.1/24", "10.0.0.1"),
    "CIDRv6": ("fd00::1/64", "fd00::1"), "IPorCIDRorAlias": ("10.0.0.0/8", "10.0.0.0/80"),
}
# By pattern.
PATTERNS = {
    r"\+?\d+(\.\d+)?[KMGT]?": "+1G", r"\d+[MG]?": "4G", "/var/tmp/pveupload-[0-9a-f]+": "/var/tmp/pveupload-0f",
    r"(?^:[A-Za-z][A-Za-z0-9\.\-_]+)": "token", "[a-zA-Z][a-zA-Z0-9]*[a-zA-Z0-9]": "zone1",
    r"[A-Za-z][A-Za-z0-9\-\_]+": "ACCEPT", r"[-_.\w\d]+": "eth0", "0[0-7]{3}": "0660",
    r"(?^:\d+(?:;\d+)*)": "2;3", r"\S+": "job", "(?^:[a-zA-Z0-9_; ]+)": "nfs;cifs",
}
BROKEN_PATTERN = "\x01 "


def right(value):
    """Returns a text that a parameter may be."""
    if isinstance(value.format, dict):
        return ",".join(f"{key}={right(part)}" for key, part in value.format.items() if part.required) or \
            next(f"{key}={right(part)}" for key, part in value.format.items())
    if value.enum:
        return value.enum[0]
    if value.format:
        return FORMATS[value.format.removesuffix("-list")][0]
    if value.pattern in PATTERNS:
        return PATTERNS[value.pattern]
    if value.type in ("integer", "number"):
        return str(int(value.minimum if value.minimum is not None else 1))
    if value.type == "boolean":
        return "1"
    for text in ("A=1", "passthrough", "noatime", "root@pam", "text", "text" * 3):
        if fits(value, text):
            return text
    raise KeyError(f"no sample for {value}")


def fits(value, text):
    try:
        check.value(value, text)
    except check.Invalid:
        return False
    return True


def broken(value):
    """Yields (constraint, text) of what a parameter must not be, each breaking one thing."""
    if value.type in ("integer", "number"):
        yield "type", "many"
        if value.minimum is not None:
            yield "minimum", str(int(value.minimum) - 1)
        if value.maximum is not None:
            yield "maximum", str(int(value.maximum) + 1)
    elif value.type == "boolean":
        yield "type", "perhaps"
    if value.enum:
        yield "enum", "none-of-these"
    if value.pattern:
        assert not re.fullmatch(check.python_pattern(value.pattern), BROKEN_PATTERN), value
        yield "pattern", BROKEN_PATTERN
    if value.max_length is not None:
        yield "longest", "a" * (value.max_length + 1)
    if value.min_length:
        yield "shortest", "a" * (value.min_length - 1)
    if isinstance(value.format, str):
        yield "format", FORMATS[value.format.removesuffix("-list")][1]
    elif value.format:
        yield from broken_property_string(value.format)


def broken_property_string(keys):
    parts = {key: right(part) for key, part in keys.items() if part.required}
    parts = parts or {key: right(part) for key, part in list(keys.items())[:1]}

    def text(more):
        return ",".join(f"{key}={part}" for key, part in {**parts, **more}.items())

    yield "unknown key", text({"no-such-key": "1"})
    yield "key twice", text({}) + "," + text({})
    yield "empty key", text({}) + "," + list(parts)[0] + "="
    for key, part in keys.items():
        if part.required:
            yield f"without {key}", ",".join(f"{name}={value}" for name, value in parts.items() if name != key)
        for constraint, value in broken(part):
            if "," not in value:
                yield f"{key} {constraint}", text({key: value})
