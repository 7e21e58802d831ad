# SPDX-License-Identifier: MIT
"""Name servers with the same names, asked by Debian's dnsperf over the loopback of their host: as many
questions as they take (64 on their way), and one at a time."""

import contextlib
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

from net_peers import find, package_version

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
ADDRESS = {"ours": "10.213.1.1", "dnsmasq": "10.213.1.2", "aardvark-dns": "10.213.1.3"}
DOMAIN = {"ours": "cluster.local", "dnsmasq": "cluster.local", "aardvark-dns": "dns.podman"}
WINDOW = 64
LOST_PERCENT_MAX = 1


def make_names(count):
    return [(f"host-{i}", f"10.213.{2 + i // 250}.{i % 250 + 1}") for i in range(count)]


@contextlib.contextmanager
def ours(host, hosts, work):
    from nameserver import NameServer  # it asks the environment where the build is

    server = NameServer(host)
    server.listen(gateways=[ADDRESS["ours"]], subnets=["10.213.1.0/24"])
    server.zone("origin cluster.local\n" + "".join(f"address {name}.cluster.local {address}\n"
                                                   for name, address in hosts))
    try:
        yield
    finally:
        server.close()


@contextlib.contextmanager
def program(host, *words):
    child = subprocess.Popen(host.words(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def dnsmasq(host, hosts, work):
    path = work / "hosts"
    path.write_text("".join(f"{address} {name}.cluster.local\n" for name, address in hosts))
    path.chmod(0o644)
    return program(host, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                   f"--addn-hosts={path}", f"--listen-address={ADDRESS['dnsmasq']}", "--bind-interfaces",
                   "--local=/cluster.local/", "--pid-file", "--dns-forward-max=1000")


@contextlib.contextmanager
def aardvark(host, hosts, work):
    config = work / "aardvark"
    config.mkdir()
    (config / "bench").write_text(f"{ADDRESS['aardvark-dns']}\n" + "".join(
        f"{i:064x} {address}  {name}\n" for i, (name, address) in enumerate(hosts)))
    # It goes into the background once it answers.
    host.time([find("aardvark-dns"), "--config", config, "--port", "53", "run"])
    try:
        yield
    finally:
        os.kill(int((config / "aardvark.pid").read_text()), signal.SIGTERM)


SERVERS = {"ours": ours, "dnsmasq": dnsmasq, "aardvark-dns": aardvark}
PACKAGES = {"dnsmasq": "dnsmasq-base", "aardvark-dns": "aardvark-dns"}


def peer_name(server):
    return f"{server} {package_version(PACKAGES[server])}"


def ask(host, server, queries, seconds, window):
    """Returns questions a second and, of those asked one at a time, the median of microseconds until an answer;
    or None when not all were answered, and rightly."""
    tell = ["-v"] if window == 1 else []
    out = host("dnsperf", *tell, "-s", ADDRESS[server], "-d", queries, "-l", seconds, "-q", window, "-c", 1, "-T", 1)
    lost = float(re.search(r"Queries lost:\s+\d+ \(([\d.]+)%\)", out)[1])
    codes = re.search(r"Response codes:\s+(.*)", out)[1]
    if lost > LOST_PERCENT_MAX or not codes.startswith("NOERROR") or "(100.00%)" not in codes:
        print(f"{server}, {window} questions on their way, does not count: {lost} % lost, {codes}", flush=True)
        return None
    latencies = list(map(float, re.findall(r"^> NOERROR .* ([\d.]+)$", out, re.M)))
    return (float(re.search(r"Queries per second:\s+([\d.]+)", out)[1]),
            1e6 * statistics.median(latencies) if latencies else None)


def measure(host, count, work, rounds, seconds):
    """Returns {server: ([questions a second], [microseconds])} of @count names."""
    hosts, found, queries = make_names(count), {}, {}
    for address in ADDRESS.values():
        host("ip", "address", "replace", f"{address}/24", "dev", "lo")
    with contextlib.ExitStack() as stack:
        for server, start in SERVERS.items():
            if server != "ours" and not find(server):
                continue
            found[server] = ([], [])
            queries[server] = work / f"queries-{server}"
            queries[server].write_text("".join(f"{name}.{DOMAIN[server]} A\n" for name, _ in hosts))
            stack.enter_context(start(host, hosts, work))
        time.sleep(1)
        for _ in range(rounds):
            for server, samples in found.items():
                for index, window in enumerate((WINDOW, 1)):
                    asked = ask(host, server, queries[server], seconds, window)
                    if asked:
                        samples[index].append(asked[index])
    return found
