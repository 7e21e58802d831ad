# SPDX-License-Identifier: MIT
"""The state of a cluster: nodes, containers, storages, pools, and what else its nodes share."""

import random
import re
import threading
import time

from fake.access import ROOT, Access
from fake.failure import Died, Failure
from fake.mischief import Mischief
from fake.sdn import Sdn
from fake.task import Tasks

VERSION = {"release": "9.2", "repoid": "a1b2c3d4e5f60718", "version": "9.2.11"}
FIRST_ID, LAST_ID = 100, 1000000
MAC_PREFIX = "BC:24:11"


class Node:
    """One machine of the cluster. @bridges: {name in the cluster: link of this machine, or None for none}."""

    def __init__(self, name, number, bridges=None):
        self.name = name
        self.number = number
        self.bridges = {"vmbr0": None} if bridges is None else dict(bridges)
        self.interfaces = {bridge: {"type": "bridge", "method": "manual", "active": 1, "autostart": 1}
                           for bridge in self.bridges}
        self.changed_interfaces = None
        self.fingerprint = ""  # of the certificate that it answers with
        self.started_at = time.time()


class Pool:
    """Containers and storages that permissions can be given on together."""

    def __init__(self, comment=""):
        self.comment = comment
        self.vmids = set()
        self.storages = set()


class Cluster:
    """Everything that the API shows. What changes more than one thing holds @lock."""

    def __init__(self, host, nodes=("pve1", "pve2")):
        self.host = host
        self.name = "fake"
        self.lock = threading.RLock()
        self.version = dict(VERSION)
        self.mischief = Mischief()
        self.access = Access(self.pools_of_path)
        self.access.add_user(ROOT)
        self.tasks = Tasks(self.mischief)
        self.nodes = {name: Node(name, number) for number, name in enumerate(nodes, 1)}
        self.storages = {}
        self.guests = {}
        self.machines = {}  # ids that virtual machines have: vmid → node
        self.pools = {}
        self.ha = {}
        self.options = {}
        self.sdn = Sdn()
        self.firewall = {"enable": 0}
        self.stale = None

    # Nodes, storages.

    def get_node(self, name):
        if name not in self.nodes:
            raise Died(f"hostname lookup '{name}' failed - failed to get address info for: {name}: Name or service "
                       "not known")
        return self.nodes[name]

    def add_storage(self, storage):
        self.storages[storage.name] = storage

    def get_storage(self, name):
        if name not in self.storages:
            raise Died(f"storage '{name}' does not exist")
        return self.storages[name]

    def split_volume(self, volid):
        """Returns (storage, volume name) of a volume id."""
        name, colon, volname = volid.partition(":")
        if not colon or not volname:
            raise Died(f"unable to parse volume ID '{volid}'")
        return self.get_storage(name), volname

    # Containers.

    def owner_of_id(self, vmid):
        """Returns (kind, node) of who has an id, or None."""
        if vmid in self.guests:
            return "CT", self.guests[vmid].node
        return ("VM", self.machines[vmid]) if vmid in self.machines else None

    def next_id(self):
        lower, upper = self.id_range()
        for vmid in range(lower, upper):
            if not self.owner_of_id(vmid):
                return vmid
        raise Died(f"unable to get any free VMID in range [{lower}, {upper - 1}]")

    def id_range(self):
        found = dict(re.findall(r"(lower|upper)=(\d+)", self.options.get("next-id", "")))
        return int(found.get("lower", FIRST_ID)), int(found.get("upper", LAST_ID))

    def get_guest(self, node, vmid):
        guest = self.guests.get(vmid)
        if guest is None or guest.node != node:
            raise Died(f"Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist")
        return guest

    def guests_on(self, node):
        with self.lock:
            return [guest for _, guest in sorted(self.guests.items()) if guest.node == node]

    def new_mac(self):
        prefix = self.options.get("mac_prefix", MAC_PREFIX)
        missing = 6 - len(prefix.split(":"))
        return ":".join([prefix, *(f"{random.randrange(256):02X}" for _ in range(missing))])

    # Pools.

    def get_pool(self, name):
        if name not in self.pools:
            raise Died(f"pool '{name}' does not exist")
        return self.pools[name]

    def pool_of(self, vmid):
        return next((name for name, pool in self.pools.items() if vmid in pool.vmids), None)

    def pools_of_path(self, path):
        found = re.fullmatch(r"/vms/(\d+)", path)
        if found:
            name = self.pool_of(int(found[1]))
            return [name] if name else []
        found = re.fullmatch(r"/storage/([^/]+)", path)
        return [name for name, pool in self.pools.items() if found[1] in pool.storages] if found else []

    def forget_guest(self, vmid, is_purged=False):
        """Takes a container out of what lists it."""
        self.guests.pop(vmid, None)
        for pool in self.pools.values():
            pool.vmids.discard(vmid)
        if is_purged:
            self.ha.pop(f"ct:{vmid}", None)

    def is_managed(self, vmid):
        """Says whether the HA manager looks after a container."""
        return self.ha.get(f"ct:{vmid}", {}).get("state", "ignored") != "ignored"

    def check_free(self, vmid):
        """Asserts that an id is free, as nextid does when it is given one."""
        if self.owner_of_id(vmid):
            raise Failure(400, "Parameter verification failed.", {"vmid": f"VM {vmid} already exists"})
