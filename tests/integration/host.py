# SPDX-License-Identifier: MIT
"""What can be left behind on a host, and what has been."""

import os
import pathlib
import socket
import struct
import time

from engine import TAG

# linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
NETLINK_NETFILTER = 12
REQUEST_DUMP, DUMP_INTERRUPTED = 0x301, 0x10
MESSAGE_ERROR, MESSAGE_DONE = 2, 3
GET_TABLES = 10 << 8 | 1
HEADERS_BYTES = 20
TABLE_NAME = 1

# On a host where others make containers at the same time only what bears our mark counts.
CROWDED = os.environ.get("LXCRI_TEST_CROWDED", "0") != "0"
# In a lane, a pid and mount namespace of our own, processes and mounts are all ours.
LANE = os.environ.get("LXCRI_TEST_LANE", "0") != "0"

# The version of control groups that holds the controllers.
V2 = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()

# Where engines and the libraries below us keep things of their own.
DIRECTORIES = ("/run/lxc", "/run/lock/lxc", "/run/crun", "/run/runc", "/run/proxmox-lxcri",
               "/var/lib/lxc", "/var/lib/proxmox-lxcri", "/dev/shm", "/run/netns")


def mounts():
    """Every mount that the host's namespace sees, by place and source."""
    found = set()
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split(" ")
        found.add(f"mount {words[4]} of {' '.join(words[words.index('-') + 1:][:2])}")
    return found


def cgroups():
    """Every control group, in every hierarchy."""
    return {f"cgroup {directory}" for directory, _, _ in os.walk("/sys/fs/cgroup")}


def is_lived_in(cgroup):
    """Whether processes are in a control group, or below it, none of which bears our mark: what such as
    a service manager makes meanwhile."""
    pids = [pid for directory, _, _ in os.walk(cgroup) for pid in read(f"{directory}/cgroup.procs").split()]
    return bool(pids) and not any(is_marked(pid.decode()) for pid in pids)


def is_marked(pid):
    mark = TAG.encode()
    return mark in read(f"/proc/{pid}/cmdline") or mark in read(f"/proc/{pid}/environ")


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def is_kernel_thread(pid):
    """Those have no program, and are in the namespaces of the first process."""
    try:
        os.readlink(f"/proc/{pid}/exe")
        return False
    except FileNotFoundError:
        return True
    except OSError:
        return False


def process(pid):
    """One process, whatever program it runs by now. Of its state only whether it is stopped, dead or alive:
    whether it runs or sleeps at this moment is nothing that a test changes."""
    fields = read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    if not fields:
        return f"process {pid} gone"
    state, started = fields[0].decode(), fields[19].decode()
    return f"process {pid} {'alive' if state in ('R', 'S', 'D', 'I') else state} since tick {started}"


def told(item):
    """An item of an inventory for a reader: with the command of a process."""
    if not item.startswith("process "):
        return item
    command = read(f"/proc/{item.split()[1]}/cmdline").replace(b"\0", b" ").decode(errors="replace")
    return f"{item}: {command.strip()}"


def processes():
    """Processes of ours, and all namespaces that any process is in."""
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        command = read(f"/proc/{entry}/cmdline")
        if not command and is_kernel_thread(entry):
            continue
        ours = is_marked(entry)
        if CROWDED and not ours:
            continue
        if ours:
            found.add(process(entry))
        for kind in ("mnt", "net", "pid", "ipc", "uts", "cgroup", "user"):
            try:
                found.add(f"namespace {os.readlink(f'/proc/{entry}/ns/{kind}')}")
            except OSError:
                continue
    return found


def directories():
    found = set()
    for directory in DIRECTORIES:
        try:
            found |= {f"file {directory}/{name}" for name in os.listdir(directory)}
        except OSError:
            continue
    return found


def devices():
    """Owner and mode of the devices that containers get to see."""
    found = set()
    for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx"):
        status = os.stat(f"/dev/{name}")
        found.add(f"device /dev/{name} {status.st_mode:o} of {status.st_uid}:{status.st_gid}")
    return found


def aligned(size):
    return (size + 3) & ~3


def tables():
    """The tables of nftables, by family and name, as the kernel itself lists them: no program is started for
    what every test asks for twice."""
    while True:
        found = set()
        try:
            if dump_tables(found):
                return found
        except OSError:  # a kernel without them
            return set()


def dump_tables(found):
    """Adds them to a set. False: it changed meanwhile."""
    whole = True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        kernel.send(struct.pack("=LHHLLBBH", HEADERS_BYTES, GET_TABLES, REQUEST_DUMP, 1, 0, 0, 0, 0))
        while True:
            data = kernel.recv(1 << 16)
            while data:
                size, kind, flags = struct.unpack_from("=LHH", data)
                whole = whole and not flags & DUMP_INTERRUPTED
                if kind == MESSAGE_ERROR:
                    raise OSError(-struct.unpack_from("=i", data, 16)[0], "list the tables of nftables")
                if kind == MESSAGE_DONE:
                    return whole
                found.add(f"{data[16]} {attribute(data[HEADERS_BYTES:size], TABLE_NAME)}")
                data = data[aligned(size):]


def attribute(data, wanted):
    """The text of one attribute of a message."""
    while data:
        size, kind = struct.unpack_from("=HH", data)
        if kind == wanted:
            return data[4:size].rstrip(b"\0").decode()
        data = data[aligned(size):]
    return None


def network():
    """Interfaces, and tables of rules."""
    return {f"link {name}" for name in os.listdir("/sys/class/net")} | {f"rules {table}" for table in tables()}


def inventory():
    """All that a container may leave behind outside of its engine's directories."""
    found = mounts() | cgroups() | processes() | directories() | devices() | network()
    if not CROWDED and not LANE:
        return found
    own = ("process", "device", "mount", "namespace") if LANE else ("process", "device")
    return {item for item in found if TAG in item or item.startswith(own)}


def tree(*roots):
    """Every path below some directories with what it is, to see whether anything changed."""
    found = {}
    for root in roots:
        for directory, names, files in os.walk(root):
            for name in names + files:
                path = os.path.join(directory, name)
                try:
                    stat = os.lstat(path)
                except FileNotFoundError:  # it has gone since the directory was read
                    continue
                size = None if os.path.isdir(path) and not os.path.islink(path) else stat.st_size
                found[path] = (stat.st_mode, stat.st_uid, stat.st_gid, size)
    return found


class Unchanged:
    """A block of code after which the host is what it was before. What the kernel takes down in
    its own time (namespaces, control groups of dead processes) gets a moment."""

    def __init__(self, patience=5):
        self.patience = patience

    def __enter__(self):
        self.before = inventory()
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.check()

    def check(self):
        deadline = time.monotonic() + self.patience
        while True:
            now = inventory()
            left = {item for item in now - self.before
                    if not item.startswith("cgroup ") or not is_lived_in(item.removeprefix("cgroup "))}
            gone = {item for item in self.before - now if item.startswith("mount")}
            if not left and not gone:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        raise AssertionError("the host changed:\n" + "\n".join(
            [f"  left: {told(item)}" for item in sorted(left)] +
            [f"  gone: {item}" for item in sorted(gone)]))
