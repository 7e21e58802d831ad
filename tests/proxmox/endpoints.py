# SPDX-License-Identifier: MIT
"""The endpoints of Proxmox VE 9.2 that the fake has: parameters, privileges, answers. Where the server's own
description is at hand a test compares the two."""

from fake.endpoint import Endpoint, Endpoints, Shape, Value

STRING = Value("string")
BOOLEAN = Value("boolean")
INTEGER = Value("integer")
NUMBER = Value("number")
ARRAY = Value("array")


def text(format=None, pattern=None, longest=None, shortest=None, requires=None):
    return Value("string", format=format, pattern=pattern, max_length=longest, min_length=shortest,
                 requires=requires)


def one_of(*words, requires=None):
    return Value("string", enum=words, requires=requires)


def integer(minimum=None, maximum=None, requires=None):
    return Value("integer", minimum=minimum, maximum=maximum, requires=requires)


def number(minimum=None, maximum=None):
    return Value("number", minimum=minimum, maximum=maximum)


def default(value):
    """The key of a property string that may be left out before its value."""
    return Value(**{**value.__dict__, "default_key": True})


def needing(value, name):
    return Value(**{**value.__dict__, "requires": name})


def named(parameters):
    """{"name!": value} → the same with the value marked as required."""
    return {name.rstrip("!"): value.needed() if name.endswith("!") else value
            for name, value in parameters.items()}


def strings(format=None, **options):
    return text(named(format) if isinstance(format, dict) else format, **options)


# Parts of paths.
NODE = text("pve-node")
VMID = Value("integer", minimum=100, maximum=999999999, format="pve-vmid")
STORAGE = text("pve-storage-id")
SNAPNAME = text("pve-configid", longest=40)
USERID = text("pve-userid", longest=64)
TOKENID = text(pattern=r"(?^:[A-Za-z][A-Za-z0-9\.\-_]+)")
POOLID = text("pve-poolid")
SDN_ID = text(pattern="[a-zA-Z][a-zA-Z0-9]*[a-zA-Z0-9]", shortest=2, longest=8)
SUBNET = text("pve-sdn-subnet-id")
IFACE = text("pve-iface", shortest=2, longest=20)
IPSET = text(pattern=r"[A-Za-z][A-Za-z0-9\-\_]+", shortest=2, longest=64)
SID = text("pve-ha-resource-or-vm-id")
IN_PATH = {
    "node": NODE, "vmid": VMID, "storage": STORAGE, "snapname": SNAPNAME, "userid": USERID, "tokenid": TOKENID,
    "upid": STRING, "volume": STRING, "vnet": SDN_ID, "zone": SDN_ID, "subnet": SUBNET, "iface": IFACE,
    "name": IPSET, "sid": SID, "roleid": text("pve-roleid"), "poolid": POOLID,
    "ipam": text(pattern="[a-zA-Z][a-zA-Z0-9]*[a-zA-Z0-9]", shortest=2),
}
DELETE = text("pve-configid-list")
DELETE_LONG = text("pve-configid-list", longest=4096)
DIGEST_CT = text(longest=40)
DIGEST = text(longest=64)
LIMIT = number(0)

