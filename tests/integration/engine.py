# SPDX-License-Identifier: MIT
"""The command under test, with run-time and data directories of its own."""

import contextlib
import fcntl
import json
import os
import pathlib
import secrets
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

BACKENDS = ("lxc", "crun", "runc")
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("LXCRI_BUILD", ROOT / "build"))
COMMAND = os.environ.get("LXCRI_COMMAND", str(BUILD / "proxmox-lxcri"))
IMAGES = pathlib.Path(os.environ.get("LXCRI_IMAGES", BUILD / "images"))

# Marks every process, directory and container of this run, so that the inventory of the host can
# tell them from those of others.
TAG = f"lt{secrets.token_hex(3)}"

TIMEOUT = 60

# Where time is no measure: beside others, and in a guest.
SLOW = bool(os.environ.get("LXCRI_TEST_SHARED") or os.environ.get("LXCRI_TEST_SLOW"))


class Output:
    """A file that receives what a command and the container it leaves behind print."""

    def __init__(self):
        self.file = tempfile.TemporaryFile()

    def bytes(self):
        return os.pread(self.file.fileno(), os.fstat(self.file.fileno()).st_size, 0)

    def text(self):
        return self.bytes().decode(errors="surrogateescape")


class Result:
    """What a command did. Its output is read when asked for: a container may still add to it."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self._out, self._err = argv, code, out, err

    @property
    def out(self):
        return self._out.text()

    @property
    def err(self):
        return self._err.text()

    @property
    def bytes(self):
        return self._out.bytes()

    @property
    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)

    def exits(self, code):
        """Asserts the exit code."""
        assert self.code == code, self
        return self

    def ok(self):
        return self.exits(0)

    @property
    def error(self):
        """The error name in the last line of the standard error."""
        lines = self.err.splitlines() or [""]
        found = re.search(r"\[(\w+)\]$", lines[-1])
        return found[1] if found else None

    def fails(self, name, *words, code=1):
        """Asserts the error's name, what its one line says, and the exit code."""
        assert self.code == code and self.error == name, self
        for word in words:
            assert str(word) in self.err.splitlines()[-1], f"no {word!r} in the message of {self}"
        return self

    def __repr__(self):
        words = " ".join(map(str, self.argv))
        return f"{words}\nexit code {self.code}\nstdout: {self.out[-2000:]}\nstderr: {self.err[-2000:]}"


def has_ended(child, timeout):
    """Whether a process ends within that time. Popen.wait() would look for it in steps of up to 50 ms."""
    if child.poll() is not None:
        return True
    pidfd = os.pidfd_open(child.pid)
    try:
        end = select.poll()
        end.register(pidfd, select.POLLIN)
        return bool(end.poll(timeout * 1000))
    finally:
        os.close(pidfd)


