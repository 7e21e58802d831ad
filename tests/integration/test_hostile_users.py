# SPDX-License-Identifier: MIT
"""What other users of the host can do to containers: nothing, whatever umask root has."""

import os
import pathlib
import random
import socket
import stat
import struct
import subprocess
import time

import pytest

from engine import await_that

NOBODY = 65534
SETUID_SHELL = "cp /bin/busybox /tool && chmod 4755 /tool"


def as_nobody(action, *arguments):
    """Runs a function as a user without rights; returns what it returned, or the error's number."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            answer = repr(action(*arguments))
        except OSError as error:
            answer = f"errno {error.errno}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return answer


def denied(action, *arguments):
    return as_nobody(action, *arguments) == "errno 13"


def paths_below(*roots):
    for root in roots:
        for directory, names, files in os.walk(root):
            for name in names + files:
                yield pathlib.Path(directory) / name


def test_a_set_user_id_program_of_a_container_is_out_of_reach(engine, make_image, box_start):
    """CVE-2024-25621: a container and a user of the host could together become root of the host."""
    image = make_image(Volumes={"/vol": {}})
    id = box_start("sh", "-c", SETUID_SHELL + " && cp -p /tool /vol/tool && touch /done && sleep 1000",
                   image=image, flags=["--volume", "named:/named"])
    await_that(lambda: engine("exec", id, "test", "-e", "/done").code == 0, "the programs are there")
    found = [path for path in paths_below(engine.data, engine.root)
             if not path.is_symlink() and path.is_file() and path.stat().st_mode & stat.S_ISUID]
    assert len(found) >= 2
    for path in found:
        assert denied(os.stat, path), f"{path} is in reach"


@pytest.mark.parametrize("umask", [0, 0o077], ids=["umask 0", "umask 077"])
def test_directories_of_state_are_closed_whatever_the_umask(engine, box, umask):
    id = engine.id()
    engine("run", "--detach", "--volume", "named:/named", "--image", box, id, "sleep", "1000",
           preexec_fn=lambda: os.umask(umask)).ok()
    for directory in (engine.root / "containers" / id, engine.data / "containers",
                      engine.data / "layers", engine.data / "images", engine.data / "volumes"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700, directory
    # On crun its own root, whose group nobody else is in, passes through this one.
    home = (engine.data / "containers" / id).stat()
    assert (stat.S_IMODE(home.st_mode), home.st_gid >= 1000000) == \
        ((0o710, True) if engine.backend == "crun" else (0o700, False))
    assert engine("exec", id, "stat", "-c", "%a", "/", "/named").ok().lines == ["755", "755"]


def test_no_file_of_state_can_be_read_or_written_by_others(engine, box_start):
    box_start(flags=["--env", "SECRET=of root"])
    files = [path for path in paths_below(engine.data, engine.root)
             if not path.is_symlink() and path.is_file()]
    assert len(files) > 5

    def readable():
        return [str(path) for path in files if os.access(path, os.R_OK) or os.access(path, os.W_OK)]

    assert as_nobody(readable) == "[]"


def test_the_monitor_s_socket_is_closed_to_others(engine, start):
    path = engine.root / "containers" / start() / "monitor.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def connect():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(str(path))
            return "connected"

    assert denied(connect)


def test_a_user_who_was_handed_a_way_to_the_socket_is_turned_away(engine, start):
    """The permissions of a path can be lost; the peer's identity is looked at besides."""
    id = start()
    path = engine.root / "containers" / id / "monitor.sock"
    directories = [path, *list(path.parents)[:4]]
    before = {one: stat.S_IMODE(one.stat().st_mode) for one in directories}
    try:
        for one in directories:
            one.chmod(0o777)

        def ask_for_the_end():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.settimeout(5)
                client.connect(str(path))
                try:
                    client.send(struct.pack("=HHIii", 1, 3, 8, 9, 0))
                    return client.recv(100)
                except (BrokenPipeError, ConnectionResetError):
                    return b""

        assert as_nobody(ask_for_the_end) == "b''"
    finally:
        for one, mode in before.items():
            one.chmod(mode)
    assert engine.status(id) == "running"


def test_no_abstract_socket_is_listened_on(engine, start):
    """CVE-2020-15257: such a socket is in reach of containers on the host's network."""
    before = pathlib.Path("/proc/net/unix").read_text()
    start()
    now = pathlib.Path("/proc/net/unix").read_text()
    names = {line.split()[-1] for line in now.splitlines()} - {line.split()[-1] for line in before.splitlines()}
    assert [name for name in names if name.startswith("@") and "lxc" in name] == []


