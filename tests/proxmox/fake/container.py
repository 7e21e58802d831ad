# SPDX-License-Identifier: MIT
"""A container as LXC runs it on this machine, below one directory of the fake."""

import dataclasses
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import time

from fake import propstring
from fake.failure import Died

FIRST_ID = 100000
COUNT = 65536
CGROUPS = pathlib.Path("/sys/fs/cgroup")
V2 = (CGROUPS / "cgroup.controllers").exists()
LOCKS = pathlib.Path("/run/lxc/lock")
STOP_SECONDS = 10
STEP_SECONDS = 0.01
UNPACK_SECONDS = 300
# In the kernel's name of the command socket, where a longer path would be hashed.
LXCPATH_MAX = 80
CPU_PERIOD = 100000
MOUNT_INTO = pathlib.Path(__file__).resolve().parent / "mount-into"


class Host:
    """This machine as far as containers need it: where LXC keeps them, and what marks their cgroups."""

    def __init__(self, directory, tag):
        self.lxcpath = pathlib.Path(directory)
        self.tag = tag
        if len(str(self.lxcpath)) > LXCPATH_MAX:
            raise ValueError(f"{self.lxcpath} is longer than {LXCPATH_MAX} characters")
        self.lxcpath.mkdir(parents=True, exist_ok=True, mode=0o755)
        self.locks = hold_locks()

    def running(self):
        """Returns the names of containers whose monitor listens."""
        prefix, suffix = f"@{self.lxcpath}/", "/command"
        words = [line.split()[-1] for line in pathlib.Path("/proc/net/unix").read_text().splitlines()]
        return {word[len(prefix):-len(suffix)] for word in words
                if word.startswith(prefix) and word.endswith(suffix)}

    def cgroups(self):
        """Returns the paths of those that LXC made."""
        return [os.path.join(directory, name) for directory, names, _ in os.walk(CGROUPS, topdown=False)
                for name in names if name.startswith(f"lxcri-pve.{self.tag}.")]

    def close(self):
        """Stops what still runs and removes what LXC leaves besides."""
        for name in self.running():
            Container(self, name).kill()
        # A monitor no longer listens while it ends, and goes to a cgroup that it makes for that.
        deadline = time.monotonic() + STOP_SECONDS
        while (found := self.cgroups()) and time.monotonic() < deadline:
            for path in found:
                remove_cgroup(path)
            time.sleep(STEP_SECONDS)
        left = pathlib.Path(f"{LOCKS}{self.lxcpath}")
        shutil.rmtree(left, ignore_errors=True)
        if self.locks is not None:
            drop_locks(self.locks, left)
            self.locks = None


def hold_locks():
    """Returns a descriptor of the directory where LXC keeps locks, which nobody takes away meanwhile."""
    while True:
        LOCKS.mkdir(parents=True, exist_ok=True)
        try:
            held = os.open(LOCKS, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_SH)
            if os.path.samestat(os.fstat(held), os.stat(LOCKS)):
                return held
        except FileNotFoundError:
            continue
        os.close(held)


def drop_locks(held, left):
    """Gives the directory back; the last one takes it away if nothing is in it, but never /run/lxc: where that goes,
    so do the mounts that others have on it in namespaces of theirs. What is directly around the
    locks is nobody else's."""
    try:
        if left.parent.exists() and left.parent != LOCKS:
            left.parent.rmdir()
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        while left != LOCKS.parent:
            if left.exists():
                left.rmdir()
            left = left.parent
    except OSError:
        pass  # others are still there, or what they made
    finally:
        os.close(held)


@dataclasses.dataclass
class Mount:
    """A directory of this machine and where it is in a container. One that is passed through keeps the ids that
    its files have on disk."""

    source: str
    target: str
    is_read_only: bool
    is_passed_through: bool

    def options(self):
        return [*(["ro"] if self.is_read_only else []), *(["idmap=container"] if self.is_passed_through else [])]


def remove_cgroup(path):
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            pass


