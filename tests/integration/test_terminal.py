# SPDX-License-Identifier: MIT
"""A container with a terminal: its master goes to a console socket, or to the caller's own."""

import fcntl
import os
import select
import socket
import struct
import termios
import time

import pytest


class Console:
    """A socket that receives the master of a terminal."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(1)

    def master(self):
        self.socket.settimeout(10)
        peer, _ = self.socket.accept()
        with peer:
            _, fds, _, _ = socket.recv_fds(peer, 4096, 1)
        self.socket.close()
        return Terminal(fds[0])


class Terminal:
    """The master's end of a terminal."""

    def __init__(self, fd):
        self.fd = fd
        self.seen = b""

    def close(self):
        os.close(self.fd)

    def send(self, data):
        os.write(self.fd, data)

    def expect(self, wanted, timeout=10):
        """Reads until something shows."""
        deadline = time.monotonic() + timeout
        while wanted not in self.seen:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.fd], [], [], max(left, 0))
            assert ready, f"no {wanted!r} in {self.seen!r}"
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, f"no {wanted!r} before the end of {self.seen!r}"
            self.seen += data
        before, self.seen = self.seen.split(wanted, 1)
        return before + wanted

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.fixture
def console(work):
    return Console(work / "console")


def with_terminal(bundle):
    bundle.process["terminal"] = True


def test_the_master_goes_to_the_console_socket(engine, create, console):
    id = create("sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all; read line; "
                "echo got $line; sleep 1000", edit=with_terminal,
                flags=["--console-socket", console.path])
    terminal = console.master()
    engine("start", id).ok()
    terminal.expect(b"/dev/pts/0\r\n")
    terminal.expect(b"all\r\n")
    terminal.send(b"hello\n")
    terminal.expect(b"got hello\r\n")
    terminal.close()


def test_a_relative_console_socket_counts_from_the_caller_s_directory(engine, create, console):
    id = create("sh", "-c", "tty; exec sleep 1000", edit=lambda bundle: bundle.process.update(terminal=True),
                flags=["--console-socket", os.path.relpath(console.path)])
    terminal = console.master()
    assert engine.status(id) == "created"
    terminal.close()


def test_the_console_s_size_is_the_specification_s(engine, create, console):
    def edit(bundle):
        bundle.process["terminal"] = True
        bundle.process["consoleSize"] = {"height": 33, "width": 101}

    id = create("sh", "-c", "stty size; sleep 1000", edit=edit,
                flags=["--console-socket", console.path])
    terminal = console.master()
    engine("start", id).ok()
    terminal.expect(b"33 101\r\n")
    terminal.close()


def test_the_terminal_is_the_controlling_one(engine, create, console):
    id = create("sh", "-c", "trap 'echo interrupted; exit 5' INT; echo ready; "
                "while :; do sleep 0.05; done", edit=with_terminal,
                flags=["--console-socket", console.path])
    terminal = console.master()
    engine("start", id).ok()
    terminal.expect(b"ready")
    terminal.send(b"\x03")
    terminal.expect(b"interrupted")
    engine.await_status(id, "stopped")
    assert engine("wait", id).ok().out.strip() == "5"
    terminal.close()


def test_dev_console_is_the_terminal(engine, create, console):
    id = create("sh", "-c", "echo through > /dev/console; sleep 1000", edit=with_terminal,
                flags=["--console-socket", console.path])
    terminal = console.master()
    engine("start", id).ok()
    terminal.expect(b"through\r\n")
    terminal.close()


def test_exec_with_a_console_socket(engine, start, work):
    id = start()
    console = Console(work / "exec-console")
    engine("exec", "--tty", "--detach", "--console-socket", console.path, id, "sh", "-c",
       "tty; sleep 5").ok()
    terminal = console.master()
    terminal.expect(b"/dev/pts/")
    terminal.close()


def test_a_console_socket_without_a_terminal_is_refused(engine, make_bundle, console):
    engine("create", "--bundle", make_bundle().path, "--console-socket", console.path,
       engine.id()).fails("InvalidArgument")
    assert engine.list() == []


def test_a_console_socket_that_is_not_there_undoes_the_create(engine, make_bundle, work):
    bundle = make_bundle("true")
    with_terminal(bundle)
    bundle.save()
    id = engine.id()
    result = engine("create", "--bundle", bundle.path, "--console-socket", work / "nothing", id).exits(1)
    assert "nothing" in result.err
    engine("state", id).fails("ContainerNotFound")
