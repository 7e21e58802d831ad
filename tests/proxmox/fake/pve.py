# SPDX-License-Identifier: MIT
"""A whole fake: directory, cluster, server."""

import pathlib
import secrets
import shutil
import tempfile

from endpoints import TABLE
from fake import schema
from fake.access import ROOT
from fake.certificate import Authority
from fake.cluster import Cluster
from fake.container import Host
from fake.person import Person
from fake.server import Record, Server, serve
from fake.storage import Storage
from fake.zfs_storage import ZfsStorage

ROOT_PASSWORD = "secret"
SETTLE_SECONDS = 60


class FakeProxmox:
    """A cluster that one of its nodes answers for; others do with add_host(). Everything is below one directory,
    which close() removes.

    @nodes: their names; @bridges: {bridge of each node: link of this machine, or None for an interface that
    leads nowhere}; @port: 0 takes a free one."""

    def __init__(self, directory=None, port=0, nodes=("pve1", "pve2"), bridges=None):
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="pve-"))
        self.directory.chmod(0o755)
        self.authority = Authority(self.directory / "etc")
        self.cluster = Cluster(Host(self.directory / "lxc", secrets.token_hex(3)), nodes)
        self.certificates = {}
        for node in self.cluster.nodes.values():
            node.bridges.update(bridges or {})
            self.certificates[node.name] = self.authority.sign(node.name)
            node.fingerprint = self.certificates[node.name].fingerprint
        self.add_storage("local", "dir", ("rootdir", "images", "vztmpl", "iso", "backup"))
        self.add_storage("local-zfs", "zfspool", ("rootdir", "images"))
        self.token = self.cluster.access.add_token(ROOT, "tests", privsep=0)
        self.spool = self.directory / "tmp"
        self.spool.mkdir(exist_ok=True)
        self.record = Record(endpoints())
        self.person = Person(self.cluster, self.record.endpoints)
        self.servers = {}
        self.add_host(self.node, port)

    # What a client needs.

    @property
    def url(self):
        return self.url_of(self.node)

    def url_of(self, node):
        return f"https://127.0.0.1:{self.servers[node].port}"

    @property
    def port(self):
        return self.servers[self.node].port

    @property
    def ca(self):
        return str(self.authority.ca)

    @property
    def fingerprint(self):
        return self.cluster.nodes[self.node].fingerprint

    # Who answers.

    def add_host(self, node, port=0):
        """Lets a node answer as well, at a port and with a certificate of its own; returns its address. One that
        was taken away comes back where it was."""
        if node in self.servers:
            port = self.servers[node].port
        server = Server(self.cluster, self.record, self.certificates[node], self.spool, port)
        server.control = self
        self.servers[node] = server
        serve(server)
        return self.url_of(node)

    def remove_host(self, node):
        """Refuses connections to a node's address, as one that is switched off."""
        self.servers[node].close()

    # What a test arranges.

    @property
    def mischief(self):
        return self.cluster.mischief

    @property
    def access(self):
        return self.cluster.access

    @property
    def node(self):
        """The first node."""
        return next(iter(self.cluster.nodes))

    def set_option(self, name, value):
        """Sets an option of the cluster: ("next-id", "lower=500,upper=600")."""
        self.cluster.options[name] = value

    def add_storage(self, name, kind="dir", content=("rootdir", "images", "vztmpl"), **options):
        """Adds a storage: "dir" or "zfspool"."""
        self.cluster.add_storage(Storage(self.directory / "storage", name, kind, content, **options))

    def add_zfs(self, name, dataset):
        """Adds a storage of datasets, on the first node: this machine has ZFS. The dataset is made for it."""
        self.cluster.add_storage(ZfsStorage(self.directory / "storage", name, dataset, self.node))

    def fill_storage(self, name, left_bytes=0):
        """Leaves so much of a storage."""
        storage = self.cluster.get_storage(name)
        storage.filled = 0
        used = max(storage.used(node) for node in self.cluster.nodes)
        storage.filled = storage.total - used - left_bytes

    def add_template(self, path, name=None, storage="local"):
        """Puts an archive among the templates of every node; returns its volume id."""
        name = name or pathlib.Path(path).name
        for node in self.cluster.nodes:
            self.cluster.get_storage(storage).store(node, "vztmpl", name, path)
        return f"{storage}:vztmpl/{name}"

    def requests(self):
        """Returns what was asked since the start or since forget_requests()."""
        return list(self.record.requests)

    def trace(self):
        """Returns the endpoints that were used, each once: ["GET /version", …]."""
        return sorted({f"{request.method} {request.template}" for request in self.record.requests
                       if request.template})

    def forget_requests(self):
        self.record.requests.clear()

    @property
    def server(self):
        """The first node's server."""
        return self.servers[self.node]

    def forget_faults(self):
        """Of a test that made them."""
        self.record.faults.clear()

    def faults(self):
        """Returns where the fake itself broke a promise."""
        return list(self.record.faults)

    def describe(self):
        """Returns what a client needs as {name: text}."""
        return {"url": self.url, "token": self.token, "ca": self.ca, "fingerprint": self.fingerprint,
                "node": self.node, "password": ROOT_PASSWORD}

    # The end.

    def close(self):
        """Stops server and containers and removes the directory. Safe to repeat."""
        self.mischief.clear()
        for server in self.servers.values():
            server.close()
        # What a task waits for to end ends; what it starts after that ends as well.
        self.cluster.host.close()
        self.cluster.tasks.settle(SETTLE_SECONDS)
        self.cluster.host.close()
        for storage in self.cluster.storages.values():
            storage.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()


def endpoints():
    """Returns the server's own description where there is one, else the table."""
    described = schema.find()
    return schema.load(described) if described else TABLE