# A container's options.
IDMAP = text(pattern=r"(?^:^(?:passthrough|[ug]:[0-9]+:[0-9]+:[1-9][0-9]*(?:;[ug]:[0-9]+:[0-9]+:[1-9][0-9]*)*)$)")
MOUNT_OPTION = "(?^:(discard|lazytime|noatime|nodev|noexec|nosuid))"
ROOTFS_KEYS = {
    "volume!": default(text("pve-lxc-mp-string")), "size": text("disk-size"), "acl": BOOLEAN, "ro": BOOLEAN,
    "quota": BOOLEAN, "replicate": BOOLEAN, "shared": BOOLEAN, "idmap": IDMAP,
    "mountoptions": text(pattern=f"(?^:{MOUNT_OPTION}(;{MOUNT_OPTION})*)"),
}
INTERFACE_NAME = text(pattern=r"[-_.\w\d]+")
CT_OPTIONS = {
    "arch": one_of("amd64", "i386", "arm64", "armhf", "riscv32", "riscv64"),
    "cmode": one_of("shell", "console", "tty"),
    "console": BOOLEAN,
    "cores": integer(1, 8192),
    "cpulimit": number(0, 8192),
    "cpuunits": integer(0, 500000),
    "debug": BOOLEAN,
    "description": text(longest=8192),
    "dev[n]": strings({"path": default(text("pve-lxc-dev-string")), "mode": text(pattern="0[0-7]{3}"),
                       "uid": integer(0), "gid": integer(0), "deny-write": BOOLEAN}),
    "entrypoint": text(pattern=r"(?^:[^\x00-\x08\x0a-\x1F\x7F]+)"),
    "env": text(pattern=r"(?^:(?:\w+=[^\x00-\x08\x0a-\x1F\x7F]*)(?:\0\w+=[^\x00-\x08\x0a-\x1F\x7F]*)*)"),
    "features": strings({"nesting": BOOLEAN, "keyctl": BOOLEAN, "fuse": BOOLEAN, "mknod": BOOLEAN,
                         "force_rw_sys": BOOLEAN, "mount": text(pattern="(?^:[a-zA-Z0-9_; ]+)")}),
    "hookscript": text("pve-volume-id"),
    "hostname": text("dns-name", longest=255),
    "lock": one_of("backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback",
                   "snapshot", "snapshot-delete"),
    "memory": integer(16),
    "mp[n]": strings({**ROOTFS_KEYS, "mp!": text("pve-lxc-mp-string"), "backup": BOOLEAN, "keepattrs": BOOLEAN}),
    "nameserver": text("lxc-ip-with-ll-iface-list"),
    "net[n]": strings({
        "name!": INTERFACE_NAME, "bridge": INTERFACE_NAME, "type": one_of("veth"), "hwaddr": text("mac-addr"),
        "mtu": integer(64, 65535), "ip": text("pve-ipv4-config"), "gw": text("ipv4"),
        "ip6": text("pve-ipv6-config"), "gw6": text("ipv6"), "tag": integer(1, 4094),
        "trunks": text(pattern=r"(?^:\d+(?:;\d+)*)"), "rate": NUMBER, "firewall": BOOLEAN, "link_down": BOOLEAN,
        "host-managed": BOOLEAN}),
    "onboot": BOOLEAN,
    "ostype": one_of("debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine",
                     "gentoo", "nixos", "unmanaged"),
    "protection": BOOLEAN,
    "rootfs": strings(ROOTFS_KEYS),
    "searchdomain": text("dns-name-list"),
    "startup": text("pve-startup-order"),
    "swap": integer(0),
    "tags": text("pve-tag-list"),
    "template": BOOLEAN,
    "timezone": text("pve-ct-timezone"),
    "tty": integer(0, 6),
    "unprivileged": BOOLEAN,
    "unused[n]": strings({"volume!": default(text("pve-volume-id"))}),
}
VOLUMES = ("rootfs", *(f"mp{number}" for number in range(256)))
UNUSED = tuple(f"unused{number}" for number in range(256))

ENDPOINTS = []


def shape(value, required=True):
    """"string", [items], {"name!": ...} or {"name": ...} → Shape."""
    if isinstance(value, Shape):
        return value
    if isinstance(value, list):
        return Shape("array", required, items=shape(value[0]) if value else None)
    if isinstance(value, dict):
        return Shape("object", required, properties={
            name.rstrip("!"): shape(part, name.endswith("!")) for name, part in value.items()})
    return Shape(value.rstrip("?"), required and not value.endswith("?"))


def fields(**types):
    """Members of an object by type: fields(string="name! tags", integer="vmid!")."""
    return {name: type_name for type_name, names in types.items() for name in names.split()}


def endpoint(method, path, parameters, check, returns, token=True, proxied=False):
    """Adds one. @check is "any" (who is known), "world", or a tree of privileges."""
    in_path = {word[1:-1]: IN_PATH.get(word[1:-1]) for word in path.split("/") if word.startswith("{")}
    given = named(parameters)
    every = {name: value.needed() for name, value in in_path.items() if value and name not in given}
    ENDPOINTS.append(Endpoint(method, path, {**every, **given}, check if isinstance(check, list) else None,
                              check == "world", shape(returns), token, proxied))


def on(path, *privileges):
    """Needs all of these privileges on a path."""
    return ["perm", path, list(privileges)]


def one_on(path, *privileges):
    return ["perm", path, list(privileges), "any", 1]


def both(*checks):
    return ["and", *checks]


def either(*checks):
    return ["or", *checks]


# What is and who may.
VERSION = fields(string="release! repoid! version!")
endpoint("GET", "/version", {}, "any", {**VERSION, "console": "string"})
endpoint("GET", "/nodes", {}, "any", [fields(
    string="node! status! level ssl_fingerprint", number="cpu", integer="maxcpu maxmem mem uptime")])
SPACE = fields(integer="avail! free! total! used!")
endpoint("GET", "/nodes/{node}/status", {}, on("/nodes/{node}", "Sys.Audit"), {
    "boot-info!": {"mode!": "string", "secureboot": "boolean"}, "cpu!": "number",
    "cpuinfo!": fields(integer="cores! cpus! sockets!", string="model!"),
    "current-kernel!": fields(string="machine! release! sysname! version!"), "loadavg!": ["string"],
    "memory!": fields(integer="available! free! total! used!"), "pveversion!": "string", "rootfs!": SPACE,
}, proxied=True)
endpoint("GET", "/nodes/{node}/version", {}, "any", VERSION, proxied=True)
endpoint("GET", "/cluster/status", {}, on("/", "Sys.Audit"), [fields(
    string="id! name! type! ip level", boolean="local online quorate", integer="nodeid nodes version")])