def random_message(chance, requests):
    """Bytes as a client might send them by mistake or malice; what would end or pause the container
    is not among those that are well made."""
    kind = chance.random()
    if kind < 0.25:
        return chance.randbytes(chance.choice([0, 1, 7, 8, 9, 64, 4096]))
    body = chance.randbytes(chance.choice([0, 1, 4, 8, 12, 100, 5000]))
    if kind < 0.5:
        return struct.pack("=HHI", 1, chance.choice(requests), chance.randrange(2**32)) + body
    if kind < 0.6:
        return struct.pack("=HHI", chance.randrange(2**16), chance.randrange(2**16), len(body)) + body
    return struct.pack("=HHI", 1, chance.choice(requests), len(body)) + body


def test_the_monitor_survives_ten_thousand_messages_of_nonsense(engine, box_start):
    id = box_start("sh", "-c", "while :; do echo alive; sleep 0.2; done")
    path = str(engine.root / "containers" / id / "monitor.sock")
    record = engine.state(id)["pid"]
    monitor = int(pathlib.Path(f"/proc/{record}/status").read_text().split("PPid:\t")[1].split()[0])
    chance = random.Random(0x1c11)
    held = len(os.listdir(f"/proc/{monitor}/fd"))
    # All but commit, kill, pause: wrong sizes of these are in the next test.
    requests = [0, 2, 5, 6, 7, 8, 9, 10, 11, 12, 63, 64, 67, 68, 255, 65535]
    fds = [os.open("/dev/null", os.O_RDWR) for _ in range(60)]
    sent = 0
    try:
        while sent < 10_000:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            client.settimeout(5)
            client.connect(path)
            try:
                for _ in range(20):
                    sent += 1
                    message = random_message(chance, requests)
                    if chance.random() < 0.1:
                        socket.send_fds(client, [message or b"x"], fds[:chance.choice([1, 3, 60])])
                    else:
                        client.send(message)
            except (BrokenPipeError, ConnectionResetError):
                pass
            except BlockingIOError:
                pass
            client.close()
    finally:
        for fd in fds:
            os.close(fd)
    before = len(engine("logs", id).ok().lines)
    await_that(lambda: len(engine("logs", id).ok().lines) > before, "the container goes on")
    assert engine.status(id) == "running"
    assert engine("exec", id, "echo", "served").ok().out == "served\n"
    await_that(lambda: len(os.listdir(f"/proc/{monitor}/fd")) <= held, "its descriptors are given back")


@pytest.mark.parametrize("type", range(1, 12))
def test_a_truncated_or_oversized_request_does_nothing(any_engine, box, type):
    engine = any_engine
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    path = str(engine.root / "containers" / id / "monitor.sock")
    for size, body in ((4, b""), (0, b"1234"), (2**32 - 1, b"x" * 8), (3, b"\xff" * 3), (70000, b"\xff" * 70000)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(5)
            client.connect(path)
            try:
                client.send(struct.pack("=HHI", 1, type, size) + body)
            except BrokenPipeError:
                pass
    assert engine("exec", id, "echo", "served").ok().out == "served\n"


def test_connections_that_say_nothing_do_not_keep_others_out_for_ever(any_engine, box):
    engine = any_engine
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    path = str(engine.root / "containers" / id / "monitor.sock")
    silent = []
    for _ in range(100):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(2)
        client.connect(path)
        silent.append(client)
    waiting = engine.open("exec", id, "echo", "served")
    for client in silent:
        client.close()
    assert engine.finish(waiting).ok().out == "served\n"


def test_a_container_that_fills_its_log_s_disk_goes_on(engine, box):
    """The log is lost in part, not the container, nor the command's way to it."""
    engine.data.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=26m,mode=711", engine.id("disk"), engine.data], check=True)
    try:
        id = engine.id()
        engine("run", "--detach", "--image", box, id, "sh", "-c",
               "head -c 30000000 /dev/zero | tr '\\0' x; echo; touch /dev/shm/done; sleep 1000").ok()
        await_that(lambda: engine("exec", id, "test", "-e", "/dev/shm/done").code != 1, "it wrote all", 20)
        engine("exec", id, "test", "-e", "/dev/shm/done").ok()
        assert engine.status(id) == "running"
        engine("delete", "--force", id).ok()
        assert engine.list() == []
    finally:
        engine.remove_all()
        for _ in range(50):
            if subprocess.run(["umount", engine.data], check=False).returncode == 0:
                break
            time.sleep(0.1)
