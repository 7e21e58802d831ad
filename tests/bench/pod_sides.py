# SPDX-License-Identifier: MIT
"""Who makes pods from manifests: the command and podman, each on a host of its own, asked in the same words."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import time

from net_peers import find, package_version

IMAGE = "localhost/bench:1"
NETWORK = "bench"  # podman's; the one that it has by itself has no names
# The first process ends when it is asked to, so that nobody is waited for who does not listen.
SCRIPT = "trap 'exit 0' TERM; httpd -p 80 -h /; sleep 100000 & wait"
KEEPER = 0
CGROUPS, PARENT = pathlib.Path("/sys/fs/cgroup"), "libpod_parent"
FIRST_PORT = 20000
READY_SECONDS_MAX = 60
POLL_SECONDS = 0.001


def name_of(number):
    return f"web-{number}"


def pod(number):
    """A pod with a web server and one published port."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name_of(number), "labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": 10,
                     "containers": [{"name": "app", "image": IMAGE, "imagePullPolicy": "Never",
                                     "command": ["sh", "-c", SCRIPT],
                                     "ports": [{"containerPort": 80, "hostPort": FIRST_PORT + number}]}]}}


def write(path, objects):
    path.write_text("\n---\n".join(map(json.dumps, objects)))
    return path


def answers_name(server, name):
    """Asks for an address of IPv4; one answer that has one is enough."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.1)
        asking.connect((server, 53))
        asking.send(struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1))
        return struct.unpack(">6H", asking.recv(512)[:12])[3] > 0


def answers_port(port):
    with socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"GET /etc/hostname HTTP/1.0\r\n\r\n")
        return len(connection.recv(16)) > 0


def processes(*names):
    """Processes by how the names of their programs begin: those of this run's hosts alone, which have pids of
    their own."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
            if os.path.basename(line.split(b"\0")[0].decode(errors="replace")).startswith(names):
                yield int(entry)


class Side:
    """Pods of one engine. Times are nanoseconds."""

    def __init__(self, host, work):
        self.host, self.work, self.server, self.missing = host, work, None, None

    def run(self, *words):
        self.settle()
        return self.host.time([*self.command, *words], HOME=str(self.work))

    def settle(self):
        """Waits for what goes on after a command has ended, so that it is not in the way of the next one."""

    def said(self):
        with open(self.host.said, encoding="utf-8", errors="replace") as said:
            return said.read()

    def begin(self):
        """Makes the pod that is always there, so that no bridge and no name server comes or goes while time runs."""
        self.run(*self.apply(write(self.work / "keeper.yaml", [pod(KEEPER)])))
        self.run("network", "inspect", self.network)
        self.server = self.gateway(json.loads(self.said())[0])

    def is_ready(self, number):
        with contextlib.suppress(OSError):
            self.missing = "name"
            if answers_name(self.server, name_of(number)):
                self.missing = "port"
                return answers_port(FIRST_PORT + number)
        return False

    def time_to_ready(self, numbers, *words):
        """How long a command takes, and how long it takes from its begin until the name of each pod is known and
        its port is answered."""
        self.settle()
        begun = time.perf_counter_ns()
        taken = self.run(*words)
        ended = time.perf_counter_ns()
        with self.host.inside():
            for number in numbers:
                while not self.is_ready(number):
                    if time.perf_counter_ns() - ended > READY_SECONDS_MAX * 1e9:
                        raise SystemExit(f"bench: the {self.missing} of {name_of(number)} of {self.name} is not there")
                    time.sleep(POLL_SECONDS)
        return taken, time.perf_counter_ns() - begun


class Ours(Side):
    name, network, programs = "ours", "default", ("lxcri-",)

    def __init__(self, host, build, images, work):
        super().__init__(host, work)
        self.root = "/run/bench"
        self.command = [build / "proxmox-lxcri", "--root", self.root, "--data", work / "data", "--runtime", "crun"]
        self.run("image", "import", f"oci:{images}/busybox:latest", IMAGE)

    @staticmethod
    def gateway(network):
        return network["gateway"]

    def clear(self):
        self.run("get", "all", "--all-namespaces", "--output", "json")
        self.run(*self.remove(write(self.work / "all.yaml", json.loads(self.said()))))

    def apply(self, path):
        return ["apply", "-f", path]

    def remove(self, path):
        return ["delete", "-f", path]


class Podman(Side):
    network, programs = NETWORK, ("conmon", "catatonit", "aardvark-dns")

    def __init__(self, host, images, work):
        super().__init__(host, work)
        self.name = f"podman {package_version('podman')}"
        # crun refuses a host whose cgroups are mounted hybrid.
        if os.path.isdir("/sys/fs/cgroup/unified"):
            host("mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup/unified")
        self.command = [find("podman"), "--root", work / "root", "--runroot", "/run/bench/run", "--tmpdir",
                        "/run/bench/tmp", "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--runtime",
                        "crun", "--network-config-dir", work / "networks", "--events-backend", "file",
                        "--log-level", "error"]
        self.had_parent = any(CGROUPS.glob(f"*/{PARENT}"))
        self.run("pull", "--quiet", f"oci:{images}/busybox:latest")
        self.run("tag", self.said().split()[-1], IMAGE)
        self.run("network", "create", NETWORK)

    def settle(self):
        """conmon has podman clean up behind each container that has ended."""
        while any(processes("podman")):
            time.sleep(POLL_SECONDS)

    @staticmethod
    def gateway(network):
        return network["subnets"][0]["gateway"]

    def clear(self):
        """The cgroup that it has its pods in is nobody else's: it was not there before."""
        self.run("pod", "rm", "--all", "--force")
        if not self.had_parent:
            for path in sorted(CGROUPS.glob(f"*/{PARENT}/**/"), reverse=True):
                with contextlib.suppress(OSError):
                    path.rmdir()

    def apply(self, path):
        return ["play", "kube", "--network", NETWORK, path]

    def remove(self, path):
        return ["play", "kube", "--down", path]


def podman_is_there():
    """Its pods are held by catatonit, which podman has its image of."""
    return bool(find("podman") and find("catatonit") and shutil.which("crun"))