endpoint("GET", "/cluster/nextid", {"vmid": VMID}, "any", "integer")
endpoint("GET", "/cluster/resources", {"type": one_of("vm", "storage", "node", "sdn")}, "any", [fields(
    string="id! type! content hastate host-arch level lock name network network-type node plugintype pool "
           "protocol sdn status storage tags zone-type",
    integer="cgroup-mode disk diskread diskwrite maxdisk maxmem mem memhost netin netout uptime vmid",
    number="cpu maxcpu", boolean="shared template")])
endpoint("GET", "/cluster/options", {}, on("/", "Sys.Audit"), "object")
endpoint("GET", "/cluster/tasks", {}, "any", [{"upid!": "string"}])
PRIVILEGES = text("pve-priv-list", longest=64, requires="path")
endpoint("POST", "/access/ticket", {
    "username!": text(longest=64), "password!": STRING, "realm": text("pve-realm", longest=32), "otp": STRING,
    "tfa-challenge": STRING, "new-format": BOOLEAN, "path": text(longest=64, requires="privs"),
    "privs": PRIVILEGES,
}, "world", fields(string="username! ticket CSRFPreventionToken clustername"), token=False)
endpoint("GET", "/access/permissions", {
    "path": STRING, "userid": text(pattern=r"(?^:^(?^:[^\s:/]+)\@(?^:[A-Za-z][A-Za-z0-9\.\-_]+)"
                                           r"(?:!(?^:[A-Za-z][A-Za-z0-9\.\-_]+))?$)"),
}, "any", "object")
endpoint("GET", "/access/acl", {}, "any", [fields(string="path! roleid! type! ugid!", boolean="propagate")])
endpoint("PUT", "/access/acl", {
    "path!": STRING, "roles!": text("pve-roleid-list"), "users": text("pve-userid-list"),
    "groups": text("pve-groupid-list"), "tokens": text("pve-tokenid-list"), "propagate": BOOLEAN,
    "delete": BOOLEAN,
}, ["perm-modify", "{path}"], "null")
endpoint("GET", "/access/roles", {}, "any", [fields(string="roleid! privs", boolean="special")])
endpoint("POST", "/access/roles", {"roleid!": text("pve-roleid"), "privs": text("pve-priv-list")},
         on("/access", "Sys.Modify"), "null")
OWN_TOKEN = either(["userid-param", "self"], ["userid-group", ["User.Modify"]])
TOKEN_INFO = fields(string="comment", integer="expire", boolean="privsep")
endpoint("GET", "/access/users/{userid}/token", {}, OWN_TOKEN, [{**TOKEN_INFO, "tokenid!": "string"}])
endpoint("GET", "/access/users/{userid}/token/{tokenid}", {}, OWN_TOKEN, TOKEN_INFO)
TOKEN_OPTIONS = {"comment": STRING, "expire": integer(0), "privsep": BOOLEAN}
endpoint("POST", "/access/users/{userid}/token/{tokenid}", TOKEN_OPTIONS, OWN_TOKEN,
         {"full-tokenid!": "string", "value!": "string", "info!": TOKEN_INFO})
endpoint("PUT", "/access/users/{userid}/token/{tokenid}",
         {**TOKEN_OPTIONS, "regenerate": BOOLEAN, "delete": DELETE}, OWN_TOKEN,
         {**TOKEN_INFO, "full-tokenid": "string", "value": "string"})
endpoint("DELETE", "/access/users/{userid}/token/{tokenid}", {}, OWN_TOKEN, "null")

# Tasks.
TASKS = "/nodes/{node}/tasks"
TASK = fields(string="id! node! type! upid! user! status", integer="pid! pstart! starttime! endtime")
endpoint("GET", TASKS, {
    "source": one_of("archive", "active", "all"), "vmid": VMID, "typefilter": STRING,
    "statusfilter": text("pve-task-status-type-list"), "since": INTEGER, "until": INTEGER, "errors": BOOLEAN,
    "start": integer(0), "limit": integer(0), "userfilter": STRING,
}, "any", [TASK], proxied=True)
endpoint("GET", TASKS + "/{upid}/status", {}, "any", fields(
    string="id! node! status! type! upid! user! exitstatus", integer="pid! pstart! starttime!"), proxied=True)
endpoint("GET", TASKS + "/{upid}/log", {"start": integer(0), "limit": integer(0), "download": BOOLEAN}, "any",
         [fields(integer="n!", string="t!")], proxied=True)
endpoint("DELETE", TASKS + "/{upid}", {}, "any", "null", proxied=True)

# Containers.
LXC = "/nodes/{node}/lxc"
CT = LXC + "/{vmid}"
STATUS = fields(
    string="status! lock name tags", boolean="template", number="cpu cpus pressurecpusome pressureiofull "
    "pressureiosome pressurememoryfull pressurememorysome",
    integer="vmid! disk diskread diskwrite maxdisk maxmem maxswap mem netin netout uptime")


def container(method, path, parameters, check, returns, proxied=True):
    endpoint(method, CT + path, parameters, check, returns, proxied=proxied)