class Container:
    """One container's configuration for LXC and its processes."""

    def __init__(self, host, name):
        self.host = host
        self.name = str(name)
        self.directory = host.lxcpath / self.name

    def tool(self, program, *words, timeout=60):
        return subprocess.run([program, "-P", str(self.host.lxcpath), "-n", self.name, *map(str, words)],
                              capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)

    @property
    def is_running(self):
        return self.name in self.host.running()

    def pid(self):
        """Returns the host's number of the first process, or None."""
        found = self.tool("lxc-info", "-p", "-H").stdout.strip()
        return int(found) if found.isdigit() else None

    def write(self, lines):
        """Writes what lxc-start reads."""
        self.directory.mkdir(exist_ok=True, mode=0o755)
        text = "".join(f"{key} = {value}\n" for key, value in lines)
        (self.directory / "config").write_text(text)

    def start(self, is_debug=False):
        """Starts it; raises Died with what LXC says."""
        log = self.directory / "log"
        log.unlink(missing_ok=True)
        done = self.tool("lxc-start", "-d", "-l", "DEBUG" if is_debug else "ERROR", "-o", log)
        if done.returncode:
            self.wait_stopped(STOP_SECONDS)
            said = log.read_text().strip() if log.exists() else done.stderr.strip()
            raise Died(f"startup for container '{self.name}' failed: {said.splitlines()[0] if said else 'no reason'}")

    def kill(self):
        """Ends all of its processes."""
        self.tool("lxc-stop", "-k")
        if not self.wait_stopped(STOP_SECONDS):
            raise Died(f"container '{self.name}' did not stop")

    def halt(self, timeout, checkpoint):
        """Asks the first process to end; returns whether it did in time. What checkpoint() raises ends the wait."""
        asking = subprocess.Popen(["lxc-stop", "-P", str(self.host.lxcpath), "-n", self.name, "--nokill", "-t",
                                   str(timeout)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while asking.poll() is None:
                checkpoint()
                time.sleep(STEP_SECONDS)
        finally:
            asking.kill()
            asking.wait()
        return self.wait_stopped(1 if asking.returncode == 0 else 0)

    def checkpoint(self, *words):
        """Suspends or resumes with CRIU, where a machine has it."""
        done = self.tool("lxc-checkpoint", *words, "-D", self.directory)
        if done.returncode:
            raise Died(f"command 'lxc-checkpoint -n {self.name} {' '.join(words)}' failed: exit code "
                       f"{done.returncode}")

    def plug(self, number, net, link):
        """Gives what runs an interface: a pair, of which one end is joined to @link where there is one."""
        outside, inside = f"veth{self.name}i{number}", f"veth{self.name}i{number}p"
        pid = str(self.pid())
        self.ip("link", "add", outside, "type", "veth", "peer", "name", inside, "address", net["hwaddr"])
        self.join(number, link)
        if "mtu" in net:
            self.ip("link", "set", inside, "mtu", net["mtu"])
        self.ip("link", "set", outside, "up")
        self.ip("link", "set", inside, "netns", pid, "name", net["name"])

    def join(self, number, link):
        """Joins the outer end of an interface to a bridge, if there is one to join."""
        if link:
            self.ip("link", "set", f"veth{self.name}i{number}", "master", link)

    def unplug(self, number):
        self.ip("link", "del", f"veth{self.name}i{number}")

    def set_addresses(self, net):
        """Gives an interface of what runs the addresses that are written down, and no others."""
        inside = f"/proc/{self.pid()}/ns/net"
        self.ip("address", "flush", "dev", net["name"], "scope", "global", inside=inside)
        if not propstring.boolean(net.get("link_down", 0)):
            self.ip("link", "set", net["name"], "up", inside=inside)
        for key, family in (("ip", "-4"), ("ip6", "-6")):
            if "/" in net.get(key, ""):
                self.ip(family, "address", "add", net[key], "dev", net["name"], inside=inside)
        for key, family in (("gw", "-4"), ("gw6", "-6")):
            if key in net:
                self.ip(family, "route", "replace", "default", "via", net[key], "dev", net["name"], inside=inside)

    def ip(self, *words, inside=None):
        """Runs ip(8) here, or in a network namespace."""
        enter = ["nsenter", f"--net={inside}"] if inside else []
        done = subprocess.run([*enter, "ip", *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Died(f"command 'ip {' '.join(map(str, words))}' failed: {done.stderr.strip()}")

    def wait_stopped(self, seconds, checkpoint=lambda: None):
        deadline = time.monotonic() + seconds
        while self.is_running:
            checkpoint()
            if time.monotonic() > deadline:
                return False
            time.sleep(STEP_SECONDS)
        return True

    def cgroup_file(self, key):
        """Returns the file of a control group that holds all of what runs: the one around "ns"."""
        controller = key.partition(".")[0]
        for line in pathlib.Path(f"/proc/{self.pid()}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if V2 and not controllers or controller in controllers.split(","):
                base = CGROUPS if V2 else CGROUPS / controllers
                return base / path.removesuffix("/ns").lstrip("/") / key
        raise Died(f"there is no control group for {key}")

    def set_cgroup(self, key, value):
        """Sets a limit of what runs."""
        try:
            self.cgroup_file(key).write_text(str(value))
        except OSError as error:
            raise Died(f"unable to set {key}: {error.strerror}") from None

    def memory(self):
        """Returns the bytes that what runs takes; none if it ended just now."""
        try:
            return int(self.cgroup_file("memory.current" if V2 else "memory.usage_in_bytes").read_text())
        except OSError:
            return 0

    def mount(self, source, target, is_read_only):
        """Mounts a directory of the host into what runs."""
        done = subprocess.run([MOUNT_INTO, str(self.pid()), str(source), target, "ro" if is_read_only else "rw"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Died(f"unable to hotplug mount point '{target}': {done.stderr.strip()}")

    def interfaces(self):
        """Returns what `ip` says in its network namespace."""
        pid = self.pid()
        done = subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", "-j", "address"], capture_output=True, text=True,
                              check=False) if pid else None
        if done is None or done.returncode:
            raise Died(f"container '{self.name}' not running")
        return json.loads(done.stdout)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def settings(host, guest, mounts):
    """Yields the (key, value) lines for LXC that the configuration of a guest stands for; @mounts: [Mount], of
    which the first is the root file system."""
    config = guest.config
    tag = f"lxcri-pve.{host.tag}.{guest.vmid}"
    yield "lxc.cgroup.dir.monitor", f"{tag}.monitor"
    yield "lxc.cgroup.dir.monitor.pivot", f"{tag}.pivot"  # else one that stays, of all containers
    yield "lxc.cgroup.dir.container", tag
    yield "lxc.cgroup.dir.container.inner", "ns"
    yield "lxc.arch", config.get("arch", "amd64")
    yield "lxc.autodev", 1
    yield "lxc.pty.max", 1024
    yield "lxc.tty.max", config.get("tty", 2) if config.get("console", 1) else 0
    if not config.get("console", 1):
        yield "lxc.console.path", "none"
    yield "lxc.environment", "TERM=linux"
    is_unprivileged = config.get("unprivileged")
    yield "lxc.mount.auto", "proc:mixed sys:mixed" if is_unprivileged else "proc:mixed sys:ro"
    if is_unprivileged:
        yield "lxc.idmap", f"u 0 {FIRST_ID} {COUNT}"
        yield "lxc.idmap", f"g 0 {FIRST_ID} {COUNT}"
    if os.path.isdir("/sys/kernel/security/apparmor"):
        yield "lxc.apparmor.profile", "unconfined"
    yield from limits(config)
    rootfs, *others = mounts
    yield "lxc.rootfs.path", f"dir:{rootfs.source}"
    if rootfs.options():
        yield "lxc.rootfs.options", ",".join(rootfs.options())
    for mount in others:
        options = ",".join(["bind", "create=dir", *mount.options()])
        yield "lxc.mount.entry", f"{escape(mount.source)} {escape(mount.target.lstrip('/'))} none {options} 0 0"
    for _, device in guest.numbered("dev"):
        path = device.get("path", device.get("name"))
        yield "lxc.mount.entry", f"{escape(path)} {escape(path.lstrip('/'))} none bind,create=file 0 0"
    if "entrypoint" in config:
        yield "lxc.mount.entry", "tmpfs dev/shm tmpfs nosuid,nodev,create=dir 0 0"
        yield "lxc.init.cmd", config["entrypoint"]
    yield "lxc.uts.name", config.get("hostname", f"CT{guest.vmid}")
    for item in config.get("env", "").split("\0"):
        if item:
            yield "lxc.environment", item
    yield from networks(guest)
    for key, value in guest.raw:
        yield key.replace("lxc.environment.runtime", "lxc.environment"), value


def escape(path):
    """A path as a line of fstab has it."""
    return str(path).replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def limits(config):
    memory = config.get("memory", 512) << 20
    swap = config.get("swap", 512) << 20
    if V2:
        yield "lxc.cgroup2.memory.max", memory
        yield "lxc.cgroup2.memory.swap.max", swap
    else:
        yield "lxc.cgroup.memory.limit_in_bytes", memory
        if (CGROUPS / "memory/memory.memsw.limit_in_bytes").exists():
            yield "lxc.cgroup.memory.memsw.limit_in_bytes", memory + swap
    if float(config.get("cpulimit", 0)):
        quota = int(float(config["cpulimit"]) * CPU_PERIOD)
        if V2:
            yield "lxc.cgroup2.cpu.max", f"{quota} {CPU_PERIOD}"
        else:
            yield "lxc.cgroup.cpu.cfs_quota_us", quota
    if config.get("cpuunits"):
        if V2:
            yield "lxc.cgroup2.cpu.weight", min(max(config["cpuunits"], 1), 10000)
        else:
            yield "lxc.cgroup.cpu.shares", max(config["cpuunits"], 2)
    cores = config.get("cores")
    if cores and cores < (os.cpu_count() or 1):
        yield "lxc.cgroup2.cpuset.cpus" if V2 else "lxc.cgroup.cpuset.cpus", f"0-{cores - 1}"


def networks(guest):
    if not guest.numbered("net"):
        yield "lxc.net.0.type", "empty"
    for number, net in guest.numbered("net"):
        key = f"lxc.net.{number}"
        yield f"{key}.type", "veth"
        yield f"{key}.veth.pair", f"veth{guest.vmid}i{number}"
        yield f"{key}.hwaddr", net["hwaddr"]
        yield f"{key}.name", net["name"]
        if "mtu" in net:
            yield f"{key}.mtu", net["mtu"]
        if propstring.boolean(net.get("host-managed", 0)):
            yield from managed_by_host(key, net)


def managed_by_host(key, net):
    if "/" in net.get("ip", ""):
        yield f"{key}.ipv4.address", net["ip"]
    if "gw" in net:
        yield f"{key}.ipv4.gateway", net["gw"]
    if "/" in net.get("ip6", ""):
        yield f"{key}.ipv6.address", net["ip6"]
    if "gw6" in net:
        yield f"{key}.ipv6.gateway", net["gw6"]
    if not propstring.boolean(net.get("link_down", 0)):
        yield f"{key}.flags", "up"


# Binds pairs of directories below the first argument, then becomes the command behind "--".
BIND = 'root=$1; shift; while [ "$1" != -- ]; do mount --bind "$1" "$root/$2"; shift 2; done; shift; exec "$@"'


def decompression(path):
    """Returns what tells tar how an archive is compressed."""
    return {".gz": ["-z"], ".xz": ["-J"], ".zst": ["--zstd"], ".bz2": ["-j"]}.get(pathlib.Path(path).suffix, [])


def as_root_of(command, is_unprivileged):
    """Returns a command as the root of a container runs it, whose ids are others here."""
    if not is_unprivileged:
        return command
    return ["lxc-usernsexec", *(word for kind in "ug" for word in ("-m", f"{kind}:0:{FIRST_ID}:{COUNT}")), "--",
            *command]


def with_mounts(command, directory, mounts):
    """Returns a command that sees mounts below a directory, which nobody else does."""
    if not mounts:
        return command
    return ["unshare", "--mount", "--propagation", "private", "--", "sh", "-ec", BIND, "bind", str(directory),
            *(word for mount in mounts for word in (mount.source, mount.target.lstrip("/"))), "--", *command]


def unpack(archive, directory, is_unprivileged, log, mounts=()):
    """Unpacks a template as the container's root would, so that files belong to its ids. What lies below a mount
    point gets into its volume."""
    command = ["tar", "xpf", "-", *decompression(archive), "--numeric-owner", "--acls", "--xattrs",
               "--xattrs-include=user.*", "--xattrs-include=security.capability", "--warning=no-file-ignored",
               "--warning=no-xattr-write", "-C", str(directory), "--skip-old-files", "--anchored", "--exclude",
               "./dev/*"]
    owner = FIRST_ID if is_unprivileged else 0
    os.chown(directory, owner, owner)
    make_places(directory, mounts, owner)
    command = with_mounts(as_root_of(command, is_unprivileged), directory, mounts)
    log(f"extracting archive '{archive}'")
    with open(archive, "rb") as file:
        try:
            done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False,
                                  timeout=UNPACK_SECONDS)
        except subprocess.TimeoutExpired:
            raise Died(f"command '{shlex.join(command)}' failed: got timeout") from None
    if done.returncode:
        for line in done.stderr.splitlines()[:20]:
            log(line)
        raise Died(f"command '{shlex.join(command)}' failed: exit code {done.returncode}")


def make_places(directory, mounts, owner):
    """Makes the places of mount points, outer ones first: each in the volume that will be there. They belong to
    the container's root."""
    volumes = [("", directory)]
    for mount in mounts:
        target = mount.target.rstrip("/")
        above, root = max((entry for entry in volumes if target.startswith(f"{entry[0]}/")),
                          key=lambda entry: len(entry[0]))
        place = pathlib.Path(root)
        for part in target[len(above):].strip("/").split("/"):
            place = place / part
            if not place.is_dir():
                place.mkdir(mode=0o755)
                os.chown(place, owner, owner)
        volumes.append((target, mount.source))