class Engine:
    """One pair of directories, and the backend that new containers get."""

    def __init__(self, work, backend, config=None):
        self.work = pathlib.Path(work)
        self.root = self.work / "run"
        self.data = self.work / "data"
        self.backend = backend
        self.config = config
        self.children = []
        self.service_lock = None  # held, none can run
        self.ids = 0

    def argv(self, *words):
        """The whole command line of a call."""
        flags = ["--root", self.root, "--data", self.data]
        if self.config:
            flags += ["--config", self.config]
        if self.backend:
            flags += ["--runtime", self.backend]
        return [COMMAND, *map(str, [*flags, *words])]

    def environment(self, extra=None):
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LXCRI_TEST": TAG}
        return {**environment, **(extra or {})}

    def open(self, *words, stdin=subprocess.DEVNULL, env=None, **popen):
        """Starts the command and returns it with its output in files."""
        out, err = popen.pop("stdout", None) or Output(), popen.pop("stderr", None) or Output()
        argv = self.argv(*words)
        child = subprocess.Popen(argv, stdin=stdin, stdout=getattr(out, "file", out),
                                 stderr=getattr(err, "file", err),
                                 env=self.environment(env), **popen)
        child.result = lambda code: Result(argv, code, out, err)
        self.children.append(child)
        return child

    def finish(self, child, timeout=TIMEOUT):
        """Waits for what open() started."""
        if not has_ended(child, timeout):
            child.kill()
            child.wait()
            raise AssertionError(f"no end after {timeout} s: {child.result('?')}")
        self.children.remove(child)
        return child.result(child.wait())

    def __call__(self, *words, input=None, timeout=TIMEOUT, **options):
        """Runs the command to its end."""
        if input is None:
            return self.finish(self.open(*words, **options), timeout)
        with tempfile.TemporaryFile() as stdin:
            stdin.write(input)
            stdin.seek(0)
            return self.finish(self.open(*words, stdin=stdin, **options), timeout)

    def id(self, word="c"):
        """A container name that nobody else has."""
        self.ids += 1
        return f"{TAG}-{word}{self.ids}"

    def state(self, id):
        return self("state", id).ok().json()

    def status(self, id):
        return self.state(id)["status"]

    def await_status(self, id, status, timeout=10):
        """Waits until the container is what it should be."""
        return await_that(lambda: self.status(id) == status, f"{id} is {status}", timeout)

    def list(self):
        """The ids of all containers."""
        return self("list", "--quiet").ok().lines

    def pid(self, id):
        return self.state(id)["pid"]

    def remove_all(self):
        """Ends every container and every command that a test left."""
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
            child.wait()
        self.children = []
        if not self.root.exists() and not self.data.exists():
            return
        kept = self("get", "all", "--all-namespaces", "--output", "json")
        if kept.code == 0 and kept.json():
            everything = {"apiVersion": "v1", "kind": "List", "items": kept.json()}
            self("delete", "-f", "-", input=json.dumps(everything).encode())
        for id in self("pod", "list", "--quiet").lines:
            self("pod", "delete", "--force", id)
        for id in self("list", "--quiet").lines:
            self("delete", "--force", id)
        self.end_service()

    def service_pid(self):
        """The pid of the service, or None when none runs."""
        if self.service_lock and not self.service_lock.closed:
            return None
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with open(self.root / "serve.lock", encoding="ascii") as lock:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return None
            except BlockingIOError:
                pid = int((self.root / "serve.lock").read_text(encoding="ascii") or 0)
                if pid and os.path.exists(f"/proc/{pid}"):
                    return pid
                time.sleep(0.001)  # another one has it, and has not written down who it is
            except (FileNotFoundError, NotADirectoryError):
                return None
        return None

    @contextlib.contextmanager
    def service(self, *flags):
        """A service that does not end by itself, while the block runs."""
        for _ in range(5):
            self.end_service()
            child = self.open("serve", *flags)
            await_that(lambda child=child: child.poll() is not None or
                       (self.service_pid() == child.pid and self.service_listens()), "the service runs")
            if child.poll() is None:
                break
            self.children.remove(child)  # one that a command had asked for before was quicker
        try:
            yield child
        finally:
            child.terminate()
            self.finish(child)

    def service_listens(self):
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(str(self.root / "metrics.sock")) == 0

    def keep_service_away(self):
        """From now on no service puts right, or even reads, what is changed by hand."""
        self.end_service()
        self.root.mkdir(mode=0o711, exist_ok=True)
        self.service_lock = open(self.root / "serve.lock", "w", encoding="ascii",
                                 opener=lambda path, flags: os.open(path, flags, 0o600))
        fcntl.flock(self.service_lock, fcntl.LOCK_EX)

    def end_service(self, number=signal.SIGTERM):
        """Ends the service if one runs."""
        pid = self.service_pid()
        if pid:
            os.kill(pid, number)
            await_that(lambda: self.service_pid() != pid, "the service has ended")


def is_soon(begun, seconds):
    """Whether a moment is less than so many seconds ago, where nothing else runs: what others do at the same
    time, or a processor that is emulated, may make it six times that."""
    return time.monotonic() - begun < seconds * (6 if SLOW else 1)


def await_that(condition, what, timeout=30):
    """Waits until a condition holds and returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.01)