def on_ct(*privileges):
    return on("/vms/{vmid}", *privileges)


def one_on_ct(*privileges):
    return one_on("/vms/{vmid}", *privileges)


AUDIT = on_ct("VM.Audit")
POWER = on_ct("VM.PowerMgmt")
DISK = on_ct("VM.Config.Disk")
NETWORK = on_ct("VM.Config.Network")
endpoint("GET", LXC, {}, "any", [STATUS], proxied=True)
endpoint("POST", LXC, {
    **CT_OPTIONS, "vmid!": VMID, "ostemplate!": text(longest=255), "storage": STORAGE, "pool": POOLID,
    "password": text(shortest=5), "ssh-public-keys": STRING, "start": BOOLEAN, "ha-managed": BOOLEAN,
    "restore": BOOLEAN, "force": BOOLEAN, "unique": needing(BOOLEAN, "restore"),
    "ignore-unpack-errors": BOOLEAN, "bwlimit": LIMIT,
}, "any", "string", proxied=True)
container("DELETE", "", {"force": BOOLEAN, "purge": BOOLEAN, "destroy-unreferenced-disks": BOOLEAN},
          on_ct("VM.Allocate"), "string")
container("GET", "/config", {"current": BOOLEAN, "snapshot": SNAPNAME}, AUDIT, {
    **{name: value.type for name, value in CT_OPTIONS.items()}, "digest!": "string", "lxc": [["string"]]})
container("PUT", "/config", {**CT_OPTIONS, "delete": DELETE, "revert": DELETE, "digest": DIGEST_CT},
          one_on_ct("VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network",
                    "VM.Config.Options"), "null")
container("GET", "/pending", {}, AUDIT, [fields(string="key! pending value", integer="delete")])
container("GET", "/status/current", {}, AUDIT, {**STATUS, "ha!": "object"})
container("POST", "/status/start", {"debug": BOOLEAN, "skiplock": BOOLEAN}, POWER, "string")
container("POST", "/status/stop", {"skiplock": BOOLEAN, "overrule-shutdown": BOOLEAN}, POWER, "string")
container("POST", "/status/shutdown", {"timeout": integer(0), "forceStop": BOOLEAN}, POWER, "string")
container("POST", "/status/reboot", {"timeout": integer(0)}, POWER, "string")
container("POST", "/status/suspend", {}, POWER, "string")
container("POST", "/status/resume", {}, POWER, "string")
container("POST", "/clone", {
    "newid!": VMID, "full": BOOLEAN, "hostname": text("dns-name"), "description": STRING, "pool": POOLID,
    "snapname": SNAPNAME, "storage": STORAGE, "target": NODE, "bwlimit": LIMIT,
}, both(on_ct("VM.Clone"), either(on("/vms/{newid}", "VM.Allocate"), [
    *on("/pool/{pool}", "VM.Allocate"), "require_param", "pool"])), "string")
container("POST", "/template", {}, on_ct("VM.Allocate"), "null")
container("GET", "/feature", {"feature!": one_of("snapshot", "clone", "copy"), "snapname": SNAPNAME}, AUDIT,
          {"hasFeature!": "boolean"})
container("GET", "/snapshot", {}, AUDIT, [fields(string="name! description! parent", integer="snaptime")])
container("POST", "/snapshot", {"snapname!": SNAPNAME, "description": STRING}, on_ct("VM.Snapshot"), "string")
container("DELETE", "/snapshot/{snapname}", {"force": BOOLEAN}, on_ct("VM.Snapshot"), "string")
container("POST", "/snapshot/{snapname}/rollback", {"start": BOOLEAN},
          one_on_ct("VM.Snapshot", "VM.Snapshot.Rollback"), "string")
container("GET", "/snapshot/{snapname}/config", {},
          one_on_ct("VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit"), "object")
container("PUT", "/snapshot/{snapname}/config", {"description": STRING}, on_ct("VM.Snapshot"), "null")
container("PUT", "/resize", {"disk!": one_of(*VOLUMES), "size!": text(pattern=r"\+?\d+(\.\d+)?[KMGT]?"),
                             "digest": DIGEST_CT}, [*DISK, "any", 1], "string")
container("POST", "/move_volume", {
    "volume!": one_of(*VOLUMES, *UNUSED), "storage": STORAGE, "target-vmid": VMID,
    "target-volume": one_of(*VOLUMES, *UNUSED), "delete": BOOLEAN, "digest": DIGEST_CT,
    "target-digest": DIGEST_CT, "bwlimit": LIMIT}, DISK, "string")
container("GET", "/migrate", {"target": NODE}, on_ct("VM.Migrate"), {
    "running!": "boolean", "allowed-nodes": ["string"], "dependent-ha-resources": ["string"],
    "not-allowed-nodes": {"blocking-ha-resources": [fields(string="cause! sid!")]}})
container("POST", "/migrate", {
    "target!": NODE, "restart": BOOLEAN, "online": BOOLEAN, "timeout": INTEGER,
    "target-storage": text("storage-pair-list"), "bwlimit": LIMIT}, on_ct("VM.Migrate"), "string")
