# SPDX-License-Identifier: MIT
"""Hosts and containers of which there is nothing but their namespaces."""

import contextlib
import ctypes
import os
import pickle
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
WORDS_BYTES_MAX = 1 << 16
LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(flags):
    if LIBC.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "make a namespace")


class Container:
    """A process that does nothing, in a network namespace of its own."""

    def __init__(self):
        self.child = subprocess.Popen(["sleep", "infinity"], preexec_fn=lambda: unshare(CLONE_NEWNET))
        self.pid = self.child.pid
        self.path = f"/proc/{self.pid}/ns/net"

    def __call__(self, *words):
        return subprocess.run(["nsenter", f"--net={self.path}", "--", *words], check=True, capture_output=True,
                              text=True).stdout

    def close(self):
        self.child.kill()
        self.child.wait()


class Host:
    """A process in a network namespace of its own, with nothing below /run, that starts programs there."""

    def __init__(self, work):
        self.said = str(work / "said")
        self.requests, requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.requests.close()
            try:
                self.serve(requests)
            finally:
                os._exit(1)
        requests.close()
        self.answer()  # it is in its namespaces
        self("ip", "link", "set", "lo", "up")

    def serve(self, requests):
        unshare(CLONE_NEWNS | CLONE_NEWNET)
        if LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) or \
                LIBC.mount(b"tmpfs", b"/run", b"tmpfs", 0, b"mode=755"):
            sys.exit("bench: cannot make a mount namespace")
        requests.send(struct.pack("qi", 0, 0))
        while words := requests.recv(WORDS_BYTES_MAX):
            requests.send(struct.pack("qi", *self.launch(*pickle.loads(words))))
        os._exit(0)

    def launch(self, argv, stdin, environment):
        """Runs a program to its end. Returns how many nanoseconds that took, and its exit code."""
        files = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
                 (os.POSIX_SPAWN_OPEN, 1, self.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                 (os.POSIX_SPAWN_DUP2, 1, 2)]
        begun = time.perf_counter_ns()
        pid = os.posix_spawn(argv[0], argv, environment, file_actions=files)
        _, status, _ = os.wait4(pid, 0)
        return time.perf_counter_ns() - begun, os.waitstatus_to_exitcode(status)

    def answer(self):
        answer = self.requests.recv(16)
        if len(answer) != struct.calcsize("qi"):
            sys.exit("bench: a host has gone")
        return struct.unpack("qi", answer)

    def time(self, argv, stdin="/dev/null", **environment):
        """Runs a program there and returns how many nanoseconds it took; `said` has what it printed."""
        argv = [str(word) for word in argv]
        self.requests.send(pickle.dumps((argv, str(stdin), {"PATH": os.environ["PATH"], **environment})))
        taken, code = self.answer()
        if code != 0:
            with open(self.said, encoding="utf-8", errors="replace") as said:
                sys.exit(f"bench: {' '.join(argv)}: exit code {code}: {said.read()[-2000:]}")
        return taken

    def words(self, *words):
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.pid}/ns/mnt", "--",
                *map(str, words)]

    def __call__(self, *words):
        done = subprocess.run(self.words(*words), check=False, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(map(str, words))}: {done.stderr[-2000:]}")
        return done.stdout

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in the network namespace meanwhile: sockets made there stay there."""
        with open("/proc/thread-self/ns/net", "rb") as own, open(f"/proc/{self.pid}/ns/net", "rb") as other:
            assert LIBC.setns(other.fileno(), CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert LIBC.setns(own.fileno(), CLONE_NEWNET) == 0

    def close(self):
        self.requests.close()
        os.waitpid(self.pid, 0)
