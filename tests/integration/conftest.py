# SPDX-License-Identifier: MIT
"""What all integration tests share: the command with directories of its own, and a comparison of the
host before and after."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

# Fixtures and hooks count where conftest.py has their names.
from fixtures import *  # noqa: F401,F403
from host import cgroups, mounts

ROOT = pathlib.Path(__file__).resolve().parents[2]
if os.environ.get("LXCRI_TEST_CLUSTER"):
    sys.path.insert(0, str(ROOT / "tests/proxmox"))
    from suite import *  # noqa: F401,F403
BUILD = pathlib.Path(os.environ.get("LXCRI_BUILD", ROOT / "build"))
PROGRAM = BUILD / "proxmox-lxcri"
# Others make containers with networks at the same time.
SHARED = os.environ.get("LXCRI_TEST_SHARED") or os.environ.get("LXCRI_TEST_LANE", "0") != "0"
# mount(8) since 2.39 hands each option over by itself, which the kernel takes up to 255 bytes of: too few for the
# layers of an overlay.
os.environ["LIBMOUNT_FORCE_MOUNT2"] = "always"
PLAIN_ENVIRONMENT = {name: value for name, value in os.environ.items()
                     if not name.startswith("PROXMOX_LXCRI_")}


@dataclasses.dataclass
class Result:
    """How one call of the command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self):
        """The code in the last line of a failure: "ContainerNotFound"."""
        found = re.search(r"\[(\w+)\]$", self.stderr.rstrip("\n"))
        return found[1] if found else None

    @property
    def message(self):
        """The last line of a failure, without program and code."""
        found = re.search(r"^proxmox-lxcri: (.*) \[\w+\]$", self.stderr, re.M)
        return found[1] if found else None

    @property
    def json(self):
        return json.loads(self.stdout)

    def fails(self, error, *words, code=1):
        """Asserts that it failed with one line that has all of @words."""
        assert (self.code, self.error) == (code, error), self
        assert self.stderr.count("\n") == 1, self
        for word in words:
            assert word in self.message, self
        return self

    def succeeds(self):
        assert self.code == 0, self
        return self


class Lx:
    """The command with run-time state, data and configuration below @directory."""

    def __init__(self, directory):
        self.directory = directory
        self.root = directory / "root"
        self.data = directory / "data"
        self.config = directory / "config.json"
        self.config.write_text("{}")
        self.words = set()  # all that the command was called with

    def arguments(self, *words):
        self.words |= {word for word in map(str, words) if re.fullmatch(r"[A-Za-z0-9][\w.+-]{2,127}", word)}
        return [str(PROGRAM), "--root", str(self.root), "--data", str(self.data),
                "--config", str(self.config), *map(str, words)]

    def __call__(self, *words, input=None, timeout=60, env=None, cwd=None):
        """Runs the command to its end with its standard streams in pipes."""
        done = subprocess.run(self.arguments(*words), input=input, capture_output=True, text=True,
                              errors="surrogateescape", timeout=timeout, check=False,
                              env={**PLAIN_ENVIRONMENT, **(env or {})}, cwd=cwd or self.directory)
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *words, **options):
        """Starts the command and returns its Popen."""
        options.setdefault("env", PLAIN_ENVIRONMENT)
        options.setdefault("cwd", self.directory)
        return subprocess.Popen(self.arguments(*words), **options)

    def plain(self, *words, env=None, cwd=None):
        """Runs the command without any of the directories."""
        done = subprocess.run([str(PROGRAM), *map(str, words)], capture_output=True, text=True,
                              timeout=60, check=False, env={**PLAIN_ENVIRONMENT, **(env or {})},
                              cwd=cwd or self.directory)
        return Result(done.returncode, done.stdout, done.stderr)

    def ids(self):
        return self("list", "--quiet").succeeds().stdout.split()

    def configure(self, document):
        self.config.write_text(json.dumps(document))