container("GET", "/interfaces", {}, AUDIT, [{
    **fields(string="hardware-address! hwaddr! name! inet inet6"),
    "ip-addresses!": [fields(string="ip-address ip-address-type", integer="prefix")]}])
container("GET", "/rrddata", {"timeframe!": one_of("hour", "day", "week", "month", "year"),
                              "cf": one_of("AVERAGE", "MAX")}, AUDIT, ["object"], proxied=False)
FW = "/firewall"
LEVEL = one_of("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog")
POLICY = one_of("ACCEPT", "REJECT", "DROP")
SWITCHES = {name: BOOLEAN for name in ("enable", "dhcp", "ndp", "radv", "macfilter", "ipfilter")}
LEVELS = {"log_level_in": LEVEL, "log_level_out": LEVEL, "policy_in": POLICY, "policy_out": POLICY}
container("GET", FW + "/options", {}, AUDIT, {
    **{name: "boolean" for name in SWITCHES}, **{name: "string" for name in LEVELS}})
container("PUT", FW + "/options", {**SWITCHES, **LEVELS, "delete": DELETE, "digest": DIGEST}, NETWORK, "null")
RULE = {
    "action": text(pattern=r"[A-Za-z][A-Za-z0-9\-\_]+", shortest=2, longest=20),
    "type": one_of("in", "out", "forward", "group"), "comment": STRING,
    "source": text("pve-fw-addr-spec", longest=512), "dest": text("pve-fw-addr-spec", longest=512),
    "sport": text("pve-fw-sport-spec"), "dport": text("pve-fw-dport-spec"),
    "proto": text("pve-fw-protocol-spec"), "icmp-type": text("pve-fw-icmp-type-spec"), "iface": IFACE,
    "macro": text(longest=128), "log": LEVEL, "enable": integer(0), "digest": DIGEST}
RULE_FIELDS = fields(
    string="action! type! comment dest dport icmp-type iface log macro proto source sport",
    integer="pos! enable ipversion")
container("GET", FW + "/rules", {}, AUDIT, [RULE_FIELDS], proxied=False)
container("POST", FW + "/rules", {**RULE, "action!": RULE["action"], "type!": RULE["type"], "pos": integer(0)},
          NETWORK, "null", proxied=False)
container("PUT", FW + "/rules/{pos}", {**RULE, "pos": integer(0), "moveto": integer(0), "delete": DELETE}, NETWORK,
          "null", proxied=False)
container("DELETE", FW + "/rules/{pos}", {"pos": integer(0), "digest": DIGEST}, NETWORK, "null", proxied=False)
container("GET", FW + "/ipset", {}, AUDIT, [fields(string="name! digest! comment")], proxied=False)
container("POST", FW + "/ipset", {"name!": IPSET, "rename": IPSET, "comment": STRING, "digest": DIGEST}, NETWORK,
          "null", proxied=False)
container("DELETE", FW + "/ipset/{name}", {"force": BOOLEAN}, NETWORK, "null", proxied=False)
container("GET", FW + "/ipset/{name}", {}, AUDIT, [fields(string="cidr! digest! comment", boolean="nomatch")],
          proxied=False)
container("POST", FW + "/ipset/{name}", {"cidr!": text("IPorCIDRorAlias"), "nomatch": BOOLEAN, "comment": STRING},
          NETWORK, "null", proxied=False)

# Storages.
STORES = "/nodes/{node}/storage"
STORE = STORES + "/{storage}"
SEE = one_on("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace")
STORAGE_TYPES = ("btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs",
                 "rbd", "zfs", "zfspool")
SUM = one_of("md5", "sha1", "sha224", "sha256", "sha384", "sha512", requires="checksum")
UPLOAD = {
    "content!": Value("string", enum=("iso", "vztmpl", "import"), format="pve-storage-content"),
    "filename!": text(longest=255), "checksum": text(requires="checksum-algorithm"),
    "checksum-algorithm": SUM}


def storage(method, path, parameters, check, returns, proxied=True):
    endpoint(method, STORE + path, parameters, check, returns, proxied=proxied)


endpoint("GET", "/storage", {"type": one_of(*STORAGE_TYPES)}, "any", [{"storage!": "string"}])
STORE_STATUS = fields(string="content! type!", boolean="active enabled shared", integer="avail total used")
endpoint("GET", STORES, {"content": text("pve-storage-content-list"), "enabled": BOOLEAN, "format": BOOLEAN,
                         "storage": STORAGE, "target": NODE}, "any", [{
    **STORE_STATUS, "storage!": "string", "used_fraction": "number", "select_existing": "boolean",
    "formats": {"default!": "string", "supported!": ["string"]}}], proxied=True)
storage("GET", "/status", {}, SEE, STORE_STATUS)
storage("GET", "/content", {"content": text("pve-storage-content"), "vmid": VMID}, SEE, [{
    **fields(string="format! volid! encrypted notes parent", boolean="protected",
             integer="approximate-size ctime size used vmid"),
    "verification": fields(string="state! upid!")}])
