# SPDX-License-Identifier: MIT
"""Who connects containers to a network, each on a host of its own and called as its callers call it."""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess

KEEPER = 0  # the container that is always there, so that no bridge comes or goes while time runs
KEEPER_PORT = 7000
CONTAINER_PORT = 80
PODMAN_PATH = "/usr/lib/podman:/usr/libexec/podman"
CNI_DIR = pathlib.Path("/usr/lib/cni")


def find(program):
    """The path of a program, which podman's helpers may be; or None."""
    return shutil.which(program, path=f"{PODMAN_PATH}:{os.environ['PATH']}")


def package_version(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=False, capture_output=True,
                          text=True)
    return done.stdout if done.returncode == 0 else "?"


class Ours:
    """The engine's own code, in a program for each step: opening the engine is part of the time."""
    name = "ours"

    def __init__(self, host, build, work):
        self.host, self.program, self.lock = host, build / "lxcri-bench-net", None
        self.root, self.data = "/run/bench", work / "data"
        self.command = [build / "proxmox-lxcri", "--root", self.root, "--data", self.data, "--runtime", "crun"]

    def keep_service_away(self):
        """From now on none starts by itself."""
        root = pathlib.Path(f"/proc/{self.host.pid}/root{self.root}")
        root.mkdir(mode=0o711, exist_ok=True)
        self.lock = open(root / "serve.lock", "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def step(self, verb, number, *arguments):
        return self.host.time([self.program, verb, self.root, self.data, f"bench-{number}", *arguments])

    def set_up(self, container, number):
        return self.step("setup", number, container.pid, KEEPER_PORT + number)

    def take_down(self, container, number):
        return self.step("unplug", number, KEEPER_PORT + number)

    def release(self, number):
        return self.step("release", number, KEEPER_PORT + number)


class Netavark:
    """As podman calls it: with the addresses that podman has chosen, and what it knows of the network."""

    def __init__(self, host, work):
        self.host, self.program, self.input = host, find("netavark"), work / "netavark.json"
        self.name = f"netavark {package_version('netavark')}"
        host("mkdir", "-p", "/run/containers/networks")

    def document(self, number):
        subnets = [{"subnet": "10.214.0.0/16", "gateway": "10.214.0.1"},
                   {"subnet": "fd00:214::/64", "gateway": "fd00:214::1"}]
        low = number + 2
        return {
            "container_id": f"{number:064x}", "container_name": f"bench-{number}",
            "port_mappings": [{"container_port": CONTAINER_PORT, "host_ip": "", "host_port": KEEPER_PORT + number,
                               "protocol": "tcp", "range": 1}],
            "networks": {"bench": {"static_ips": [f"10.214.{low // 256}.{low % 256}", f"fd00:214::{low:x}"],
                                   "interface_name": "eth0"}},
            "network_info": {"bench": {
                "name": "bench", "id": "b" * 64, "driver": "bridge", "network_interface": "podman0",
                "subnets": subnets, "ipv6_enabled": True, "internal": False, "dns_enabled": False,
                "ipam_options": {"driver": "host-local"}}}}

    def run(self, verb, container, number):
        self.input.write_text(json.dumps(self.document(number)))
        return self.host.time([self.program, "--config", "/run/containers/networks", verb, container.path],
                              stdin=self.input)

    def set_up(self, container, number):
        return self.run("setup", container, number)

    def take_down(self, container, number):
        return self.run("teardown", container, number)


class Cni:
    """As libcni calls the plugins of a list: one after the other, each with the result of those before."""

    def __init__(self, host, work):
        self.host, self.input, self.results = host, work / "cni.json", {}
        self.name = f"CNI bridge, host-local, portmap {package_version('containernetworking-plugins')}"

    def document(self, kind, number):
        head = {"cniVersion": "1.0.0", "name": "bench", "type": kind}
        result = {"prevResult": self.results[number]} if number in self.results else {}
        if kind == "bridge":
            ipam = {"type": "host-local", "dataDir": "/run/cni", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
                    "ranges": [[{"subnet": "10.215.0.0/16"}], [{"subnet": "fd00:215::/64"}]]}
            return {**head, **result, "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True,
                    "ipam": ipam}
        return {**head, **result, "capabilities": {"portMappings": True}, "runtimeConfig": {"portMappings": [
            {"hostPort": KEEPER_PORT + number, "containerPort": CONTAINER_PORT, "protocol": "tcp"}]}}

    def run(self, command, kind, container, number):
        self.input.write_text(json.dumps(self.document(kind, number)))
        return self.host.time([CNI_DIR / kind], stdin=self.input, CNI_COMMAND=command, CNI_IFNAME="eth0",
                              CNI_CONTAINERID=f"bench-{number}", CNI_NETNS=container.path, CNI_PATH=str(CNI_DIR))

    def set_up(self, container, number):
        taken = self.run("ADD", "bridge", container, number)
        self.results[number] = json.loads(pathlib.Path(self.host.said).read_text(encoding="utf-8"))
        return taken + self.run("ADD", "portmap", container, number)

    def take_down(self, container, number):
        return sum(self.run("DEL", kind, container, number) for kind in ("portmap", "bridge"))


class ForwardAdd:
    """The command with which a user publishes one more port of a container that runs."""
    name = "ours, forward add"

    def __init__(self, ours, images):
        self.ours, self.id = ours, "bench-web"
        ours.host.time([*ours.command, "run", "--detach", "--image", f"oci:{images}/busybox:latest", self.id,
                        "sleep", "100000"])

    def add(self, port):
        return self.ours.host.time([*self.ours.command, "forward", "add", self.id, f"{port}:{CONTAINER_PORT}"])

    def remove(self, port):
        self.ours.host.time([*self.ours.command, "forward", "remove", self.id, f"{port}:{CONTAINER_PORT}"])

    def close(self):
        self.ours.host.time([*self.ours.command, "delete", "--force", self.id])


class Rules:
    """What of it is about the rules, in a program by itself; both families."""
    name = "ours, rules"

    def __init__(self, ours):
        self.ours = ours

    def add(self, port):
        return self.ours.step("publish", KEEPER, port)

    def remove(self, port):
        self.ours.step("withdraw", KEEPER, port)

    def fill(self, first, count):
        self.ours.step("fill", KEEPER, first, count)


class Nft:
    """An element of a map like ours, of IPv4 alone."""

    def __init__(self, host, work):
        self.host, self.program, self.input = host, shutil.which("nft"), work / "rules.nft"
        self.name = f"nft add element {package_version('nftables')}"
        self.load("""table inet bench {
            map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
            chain publish {
                type nat hook prerouting priority -105;
                fib daddr type local dnat ip to meta l4proto . th dport map @ports
            }
        }""")

    def load(self, text):
        self.input.write_text(text)
        self.host("nft", "-f", self.input)

    def add(self, port):
        return self.host.time([self.program, "add", "element", "inet", "bench", "ports",
                               f"{{ tcp . {port} : 10.216.0.2 . {CONTAINER_PORT} }}"])

    def remove(self, port):
        self.host.time([self.program, "delete", "element", "inet", "bench", "ports", f"{{ tcp . {port} }}"])

    def fill(self, first, count):
        self.load("add element inet bench ports {" + ",".join(
            f"tcp . {first + i} : 10.216.0.2 . {CONTAINER_PORT}" for i in range(count)) + "}")


class Iptables:
    """A rule of a chain with as many, of IPv4 alone."""

    def __init__(self, host, work):
        self.host, self.program, self.input = host, shutil.which("iptables"), work / "rules.iptables"
        self.name = f"iptables -A {package_version('iptables')}"
        self.load(":BENCH - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j BENCH\n")

    def load(self, text):
        self.input.write_text(f"*nat\n{text}COMMIT\n")
        self.host("iptables-restore", "--noflush", self.input)

    def rule(self, port):
        return ["BENCH", "-p", "tcp", "--dport", port, "-j", "DNAT", "--to-destination", f"10.216.0.2:{CONTAINER_PORT}"]

    def add(self, port):
        return self.host.time([self.program, "-t", "nat", "-A", *self.rule(port)])

    def remove(self, port):
        self.host.time([self.program, "-t", "nat", "-D", *self.rule(port)])

    def fill(self, first, count):
        self.load("".join(f"-A {' '.join(map(str, self.rule(first + i)))}\n" for i in range(count)))