@pytest.fixture
def lx(tmp_path):
    """The command in a world of its own; containers that a test left are removed afterwards."""
    lx = Lx(tmp_path)
    yield lx
    if lx.root.exists() or (lx.data / "containers").exists():
        for name in lx("list", "--quiet").stdout.split():
            lx("delete", "--force", name)


def processes():
    """The running processes that are no children of this test's own tools: {pid: name}."""
    found = {}
    for directory in pathlib.Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            status = (directory / "status").read_text()
            executable = os.readlink(directory / "exe")
        except OSError:
            continue
        state = re.search(r"^State:\s+(\S)", status, re.M)[1]
        environment = b""
        try:
            environment = (directory / "environ").read_bytes()
        except OSError:
            pass
        if str(BUILD) in executable or b"LXCRI_TEST_MARK=" in environment:
            found[int(directory.name)] = f"{executable} ({state})"
    return found


def namespaces(watched):
    """The namespaces that processes of ours hold."""
    found = set()
    for pid in watched:
        for kind in ("mnt", "net", "pid", "ipc", "uts", "cgroup", "user"):
            try:
                found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                pass
    own = {os.readlink(f"/proc/self/ns/{kind}")
           for kind in ("mnt", "net", "pid", "ipc", "uts", "cgroup", "user")}
    return found - own


def tree(directory):
    """Every path below @directory that is there to stay."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")
            if not path.name.endswith((".lock", "-wal", "-shm"))} if directory.exists() else set()


def mark(run_dir):
    """What ends the names of a container's cgroups: FNV-1a of its run directory."""
    value = 0xcbf29ce484222325
    for byte in os.fsencode(run_dir):
        value = (value ^ byte) * 0x100000001b3 % 2 ** 64
    return f"{(value ^ value >> 32) % 2 ** 32:08x}"


class Inventory:
    """What there is on the host, to be compared with what there was."""

    def __init__(self, lx):
        self.lx = lx
        self.before = self.take()

    def take(self):
        watched = processes()
        containers = set()
        for base in (self.lx.root / "containers", self.lx.data / "containers"):
            containers |= {f"{base.name}/{path}" for path in tree(base)}
        return {
            "processes": watched,
            "namespaces": namespaces(watched),
            "cgroups": cgroups(),
            "mounts": mounts(),
            "containers": containers,
            "links": sorted(name for name in os.listdir("/sys/class/net") if not SHARED or
                            not name.startswith(("lxcri", "vethx"))),
            "host directories": {directory: os.path.isdir(directory) for directory in
                                 ("/run/proxmox-lxcri", "/var/lib/proxmox-lxcri")},
        }

    def is_ours(self, cgroup):
        """With LXCRI_TEST_SHARED in the environment others use the host at the same time: then only
        those count that are named after a container of ours and its run directory."""
        if not os.environ.get("LXCRI_TEST_SHARED"):
            return True
        name = os.path.basename(cgroup)
        return any(word in name and name.endswith(mark(f"{self.lx.root}/containers/{word}"))
                   for word in self.lx.words)

    def difference(self):
        now = self.take()
        others = {cgroup for cgroup in now["cgroups"] ^ self.before["cgroups"]
                  if not self.is_ours(cgroup)}
        now["cgroups"] = now["cgroups"] - others | self.before["cgroups"] & others
        return {kind: {"before": self.before[kind], "after": now[kind]}
                for kind in now if now[kind] != self.before[kind]}

    def unchanged(self, within_seconds=3.0):
        """Asserts that the host is as it was; a process may take a moment to be gone."""
        deadline = time.monotonic() + within_seconds
        while (difference := self.difference()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not difference


@pytest.fixture
def inventory(lx):
    """The host before the test; the test asserts inventory.unchanged()."""
    return Inventory(lx)


@pytest.fixture
def host_unchanged(inventory):
    """Asserts after the test that the host is as it was before."""
    yield inventory
    inventory.unchanged()