storage("POST", "/content", {
    "filename!": STRING, "size!": text(pattern=r"\d+[MG]?"), "vmid!": VMID,
    "format": one_of("raw", "qcow2", "subvol", "vmdk", requires="size")},
    on("/storage/{storage}", "Datastore.AllocateSpace"), "string")
storage("GET", "/content/{volume}", {"storage": STORAGE}, "any", {
    **fields(string="format! path! notes", integer="size! used!", boolean="protected")})
storage("PUT", "/content/{volume}", {"storage": STORAGE, "notes": STRING, "protected": BOOLEAN}, "any", "null")
storage("DELETE", "/content/{volume}", {"storage": STORAGE, "delay": integer(1, 30)}, "any", "string?")
storage("POST", "/upload", {**UPLOAD, "tmpfilename": text(pattern="/var/tmp/pveupload-[0-9a-f]+")},
        on("/storage/{storage}", "Datastore.AllocateTemplate"), "string", proxied=False)

endpoint("POST", "/nodes/{node}/vzdump", {
    "node": NODE, "vmid": text("pve-vmid-list"), "all": BOOLEAN, "exclude": text("pve-vmid-list"),
    "exclude-path": ARRAY, "pool": STRING, "storage": STORAGE, "dumpdir": STRING, "tmpdir": STRING,
    "script": STRING, "mode": one_of("snapshot", "suspend", "stop"),
    "compress": one_of("0", "1", "gzip", "lzo", "zstd"), "zstd": INTEGER, "pigz": INTEGER,
    "notes-template": text(longest=1024, requires="storage"), "protected": needing(BOOLEAN, "storage"),
    "prune-backups": text("prune-backups"), "remove": BOOLEAN, "bwlimit": integer(0), "ionice": integer(0, 8),
    "lockwait": integer(0), "stopwait": integer(0), "stop": BOOLEAN, "stdexcludes": BOOLEAN, "stdout": BOOLEAN,
    "quiet": BOOLEAN, "job-id": text(pattern=r"\S+", longest=50), "fleecing": text("backup-fleecing"),
    "performance": text("backup-performance"), "mailto": text("email-or-username-list"),
    "mailnotification": one_of("always", "failure"),
    "notification-mode": one_of("auto", "legacy-sendmail", "notification-system"),
    "pbs-change-detection-mode": one_of("legacy", "data", "metadata"),
}, "any", "string", proxied=True)

# Host networks.
BRIDGE_KINDS = ("any_bridge", "any_local_bridge", "include_sdn")
KINDS = ("bridge", "bond", "eth", "alias", "vlan", "fabric", "OVSBridge", "OVSBond", "OVSPort", "OVSIntPort", "vnet")
NETS = "/nodes/{node}/network"
MODIFY = on("/nodes/{node}", "Sys.Modify")
IFACES = text("pve-iface-list")
NET_OPTIONS = {
    "type!": one_of(*KINDS, "unknown"), "address": text("ipv4", requires="netmask"),
    "address6": text("ipv6", requires="netmask6"), "netmask": text("ipv4mask", requires="address"),
    "netmask6": integer(0, 128, requires="address6"), "cidr": text("CIDRv4"), "cidr6": text("CIDRv6"),
    "gateway": text("ipv4"), "gateway6": text("ipv6"), "mtu": integer(1280, 65520), "autostart": BOOLEAN,
    "comments": STRING, "comments6": STRING, "bridge_ports": IFACES,
    "bridge_vids": text("pve-vlan-id-or-range-list"), "bridge_vlan_aware": BOOLEAN,
    "bond-primary": text("pve-iface"), "bond_mode": one_of(
        "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb",
        "balance-slb", "lacp-balance-slb", "lacp-balance-tcp"),
    "bond_xmit_hash_policy": one_of("layer2", "layer2+3", "layer3+4"), "slaves": IFACES, "ovs_bonds": IFACES,
    "ovs_bridge": text("pve-iface"), "ovs_options": text(longest=1024), "ovs_ports": IFACES,
    "ovs_tag": integer(1, 4094), "vlan-id": integer(1, 4094), "vlan-raw-device": text("pve-iface")}
endpoint("GET", NETS, {"type": one_of(*KINDS, *BRIDGE_KINDS)}, "any", [{
    **fields(string="iface! type! address address6 bond-primary bond_mode bond_xmit_hash_policy bridge_ports "
                    "bridge_vids cidr cidr6 comments comments6 gateway gateway6 link-type method method6 netmask "
                    "ovs_bonds ovs_bridge ovs_options ovs_ports slaves uplink-id vlan-protocol vlan-raw-device "
                    "vxlan-local-tunnelip vxlan-physdev vxlan-svcnodeip",
             boolean="active autostart bridge-arp-nd-suppress bridge-learning bridge-multicast-flood "
                     "bridge-unicast-flood bridge_vlan_aware exists",
             integer="bridge-access mtu netmask6 ovs_tag priority vlan-id vxlan-id"),
    "families": ["string"], "options": ["string"], "options6": ["string"]}], proxied=True)
endpoint("POST", NETS, {**NET_OPTIONS, "iface!": IFACE}, MODIFY, "null", proxied=True)
endpoint("PUT", NETS, {"regenerate-frr": BOOLEAN}, MODIFY, "string", proxied=True)
endpoint("DELETE", NETS, {}, MODIFY, "null", proxied=True)
endpoint("PUT", NETS + "/{iface}", {**NET_OPTIONS, "delete": DELETE}, MODIFY, "null", proxied=True)
endpoint("DELETE", NETS + "/{iface}", {}, MODIFY, "null", proxied=True)

# Software defined networks.
SDN = "/cluster/sdn"
LOCK = {"lock-token": STRING}
SDN_ALLOCATE = on("/sdn", "SDN.Allocate")
WHICH = {"pending": BOOLEAN, "running": BOOLEAN}
ZONE_TYPES = ("evpn", "faucet", "qinq", "simple", "vlan", "vxlan")
ZONE_OPTIONS = {
    **LOCK, "bridge": STRING, "dhcp": one_of("dnsmasq"), "dns": STRING, "dnszone": text("dns-name"),
    "reversedns": STRING, "ipam": STRING, "mtu": INTEGER, "nodes": text("pve-node-list"), "tag": integer(0),
    "peers": text("ip-list"), "vlan-protocol": one_of("802.1q", "802.1ad"), "vrf-vxlan": integer(1, 16777215),
    "vxlan-port": integer(1, 65536), "controller": STRING, "secondary-controllers": ARRAY, "dp-id": INTEGER,
    "exitnodes": text("pve-node-list"), "exitnodes-local-routing": BOOLEAN, "exitnodes-primary": NODE,
    "fabric": text("pve-sdn-fabric-id"), "mac": text("mac-addr"), "rt-import": text("pve-sdn-bgp-rt-list"),
    "advertise-subnets": BOOLEAN, "bridge-disable-mac-learning": BOOLEAN,
    "disable-arp-nd-suppression": BOOLEAN}
ZONE_FIELDS = {
    **fields(boolean="advertise-subnets bridge-disable-mac-learning disable-arp-nd-suppression "
                     "exitnodes-local-routing",
             string="bridge controller dhcp dns dnszone exitnodes exitnodes-primary ipam mac nodes peers reversedns "
                    "rt-import vlan-protocol", integer="mtu tag vrf-vxlan vxlan-port"),
    "secondary-controllers": ["string"]}
ZONE = {**ZONE_FIELDS, **fields(string="zone! type! digest state"), "pending": ZONE_FIELDS}
ON_ZONE = on("/sdn/zones/{zone}", "SDN.Allocate")
endpoint("GET", SDN + "/zones", {**WHICH, "type": one_of(*ZONE_TYPES)}, "any", [ZONE])
endpoint("POST", SDN + "/zones", {
    **ZONE_OPTIONS, "zone!": SDN_ID, "type!": Value("string", enum=ZONE_TYPES, format="pve-configid")},
    on("/sdn/zones", "SDN.Allocate"), "null")
endpoint("GET", SDN + "/zones/{zone}", WHICH, ON_ZONE, ZONE)
endpoint("PUT", SDN + "/zones/{zone}", {**ZONE_OPTIONS, "delete": DELETE_LONG, "digest": DIGEST}, ON_ZONE, "null")
endpoint("DELETE", SDN + "/zones/{zone}", LOCK, ON_ZONE, "null")
VNET_OPTIONS = {
    **LOCK, "alias": text(pattern=r"(?^i:[\(\)-_.\w\d\s]{0,256})", longest=256), "tag": integer(1, 16777215),
    "vlanaware": BOOLEAN, "isolate-ports": BOOLEAN}
VNET_FIELDS = fields(string="alias zone", boolean="isolate-ports vlanaware", integer="tag")
VNET = {**VNET_FIELDS, **fields(string="vnet! type! digest state"), "pending": VNET_FIELDS}
endpoint("GET", SDN + "/vnets", WHICH, "any", [VNET])
endpoint("POST", SDN + "/vnets", {**VNET_OPTIONS, "vnet!": SDN_ID, "zone!": STRING, "type": one_of("vnet")}, ON_ZONE,
         "null")
endpoint("GET", SDN + "/vnets/{vnet}", WHICH, "any", VNET)
endpoint("PUT", SDN + "/vnets/{vnet}", {**VNET_OPTIONS, "zone": STRING, "delete": DELETE_LONG, "digest": DIGEST},
         "any", "null")
endpoint("DELETE", SDN + "/vnets/{vnet}", LOCK, "any", "null")
SUBNETS = SDN + "/vnets/{vnet}/subnets"
SUBNET_OPTIONS = {
    **LOCK, "gateway": text("ip"), "snat": BOOLEAN, "dhcp-range": ARRAY, "dhcp-dns-server": text("ip"),
    "dnszoneprefix": text("dns-name")}
endpoint("GET", SUBNETS, WHICH, "any", ["object"])
endpoint("POST", SUBNETS, {**SUBNET_OPTIONS, "vnet!": STRING, "subnet!": SUBNET, "type!": one_of("subnet")}, "any",
         "null")
endpoint("GET", SUBNETS + "/{subnet}", WHICH, "any", "object")
endpoint("PUT", SUBNETS + "/{subnet}", {**SUBNET_OPTIONS, "vnet": STRING, "delete": DELETE_LONG, "digest": DIGEST},
         "any", "null")
endpoint("DELETE", SUBNETS + "/{subnet}", LOCK, "any", "null")
ON_VNET = on("/sdn/zones/{zone}/{vnet}", "SDN.Allocate")
ADDRESS = {"ip!": text("ip"), "zone!": SDN_ID, "mac": text("mac-addr")}
endpoint("POST", SDN + "/vnets/{vnet}/ips", ADDRESS, ON_VNET, "null")
endpoint("PUT", SDN + "/vnets/{vnet}/ips", {**ADDRESS, "vmid": VMID}, ON_VNET, "null")
endpoint("DELETE", SDN + "/vnets/{vnet}/ips", ADDRESS, ON_VNET, "null")
endpoint("GET", SDN + "/ipams/{ipam}/status", {}, "any", [])
RELEASE = {**LOCK, "release-lock": BOOLEAN}
endpoint("PUT", SDN, RELEASE, SDN_ALLOCATE, "string")
endpoint("POST", SDN + "/lock", {"allow-pending": BOOLEAN}, SDN_ALLOCATE, "string")
endpoint("DELETE", SDN + "/lock", {**LOCK, "force": BOOLEAN}, SDN_ALLOCATE, "null")
endpoint("POST", SDN + "/rollback", RELEASE, SDN_ALLOCATE, "null")

# What else belongs to the cluster.
endpoint("GET", "/cluster/firewall/options", {}, on("/", "Sys.Audit"), fields(
    boolean="ebtables", integer="enable", string="log_ratelimit policy_forward policy_in policy_out"))
endpoint("GET", "/cluster/firewall/groups", {}, "any", [fields(string="group! digest! comment")])
endpoint("GET", "/cluster/firewall/refs", {"type": one_of("alias", "ipset")}, on("/", "Sys.Audit"),
         [fields(string="name! ref! scope! type! comment")])
ON_POOL = on("/pool/{poolid}", "Pool.Allocate")
MEMBER = fields(string="id! node! type! storage", integer="vmid")
endpoint("GET", "/pools", {"poolid": POOLID, "type": one_of("qemu", "lxc", "storage", requires="poolid")}, "any",
         [{**fields(string="poolid! comment"), "members": [MEMBER]}])
endpoint("POST", "/pools", {"poolid!": POOLID, "comment": STRING}, ON_POOL, "null")
endpoint("PUT", "/pools", {
    "poolid!": POOLID, "comment": STRING, "vms": text("pve-vmid-list"), "storage": text("pve-storage-id-list"),
    "allow-move": BOOLEAN, "delete": BOOLEAN}, ON_POOL, "null")
endpoint("DELETE", "/pools", {"poolid!": POOLID}, ON_POOL, "null")
HA = "/cluster/ha/resources"
HA_AUDIT = on("/", "Sys.Audit")
HA_CONSOLE = on("/", "Sys.Console")
HA_TYPE = one_of("ct", "vm")
HA_OPTIONS = {
    "state": one_of("started", "stopped", "enabled", "disabled", "ignored"), "comment": text(longest=4096),
    "max_restart": integer(0), "max_relocate": integer(0), "failback": BOOLEAN, "auto-rebalance": BOOLEAN,
    "group": text("pve-configid")}
endpoint("GET", HA, {"type": HA_TYPE}, HA_AUDIT, [{"sid!": "string"}])
endpoint("POST", HA, {**HA_OPTIONS, "sid!": SID, "type": HA_TYPE}, HA_CONSOLE, "null")
endpoint("GET", HA + "/{sid}", {}, HA_AUDIT, fields(
    string="sid! digest! type! comment group state", integer="max_relocate max_restart",
    boolean="auto-rebalance failback"))
endpoint("PUT", HA + "/{sid}", {**HA_OPTIONS, "delete": DELETE_LONG, "digest": DIGEST}, HA_CONSOLE, "null")
endpoint("DELETE", HA + "/{sid}", {"purge": BOOLEAN}, HA_CONSOLE, "null")
endpoint("GET", "/cluster/ha/status/current", {}, HA_AUDIT, [{
    **fields(string="id! node! status! armed-state crm_state request_state resource_mode sid state",
             boolean="auto-rebalance failback quorate", integer="max_relocate max_restart timestamp"),
    "type!": "any"}])

TABLE = Endpoints(ENDPOINTS)
